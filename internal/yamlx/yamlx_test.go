package yamlx

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aihub"
)

var update = flag.Bool("update", false, "rewrite the expected part of testdata/*.txt")

type inner struct {
	Name  string            `yaml:"name"`
	Quota int               `yaml:"quota"`
	Share float64           `yaml:"share"`
	Opens time.Time         `yaml:"opens"`
	Tick  time.Duration     `yaml:"tick"`
	Tags  []string          `yaml:"tags"`
	Env   map[string]string `yaml:"env"`
}

type sample struct {
	Title  aihub.Text     `yaml:"title"`
	Data   aihub.Ref      `yaml:"data"`
	Small  uint8          `yaml:"small"`
	On     bool           `yaml:"on"`
	Opt    *inner         `yaml:"opt"`
	Rounds []inner        `yaml:"rounds"`
	Params map[string]any `yaml:"params"`
	JSON   string         `json:"from_json,omitempty"`
	Plain  string
	Hidden string `yaml:"-"`
}

// TestFaults runs testdata/*.txt: a document, a line "-- faults --", and every
// fault in both languages.
func TestFaults(t *testing.T) {
	files, _ := filepath.Glob("testdata/*.txt")
	if len(files) == 0 {
		t.Fatal("no cases in testdata")
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			input, want, _ := strings.Cut(string(raw), "-- faults --\n")
			var into sample
			var b strings.Builder
			for _, f := range Decode([]byte(input), &into) {
				fmt.Fprintf(&b, "%s\n  %s\n", f.In(aihub.EN), f.Message.ZH)
			}
			if *update {
				if err := os.WriteFile(file, []byte(input+"-- faults --\n"+b.String()), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(want, b.String()); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecode(t *testing.T) {
	src := "\ufefftitle: {zh: 标题, en: \"Title: one\"}\r\n" +
		"data: events@3\r\nsmall: 200\non: true\n" +
		"rounds:\n  - name: \"007\"\n    quota: 1_000\n    share: 2\n    opens: 2026-01-31T09:00:00+08:00\n    tick: 90s\n" +
		"    tags: [a, 'b c']\n    env:\n      AIHUB_X: |\n        two\n        lines\n  - {name: x}\n" +
		"params: {eps: 1e-15, deep: [1, {a: null}], yes: true}\nfrom_json: j\nplain: p\nopt:\n"
	var got sample
	if f := Decode([]byte(src), &got); f != nil {
		t.Fatal(f)
	}
	want := sample{
		Title: aihub.Text{ZH: "标题", EN: "Title: one"}, Data: aihub.Ref{Name: "events", Version: 3}, Small: 200, On: true,
		Rounds: []inner{{Name: "007", Quota: 1000, Share: 2, Opens: time.Date(2026, 1, 31, 1, 0, 0, 0, time.UTC), Tick: 90 * time.Second,
			Tags: []string{"a", "b c"}, Env: map[string]string{"AIHUB_X": "two\nlines\n"}}, {Name: "x"}},
		Params: map[string]any{"eps": 1e-15, "deep": []any{1.0, map[string]any{"a": nil}}, "yes": true},
		JSON:   "j", Plain: "p",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestWhere(t *testing.T) {
	doc, f := Parse([]byte("title:\n  zh: 标题\nrounds:\n  - name: a\n    quota: 5\n  - name: b\n"), Default)
	if f != nil {
		t.Fatal(f)
	}
	for path, want := range map[string]string{
		"title":           "line 1, column 1",
		"title.zh":        "line 2, column 7",
		"title.en":        "line 1, column 1",
		"rounds[0].quota": "line 5, column 12",
		"rounds[1]":       "line 6, column 5",
		"rounds[1].quota": "line 6, column 5",
		"rounds[7].quota": "line 3, column 1",
		"nothing":         "line 1, column 1",
	} {
		if got := doc.Where(path); got != want {
			t.Errorf("Where(%q) = %q, want %q", path, got, want)
		}
	}
	if doc.Has("title.en") || !doc.Has("title.zh") {
		t.Error("Has: title.en is missing, title.zh is there")
	}
}

func TestBad(t *testing.T) {
	doc, _ := Parse([]byte("rounds:\n  - quota: many\n    name: a\nsmall: 1\n"), Default)
	var s sample
	if f := doc.Decode(&s); len(f) != 1 {
		t.Fatal(f)
	}
	for path, want := range map[string]bool{
		"rounds[0].quota": true, "rounds[0]": true, "rounds": true,
		"rounds[0].name": false, "rounds[0].quotas": false, "small": false,
	} {
		if got := doc.Bad(path); got != want {
			t.Errorf("Bad(%q) = %v, want %v", path, got, want)
		}
	}
}

// TestBounds feeds what costs the parser minutes or its stack. The fault shows
// that the document was refused before the parser saw it.
func TestBounds(t *testing.T) {
	for name, c := range map[string]struct{ src, code string }{
		"size":     {"a: " + strings.Repeat("x", 1<<20), "yaml_size"},
		"keys":     {strings.Repeat("a: b\n", Default.Keys+1), "yaml_size"},
		"flow":     {strings.Repeat("[", 5000), "yaml_depth"},
		"flow map": {strings.Repeat("{a: ", 5000), "yaml_depth"},
		"question": {strings.Repeat("? ", 5000), "yaml_depth"},
		"dashes":   {strings.Repeat("- ", 5000), "yaml_depth"},
		"anchors":  {strings.Repeat("&a ", 5000), "yaml_feature"},
		"tags":     {strings.Repeat("!a ", 5000), "yaml_feature"},
		"aliases":  {"a: &a [x]\nb: [" + strings.Repeat("*a,", 5000) + "]", "yaml_feature"},
		"words":    {"a: [" + strings.Repeat("[],", Default.Nodes) + "]", "yaml_size"},
		"steps":    {steps(400), "yaml_depth"},
	} {
		t.Run(name, func(t *testing.T) {
			var into any
			f := Decode([]byte(c.src), &into)
			if len(f) == 0 || len(f) > maxFaults+1 || f[0].Code != c.code {
				t.Errorf("%d faults, want %s: %v", len(f), c.code, f)
			}
		})
	}
}

// TestAllowed: a document at the bounds is read.
func TestAllowed(t *testing.T) {
	var b strings.Builder
	for i := range Default.Keys {
		fmt.Fprintf(&b, "k%d: v\n", i)
	}
	var into map[string]string
	if f := Decode([]byte(b.String()), &into); f != nil || len(into) != Default.Keys {
		t.Errorf("%d keys: %v", len(into), f)
	}
}

// steps nests n block mappings.
func steps(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}

func TestDepth(t *testing.T) {
	nest := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	var into any
	if f := Decode([]byte("a: "+nest(Default.Depth-1)), &into); f != nil {
		t.Errorf("depth %d: %v", Default.Depth, f)
	}
	if f := Decode([]byte("a: "+nest(Default.Depth+1)), &into); len(f) != 1 || f[0].Code != "yaml_depth" {
		t.Errorf("depth %d: %v", Default.Depth+2, f)
	}
}

func TestControlCharacters(t *testing.T) {
	for src, where := range map[string]string{
		"a: x\x00":                "line 1, column 5",
		"a: 1\r\nb: \xff":         "line 2, column 4",
		"a: 1\n名称: \x1b[31m":      "line 2, column 5",
		"a: 1\rb: 2\rc: \xc3\x28": "line 3, column 4",
	} {
		var into any
		if f := Decode([]byte(src), &into); len(f) != 1 || f[0].Code != "yaml_utf8" || f[0].Where != where {
			t.Errorf("%q: %v, want yaml_utf8 at %s", src, f, where)
		}
	}
}

func FuzzDecode(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.txt")
	for _, file := range files {
		raw, _ := os.ReadFile(file)
		input, _, _ := strings.Cut(string(raw), "-- faults --\n")
		f.Add([]byte(input))
	}
	f.Add([]byte("a: &x [*x]\n<<: *x\n? [a]\n: !!str b\n--- \n..."))
	f.Fuzz(func(t *testing.T, data []byte) {
		var s sample
		faults := Decode(data, &s)
		if len(faults) > maxFaults+1 {
			t.Errorf("%d faults", len(faults))
		}
		for _, x := range faults {
			if x.Code == "" || x.Message.ZH == "" || x.Message.EN == "" {
				t.Errorf("fault without code or message: %+v", x)
			}
		}
		var a any
		Decode(data, &a)
	})
}
