package scenarios

import (
	"bytes"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"aihub/internal/yamlx"
)

func compiled(t testing.TB) *jsonschema.Schema {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("spec.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("spec.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// validate reads src as an editor would, as plain YAML values.
func validate(t testing.TB, s *jsonschema.Schema, src string) error {
	var v any
	if f := yamlx.Decode([]byte(src), &v); f != nil {
		t.Fatal(f)
	}
	return s.Validate(v)
}

func TestSchemaAccepts(t *testing.T) {
	s := compiled(t)
	if err := validate(t, s, good(t)); err != nil {
		t.Error(err)
	}
	// The canonical form, with every key there is, is a spec, too.
	full := strings.NewReplacer(
		"type: string}", "type: string}\n    - {name: p, type: float64, sums_to_one: [q]}\n    - {name: q, type: float64, range: [0, 1]}",
		"use: f1@1", "{use: f1@1, primary: true, prediction: state}\n  - {use: log_loss@1, prediction: p}",
		"metrics:", "contact: a@example.org\nenvironment: {AIHUB_LANG: zh}\nlimits: {memory: 1GiB, wall: 1m30s, tmp: 1048576}\nmetrics:",
		"- name: spring", "- {name: spring, bits: 200, opens: 2026-01-01T00:00:00+08:00, closes: 2026-12-31T00:00:00+08:00}\n  - {name: last, part: final, closes: 2027-01-31T00:00:00+08:00}",
	).Replace(good(t))
	_, canonical, err := Parse("spec.yaml", []byte(full))
	if err != nil {
		t.Fatal(err)
	}
	for _, src := range []string{full, string(canonical)} {
		if err := validate(t, s, src); err != nil {
			t.Errorf("%v\n%s", err, src)
		}
	}
}

func TestSchemaRefuses(t *testing.T) {
	s := compiled(t)
	for _, c := range broken {
		if !c.schema {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			if validate(t, s, strings.Replace(good(t), c.old, c.new, 1)) == nil {
				t.Error("the schema accepts it")
			}
		})
	}
}
