package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"aihub"
	"aihub/catalog"
	"aihub/catalog/detect"
	"aihub/catalog/meta"
	"aihub/server/wire"

	"github.com/spf13/cobra"
)

// datasetProfileCmd says what is in a file, and proposes a manifest. It reads a
// file or what an address names, and sends nothing.
func (p *process) datasetProfileCmd() *cobra.Command {
	var manifest, describe, query string
	c := p.verb("profile DATA", "cli.dataset.profile.short", cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) (err error) {
		if _, err := os.Lstat(manifest); manifest != "" && err == nil { // before an hour's reading
			return cannotWrite(manifest, os.ErrExist)
		}
		path, shown, done, err := p.localTable(cmd.Context(), args[0], query)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, done()) }()
		bar := p.progress()
		r, err := p.profileRaw(cmd.Context(), path, describe, func(done, total int64) {
			bar.show(wire.Progress{Stage: "profile", Done: done, Total: total})
		})
		bar.end()
		if err != nil {
			return err
		}
		if manifest != "" {
			if err := writeNew(manifest, r.Manifest); err != nil {
				return err
			}
		}
		return p.data(r, func() {
			p.showRawProfile(r)
			if manifest != "" {
				next := "cli.profile.written"
				if strings.Contains(r.Manifest, "\nrisk:") {
					next = "cli.profile.search"
				}
				p.say(next, "File", manifest, "Data", shown)
			} else {
				fmt.Fprintf(p.Out, "\n%s", r.Manifest)
			}
		})
	})
	c.Flags().StringVar(&manifest, "manifest", "", p.t("cli.flag.manifest_out"))
	c.Flags().StringVar(&describe, "describe", "", p.t("cli.flag.describe"))
	c.Flags().StringVar(&query, "query", "", p.t("cli.flag.query"))
	return c
}

func (p *process) profileRaw(ctx context.Context, path, describe string, report func(done, total int64)) (catalog.RawProfile, error) {
	if describe == "" {
		return catalog.ProfileFile(ctx, path, report)
	}
	b, err := readFile(describe, 8<<20)
	if err != nil {
		return catalog.RawProfile{}, err
	}
	d, err := meta.Read(b)
	if err != nil {
		return catalog.RawProfile{}, err
	}
	return catalog.ProfileDescribed(ctx, path, d, report)
}

// datasetPreviewCmd shows what a manifest's mask plan does. It reads a file or
// what an address names, and sends nothing.
func (p *process) datasetPreviewCmd() *cobra.Command {
	var manifest, query string
	var rows int
	c := p.verb("preview DATA", "cli.dataset.preview.short", cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) (err error) {
		m, err := readFile(manifest, 1<<20)
		if err != nil {
			return err
		}
		path, _, done, err := p.localTable(cmd.Context(), args[0], query)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, done()) }()
		v, err := catalog.PreviewFile(cmd.Context(), m, path, max(1, rows))
		if err != nil {
			return err
		}
		return p.data(v, func() {
			var lines [][]string
			for _, e := range v.Examples {
				lines = append(lines, []string{e.Column, e.Use, e.Before, e.After})
			}
			p.say("cli.preview.examples")
			p.table([]string{"COLUMN", "USE", "BEFORE", "AFTER"}, lines)
			p.showLook(v)
			p.say("cli.preview.rows", "Rows", fmt.Sprint(len(v.Rows)))
			for _, r := range v.Rows {
				lines = lines[:0]
				for i, c := range v.Columns {
					lines = append(lines, []string{c, r[i]})
				}
				p.table([]string{"COLUMN", "AFTER"}, lines)
			}
		})
	})
	c.Flags().StringVar(&manifest, "manifest", "", p.t("cli.flag.manifest"))
	c.Flags().StringVar(&query, "query", "", p.t("cli.flag.query"))
	c.Flags().IntVar(&rows, "rows", 3, p.t("cli.flag.preview_rows"))
	p.require(c, "manifest")
	return c
}

// writeNew writes a file that must not be there yet.
func writeNew(name, text string) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err == nil {
		_, err = f.WriteString(text)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		return cannotWrite(name, err)
	}
	return nil
}

func cannotWrite(name string, err error) error {
	return aihub.Errorf(aihub.Invalid, aihub.Text{
		EN: "cannot write " + name + ": " + rootCause(err), ZH: "无法写入 " + name + "：" + rootCause(err),
	}).WithHint(aihub.Text{EN: "name a file that is not there yet", ZH: "请指定一个尚不存在的文件"})
}

func (p *process) showRawProfile(r catalog.RawProfile) {
	p.say("cli.profile.rows", "Rows", fmt.Sprint(r.Rows), "Columns", fmt.Sprint(len(r.Columns)))
	var rows [][]string
	for _, c := range r.Columns {
		nulls := "0"
		if c.Rows > 0 && c.Nulls > 0 {
			nulls = fmt.Sprintf("%.1f%%", 100*float64(c.Nulls)/float64(c.Rows))
		}
		var kinds []string
		for _, f := range c.Evidence {
			if f.Kind != "" && (f.Kind != detect.KindNamed || f.Class == detect.Direct) {
				kinds = append(kinds, string(f.Kind))
			}
		}
		values := typical(c)
		if c.Unread {
			values = p.t("cli.profile.unread")
		}
		rows = append(rows, []string{c.Name, string(c.Type), nulls, fmt.Sprint(c.Distinct), string(c.Class), fmt.Sprint(c.Level), strings.Join(kinds, " "), values})
	}
	p.table([]string{"COLUMN", "TYPE", "MISSING", "DISTINCT", "CLASS", "LEVEL", "FOUND", "VALUES"}, rows)
}

// typical shows quantiles of numbers, the most frequent texts, or lengths.
func typical(c catalog.RawColumn) string {
	var parts []string
	switch {
	case len(c.Quantiles) > 0:
		for _, q := range c.Quantiles {
			if q.P == 0.05 || q.P == 0.5 || q.P == 0.95 {
				parts = append(parts, fmt.Sprintf("p%02.0f %s", 100*q.P, q.Value))
			}
		}
	case len(c.Top) > 0:
		for _, g := range c.Top[:min(3, len(c.Top))] {
			parts = append(parts, fmt.Sprintf("%s ×%d", g.Value, g.Rows))
		}
	case c.Lengths != nil:
		parts = append(parts, fmt.Sprintf("%g chars", c.Lengths.Mean))
	}
	return strings.Join(parts, ", ")
}

// showLook says what publishing would refuse, and what the plan names in vain.
func (p *process) showLook(v catalog.Preview) {
	if v.All {
		p.say("cli.preview.all", "Rows", v.Looked)
	} else {
		p.say("cli.preview.first", "Rows", v.Looked)
	}
	if v.Refused != nil {
		p.say("cli.preview.refused")
		for _, f := range v.Refused {
			fmt.Fprintln(p.Out, "  "+f.In(p.lang))
		}
	}
	p.sayUnmet("cli.preview.unmet", v.Unmet)
}

// sayUnmet tells in a message of each column which values its suppress names in vain.
func (p *process) sayUnmet(key string, unmet map[string][]string) {
	for _, c := range slices.Sorted(maps.Keys(unmet)) {
		values := unmet[c]
		list := strings.Join(values[:min(len(values), 20)], ", ")
		if len(values) > 20 {
			list += ", …"
		}
		p.say(key, "Column", c, "Number", len(values), "Values", list)
	}
}
