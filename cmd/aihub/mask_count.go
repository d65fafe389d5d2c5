package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"aihub"
	"aihub/catalog"
	"aihub/catalog/dp"

	"github.com/spf13/cobra"
)

// budgetFile is the privacy budget of one dataset and what was spent of it. Who
// keeps it decides how much noise readers can ever average away.
type budgetFile struct {
	Measure dp.Measure    `json:"measure"`
	Total   string        `json:"total"`
	Spent   []dp.Spending `json:"spent"`
}

// countedCells is a histogram as it is published, and what its budget has left.
type countedCells struct {
	Cells   []aihub.AggregateCell `json:"cells"` // the last is "*": every other value
	Left    string                `json:"left"`
	Total   string                `json:"total"`
	Measure dp.Measure            `json:"measure"`
}

// maskCountCmd publishes a histogram with differential privacy.
func (p *process) maskCountCmd() *cobra.Command {
	var column, budget, cost, total, measure string
	var cells []string
	var perUnit int64
	c := p.verb("count DATA", "cli.mask.count.short", cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
		unlock, err := lockFile(budget + ".lock")
		if err != nil {
			return err
		}
		defer unlock()
		bf := budgetFile{Measure: dp.Measure(measure), Total: total}
		switch b, err := readFile(budget, 16<<20); {
		case err == nil:
			if cmd.Flags().Changed("total") || cmd.Flags().Changed("measure") {
				return aihub.Errorf(aihub.Invalid, aihub.Text{EN: budget + " holds a budget already: --total and --measure begin a new one", ZH: budget + " 已有预算：--total 与 --measure 只用于新建"})
			}
			if err := json.Unmarshal(b, &bf); err != nil {
				return aihub.Errorf(aihub.Invalid, aihub.Text{EN: budget + ": " + err.Error(), ZH: budget + "：" + err.Error()})
			}
		case !missingFile(budget):
			return err
		case total == "":
			return aihub.Errorf(aihub.Invalid, aihub.Text{EN: budget + " does not exist: begin a budget with --total", ZH: budget + " 不存在：请用 --total 新建预算"})
		}
		a, err := dp.NewAccountant(bf.Measure, bf.Total, bf.Spent)
		if err != nil {
			return err
		}
		counts, err := catalog.CountCells(cmd.Context(), args[0], column, cells)
		if err != nil {
			return err
		}
		out, err := dp.NewRelease(a).Histogram(filepath.Base(args[0])+": "+column, cost, counts, perUnit)
		if err != nil {
			return err
		}
		bf.Spent = a.Spendings()
		if err := writeBudget(budget, bf); err != nil { // charged before anything is shown
			return err
		}
		told := countedCells{Left: a.Left().FloatString(4), Total: bf.Total, Measure: bf.Measure}
		var rows [][]string
		for i, o := range out {
			c := aihub.AggregateCell{Cell: "*", Rows: o.Value, Margin: o.Margin}
			if i < len(cells) {
				c.Cell = cells[i]
			}
			told.Cells = append(told.Cells, c)
			rows = append(rows, []string{c.Cell, fmt.Sprint(c.Rows), fmt.Sprint(c.Margin)})
		}
		return p.data(told, func() {
			p.table([]string{"CELL", "ROWS", "±95%"}, rows)
			p.say("cli.mask.count.left", "Left", told.Left, "Total", told.Total, "Measure", string(told.Measure))
		})
	})
	f := c.Flags()
	f.StringVar(&column, "column", "", p.t("cli.flag.count_column"))
	f.StringSliceVar(&cells, "cells", nil, p.t("cli.flag.cells"))
	f.StringVar(&cost, "cost", "", p.t("cli.flag.cost"))
	f.StringVar(&budget, "budget", "", p.t("cli.flag.budget"))
	f.StringVar(&total, "total", "", p.t("cli.flag.total"))
	f.StringVar(&measure, "measure", string(dp.ZCDP), p.t("cli.flag.measure"))
	f.Int64Var(&perUnit, "per-unit", 1, p.t("cli.flag.per_unit"))
	for _, flag := range []string{"column", "cells", "cost", "budget"} {
		p.require(c, flag)
	}
	return c
}

func missingFile(name string) bool {
	_, err := os.Stat(name)
	return errors.Is(err, fs.ErrNotExist)
}

// lockFile holds name against another process by its existence.
func lockFile(name string) (unlock func(), err error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, aihub.Errorf(aihub.Conflict, aihub.Text{EN: name + " exists: another release is being made", ZH: name + " 已存在：正在进行另一次发布"}).
			WithHint(aihub.Text{EN: "wait for it; when none is running, a killed one left the file: remove it", ZH: "请等待其结束；若没有进行中的发布，则为被终止者遗留，可删除"})
	}
	if err != nil {
		return nil, err
	}
	f.Close()
	return func() { os.Remove(name) }, nil
}

func writeBudget(name string, b budgetFile) error {
	data, err := json.MarshalIndent(b, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".aihub-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(append(data, '\n'))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}
