package web

import (
	"context"
	"regexp"
	"strings"
	"testing"

	"aihub"
	"aihub/internal/i18n"
	"aihub/scenarios"
)

func render(t testing.TB, source string) string {
	t.Helper()
	var b strings.Builder
	if err := md(source).Render(context.Background(), &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// dangerous is markup that a foreign text must never get through.
var dangerous = regexp.MustCompile(`(?i)<(script|iframe|object|embed|style|form|input|svg|img[^>]+onerror)|\son[a-z]+\s*=|\sstyle\s*=|(href|src)="\s*(javascript|data|vbscript|file):`)

func TestMarkdownIsSafe(t *testing.T) {
	t.Parallel()
	for _, source := range []string{
		"<script>alert(1)</script>", "[x](javascript:alert(1))", "[x](JaVaScRiPt:alert(1))", "![x](data:text/html,<script>)", "<img src=x onerror=alert(1)>",
		"[x](<javascript:alert(1)>)", "<a href=\"javascript:alert(1)\">x</a>", "| a |\n|--:|\n| <b onclick=x> |", "[a]: javascript:alert(1)\n\n[a]",
		"<svg onload=alert(1)>", "a\n\n<style>*{}</style>", "[x](vbscript:x)", "<iframe src=//evil>",
	} {
		if got := render(t, source); dangerous.MatchString(got) {
			t.Errorf("%q became %s", source, got)
		}
	}
	if got := render(t, "# a\n## b\n### c\n\n| x |\n|--:|\n| **1** |"); !strings.Contains(got, "<h3") || strings.Contains(got, "<h1") || strings.Contains(got, "<h2") ||
		!strings.Contains(got, "<h4") || !strings.Contains(got, `align="right"`) || !strings.Contains(got, "<strong>1</strong>") {
		t.Errorf("headings and tables became %s", got)
	}
}

func FuzzMarkdown(f *testing.F) {
	f.Add("[x](javascript:alert(1)) <b onclick=x>")
	f.Add("| a |\n|:-:|\n| <script> |")
	f.Fuzz(func(t *testing.T, source string) {
		// What stands in text and attributes is escaped: look at tags only.
		for _, tag := range regexp.MustCompile(`<[a-zA-Z][^>]*>`).FindAllString(render(t, source), -1) {
			if dangerous.MatchString(regexp.MustCompile(`"[^"]*"`).ReplaceAllStringFunc(tag, func(v string) string {
				if strings.HasPrefix(strings.ToLower(strings.TrimSpace(v[1:])), "javascript:") {
					return v
				}
				return `""`
			})) {
				t.Errorf("%q became %s", source, tag)
			}
		}
	})
}

func TestPlainLog(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"a\nb\tc":                      "a\nb\tc",
		"\x1b[31mred\x1b[0m":           "red",
		"\x1b]0;title\x07x":            "\ufffd]0;title\ufffdx",
		"a\r\nb\rc":                    "a\nb\ufffdc",
		"abc\u202edef":                 "abc\ufffddef",
		"中文\x00":                       "中文\ufffd",
		"<script>":                     "<script>", // escaped by the template
		"\x1b[2J\x1b[1;1Hclear screen": "clear screen",
	} {
		if got := plain(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
	if got := tail(strings.Repeat("0123456789\n", 100), 25); got != "…\n0123456789\n0123456789\n" {
		t.Errorf("the tail is %q", got)
	}
}

// TestBar: the certain part of a bar ends half a step below the value, and both
// stay on the scale.
func TestBar(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		value        float64
		solid, grain string
	}{
		{0.86, "85", "2"}, {0, "0", "1"}, {1, "99", "1"}, {0.5, "49", "2"},
	} {
		b := bar{lo: 0, hi: 1, step: 0.02, m: aihub.MetricValue{Value: c.value}}
		if b.solid() != c.solid || num(b.grain()) != c.grain {
			t.Errorf("%v: solid %s, grain %s", c.value, b.solid(), num(b.grain()))
		}
	}
	if b := (bar{m: aihub.MetricValue{Value: 3}}); b.solid() != "0" {
		t.Errorf("without a scale: %s", b.solid())
	}
}

func TestShownHasTheDigitsOfTheStep(t *testing.T) {
	t.Parallel()
	p := &page{lang: aihub.EN}
	for step, want := range map[float64]string{0.02: "0.70", 0.005: "0.700", 1: "1", 0.1: "0.7"} {
		s := scenarios.Spec{}
		s.Sharing.Score.Step = step
		v := aihub.MetricValue{Value: 0.7}
		if step == 1 {
			v.Value = 1
		}
		if got := p.shown(s, false, v); got != want {
			t.Errorf("step %v: %q, want %q", step, got, want)
		}
	}
	if got := p.shown(scenarios.Spec{}, false, aihub.MetricValue{Status: aihub.MetricUndefined}); got != "undefined" {
		t.Errorf("undefined is %q", got)
	}
}

func TestLocal(t *testing.T) {
	t.Parallel()
	for next, want := range map[string]string{
		"/work": "/work", "/scenarios/x@1?round=a": "/scenarios/x@1?round=a", "": "/", "work": "/", "//evil": "/", "/\\evil": "/",
		"https://evil": "/", "javascript:x": "/", "/\n/evil": "/", "/%2f/x": "/%2f/x",
	} {
		if got := local(next); got != want {
			t.Errorf("%q leads to %q, want %q", next, got, want)
		}
	}
}

// Every word that a page looks up by a kind, a state or an owner is there.
func TestKindsAndStatesHaveWords(t *testing.T) {
	t.Parallel()
	for family, all := range map[string][]string{
		"web.run_kind.":  {string(aihub.RunSmoke), string(aihub.RunTrain), string(aihub.RunInfer), string(aihub.RunScore), string(aihub.RunWorkspace)},
		"web.run_state.": {string(aihub.RunQueued), string(aihub.RunLeased), string(aihub.RunPreparing), string(aihub.RunRunning), string(aihub.RunCollecting), string(aihub.RunSucceeded), string(aihub.RunFailedState), string(aihub.RunCancelled), string(aihub.RunLost)},
		"web.sub_state.": {string(aihub.SubmissionQueued), string(aihub.SubmissionScoring), string(aihub.SubmissionScored), string(aihub.SubmissionTried), string(aihub.SubmissionFailed), string(aihub.SubmissionCancelled)},
		"web.owner.":     {string(aihub.FaultVendor), string(aihub.FaultScenario), string(aihub.FaultData), string(aihub.FaultPlatform), string(aihub.FaultPolicy)},
	} {
		for _, name := range all {
			if !i18n.Has(family + name) {
				t.Errorf("no message %s%s", family, name)
			}
		}
	}
}
