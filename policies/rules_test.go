package policies

import (
	"errors"
	"strconv"
	"strings"
	"testing"

	"aihub"
)

func TestEmbeddedPolicyPassesTheLinter(t *testing.T) {
	if _, err := parseRules(modelText, policyText); err != nil {
		t.Fatal(err)
	}
}

// Threats A17 and A18: whoever writes a pattern into the policy is stopped
// before it is loaded, with the line.
func TestLinterRefuses(t *testing.T) {
	line := func(l string) (string, string) { return modelText, policyText + l + "\n" }
	matcher := func(m string) (string, string) {
		_, old, _ := strings.Cut(modelText, "[matchers]\n")
		return strings.Replace(modelText, old, m+"\n", 1), policyText
	}
	type input func() (string, string)
	in := func(a, b string) input { return func() (string, string) { return a, b } }
	for name, c := range map[string]struct {
		in   input
		code string
	}{
		"any verb":             {in(line("p, vendor, sample, *, any")), "pattern"},
		"any role":             {in(line("p, *, sample, read, any")), "pattern"},
		"the case of A17":      {in(line("p, vendor, /d/*/schema, read, any")), "pattern"},
		"a regular expression": {in(line("p, vendor, (dataset|sample), read, any")), "pattern"},
		"a quoted word":        {in(line(`p, vendor, "sample", read, any`)), "pattern"},
		"unknown role":         {in(line("p, auditor, ledger, read, any")), "unknown_role"},
		"unknown kind":         {in(line("p, vendor, labels, read, any")), "unknown_action"},
		"unknown verb":         {in(line("p, vendor, sample, write, any")), "unknown_action"},
		"unknown relation":     {in(line("p, vendor, sample, read, friend")), "unknown_relation"},
		"a duplicate":          {in(line("p, reviewer, ledger, read, any")), "duplicate"},
		"too few fields":       {in(line("p, vendor, sample, read")), "form"},
		"too many fields":      {in(line("p, vendor, sample, read, any, allow")), "form"},
		"a role link":          {in(line("g, wei, reviewer")), "form"},
		"no space":             {in(line("p,vendor,sample,read,any")), "form"},
		"an action forgotten":  {in(modelText, strings.Replace(policyText, "p, platform, release, score, any", "", 1)), "no_rule"},
		"keyMatch":             {in(matcher("m = keyMatch(r.kind, p.kind) && r.verb == p.verb && r.role == p.role && r.relation == p.relation")), "matcher"},
		"regexMatch":           {in(matcher("m = regexMatch(r.kind, p.kind)")), "matcher"},
		"a forgotten field":    {in(matcher("m = r.kind == p.kind && r.verb == p.verb && r.role == p.role")), "matcher"},
		"or for and":           {in(matcher("m = r.kind == p.kind || r.verb == p.verb")), "matcher"},
		"no matcher":           {in(matcher("")), "section"},
		"two matchers":         {in(modelText+"m2 = true\n", policyText), "matcher"},
		"role definitions":     {in(modelText+"[role_definition]\ng = _, _\n", policyText), "section"},
		"deny by default off":  {in(strings.Replace(modelText, "some(where (p.eft == allow))", "!some(where (p.eft == deny))", 1), policyText), "matcher"},
		"nothing":              {in("", ""), "section"},
	} {
		m, p := c.in()
		e, err := load(m, p)
		var ae *aihub.Error
		if e != nil || !errors.As(err, &ae) || ae.Kind != aihub.Contract {
			t.Errorf("%s: %v", name, err)
			continue
		}
		found := false
		for _, f := range ae.Faults {
			found = found || f.Code == c.code
			if f.Where == "" || f.Message.EN == "" || f.Message.ZH == "" {
				t.Errorf("%s: a fault without place or text: %+v", name, f)
			}
		}
		if !found {
			t.Errorf("%s: no fault %q in %v", name, c.code, ae)
		}
	}
}

func TestLinterNamesTheLineAndEveryFault(t *testing.T) {
	n := strings.Count(policyText, "\n")
	_, err := load(modelText, policyText+"p, vendor, sample, *, any\np, auditor, labels, read, friend\n")
	var ae *aihub.Error
	if !errors.As(err, &ae) {
		t.Fatal(err)
	}
	s := ae.Error()
	for _, want := range []string{
		"pattern (policy.csv line " + strconv.Itoa(n+1), "unknown_role (policy.csv line " + strconv.Itoa(n+2),
		"unknown_action (policy.csv line " + strconv.Itoa(n+2), "unknown_relation (policy.csv line " + strconv.Itoa(n+2),
	} {
		if !strings.Contains(s, want) {
			t.Errorf("no %q in\n%s", want, s)
		}
	}
}
