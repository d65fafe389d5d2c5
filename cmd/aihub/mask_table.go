package main

import (
	"fmt"
	"runtime"
	"strings"

	"aihub"
	"aihub/catalog"
	"aihub/internal/keys"
	"aihub/internal/pages"
	"aihub/internal/table"
	"aihub/server/wire"

	"github.com/spf13/cobra"
)

// maskTableCmd masks a Parquet file page by page on the steward's own machine.
func (p *process) maskTableCmd() *cobra.Command {
	var manifest, key string
	c := p.verb("table IN OUT", "cli.mask.table.short", cobra.ExactArgs(2), func(cmd *cobra.Command, args []string) error {
		m, err := readFile(manifest, 1<<20)
		if err != nil {
			return err
		}
		if err := readable(args[0]); err != nil {
			return err
		}
		if err := parquet(args[0]); err != nil {
			return err
		}
		ring, err := keys.Open(key)
		if err != nil {
			return err
		}
		defer pages.Room(int64(runtime.GOMAXPROCS(0)) * pages.WorkerBytes)()
		bar := p.progress()
		rec, err := catalog.MaskTable(cmd.Context(), m, args[0], args[1], ring, func(stage string, done, total int64) {
			bar.show(wire.Progress{Stage: stage, Done: done, Total: total})
		})
		bar.end()
		if err != nil {
			if cmd.Context().Err() != nil && !missingFile(args[1]+".journal") {
				p.note("cli.mask.table.later")
			}
			return err
		}
		return p.data(rec, func() {
			p.say("cli.mask.table.done", "File", args[1], "Rows", fmt.Sprint(rec.Rows), "Suppressed", fmt.Sprint(rec.Suppressed), "Digest", string(rec.Content))
			p.sayUnmet("cli.mask.table.unmet", rec.Unmet)
			switch {
			case len(rec.Sorted) > 0:
				p.note("cli.mask.table.sorted", "Columns", strings.Join(rec.Sorted, ", "))
			case rec.Order == nil:
				p.note("cli.mask.table.kept")
			case rec.Order.Runs > 1:
				p.note("cli.mask.table.runs", "Runs", fmt.Sprint(rec.Order.Runs), "Rows", fmt.Sprint(rec.Order.Least))
			}
		})
	})
	c.Flags().StringVar(&manifest, "manifest", "", p.t("cli.flag.manifest"))
	c.Flags().StringVar(&key, "key", "", p.t("cli.flag.mask_key"))
	p.require(c, "manifest")
	p.require(c, "key")
	return c
}

// parquet refuses what does not begin as a Parquet file does: a CSV is not a
// damaged one.
func parquet(name string) error {
	ok, err := table.IsParquet(name)
	if err != nil || ok {
		return err
	}
	return aihub.Errorf(aihub.Invalid, aihub.Text{EN: name + " is no Parquet file", ZH: name + " 不是 Parquet 文件"}).WithHint(aihub.Text{
		EN: "write it as Parquet; aihub dataset publish takes CSV, JSON Lines and Arrow, too",
		ZH: "请写成 Parquet；aihub dataset publish 也接受 CSV、JSON Lines 与 Arrow",
	})
}
