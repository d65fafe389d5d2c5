package policies

import (
	"context"
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/casbin/casbin/v2"
	"github.com/casbin/casbin/v2/model"

	"aihub"
)

//go:embed model.conf
var modelText string

//go:embed policy.csv
var policyText string

// Engine decides. It is safe for concurrent use.
type Engine struct {
	Now func() time.Time // stamps Decisions; New sets time.Now

	casbin *casbin.SyncedEnforcer
	rules  map[Action][]rule
}

// New loads the embedded model and rules, lints them, and returns an Engine.
func New() (*Engine, error) { return load(modelText, policyText) }

func load(modelText, policyText string) (*Engine, error) {
	rules, err := parseRules(modelText, policyText)
	if err != nil {
		return nil, err
	}
	m, err := model.NewModelFromString(modelText)
	if err != nil {
		return nil, fmt.Errorf("policies: casbin model: %w", err)
	}
	c, err := casbin.NewSyncedEnforcer(m)
	if err != nil {
		return nil, fmt.Errorf("policies: casbin: %w", err)
	}
	e := &Engine{Now: time.Now, casbin: c, rules: map[Action][]rule{}}
	for _, r := range rules {
		if _, err := c.AddPolicy(r.tuple()); err != nil {
			return nil, fmt.Errorf("policies: %s: %w", r, err)
		}
		e.rules[r.action] = append(e.rules[r.action], r)
	}
	return e, nil
}

// Authorize returns a Permit, or an aihub.Error of kind Refused (Unauthenticated
// for an anonymous actor) that names the role and the relation it would take.
// Object.Kind must be the action's kind. The answer depends on nothing but the
// arguments and the embedded rules.
func (e *Engine) Authorize(ctx context.Context, a aihub.Actor, action Action, o Object) (Permit, error) {
	if err := ctx.Err(); err != nil {
		return Permit{}, err
	}
	kind, verb := action.split()
	rules := e.rules[action]
	if len(rules) == 0 || o.Kind != kind {
		return Permit{}, refuse(aihub.Text{
			EN: fmt.Sprintf("no rule speaks of %.60q on a %.60q", action, o.Kind),
			ZH: fmt.Sprintf("没有规则涉及对 %.60q 执行 %.60q", o.Kind, action),
		})
	}
	for _, role := range rolesOf(a) {
		for _, rel := range relations {
			mentioned := slices.ContainsFunc(rules, func(r rule) bool { return r.relation == rel.name })
			if !mentioned || !rel.holds(a, o) {
				continue
			}
			ok, line, err := e.casbin.EnforceEx(string(role), kind, verb, rel.name)
			if err != nil {
				return Permit{}, fmt.Errorf("policies: casbin: %w", err)
			}
			if !ok {
				continue
			}
			i := slices.IndexFunc(rules, func(r rule) bool { return slices.Equal(r.tuple(), line) })
			if i < 0 {
				return Permit{}, fmt.Errorf("policies: casbin allowed %s by a rule that was never loaded: %q", action, line)
			}
			a.Roles = slices.Clone(a.Roles) // a permit never changes
			return Permit{Decision{Actor: a, Action: action, Object: o, Allowed: true, Rule: rules[i].String(), At: e.Now().UTC()}}, nil
		}
	}
	return Permit{}, refusal(a, action, rules)
}

// refusal says what it would take, and what of it is missing.
func refusal(a aihub.Actor, action Action, rules []rule) error {
	held := rolesOf(a)
	mine := slices.DeleteFunc(slices.Clone(rules), func(r rule) bool { return !slices.Contains(held, r.role) })
	need := takes(rules)
	switch {
	case a.Anonymous():
		return aihub.Errorf(aihub.Unauthenticated, aihub.Text{
			EN: fmt.Sprintf("sign in first: %s takes %s", action, need.EN),
			ZH: fmt.Sprintf("请先登录：%s 需要：%s", action, need.ZH),
		}).WithHint(aihub.Text{EN: "run: aihub login", ZH: "请运行：aihub login"})
	case len(mine) == 0:
		return refuse(aihub.Text{
			EN: fmt.Sprintf("%s takes %s; you hold: %s", action, need.EN, holds(a)),
			ZH: fmt.Sprintf("%s 需要：%s；你的角色：%s", action, need.ZH, holds(a)),
		}).WithHint(aihub.Text{
			EN: "ask somebody who holds that role, or an operator to give it to you",
			ZH: "请由具有该角色的人办理，或请运维人员授予该角色",
		})
	default:
		need = takes(mine)
		return refuse(aihub.Text{
			EN: fmt.Sprintf("%s takes %s: that is not so here", action, need.EN),
			ZH: fmt.Sprintf("%s 需要：%s；此处条件不成立", action, need.ZH),
		}).WithHint(aihub.Text{
			EN: "ask somebody for whom it is so",
			ZH: "请由符合条件的人办理",
		})
	}
}

// takes lists rules for a person: "a reviewer, when somebody else made it; or …".
func takes(rules []rule) aihub.Text {
	var en, zh []string
	for _, r := range rules {
		role, rel := roleNames[r.role], relation{}
		rel, _ = relationNamed(r.relation)
		e, z := role.EN, role.ZH
		if !rel.when.IsZero() {
			e += ", when " + rel.when.EN
			z += "，且" + rel.when.ZH
		}
		en, zh = append(en, e), append(zh, z)
	}
	return aihub.Text{EN: strings.Join(en, "; or "), ZH: strings.Join(zh, "；或")}
}

func holds(a aihub.Actor) string {
	var out []string
	for _, r := range aihub.Roles {
		if a.Has(r) {
			out = append(out, string(r))
		}
	}
	if len(out) == 0 {
		return "-"
	}
	return strings.Join(out, ", ")
}

func refuse(t aihub.Text) *aihub.Error { return aihub.Errorf(aihub.Refused, t) }
