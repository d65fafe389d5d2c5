package main

import (
	"context"
	"fmt"
	"time"

	"aihub"
	"aihub/server/client"
	"aihub/server/wire"

	"github.com/spf13/cobra"
)

func (p *process) scoreCmd() *cobra.Command {
	c := p.group("score", "intake.rescore.short")
	var by, reason string
	again := p.verb("again SUBMISSION", "intake.rescore.again.short", cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
		return p.with(cmd, func(ctx context.Context, c *client.Client) error {
			r, err := c.ScoreAgain(ctx, aihub.SubmissionID(args[0]), wire.ScoreAgain{Scenario: by, Reason: reason})
			if err != nil {
				return err
			}
			return p.data(r, func() {
				key := "intake.rescore.other"
				if r.Same {
					key = "intake.rescore.same"
				}
				p.say(key, "ID", r.ID, "Ref", r.Scenario.String())
			})
		})
	})
	again.Flags().StringVar(&by, "by", "", p.t("intake.rescore.flag.by"))
	again.Flags().StringVar(&reason, "reason", "", p.t("cli.flag.reason"))
	p.require(again, "reason")
	list := p.verb("list SUBMISSION", "intake.rescore.list.short", cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
		return p.with(cmd, func(ctx context.Context, c *client.Client) error {
			rs, err := c.Rescores(ctx, aihub.SubmissionID(args[0]))
			if err != nil {
				return err
			}
			return p.data(rs, func() {
				var rows [][]string
				for _, r := range rs {
					rows = append(rows, []string{r.ID, r.Scenario.String(), r.ScoredAt.Local().Format(time.DateTime), fmt.Sprint(r.Same), string(r.By), printable(r.Reason)})
				}
				p.table([]string{"SCORE", "BY THE SPEC OF", "AT", "SAME", "BY", "REASON"}, rows)
			})
		})
	})
	c.AddCommand(again, list)
	return c
}
