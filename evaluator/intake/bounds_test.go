package intake

import (
	"errors"
	"fmt"
	"image"
	"io"
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
	r, err := OpenTruth(file(t, []byte("a 0 d 1\nb 0 "+long+" 1\nc 0 d 0\n")), scenarios.FormatTREC, "id", "p")
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
		scenarios.FormatMasks: string(masks(t, files)),
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
