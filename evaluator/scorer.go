package evaluator

import (
	"archive/tar"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"aihub"
	"aihub/internal/table"
	"aihub/scenarios"
)

// Judging is what a scenario's own scorer is shown: see package sandbox, which
// runs it. Files lie below Dir, an empty directory.
type Judging struct {
	Ref         aihub.Ref
	Spec        scenarios.Spec
	Truth       string // Parquet, under the dataset's keys
	Input       string // Parquet, likewise; "" when the scorer does not want it
	Predictions string
	RowKey      []byte
	Dir         string
}

// Judge runs the scorer and returns what it packed. A scorer that fails, or is
// not deterministic, is a Contract error.
type Judge func(context.Context, Judging) (packed string, err error)

// Custom reads what a scorer wrote, together with the metrics that the platform
// computes itself.
type Custom struct {
	Spec     scenarios.Spec
	Seed     string // see NewPlan
	Key      string // as in Scoring, and the rest
	Input    string
	RowKey   []byte
	Dir      string
	Took     time.Duration
	Progress func(done, of int64)
}

// Run returns the values of every metric in the order of the spec. What is wrong
// with the predictions is in Scored.Faults; what is wrong with the scorer's
// files is a Contract error.
func (c Custom) Run(ctx context.Context, truthPath, predictionsPath, packedPath string) (out Scored, err error) {
	byID := map[string]aihub.MetricValue{}
	primary, _ := c.Spec.PrimaryMetric()
	one := func(spec scenarios.Spec, path string) (Scored, error) {
		plan, err := NewPlan(spec, c.Seed)
		if err != nil {
			return Scored{}, err
		}
		got, err := Scoring{Plan: plan, Key: c.Key, Input: c.Input, RowKey: c.RowKey, Dir: c.Dir, Took: c.Took, Progress: c.Progress}.Run(ctx, truthPath, path)
		if err != nil || got.Faults != nil {
			return got, err
		}
		for _, v := range got.Values {
			byID[v.ID] = v
		}
		if got.Sample != nil {
			out.Sample = got.Sample
		}
		return got, nil
	}
	// Also without a metric of ours: the predictions are checked.
	if got, err := one(c.Spec.Builtin(), predictionsPath); err != nil || got.Faults != nil {
		return got, err
	}
	scores, perUnit, err := c.unpack(packedPath)
	if err != nil {
		return Scored{}, err
	}
	var rows int64
	if perUnit != "" {
		got, err := one(c.Spec.OfUnits(), perUnit)
		if err != nil {
			return Scored{}, err
		}
		if got.Faults != nil {
			return Scored{}, badScorer(got.Faults)
		}
	}
	for _, v := range byID {
		rows = max(rows, v.N)
	}
	for _, m := range c.Spec.Metrics {
		v, known := byID[m.ID]
		switch needs := scenarios.KnownMetrics[m.Use].Needs; {
		case needs == scenarios.NeedsScoreKey:
			v = aihub.MetricValue{ID: m.ID, Value: scores[m.Prediction], N: rows, Status: aihub.MetricOK}
			fallthrough
		case needs.Scorer():
			v.Signature = fmt.Sprintf("%s|image=%s|name=%s", m.Use, c.Spec.Scorer.Image, m.Prediction) + onUndefined(m)
		case !known:
			return Scored{}, fmt.Errorf("evaluator: no value for metric %s", m.ID)
		}
		out.Values = append(out.Values, v)
	}
	if scenarios.KnownMetrics[primary.Use].Needs == scenarios.NeedsScoreKey {
		out.Sample = nil // one number has no draws
	}
	return out, nil
}

// maxScores bounds scores.json.
const maxScores = 64 << 10

// unpack reads the scorer's files: the numbers of scores.json, and where
// per_unit.csv lies; zero when the spec declares none.
func (c Custom) unpack(path string) (scores map[string]float64, perUnit string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, "", fmt.Errorf("evaluator: %w", err)
	}
	defer f.Close()
	var names []string
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, "", fmt.Errorf("evaluator: what the scorer left: %w", err)
		}
		names = append(names, h.Name)
		switch h.Name {
		case scenarios.ScoresFile:
			b, err := io.ReadAll(io.LimitReader(r, maxScores+1))
			if err != nil {
				return nil, "", fmt.Errorf("evaluator: what the scorer left: %w", err)
			}
			var faults []aihub.Fault
			if scores, faults = ReadScores(b, c.Spec.Scorer.Scores); faults != nil {
				return nil, "", badScorer(faults)
			}
		case scenarios.PerUnitFile:
			perUnit = filepath.Join(c.Dir, scenarios.PerUnitFile)
			if err := writeFile(perUnit, r); err != nil {
				return nil, "", err
			}
		}
	}
	if !slices.Equal(names, c.Spec.Scorer.Files()) {
		return nil, "", fmt.Errorf("evaluator: the scorer left %q", names)
	}
	return scores, perUnit, nil
}

func writeFile(path string, r io.Reader) error {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("evaluator: %w", err)
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Close())
}

// badScorer is the error for faults of what a scorer wrote. Its owner reads
// them; no vendor does.
func badScorer(faults []aihub.Fault) error {
	return aihub.Errorf(aihub.Contract, aihub.Text{
		EN: "the scorer did not write what the scenario declares", ZH: "评分程序的输出与场景声明不符",
	}).WithFaults(faults).WithHint(aihub.Text{
		EN: "scores.json holds exactly the keys of scorer.scores, per_unit.csv one row for each id with the columns of scorer.per_unit",
		ZH: "scores.json 须恰含 scorer.scores 的各键，per_unit.csv 须每个行标识一行且含 scorer.per_unit 的各列",
	})
}

// ReadScores reads scores.json: one object with exactly the declared keys, each
// once, whose values are finite numbers in range. It returns every fault.
func ReadScores(b []byte, declared []scenarios.ScorerValue) (map[string]float64, []aihub.Fault) {
	var faults []aihub.Fault
	add := func(code, key, en, zh string) {
		where := scenarios.ScoresFile
		if key != "" {
			where += ", key " + quote(key)
		}
		if len(faults) < maxExamples {
			faults = append(faults, aihub.Fault{Code: code, Where: where, Message: aihub.Text{EN: en, ZH: zh}})
		}
	}
	if len(b) > maxScores {
		add("too_large", "", fmt.Sprintf("more than %d bytes", maxScores), fmt.Sprintf("超过 %d 字节", maxScores))
		return nil, faults
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		add("bad_file", "", "not one JSON object", "不是单个 JSON 对象")
		return nil, faults
	}
	out := map[string]float64{}
	for dec.More() {
		k, err := dec.Token()
		key, ok := k.(string)
		var v any
		if err == nil {
			err = dec.Decode(&v)
		}
		if err != nil || !ok {
			add("bad_file", key, "not JSON; NaN and infinities are none", "不是合法 JSON（NaN 与无穷也不合法）")
			return nil, faults
		}
		i := slices.IndexFunc(declared, func(d scenarios.ScorerValue) bool { return d.Name == key })
		if i < 0 {
			add("extra_key", key, "the scenario declares no such key", "场景未声明此键")
			continue
		}
		if _, twice := out[key]; twice {
			add("duplicate_key", key, "the key stands twice", "键重复")
		}
		out[key] = 0
		n, ok := v.(json.Number)
		if !ok {
			add("bad_type", key, "a number is expected", "应为数值")
			continue
		}
		x, err := n.Float64()
		if err != nil || x-x != 0 {
			add("not_finite", key, "not a finite number", "不是有限数")
			continue
		}
		if r := declared[i].Range; x < r[0] || x > r[1] {
			add("out_of_range", key, fmt.Sprintf("outside [%v, %v]", r[0], r[1]), fmt.Sprintf("超出 [%v, %v]", r[0], r[1]))
		}
		out[key] = x
	}
	if _, err := dec.Token(); err != nil {
		add("bad_file", "", "the object does not end", "对象未结束")
	} else if _, err := dec.Token(); err != io.EOF {
		add("bad_file", "", "there is something behind the object", "对象之后还有内容")
	}
	for _, d := range declared {
		if _, ok := out[d.Name]; !ok {
			add("missing_key", d.Name, "the key is missing", "缺少该键")
		}
	}
	if faults != nil {
		return nil, faults
	}
	return out, nil
}

// ScorerMessages returns what a scorer said of units, as a vendor may read it
// where nothing is hidden: the declared text, how many units, and which. What
// the scorer itself wrote is never part of it.
func ScorerMessages(spec scenarios.Spec, packedPath, dir string) ([]aihub.Fault, error) {
	if spec.Scorer == nil || len(spec.Scorer.Messages) == 0 {
		return nil, nil
	}
	_, perUnit, err := Custom{Spec: spec, Dir: dir}.unpack(packedPath)
	if err != nil {
		return nil, err
	}
	r, err := table.Open(perUnit, table.Options{Format: table.FormatCSV, CSVOptions: table.CSVOptions{Text: true}})
	if err != nil {
		return nil, err
	}
	defer r.Close()
	found := map[string]*aihub.Fault{}
	for {
		b, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		ids, codes := b.Col(spec.Input.Key), b.Col(scenarios.MessageCol)
		if ids == nil || codes == nil {
			return nil, fmt.Errorf("evaluator: %s has no messages", scenarios.PerUnitFile)
		}
		for i := range b.Rows {
			code, _ := codes.Text(i)
			k := slices.IndexFunc(spec.Scorer.Messages, func(m scenarios.ScorerMessage) bool { return m.Code == code })
			if k < 0 {
				continue
			}
			f := found[code]
			if f == nil {
				f = &aihub.Fault{Code: code, Message: spec.Scorer.Messages[k].Text}
				found[code] = f
			}
			if f.Count++; len(f.Examples) < maxExamples {
				id, _ := ids.Text(i)
				f.Examples = append(f.Examples, strings.Clone(id))
			}
		}
	}
	var out []aihub.Fault
	for _, f := range slices.SortedFunc(maps.Values(found), func(a, b *aihub.Fault) int { return cmp.Compare(a.Code, b.Code) }) {
		out = append(out, *f)
	}
	return out, nil
}
