package media

import (
	"slices"
	"testing"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]Box{
		"": nil, " [] ": nil,
		"[[1,2,3,4]]": {{1, 2, 3, 4}},
		`[{"x":1,"y":2,"w":3,"h":4},[1.5,2.5,3,3]]`: {{1, 2, 3, 4}, {1, 2, 4, 4}},
		"[[-3,-3,10,10]]": {{-3, -3, 10, 10}},
	} {
		if got, err := ParseBoxes(text); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	if got, err := ParseSpans(`[[0,1.5],{"from":2,"to":3}]`); err != nil || !slices.Equal(got, []Span{{0, 1.5}, {2, 3}}) {
		t.Error(got, err)
	}
	for _, text := range []string{"1,2,3,4", "[1,2,3,4]", "[[1,2,3]]", "[[1,2,3,4,5]]", "[[1,2,0,4]]", "[[1,2,3,-4]]", `[{"x":1,"y":2,"w":3}]`,
		`[{"x":1,"y":2,"w":3,"h":4,"z":5}]`, `[["a",1,1,1]]`, "[[1e12,0,1,1]]", "[null]", `{"x":1}`, "null", "[[null,2,3,4]]", `[{"x":null,"y":2,"w":3,"h":4}]`, "[[0.2,0.1,0.5,0.25]]"} {
		if got, err := ParseBoxes(text); err == nil {
			t.Errorf("%q: %v", text, got)
		}
	}
	for _, text := range []string{"[[1,1]]", "[[2,1]]", "[[-1,1]]", "[[1]]", "[[null,1]]", "null"} {
		if got, err := ParseSpans(text); err == nil {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestKind(t *testing.T) {
	t.Parallel()
	for want, data := range map[string][]byte{"jpeg": encoded(t, "jpeg", picture(9, 9)), "png": encoded(t, "png", picture(9, 9)), "wav": tone(8000, 1, 8, 0.1, 100), "": []byte("RIFF")} {
		if got := Kind(data); got != want {
			t.Errorf("%q is %q", want, got)
		}
	}
}

// FuzzParse: whatever a cell holds, it is boxes that have an area, or an error.
func FuzzParse(f *testing.F) {
	f.Add("[[1,2,3,4]]")
	f.Add(`[{"from":1,"to":2}]`)
	f.Fuzz(func(t *testing.T, text string) {
		boxes, err := ParseBoxes(text)
		for _, b := range boxes {
			if err != nil || b.W <= 0 || b.H <= 0 {
				t.Fatal(b, err)
			}
		}
		spans, err := ParseSpans(text)
		for _, s := range spans {
			if err != nil || !(s.From >= 0) || !(s.To > s.From) {
				t.Fatal(s, err)
			}
		}
	})
}
