package desk

import (
	"context"
	"fmt"
	"slices"
	"unicode/utf8"

	"aihub"
	"aihub/policies"
	"aihub/server/auth"
	"aihub/server/wire"
)

// Me returns who asks.
func (d *Desk) Me(a aihub.Actor) (aihub.Actor, error) { return a, signedIn(a) }

// Orgs lists the organisations, for anyone signed in.
func (d *Desk) Orgs(ctx context.Context, a aihub.Actor) ([]aihub.Org, error) {
	if err := signedIn(a); err != nil {
		return nil, err
	}
	return d.DB.Orgs(ctx)
}

// CreateOrg creates an organisation.
func (d *Desk) CreateOrg(ctx context.Context, a aihub.Actor, in wire.NewOrg) (aihub.Org, error) {
	p, err := d.permit(ctx, a, policies.OrgCreate, policies.Object{ID: string(in.ID), Org: in.ID})
	if err != nil {
		return aihub.Org{}, err
	}
	if err := aihub.CheckSlug(string(in.ID)); err != nil {
		return aihub.Org{}, err
	}
	if err := name("name", in.Name.ZH, in.Name.EN); err != nil {
		return aihub.Org{}, err
	}
	o := aihub.Org{ID: in.ID, Name: in.Name, CreatedAt: d.Now()}
	return o, d.DB.CreateOrg(ctx, p, o)
}

// Users lists the people in scope.
func (d *Desk) Users(ctx context.Context, a aihub.Actor) ([]aihub.User, error) {
	if err := signedIn(a); err != nil {
		return nil, err
	}
	return d.DB.Users(ctx, policies.ScopeOf(a))
}

// CreateUser creates a person in an organisation.
func (d *Desk) CreateUser(ctx context.Context, a aihub.Actor, in wire.NewUser) (aihub.User, error) {
	p, err := d.permit(ctx, a, policies.UserCreate, policies.Object{ID: string(in.ID), Org: in.Org})
	if err != nil {
		return aihub.User{}, err
	}
	if err := aihub.CheckSlug(string(in.ID)); err != nil {
		return aihub.User{}, err
	}
	if err := name("name", in.Name); err != nil {
		return aihub.User{}, err
	}
	if len(in.Roles) == 0 {
		return aihub.User{}, invalid("a person needs at least one role", "至少需要一个角色")
	}
	for i, r := range in.Roles {
		if !slices.Contains(aihub.Roles, r) || slices.Contains(in.Roles[:i], r) {
			return aihub.User{}, invalid(
				fmt.Sprintf("roles: each of %v, at most once", aihub.Roles), fmt.Sprintf("角色只能取 %v，且不重复", aihub.Roles))
		}
	}
	hash, err := auth.HashPassword(in.Password)
	if err != nil {
		return aihub.User{}, err
	}
	u := aihub.User{ID: in.ID, Org: in.Org, Name: in.Name, Roles: in.Roles, CreatedAt: d.Now()}
	return u, d.DB.CreateUser(ctx, p, u, hash)
}

// name checks short texts that people give to things. The first of them must
// not be empty.
func name(what string, texts ...string) error {
	for i, t := range texts {
		if i == 0 && t == "" || !utf8.ValidString(t) || utf8.RuneCountInString(t) > 100 || containsControl(t) {
			return invalid(what+": 1 to 100 characters on one line", what+"：1 至 100 个字符，单行")
		}
	}
	return nil
}

func containsControl(s string) bool {
	for _, r := range s {
		// Control characters, and those that turn the direction of what follows.
		if r < 0x20 || r >= 0x7f && r <= 0x9f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return true
		}
	}
	return false
}

func invalid(en, zh string) *aihub.Error {
	return aihub.Errorf(aihub.Invalid, aihub.Text{EN: en, ZH: zh})
}
