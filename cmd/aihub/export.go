package main

import (
	"context"
	"errors"
	"slices"
	"strings"

	"aihub"
	"aihub/catalog/meta"
	"aihub/server/client"

	"github.com/spf13/cobra"
)

// datasetExportCmd prints a dataset version in the words of other catalogues.
func (p *process) datasetExportCmd() *cobra.Command {
	var format string
	c := p.verb("export NAME@N", "cli.dataset.export.short", cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
		if !slices.Contains(meta.Formats, format) {
			return usageError{errors.New(p.t("cli.flag_choice", "Flag", "--format", "Value", format, "Choices", strings.Join(meta.Formats, ", ")))}
		}
		return p.with(cmd, func(ctx context.Context, c *client.Client) error {
			b, err := c.DatasetMetadata(ctx, args[0], format)
			if err == nil {
				_, err = p.Out.Write(b)
			}
			return err
		})
	})
	c.Flags().StringVar(&format, "format", meta.Formats[0], p.t("cli.flag.metadata", "Formats", strings.Join(meta.Formats, ", ")))
	return c
}

// scenarioExportCmd prints a scenario as a task, or the board of a round as its
// solutions.
func (p *process) scenarioExportCmd() *cobra.Command {
	var board bool
	var round string
	c := p.verb("export NAME@N", "cli.scenario.export.short", cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
		return p.with(cmd, func(ctx context.Context, c *client.Client) error {
			get := func() ([]byte, error) { return c.ScenarioMetadata(ctx, args[0]) }
			if board || round != "" {
				get = func() ([]byte, error) { return c.BoardMetadata(ctx, args[0], round) }
			}
			b, err := get()
			if err == nil {
				_, err = p.Out.Write(b)
			}
			return err
		})
	})
	c.Flags().BoolVar(&board, "board", false, p.t("cli.flag.export_board"))
	c.Flags().StringVar(&round, "round", "", p.t("cli.flag.round"))
	return c
}

// runsExportCmd prints a submission as a solution of its scenario's task.
func (p *process) runsExportCmd() *cobra.Command {
	return p.verb("export SUBMISSION", "cli.runs.export.short", cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
		return p.with(cmd, func(ctx context.Context, c *client.Client) error {
			b, err := c.SubmissionMetadata(ctx, aihub.SubmissionID(args[0]))
			if err == nil {
				_, err = p.Out.Write(b)
			}
			return err
		})
	})
}
