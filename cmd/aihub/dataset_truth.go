package main

import (
	"errors"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"aihub"
	"aihub/evaluator/intake"
	"aihub/internal/table"
	"aihub/scenarios"

	"github.com/spf13/cobra"
)

// datasetTruthCmd turns annotations in which the units lie mixed into a table
// with a cell for each: a column for the raw table of a dataset.
func (p *process) datasetTruthCmd() *cobra.Command {
	var format, uem, out, key, column string
	c := p.verb("truth FILE", "intake.truth.short", cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
		known := slices.Sorted(maps.Keys(scenarios.UnitFormats))
		if !slices.Contains(known, format) {
			list := strings.Join(known, ", ")
			return aihub.Errorf(aihub.Invalid, aihub.Text{EN: "--format is one of: " + list, ZH: "--format 须为以下之一：" + list})
		}
		files := args
		if uem != "" {
			if files = append(files, uem); format != scenarios.FormatRTTM {
				return aihub.Errorf(aihub.Invalid, aihub.Text{EN: "--uem goes with --format rttm: it says which stretches of a recording are scored", ZH: "--uem 仅与 --format rttm 同用：它给出录音中计分的时段"})
			}
		}
		for _, path := range files {
			f, err := openFile(path)
			if err != nil {
				return err
			}
			if err := f.Close(); err != nil {
				return err
			}
		}
		rows := 0
		if err := writeWhole(out, func(w *os.File) (err error) { rows, err = writeTruth(w, args[0], uem, format, key, column); return err }); err != nil {
			return err
		}
		return p.data(map[string]any{"file": out, "rows": rows}, func() { p.say("intake.truth.done", "File", out, "Rows", rows) })
	})
	c.Flags().StringVar(&format, "format", "", p.t("intake.truth.flag.format"))
	c.Flags().StringVar(&uem, "uem", "", p.t("intake.truth.flag.uem"))
	c.Flags().StringVarP(&out, "output", "o", "truth.csv", p.t("cli.flag.output"))
	c.Flags().StringVar(&key, "key", "id", p.t("intake.truth.flag.key"))
	c.Flags().StringVar(&column, "column", "truth", p.t("intake.truth.flag.column"))
	p.require(c, "format")
	return c
}

func writeTruth(dst io.Writer, path, uem, format, key, column string) (rows int, err error) {
	r, err := intake.OpenTruth(path, uem, format, key, column)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	w, err := table.NewWriter(dst, table.FormatCSV, r.Schema())
	if err != nil {
		return 0, err
	}
	for {
		b, err := r.Next()
		if err == io.EOF {
			return rows, w.Close()
		}
		if err == nil {
			rows += b.Rows
			err = w.Write(b)
		}
		if err != nil {
			return rows, errors.Join(err, w.Close())
		}
	}
}
