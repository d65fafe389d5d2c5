package web

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/a-h/templ"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"

	"aihub"
	"aihub/internal/i18n"
	"aihub/scenarios"
	"aihub/server/wire"
)

// markdown renders foreign text. Raw HTML in it is left out and links to
// anything but web pages are emptied (goldmark's safe mode).
var markdown = goldmark.New(
	goldmark.WithExtensions(
		extension.NewTable(extension.WithTableCellAlignMethod(extension.TableCellAlignAttribute)), // no inline styles
		extension.NewCJK(extension.WithEastAsianLineBreaks())),
	goldmark.WithParserOptions(parser.WithASTTransformers(util.Prioritized(demote{}, 1))),
)

// demote puts the headings of a text below those of the section it stands in.
type demote struct{}

func (demote) Transform(doc *ast.Document, _ text.Reader, _ parser.Context) {
	for n := doc.FirstChild(); n != nil; n = n.NextSibling() {
		if h, ok := n.(*ast.Heading); ok {
			h.Level = min(6, max(3, h.Level+1))
		}
	}
}

func md(source string) templ.Component {
	var b bytes.Buffer
	if err := convert(source, &b); err != nil {
		return templ.Raw("<p>" + templ.EscapeString(source) + "</p>")
	}
	return templ.Raw(b.String())
}

// convert is goldmark on valid UTF-8 (it panics on some that is not); what
// panics all the same is shown as plain text.
func convert(source string, w io.Writer) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("markdown: %v", v)
		}
	}()
	return markdown.Convert([]byte(strings.ToValidUTF8(source, "\ufffd")), w)
}

// clauses renders an agreement. Its Chinese clauses stand one on a line, which
// Markdown would run together.
func (p *page) clauses(t aihub.Text) templ.Component {
	if p.lang == aihub.EN && t.EN != "" {
		return md(t.EN)
	}
	return md(strings.ReplaceAll(strings.TrimSpace(t.ZH), "\n", "\n\n"))
}

// value renders a sealed metric value with at most six digits.
func (p *page) value(m aihub.MetricValue) string {
	if m.Status == aihub.MetricUndefined {
		return p.t("web.board.undefined")
	}
	return i18n.Number(m.Value, 6)
}

// shown renders a released value with the digits of the step it was rounded to;
// one of a final part was not rounded.
func (p *page) shown(s scenarios.Spec, final bool, m aihub.MetricValue) string {
	if m.Status == aihub.MetricUndefined || final {
		return p.value(m)
	}
	step := s.Sharing.Score.Step
	for _, d := range s.Metrics {
		if d.ID == m.ID {
			step, _ = s.Grid(d)
		}
	}
	_, digits, _ := strings.Cut(strconv.FormatFloat(step, 'f', -1, 64), ".")
	return strconv.FormatFloat(m.Value, 'f', len(digits), 64)
}

// within renders the error bound of a certificate, "" when there is none.
func within(c *aihub.Certificate) string {
	if c == nil || c.Error == 0 {
		return ""
	}
	return "±" + i18n.Number(c.Error, 3)
}

// bar is a value on a scale, for the chart of a board.
type bar struct {
	lo, hi, step float64
	m            aihub.MetricValue
}

// at returns where x lies on the scale, from 0 to 100.
func (b bar) at(x float64) float64 {
	if !(b.hi > b.lo) {
		return 0
	}
	return 100 * min(1, max(0, (x-b.lo)/(b.hi-b.lo)))
}

func num(x float64) string { return i18n.Number(x, 3) }

// solid is the certain part of the bar. What is released is rounded to a step,
// so the true value lies half a step to either side.
func (b bar) solid() string { return num(b.at(b.m.Value - b.step/2)) }

// grain is the length of that uncertain step.
func (b bar) grain() float64 { return b.at(b.m.Value+b.step/2) - b.at(b.m.Value-b.step/2) }

func (b bar) hasInterval() bool { return b.m.Lo != 0 || b.m.Hi != 0 }

func (b bar) defined() bool { return b.m.Status != aihub.MetricUndefined }

func (v scenarioView) bar(m aihub.MetricValue) bar {
	sc := v.spec.Sharing.Score
	b := bar{hi: 1, step: sc.Step, m: m}
	if v.board.Final {
		b.step = 0
	}
	if len(sc.Range) == 2 {
		b.lo, b.hi = sc.Range[0], sc.Range[1]
	}
	return b
}

// badge kinds of states.
var kinds = map[string]string{
	string(aihub.ScenarioOpen): "ok", string(aihub.ScenarioClosed): "mute", "withdrawn": "mute",
	"queued": "wait", "scoring": "wait", "scored": "ok", "tried": "ok", "failed": "bad", "cancelled": "mute",
	"proposed": "wait", "published": "ok", "rejected": "bad",
	"review_1": "wait", "review_2": "wait", "conflicted": "wait", "released": "ok",
	"succeeded": "ok", "lost": "mute", "running": "wait", "leased": "wait", "preparing": "wait", "collecting": "wait",
}

func kindOf(state string) string {
	if k, ok := kinds[state]; ok {
		return k
	}
	return "mute"
}

// what says which kind of submission it is.
func (p *page) what(s aihub.Submission, rounds []aihub.Round) string {
	switch {
	case s.Workspace:
		return p.t("seat.title")
	case s.Train && s.Smoke:
		return p.t("training.kind_smoke")
	case s.Train:
		return p.t("training.kind")
	case s.Smoke:
		return p.t("web.kind.smoke")
	}
	for _, r := range rounds {
		if r.Name == s.Round && !r.Title.IsZero() {
			return p.in(r.Title)
		}
	}
	return s.Round
}

// budget says how much of the budget is used, in a sentence.
func (p *page) budget(b *aihub.Budget) string {
	args := i18n.Args{
		"Used": i18n.Int(b.Attempts), "Quota": i18n.Int(b.Quota),
		"Bits": i18n.Number(b.Bits, 1), "Total": i18n.Number(b.Total, 0), "Reserved": i18n.Number(b.Reserved, 1), "Org": string(b.Org),
		"Part": b.Part, "Own": i18n.Number(b.Own, 1), "Share": i18n.Number(b.Share, 0),
	}
	if b.Total == 0 {
		return p.t("web.submission.budget_final", i18n.Args{"Org": string(b.Org), "Used": args["Used"], "Quota": args["Quota"], "Part": b.Part})
	}
	if b.Org == p.actor.Org {
		delete(args, "Org")
		return p.t("web.submission.budget", args)
	}
	return p.t("web.submission.budget_of", args)
}

// columns joins a list for a cell.
func columns(list []string) string { return strings.Join(list, ", ") }

func rangeOf(r []float64) string {
	if len(r) != 2 {
		return ""
	}
	return fmt.Sprintf("%s … %s", i18n.Number(r[0], 6), i18n.Number(r[1], 6))
}

// mine reports whether a row of a board is the actor's own.
func (p *page) mine(r wire.BoardRow) bool { return p.actor.Org != "" && r.Org.ID == p.actor.Org }

// valueOf finds the value of one metric.
func valueOf(values []aihub.MetricValue, id string) (aihub.MetricValue, bool) {
	for _, m := range values {
		if m.ID == id {
			return m, true
		}
	}
	return aihub.MetricValue{}, false
}

// word names a code of another package, or returns it as it is.
func (p *page) word(family, code string) string {
	if i18n.Has(family + code) {
		return p.t(family + code)
	}
	return code
}

var escapes = regexp.MustCompile("\x1b\\[[0-9;?]*[ -/]*[@-~]")

// plain makes what a program said readable: without the colours of a terminal,
// with a mark for other control characters and those that turn the direction.
func plain(log string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || r >= 0x20 && r != 0x7f && (r < 0x80 || r > 0x9f) && (r < 0x202a || r > 0x202e) && (r < 0x2066 || r > 0x2069) {
			return r
		}
		return '\ufffd'
	}, escapes.ReplaceAllString(strings.ReplaceAll(log, "\r\n", "\n"), ""))
}

func otherLang(p *page) string {
	if p.lang == aihub.EN {
		return "zh-CN"
	}
	return "en"
}

// sentence begins a text of another package as sentences begin.
func sentence(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[n:]
}
