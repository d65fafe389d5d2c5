package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"aihub"
	"aihub/server/client"
	"aihub/server/wire"

	"github.com/spf13/cobra"
)

func (p *process) datasetCmd() *cobra.Command {
	c := p.group("dataset", "cli.dataset.short")
	var manifest, query, detector string
	var lower bool
	publish := p.verb("publish DATA", "cli.dataset.publish.short", cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
		return p.with(cmd, func(ctx context.Context, c *client.Client) (err error) {
			m, err := readFile(manifest, 1<<20)
			if err != nil {
				return err
			}
			if err := c.CheckManifest(ctx, m); err != nil {
				return err
			}
			f, done, err := p.rawFile(ctx, args[0], query, detector)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, done()) }()
			bar := p.progress()
			v, err := publishFile(ctx, c, m, f, bar.show)
			bar.end()
			if err != nil {
				return err
			}
			return p.data(v, func() {
				p.showDataset(v)
				p.riskLine(ctx, c, v.Ref.String())
				p.say("cli.dataset.proposed", "Ref", v.Ref.String())
			})
		})
	})
	publish.Flags().StringVar(&manifest, "manifest", "", p.t("cli.flag.manifest"))
	publish.Flags().StringVar(&query, "query", "", p.t("cli.flag.query"))
	publish.Flags().StringVar(&detector, "detector", "", p.t("cli.flag.detector"))
	p.require(publish, "manifest")
	list := p.verb("list", "cli.dataset.list.short", cobra.NoArgs, func(cmd *cobra.Command, _ []string) error {
		return p.with(cmd, func(ctx context.Context, c *client.Client) error {
			vs, err := c.Datasets(ctx)
			if err != nil {
				return err
			}
			return p.data(vs, func() {
				var rows [][]string
				for _, v := range vs {
					var n int64
					for _, f := range v.Parts {
						n += f.Rows
					}
					rows = append(rows, []string{v.Ref.String(), stateOf(p, "web.dataset_state.", v.State), fmt.Sprint(n), v.Title.In(p.lang)})
				}
				p.table([]string{"DATASET", "STATE", "ROWS", "TITLE"}, rows)
			})
		})
	})
	show := p.verb("show NAME@N", "cli.dataset.show.short", cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
		return p.with(cmd, func(ctx context.Context, c *client.Client) error {
			v, err := c.Dataset(ctx, args[0])
			if err != nil {
				return err
			}
			return p.data(v, func() { p.showDataset(v) })
		})
	})
	card := p.verb("card NAME@N", "cli.dataset.card.short", cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
		return p.with(cmd, func(ctx context.Context, c *client.Client) error {
			md, err := c.DatasetCard(ctx, args[0], p.lang)
			if err != nil {
				return err
			}
			_, err = io.WriteString(p.Out, md)
			return err
		})
	})
	approve := p.decideCmd("approve NAME@N", "cli.dataset.approve.short", true, func(ctx context.Context, c *client.Client, id string, d wire.Decide) error {
		d.LowerLevel = lower
		return c.DecideDataset(ctx, id, d)
	})
	approve.Flags().BoolVar(&lower, "lower-level", false, p.t("cli.flag.lower_level"))
	c.AddCommand(p.datasetLifeCmds()...)
	c.AddCommand(publish, approve, p.datasetProfileCmd(), p.datasetPreviewCmd(), p.datasetSearchCmd(), p.datasetExportCmd(), list, show, card, p.datasetDiffCmd(), p.datasetTruthCmd(),
		p.withdrawCmd("cli.dataset.withdraw.short", func(c *client.Client) func(context.Context, string, wire.Withdraw) error { return c.WithdrawDataset }),
		p.decideCmd("reject NAME@N", "cli.dataset.reject.short", false, func(ctx context.Context, c *client.Client, id string, d wire.Decide) error {
			return c.DecideDataset(ctx, id, d)
		}))
	return c
}

// largeFile is from which size on a file is sent in ranges, so that a connection
// that breaks is taken up again.
const largeFile = 64 << 20

func publishFile(ctx context.Context, c *client.Client, manifest []byte, f *os.File, progress func(wire.Progress)) (aihub.DatasetVersion, error) {
	if st, err := f.Stat(); err == nil && st.Size() >= largeFile {
		return c.PublishUpload(ctx, manifest, f, st.Size(), nil, progress)
	}
	return c.PublishDataset(ctx, manifest, f, progress)
}

// decideCmd builds approve and reject for whatever waits for a person.
func (p *process) decideCmd(use, key string, approve bool, f func(ctx context.Context, c *client.Client, id string, d wire.Decide) error) *cobra.Command {
	return p.sayCmd(use, key, "cli.decided.", approve, f)
}

// voteCmd is decideCmd for what two people decide.
func (p *process) voteCmd(use, key string, approve bool, f func(ctx context.Context, c *client.Client, id string, d wire.Decide) error) *cobra.Command {
	return p.sayCmd(use, key, "cli.voted.", approve, f)
}

func (p *process) sayCmd(use, key, words string, approve bool, f func(ctx context.Context, c *client.Client, id string, d wire.Decide) error) *cobra.Command {
	var reason string
	c := p.verb(use, key, cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
		return p.with(cmd, func(ctx context.Context, c *client.Client) error {
			if err := f(ctx, c, args[0], wire.Decide{Approve: approve, Reason: reason}); err != nil {
				return err
			}
			word := "approved"
			if !approve {
				word = "rejected"
			}
			return p.data(map[string]any{"id": args[0], "approved": approve}, func() { p.say(words+word, "ID", args[0]) })
		})
	})
	c.Flags().StringVar(&reason, "reason", "", p.t("cli.flag.reason"))
	if !approve {
		p.require(c, "reason")
	}
	return c
}

func (p *process) showDataset(v aihub.DatasetVersion) {
	fmt.Fprintf(p.Out, "%s  %s  [%s]\n%s\n", v.Ref, v.Title.In(p.lang), stateOf(p, "web.dataset_state.", v.State), v.Description.In(p.lang))
	var rows [][]string
	for _, f := range v.Parts {
		rows = append(rows, []string{string(f.Part), fmt.Sprint(f.Rows), f.Input.Short(), f.Truth.Short()})
	}
	p.table([]string{"PART", "ROWS", "INPUT", "TRUTH"}, rows)
	fmt.Fprintf(p.Out, "content %s\nplan    %s\n", v.Content, v.Plan)
	for _, l := range [][2]string{{"raw", string(v.Raw)}, {"key", v.MaskKey}, {"risk", string(v.Profile)}} { // lineage; empty for those it is not for
		if l[1] != "" {
			fmt.Fprintf(p.Out, "%-7s %s\n", l[0], l[1])
		}
	}
	if len(v.Risk.Limits) > 0 {
		if v.Risk.Subject != "" {
			p.say("cli.dataset.people", "Subject", v.Risk.Subject)
		}
		rows = nil
		for _, l := range v.Risk.Limits {
			rows = append(rows, []string{l.Key, l.Rule, fmt.Sprintf("%.4g", l.Limit), fmt.Sprintf("%.4g", l.Measured)})
		}
		p.table([]string{"LIMIT", "RULE", "DECLARED", "MEASURED"}, rows)
	}
	if v.Level > 0 {
		p.say("cli.dataset.level", "Level", fmt.Sprint(v.Level), "Found", fmt.Sprint(v.LevelFound))
	}
	if !v.RetainUntil.IsZero() && v.ErasedAt.IsZero() {
		p.say("cli.dataset.retained", "Until", v.RetainUntil.Format(time.DateOnly))
	}
	if v.State == aihub.DatasetWithdrawn || v.State == aihub.DatasetRejected {
		p.say("cli.dataset."+string(v.State)+"_at", "At", v.DecidedAt.Format(time.DateOnly), "Reason", v.Reason)
	}
	if !v.ErasedAt.IsZero() {
		p.say("cli.dataset.erased_at", "At", v.ErasedAt.Format(time.DateOnly), "Reason", v.EraseReason)
	}
}

// readFile reads a small local file, at most max bytes.
func readFile(name string, max int64) ([]byte, error) {
	f, err := openFile(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, max+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > max {
		return nil, aihub.Errorf(aihub.Invalid, aihub.Text{
			EN: fmt.Sprintf("%s is larger than %d bytes", name, max), ZH: fmt.Sprintf("%s 超过 %d 字节", name, max),
		})
	}
	return b, nil
}

// readable says why a verb that reads one table cannot read name, in words a
// person can act on.
func readable(name string) error {
	if st, err := os.Stat(name); err == nil && st.IsDir() {
		return aihub.Errorf(aihub.Invalid, aihub.Text{EN: name + " is a folder", ZH: name + " 是文件夹"}).WithHint(aihub.Text{
			EN: "name its table, such as " + filepath.Join(name, "table.csv") + "; aihub dataset publish takes the folder",
			ZH: "请写出其中的表，如 " + filepath.Join(name, "table.csv") + "；aihub dataset publish 直接接受文件夹",
		})
	}
	f, err := openFile(name)
	if err != nil {
		return err
	}
	return f.Close()
}

// openFile opens a local file with an error a person can act on.
func openFile(name string) (*os.File, error) {
	f, err := os.Open(name)
	if err == nil {
		if st, serr := f.Stat(); serr == nil && st.IsDir() {
			f.Close()
			err = fmt.Errorf("it is a directory")
		}
	}
	if err != nil {
		return nil, aihub.Errorf(aihub.Invalid, aihub.Text{
			EN: "cannot read " + name + ": " + rootCause(err), ZH: "无法读取 " + name + "：" + rootCause(err),
		})
	}
	return f, nil
}
