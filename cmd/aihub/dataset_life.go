package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"aihub"
	"aihub/catalog/dp"
	"aihub/server/client"
	"aihub/server/wire"

	"github.com/spf13/cobra"
)

// datasetLifeCmds are what becomes of a version after it was published.
func (p *process) datasetLifeCmds() []*cobra.Command {
	var reason string
	erase := p.verb("erase NAME@N", "cli.dataset.erase.short", cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
		return p.with(cmd, func(ctx context.Context, c *client.Client) error {
			if err := c.EraseDataset(ctx, args[0], wire.Withdraw{Reason: reason}); err != nil {
				return err
			}
			return p.data(map[string]any{"erased": args[0]}, func() { p.say("cli.dataset.erased", "Ref", args[0]) })
		})
	})
	rotate := p.verb("rotate SCOPE", "cli.dataset.rotate.short", cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
		return p.with(cmd, func(ctx context.Context, c *client.Client) error {
			r, err := c.RotateKey(ctx, args[0], wire.Rotate{Reason: reason})
			if err != nil {
				return err
			}
			return p.data(r, func() {
				p.say("cli.dataset.rotated", "Scope", r.Scope, "Generation", fmt.Sprint(r.Generation))
			})
		})
	})
	for _, c := range []*cobra.Command{erase, rotate} {
		c.Flags().StringVar(&reason, "reason", "", p.t("cli.flag.reason"))
		p.require(c, "reason")
	}
	plan := p.verb("plan NAME@N", "cli.dataset.plan.short", cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
		return p.with(cmd, func(ctx context.Context, c *client.Client) error {
			b, err := c.DatasetPlan(ctx, args[0])
			if err != nil {
				return err
			}
			return p.data(b, func() { io.WriteString(p.Out, string(b)+"\n") })
		})
	})
	return []*cobra.Command{erase, rotate, plan, p.datasetCountCmd(), p.datasetPrivacyCmd()}
}

func (p *process) datasetCountCmd() *cobra.Command {
	var in wire.Count
	c := p.verb("count NAME@N", "cli.dataset.count.short", cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
		return p.with(cmd, func(ctx context.Context, c *client.Client) error {
			a, err := c.Count(ctx, args[0], in)
			if err != nil {
				return err
			}
			return p.data(a, func() {
				var rows [][]string
				for _, x := range a.Cells {
					rows = append(rows, []string{x.Cell, fmt.Sprint(x.Rows), fmt.Sprint(x.Margin)})
				}
				p.table([]string{"CELL", "ROWS", "±95%"}, rows)
			})
		})
	})
	f := c.Flags()
	f.StringVar(&in.Column, "column", "", p.t("cli.flag.count_column"))
	f.StringSliceVar(&in.Cells, "cells", nil, p.t("cli.flag.cells"))
	f.StringVar(&in.Cost, "cost", "", p.t("cli.flag.cost"))
	for _, flag := range []string{"column", "cells", "cost"} {
		p.require(c, flag)
	}
	return c
}

func (p *process) datasetPrivacyCmd() *cobra.Command {
	return p.verb("privacy NAME@N", "cli.dataset.privacy.short", cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
		return p.with(cmd, func(ctx context.Context, c *client.Client) error {
			b, err := c.Privacy(ctx, args[0])
			if err != nil {
				return err
			}
			return p.data(b, func() {
				var rows [][]string
				var costs []string
				for _, a := range b.Spent {
					costs = append(costs, a.Cost)
					for _, x := range a.Cells {
						rows = append(rows, []string{a.ID, a.Dataset.String(), a.Column, x.Cell, fmt.Sprint(x.Rows), fmt.Sprint(x.Margin), a.Cost})
					}
				}
				p.table([]string{"AGGREGATE", "DATASET", "COLUMN", "CELL", "ROWS", "±95%", "COST"}, rows)
				left, err := dp.Left(b.Total, costs)
				if err != nil {
					left = "?"
				}
				p.say("cli.dataset.budget", "Left", left, "Total", b.Total, "Measure", b.Measure, "PerUnit", fmt.Sprint(b.PerUnit))
			})
		})
	})
}

// reidentifyCmd is the two-person act by which raw values are learnt.
func (p *process) reidentifyCmd() *cobra.Command {
	c := p.group("reidentify", "cli.reidentify.short")
	var in wire.Reidentify
	request := p.verb("request NAME@N", "cli.reidentify.request.short", cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
		return p.with(cmd, func(ctx context.Context, c *client.Client) error {
			r, err := c.Reidentify(ctx, args[0], in)
			if err != nil {
				return err
			}
			return p.data(r, func() { p.say("cli.reidentify.requested", "ID", string(r.ID)) })
		})
	})
	f := request.Flags()
	f.StringVar(&in.Column, "column", "", p.t("cli.flag.masked_column"))
	f.StringSliceVar(&in.Masked, "values", nil, p.t("cli.flag.masked_values"))
	f.StringVar(&in.Purpose, "purpose", "", p.t("cli.flag.reidentify_purpose"))
	for _, flag := range []string{"column", "values", "purpose"} {
		p.require(request, flag)
	}
	list := p.verb("list", "cli.reidentify.list.short", cobra.NoArgs, func(cmd *cobra.Command, _ []string) error {
		return p.with(cmd, func(ctx context.Context, c *client.Client) error {
			rs, err := c.Reidentifications(ctx)
			if err != nil {
				return err
			}
			return p.data(rs, func() {
				var rows [][]string
				for _, r := range rs {
					rows = append(rows, []string{string(r.ID), r.Dataset.String(), r.Column, fmt.Sprint(len(r.Masked)), string(r.Author), stateOf(p, "web.life.state.", r.State), fmt.Sprint(r.Reads), r.Purpose})
				}
				p.table([]string{"REQUEST", "DATASET", "COLUMN", "VALUES", "USER", "STATE", "READS", "PURPOSE"}, rows)
			})
		})
	})
	show := p.verb("show REQUEST", "cli.reidentify.show.short", cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
		return p.with(cmd, func(ctx context.Context, c *client.Client) error {
			rs, err := c.Reidentifications(ctx)
			if err != nil {
				return err
			}
			i := slices.IndexFunc(rs, func(r aihub.Reidentification) bool { return string(r.ID) == args[0] })
			if i < 0 {
				return aihub.Errorf(aihub.NotFound, aihub.Text{EN: fmt.Sprintf("no request %q", args[0]), ZH: fmt.Sprintf("没有申请 %q", args[0])})
			}
			r := rs[i]
			return p.data(r, func() {
				p.say("web.life.request_by", "User", string(r.Author), "Org", string(r.Org), "Count", len(r.Masked), "Column", r.Dataset.String()+" "+r.Column, "Date", r.CreatedAt.Local().Format(time.DateOnly))
				p.say("cli.reidentify.purpose", "Purpose", r.Purpose)
				var rows [][]string
				for _, m := range r.Masked {
					rows = append(rows, []string{m})
				}
				p.table([]string{"MASKED"}, rows)
			})
		})
	})
	reveal := p.verb("reveal REQUEST", "cli.reidentify.reveal.short", cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
		return p.with(cmd, func(ctx context.Context, c *client.Client) error {
			out, err := c.Reveal(ctx, args[0])
			if err != nil {
				return err
			}
			return p.data(out, func() {
				var rows [][]string
				for _, r := range out {
					raw := r.Raw
					if !r.Found {
						raw = p.t("cli.reidentify.none")
					}
					rows = append(rows, []string{r.Masked, raw})
				}
				p.table([]string{"MASKED", "RAW"}, rows)
			})
		})
	})
	decide := func(ctx context.Context, c *client.Client, id string, d wire.Decide) error {
		return c.DecideReidentification(ctx, id, d)
	}
	c.AddCommand(request, list, show, reveal,
		p.decideCmd("approve REQUEST", "cli.reidentify.approve.short", true, decide),
		p.decideCmd("reject REQUEST", "cli.reidentify.reject.short", false, decide))
	return c
}
