package main

import (
	"context"
	"crypto/rand"
	"time"

	"aihub"
	"aihub/internal/i18n"
	"aihub/server/client"
	"aihub/server/wire"

	"github.com/spf13/cobra"
)

func (p *process) trainCmd() *cobra.Command {
	var image, name, model string
	var smoke, wait bool
	c := p.verb("train SCENARIO", "training.short", cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
		return p.with(cmd, func(ctx context.Context, c *client.Client) error {
			img, err := p.bringImage(ctx, c, image)
			if err != nil {
				return err
			}
			p.note("cli.submit.image", "Digest", img.Digest.Short())
			sub, err := c.Submit(ctx, args[0], wire.NewSubmission{
				Image: img.Digest, Name: name, Smoke: smoke, Train: true, Model: model, Nonce: rand.Text(),
			})
			if err != nil {
				return err
			}
			return p.entered(ctx, c, sub, wait)
		})
	})
	c.Flags().StringVar(&image, "image", "", p.t("registry.flag.image"))
	c.Flags().StringVar(&name, "name", "", p.t("training.flag.name"))
	c.Flags().StringVar(&model, "model", "", p.t("training.flag.model"))
	c.Flags().BoolVar(&smoke, "smoke", false, p.t("training.flag.smoke"))
	c.Flags().BoolVar(&wait, "wait", false, p.t("cli.flag.wait"))
	p.require(c, "image")
	return c
}

func (p *process) modelCmd() *cobra.Command {
	var scenario string
	c := p.group("model", "training.model.short")
	list := p.verb("list", "training.model.list.short", cobra.NoArgs, func(cmd *cobra.Command, _ []string) error {
		return p.with(cmd, func(ctx context.Context, c *client.Client) error {
			models, err := c.Models(ctx, scenario)
			if err != nil {
				return err
			}
			return p.data(models, func() {
				var rows [][]string
				for _, m := range models {
					rows = append(rows, []string{string(m.Digest), m.Scenario.String(), string(m.Org), m.Name, string(m.Submission), string(m.Part), p.sizeOf(m), m.CreatedAt.Local().Format(time.DateTime)})
				}
				p.table([]string{"MODEL", "SCENARIO", "ORG", "NAME", "TRAINING", "PART", "SIZE", "SINCE"}, rows)
			})
		})
	})
	list.Flags().StringVar(&scenario, "scenario", "", p.t("cli.flag.scenario"))
	del := p.verb("delete MODEL", "training.model.delete.short", cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
		return p.with(cmd, func(ctx context.Context, c *client.Client) error {
			if err := c.DeleteModel(ctx, args[0]); err != nil {
				return err
			}
			return p.data(map[string]any{"deleted": args[0]}, func() { p.say("training.model.deleted", "Model", args[0]) })
		})
	})
	c.AddCommand(list, del)
	return c
}

// sizeOf is what may be said of the size of m.
func (p *process) sizeOf(m aihub.Model) string {
	if !m.DeletedAt.IsZero() {
		return p.t("training.model.gone")
	}
	if m.Bytes == 0 {
		return "-"
	}
	return i18n.Bytes(m.Bytes)
}
