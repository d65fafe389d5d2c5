package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"

	"aihub"
	"aihub/server/client"
	"aihub/server/wire"

	"github.com/spf13/cobra"
)

func (p *process) runsCmd() *cobra.Command {
	var scenario string
	c := p.verb("runs [SUBMISSION]", "cli.runs.short", cobra.MaximumNArgs(1), func(cmd *cobra.Command, args []string) error {
		return p.with(cmd, func(ctx context.Context, c *client.Client) error {
			if len(args) == 1 {
				v, err := c.Submission(ctx, aihub.SubmissionID(args[0]))
				if err != nil {
					return err
				}
				return p.data(v, func() {
					p.showSubmission(v)
					var rows [][]string
					for _, r := range v.Runs {
						rows = append(rows, []string{string(r.ID), string(r.Kind), runState(p, r), string(r.Fault.Reason)})
					}
					p.table([]string{"RUN", "KIND", "STATE", "REASON"}, rows)
				})
			}
			subs, err := c.Submissions(ctx, scenario)
			if err != nil {
				return err
			}
			return p.data(subs, func() {
				var rows [][]string
				for _, s := range subs {
					rows = append(rows, []string{string(s.ID), s.Scenario.String(), roundOf(s), string(s.Org), s.Name, stateOf(p, "web.sub_state.", s.State), string(s.Fault.Reason)})
				}
				p.table([]string{"SUBMISSION", "SCENARIO", "ROUND", "ORG", "NAME", "STATE", "REASON"}, rows)
			})
		})
	})
	c.Flags().StringVar(&scenario, "scenario", "", p.t("cli.flag.scenario"))
	log := p.verb("log RUN|SUBMISSION", "cli.runs.log.short", cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
		return p.with(cmd, func(ctx context.Context, c *client.Client) error {
			id, err := logged(ctx, c, args[0])
			if err != nil {
				return err
			}
			s, err := c.RunLog(ctx, id)
			if err != nil {
				return err
			}
			if s == "" {
				p.note("cli.log_empty")
			}
			fmt.Fprint(p.Out, printable(s))
			return nil
		})
	})
	cancel := p.verb("cancel SUBMISSION", "cli.runs.cancel.short", cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
		return p.with(cmd, func(ctx context.Context, c *client.Client) error {
			if err := c.Cancel(ctx, aihub.SubmissionID(args[0])); err != nil {
				return err
			}
			return p.data(map[string]any{"cancelled": args[0]}, func() { p.say("cli.cancelled", "ID", args[0]) })
		})
	})
	watch := p.verb("watch SUBMISSION", "cli.runs.watch.short", cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
		return p.with(cmd, func(ctx context.Context, c *client.Client) error {
			v, err := p.follow(ctx, c, aihub.SubmissionID(args[0]))
			if err != nil {
				return err
			}
			return p.outcome(v)
		})
	})
	c.AddCommand(log, watch, cancel, p.rerunCmd(), p.hoursCmd(), p.runsExportCmd())
	return c
}

// runState is a run's state, and how far it is where that is told.
func runState(p *process, r aihub.Run) string {
	s := stateOf(p, "web.run_state.", r.State)
	if n := r.Percent(); n >= 0 {
		s = fmt.Sprintf("%s %d%%", s, n)
	}
	return s
}

// logged is the run that an id means: of a submission, its newest in a sandbox.
func logged(ctx context.Context, c *client.Client, id string) (aihub.RunID, error) {
	if !strings.HasPrefix(id, "sub_") {
		return aihub.RunID(id), nil
	}
	v, err := c.Submission(ctx, aihub.SubmissionID(id))
	if err != nil {
		return "", err
	}
	for _, r := range slices.Backward(v.Runs) {
		if r.Kind != aihub.RunScore {
			return r.ID, nil
		}
	}
	return "", aihub.Errorf(aihub.NotFound, aihub.Text{EN: "submission " + id + " has no run", ZH: "提交 " + id + " 没有运行"})
}

func (p *process) rerunCmd() *cobra.Command {
	var wait bool
	c := p.verb("rerun SUBMISSION", "wait.rerun_short", cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
		return p.with(cmd, func(ctx context.Context, c *client.Client) error {
			sub, err := c.Rerun(ctx, aihub.SubmissionID(args[0]), rand.Text())
			if err != nil {
				return err
			}
			return p.entered(ctx, c, sub, wait)
		})
	})
	c.Flags().BoolVar(&wait, "wait", false, p.t("cli.flag.wait"))
	return c
}

func (p *process) hoursCmd() *cobra.Command {
	var org string
	c := p.verb("hours", "wait.hours_short", cobra.NoArgs, func(cmd *cobra.Command, _ []string) error {
		return p.with(cmd, func(ctx context.Context, c *client.Client) error {
			h, err := c.Hours(ctx, aihub.OrgID(org))
			if err != nil {
				return err
			}
			return p.data(h, func() { fmt.Fprintln(p.Out, wire.HoursWords(p.lang, h)) })
		})
	})
	c.Flags().StringVar(&org, "org", "", p.t("wait.flag_org"))
	return c
}
