package media

import (
	"encoding/json"
	"strings"
	"testing"
)

func FuzzParseAnswer(f *testing.F) {
	for _, s := range []string{`{"boxes":[]}`, `{"boxes":[{"x":1,"y":2,"w":3,"h":4,"kind":"face"}]}`, `{"error":"no"}`, `{"boxes":[{"x":1e308,"y":2,"w":3,"h":4,"kind":"face"}]}`, `{"boxes":null}`, `{} {}`, `{"boxes":[],"path":"/a.jpg"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		boxes, err := ParseAnswer(line, "/a.jpg")
		if err != nil {
			return
		}
		// What was taken can be written down and read again.
		b, err := json.Marshal(Found{Detector: "d", Digest: "sha256:" + strings.Repeat("0", 64), Pictures: map[string][]FoundBox{"a.jpg": boxes}})
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseFound(b)
		if err != nil || len(got.Pictures["a.jpg"]) != len(boxes) {
			t.Fatal(err, string(b))
		}
		for i, x := range boxes {
			if got.Pictures["a.jpg"][i] != x || x.W <= 0 || x.H <= 0 {
				t.Fatal(x)
			}
		}
	})
}

func FuzzParseFound(f *testing.F) {
	f.Add([]byte(`{"detector":"d","digest":"sha256:` + strings.Repeat("0", 64) + `","pictures":{"a.jpg":[{"x":1,"y":2,"w":3,"h":4,"kind":"face"}]}}`))
	f.Add([]byte(`{"detector":"","digest":"","pictures":null}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := ParseFound(b)
		if err != nil {
			return
		}
		for name, boxes := range got.Pictures {
			for _, x := range boxes {
				if x.W <= 0 || x.H <= 0 || checkKind(x.Kind) != nil {
					t.Fatal(name, x)
				}
			}
		}
	})
}

func TestParseAnswerPath(t *testing.T) {
	for line, ok := range map[string]bool{`{"boxes":[]}`: true, `{"boxes":[],"path":"/a\ufffd.jpg"}`: true, `{"boxes":[],"path":"/b.jpg"}`: false, `{"boxes":[],"path":""}`: false} {
		if _, err := ParseAnswer([]byte(line), "/a\xff.jpg"); (err == nil) != ok || err != nil && !strings.Contains(err.Error(), "another picture") {
			t.Error(line, err)
		}
	}
}
