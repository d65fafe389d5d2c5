package main

import (
	"fmt"
	"os"
	"path/filepath"

	"aihub"
	"aihub/evaluator"
	"aihub/evaluator/metric"
	"aihub/scenarios"
	"aihub/server/wire"

	"github.com/spf13/cobra"
)

// scenarioScoreCmd scores files of predictions on the machine of somebody who has
// the truth, as the platform would. It sends nothing.
func (p *process) scenarioScoreCmd() *cobra.Command {
	var truth string
	c := p.verb("score SPEC.yaml PREDICTIONS...", "cli.scenario.score.short", cobra.MinimumNArgs(2), func(cmd *cobra.Command, args []string) error {
		b, err := readFile(args[0], 1<<20)
		if err != nil {
			return err
		}
		spec, _, err := scenarios.Parse(args[0], b)
		if err != nil {
			return err
		}
		spec.Limits.Output = 0 // a run's; these files are not a run's
		for _, path := range append([]string{truth}, args[1:]...) {
			f, err := openFile(path)
			if err != nil {
				return err
			}
			f.Close()
		}
		plan, err := evaluator.NewPlan(spec, "sample")
		if err != nil {
			return err
		}
		bar := p.progress()
		s := evaluator.Scoring{Plan: plan, Key: spec.Input.Key, Dir: os.TempDir(), Progress: func(done, of int64) {
			bar.show(wire.Progress{Stage: "score", Done: done, Total: of})
		}}
		all, err := s.Compare(cmd.Context(), truth, args[1:])
		bar.end()
		if err != nil {
			return err
		}
		return p.compared(spec, all)
	})
	c.Flags().StringVar(&truth, "truth", "", p.t("cli.flag.truth"))
	p.require(c, "truth")
	return c
}

// compared prints files from the best to the worst, then their faults. A fault in
// any makes the command fail.
func (p *process) compared(spec scenarios.Spec, all []evaluator.Compared) error {
	type row struct {
		File    string              `json:"file"`
		Metrics []aihub.MetricValue `json:"metrics,omitempty"`
		Faults  []aihub.Fault       `json:"faults,omitempty"`
	}
	var rows []row
	var bad error
	for _, x := range all {
		rows = append(rows, row{x.Path, x.Values, x.Faults})
		if len(x.Faults) > 0 && bad == nil {
			e := evaluator.BadPredictions(spec, x.Faults)
			e.Text = aihub.Text{EN: filepath.Base(x.Path) + ": " + e.Text.EN, ZH: filepath.Base(x.Path) + "：" + e.Text.ZH}
			bad = e
		}
	}
	err := p.data(rows, func() {
		head := []string{"FILE"}
		for _, m := range spec.Metrics {
			head = append(head, m.ID)
		}
		var table [][]string
		for _, x := range all {
			line := []string{x.Path}
			for i := range spec.Metrics {
				if len(x.Values) == 0 {
					line = append(line, "-")
				} else {
					line = append(line, bounded(x.Values[i]))
				}
			}
			table = append(table, line)
		}
		p.table(head, table)
		for _, x := range all {
			if len(x.Values) > 0 && len(x.Values[0].Slices) > 0 {
				fmt.Fprintln(p.Out, printable(x.Path))
				p.slices(x.Values)
			}
		}
	})
	if err != nil {
		return err
	}
	return bad
}

// bounded renders a value, with half the width of its bounds when it has some.
func bounded(m aihub.MetricValue) string {
	if m.Reason == metric.Bounded && m.Status == aihub.MetricOK {
		return fmt.Sprintf("%.9f ± %.1e", m.Value, (m.Hi-m.Lo)/2)
	}
	return number(m)
}
