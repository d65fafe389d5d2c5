package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"aihub"
	"aihub/evaluator"
	"aihub/internal/blob"
	"aihub/internal/oci"
	"aihub/sandbox"
	"aihub/server/client"
	"aihub/server/wire"

	"github.com/spf13/cobra"
)

func (p *process) scorerCmd() *cobra.Command {
	c := p.group("scorer", "intake.scorer.short")
	var name string
	propose := p.verb("propose IMAGE", "intake.scorer.propose.short", cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
		return p.with(cmd, func(ctx context.Context, c *client.Client) error {
			img, err := p.bringImage(ctx, c, args[0])
			if err != nil {
				return err
			}
			v, err := c.ProposeScorer(ctx, wire.NewScorer{Image: img.Digest, Name: name})
			if err != nil {
				return err
			}
			return p.data(v, func() { p.say("intake.scorer.proposed", "ID", string(v.ID), "Digest", string(v.Image)) })
		})
	})
	propose.Flags().StringVar(&name, "name", "", p.t("intake.scorer.flag.name"))
	p.require(propose, "name")
	list := p.verb("list", "intake.scorer.list.short", cobra.NoArgs, func(cmd *cobra.Command, _ []string) error {
		return p.with(cmd, func(ctx context.Context, c *client.Client) error {
			vs, err := c.Scorers(ctx)
			if err != nil {
				return err
			}
			return p.data(vs, func() {
				var rows [][]string
				for _, v := range vs {
					rows = append(rows, []string{string(v.ID), stateOf(p, "cli.scorer_state.", v.State), printable(v.Name), string(v.Author), string(v.Image)})
				}
				p.table([]string{"SCORER", "STATE", "NAME", "AUTHOR", "IMAGE"}, rows)
			})
		})
	})
	decide := func(ctx context.Context, c *client.Client, id string, d wire.Decide) error {
		return c.DecideScorer(ctx, id, d)
	}
	c.AddCommand(propose, list,
		p.decideCmd("approve SCORER", "intake.scorer.approve.short", true, decide),
		p.decideCmd("reject SCORER", "intake.scorer.reject.short", false, decide))
	return c
}

// judge runs a scenario's scorer for its self-test, in the platform's sandbox.
func (a *app) judge(ctx context.Context, in evaluator.Judging) (string, error) {
	img, err := oci.Load(ctx, a.Blobs, in.Spec.Scorer.Image)
	if err != nil {
		return "", err
	}
	root, release, err := a.Images.Rootfs(ctx, a.Blobs, img, sandbox.ScorerOwner(in.Ref))
	if err != nil {
		return "", err
	}
	defer release()
	return judge(ctx, a.Runner, img, root, "", in, nil, true)
}

// judge makes a scorer that fails a Contract error, for who publishes or tries it.
func judge(ctx context.Context, r sandbox.Runner, img oci.Image, root, emulated string, in evaluator.Judging, log *terminal, hidden bool) (string, error) {
	j := sandbox.Judging{
		Runner: r, ID: strings.ToLower(aihub.NewID("judge")), Ref: in.Ref, Spec: in.Spec,
		Rootfs: root, Image: img.Digest, Machine: emulated, Args: img.Args(), Dir: img.WorkingDir, Env: img.Env,
		Truth: in.Truth, Input: in.Input, Predictions: in.Predictions, RowKey: in.RowKey, Work: in.Dir, Hidden: hidden,
	}
	if log != nil {
		j.Log = *log
	}
	got, err := sandbox.Judge(ctx, j)
	if err != nil {
		return "", err
	}
	if f := got.Result.Failure; f != (aihub.Failure{}) {
		return "", aihub.Errorf(aihub.Contract, aihub.Text{EN: printable(f.Detail), ZH: printable(f.Detail)}).WithHint(aihub.Text{
			EN: "run it yourself on the public sample: aihub test --image ALGORITHM --scorer SCORER",
			ZH: "请先在公开样例上自行运行：aihub test --image 算法 --scorer 评分程序",
		})
	}
	return got.Packed, nil
}

// localJudge runs the scorer in the archive on what a trial left.
func (p *process) localJudge(ctx context.Context, archive, work string, blobs blob.Store, cache *oci.Cache, r sandbox.Runner, machine, emulated string, in evaluator.Judging) (packed string, err error) {
	f, err := openFile(archive)
	if err != nil {
		return "", err
	}
	defer f.Close()
	img, err := oci.Import(ctx, blobs, f, oci.Limits{Temp: work, Machine: machine})
	if err != nil {
		return "", err
	}
	if img.Digest != in.Spec.Scorer.Image {
		p.note("intake.scorer.test.other", "Digest", img.Digest.Short(), "Want", in.Spec.Scorer.Image.Short())
	}
	root, release, err := cache.Rootfs(ctx, blobs, img, "")
	if err != nil {
		return "", err
	}
	defer release()
	in.Dir = filepath.Join(work, "judge")
	if err := os.Mkdir(in.Dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return "", err
	}
	return judge(ctx, r, img, root, emulated, in, &terminal{p.Err}, false)
}
