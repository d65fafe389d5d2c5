package intake

import (
	"errors"
	"fmt"
	"image"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"aihub"
	"aihub/internal/table"
	"aihub/scenarios"

	"github.com/google/go-cmp/cmp"
)

// A line that is too long is one fault, with its number; those behind it are read.
func TestLongLines(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 3*maxLine)
	for _, end := range []string{"\n", "\r\n"} {
		for format, lines := range map[string][3]string{
			scenarios.FormatRTTM: {"SPEAKER a 1 0 1 <NA> <NA> ann", "SPEAKER b 1 0 1 <NA> <NA> " + long, "SPEAKER c 1 2 1 <NA> <NA> bob"},
			scenarios.FormatCTM:  {"a 1 0 1 one", "b 1 0 1 " + long, "c 1 0 1 two"},
			scenarios.FormatTREC: {"a Q0 d 1 1 run", "b Q0 " + long + " 1 1 run", "c Q0 d 1 1 run"},
		} {
			cells, faults := read(t, format, []byte(strings.Join(lines[:], end)))
			if d := cmp.Diff([]string{"bad_line line 2"}, faults); d != "" || len(cells) != 2 || cells["a"] == "" || cells["c"] == "" || strings.Contains(cells["c"], "\r") {
				t.Errorf("%s: cells %q, faults -want +got\n%s", format, cells, d)
			}
		}
	}
	r, err := OpenTruth(file(t, []byte("a 0 d 1\nb 0 "+long+" 1\nc 0 d 0\n")), "", scenarios.FormatTREC, "id", "p")
	if err != nil {
		t.Fatal(err)
	}
	b, err := r.Next()
	if err != nil || !slices.Equal(b.Cols[0].Str, []string{"a", "c"}) {
		t.Errorf("%v %+v", err, b)
	}
	var e *aihub.Error
	if _, err = r.Next(); !errors.As(err, &e) || len(e.Faults) != 1 || e.Faults[0].Where != "line 2" || !errors.Is(err, table.ErrLeftOut) {
		t.Errorf("%v", err)
	}
}

// Behind more units than there may be, and behind an item that is too large, nothing
// is read, and nothing is said of what would have stood there.
func TestFarTooMuch(t *testing.T) {
	t.Parallel()
	files := map[string]image.Image{}
	var coco, rttm, ctm, trec strings.Builder
	for i := range 9 {
		files[fmt.Sprintf("u%d.png", i)] = grey(1, 1, 1)
		fmt.Fprintf(&coco, `,{"image_id":"u%d","category_id":1,"bbox":[0,0,1,1],"score":1}`, i)
		fmt.Fprintf(&rttm, "SPEAKER u%d 1 0 1 <NA> <NA> a\n", i)
		fmt.Fprintf(&ctm, "u%d 1 0 1 a\n", i)
		fmt.Fprintf(&trec, "u%d Q0 d 1 1 run\n", i)
	}
	for format, in := range map[string]string{
		scenarios.FormatCOCO: "[" + coco.String()[1:] + "]", scenarios.FormatRTTM: rttm.String(), scenarios.FormatCTM: ctm.String(), scenarios.FormatTREC: trec.String(),
		scenarios.FormatMasks: string(masks(t, files)), scenarios.FormatPictures: string(masks(t, files)),
	} {
		for most, want := range map[int]int{4: 5, 9: 9, 0: 9} {
			r, err := Open(file(t, []byte(in)), format, "id", "p", most)
			if err != nil {
				t.Fatal(err)
			}
			b, err := r.Next()
			if err != nil || b.Rows != want {
				t.Fatalf("%s of %d: %v", format, most, err)
			}
			var e *aihub.Error
			_, err = r.Next()
			if want == 9 && err != io.EOF {
				t.Errorf("%s of %d: %v", format, most, err)
			}
			if want != 9 && (!errors.As(err, &e) || len(e.Faults) != 1 || e.Faults[0].Code != "too_many_rows" || errors.Is(err, table.ErrLeftOut)) {
				t.Errorf("%s of %d: %v", format, most, err)
			}
		}
	}
	item := func(size int) string {
		return `{"image_id":"a","category_id":1,"bbox":[0,0,1,1],"score":1,"id":"` + strings.Repeat("x", size) + `"}`
	}
	cells, faults := read(t, scenarios.FormatCOCO, []byte("["+item(1)+","+item(MaxCell-200)+","+item(MaxCell-200)+","+item(2*MaxCell)+","+item(1)+"]"))
	if d := cmp.Diff([]string{"bad_file item 4"}, faults); d != "" || strings.Count(cells["a"], "score") != 3 {
		t.Errorf("%d items\n%s", strings.Count(cells["a"], "score"), d)
	}
}

// No cell ends the process, whoever wrote it: one that passes can be measured against
// any true one that does, and what a true one answers passes.
func FuzzCells(f *testing.F) {
	kinds := slices.Sorted(maps.Keys(Kinds))
	for i, cells := range [][2]string{ // as kinds are sorted: any is a seed of all
		{`[["PER",0,3]]`, `[["PER",0,3],["LOC",5,6]]`}, {"a", "b"}, {"yes a", "no"}, {"1 0 1", "0.5 1e3 -1"}, {`{"true":"Q1","known":["Q2"],"of":50}`, `{"Q1":1,"Q2":0.5}`},
		{`[{"category_id":1,"bbox":[0,0,4,4],"area":16}]`, `[{"category_id":1,"segmentation":{"size":[2,2],"counts":"04"},"score":1,"keypoints":[1,1,2]}]`}, {"2 2 0*1 1*3", "2 2 0*4"}, {"d1 1\nd2 0", "d1 0.5"},
		{"2 3 0*1 1*3 7*2\n1 0\n7 4 crowd", "2 3 1*6\n1 0"}, {`{"past":[1,2],"truth":[4]}`, "[3]"}, {"12.5 lost", "-1"}, {"1 7 0 0 4 4", "9 7 0 0 4 4\n9 8 1 1 1 1"}, {"target 0.5", "-2"}, {"0 1 a", "0 1 b\n0.5 2 c"},
		{"1 1 0*1", "4096 4096 0*1"}, {"1 2 7 1,2,3", "1 2 1,2,3*2"}, {"60\n1 2 stop", "1 1.5 0.5 yes stop"}, {`["a"]`, `["a","b"]`}, {"1.5 north", "2"}, {`{"true":"a","of":2}`, `{"a":1,"a":2}`}, {"", strings.Repeat("[", 20_000)}, {"null", `{"mean":null}`},
		{"4.5", `{"members":[1,2],"quantiles":[1,2,3],"mean":0,"sd":1}`}, {"今天 好\n好", "12.5 3"}, {`{"matches":["a"],"of":2}`, `{"a":1,"b":1}`},
	} {
		for k := range kinds {
			f.Add(uint8(k), cells[0], cells[1])
			f.Add(uint8(k+i), cells[1], cells[0])
		}
	}
	f.Fuzz(func(t *testing.T, n uint8, truth, predicted string) {
		k := Kinds[kinds[int(n)%len(kinds)]]
		all := k.Faults(predicted)
		for i, bad := range all {
			if bad.EN == "" || bad.ZH == "" || slices.ContainsFunc(all[:i], func(x *aihub.Text) bool { return *x == *bad }) {
				t.Fatalf("%q: %+v", predicted, bad)
			}
		}
		if bad := k.Truth(truth); bad != nil {
			if bad.EN == "" || bad.ZH == "" {
				t.Fatalf("%q: %+v", truth, bad)
			}
			return
		}
		if k.Answer != nil {
			if bad := k.Predicted(k.Answer(truth)); bad != nil {
				t.Fatalf("%q answers %q: %s", truth, k.Answer(truth), bad.EN)
			}
		}
		if len(all) == 0 && k.Unit("7", truth, predicted) == nil {
			t.Fatalf("%q, %q: no unit", truth, predicted)
		}
	})
}
