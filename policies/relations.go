package policies

import "aihub"

// relation is how an actor stands to an object. It is computed here and handed
// to casbin as a plain string. None holds when a field it looks at is empty, so
// that a caller who forgets one is refused.
type relation struct {
	name  string
	holds func(a aihub.Actor, o Object) bool
	when  aihub.Text // completes "when …"
}

var relations = []relation{
	{"any", func(aihub.Actor, Object) bool { return true }, aihub.Text{}},
	{"public", func(_ aihub.Actor, o Object) bool { return o.Org == "" },
		aihub.Text{EN: "it is public", ZH: "对象已公开"}},
	{"own", ownsIt,
		aihub.Text{EN: "it belongs to the same organisation", ZH: "对象属于本机构"}},
	{"other", func(a aihub.Actor, o Object) bool { return a.Org != "" && o.Org != "" && o.Org != a.Org },
		aihub.Text{EN: "it belongs to another organisation", ZH: "对象属于其他机构"}},
	{"self", func(a aihub.Actor, o Object) bool { return !a.Anonymous() && o.ID == string(a.User) },
		aihub.Text{EN: "it is the person's own account", ZH: "对象是本人账号"}},
	{"not-author", func(a aihub.Actor, o Object) bool {
		return !a.Anonymous() && o.Author != "" && o.Author != a.User
	}, aihub.Text{EN: "somebody else made it", ZH: "对象由他人提出"}},
	{"own-author", func(a aihub.Actor, o Object) bool { return ownsIt(a, o) && !a.Anonymous() && o.Author == a.User },
		aihub.Text{EN: "the person made it for the same organisation", ZH: "由本人为本机构提出"}},
	{"for-own", forOwn,
		aihub.Text{EN: "it is done for the same organisation", ZH: "为本机构办理"}},
	{"for-other", forOther,
		aihub.Text{EN: "another organisation asked for it", ZH: "由其他机构申请"}},
	{"own-for-own", func(a aihub.Actor, o Object) bool { return ownsIt(a, o) && forOwn(a, o) },
		aihub.Text{EN: "the scenario belongs to the same organisation and it is done for that organisation", ZH: "场景属于本机构，且为本机构办理"}},
	{"own-for-other", func(a aihub.Actor, o Object) bool { return ownsIt(a, o) && forOther(a, o) },
		aihub.Text{EN: "the scenario belongs to the same organisation and another organisation asked for it", ZH: "场景属于本机构，且由其他机构申请"}},
}

func ownsIt(a aihub.Actor, o Object) bool   { return a.Org != "" && o.Org == a.Org }
func forOwn(a aihub.Actor, o Object) bool   { return a.Org != "" && o.For == a.Org }
func forOther(a aihub.Actor, o Object) bool { return a.Org != "" && o.For != "" && o.For != a.Org }

func relationNamed(name string) (relation, bool) {
	for _, r := range relations {
		if r.name == name {
			return r, true
		}
	}
	return relation{}, false
}

// The roles that no account carries. An actor's own list is searched for
// aihub.Roles only, so that nobody is given one of these by name.
const (
	anyone   aihub.Role = "anyone"   // signed in or not
	member   aihub.Role = "member"   // everyone signed in
	platform aihub.Role = "platform" // acting by itself
)

// rolesOf returns the roles in which a asks. The platform holds its one role
// only, and a visitor none of a person's, whatever their lists say.
func rolesOf(a aihub.Actor) []aihub.Role {
	switch {
	case a.User == system:
		return []aihub.Role{platform}
	case a.Anonymous():
		return []aihub.Role{anyone}
	}
	out := []aihub.Role{anyone, member}
	for _, r := range aihub.Roles {
		if a.Has(r) {
			out = append(out, r)
		}
	}
	return out
}

var roleNames = map[aihub.Role]aihub.Text{
	anyone:         {EN: "anyone", ZH: "任何人"},
	member:         {EN: "anyone signed in", ZH: "任何登录用户"},
	platform:       {EN: "the platform itself", ZH: "平台自身"},
	aihub.Steward:  {EN: "a steward", ZH: "数据管理员 (steward)"},
	aihub.Vendor:   {EN: "a vendor", ZH: "厂商 (vendor)"},
	aihub.Reviewer: {EN: "a reviewer", ZH: "评审员 (reviewer)"},
	aihub.Operator: {EN: "an operator", ZH: "运维人员 (operator)"},
}
