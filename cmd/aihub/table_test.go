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
