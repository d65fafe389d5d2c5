package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"aihub"
	"aihub/policies/sharing"
	"aihub/server/client"
	"aihub/server/wire"

	"github.com/spf13/cobra"
)

func (p *process) submitCmd() *cobra.Command {
	var image, round, name, model string
	var smoke, wait bool
	c := p.verb("submit SCENARIO", "cli.submit.short", cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
		return p.with(cmd, func(ctx context.Context, c *client.Client) error {
			img, err := p.bringImage(ctx, c, image)
			if err != nil {
				return err
			}
			p.note("cli.submit.image", "Digest", img.Digest.Short())
			sub, err := c.Submit(ctx, args[0], wire.NewSubmission{
				Image: img.Digest, Round: round, Name: name, Smoke: smoke, Model: model, Nonce: rand.Text(),
			})
			if err != nil {
				return err
			}
			return p.entered(ctx, c, sub, wait)
		})
	})
	c.Flags().StringVar(&image, "image", "", p.t("registry.flag.image"))
	c.Flags().StringVar(&round, "round", "", p.t("cli.flag.round"))
	c.Flags().StringVar(&name, "name", "", p.t("cli.flag.subname"))
	c.Flags().StringVar(&model, "model", "", p.t("training.flag.model"))
	c.Flags().BoolVar(&smoke, "smoke", false, p.t("cli.flag.smoke"))
	c.Flags().BoolVar(&wait, "wait", false, p.t("cli.flag.wait"))
	p.require(c, "image")
	return c
}

// entered prints what was entered, or with wait how it ended.
func (p *process) entered(ctx context.Context, c *client.Client, sub aihub.Submission, wait bool) error {
	if !wait {
		return p.data(sub, func() { p.say("cli.submit.done", "ID", string(sub.ID)) })
	}
	p.note("cli.submit.waiting", "ID", string(sub.ID))
	v, err := p.follow(ctx, c, sub.ID)
	if err != nil {
		return err
	}
	return p.outcome(v)
}

// follow shows a submission's events until its outcome is visible.
func (p *process) follow(ctx context.Context, c *client.Client, id aihub.SubmissionID) (wire.SubmissionView, error) {
	told := "" // of the queue: a stream that is taken up again says it again
	err := c.Events(ctx, id, 0, func(e aihub.Event) {
		if p.json {
			return
		}
		if e.Type == "log" {
			fmt.Fprint(p.Err, printable(e.Text))
			return
		}
		if e.Type == "queue" {
			if words := wire.WaitWords(p.lang, *e.Wait, time.Local); words != told {
				fmt.Fprintf(p.Err, "%s  %s\n", e.At.Local().Format(time.TimeOnly), words)
				told = words
			}
			return
		}
		word := p.t("cli.event." + e.Type)
		if e.Type == "run" {
			word += " " + p.t("web.run_state."+e.State)
		}
		fmt.Fprintf(p.Err, "%s  %s\n", e.At.Local().Format(time.TimeOnly), word)
	})
	if err != nil {
		return wire.SubmissionView{}, err
	}
	return c.Submission(ctx, id)
}

// outcome prints how a submission ended and turns a failure into its exit code.
func (p *process) outcome(v wire.SubmissionView) error {
	if err := p.data(v, func() { p.showSubmission(v) }); err != nil {
		return err
	}
	switch {
	case v.State == aihub.SubmissionFailed && v.Fault.Owner == aihub.FaultVendor:
		return aihub.Errorf(aihub.RunFailed, sharing.Reason(v.Fault.Reason))
	case v.State == aihub.SubmissionFailed:
		return aihub.Errorf(aihub.Unavailable, sharing.Reason(v.Fault.Reason))
	case v.State == aihub.SubmissionScored && v.Score == nil:
		return aihub.Errorf(aihub.Pending, aihub.Text{EN: "the score waits for the reviewers", ZH: "成绩等待评审员审批"})
	}
	return nil
}

func (p *process) showSubmission(v wire.SubmissionView) {
	fmt.Fprintf(p.Out, "%s  %s  %s  [%s]\n", v.ID, v.Scenario, v.Name, stateOf(p, "web.sub_state.", v.State))
	if v.Fault.Owner != "" {
		why := sharing.Reason(v.Fault.Reason).In(p.lang)
		if v.Fault.Reason != aihub.ReasonCancelled { // which is nobody's fault
			why = p.t("cli.owner."+string(v.Fault.Owner)) + ": " + why
		}
		fmt.Fprintln(p.Out, why)
		if v.Fault.Detail != "" {
			fmt.Fprintln(p.Out, printable(v.Fault.Detail))
		}
	}
	if v.Wait != nil {
		fmt.Fprintln(p.Out, wire.WaitWords(p.lang, *v.Wait, time.Local))
	}
	if v.Model != "" {
		p.say("training.uses", "Model", string(v.Model))
	}
	if v.Made != nil {
		p.say("training.made", "Model", string(v.Made.Digest), "Ref", v.Scenario.String())
	}
	if v.Score != nil {
		var rows [][]string
		for _, m := range v.Score.Released {
			rows = append(rows, []string{m.ID, number(m), string(m.Status), m.Reason})
		}
		p.table([]string{"METRIC", "VALUE", "STATUS", "REASON"}, rows)
		values := v.Score.Released
		if len(values) == 0 || len(values[0].Slices) == 0 {
			values = v.Score.Sealed // of who may see them
		}
		p.slices(values)
		if v.Score.Note != "" {
			fmt.Fprintln(p.Out, sharing.Note(v.Score.Note).In(p.lang))
		}
		if v.Score.Proof != nil {
			fmt.Fprintln(p.Out, sharing.CertificateText(*v.Score.Proof).In(p.lang))
		}
	}
	if b := v.Budget; b != nil && b.Quota > 0 {
		p.say("cli.budget", "Used", b.Attempts, "Quota", b.Quota, "Bits", fmt.Sprintf("%.1f", b.Bits), "Total", fmt.Sprintf("%.0f", b.Total),
			"Own", fmt.Sprintf("%.1f", b.Own), "Share", fmt.Sprintf("%.0f", b.Share), "Part", b.Part)
	}
}

// roundOf is the round of s; a trial and a training have none.
func roundOf(s aihub.Submission) string {
	switch {
	case s.Workspace:
		return "workspace"
	case s.Train && s.Smoke:
		return "train, smoke"
	case s.Train:
		return "train"
	case s.Smoke:
		return "smoke"
	}
	return s.Round
}

// number renders a metric value with no more digits than it has.
func number(m aihub.MetricValue) string {
	if m.Status == aihub.MetricUndefined {
		return "-"
	}
	return fmt.Sprintf("%.6g", m.Value)
}
