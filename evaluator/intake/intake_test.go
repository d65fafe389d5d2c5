package intake

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"aihub"
	"aihub/evaluator/metric"
	"aihub/evaluator/metric/graph"
	"aihub/evaluator/metric/rank"
	"aihub/evaluator/metric/speech"
	"aihub/internal/table"
	"aihub/scenarios"

	"github.com/google/go-cmp/cmp"
)

func file(t testing.TB, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// read returns the cells of a file and its faults as "code where".
func read(t testing.TB, format string, content []byte) (cells map[string]string, faults []string) {
	t.Helper()
	r, err := Open(file(t, content), format, "id", "p", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cells = map[string]string{}
	for {
		b, err := r.Next()
		var e *aihub.Error
		switch {
		case err == io.EOF:
			return cells, faults
		case errors.As(err, &e) && e.Kind == aihub.Contract:
			for _, f := range e.Faults {
				if f.Message.EN == "" || f.Message.ZH == "" {
					t.Errorf("%+v has no text", f)
				}
				for _, where := range f.Examples {
					faults = append(faults, f.Code+" "+where)
				}
			}
			return cells, faults
		case err != nil:
			t.Fatal(err)
		}
		for i := range b.Rows {
			cells[b.Cols[0].Str[i]] = b.Cols[1].Str[i]
		}
	}
}

// masks is an archive of PNG files.
func masks(t testing.TB, files map[string]image.Image) []byte {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	names := []string{}
	for n := range files {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		w, err := z.Create(n)
		if err == nil && files[n] != nil {
			err = png.Encode(w, files[n])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func grey(w, h int, pixels ...uint8) image.Image {
	m := image.NewGray(image.Rect(0, 0, w, h))
	copy(m.Pix, pixels)
	return m
}

// Units lie mixed, in any order, and every fault of a file is named with its
// place, in one pass.
func TestFormats(t *testing.T) {
	t.Parallel()
	rgba := image.NewRGBA(image.Rect(0, 0, 1, 1))
	rgba.Set(0, 0, color.RGBA{1, 2, 3, 4})
	for _, c := range []struct {
		name, format string
		in           []byte
		want         map[string]string
		faults       []string
	}{
		{"coco", scenarios.FormatCOCO, []byte(`[
			{"image_id": "b", "category_id": 1, "bbox": [0, 0, 2, 2], "score": 0.5},
			{"image_id": 7, "category_id": 0, "bbox": [1, 1, 2, 2], "score": 1},
			{"image_id": "b", "category_id": 2, "segmentation": {"size": [2, 2], "counts": "04"}, "score": 0.25}]`),
			map[string]string{
				"7": `[{"category_id":0,"bbox":[1,1,2,2],"score":1}]`,
				"b": `[{"category_id":1,"bbox":[0,0,2,2],"score":0.5},{"category_id":2,"segmentation":{"size":[2,2],"counts":"04"},"score":0.25}]`,
			}, nil},
		{"coco at fault", scenarios.FormatCOCO, []byte(`[{"image_id": "a", "category_id": 1, "bbox": [0, 0, -2, 2], "score": 0.5}, {"image_id": [], "category_id": 1},
			{"image_id": "a", "category_id": 1.5, "bbox": [0,0,1,1], "score": 1}, {"image_id": "a", "category_id": 1, "bbox": [0,0,1,1]},
			{"image_id": "ok", "category_id": 1, "bbox": [0,0,1,1], "score": 1}, {"image_id": "a", "category_id": 1, "bbox": [0,0,1,1], "score": NaN}]`),
			map[string]string{"ok": `[{"category_id":1,"bbox":[0,0,1,1],"score":1}]`, "a": "[]"},
			[]string{
				"bad_item item 1 " + `"{\"image_id\": \"a\", \"category_id\": 1, \"bbox\": [0, 0, -2, 2], \"…"`, // sizes
				"bad_item item 2 " + `"{\"image_id\": [], \"category_id\": 1}"`,                                 // the id
				"bad_item item 2 " + `"{\"image_id\": [], \"category_id\": 1}"`,                                 // no box
				"bad_item item 2 " + `"{\"image_id\": [], \"category_id\": 1}"`,                                 // no score
				"bad_item item 4 " + `"{\"image_id\": \"a\", \"category_id\": 1, \"bbox\": [0,0,1,1]}"`,         // nor here
				"bad_item item 3 " + `"{\"image_id\": \"a\", \"category_id\": 1.5, \"bbox\": [0,0,1,1], \"sc…"`,
				"bad_file item 6"}},
		{"coco without an end", scenarios.FormatCOCO, []byte(`[{"image_id": "a"`), map[string]string{}, []string{"bad_file item 1"}},
		{"coco that is none", scenarios.FormatCOCO, []byte(`{}`), map[string]string{}, []string{"bad_file item 1"}},
		{"rttm", scenarios.FormatRTTM, []byte("SPEAKER x 1 0.5 1.5 <NA> <NA> ann <NA> <NA>\n\nSPEAKER y 1 0 1 <NA> <NA> bob <NA> <NA>\nSPEAKER x 1 3 1 <NA> <NA> bob <NA>\n"),
			map[string]string{"x": "0.5 1.5 ann\n3 1 bob", "y": "0 1 bob"}, nil},
		{"rttm at fault", scenarios.FormatRTTM, []byte("SPEAKER x 1 0 NaN <NA> <NA> a <NA> <NA>\nLEXEME x 1 0 1 <NA> <NA> a <NA> <NA>\nSPEAKER x 1 -1 1 <NA> <NA> a\nSPEAKER x 1 1 0 <NA> <NA> a\nSPEAKER \xff 1 1 1 <NA> <NA> a\n"),
			map[string]string{"x": ""}, []string{`bad_value line 1 "SPEAKER x 1 0 NaN <NA> <NA> a <NA> <NA>"`, `bad_value line 3 "SPEAKER x 1 -1 1 <NA> <NA> a"`,
				`bad_value line 4 "SPEAKER x 1 1 0 <NA> <NA> a"`, `bad_line line 2 "LEXEME x 1 0 1 <NA> <NA> a <NA> <NA>"`, `not_utf8 line 5 "SPEAKER \xff 1 1 1 <NA> <NA> a"`}},
		{"ctm", scenarios.FormatCTM, []byte(";; comment\nx 1 2.0 0.5 世界\nx 1 1.0 0.5 你好 0.9\ny A 0 1 one\n"), map[string]string{"x": "你好 世界", "y": "one"}, nil},
		{"ctm at fault", scenarios.FormatCTM, []byte("x 1 a 0.5 w\nx 1 1\n"), map[string]string{"x": ""}, []string{`bad_value line 1 "x 1 a 0.5 w"`, `bad_line line 2 "x 1 1"`}},
		{"ctm of two channels", scenarios.FormatCTM, []byte("a 1 0.0 0.1 hello\na 2 0.0 0.1 other\na 1 0.2 0.1 world\n"), map[string]string{"a": "hello world other"}, nil},
		{"trec", scenarios.FormatTREC, []byte("q2 Q0 d1 1 0.5 run\nq1 Q0 d1 1 3 run\nq2 Q0 d9 9 -1e3 run\n"), map[string]string{"q1": "d1 3", "q2": "d1 0.5\nd9 -1e3"}, nil},
		{"trec at fault", scenarios.FormatTREC, []byte("q1 Q0 d1 1 inf run\nq1 0 d1 1 3 run\nq1 Q0 d1 1 3 run\nq1 Q0 d1 2 2 run\n"), map[string]string{"q1": ""},
			[]string{`bad_value line 1 "q1 Q0 d1 1 inf run"`, `bad_line line 2 "q1 0 d1 1 3 run"`, `bad_value line 3 "q1 Q0 d1 1 3 run"`, `bad_value line 4 "q1 Q0 d1 2 2 run"`}},
		{"trec twice at fault", scenarios.FormatTREC, []byte("q1 Q0 d1 1 1 run\nq1 Q0 d1 1 nan run\n"), map[string]string{"q1": "d1 1"},
			[]string{`bad_value line 2 "q1 Q0 d1 1 nan run"`, `bad_value line 2 "q1 Q0 d1 1 nan run"`}},
		{"masks", scenarios.FormatMasks, masks(t, map[string]image.Image{"a.png": grey(3, 2, 0, 0, 0, 0, 1, 1), "b.png": grey(1, 1, 200)}), map[string]string{"a": "2 3 0*4 1*2", "b": "1 1 200*1"}, nil},
		{"masks at fault", scenarios.FormatMasks, masks(t, map[string]image.Image{"../a.png": grey(1, 1, 1), "b.jpg": nil, "c.png": nil, "d.png": rgba, "e.png": grey(1, 1, 4)}), map[string]string{"c": "0 0", "d": "0 0", "e": "1 1 4*1"},
			[]string{`bad_name file "../a.png"`, `bad_name file "b.jpg"`, `bad_mask file "c.png"`, `bad_mask file "d.png"`}},
		{"pictures", scenarios.FormatPictures, masks(t, map[string]image.Image{"a.png": grey(3, 2, 0, 0, 0, 0, 1, 1), "b.png": rgba, "c.png": image.NewPaletted(image.Rect(0, 0, 1, 1), color.Palette{color.Black})}), map[string]string{"a": "2 3 0*4 1*2", "b": "0 0", "c": "0 0"},
			[]string{`bad_image file "b.png"`, `bad_image file "c.png"`}},
		{"no archive", scenarios.FormatMasks, []byte("PK"), map[string]string{}, []string{"bad_file the archive"}},
	} {
		cells, faults := read(t, c.format, c.in)
		if d := cmp.Diff(c.want, cells); d != "" {
			t.Errorf("%s: -want +got\n%s", c.name, d)
		}
		if d := cmp.Diff(c.faults, faults); d != "" {
			t.Errorf("%s: faults: -want +got\n%s", c.name, d)
		}
	}
}

// What Write writes, Open reads.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	for format, cells := range map[string][]string{
		scenarios.FormatCOCO:  {`[{"category_id":0,"bbox":[1,1,2,2],"score":1},{"category_id":3,"bbox":[0,0,1,1],"score":0.5}]`, `[{"category_id":1,"bbox":[0,0,1,1],"score":0.125}]`},
		scenarios.FormatRTTM:  {"0 1 a\n1 2.5 b", "0 3 a"},
		scenarios.FormatCTM:   {"你好 世界", "one two three"},
		scenarios.FormatTREC:  {"d1 2\nd2 1", "d9 0.5"},
		scenarios.FormatMasks: {"2 2 0*1 3*3", "1 2 300*2"},

		scenarios.FormatPictures: {"2 2 0 3*3", "1 2 300*2", "1 3 1,2,3 4,5,6*2", "1 1 1,2,300"},
	} {
		b := table.NewBatch([]table.Field{{Name: "id", Type: table.String}, {Name: "p", Type: table.String}}, 2)
		want := map[string]string{}
		for i, c := range cells {
			id := string(rune('a' + i))
			want[id] = c
			b.Cols[0].AppendStr(id)
			b.Cols[1].AppendStr(c)
			b.Rows++
		}
		var out bytes.Buffer
		if err := Write(&out, format, b); err != nil {
			t.Fatalf("%s: %v", format, err)
		}
		got, faults := read(t, format, out.Bytes())
		if d := cmp.Diff(want, got); d != "" || faults != nil {
			t.Errorf("%s: %v\n%s\n%s", format, faults, d, out.String())
		}
	}
}

// The answer that says the truth passes the check, and joins to a unit.
func TestKinds(t *testing.T) {
	t.Parallel()
	good := map[scenarios.Needs]string{
		scenarios.NeedsObjects:  `[{"category_id":1,"bbox":[0,0,4,4],"area":16},{"category_id":2,"bbox":[0,0,9,9],"iscrowd":1}]`,
		scenarios.NeedsTurns:    "0 1 a\n1 2 b\nscored 0 2.5",
		scenarios.NeedsRuns:     "d1 1\nd2 0\nd3 2",
		scenarios.NeedsPixels:   "2 2 0*1 1*3",
		scenarios.NeedsSegments: "2 3 0*1 1*3 7*2\n1 0\n7 4 crowd",
		scenarios.NeedsTracks:   "1 7 0 0 4 4\n2,7,0,0,4,4",
		scenarios.NeedsSpans:    `[["PER",0,3],["LOC",5,6]]`,
		scenarios.NeedsLinks:    `{"true":"Q1","known":["Q2"],"of":50}`,
		scenarios.NeedsClusters: "cluster 1",

		scenarios.NeedsSeries:    `{"past":[1,2,3],"truth":[4],"weight":0.5,"naive2":[3]}`,
		scenarios.NeedsTrials:    "target 0.5",
		scenarios.NeedsLabels:    "1 0 1",
		scenarios.NeedsDecisions: "yes a group",
		scenarios.NeedsSurvival:  "12.5 lost",

		scenarios.NeedsDistributions: "4.5",
		scenarios.NeedsWords:         "今天 天气 很 好\n天气",
		scenarios.NeedsLikelihoods:   "今天",
		scenarios.NeedsShapes:        "2 2 0*1 1*3",
		scenarios.NeedsProbes:        `{"matches":["a"],"junk":["b"],"of":5}`,
		scenarios.NeedsPictures:      "2 2 7 255*3",
		scenarios.NeedsSignals:       "0.5 -1 1e-3",
		scenarios.NeedsTerms:         "60\n1 2 open the door",
		scenarios.NeedsSolutions:     `["a","b"]`,
		scenarios.NeedsSlices:        "cat north side",
		scenarios.NeedsRatings:       "4 - 3.5 4",
	}
	bad := map[scenarios.Needs][]string{
		scenarios.NeedsObjects:  {"", "null", "{}", `[{"category_id":1}]`, `[{"category_id":-1,"bbox":[0,0,1,1]}]`, `[{"category_id":1,"bbox":[0,0,1,1],"colour":1}]`, `[] []`},
		scenarios.NeedsTurns:    {"scored 0", "scored 0 0", "0 1", "0 x a", "-1 1 a", "0 0 a"},
		scenarios.NeedsRuns:     {"d1", "d1 x", "d1 1\nd1 1"},
		scenarios.NeedsPixels:   {"", "2", "1 2 0*1", "1 1 0*2", "1 1 -1*1", "99999 99999"},
		scenarios.NeedsSegments: {"", "1 2 1*2", "1 2 1*2\n2 1", "1 2 0*1 0*1\n1 1", "1 2 1*2\n1 x", "1 2 1*2\n1 1 2", "1 2 1*2\n1 1\n1 1"},
		scenarios.NeedsTracks:   {"1 1 0 0 1", "0 1 0 0 1 1", "1 1 0 0 -1 1", "1 1 0 0 1 1\n1 1 0 0 2 2"},
		scenarios.NeedsSpans:    {"", `[["PER",3,3]]`, `[["",0,1]]`, `[["PER",0]]`},
		scenarios.NeedsLinks:    {"", `{"true":"","of":5}`, `{"true":"a","of":1}`},

		scenarios.NeedsSeries: {"", "[]", `{"past":[],"truth":[1]}`, `{"past":[1],"truth":[1,2]}`, `{"past":[1],"truth":[null]}`, `{"past":[1],"truth":[1],"weight":-1}`, `{"past":[1],"truth":[1],"naive2":[]}`,
			`{"past":[1],"truth":[1e999]}`},
		scenarios.NeedsTrials:    {"", "Target", "target x", "target -1", "other 1 2"},
		scenarios.NeedsLabels:    {"", "1 2", "1,0"},
		scenarios.NeedsDecisions: {"", "yes", "maybe a"},
		scenarios.NeedsSurvival:  {"", "5", "-1 end", "5 died", "NaN end"},

		scenarios.NeedsShapes:        {"", "0 0", "1 2 0*1"},
		scenarios.NeedsPictures:      {"", "0 0", "2", "1 2 0", "1 1 0*2", "1 1 -1", "1 1 1,2", "1 2 1 1,2,3", "1 1 65536", "1 1 1*0", "9999 9999", "1 1 1*9223372036854775807", "0 5 1", "1 1 1,2,3,4"},
		scenarios.NeedsSignals:       {"", " ", "1 x", "1e101", "NaN"},
		scenarios.NeedsTerms:         {"", "0", "x", "60\n1 2", "60\n2 1 a", "60\n1 61 a", "60\n-1 1 a"},
		scenarios.NeedsSolutions:     {"", "[]", "[1]", "[null]", `["a"] 1`},
		scenarios.NeedsSlices:        {"", "a", "a "},
		scenarios.NeedsRatings:       {"", "-", "- -", "4 x", "1e7", "4,5"},
		scenarios.NeedsDistributions: {"", "x", "1e101", "1 2"},
		scenarios.NeedsWords:         {"", " \n", "今天 好\n坏", "今天\n今天\n今天"},
		scenarios.NeedsProbes:        {"", "{}", `{"matches":["a","a"],"of":5}`, `{"matches":["a"],"junk":["a"],"of":5}`, `{"matches":["a","b"],"of":1}`, `{"matches":[""],"of":1}`},
	}
	for needs, k := range Kinds {
		truth := good[needs]
		if bad := k.Truth(truth); bad != nil {
			t.Errorf("%s: %v", needs, bad)
		}
		for _, p := range []string{k.Answer(truth), k.Empty} {
			if bad := k.Predicted(p); bad != nil {
				t.Errorf("%s: predicted %q: %v", needs, p, bad)
			}
			if k.Unit("7", truth, p) == nil {
				t.Errorf("%s: no unit", needs)
			}
		}
		for _, s := range bad[needs] {
			if msg := k.Truth(s); msg == nil || msg.EN == "" || msg.ZH == "" {
				t.Errorf("%s: %q passed", needs, s)
			}
		}
	}
	// Predicted scores must be numbers.
	for needs, s := range map[scenarios.Needs]string{scenarios.NeedsRuns: "d1 NaN", scenarios.NeedsLinks: `{"Q1":null}`, scenarios.NeedsObjects: `[{"category_id":1,"bbox":[0,0,1,1],"score":"1"}]`,
		scenarios.NeedsSeries: `[1,2]`, scenarios.NeedsTrials: "inf", scenarios.NeedsLabels: "0.5 nan", scenarios.NeedsDecisions: "Yes", scenarios.NeedsSurvival: "",
		scenarios.NeedsDistributions: `{"members":[1],"quantiles":[1,2],"mean":0,"sd":1}`, scenarios.NeedsLikelihoods: "-1 1", scenarios.NeedsProbes: `{"a":"1"}`,
		scenarios.NeedsPictures: "1 1", scenarios.NeedsSignals: "1,2", scenarios.NeedsTerms: "1 2 0.5 maybe a", scenarios.NeedsSolutions: "[]", scenarios.NeedsRatings: "-", scenarios.NeedsTurns: "scored 0 1"} {
		if Kinds[needs].Predicted(s) == nil {
			t.Errorf("%s: %q passed", needs, s)
		}
	}
}

// A true link that is not listed is last of all candidates, and known ones do
// not stand in its way.
func TestLinks(t *testing.T) {
	t.Parallel()
	unit := func(p string) *graph.Candidates {
		return links.Unit("", `{"true":"Q1","known":["Q2"],"of":5}`, p).(*graph.Candidates)
	}
	for p, want := range map[string]int64{`{"Q1":1,"Q2":9,"Q3":2}`: 4, `{"Q2":9}`: 10, `{}`: 10, `{"Q1":0}`: 2} {
		if got, ok := graph.Rank2(unit(p), "realistic"); !ok || got != want {
			t.Errorf("%s: twice the rank is %d, want %d", p, got, want)
		}
	}
}

// Candidates are of the truth: names that nobody asked about make neither the rank
// of chance worse nor that of the true one better, whatever they score.
func TestInventedCandidates(t *testing.T) {
	t.Parallel()
	const truth, honest = `{"true":"a","known":[],"of":10}`, `{"a":0.5,"b":0.9,"c":0.8`
	var junk strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&junk, `,"junk%d":%d`, i, -i%2)
	}
	for _, use := range []string{"link_amr@1", "link_adjusted_hits@1", "link_adjusted_mrr@1", "link_amri@1", "link_mrr@1", "link_hits@1", "link_mr@1"} {
		m, faults := metric.BindUnits(use, nil)
		if faults != nil {
			t.Fatal(faults)
		}
		value := func(predicted string) float64 {
			if bad := links.Predicted(predicted); bad != nil {
				t.Fatal(bad)
			}
			g := m.Measure.New(nil)
			g.Add(links.Unit("", truth, predicted), 0)
			return m.Result(g).Value
		}
		if a, b := value(honest+"}"), value(honest+junk.String()+"}"); a != b {
			t.Errorf("%s is %v, and %v with candidates that are none", use, a, b)
		}
		if a, b := value(`{"a":-1.7976931348623157e308}`), value(`{"a":1}`); a != b {
			t.Errorf("%s is %v of the least score, %v of another", use, a, b)
		}
	}
}

// null is not 0, and of a key that stands twice nobody knows which one counts.
func TestNullAndRepeatedKeys(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		needs scenarios.Needs
		bad   []string
	}{
		{scenarios.NeedsLinks, []string{`{"a":null,"b":-1,"c":-2}`, `{"a":0.1,"a":0.9}`, `{"a":0.1,"\u0061":0.9}`, `{"a":1}]`}},
		{scenarios.NeedsSpans, []string{`[["PER",null,3]]`, `[null]`, `null`}},
		{scenarios.NeedsObjects, []string{
			`[{"category_id":1,"bbox":[null,0,10,10],"score":1}]`, `[{"category_id":1,"keypoints":[0,null,1],"score":1}]`,
			`[{"category_id":1,"bbox":[0,0,1,1],"score":1,"score":0.5}]`, `[{"category_id":1,"bbox":[0,0,1,1],"score":1,"SCORE":0.5}]`,
			`[{"category_id":1,"segmentation":{"size":[2,null],"counts":[4]},"score":1}]`, `[{"category_id":1,"segmentation":{"size":[2,2],"counts":[null,4]},"score":1}]`}},
	} {
		for _, s := range c.bad {
			if bad := Kinds[c.needs].Predicted(s); bad == nil || bad.EN == "" || bad.ZH == "" {
				t.Errorf("%s: %s passed", c.needs, s)
			}
		}
	}
	for _, good := range []string{`{"a":1,"A":2,"a ":3}`, `{"n":1," null":2,"\"":3,":":4}`} {
		if bad := links.Predicted(good); bad != nil {
			t.Errorf("%s: %s", good, bad.EN)
		}
	}
	many := "{"
	for i := range 100 {
		many += fmt.Sprintf(`"k%d":1,`, i)
	}
	if links.Predicted(many+`"x":1}`) != nil || links.Predicted(many+`"k99":1}`) == nil {
		t.Error("many keys")
	}
	if links.Truth(`{"true":"a","of":null}`) == nil || links.Truth(`{"true":"a","of":5,"of":9}`) == nil {
		t.Error("a truth passed")
	}
	_, faults := read(t, scenarios.FormatCOCO, []byte(`[{"image_id":"a","category_id":1,"bbox":[null,0,1,1],"score":1}]`))
	if d := cmp.Diff([]string{`bad_item item 1 "{\"image_id\":\"a\",\"category_id\":1,\"bbox\":[null,0,1,1],\"score\":…"`}, faults); d != "" {
		t.Error(d)
	}
	// So it is of files of truth, which may say what nobody asks for.
	const image = `{"id":1,"width":9,"height":9,"neg_category_ids":null,"licence":null,"x":{"y":null,"y":1}}`
	const box = `"image_id":1,"category_id":1,"bbox":[0,0,1,1]`
	whole := func(image, annotation string) string {
		return `{"info":null,"images":[` + image + `],"annotations":[` + annotation + `]}`
	}
	for doc, good := range map[string]bool{
		whole(image, `{`+box+`,"area":1,"iscrowd":0,"keypoints":null,"segmentation":null,"score":null,"x":{"y":null}}`): true,
		whole(image, `{"image_id":1,"category_id":1,"bbox":[null,0,1,1]}`):                                              false,
		whole(image, `{`+box+`,"iscrowd":null}`):                                                                        false,
		whole(image, `{`+box+`,"area":null}`):                                                                           false,
		whole(image, `{`+box+`,"iscrowd":1,"iscrowd":0}`):                                                               false,
		whole(image, `{`+box+`,"BBOX":[0,0,2,2]}`):                                                                      false,
		whole(image, `{`+box+`,"x":1,"x":2}`):                                                                           false,
		whole(image, `{`+box+`,"segmentation":[[0,0,null,1,1,1]]}`):                                                     false,
		whole(image, `null`):                                      false,
		whole(`{"id":1,"width":null,"height":9}`, ``):             false,
		whole(`{"id":1,"id":2}`, ``):                              false,
		whole(`{"id":1,"neg_category_ids":[null]}`, ``):           false,
		`{"images":[` + image + `],"images":[],"annotations":[]}`: false,
	} {
		r, err := OpenTruth(file(t, []byte(doc)), "", scenarios.FormatCOCO, "id", "p")
		if err != nil {
			t.Fatal(err)
		}
		for err == nil {
			_, err = r.Next()
		}
		if ok := errors.Is(err, io.EOF); ok != good || !ok && aihub.KindOf(err) != aihub.Contract {
			t.Errorf("%s: %v", doc, err)
		}
	}
}

// A document that was in the pool and never judged is no judgement: bpref skips
// it, and all others take it for not relevant, as trec_eval does.
func TestUnjudged(t *testing.T) {
	t.Parallel()
	for use, want := range map[string]float64{"bpref@1": 1, "map@1": 0.5, "mrr@1": 0.5, "r_precision@1": 0, "ndcg@1": 0.6309297535714575, "success_at_k@1": 1, "recall_at_k@1": 1, "precision_at_k@1": 0.1, "rbp@1": 0.16} {
		m, faults := metric.BindUnits(use, nil)
		if faults != nil {
			t.Fatal(faults)
		}
		g := m.Measure.New(nil)
		g.Add(runs.Unit("", "n -1\nm 0\nr 1", "n 3\nr 2\nm 1"), 0)
		if got := m.Result(g).Value; math.Abs(got-want) > 1e-15 {
			t.Errorf("%s is %v, want %v", use, got, want)
		}
	}
}

// A forecast has the steps and quantiles that the spec says, and no others; labels of
// another number are all wrong.
func TestShapes(t *testing.T) {
	t.Parallel()
	both := SeriesOf(Forecast{Horizon: 2, Levels: []float64{0.1, 0.9}, Mean: true, Naive2: true})
	alone := SeriesOf(Forecast{Horizon: 2, Levels: []float64{0.1, 0.9}})
	for cell, ok := range map[string][2]bool{
		`{"mean":[1,2],"quantiles":[[1,2],[3,4]]}`:       {true, false},
		`{"quantiles":[[1,2],[3,4]]}`:                    {false, true},
		`{"mean":[1,2],"quantiles":[[1,2]]}`:             {false, false},
		`{"mean":[1,2],"quantiles":[[1,2],[3]]}`:         {false, false},
		`{"mean":[1],"quantiles":[[1,2],[3,4]]}`:         {false, false},
		`{"mean":[1,2],"quantiles":[[1,2],[null,4]]}`:    {false, false},
		`{"mean":[1,2],"quantiles":null}`:                {false, false},
		`[1,2]`:                                          {false, false},
		`{"mean":[1,2],"quantiles":[[1,2],[3,4]],"x":1}`: {false, false},
	} {
		if got := [2]bool{both.Predicted(cell) == nil, alone.Predicted(cell) == nil}; got != ok {
			t.Errorf("%s: %v, want %v", cell, got, ok)
		}
	}
	if both.Truth(`{"past":[1],"truth":[1,2]}`) == nil || alone.Truth(`{"past":[1],"truth":[1,2]}`) != nil {
		t.Error("naive2 is of owa")
	}
	for list, n := range map[string]int{"0.1,0.5,0.9": 3, "0.5": 1, "": 0, "0.5,0.1": 0, "0,0.5": 0, "0.5,1": 0, "0.1,,0.2": 0, "nan": 0} {
		if got := ReadLevels(list); len(got) != n {
			t.Errorf("levels %q: %v", list, got)
		}
	}
	u := labels.Unit("", "1 0", "0.9 0.1 0.5").(*rank.Labels)
	if u.Pred[0] || !u.Pred[1] || len(u.Score) != 2 {
		t.Errorf("labels of another number: %+v", u)
	}
}

// Images stand in the order of the dataset's keys, numbers by value, whatever the
// row ids of a run are and however a cell is written.
func TestObjectsOrder(t *testing.T) {
	t.Parallel()
	const hit, truth = `[{"category_id":1,"bbox":[0,0,10,10],"score":1}]`, `[{"category_id":1,"bbox":[0,0,10,10],"area":100}]`
	m, faults := metric.BindUnits("coco_ap50@1", nil)
	if faults != nil {
		t.Fatal(faults)
	}
	value := func(found, empty string, blanks int) float64 {
		a, b := m.Measure.New(nil), m.Measure.New(nil)
		a.Add(objects.Unit(empty, "[]", "["+strings.Repeat(" ", blanks)+hit[1:]), 0)
		b.Add(objects.Unit(found, truth, hit), 0)
		a.Merge(b)
		return m.Result(a).Value
	}
	for blanks := range 20 {
		for _, c := range []struct {
			found, empty string
			want         float64
		}{{"9", "10", 1}, {"10", "9", 0.5}, {"a", "b", 1}, {"b", "a", 0.5}, {"10", "a", 1}, {"a", "10", 0.5}, {"-1", "0", 1}, {"07", "7", 0.5}} {
			if got := value(c.found, c.empty, blanks); math.Abs(got-c.want) > 1e-9 {
				t.Fatalf("the object in %s, none in %s, %d blanks: %v, want %v", c.found, c.empty, blanks, got, c.want)
			}
		}
	}
	if r := turns.Unit("", "0 1 a", "").(*speech.Recording); len(r.Ref) != 1 || len(r.Hyp) != 0 {
		t.Errorf("%+v", r)
	}
}

// No bytes end the process, whatever a cell passed as is a cell, and what was
// read can be written and read again.
func FuzzOpen(f *testing.F) {
	formats := []string{scenarios.FormatCOCO, scenarios.FormatRTTM, scenarios.FormatCTM, scenarios.FormatTREC, scenarios.FormatMasks, scenarios.FormatPictures}
	f.Add(0, []byte(`[{"image_id":"a","category_id":1,"bbox":[0,0,1,1],"score":0.5}]`))
	f.Add(0, []byte(`[{"image_id":0}`))
	f.Add(1, []byte("SPEAKER x 1 0.5 1.5 <NA> <NA> ann <NA> <NA>\n"))
	f.Add(2, []byte("x 1 2.0 0.5 word\n"))
	f.Add(3, []byte("q2 Q0 d1 1 0.5 run\n"))
	f.Add(4, masks(f, map[string]image.Image{"a.png": grey(3, 2, 0, 0, 0, 0, 1, 1)}))
	f.Add(5, masks(f, map[string]image.Image{"a.png": grey(3, 2, 0, 0, 0, 0, 1, 1)}))
	f.Fuzz(func(t *testing.T, n int, data []byte) {
		format := formats[uint(n)%uint(len(formats))]
		cells, wrong := read(t, format, data)
		b := table.NewBatch([]table.Field{{Name: "id", Type: table.String}, {Name: "p", Type: table.String}}, 0)
		for id, c := range cells {
			if needs := scenarios.UnitFormats[format].Needs[0]; needs.Cells() {
				if bad := Kinds[needs].Predicted(c); bad != nil {
					t.Fatalf("%s: %q: %s", format, c, bad.EN)
				}
			}
			if strings.ContainsAny(id, " \t\r\n\v\f\x00\u0085\u00a0;") || strings.TrimSpace(id) != id {
				return // only COCO and archives can hold such an id
			}
			b.Cols[0].AppendStr(id)
			b.Cols[1].AppendStr(c)
			b.Rows++
		}
		// A unit whose items are all at fault is there, without one.
		if wrong != nil || b.Rows == 0 || format == scenarios.FormatCTM || format == scenarios.FormatMasks || format == scenarios.FormatPictures {
			return
		}
		var out bytes.Buffer
		if err := Write(&out, format, b); err != nil {
			t.Fatal(err)
		}
		again, faults := read(t, format, out.Bytes())
		if d := cmp.Diff(cells, again); d != "" || faults != nil {
			t.Fatalf("%s: %v\n%s", format, faults, d)
		}
	})
}
