package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"aihub"
	"aihub/internal/i18n"
	"aihub/server/client"
	"aihub/server/wire"

	"github.com/spf13/cobra"
)

func (p *process) boardCmd() *cobra.Command {
	var round, asOf string
	c := p.verb("board SCENARIO...", "cli.board.short", cobra.MinimumNArgs(1), func(cmd *cobra.Command, args []string) error {
		return p.with(cmd, func(ctx context.Context, c *client.Client) error {
			at, err := moment(asOf)
			if err != nil {
				return err
			}
			if len(args) > 1 {
				if round != "" {
					return aihub.Errorf(aihub.Invalid, aihub.Text{
						EN: "--round says nothing of several scenarios", ZH: "多个场景时不能使用 --round",
					}).WithHint(aihub.Text{EN: "write the round behind each: NAME@N/ROUND", ZH: "请在各场景后写明轮次：名称@N/轮次"})
				}
				o, err := c.Overall(ctx, args, at)
				if err != nil {
					return err
				}
				return p.data(o, func() { p.showOverall(o) })
			}
			b, err := c.Board(ctx, args[0], round, at)
			if err != nil {
				return err
			}
			return p.data(b, func() { p.showBoard(b) })
		})
	})
	c.Flags().StringVar(&round, "round", "", p.t("cli.flag.round"))
	c.Flags().StringVar(&asOf, "as-of", "", p.t("intake.board.flag.asof"))
	return c
}

// moment reads a date (its end here, as times are shown) or a time.
func moment(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if t, err := time.ParseInLocation(time.DateOnly, s, time.Local); err == nil {
		return t.Add(24*time.Hour - time.Microsecond), nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return t, aihub.Errorf(aihub.Invalid, aihub.Text{
			EN: fmt.Sprintf("%q is neither a date nor a time", s), ZH: fmt.Sprintf("%q 既不是日期也不是时间", s),
		}).WithHint(aihub.Text{EN: "write 2026-11-30 or 2026-11-30T08:00:00Z", ZH: "请写 2026-11-30 或 2026-11-30T08:00:00Z"})
	}
	return t, nil
}

// showOverall prints the places of organisations over several boards.
func (p *process) showOverall(o wire.Overall) {
	head := []string{"#", p.t("cli.board.org"), p.t("intake.board.mean")}
	for _, t := range o.Tasks {
		head = append(head, t.Scenario.String()+"/"+t.Round)
	}
	var rows [][]string
	for _, r := range o.Rows {
		rank := fmt.Sprint(r.Rank)
		if r.Tied {
			rank += "="
		}
		row := []string{rank, r.Org.Name.In(p.lang), fmt.Sprintf("%.3g", r.Mean)}
		for _, x := range r.Places {
			row = append(row, fmt.Sprintf("%g", x))
		}
		rows = append(rows, row)
	}
	p.table(head, rows)
	if o.Apart > 0 {
		p.say("intake.board.apart", i18n.Args{"D": i18n.Number(o.Apart, 2), "X": i18n.Number(o.Friedman, 2)})
	}
}

func (p *process) showBoard(b wire.Board) {
	fmt.Fprintf(p.Out, "%s  %s  (%s, %s %s)\n", b.Title.In(p.lang), b.Scenario, b.Round, p.t("cli.board.asof"), b.AsOf.Local().Format(time.DateTime))
	if len(b.Rows) == 0 {
		p.say("cli.board.empty")
		return
	}
	head := []string{"#", p.t("cli.board.org"), p.t("cli.board.name")}
	for _, m := range b.Metrics {
		if m == b.Primary {
			m += map[string]string{"max": " ↑", "min": " ↓"}[b.Better]
		}
		head = append(head, m)
	}
	head = append(head, "±")
	if b.Final {
		head = append(head, p.t("web.board.p"), p.t("web.board.ranks"), p.t("web.board.mean_rank"), p.t("web.board.wall"), p.t("web.board.cpu"), p.t("web.board.pareto"))
	}
	var rows [][]string
	for i, r := range b.Rows {
		rank := fmt.Sprint(r.Rank)
		if r.Tied {
			rank += "="
		}
		name := cmp.Or(r.Name, string(r.Submission))
		if r.Baseline {
			name += " (" + p.t("cli.board.baseline") + ")"
		}
		row := []string{rank, r.Org.Name.In(p.lang), printable(name)}
		for _, v := range r.Values {
			row = append(row, number(v))
		}
		if r.Proof != nil && r.Proof.Error > 0 {
			row = append(row, fmt.Sprintf("%.3g", r.Proof.Error))
		} else {
			row = append(row, "-")
		}
		if s := r.Standing; s != nil {
			seconds := func(x float64) string {
				if x == 0 {
					return "-"
				}
				return fmt.Sprintf("≤ %g s", x)
			}
			pair, ranks := "-", p.t("web.board.not_known")
			if s.P != nil {
				pair = fmt.Sprintf("%.3g", *s.P)
			} else if i > 0 {
				pair = p.t("web.board.not_tested")
			}
			if s.RankLo > 0 {
				ranks = fmt.Sprintf("%d–%d", s.RankLo, s.RankHi)
			}
			row = append(row, pair, ranks, fmt.Sprintf("%.3g", s.MeanRank),
				seconds(s.Wall), seconds(s.CPU), map[bool]string{true: "●", false: ""}[s.Pareto])
		}
		rows = append(rows, row)
	}
	p.table(head, rows)
	if b.Entry == "last" {
		p.say("intake.board.last")
	}
	if b.Final {
		p.say("web.board.final")
		if b.Untested() {
			p.say("web.board.untested")
		}
	} else {
		p.say("web.board.budget", "Part", b.Budget.Part, "Bits", fmt.Sprintf("%.1f", b.Budget.Bits), "Total", fmt.Sprintf("%.0f", b.Budget.Total), "Answers", b.Budget.Answers)
	}
}

// printable makes foreign text safe for a terminal: no escape sequences, no
// control characters but newline and tab.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || r >= 0x20 && r != 0x7f && (r < 0x80 || r > 0x9f) && !(r >= 0x202a && r <= 0x202e) && !(r >= 0x2066 && r <= 0x2069) {
			return r
		}
		return '·'
	}, s)
}
