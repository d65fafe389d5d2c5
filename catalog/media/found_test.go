package media

import (
	"bytes"
	"encoding/json"
	"fmt"
	"runtime"
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
				if x.W <= 0 || x.H <= 0 || known(x.Kind) != x.Kind {
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

// What is out of bounds is refused before it is held, and quoted in short.
func TestParseFoundBounds(t *testing.T) {
	const head = `{"detector":"d","digest":"sha256:`
	of := func(pictures string) []byte {
		return []byte(head + strings.Repeat("0", 64) + `","pictures":{` + pictures + `}}`)
	}
	const box = `{"x":1,"y":2,"w":3,"h":4,"kind":"face"}`
	list := func(n int) string { return "[" + strings.TrimSuffix(strings.Repeat(box+",", n), ",") + "]" }
	const hostile = `{"w":1,"h":1,"kind":"a"},`
	many := make([]string, MaxFoundPictures+1)
	for i := range many {
		many[i] = fmt.Sprintf(`"%d":[]`, i)
	}
	full := make([]string, MaxFoundBoxes/MaxBoxes+1)
	for i := range full {
		full[i] = fmt.Sprintf(`"%d":[%s]`, i, strings.TrimSuffix(strings.Repeat(hostile, MaxBoxes), ","))
	}
	for name, c := range map[string]struct {
		b    []byte
		want string
	}{
		"boxes":    {of(`"a":` + list(MaxBoxes+1)), `"a": more than 10000 boxes`},
		"all":      {of(strings.Join(full, ",")), "more than 1000000 boxes in all"},
		"pictures": {of(strings.Join(many, ",")), "more than 100000 pictures"},
		"twice":    {of(`"a":[],"a":[]`), "twice"},
		"field":    {[]byte(`{"` + strings.Repeat("x", 1<<20) + `":1}`), "unknown field"},
		"inner":    {of(`"a":[{"` + strings.Repeat("x", 1<<20) + `":1}]`), "unknown field"},
		"behind":   {append(of(""), "{}"...), "more behind"},
		"cut":      {of("")[:50], "no such JSON"},
		"null":     {of(`"a":null`), "no such JSON"},
		"digest":   {append(bytes.TrimSuffix(of(`"a":[]`), []byte("}")), `,"digests":{"a":"abc"}}`...), "no SHA-256"},
		"digests":  {append(bytes.TrimSuffix(of(`"a":[]`), []byte("}")), `,"digests":{},"digests":{}}`...), "digests twice"},
	} {
		if _, err := ParseFound(c.b); err == nil || !strings.Contains(err.Error(), c.want) || len(err.Error()) > 500 {
			t.Errorf("%s: %.300v", name, err)
		}
	}
	if f, err := ParseFound(of(`"a":` + list(MaxBoxes) + `,"b":[]`)); err != nil || len(f.Pictures["a"]) != MaxBoxes || f.Pictures["b"] != nil || len(f.Pictures) != 2 {
		t.Error(err)
	}
	if _, err := ParseAnswer([]byte(`{"`+strings.Repeat("x", 1<<19)+`":1}`), "/a"); err == nil || len(err.Error()) > 300 {
		t.Errorf("%.300v", err)
	}
	// A picture with millions of boxes is not decoded first.
	large := of(`"a":[` + strings.Repeat(hostile, 400_000) + `{}]`)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := ParseFound(large); err == nil || !strings.Contains(err.Error(), "more than 10000 boxes") {
		t.Error(err)
	}
	if runtime.ReadMemStats(&after); after.TotalAlloc-before.TotalAlloc > 16<<20 {
		t.Errorf("it took %d bytes", after.TotalAlloc-before.TotalAlloc)
	}
}

// A detector's own word goes no further.
func TestKinds(t *testing.T) {
	for kind, want := range map[string]string{"face": "face", "plate": "plate", "zhang_san": "other", "other": "other"} {
		box := `{"x":1,"y":2,"w":3,"h":4,"kind":"` + kind + `"}`
		got, err := ParseAnswer([]byte(`{"boxes":[`+box+`]}`), "")
		if err != nil || got[0].Kind != want {
			t.Error(kind, got, err)
		}
		f, err := ParseFound([]byte(`{"detector":"d","digest":"sha256:` + strings.Repeat("0", 64) + `","pictures":{"a":[` + box + `]}}`))
		if err != nil || f.Pictures["a"][0].Kind != want {
			t.Error(kind, f, err)
		}
	}
}
