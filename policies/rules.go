package policies

import (
	"fmt"
	"slices"
	"strings"

	"aihub"
)

// rule is one line of policy.csv: this role may take this action on an object
// to which it stands in this relation.
type rule struct {
	line     int
	role     aihub.Role
	action   Action
	relation string
}

// String returns the rule as a Decision names it.
func (r rule) String() string {
	return fmt.Sprintf("policy.csv:%d: %s may %s when %s", r.line, r.role, r.action, r.relation)
}

// tuple returns what casbin compares.
func (r rule) tuple() []string {
	kind, verb := r.action.split()
	return []string{string(r.role), kind, verb, r.relation}
}

// wantModel is the only model that passes: equality of four plain strings.
// casbin's keyMatch compares only up to the first '*' (so "/d/*/schema" allows
// "/d/x/labels"), and its regexMatch is not anchored: neither can be written here.
var wantModel = map[string]string{
	"request_definition": "r = role, kind, verb, relation",
	"policy_definition":  "p = role, kind, verb, relation",
	"policy_effect":      "e = some(where (p.eft == allow))",
	"matchers":           "m = r.kind == p.kind && r.verb == p.verb && r.role == p.role && r.relation == p.relation",
}

// parseRules reads and lints the model and the policy. It returns every fault
// at once; with one there are no rules.
func parseRules(model, policy string) ([]rule, error) {
	faults := lintModel(model)
	var rules []rule
	seen := map[string]int{}
	for i, l := range strings.Split(policy, "\n") {
		l = strings.TrimSpace(l)
		if l == "" || strings.HasPrefix(l, "#") {
			continue
		}
		r, f := parseRule(i+1, l)
		if first, again := seen[l]; again {
			f = append(f, lintFault("policy.csv", i+1, "duplicate", fmt.Sprintf("the same rule as line %d", first), fmt.Sprintf("与第 %d 行相同", first)))
		}
		seen[l] = i + 1
		faults = append(faults, f...)
		rules = append(rules, r)
	}
	for _, a := range Actions {
		if !slices.ContainsFunc(rules, func(r rule) bool { return r.action == a }) {
			faults = append(faults, lintFault("policy.csv", 0, "no_rule", fmt.Sprintf("no rule allows %s to anyone", a), fmt.Sprintf("没有规则允许任何人执行 %s", a)))
		}
	}
	if len(faults) > 0 {
		return nil, aihub.Errorf(aihub.Contract, aihub.Text{
			EN: "the access policy is not safe to load",
			ZH: "访问策略不可安全加载",
		}).WithHint(aihub.Text{
			EN: "mend policies/model.conf or policies/policy.csv: plain, known words only",
			ZH: "请修正 policies/model.conf 或 policies/policy.csv：只用已知的普通字词",
		}).WithFaults(faults)
	}
	return rules, nil
}

func parseRule(line int, l string) (rule, []aihub.Fault) {
	var faults []aihub.Fault
	bad := func(code, en, zh string) {
		faults = append(faults, lintFault("policy.csv", line, code, en, zh))
	}
	if strings.ContainsAny(l, "*?()[]{}|^$\\/\"'") {
		bad("pattern", "patterns and quotes are not allowed: every word is compared for equality", "不允许通配、正则或引号：每个词都按相等比较")
	}
	f := strings.Split(l, ", ")
	if len(f) != 5 || f[0] != "p" {
		bad("form", `expected "p, role, kind, verb, relation"`, `应为 "p, 角色, 类型, 动作, 关系"`)
		return rule{line: line}, faults
	}
	r := rule{line, aihub.Role(f[1]), Action(f[2] + "." + f[3]), f[4]}
	if _, ok := roleNames[r.role]; !ok {
		bad("unknown_role", fmt.Sprintf("%q is not a role", r.role), fmt.Sprintf("%q 不是角色", r.role))
	}
	if !slices.Contains(Actions, r.action) {
		bad("unknown_action", fmt.Sprintf("%q is not an action", r.action), fmt.Sprintf("%q 不是动作", r.action))
	}
	if _, ok := relationNamed(r.relation); !ok {
		bad("unknown_relation", fmt.Sprintf("%q is not a relation", r.relation), fmt.Sprintf("%q 不是关系", r.relation))
	}
	return r, faults
}

func lintModel(model string) []aihub.Fault {
	var faults []aihub.Fault
	section, got := "", map[string]int{}
	for i, l := range strings.Split(model, "\n") {
		l = strings.TrimSpace(l)
		switch {
		case l == "" || strings.HasPrefix(l, "#"):
		case strings.HasPrefix(l, "["):
			section = strings.Trim(l, "[]")
			if _, ok := wantModel[section]; !ok {
				faults = append(faults, lintFault("model.conf", i+1, "section", fmt.Sprintf("section %q is not used here", section), fmt.Sprintf("此处不使用 %q 小节", section)))
			}
		default:
			got[section]++
			if want, ok := wantModel[section]; ok && l != want {
				faults = append(faults, lintFault("model.conf", i+1, "matcher", fmt.Sprintf("expected exactly %q: only equality of plain strings is allowed, no keyMatch, no regexMatch, no other function", want),
					fmt.Sprintf("应恰为 %q：只允许普通字符串相等比较，不允许 keyMatch、regexMatch 及其他函数", want)))
			}
		}
	}
	for s := range wantModel {
		if got[s] != 1 {
			faults = append(faults, lintFault("model.conf", 0, "section", fmt.Sprintf("section %q needs exactly one line", s), fmt.Sprintf("%q 小节应恰有一行", s)))
		}
	}
	slices.SortStableFunc(faults, func(a, b aihub.Fault) int { return strings.Compare(a.Message.EN, b.Message.EN) })
	return faults
}

func lintFault(file string, line int, code, en, zh string) aihub.Fault {
	where := file
	if line > 0 {
		where = fmt.Sprintf("%s line %d", file, line)
	}
	return aihub.Fault{Code: code, Where: where, Message: aihub.Text{EN: en, ZH: zh}}
}
