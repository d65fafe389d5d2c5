package catalog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"aihub"
	"aihub/internal/blob"
	"aihub/internal/table"
	"aihub/policies"
	"aihub/scenarios"
)

// PublishScenario checks a spec (YAML) by itself and against the published
// dataset version it pins, its labels included, and opens it as the next version
// of its name. Contract lists every fault with line and column.
func (c *Catalog) PublishScenario(ctx context.Context, actor aihub.Actor, specYAML []byte, tried []aihub.SelfTest) (aihub.Scenario, error) {
	var none aihub.Scenario
	spec, canonical, err := scenarios.Parse("spec.yaml", specYAML)
	if err != nil {
		return none, err
	}
	permit, err := c.Policies.Authorize(ctx, actor, policies.ScenarioPublish,
		policies.Object{Kind: "scenario", ID: spec.Name, Org: actor.Org, Author: actor.User})
	if err != nil {
		return none, err
	}
	dataset, err := aihub.ParseRef(spec.Dataset)
	if err != nil {
		return none, err
	}
	v, err := c.DB.Dataset(ctx, policies.ScopeOf(actor), dataset)
	if err != nil {
		return none, err
	}
	if v.Org != actor.Org {
		return none, aihub.Errorf(aihub.Refused, aihub.Text{
			EN: fmt.Sprintf("dataset %s belongs to another organisation", dataset), ZH: fmt.Sprintf("数据集 %s 属于其他机构", dataset),
		}).WithHint(aihub.Text{EN: "its own steward decides which scenarios may use it", ZH: "由其所属机构的数据管理员决定可用于哪些场景"})
	}
	faults := scenarios.LintAgainst(spec, v)
	if len(faults) == 0 {
		if faults, err = c.checkTruth(ctx, spec, v); err != nil {
			return none, err
		}
	}
	if len(faults) > 0 {
		return none, aihub.Errorf(aihub.Contract, aihub.Text{
			EN: fmt.Sprintf("the scenario does not fit dataset %s", v.Ref), ZH: fmt.Sprintf("应用场景与数据集 %s 不符", v.Ref),
		}).WithFaults(scenarios.Locate(specYAML, faults))
	}
	c.storing.Lock()
	defer c.storing.Unlock()
	n, err := c.DB.NextScenarioVersion(ctx, spec.Name)
	if err != nil {
		return none, err
	}
	if n > 1 {
		last, err := c.DB.Scenario(ctx, policies.ScopeOf(policies.Platform()), aihub.Ref{Name: spec.Name, Version: n - 1})
		if err != nil {
			return none, err
		}
		if last.Org != actor.Org {
			return none, taken(spec.Name)
		}
	}
	sc := aihub.Scenario{
		Ref: aihub.Ref{Name: spec.Name, Version: n}, Org: actor.Org, Author: actor.User, State: aihub.ScenarioOpen,
		Title: spec.Title, Summary: spec.Summary, Field: spec.Field, Area: spec.Area, Dataset: dataset,
		Spec: canonical, Digest: scenarios.Digest(canonical), PublishedAt: c.now(), SelfTest: tried,
	}
	if err := c.DB.PublishScenario(ctx, permit, sc, scenarios.RoundsOf(sc.Ref, spec)); err != nil {
		return none, err
	}
	return sc, nil
}

// checkTruth reads the labels of every part that is scored, and of the sample,
// and compares them with the spec's classes. Hidden values are counted, never
// named.
func (c *Catalog) checkTruth(ctx context.Context, spec scenarios.Spec, v aihub.DatasetVersion) (faults []aihub.Fault, err error) {
	if len(spec.Truth.Classes) == 0 {
		return nil, nil
	}
	dir, err := c.temp()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	for _, f := range v.Parts {
		scored := f.Part == aihub.Sample || slices.ContainsFunc(spec.Rounds, func(r scenarios.Round) bool { return r.Part == string(f.Part) })
		if !scored {
			continue
		}
		path := filepath.Join(dir, string(f.Part))
		if err := blob.Fetch(ctx, c.Blobs, f.Truth, path); err != nil {
			return nil, err
		}
		n, unknown, err := strangers(path, spec.Truth)
		if err != nil {
			return nil, err
		}
		if n == 0 {
			continue
		}
		fault := aihub.Fault{Code: "unknown_class", Where: "truth.classes", Count: n, Message: aihub.Text{
			EN: fmt.Sprintf("rows of the %s part hold a label that is not among the classes", f.Part),
			ZH: fmt.Sprintf("%s 分区有标签不在类别列表中", f.Part)}}
		if f.Part == aihub.Sample {
			fault.Examples = unknown // public
		}
		faults = append(faults, fault)
	}
	return faults, nil
}

// strangers counts the labels in a truth file that are none of the classes, and
// lists up to 20 of them.
func strangers(path string, t scenarios.Truth) (n int64, unknown []string, err error) {
	r, err := table.OpenParquet(path, []string{t.Column})
	if err != nil {
		return 0, nil, err
	}
	defer r.Close()
	known := map[string]bool{}
	for _, k := range t.Classes {
		known[k] = true
	}
	for {
		b, err := r.Next()
		if err == io.EOF {
			return n, unknown, nil
		}
		if err != nil {
			return 0, nil, err
		}
		for i := range b.Rows {
			label, _ := b.Cols[0].Text(i)
			if known[label] {
				continue
			}
			if n++; len(unknown) < 20 && !slices.Contains(unknown, label) {
				unknown = append(unknown, strings.ToValidUTF8(label, "?"))
			}
		}
	}
}
