package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"aihub"
	"aihub/catalog"
	"aihub/server/client"
	"aihub/server/wire"

	"github.com/spf13/cobra"
)

// datasetSearchCmd looks for the levels of generalisation that lose least. It
// reads a file or what an address names, and sends nothing.
func (p *process) datasetSearchCmd() *cobra.Command {
	var manifest, write, query string
	var keep int
	c := p.verb("search DATA", "cli.dataset.search.short", cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) (err error) {
		m, err := readFile(manifest, 1<<20)
		if err != nil {
			return err
		}
		path, shown, done, err := p.localTable(cmd.Context(), args[0], query)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, done()) }()
		bar := p.progress()
		s, err := catalog.SearchLevels(cmd.Context(), m, path, max(1, min(keep, 1000)), func(done, total uint64) {
			bar.show(wire.Progress{Stage: "search", Done: int64(done), Total: int64(total)})
		})
		bar.end()
		if err != nil {
			return err
		}
		if write != "" {
			if len(s.Best) == 0 {
				return aihub.Errorf(aihub.Refused, aihub.Text{EN: "no combination of levels keeps the limits: nothing was written", ZH: "没有满足限值的层级组合，未写入任何内容"}).
					WithHint(aihub.Text{EN: "raise max_suppression, lower k, or take a quasi-identifier out", ZH: "请提高 max_suppression、降低 k，或去掉某个准标识符"})
			}
			best, err := s.Write(m, s.Best[0])
			if err == nil {
				err = writeNew(write, string(best))
			}
			if err != nil {
				return err
			}
		}
		return p.data(s, func() {
			p.showSearch(s)
			if write != "" {
				p.say("cli.search.written", "File", write, "Data", shown)
			}
		})
	})
	c.Flags().StringVar(&manifest, "manifest", "", p.t("cli.flag.manifest"))
	c.Flags().StringVar(&write, "write", "", p.t("cli.flag.write"))
	c.Flags().StringVar(&query, "query", "", p.t("cli.flag.query"))
	c.Flags().IntVar(&keep, "best", 10, p.t("cli.flag.best"))
	p.require(c, "manifest")
	return c
}

func (p *process) showSearch(s catalog.Search) {
	p.say("cli.search.nodes", "Nodes", fmt.Sprint(s.Nodes), "Checked", fmt.Sprint(s.Checked), "Rows", fmt.Sprint(s.Rows))
	if len(s.Best) == 0 {
		p.say("cli.search.none")
		return
	}
	var head []string
	for _, c := range s.Columns {
		head = append(head, c.Name)
	}
	head = append(head, "LOSS", "SUPPRESSED", "CLASSES", "K", "LARGEST")
	var rows [][]string
	for _, n := range s.Best {
		var r []string
		for i, l := range n.Levels {
			if s.Columns[i].Levels == 1 {
				r = append(r, "-")
			} else {
				r = append(r, s.Columns[i].Step(l))
			}
		}
		rows = append(rows, append(r, fmt.Sprintf("%.6f", n.Loss), fmt.Sprintf("%d (%.2f%%)", n.Suppressed, 100*float64(n.Suppressed)/float64(max(1, s.Rows))),
			fmt.Sprint(n.Classes), fmt.Sprint(n.K), fmt.Sprint(n.Largest)))
	}
	p.table(head, rows)
	var write []string
	for i, l := range s.Best[0].Levels {
		if c := s.Columns[i]; c.Levels > 1 {
			write = append(write, c.Name+": "+c.Rule(l))
		}
	}
	p.say("cli.search.write", "Rules", strings.Join(write, "\n    "))
}

// riskLine says in one line how well the rows of a version hide. It is for the
// reader's eyes: a profile that cannot be had is no fault of the publish.
func (p *process) riskLine(ctx context.Context, c *client.Client, ref string) {
	raw, err := c.DatasetProfile(ctx, ref)
	var profile catalog.Profile
	if err != nil || json.Unmarshal(raw, &profile) != nil {
		return
	}
	for _, c := range profile.Columns {
		if c.Unmet > 0 {
			p.say("cli.dataset.unmet", "Column", c.Name, "Number", c.Unmet)
		}
	}
	r := profile.Risk
	if r == nil {
		p.say("cli.dataset.no_risk")
		return
	}
	linked := "-"
	if r.Linkage != nil {
		linked = fmt.Sprintf("%.2f%%", 100*r.Linkage.Linked)
	}
	what := "cli.dataset.risk"
	if r.Policy.Subject != "" {
		what = "cli.dataset.risk_people"
	}
	p.say(what, "Subject", r.Policy.Subject, "K", fmt.Sprint(r.After.K), "Classes", fmt.Sprint(r.After.Classes), "Dropped", fmt.Sprint(r.Suppressed),
		"Rows", fmt.Sprint(r.Before.Rows), "Average", fmt.Sprintf("%.2f%%", 100*r.After.Average), "Linked", linked)
}
