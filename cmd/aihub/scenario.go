package main

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"aihub"
	"aihub/scenarios"
	"aihub/server/client"
	"aihub/server/wire"

	"github.com/spf13/cobra"
)

func (p *process) scenarioCmd() *cobra.Command {
	c := p.group("scenario", "cli.scenario.short")
	publish := p.verb("publish SPEC.yaml", "cli.scenario.publish.short", cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
		return p.with(cmd, func(ctx context.Context, c *client.Client) error {
			b, err := readFile(args[0], 1<<20)
			if err != nil {
				return err
			}
			// Faults in the file are found here, with its name, before anything is sent.
			if _, _, err := scenarios.Parse(args[0], b); err != nil {
				return err
			}
			sc, err := c.PublishScenario(ctx, wire.NewScenario{Spec: string(b)})
			if err != nil {
				return err
			}
			return p.data(sc, func() {
				p.say("cli.scenario.published", "Ref", sc.Ref.String(), "Digest", string(sc.Digest))
				if len(sc.SelfTest) > 0 {
					p.say("selftest.tried", "Ref", sc.Ref.String(), "Results", len(sc.SelfTest))
				}
			})
		})
	})
	lint := p.verb("lint SPEC.yaml", "cli.scenario.lint.short", cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
		b, err := readFile(args[0], 1<<20)
		if err != nil {
			return err
		}
		spec, canonical, err := scenarios.Parse(args[0], b)
		if err != nil {
			return err
		}
		return p.data(map[string]any{"name": spec.Name, "digest": scenarios.Digest(canonical)}, func() {
			p.say("cli.scenario.good", "Name", spec.Name, "Digest", string(scenarios.Digest(canonical)))
		})
	})
	schema := p.verb("schema", "cli.scenario.schema.short", cobra.NoArgs, func(cmd *cobra.Command, _ []string) error {
		_, err := p.Out.Write(append(scenarios.Schema(), '\n'))
		return err
	})
	var field, area string
	list := p.verb("list [WORDS]", "cli.scenario.list.short", cobra.MaximumNArgs(1), func(cmd *cobra.Command, args []string) error {
		return p.with(cmd, func(ctx context.Context, c *client.Client) error {
			q := ""
			if len(args) == 1 {
				q = args[0]
			}
			cs, err := c.Scenarios(ctx, q, field, area)
			if err != nil {
				return err
			}
			return p.data(cs, func() {
				var rows [][]string
				for _, s := range cs {
					closes := "-"
					if !s.Closes.IsZero() {
						closes = s.Closes.Local().Format(time.DateOnly)
					}
					rows = append(rows, []string{s.Ref.String(), stateOf(p, "web.scenario_state.", s.State), s.Field, s.Area, closes, s.Title.In(p.lang)})
				}
				p.table([]string{"SCENARIO", "STATE", "FIELD", "AREA", "CLOSES", "TITLE"}, rows)
			})
		})
	})
	list.Flags().StringVar(&field, "field", "", p.t("cli.flag.field"))
	list.Flags().StringVar(&area, "area", "", p.t("cli.flag.area"))
	show := p.verb("show SCENARIO", "cli.scenario.show.short", cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
		return p.with(cmd, func(ctx context.Context, c *client.Client) error {
			v, err := c.Scenario(ctx, args[0])
			if err != nil {
				return err
			}
			return p.data(v, func() {
				spec, err := scenarios.ParseCanonical(v.Spec)
				if err != nil {
					return
				}
				fmt.Fprintf(p.Out, "%s  %s  [%s]\n%s\n\n%s\n", v.Ref, v.Title.In(p.lang), stateOf(p, "web.scenario_state.", v.State), v.Digest, spec.Description.In(p.lang))
				if v.State == aihub.ScenarioWithdrawn && !v.EndedAt.IsZero() {
					p.say("cli.dataset.withdrawn_at", "At", v.EndedAt.Format(time.DateOnly), "Reason", v.Reason)
				}
				var rows [][]string
				for _, r := range v.Rounds {
					rows = append(rows, []string{r.Name, string(r.Part), fmt.Sprint(r.Quota), fmt.Sprintf("%.0f", r.BudgetBits), r.Title.In(p.lang)})
				}
				p.table([]string{"ROUND", "PART", "QUOTA", "BITS", "TITLE"}, rows)
			})
		})
	})
	selfTest := p.verb("self-test SCENARIO", "selftest.short", cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
		return p.with(cmd, func(ctx context.Context, c *client.Client) error {
			list, err := c.SelfTest(ctx, args[0])
			if err != nil {
				return err
			}
			return p.data(list, func() {
				var rows [][]string
				for _, r := range list {
					wanted := r.Wanted()
					if r.Declared != aihub.DeclaredValue {
						wanted = p.t("selftest."+string(r.Declared), "Code", r.Code)
					}
					passed := p.t("selftest.passed")
					if !r.Passed {
						passed = p.t("selftest.failed")
					}
					rows = append(rows, []string{string(r.Part), p.t("selftest." + r.Predictions), cmp.Or(r.Metric, "-"), wanted, r.Got(), passed})
				}
				p.table([]string{"PART", "PREDICTIONS", "METRIC", "DECLARED", "FOUND", "RESULT"}, rows)
			})
		})
	})
	var round string
	probing := p.verb("probing SCENARIO", "selftest.probing_short", cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
		return p.with(cmd, func(ctx context.Context, c *client.Client) error {
			v, err := c.Probing(ctx, args[0], round)
			if err != nil {
				return err
			}
			return p.data(v, func() {
				var rows [][]string
				for _, o := range v.Orgs {
					rows = append(rows, []string{string(o.Org), fmt.Sprint(o.Submissions), fmt.Sprint(o.Near), fmt.Sprint(o.Identical), fmt.Sprint(o.Foreign)})
				}
				p.table([]string{"ORG", "SCORED", "NEAR", "IDENTICAL", "OTHERS'"}, rows)
				rows = nil
				for _, t := range v.Twins {
					rows = append(rows, []string{string(t.Later), string(t.Org), string(t.Earlier), string(t.EarlierOrg), fmt.Sprintf("%.2g", t.Differ)})
				}
				if len(rows) > 0 {
					fmt.Fprintln(p.Out)
					p.table([]string{"SUBMISSION", "ORG", "EARLIER", "ITS ORG", "DIFFER"}, rows)
				}
			})
		})
	})
	probing.Flags().StringVar(&round, "round", "", p.t("cli.flag.round"))
	closeCmd := p.verb("close NAME@N", "cli.scenario.close.short", cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
		return p.with(cmd, func(ctx context.Context, c *client.Client) error {
			if err := c.CloseScenario(ctx, args[0]); err != nil {
				return err
			}
			return p.data(map[string]any{"closed": args[0]}, func() { p.say("cli.scenario.closed", "Ref", args[0]) })
		})
	})
	c.AddCommand(publish, lint, selfTest, probing, p.scenarioScoreCmd(), schema, list, show, p.scenarioExportCmd(), closeCmd,
		p.withdrawCmd("cli.scenario.withdraw.short", func(c *client.Client) func(context.Context, string, wire.Withdraw) error { return c.WithdrawScenario }))
	return c
}
