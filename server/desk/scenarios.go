package desk

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"aihub"
	"aihub/evaluator"
	"aihub/evaluator/board"
	"aihub/internal/store"
	"aihub/policies"
	"aihub/policies/sharing"
	"aihub/scenarios"
	"aihub/server/wire"
)

// Scenarios lists those that match, newest first, with what a card shows.
func (d *Desk) Scenarios(ctx context.Context, a aihub.Actor, f store.ScenarioFilter) ([]wire.ScenarioCard, error) {
	list, err := d.DB.Scenarios(ctx, policies.ScopeOf(a), f)
	if err != nil {
		return nil, err
	}
	counts, err := d.DB.ScenarioCounts(ctx)
	if err != nil {
		return nil, err
	}
	cards := make([]wire.ScenarioCard, 0, len(list))
	for _, sc := range list {
		rounds, err := d.DB.Rounds(ctx, sc.Ref)
		if err != nil {
			return nil, err
		}
		n := counts[sc.Ref]
		cards = append(cards, wire.ScenarioCard{Scenario: sc, Enrolled: n.Enrolled, Submissions: n.Submissions, Closes: closes(rounds)})
	}
	return cards, nil
}

// closes returns when the last of the rounds ends; zero when one has no end.
func closes(rounds []aihub.Round) time.Time {
	var last time.Time
	for _, r := range rounds {
		if r.Closes.IsZero() {
			return time.Time{}
		}
		if r.Closes.After(last) {
			last = r.Closes
		}
	}
	return last
}

// Scenario returns one whole, and its spec.
func (d *Desk) Scenario(ctx context.Context, a aihub.Actor, ref string) (wire.ScenarioView, scenarios.Spec, error) {
	sc, err := d.scenario(ctx, a, ref)
	if err != nil {
		return wire.ScenarioView{}, scenarios.Spec{}, err
	}
	s, err := spec(sc)
	if err != nil {
		return wire.ScenarioView{}, scenarios.Spec{}, err
	}
	rounds, err := d.DB.Rounds(ctx, sc.Ref)
	if err != nil {
		return wire.ScenarioView{}, scenarios.Spec{}, err
	}
	return wire.ScenarioView{Scenario: sc, Spec: sc.Spec, Rounds: rounds, Agreement: scenarios.AgreementDigest(s), Machine: d.Machine()}, s, nil
}

// PublishScenario opens a scenario from its YAML.
func (d *Desk) PublishScenario(ctx context.Context, a aihub.Actor, in wire.NewScenario) (aihub.Scenario, error) {
	// Who may publish nothing is told so before the spec is read.
	if _, err := d.permit(ctx, a, policies.ScenarioPublish, policies.Object{ID: "-", Org: a.Org, Author: a.User}); err != nil {
		return aihub.Scenario{}, err
	}
	var tried []aihub.SelfTest
	// The same spec twice would be two boards for one challenge.
	if spec, canonical, err := scenarios.Parse("", []byte(in.Spec)); err == nil {
		if old, err := d.DB.LatestScenario(ctx, policies.ScopeOf(a), spec.Name); err == nil && old.Digest == scenarios.Digest(canonical) {
			return aihub.Scenario{}, aihub.Errorf(aihub.Conflict, aihub.Text{
				EN: "this very spec is open already, as " + old.Ref.String(), ZH: "同样的规范已经开放：" + old.Ref.String(),
			}).WithHint(aihub.Text{EN: "close that version first, or change the spec", ZH: "请先关闭该版本，或修改规范"})
		}
		if tried, err = d.try(ctx, a, spec); err != nil {
			return aihub.Scenario{}, err
		}
	}
	return d.Catalog.PublishScenario(ctx, a, []byte(in.Spec), tried)
}

// SelfTest is what the self-test of a scenario came to.
func (d *Desk) SelfTest(ctx context.Context, a aihub.Actor, ref string) ([]aihub.SelfTest, error) {
	sc, err := d.scenario(ctx, a, ref)
	if err != nil {
		return nil, err
	}
	return d.DB.SelfTest(ctx, policies.ScopeOf(a), sc.Ref)
}

// try scores predictions of which it is known how they must come out, before
// anyone can submit. What the linter or the catalogue will refuse is not tried.
func (d *Desk) try(ctx context.Context, a aihub.Actor, spec scenarios.Spec) ([]aihub.SelfTest, error) {
	ref, err := aihub.ParseRef(spec.Dataset)
	if err != nil {
		return nil, nil
	}
	v, err := d.DB.Dataset(ctx, policies.ScopeOf(a), ref)
	if err != nil || v.Org != a.Org || v.State != aihub.DatasetPublished || len(scenarios.LintAgainst(spec, v)) > 0 {
		return nil, nil
	}
	if spec.Scorer != nil {
		// What nobody has approved meets no truth.
		if err := d.DB.MayScore(ctx, policies.ScopeOf(a), spec.Scorer.Image); err != nil {
			return nil, err
		}
	}
	tried, faults, err := evaluator.Trial(ctx, d.Blobs, v, spec, d.Dir, d.Judge)
	if err != nil || len(faults) == 0 {
		return tried, err
	}
	return nil, aihub.Errorf(aihub.Contract, aihub.Text{
		EN: "the self-test failed: predictions of which it is known how they must score do not come out so",
		ZH: "自检未通过：已知结果的预测未得到应有的成绩",
	}).WithFaults(faults).WithHint(aihub.Text{
		EN: "mend metrics, output or truth in the spec, so that perfect predictions score best and others do not, and publish again",
		ZH: "请修正规范中的 metrics、output 或 truth，使完美预测成绩最好、其他预测不然，然后重新发布",
	})
}

// Probing says which submissions of a round are nearly the same as an earlier one; ""
// is the round that is open, or the first.
func (d *Desk) Probing(ctx context.Context, a aihub.Actor, ref, round string) (aihub.Probing, error) {
	sc, err := d.scenario(ctx, a, ref)
	if err != nil {
		return aihub.Probing{}, err
	}
	rounds, err := d.DB.Rounds(ctx, sc.Ref)
	if err != nil {
		return aihub.Probing{}, err
	}
	if r, ok := chooseRound(rounds, round, d.Now()); ok {
		round = r.Name
	}
	list, err := d.DB.Probes(ctx, policies.ScopeOf(a), sc.Ref, round)
	if err != nil {
		return aihub.Probing{}, err
	}
	return board.Probing(list), nil
}

// CloseScenario takes no more submissions.
func (d *Desk) CloseScenario(ctx context.Context, a aihub.Actor, ref string) error {
	sc, err := d.scenario(ctx, a, ref)
	if err != nil {
		return err
	}
	p, err := d.permit(ctx, a, policies.ScenarioClose, policies.Object{ID: sc.Ref.String(), Org: sc.Org, Author: sc.Author})
	if err != nil {
		return err
	}
	return d.DB.CloseScenario(ctx, p, sc.Ref)
}

// Board ranks the released scores of a round; "" is the round that is open, or
// the first. It changes at ticks only, as releases do. With asOf it is the board
// as it stood then: later releases are left out, and the leak budget is that of the
// last certificate that was shown by then, without what is reserved. Its paired
// tests are among the rows that it has.
func (d *Desk) Board(ctx context.Context, a aihub.Actor, ref, round string, asOf time.Time) (wire.Board, error) {
	v, s, err := d.Scenario(ctx, a, ref)
	if err != nil {
		return wire.Board{}, err
	}
	r, ok := chooseRound(v.Rounds, round, d.Now())
	if !ok {
		return wire.Board{}, aihub.Errorf(aihub.NotFound, aihub.Text{
			EN: "the scenario has no such round", ZH: "该场景没有此轮次",
		}).WithHint(aihub.Text{EN: "leave the round out to see the one that is open", ZH: "省略轮次可查看当前开放的轮次"})
	}
	entries, err := d.DB.Board(ctx, v.Ref, r.Name)
	if err != nil {
		return wire.Board{}, err
	}
	now := d.Now()
	past := !asOf.IsZero() && asOf.Before(now)
	if past {
		now = asOf
		entries = slices.DeleteFunc(entries, func(e store.Entry) bool { return e.Score.ReleasedAt.After(asOf) })
	}
	b := wire.Board{Scenario: v.Ref, Title: v.Title, Round: r.Name, Final: r.Part == aihub.Final, AsOf: lastTick(now, time.Duration(s.Sharing.Score.Tick)), Entry: "best"}
	if b.Budget, err = d.DB.PartBudget(ctx, v.Ref, r.Name); err != nil {
		return wire.Board{}, err
	}
	if past && !b.Final {
		b.Budget = asked(b.Budget, entries)
	}
	directions := []string{}
	for _, m := range s.Metrics {
		if m.Primary {
			b.Primary, b.Better = m.ID, m.Direction
			b.Metrics, directions = append([]string{m.ID}, b.Metrics...), append([]string{m.Direction}, directions...)
		} else {
			b.Metrics, directions = append(b.Metrics, m.ID), append(directions, m.Direction)
		}
	}
	b.Rows = []wire.BoardRow{}
	ranked := evaluator.Entries(entries)
	for _, x := range s.Rounds {
		if x.Name == r.Name && x.Entry == "last" {
			b.Entry, ranked = x.Entry, board.Last(ranked)
		}
	}
	rows := board.Rank(ranked, b.Metrics, b.Better)
	var standings []board.Standing
	if b.Final {
		if rows, standings, err = evaluator.Standings(ctx, d.DB, v.Ref, r.Name, rows, s.Sharing.Score.Step, directions); err != nil {
			return wire.Board{}, err
		}
	}
	for i, row := range rows {
		out := wire.BoardRow{
			Rank: row.Rank, Tied: row.Tied, Org: row.Org, Name: row.Name, Submission: row.Submission,
			Baseline: row.Baseline, Values: row.Values, At: row.At, Proof: row.Proof,
		}
		if b.Final {
			out.Standing = (*wire.Standing)(&standings[i])
		}
		b.Rows = append(b.Rows, out)
	}
	return b, nil
}

// asked is the budget of a hidden part as the certificates of released scores
// tell it: each says what everyone had spent on the part when it was given.
func asked(b aihub.Budget, released []store.Entry) aihub.Budget {
	b.Bits, b.Reserved, b.Answers = 0, 0, 0
	for _, e := range released {
		if c := e.Score.Proof; c != nil && c.Answers > b.Answers {
			b.Bits, b.Answers = c.Bits, c.Answers
		}
	}
	return b
}

// maxTasks bounds how many boards are put together.
const maxTasks = 50

// Overall ranks organisations by their mean place over the boards of several
// scenarios, each "name" or "name@N", with "/round" behind it for another round
// than the one that is open. With asOf it is as the boards stood then.
func (d *Desk) Overall(ctx context.Context, a aihub.Actor, tasks []string, asOf time.Time) (wire.Overall, error) {
	if len(tasks) < 2 || len(tasks) > maxTasks {
		return wire.Overall{}, aihub.Errorf(aihub.Invalid, aihub.Text{
			EN: fmt.Sprintf("name 2 to %d scenarios", maxTasks), ZH: fmt.Sprintf("请给出 2 至 %d 个场景", maxTasks),
		}).WithHint(aihub.Text{EN: "each as name@N or name@N/round", ZH: "每个写作 名称@N 或 名称@N/轮次"})
	}
	out := wire.Overall{Tasks: []wire.Task{}, Rows: []wire.OverallRow{}}
	var boards [][]board.Row
	for _, task := range tasks {
		ref, round, _ := strings.Cut(task, "/")
		b, err := d.Board(ctx, a, ref, round, asOf)
		if err != nil {
			return wire.Overall{}, err
		}
		if slices.ContainsFunc(out.Tasks, func(t wire.Task) bool { return t.Scenario == b.Scenario && t.Round == b.Round }) {
			return wire.Overall{}, aihub.Errorf(aihub.Invalid, aihub.Text{
				EN: fmt.Sprintf("round %s of %s is named twice, and would count twice", b.Round, b.Scenario), ZH: fmt.Sprintf("%[2]s 的轮次 %[1]s 出现两次，会被重复计算", b.Round, b.Scenario),
			}).WithHint(aihub.Text{EN: "name each board once; without a round it is the one that is open", ZH: "每个榜单只写一次；省略轮次时取当前开放的轮次"})
		}
		out.Tasks = append(out.Tasks, wire.Task{Scenario: b.Scenario, Title: b.Title, Round: b.Round, AsOf: b.AsOf})
		var rows []board.Row
		for _, r := range b.Rows {
			rows = append(rows, board.Row{Rank: r.Rank, Tied: r.Tied, Entry: board.Entry{Org: r.Org, Baseline: r.Baseline}})
		}
		boards = append(boards, rows)
	}
	all := board.Aggregate(boards)
	if chi2, critical, ok := board.Apart(all); ok {
		out.Friedman, out.Apart = chi2, critical
	}
	for _, o := range all {
		out.Rows = append(out.Rows, wire.OverallRow{Rank: o.Rank, Tied: o.Tied, Org: o.Org, Mean: o.Mean, Places: o.Places, Tasks: o.Tasks})
	}
	return out, nil
}

// lastTick returns the newest tick that is not after now.
func lastTick(now time.Time, tick time.Duration) time.Time {
	return sharing.NextTick(now, tick).Add(-tick)
}

// chooseRound finds a round by name; "" is the first that is open, or else the
// first of all.
func chooseRound(rounds []aihub.Round, name string, now time.Time) (aihub.Round, bool) {
	for _, r := range rounds {
		if r.Name == name || name == "" && r.IsOpen(now) {
			return r, true
		}
	}
	if name == "" && len(rounds) > 0 {
		return rounds[0], true
	}
	return aihub.Round{}, false
}

// Enrol signs the agreement for the actor's organisation and asks to take part.
func (d *Desk) Enrol(ctx context.Context, a aihub.Actor, ref string, in wire.Enrol) (aihub.Enrolment, error) {
	v, _, err := d.Scenario(ctx, a, ref)
	if err != nil {
		return aihub.Enrolment{}, err
	}
	p, err := d.permit(ctx, a, policies.EnrolmentRequest, policies.Object{ID: v.Ref.String(), Org: v.Org, For: a.Org})
	if err != nil {
		return aihub.Enrolment{}, err
	}
	if in.Agreement != v.Agreement {
		return aihub.Enrolment{}, aihub.Errorf(aihub.Conflict, aihub.Text{
			EN: "what was signed is not the agreement of this scenario", ZH: "所签署的不是本场景的协议",
		}).WithHint(aihub.Text{EN: "read the agreement again and send its digest", ZH: "请重新阅读协议并提交其摘要"})
	}
	if strings.TrimSpace(in.Purpose) == "" {
		return aihub.Enrolment{}, aihub.Errorf(aihub.Invalid, aihub.Text{
			EN: "an enrolment says what it is for, and this one does not", ZH: "报名须说明用途，而此处为空",
		}).WithHint(aihub.Text{EN: "say in a sentence what you want to try: --purpose \"…\"", ZH: "请用一句话说明打算做什么：--purpose \"……\""})
	}
	e := aihub.Enrolment{
		ID: aihub.EnrolmentID(aihub.NewID("enr")), Scenario: v.Ref, Org: a.Org, User: a.User, Purpose: in.Purpose,
		Agreement: in.Agreement, State: aihub.EnrolmentRequested, CreatedAt: d.Now(),
	}
	if err := d.DB.RequestEnrolment(ctx, p, e); err != nil {
		return aihub.Enrolment{}, err
	}
	return e, nil
}

// Enrolments lists those in scope, of one scenario or ("") of all.
func (d *Desk) Enrolments(ctx context.Context, a aihub.Actor, ref string) ([]aihub.Enrolment, error) {
	if err := signedIn(a); err != nil {
		return nil, err
	}
	r, err := d.refOf(ctx, a, ref)
	if err != nil {
		return nil, err
	}
	return d.DB.Enrolments(ctx, policies.ScopeOf(a), r)
}

// refOf resolves an optional scenario of a filter.
func (d *Desk) refOf(ctx context.Context, a aihub.Actor, ref string) (aihub.Ref, error) {
	if ref == "" {
		return aihub.Ref{}, nil
	}
	sc, err := d.scenario(ctx, a, ref)
	return sc.Ref, err
}

// Enrolment returns one.
func (d *Desk) Enrolment(ctx context.Context, a aihub.Actor, id aihub.EnrolmentID) (aihub.Enrolment, error) {
	if err := signedIn(a); err != nil {
		return aihub.Enrolment{}, err
	}
	return d.DB.Enrolment(ctx, policies.ScopeOf(a), id)
}

// DecideEnrolment approves or rejects.
func (d *Desk) DecideEnrolment(ctx context.Context, a aihub.Actor, id aihub.EnrolmentID, in wire.Decide) error {
	if err := signedIn(a); err != nil {
		return err
	}
	e, err := d.DB.Enrolment(ctx, policies.ScopeOf(a), id)
	if err != nil {
		return err
	}
	sc, err := d.DB.Scenario(ctx, policies.ScopeOf(a), e.Scenario)
	if err != nil {
		return err
	}
	p, err := d.permit(ctx, a, policies.EnrolmentDecide, policies.Object{ID: string(e.ID), Org: sc.Org, Author: e.User, For: e.Org})
	if err != nil {
		return err
	}
	return d.DB.DecideEnrolment(ctx, p, e.ID, in.Approve, in.Reason)
}

// RevokeEnrolment ends an approved enrolment: nothing new is entered under it,
// and what waits or runs is cancelled and costs nothing. What has ended stays as
// it ended.
func (d *Desk) RevokeEnrolment(ctx context.Context, a aihub.Actor, id aihub.EnrolmentID, in wire.Withdraw) error {
	if err := signedIn(a); err != nil {
		return err
	}
	e, err := d.DB.Enrolment(ctx, policies.ScopeOf(a), id)
	if err != nil {
		return err
	}
	sc, err := d.DB.Scenario(ctx, policies.ScopeOf(a), e.Scenario)
	if err != nil {
		return err
	}
	p, err := d.permit(ctx, a, policies.EnrolmentRevoke, policies.Object{ID: string(e.ID), Org: sc.Org, Author: e.User, For: e.Org})
	if err != nil {
		return err
	}
	return d.DB.RevokeEnrolment(ctx, p, e.ID, in.Reason)
}
