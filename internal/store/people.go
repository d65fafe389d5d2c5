package store

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"time"

	"aihub"
	"aihub/policies"
)

var userRE = regexp.MustCompile(`^[a-z0-9][a-z0-9._@-]{1,63}$`)

// Bootstrap creates the first organisation and operator. It refuses when any user exists.
func (db *DB) Bootstrap(ctx context.Context, o aihub.Org, u aihub.User, passwordHash string) error {
	return db.write(ctx, func(t *tx) error {
		n, _, err := one(t, value[int64], "SELECT count(*) FROM users")
		if err != nil {
			return err
		}
		if n > 0 {
			return conflict("the platform has users already: sign in as an operator to add more",
				"平台已有用户：请以运维人员身份登录后添加")
		}
		if err := t.addOrg(o); err != nil {
			return err
		}
		u.Org = o.ID
		if err := t.addUser(u, passwordHash); err != nil {
			return err
		}
		return t.record(acts, "bootstrap", string(o.ID), by{}, nil)
	})
}

// CreateOrg adds an organisation.
// OrgCreate, ID = org
func (db *DB) CreateOrg(ctx context.Context, p policies.Permit, o aihub.Org) error {
	if err := p.Check(policies.OrgCreate, string(o.ID)); err != nil {
		return err
	}
	return db.write(ctx, func(t *tx) error {
		if err := t.addOrg(o); err != nil {
			return err
		}
		return t.record(acts, string(policies.OrgCreate), string(o.ID), permitted(p), nil)
	})
}

// CreateUser adds a person to an organisation that exists.
// UserCreate, ID = user
func (db *DB) CreateUser(ctx context.Context, p policies.Permit, u aihub.User, passwordHash string) error {
	if err := p.Check(policies.UserCreate, string(u.ID)); err != nil {
		return err
	}
	return db.write(ctx, func(t *tx) error {
		if err := t.addUser(u, passwordHash); err != nil {
			return err
		}
		return t.record(acts, string(policies.UserCreate), string(u.ID), permitted(p), nil)
	})
}

func (t *tx) addOrg(o aihub.Org) error {
	if err := aihub.CheckSlug(string(o.ID)); err != nil {
		return err
	}
	if err := bounded(500, "name (zh)", o.Name.ZH, "name (en)", o.Name.EN); err != nil {
		return err
	}
	if o.Name.IsZero() {
		o.Name = aihub.Text{ZH: string(o.ID), EN: string(o.ID)}
	}
	if n, _, err := one(t, value[int64], "SELECT count(*) FROM orgs WHERE id = ?", o.ID); err != nil || n > 0 {
		if err == nil {
			err = conflict(fmt.Sprintf("organisation %q exists already", o.ID), fmt.Sprintf("机构 %q 已存在", o.ID))
		}
		return err
	}
	t.touch("orgs", string(o.ID))
	return t.insert("orgs", "id, name_zh, name_en, created_at", o.ID, o.Name.ZH, o.Name.EN, us(t.now))
}

func (t *tx) addUser(u aihub.User, passwordHash string) error {
	if !userRE.MatchString(string(u.ID)) {
		return invalid(fmt.Sprintf("%.80q is not a sign-in name: use 2 to 64 lower-case letters, digits, and . _ @ -", u.ID),
			fmt.Sprintf("%.80q 不是合法登录名：请用 2 至 64 个小写字母、数字及 . _ @ -", u.ID))
	}
	if err := bounded(500, "name", u.Name, "password hash", passwordHash); err != nil {
		return err
	}
	if passwordHash == "" {
		return invalid("a user needs a password", "用户必须有密码")
	}
	if len(u.Roles) == 0 {
		return invalid("a user needs at least one role: steward, vendor, reviewer or operator", "用户至少需要一个角色：steward、vendor、reviewer 或 operator")
	}
	roles := slices.Clone(u.Roles)
	slices.Sort(roles)
	roles = slices.Compact(roles)
	for _, r := range roles {
		if !slices.Contains(aihub.Roles, r) {
			return invalid(fmt.Sprintf("%.80q is not a role: use steward, vendor, reviewer or operator", r),
				fmt.Sprintf("%.80q 不是角色：请用 steward、vendor、reviewer 或 operator", r))
		}
	}
	if n, _, err := one(t, value[int64], "SELECT count(*) FROM orgs WHERE id = ?", u.Org); err != nil || n == 0 {
		if err == nil {
			err = notFound("organisation", "机构", string(u.Org))
		}
		return err
	}
	if n, _, err := one(t, value[int64], "SELECT count(*) FROM users WHERE id = ?", u.ID); err != nil || n > 0 {
		if err == nil {
			err = conflict(fmt.Sprintf("the sign-in name %q is taken", u.ID), fmt.Sprintf("登录名 %q 已被使用", u.ID))
		}
		return err
	}
	rolesJSON, err := toJSON(roles)
	if err != nil {
		return err
	}
	t.touch("users", string(u.ID))
	return t.insert("users", "id, org, name, roles, password_hash, created_at",
		u.ID, u.Org, u.Name, rolesJSON, passwordHash, us(t.now))
}

// Orgs lists every organisation, by id.
func (db *DB) Orgs(ctx context.Context) (list []aihub.Org, err error) {
	err = db.read(ctx, func(t *tx) error {
		list, err = all(t, scanOrg, "SELECT "+orgCols+" FROM orgs ORDER BY id")
		return err
	})
	return list, err
}

const orgCols = "orgs.id, orgs.name_zh, orgs.name_en, orgs.created_at"

func scanOrg(s scanner) (o aihub.Org, err error) {
	err = s.Scan(&o.ID, &o.Name.ZH, &o.Name.EN, at{&o.CreatedAt})
	return o, err
}

const userCols = "id, org, name, roles, created_at"

func scanUser(s scanner) (u aihub.User, err error) {
	err = s.Scan(&u.ID, &u.Org, &u.Name, js{&u.Roles}, at{&u.CreatedAt})
	return u, err
}

// Users lists, by id, everyone for an operator and for a scope that covers all,
// and otherwise the people of the actor's own organisation.
func (db *DB) Users(ctx context.Context, s policies.Scope) (list []aihub.User, err error) {
	err = db.read(ctx, func(t *tx) error {
		q, args := "SELECT "+userCols+" FROM users", []any{}
		if !s.All() && !s.Actor().Has(aihub.Operator) {
			q, args = q+" WHERE org = ?", []any{s.Actor().Org}
		}
		list, err = all(t, scanUser, q+" ORDER BY id", args...)
		return err
	})
	return list, err
}

// Credential returns a user and the password hash, for sign-in only.
func (db *DB) Credential(ctx context.Context, id aihub.UserID) (u aihub.User, hash string, err error) {
	err = db.read(ctx, func(t *tx) error {
		var ok bool
		u, ok, err = one(t, func(s scanner) (u aihub.User, err error) {
			err = s.Scan(&u.ID, &u.Org, &u.Name, js{&u.Roles}, at{&u.CreatedAt}, &hash)
			return u, err
		}, "SELECT "+userCols+", password_hash FROM users WHERE id = ?", id)
		if err == nil && !ok {
			err = notFound("user", "用户", string(id))
		}
		return err
	})
	return u, hash, err
}

// ActorOf returns the actor of a signed-in user.
func (db *DB) ActorOf(ctx context.Context, id aihub.UserID) (aihub.Actor, error) {
	u, _, err := db.Credential(ctx, id)
	return aihub.Actor{User: u.ID, Org: u.Org, Roles: u.Roles}, err
}

// Token is a bearer token; only the sha256 of its secret is kept.
type Token struct {
	ID      string
	User    aihub.UserID
	Hash    aihub.Digest
	Name    string
	Expires time.Time // zero: never
}

// CreateToken keeps a token of a user.
// TokenCreate, ID = user
func (db *DB) CreateToken(ctx context.Context, p policies.Permit, k Token) error {
	if err := p.Check(policies.TokenCreate, string(k.User)); err != nil {
		return err
	}
	if err := bounded(200, "token id", k.ID, "token name", k.Name); err != nil {
		return err
	}
	if _, err := aihub.ParseDigest(string(k.Hash)); err != nil || k.ID == "" {
		return invalid("a token needs an id and the digest of its secret", "令牌需要编号和密钥摘要")
	}
	return db.write(ctx, func(t *tx) error {
		if _, ok, err := one(t, scanUser, "SELECT "+userCols+" FROM users WHERE id = ?", k.User); err != nil || !ok {
			if err == nil {
				err = notFound("user", "用户", string(k.User))
			}
			return err
		}
		t.touch("tokens", k.ID)
		if err := t.insert("tokens", "id, user_id, hash, name, expires_at, created_at, revoked_at",
			k.ID, k.User, k.Hash, k.Name, us(k.Expires), us(t.now), 0); err != nil {
			return err
		}
		return t.record(acts, string(policies.TokenCreate), string(k.User), permitted(p), nil)
	})
}

// DeleteToken ends a token of the user's own. The row stays, revoked, so that
// the ledger can account for it.
// TokenCreate, ID = user
func (db *DB) DeleteToken(ctx context.Context, p policies.Permit, id string) error {
	user := p.Actor().User
	if err := p.Check(policies.TokenCreate, string(user)); err != nil {
		return err
	}
	return db.write(ctx, func(t *tx) error {
		revoked, ok, err := one(t, value[int64], "SELECT revoked_at FROM tokens WHERE id = ? AND user_id = ?", id, user)
		if err != nil {
			return err
		}
		if !ok || revoked != 0 {
			return notFound("token", "令牌", id)
		}
		t.touch("tokens", id)
		if err := t.swap("UPDATE tokens SET revoked_at = ? WHERE id = ? AND revoked_at = 0", us(t.now), id); err != nil {
			return err
		}
		return t.record(acts, "token.delete", string(user), permitted(p), nil)
	})
}

// TokenActor returns who holds the token with this hash, or Unauthenticated.
func (db *DB) TokenActor(ctx context.Context, hash aihub.Digest) (a aihub.Actor, err error) {
	err = db.read(ctx, func(t *tx) error {
		if err := t.loadHeads(); err != nil { // a clock turned back revives no token
			return err
		}
		u, ok, err := one(t, scanUser, `SELECT u.id, u.org, u.name, u.roles, u.created_at FROM tokens k JOIN users u ON u.id = k.user_id
			WHERE k.hash = ? AND k.revoked_at = 0 AND (k.expires_at = 0 OR k.expires_at > ?)`, hash, us(t.now))
		if err != nil {
			return err
		}
		if !ok {
			return aihub.Errorf(aihub.Unauthenticated, aihub.Text{
				EN: "the sign-in has ended or was never made", ZH: "登录已失效或不存在",
			}).WithHint(aihub.Text{EN: "sign in: aihub login", ZH: "请登录：aihub login"})
		}
		a = aihub.Actor{User: u.ID, Org: u.Org, Roles: u.Roles}
		return nil
	})
	return a, err
}
