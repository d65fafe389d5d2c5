package main

import (
	"bytes"
	"testing"

	"aihub"
)

func TestTable(t *testing.T) {
	head, rows := []string{"NAME", "auc"}, [][]string{{"朴素贝叶斯", "0.80"}, {"naive", "0.7"}}
	for _, c := range []struct {
		lang aihub.Lang
		tty  bool
		want string
	}{
		{aihub.EN, true, "NAME        auc\n朴素贝叶斯  0.80\nnaive       0.7\n"},
		{aihub.ZH, true, "名称        auc\n朴素贝叶斯  0.80\nnaive       0.7\n"},
		{aihub.ZH, false, "NAME\tauc\n朴素贝叶斯\t0.80\nnaive\t0.7\n"},
	} {
		var out bytes.Buffer
		p := process{Out: &out, TTY: c.tty, lang: c.lang}
		p.table(head, rows)
		if out.String() != c.want {
			t.Errorf("%v, terminal %v:\n%swant\n%s", c.lang, c.tty, out.String(), c.want)
		}
	}
}

// A state is a word for programs in a pipe, and said in the person's language on
// a terminal; every state that has one has a message.
func TestStatesAreSpoken(t *testing.T) {
	for _, c := range []struct {
		lang aihub.Lang
		tty  bool
		want string
	}{{aihub.ZH, true, "已撤销"}, {aihub.EN, false, "revoked"}, {aihub.ZH, false, "revoked"}} {
		p := &process{TTY: c.tty, lang: c.lang}
		if s := stateOf(p, "cli.enrolment_state.", aihub.EnrolmentRevoked); s != c.want {
			t.Errorf("%v, terminal %v: %q, want %q", c.lang, c.tty, s, c.want)
		}
	}
	p := &process{TTY: true, lang: aihub.ZH}
	for family, states := range map[string][]string{
		"web.sub_state.":       {"queued", "scoring", "scored", "tried", "failed", "cancelled"},
		"web.run_state.":       {"queued", "leased", "preparing", "running", "collecting", "succeeded", "failed", "cancelled", "lost"},
		"web.dataset_state.":   {"proposed", "published", "rejected", "withdrawn"},
		"web.scenario_state.":  {"open", "closed", "withdrawn"},
		"cli.scorer_state.":    {"proposed", "approved", "rejected"},
		"web.life.state.":      {"requested", "approved", "rejected"},
		"web.release_state.":   {"submitted", "scanning", "blocked", "review_1", "review_2", "conflicted", "approved", "rejected", "returned", "releasing", "released", "expired"},
		"cli.enrolment_state.": {"requested", "approved", "rejected", "revoked"},
	} {
		for _, s := range states {
			if stateOf(p, family, s) == s {
				t.Errorf("%s%s has no message", family, s)
			}
		}
	}
}
