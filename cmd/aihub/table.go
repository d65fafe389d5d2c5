package main

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/width"

	"aihub/internal/i18n"
)

// table prints rows under head. In a pipe that is TSV with head as it stands,
// for programs; on a terminal columns are aligned and heads have the person's
// language.
func (p *process) table(head []string, rows [][]string) {
	if !p.TTY {
		for _, r := range append([][]string{head}, rows...) {
			fmt.Fprintln(p.Out, strings.Join(r, "\t"))
		}
		return
	}
	spoken := make([]string, len(head))
	for i, h := range head {
		spoken[i] = h
		if key := "cli.head." + strings.ReplaceAll(strings.ToLower(h), " ", "_"); h == strings.ToUpper(h) && i18n.Has(key) {
			spoken[i] = p.t(key)
		}
	}
	rows = append([][]string{spoken}, rows...)
	wide := make([]int, len(head))
	for _, r := range rows {
		for i, s := range r {
			wide[i] = max(wide[i], cells(s))
		}
	}
	for _, r := range rows {
		var b strings.Builder
		for i, s := range r {
			b.WriteString(s)
			if i < len(r)-1 {
				b.WriteString(strings.Repeat(" ", wide[i]-cells(s)+2))
			}
		}
		fmt.Fprintln(p.Out, strings.TrimRight(b.String(), " "))
	}
}

// stateOf is what a person on a terminal reads for the state s, whose messages
// begin with family; in a pipe it is the word itself.
func stateOf[S ~string](p *process, family string, s S) string {
	if key := family + string(s); p.TTY && i18n.Has(key) {
		return p.t(key)
	}
	return string(s)
}

// cells is how many columns of a terminal s takes: two for a Chinese character.
func cells(s string) int {
	n := utf8.RuneCountInString(s)
	for _, r := range s {
		if k := width.LookupRune(r).Kind(); k == width.EastAsianWide || k == width.EastAsianFullwidth {
			n++
		}
	}
	return n
}
