package meta

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aihub"
)

// What others wrote, and what we write ourselves, can be taken.
func TestRead(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text string
		want Described
	}{
		"croissant": {`{"@type": "sc:Dataset", "conformsTo": "http://mlcommons.org/croissant/1.1", "name": "Flows", "description": "Water", "license": "https://x/y",
			"distribution": [{"@type": "cr:FileObject", "@id": "flows.csv", "contentUrl": "data/flows.csv"}],
			"recordSet": [{"@id": "splits", "field": [{"@id": "splits/name", "dataType": "sc:Text"}]},
			 {"@id": "r", "key": {"@id": "r/id"}, "field": [
			  {"@id": "r/id", "dataType": "sc:Text", "source": {"fileObject": {"@id": "flows.csv"}, "extract": {"column": "id"}}},
			  {"@id": "r/day", "dataType": ["sc:Date", "wd:Q1"], "description": "which day", "source": {"fileObject": {"@id": "flows.csv"}, "extract": {"column": "day"}}},
			  {"@id": "r/x", "dataType": "cr:Float64", "source": {"fileObject": {"@id": "flows.csv"}, "extract": {"column": "x"}}}]}]}`,
			Described{Format: "croissant", Name: "Flows", Title: "Flows", Description: "Water", License: "https://x/y", File: "data/flows.csv", Key: "id",
				Columns: []DescribedColumn{{"id", "string", "", ""}, {"day", "date", "which day", ""}, {"x", "float64", "", ""}}}},
		"datapackage": {`{"name": "flows", "title": "Flows", "licenses": [{"name": "CC0-1.0"}], "resources": [{"name": "doc", "path": "doc.pdf"},
			{"path": ["flows.csv"], "encoding": "gb18030", "dialect": {"delimiter": ";"}, "schema": {"primaryKey": ["id"], "missingValues": ["", "NA", "-99"], "fields": [
			{"name": "id", "type": "string"}, {"name": "n", "type": "integer", "title": "how many", "missingValues": ["", "-1", {"value": "-2", "label": "refused"}]}, {"name": "where", "type": "geopoint"}]}}]}`,
			Described{Format: "datapackage", Name: "flows", Title: "Flows", License: "CC0-1.0", File: "flows.csv", Delimiter: ";", Encoding: "gb18030", Key: "id", Missing: []string{"NA", "-99"}, MissingOf: map[string][]string{"n": {"-1", "-2"}},
				Columns: []DescribedColumn{{"id", "string", "", ""}, {"n", "int64", "how many", ""}, {"where", "", "", ""}}}},
		"odcs": {`apiVersion: v3.1.0
kind: DataContract
id: flows-contract
name: Flows
version: 1.0.0
status: active
description:
  purpose: Water flows
schema:
  - name: flows
    physicalName: flows_2026
    logicalType: object
    properties:
      - name: id
        logicalType: string
        primaryKey: true
        primaryKeyPosition: 1
      - name: at
        logicalType: timestamp
        description: when
        classification: Restricted
        tags: [PII, geo]
`, Described{Format: "odcs", Name: "Flows", Title: "Flows", Description: "Water flows", File: "flows_2026", Key: "id",
			Columns: []DescribedColumn{{"id", "string", "", ""}, {"at", "timestamp", "when", "Restricted, PII"}}}},
		"two keys": {`{"resources": [{"path": "a.csv", "schema": {"primaryKey": ["a", "b"], "fields": [{"name": "a", "type": "string"}, {"name": "b", "type": "string"}]}}]}`,
			Described{Format: "datapackage", File: "a.csv", Keys: []string{"a", "b"}, Columns: []DescribedColumn{{"a", "string", "", ""}, {"b", "string", "", ""}}}},
		"physical names": {`# a contract
{apiVersion: v3.1.0, kind: DataContract, id: c, schema: [{name: t, properties: [
			{name: id, physicalName: F_ID, logicalType: string, primaryKey: true}, {name: no, physicalName: F_NO, logicalType: integer, primaryKey: true}, {name: x, unique: true, required: true}]}]}`,
			Described{Format: "odcs", Name: "c", File: "t", Keys: []string{"F_ID", "F_NO"}, Columns: []DescribedColumn{{"F_ID", "string", "", ""}, {"F_NO", "int64", "", ""}, {"x", "", "", ""}},
				Logical: map[string]string{"F_ID": "id", "F_NO": "no"}}},
	} {
		got, err := Read([]byte(c.text))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	for _, format := range []string{"croissant", "datapackage"} {
		v, err := Render(entry(), format)
		if err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		d, err := Read(b)
		if err != nil || len(d.Columns) != len(entry().Columns) || d.Key != entry().Key || d.License != entry().License {
			t.Errorf("our own %s: %+v %v", format, d, err)
		}
		for i, c := range d.Columns {
			if c.Name != entry().Columns[i].Name || c.Type != entry().Columns[i].Type {
				t.Errorf("our own %s: column %+v", format, c)
			}
		}
	}
}

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "{", "{}", `{"resources": 3}`, `{"resources": [{"schema": {"fields": [{"name": "a"}, {"name": "a"}]}}]}`, `{"recordSet": [{"field": {}}]}`,
		"kind: Pod\n", "a: [", "kind: DataContract\n", `{"resources": [{"schema": {"fields": [{"name": ""}]}}]}`, strings.Repeat(" ", maxDescription+1)} {
		if _, err := Read([]byte(s)); aihub.KindOf(err) != aihub.Contract {
			t.Errorf("%.40q: %v", s, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"resources": [{"schema": {"fields": [{"name": "a", "type": "string"}]}}]}`))
	f.Add([]byte("kind: DataContract\nschema: [{properties: [{name: a}]}]\n"))
	f.Add([]byte(`{"recordSet": [{"key": {"@id": "x"}, "field": [{"@id": "x", "source": {"extract": {"column": "c"}}}]}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := Read(b)
		if err == nil && len(d.Columns) == 0 {
			t.Error("no columns and no error")
		}
	})
}
