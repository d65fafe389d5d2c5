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
	if _, err := Render(entry(), "html"); aihub.KindOf(err) != aihub.Invalid {
		t.Errorf("an unknown format: %v", err)
	}
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
	return Task("https://aihub.example", aihub.Scenario{
		Ref: aihub.Ref{Name: spec.Name, Version: 1}, Title: spec.Title, Summary: spec.Summary, Field: spec.Field, Area: spec.Area,
		Dataset: aihub.Ref{Name: "events", Version: 2}, Digest: aihub.DigestOf([]byte("x")), PublishedAt: entry().CreatedAt,
	}, spec)
}

// What Croissant 1.1 requires, as rules; `make croissant` asks its own validator.
func TestCroissantRules(t *testing.T) {
	raw, err := json.Marshal(Croissant(entry()))
	if err != nil {
		t.Fatal(err)
	}
	var d map[string]any
	if err := json.Unmarshal(raw, &d); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"@context", "@type", "conformsTo", "name", "description", "license", "url", "creator", "datePublished", "distribution", "recordSet"} {
		if d[key] == nil {
			t.Errorf("%s is missing", key)
		}
	}
	if d["@type"] != "sc:Dataset" || !strings.Contains(string(raw), "http://mlcommons.org/croissant/1.1") {
		t.Error("no Croissant 1.1 dataset")
	}
	files := map[string]bool{}
	for _, x := range d["distribution"].([]any) {
		f := x.(map[string]any)
		files[f["@id"].(string)] = true
		if f["contentUrl"] == nil || f["encodingFormat"] == nil || !regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(f["sha256"].(string)) {
			t.Errorf("file %v lacks an address, a format or a checksum", f["@id"])
		}
	}
	ids := map[string]bool{}
	for _, x := range d["recordSet"].([]any) {
		set := x.(map[string]any)
		for _, y := range set["field"].([]any) {
			f := y.(map[string]any)
			id := f["@id"].(string)
			if ids[id] || !strings.HasPrefix(id, set["@id"].(string)+"/") {
				t.Errorf("field id %s", id)
			}
			ids[id] = true
			if f["dataType"] == nil {
				t.Errorf("%s has no type", id)
			}
			if from := f["source"].(map[string]any)["fileObject"].(map[string]any)["@id"].(string); !files[from] {
				t.Errorf("%s comes from no file: %s", id, from)
			}
		}
		if key := set["key"].(map[string]any)["@id"].(string); !ids[key] {
			t.Errorf("key %s is no field", key)
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
