package main

import (
	"context"
	"fmt"
	"strings"

	"aihub"
	"aihub/internal/store"
	"aihub/server/client"
	"aihub/server/wire"

	"github.com/spf13/cobra"
)

// searchCmd looks through the whole catalogue.
func (p *process) searchCmd() *cobra.Command {
	q := store.CatalogueQuery{}
	var org string
	c := p.verb("search [WORDS...]", "cli.search.short", cobra.ArbitraryArgs, func(cmd *cobra.Command, args []string) error {
		return p.with(cmd, func(ctx context.Context, c *client.Client) error {
			q.Words, q.Org = strings.Join(args, " "), aihub.OrgID(org)
			page, err := c.Search(ctx, q)
			if err != nil {
				return err
			}
			return p.data(page, func() {
				var rows [][]string
				for _, e := range page.Entries {
					rows = append(rows, []string{e.Kind, e.Ref.String(), stateOf(p, "web."+e.Kind+"_state.", e.State), string(e.Org), e.Title.In(p.lang)})
				}
				p.table([]string{"KIND", "NAME", "STATE", "ORG", "TITLE"}, rows)
				switch {
				case page.Total == 0:
					p.note("cli.search.nothing")
				case page.Total > q.Offset+len(page.Entries):
					p.note("cli.search.more", "Shown", fmt.Sprint(len(page.Entries)), "Total", fmt.Sprint(page.Total))
				}
			})
		})
	})
	f := c.Flags()
	f.StringVar(&q.Kind, "kind", "", p.t("cli.flag.kind"))
	f.StringVar(&q.Field, "field", "", p.t("cli.flag.field"))
	f.StringVar(&q.Area, "area", "", p.t("cli.flag.area"))
	f.StringVar(&org, "org", "", p.t("cli.flag.owner"))
	f.StringVar(&q.License, "license", "", p.t("cli.flag.license"))
	f.StringVar(&q.State, "state", "", p.t("cli.flag.entry_state"))
	f.IntVar(&q.Limit, "limit", 50, p.t("cli.flag.limit"))
	f.IntVar(&q.Offset, "offset", 0, p.t("cli.flag.offset"))
	return c
}

// withdrawCmd takes a version of something out of use.
func (p *process) withdrawCmd(key string, f func(c *client.Client) func(context.Context, string, wire.Withdraw) error) *cobra.Command {
	var reason string
	c := p.verb("withdraw NAME@N", key, cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
		return p.with(cmd, func(ctx context.Context, c *client.Client) error {
			if err := f(c)(ctx, args[0], wire.Withdraw{Reason: reason}); err != nil {
				return err
			}
			return p.data(map[string]any{"withdrawn": args[0]}, func() { p.say("cli.withdrawn", "Ref", args[0]) })
		})
	})
	c.Flags().StringVar(&reason, "reason", "", p.t("cli.flag.reason"))
	p.require(c, "reason")
	return c
}

// datasetDiffCmd compares two versions.
func (p *process) datasetDiffCmd() *cobra.Command {
	return p.verb("diff NAME@N NAME@M", "cli.dataset.diff.short", cobra.ExactArgs(2), func(cmd *cobra.Command, args []string) error {
		return p.with(cmd, func(ctx context.Context, c *client.Client) error {
			changes, err := c.DatasetDiff(ctx, args[0], args[1])
			if err != nil {
				return err
			}
			return p.data(changes, func() {
				if len(changes) == 0 {
					p.say("cli.dataset.same", "A", args[0], "B", args[1])
					return
				}
				var rows [][]string
				for _, d := range changes {
					d = d.Short()
					rows = append(rows, []string{d.What, d.Name, d.Before, d.After})
				}
				p.table([]string{"WHAT", "NAME", "BEFORE", "AFTER"}, rows)
			})
		})
	})
}
