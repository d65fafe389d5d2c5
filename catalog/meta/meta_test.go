package meta

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aihub"
	"aihub/scenarios"
	"aihub/scenarios/packs"
)

var update = flag.Bool("update", false, "rewrite testdata")

func entry() Entry {
	at := time.Date(2026, 3, 1, 9, 0, 0, 0, time.FixedZone("CST", 8*3600))
	return Entry{
		DatasetVersion: aihub.DatasetVersion{
			Ref: aihub.Ref{Name: "events", Version: 2}, Org: "futian", State: aihub.DatasetPublished,
			Title:       aihub.Text{ZH: "事件上报", EN: "Event reports"},
			Description: aihub.Text{ZH: "居民上报的事件。", EN: "Events that residents report."},
			License:     "Open Data Licence of the City 1.0", Key: "id",
			Columns: []aihub.Column{
				{Name: "id", Type: "string"}, {Name: "text", Type: "string", Note: aihub.Text{ZH: "正文", EN: "what happened"}},
				{Name: "at", Type: "timestamp"}, {Name: "n", Type: "int64"}, {Name: "share", Type: "float64"},
				{Name: "day", Type: "date"}, {Name: "urgent", Type: "bool"}, {Name: "department", Type: "string", Truth: true},
			},
			Parts:   []aihub.PartFile{{Part: aihub.Sample, Rows: 100}, {Part: aihub.Train, Rows: 800}, {Part: aihub.Test, Rows: 300}},
			Content: aihub.DigestOf([]byte("content")), Plan: aihub.DigestOf([]byte("plan")), Raw: aihub.DigestOf([]byte("raw")),
			CreatedAt: at, DecidedAt: at.Add(time.Hour),
			Risk: aihub.RiskRecord{Quasi: []string{"at", "share"}, Rows: 1200, Suppressed: 7, Limits: []aihub.RiskLimit{{Key: "k", Rule: ">=", Limit: 5, Measured: 12}, {Key: "max_risk", Rule: "<=", Limit: 0.2, Measured: 0.03125}}},
		},
		Agency: aihub.Text{ZH: "福田区政务服务数据管理局", EN: "Futian data bureau"}, Base: "https://aihub.example",
		Sample: File{SHA256: strings.Repeat("ab", 32), Bytes: 12345, Rows: 100},
	}
}

// The projections, whole: a change of them is a change of what others read.
func TestGolden(t *testing.T) {
	all := map[string]any{}
	for _, f := range Formats {
		v, err := Render(entry(), f)
		if err != nil {
			t.Fatal(err)
		}
		all[f] = v
	}
	all["catalog"] = Catalog("https://aihub.example", aihub.Text{ZH: "数据目录", EN: "Catalogue"}, []Entry{entry()})
	all["task"] = task(t)
	album := entry()
	album.Columns[1].File = true
	album.Files = File{SHA256: strings.Repeat("cd", 32), Bytes: 678, Rows: 100}
	for _, f := range Formats {
		v, err := Render(album, f)
		if err != nil {
			t.Fatal(err)
		}
		all["media-"+f] = v
	}
	for _, f := range []string{"croissant", "dcat"} {
		v, err := Render(withdrawn(), f)
		if err != nil {
			t.Fatal(err)
		}
		all["withdrawn-"+f] = v
	}
	all["board"] = results()
	for name, v := range all {
		got, err := json.MarshalIndent(v, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join("testdata", name+".json")
		if *update {
			if err := os.WriteFile(file, append(got, '\n'), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(strings.TrimSpace(string(want)), string(got)); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
	if _, err := Render(withdrawn(), "datapackage"); aihub.KindOf(err) != aihub.Refused {
		t.Errorf("a data package without data: %v", err)
	}
	if _, err := Render(entry(), "html"); aihub.KindOf(err) != aihub.Invalid {
		t.Errorf("an unknown format: %v", err)
	}
}

// withdrawn is the entry after its steward has taken it back: it has no files.
func withdrawn() Entry {
	e := entry()
	e.State, e.DecidedAt, e.Sample = aihub.DatasetWithdrawn, e.DecidedAt.Add(40*24*time.Hour), File{}
	e.Reason = "a column was masked too weakly / 某列脱敏不足"
	return e
}

func results() any {
	at := entry().CreatedAt
	return Board("https://aihub.example", aihub.Scenario{Ref: aihub.Ref{Name: "event-dispatch", Version: 1}, Dataset: entry().Ref, Title: entry().Title}, "open", at, []Result{
		{ID: "sub-1", Name: "bayes", Org: aihub.Text{ZH: "甲公司", EN: "Acme"}, Image: aihub.DigestOf([]byte("image")), Round: "open", Rank: 1, At: at, Shown: at.Add(time.Hour),
			Values: []aihub.MetricValue{{ID: "f1", Signature: "f1@1", Value: 0.8, N: 300, Status: aihub.MetricOK, Lo: 0.7, Hi: 0.9}, {ID: "auc", Status: aihub.MetricUndefined, Reason: "no_scorer"}},
			Proof:  &aihub.Certificate{Error: 0.1, Delta: 0.05}},
		{ID: "sub-2", Name: "none yet", Org: aihub.Text{ZH: "乙公司", EN: "Other"}, Round: "open", Baseline: true, At: at},
	})
}

func task(t *testing.T) any {
	pack, ok := packs.Get("event-dispatch")
	if !ok {
		t.Fatal("no pack")
	}
	spec, _, err := scenarios.Parse("scenario.yaml", pack.Spec)
	if err != nil {
		t.Fatal(err)
	}
	e := entry()
	return Task("https://aihub.example", &e, aihub.Scenario{
		Ref: aihub.Ref{Name: spec.Name, Version: 1}, Title: spec.Title, Summary: spec.Summary, Field: spec.Field, Area: spec.Area,
		Dataset: aihub.Ref{Name: "events", Version: 2}, Digest: aihub.DigestOf([]byte("x")), PublishedAt: entry().CreatedAt,
	}, spec)
}

// What mlcroissant requires of a Croissant 1.1 file, and warns of, as rules;
// `make check-croissant` asks the validator itself.
func TestCroissantRules(t *testing.T) {
	t.Parallel()
	album := entry()
	album.Files = File{SHA256: strings.Repeat("cd", 32), Bytes: 678, Rows: 100}
	for name, v := range map[string]any{"a table": Croissant(entry()), "a folder": Croissant(album), "a task": task(t)} {
		t.Run(name, func(t *testing.T) { croissantRules(t, v) })
	}
}

func croissantRules(t *testing.T, v any) {
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var d map[string]any
	if err := json.Unmarshal(raw, &d); err != nil {
		t.Fatal(err)
	}
	// Missing ones of the first line are errors, the others warnings.
	for _, key := range []string{"@context", "@type", "conformsTo", "name", "description", "license", "url", "creator", "distribution", "recordSet",
		"citeAs", "datePublished", "version"} {
		if d[key] == nil {
			t.Errorf("%s is missing", key)
		}
	}
	if !strings.Contains(string(raw), `"sc:Dataset"`) || !strings.Contains(string(raw), "http://mlcommons.org/croissant/1.1") {
		t.Error("no Croissant 1.1 dataset")
	}
	if v, _ := d["version"].(string); !regexp.MustCompile(`^\d+\.\d+\.\d+$`).MatchString(v) {
		t.Errorf("version %q is no MAJOR.MINOR.PATCH", v)
	}
	id := func(x any) string {
		m, _ := x.(map[string]any)
		s, _ := m["@id"].(string)
		return s
	}
	seen := map[string]bool{} // every @id names one node
	once := func(x any) string {
		s := id(x)
		if s == "" || seen[s] {
			t.Errorf("%q names no node, or two", s)
		}
		seen[s] = true
		return s
	}
	files := map[string]bool{}
	for _, x := range d["distribution"].([]any) {
		f := x.(map[string]any)
		switch f["@type"] {
		case "cr:FileObject":
			if sum, _ := f["sha256"].(string); f["contentUrl"] == nil || f["encodingFormat"] == nil || !regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(sum) {
				t.Errorf("file %v lacks an address, a format or a checksum", f["@id"])
			}
		case "cr:FileSet":
			if !files[id(f["containedIn"])] || f["includes"] == nil || f["encodingFormat"] == nil {
				t.Errorf("file set %v lies in no file, or includes none", f["@id"])
			}
		default:
			t.Errorf("%v is no kind of resource", f["@type"])
		}
		if names, _ := f["name"].(map[string]any); len(names) != 1 { // of a file set, more are an error
			t.Errorf("resource %v has the names %v", f["@id"], f["name"])
		}
		files[once(f)] = true
	}
	for _, x := range d["recordSet"].([]any) {
		set := x.(map[string]any)
		fields := map[string]bool{}
		for _, y := range set["field"].([]any) {
			f := y.(map[string]any)
			at := once(f)
			fields[at] = true
			if !strings.HasPrefix(at, id(set)+"/") || f["name"] == nil || f["description"] == nil {
				t.Errorf("field %s lies in another set, or has no name or description", at)
			}
			if f["dataType"] == nil {
				t.Errorf("%s has no type", at)
			}
			source := f["source"].(map[string]any)
			if from := id(source["fileObject"]); !files[from] || source["extract"] == nil {
				t.Errorf("%s comes from no file: %s", at, from)
			}
		}
		if key := id(set["key"]); !fields[key] {
			t.Errorf("key %s is no field", key)
		}
	}
}

// What was measured is told, and that nothing was.
func TestMeasured(t *testing.T) {
	t.Parallel()
	e := entry()
	for want, risk := range map[string]aihub.RiskRecord{"k >= 5 (12); max_risk <= 0.2 (0.03125)": e.Risk, "none was measured": {}} {
		e.Risk = risk
		raw, err := json.Marshal(Croissant(e))
		if err != nil || !strings.Contains(strings.ReplaceAll(strings.ReplaceAll(string(raw), `\u003e`, ">"), `\u003c`, "<"), want) {
			t.Errorf("%v: no %q in\n%s", err, want, raw)
		}
	}
}

// Nothing of a description tells about hidden rows more than their number.
func TestHiddenPartsHaveNoFiles(t *testing.T) {
	e := entry()
	secret := aihub.DigestOf([]byte("a hidden file"))
	e.Parts[2].Input, e.Parts[2].Truth = secret, secret
	for _, f := range Formats {
		v, _ := Render(e, f)
		raw, _ := json.Marshal(v)
		if strings.Contains(string(raw), secret.Hex()) {
			t.Errorf("%s names a hidden file", f)
		}
	}
}
