package desk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"aihub"
	"aihub/internal/store"
	"aihub/policies"
	"aihub/policies/sharing"
	"aihub/scenarios"
	"aihub/server/wire"
)

// Submit enters an image in a round, or tries it on the public sample.
func (d *Desk) Submit(ctx context.Context, a aihub.Actor, ref string, in wire.NewSubmission) (aihub.Submission, error) {
	return d.enter(ctx, a, ref, in, "")
}

func (d *Desk) enter(ctx context.Context, a aihub.Actor, ref string, in wire.NewSubmission, again aihub.SubmissionID) (aihub.Submission, error) {
	v, _, err := d.Scenario(ctx, a, ref)
	if err != nil {
		return aihub.Submission{}, err
	}
	p, err := d.permit(ctx, a, policies.SubmissionCreate, policies.Object{ID: v.Ref.String(), Org: v.Org, For: a.Org})
	if err != nil {
		return aihub.Submission{}, err
	}
	image, err := aihub.ParseDigest(string(in.Image))
	if err != nil {
		return aihub.Submission{}, err
	}
	if err := name("name", "x"+in.Name); err != nil { // may be empty
		return aihub.Submission{}, err
	}
	sub := aihub.Submission{
		Scenario: v.Ref, Org: a.Org, User: a.User, Name: in.Name, Image: image, Smoke: in.Smoke, Nonce: in.Nonce, RerunOf: again,
		Train: in.Train, Model: aihub.Digest(in.Model),
	}
	bits := 0.0
	switch {
	case in.Train:
		sub.Round = in.Round // refused: a training has none
	case !in.Smoke:
		r, ok := chooseRound(v.Rounds, in.Round, d.Now())
		if !ok {
			return aihub.Submission{}, aihub.Errorf(aihub.NotFound, aihub.Text{
				EN: "the scenario has no such round", ZH: "该场景没有此轮次",
			}).WithHint(aihub.Text{EN: "leave the round out to enter the one that is open", ZH: "省略轮次可提交到当前开放的轮次"})
		}
		sub.Round = r.Name
		if bits, err = Price(v); err != nil {
			return aihub.Submission{}, err
		}
	}
	return d.DB.Submit(ctx, p, sub, bits)
}

// Rerun enters a submission whose outcome is known again: the same image, in the
// round that is open now. It costs what any submission costs; what the first one
// cost has come back when the fault was not its vendor's.
func (d *Desk) Rerun(ctx context.Context, a aihub.Actor, id aihub.SubmissionID, nonce string) (aihub.Submission, error) {
	if err := signedIn(a); err != nil {
		return aihub.Submission{}, err
	}
	old, err := d.DB.Submission(ctx, policies.ScopeOf(a), id)
	if err != nil {
		return aihub.Submission{}, err
	}
	return d.enter(ctx, a, old.Scenario.String(), wire.NewSubmission{
		Image: old.Image, Name: old.Name, Smoke: old.Smoke, Train: old.Train, Model: string(old.Model), Nonce: nonce,
	}, id)
}

// Hours returns the processor time of an organisation ("": the actor's own).
func (d *Desk) Hours(ctx context.Context, a aihub.Actor, org aihub.OrgID) (aihub.Hours, error) {
	if err := signedIn(a); err != nil {
		return aihub.Hours{}, err
	}
	if org == "" {
		org = a.Org
	}
	return d.DB.Hours(ctx, policies.ScopeOf(a), org)
}

// Wait returns how long a submission waits, nil when it does not.
func (d *Desk) Wait(ctx context.Context, a aihub.Actor, id aihub.SubmissionID) (*aihub.Wait, error) {
	return d.DB.Wait(ctx, policies.ScopeOf(a), id)
}

// Price returns the bits of the leak budget that one attempt reserves.
func Price(v wire.ScenarioView) (float64, error) {
	terms, err := sharing.TermsOf(v.Spec)
	if err != nil {
		return 0, err
	}
	return sharing.Price(terms)
}

// Submissions lists those in scope, of one scenario or ("") of all.
func (d *Desk) Submissions(ctx context.Context, a aihub.Actor, ref string) ([]aihub.Submission, error) {
	if err := signedIn(a); err != nil {
		return nil, err
	}
	r, err := d.refOf(ctx, a, ref)
	if err != nil {
		return nil, err
	}
	return d.DB.Submissions(ctx, policies.ScopeOf(a), store.SubmissionFilter{Scenario: r})
}

// Models lists the models in scope, of one scenario or ("") of all.
func (d *Desk) Models(ctx context.Context, a aihub.Actor, ref string) ([]aihub.Model, error) {
	if err := signedIn(a); err != nil {
		return nil, err
	}
	r, err := d.refOf(ctx, a, ref)
	if err != nil {
		return nil, err
	}
	return d.DB.Models(ctx, policies.ScopeOf(a), store.ModelFilter{Scenario: r})
}

// Submission returns one with its runs, and what the actor may see of its score.
func (d *Desk) Submission(ctx context.Context, a aihub.Actor, id aihub.SubmissionID) (wire.SubmissionView, error) {
	scope := policies.ScopeOf(a)
	if err := signedIn(a); err != nil {
		return wire.SubmissionView{}, err
	}
	sub, err := d.DB.Submission(ctx, scope, id)
	if err != nil {
		return wire.SubmissionView{}, err
	}
	v := wire.SubmissionView{Submission: sub}
	if v.Runs, err = d.DB.Runs(ctx, scope, id); err != nil {
		return wire.SubmissionView{}, err
	}
	if v.Runs == nil {
		v.Runs = []aihub.Run{}
	}
	if v.Wait, err = d.DB.Wait(ctx, scope, id); err != nil {
		return wire.SubmissionView{}, err
	}
	if sub.Train {
		made, err := d.DB.Models(ctx, scope, store.ModelFilter{Submission: id})
		if len(made) > 0 {
			v.Made = &made[0]
		}
		return v, err
	}
	if sub.Smoke {
		return v, nil
	}
	switch score, err := d.DB.Score(ctx, scope, id); {
	case err == nil:
		v.Score = &score
	case aihub.KindOf(err) != aihub.NotFound:
		return wire.SubmissionView{}, err
	}
	b, err := d.DB.Budget(ctx, scope, sub.Scenario, sub.Round, sub.Org)
	if err != nil {
		return wire.SubmissionView{}, err
	}
	v.Budget = &b
	return v, nil
}

// Awaited reports whether a score that the actor knows of will be released by
// itself, without a person: at its tick, or moments after it.
func Awaited(v wire.SubmissionView, s scenarios.Spec) bool {
	return v.State == aihub.SubmissionScored && s.Sharing.Score.Release != "review" && (v.Score == nil || v.Score.ReleasedAt.IsZero())
}

// Cancel withdraws a submission that has no outcome yet.
func (d *Desk) Cancel(ctx context.Context, a aihub.Actor, id aihub.SubmissionID) error {
	if err := signedIn(a); err != nil {
		return err
	}
	sub, err := d.DB.Submission(ctx, policies.ScopeOf(a), id)
	if err != nil {
		return err
	}
	p, err := d.permit(ctx, a, policies.SubmissionCancel, policies.Object{ID: string(id), Org: sub.Org, Author: sub.User})
	if err != nil {
		return err
	}
	return d.DB.CancelSubmission(ctx, p, id)
}

// Receipt returns the proof of a submission.
func (d *Desk) Receipt(ctx context.Context, a aihub.Actor, id aihub.SubmissionID) ([]byte, error) {
	if err := signedIn(a); err != nil {
		return nil, err
	}
	return d.DB.Receipt(ctx, policies.ScopeOf(a), id)
}

// Run returns one run, as the actor may see it.
func (d *Desk) Run(ctx context.Context, a aihub.Actor, id aihub.RunID) (aihub.Run, error) {
	if err := signedIn(a); err != nil {
		return aihub.Run{}, err
	}
	return d.DB.Run(ctx, policies.ScopeOf(a), id)
}

// maxLog bounds a log that is shown; the spec bounds what is kept.
const maxLog = 16 << 20

// RunLog returns the log of a run: of a smoke run to its own organisation, of
// any other to the steward of the scenario, as a recorded decision.
func (d *Desk) RunLog(ctx context.Context, a aihub.Actor, id aihub.RunID) (string, error) {
	run, err := d.Run(ctx, a, id)
	if err != nil {
		return "", err
	}
	if run.Kind.Hidden() || run.Org != a.Org {
		sc, err := d.DB.Scenario(ctx, policies.ScopeOf(a), run.Scenario)
		if err != nil {
			return "", err
		}
		p, err := d.permit(ctx, a, policies.LogRead, policies.Object{ID: string(id), Org: sc.Org, Author: sc.Author})
		if aihub.KindOf(err) == aihub.Refused && run.Org == a.Org && run.Kind != aihub.RunWorkspace {
			return "", noLog(run).Because(err)
		}
		if err != nil {
			return "", err
		}
		if err := d.DB.RecordLogRead(ctx, p, id); err != nil {
			return "", err
		}
	}
	if run.Log == "" {
		return d.liveLog(ctx, a, run)
	}
	r, err := d.Blobs.Open(ctx, run.Log)
	if err != nil {
		return "", err
	}
	defer r.Close()
	var b strings.Builder
	if _, err := io.Copy(&b, io.LimitReader(r, maxLog)); err != nil {
		return "", errors.Join(err, r.Close())
	}
	return strings.ToValidUTF8(b.String(), "\uFFFD"), nil
}

// noLog tells those whose run it is why they are not shown its log, and what helps
// them instead.
func noLog(run aihub.Run) *aihub.Error {
	verb := "submit"
	if run.Kind == aihub.RunTrain {
		verb = "train"
	}
	return aihub.Errorf(aihub.Refused, aihub.Text{
		EN: fmt.Sprintf("the log of %s is not shown to you: it ran beside data that is hidden from you, and what it printed could carry that data out", run.ID),
		ZH: fmt.Sprintf("%s 的日志不向您展示：它在对您隐藏的数据旁运行，打印的内容可能把数据带出", run.ID),
	}).WithHint(aihub.Text{
		EN: fmt.Sprintf("why it failed, as far as that is told: aihub runs %s. To see a log, run the same image on the public sample, on your machine (aihub test --image FILE) or here (aihub %s %s --image FILE --smoke)", run.Submission, verb, run.Scenario.Name),
		ZH: fmt.Sprintf("失败的类别见 aihub runs %s。要查看日志，请用公开样例运行同一镜像：在本机（aihub test --image 文件）或在平台（aihub %s %s --image 文件 --smoke）", run.Submission, verb, run.Scenario.Name),
	})
}

// liveLog puts together what a smoke run has said so far.
func (d *Desk) liveLog(ctx context.Context, a aihub.Actor, run aihub.Run) (string, error) {
	var b strings.Builder
	for after := int64(0); b.Len() < maxLog; {
		events, err := d.DB.Events(ctx, policies.ScopeOf(a), run.Submission, after)
		if err != nil || len(events) == 0 {
			return b.String(), err
		}
		for _, e := range events {
			after = e.Seq
			if e.Type == "log" && e.Run == run.ID {
				b.WriteString(e.Text)
			}
		}
	}
	return b.String(), nil
}

// Events returns what happened to a submission after seq, as the actor may see
// it now.
func (d *Desk) Events(ctx context.Context, a aihub.Actor, id aihub.SubmissionID, after int64) ([]aihub.Event, error) {
	return d.DB.Events(ctx, policies.ScopeOf(a), id, after)
}

// Budget returns what the actor's organisation has left in a round.
func (d *Desk) Budget(ctx context.Context, a aihub.Actor, sc aihub.Ref, round string) (aihub.Budget, error) {
	if err := signedIn(a); err != nil {
		return aihub.Budget{}, err
	}
	return d.DB.Budget(ctx, policies.ScopeOf(a), sc, round, a.Org)
}

// DeleteModel deletes a model of the actor's organisation.
func (d *Desk) DeleteModel(ctx context.Context, a aihub.Actor, id string) error {
	if err := signedIn(a); err != nil {
		return err
	}
	digest := aihub.Digest(id)
	m, err := d.DB.Model(ctx, policies.ScopeOf(a), digest)
	if err != nil {
		return err
	}
	p, err := d.permit(ctx, a, policies.ModelDelete, policies.Object{ID: id, Org: m.Org})
	if err != nil {
		return err
	}
	return d.DB.DeleteModel(ctx, p, digest)
}
