package scenarios

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aihub"
)

// lights is the dataset version that testdata/minimal.txt pins.
func lights() aihub.DatasetVersion {
	return aihub.DatasetVersion{
		Ref: aihub.Ref{Name: "street-lights", Version: 1}, Key: "lamp_id",
		Columns: []aihub.Column{
			{Name: "lamp_id", Type: "string"}, {Name: "amps", Type: "float64"}, {Name: "hours", Type: "int64"},
			{Name: "路段", Type: "string"}, {Name: "state", Type: "string", Truth: true}, {Name: "score", Type: "float64", Truth: true},
		},
		Parts: []aihub.PartFile{{Part: aihub.Sample, Rows: 200}, {Part: aihub.Test, Rows: 2025}, {Part: aihub.Final, Rows: 500}},
	}
}

func TestLintAgainst(t *testing.T) {
	spec, _ := parseGood(t)
	if f := LintAgainst(spec, lights()); f != nil {
		t.Fatal(f)
	}
	for name, c := range map[string]struct {
		change func(*Spec, *aihub.DatasetVersion)
		want   []string // code@place
	}{
		"another version": {func(s *Spec, v *aihub.DatasetVersion) { v.Ref.Version = 2 }, []string{"wrong_dataset@dataset"}},
		"key":             {func(s *Spec, v *aihub.DatasetVersion) { v.Key = "id" }, []string{"wrong_key@input.key"}},
		"column":          {func(s *Spec, v *aihub.DatasetVersion) { s.Input.Columns[1] = "volts" }, []string{"unknown_column@input.columns[1]"}},
		"other truth as input": {func(s *Spec, v *aihub.DatasetVersion) { s.Input.Columns[1] = "score" },
			[]string{"truth_in_input@input.columns[1]"}},
		"truth is public": {func(s *Spec, v *aihub.DatasetVersion) { v.Columns[4].Truth = false }, []string{"unknown_column@truth.column"}},
		"truth of a type": {func(s *Spec, v *aihub.DatasetVersion) { v.Columns[4].Type = "int64" }, []string{"wrong_type@truth.type"}},
		"no test rows":    {func(s *Spec, v *aihub.DatasetVersion) { v.Parts[1].Rows = 0 }, []string{"no_part@rounds[0].part"}},
		"no sample":       {func(s *Spec, v *aihub.DatasetVersion) { v.Parts = v.Parts[1:] }, []string{"no_part@dataset"}},
		"few rows":        {func(s *Spec, v *aihub.DatasetVersion) { v.Parts[1].Rows = 1999 }, []string{"step_too_fine@sharing.score.step", "too_few_rows@rounds[0].quota"}},
		"no train rows":   {func(s *Spec, v *aihub.DatasetVersion) { s.Train = &Train{} }, []string{"no_part@train"}},
		"several at once": {func(s *Spec, v *aihub.DatasetVersion) { v.Key = "id"; s.Truth.Column = "amps" }, []string{"wrong_key@input.key", "unknown_column@truth.column"}},
		"slices": {func(s *Spec, v *aihub.DatasetVersion) {
			s.Slices = []Slice{{By: []string{"路段"}, Min: 100}, {By: []string{"ward"}, Min: 100}, {By: []string{"amps"}, Min: 1013}}
		}, []string{"unknown_column@slices[1].by[0]", "wrong_type@slices[2].by[0]", "too_few_rows@slices[2].min"}},
		"a unit":            {func(s *Spec, v *aihub.DatasetVersion) { s.Unit = "路段" }, nil},
		"a unit of nothing": {func(s *Spec, v *aihub.DatasetVersion) { s.Unit = "ward" }, []string{"unknown_column@unit"}},
		"a unit of numbers": {func(s *Spec, v *aihub.DatasetVersion) { s.Unit = "amps" }, []string{"wrong_type@unit"}},
		"final asked once":  {func(s *Spec, v *aihub.DatasetVersion) { s.Rounds[0].Part, s.Rounds[0].Quota = "final", 1 }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			spec, v := spec, lights()
			spec.Input.Columns, spec.Rounds = slices.Clone(spec.Input.Columns), slices.Clone(spec.Rounds)
			c.change(&spec, &v)
			var got []string
			for _, f := range LintAgainst(spec, v) {
				got = append(got, f.Code+"@"+f.Where)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestPrecision holds the rule of 1.8·(0.5/√n) times the range, and the step
// that the message proposes must itself pass.
func TestPrecision(t *testing.T) {
	spec, _ := parseGood(t)
	for _, c := range []struct {
		rows int64
		hi   float64
		step float64
		want string // proposed step; "" when it passes
	}{
		{2025, 1, 0.02, ""},
		{2024, 1, 0.02, "at least 0.021"},
		{8100, 1, 0.01, ""},
		{100, 1, 0.02, "at least 0.09"},
		{2025, 50, 1, ""},
		{2025, 50, 0.5, "at least 1,"},
	} {
		spec.Sharing.Score.Step, spec.Sharing.Score.Range = c.step, []float64{0, c.hi}
		f := LintWithRows(spec, map[aihub.Part]int64{aihub.Test: c.rows})
		if (len(f) == 0) != (c.want == "") || len(f) > 0 && !strings.Contains(f[0].Message.EN, c.want) {
			t.Errorf("%d rows, step %g of %g: %v, want %q", c.rows, c.step, c.hi, f, c.want)
		}
		if f != nil && !strings.Contains(f[0].Message.ZH, " 2024 行") && c.rows == 2024 {
			t.Errorf("Chinese message: %s", f[0].Message.ZH)
		}
	}
}

func TestLocate(t *testing.T) {
	spec, _ := parseGood(t)
	v := lights()
	v.Key, v.Parts[1].Rows = "id", 1000
	f := Locate([]byte(good(t)), LintAgainst(spec, v))
	if len(f) != 3 || f[0].Where != "line 16, column 8" || f[1].Where != "line 28, column 11" {
		t.Errorf("%v", f)
	}
}

func TestProbabilityMetrics(t *testing.T) {
	src := strings.Replace(good(t), "    - {name: state, type: string}", "    - {name: p, type: float64}", 1)
	src = strings.Replace(src, "use: f1@1", "{use: log_loss@1, params: {eps: 1e-6}}", 1)
	src = strings.Replace(src, "step: 0.02", "step: 0.1\n    range: [0, 5]", 1)
	spec, _, err := Parse("spec.yaml", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	m := spec.Metrics[0]
	if diff := cmp.Diff(map[string]any{"eps": 1e-6, "positive": "broken"}, m.Params); diff != "" {
		t.Error(diff)
	}
	if c := spec.Output.Columns[0]; m.Prediction != "p" || !slices.Equal(c.Range, []float64{0, 1}) {
		t.Errorf("prediction %q, column %+v", m.Prediction, c)
	}

	// One column per class: no positive class, and as many columns as classes.
	src = strings.Replace(src, "{name: p, type: float64}", "{name: p, type: float64, sums_to_one: [q]}\n    - {name: q, type: float64}", 1)
	if spec, _, err = Parse("spec.yaml", []byte(src)); err != nil {
		t.Fatal(err)
	}
	m = spec.Metrics[0]
	if _, group := spec.Scored(m); m.Params["positive"] != nil || m.Prediction != "p" || !slices.Equal(group, []string{"p", "q"}) {
		t.Errorf("%+v, group %v", m, group)
	}
	_, _, err = Parse("spec.yaml", []byte(strings.Replace(src, "[ok, broken]", "[ok, broken, dark]", 1)))
	if err == nil || !strings.Contains(err.Error(), "2 columns sum to one, but there are 3 truth.classes") {
		t.Error(err)
	}
}

func TestValues(t *testing.T) {
	for in, want := range map[string]Bytes{"64MiB": 64 * MiB, "1GiB": GiB, "3 KiB": 3 * KiB, "12345": 12345, "0": 0} {
		var b Bytes
		if err := b.UnmarshalText([]byte(in)); err != nil || b != want {
			t.Errorf("%s: %d, %v", in, b, err)
		}
	}
	for _, in := range []string{"", "-1", "1GB", "1.5GiB", "99999999999GiB", "9223372036854775808", "MiB"} {
		if err := new(Bytes).UnmarshalText([]byte(in)); aihub.KindOf(err) != aihub.Invalid {
			t.Errorf("%q was read", in)
		}
	}
	for b, want := range map[Bytes]string{64 * MiB: "64MiB", GiB: "1GiB", 1536 * MiB: "1536MiB", 1000: "1000", 0: "0"} {
		if b.String() != want {
			t.Errorf("%d: %s", int64(b), b)
		}
	}
	for d, want := range map[time.Duration]string{90 * time.Second: "1m30s", 5 * time.Minute: "5m", 24 * time.Hour: "24h", time.Second: "1s", 0: "0s", 250 * time.Millisecond: "250ms"} {
		raw, _ := json.Marshal(Duration(d))
		var back Duration
		if err := json.Unmarshal(raw, &back); string(raw) != `"`+want+`"` || err != nil || time.Duration(back) != d {
			t.Errorf("%s: %s, back %v (%v)", d, raw, back, err)
		}
	}
	var b struct{ A, B Bytes }
	if err := json.Unmarshal([]byte(`{"A":"2KiB","B":2048}`), &b); err != nil || b.A != b.B {
		t.Error(b, err)
	}
}

func TestTask(t *testing.T) {
	spec, _ := parseGood(t)
	task, err := NewTask(aihub.Ref{Name: "street-lights", Version: 3}, spec, lights().Columns)
	if err != nil {
		t.Fatal(err)
	}
	b, err := task.JSON()
	if err != nil {
		t.Fatal(err)
	}
	var c strings.Builder
	json.NewEncoder(&c).Encode(json.RawMessage(b))
	want := `{"scenario":"street-lights@3","input":{"file":"input.csv","format":"csv","key":"lamp_id","columns":[{"name":"amps","type":"float64"},{"name":"hours","type":"int64"},{"name":"路段","type":"string"}]},` +
		`"output":{"file":"predictions.csv","format":"csv","key":"lamp_id","columns":[{"name":"state","type":"string","classes":["ok","broken"]}]}}`
	if got := strings.TrimSpace(c.String()); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	spec.Input.Columns[0] = "volts"
	if _, err := NewTask(aihub.Ref{Name: "x", Version: 1}, spec, lights().Columns); err == nil {
		t.Error("a column that the dataset does not have was accepted")
	}
}

// TestVocabulary: every word of the language is in both languages.
func TestVocabulary(t *testing.T) {
	for name, m := range KnownMetrics {
		if m.Title.ZH == "" || m.Title.EN == "" || m.Direction != "max" && m.Direction != "min" && !m.Needs.Scorer() {
			t.Errorf("%s: %+v", name, m)
		}
		for _, p := range m.Params {
			if p.Doc.ZH == "" || p.Doc.EN == "" {
				t.Errorf("%s, %s: no description", name, p.Name)
			}
		}
	}
	for _, words := range []map[string]aihub.Text{Fields, Areas} {
		for k, v := range words {
			if v.ZH == "" || v.EN == "" {
				t.Errorf("%s: %+v", k, v)
			}
		}
	}
}

// A unit is a column of its own; a part is worth as many rows as it has units.
func TestLintUnit(t *testing.T) {
	spec, _ := parseGood(t)
	for column, want := range map[string][]string{"路段": nil, "lamp_id": {"key_in_columns@unit"}, "state": {"bad_value@unit"}, " x": {"bad_value@unit"}} {
		spec := spec
		spec.Unit = column
		var got []string
		for _, f := range Lint(spec) {
			got = append(got, f.Code+"@"+f.Where)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: %s", column, diff)
		}
	}
	spec.Unit = "路段"
	if f := LintWithUnits(spec, map[aihub.Part]int64{"test": 2025}); f != nil {
		t.Error(f)
	}
	f := LintWithUnits(spec, map[aihub.Part]int64{"test": 400})
	if len(f) == 0 || f[0].Code != "step_too_fine" || !strings.Contains(f[0].Message.EN, `by unit "路段"`) || !strings.Contains(f[0].Message.ZH, "按单元") {
		t.Errorf("%+v", f)
	}
	if cols := (Spec{Unit: "a", Slices: []Slice{{By: []string{"a", "b"}}}}).GroupColumns(); !slices.Equal(cols, []string{"a", "b"}) {
		t.Error(cols)
	}
}

// What a slice of groups may not be.
func TestLintSlices(t *testing.T) {
	spec, _ := parseGood(t)
	for name, c := range map[string]struct {
		slices []Slice
		want   []string
	}{
		"good":       {[]Slice{{[]string{"a"}, 20}, {[]string{"b", "c"}, 1000}}, nil},
		"nothing":    {[]Slice{{nil, 100}}, []string{"missing@slices[0].by"}},
		"too small":  {[]Slice{{[]string{"a"}, 19}}, []string{"out_of_range@slices[0].min"}},
		"key, twice": {[]Slice{{[]string{"lamp_id", "a", "a"}, 100}}, []string{"key_in_columns@slices[0].by[0]", "duplicate@slices[0].by[2]"}},
		"many":       {[]Slice{{[]string{"a", "b", "c", "d"}, 100}}, []string{"too_many@slices[0].by"}},
		"nested":     {[]Slice{{[]string{"a", "b"}, 100}, {[]string{"b"}, 100}}, []string{"nested_slices@slices[1].by"}},
		"the same":   {[]Slice{{[]string{"a", "b"}, 100}, {[]string{"b", "a"}, 100}}, []string{"nested_slices@slices[1].by"}},
		"six":        {make([]Slice, 6), []string{"too_many@slices"}},
	} {
		spec := spec
		spec.Slices = c.slices
		var got []string
		for _, f := range Lint(spec) {
			if f.Message.EN == "" || f.Message.ZH == "" {
				t.Errorf("%s: %+v", name, f)
			}
			got = append(got, f.Code+"@"+f.Where)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
