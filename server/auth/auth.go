// Package auth finds out who asks. A person signs in with a password and gets a
// session (pages: a cookie) or a bearer token (command line: a secret shown
// once, of which only the sha256 is kept). Each request carries one of the two
// or none; Identify turns it into an aihub.Actor in the request's context. What
// the actor may do is the business of package policies, not of this one.
//
// The remote address is that of the connection: no header of a proxy is trusted.
package auth

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/alexedwards/scs/v2"

	"aihub"
	"aihub/internal/i18n"
	"aihub/internal/store"
	"aihub/policies"
	"aihub/server/wire"
)

// How long a token and a session last.
const (
	TokenLife   = 30 * 24 * time.Hour
	SessionLife = 12 * time.Hour
)

// tokenPrefix makes a leaked token easy to search for.
const tokenPrefix = "aihub_"

// Auth signs people in and recognises them.
type Auth struct {
	db       *store.DB
	policies *policies.Engine
	sessions *scs.SessionManager
	now      func() time.Time
	pair     *limiter // user and address
	address  *limiter // address
	user     *limiter // user, from anywhere
}

// New returns an Auth. With secure, cookies are sent over TLS only.
func New(db *store.DB, engine *policies.Engine, secure bool, now func() time.Time) *Auth {
	s := scs.New()
	s.Store = db.Sessions()
	s.Lifetime = SessionLife
	s.Cookie.Name = "aihub_session"
	if secure {
		s.Cookie.Name = "__Host-aihub_session"
	}
	s.Cookie.Secure = secure
	s.Cookie.HttpOnly = true
	s.Cookie.SameSite = http.SameSiteStrictMode
	s.Cookie.Persist = false
	return &Auth{
		db: db, policies: engine, sessions: s, now: now,
		// Five tries for a name from one address; an address may try thirty (a
		// whole office can sit behind one), and a name fifty from everywhere, so
		// that locking a person out takes more than one machine.
		pair:    newLimiter(5, 15*time.Minute, now),
		address: newLimiter(30, 15*time.Minute, now),
		user:    newLimiter(50, 15*time.Minute, now),
	}
}

// check verifies a name and password that came from a remote address. Unknown
// names, wrong passwords and names that cannot exist look and cost the same.
func (a *Auth) check(ctx context.Context, remote string, user aihub.UserID, password string) (aihub.Actor, error) {
	ip := host(remote)
	name := string(user)
	if len(name) > 64 {
		name = name[:64]
	}
	pair := name + "\x00" + ip
	for _, l := range []struct {
		*limiter
		key string
	}{{a.pair, pair}, {a.address, ip}, {a.user, name}} {
		if left := l.take(l.key); left > 0 {
			return aihub.Actor{}, tooMany(left)
		}
	}
	u, hash, err := a.db.Credential(ctx, user)
	switch {
	case aihub.KindOf(err) == aihub.NotFound || aihub.KindOf(err) == aihub.Unauthenticated:
		hash = dummy
	case err != nil:
		return aihub.Actor{}, err
	}
	ok, verr := verifyPassword(ctx, hash, password)
	if verr != nil {
		return aihub.Actor{}, verr
	}
	if err != nil || !ok {
		return aihub.Actor{}, aihub.Errorf(aihub.Unauthenticated, aihub.Text{
			EN: "the name or the password is wrong", ZH: "用户名或密码不正确",
		}).WithHint(aihub.Text{
			EN: "check both and try again; the platform's operator can set up an account",
			ZH: "请核对后重试；账号由平台运营方开通",
		})
	}
	a.pair.forget(pair)
	a.address.refund(ip)
	a.user.refund(name)
	return aihub.Actor{User: u.ID, Org: u.Org, Roles: u.Roles}, nil
}

func tooMany(left time.Duration) error {
	left = left.Round(time.Second)
	return aihub.Errorf(aihub.Quota, aihub.Text{
		EN: "too many failed sign-ins", ZH: "登录失败次数过多",
	}).WithHint(aihub.Text{
		EN: "wait " + i18n.Duration(aihub.EN, left) + " and try again",
		ZH: "请等待 " + i18n.Duration(aihub.ZH, left) + "后重试",
	})
}

// host returns the address without its port.
func host(remote string) string {
	if h, _, err := net.SplitHostPort(remote); err == nil {
		return h
	}
	return remote
}

// Token signs a person in and returns a new bearer token.
func (a *Auth) Token(ctx context.Context, remote string, in wire.SignIn) (wire.SignedIn, error) {
	actor, err := a.check(ctx, remote, in.User, in.Password)
	if err != nil {
		return wire.SignedIn{}, err
	}
	permit, err := a.policies.Authorize(ctx, actor, policies.TokenCreate, tokenOf(actor))
	if err != nil {
		return wire.SignedIn{}, err
	}
	b := make([]byte, 32)
	rand.Read(b)
	secret := tokenPrefix + base64.RawURLEncoding.EncodeToString(b)
	name := []rune(in.Name) // a label for its owner: cut, not refused
	t := store.Token{
		ID: tokenID(secret), User: actor.User, Hash: aihub.DigestOf([]byte(secret)),
		Name: string(name[:min(100, len(name))]), Expires: a.now().Add(TokenLife),
	}
	if err := a.db.CreateToken(ctx, permit, t); err != nil {
		return wire.SignedIn{}, err
	}
	return wire.SignedIn{Token: secret, Expires: t.Expires, Actor: actor}, nil
}

// Revoke deletes the token that r carries, so that it can sign nobody in again.
func (a *Auth) Revoke(ctx context.Context, r *http.Request) error {
	secret, ok := bearer(r)
	if !ok {
		return aihub.Errorf(aihub.Invalid, aihub.Text{EN: "this request carries no token", ZH: "请求中没有令牌"})
	}
	actor := ActorOf(ctx)
	permit, err := a.policies.Authorize(ctx, actor, policies.TokenCreate, tokenOf(actor))
	if err != nil {
		return err
	}
	return a.db.DeleteToken(ctx, permit, tokenID(secret))
}

func tokenOf(a aihub.Actor) policies.Object {
	return policies.Object{Kind: "token", ID: string(a.User), Org: a.Org, Author: a.User}
}

// tokenID names a token without telling its secret: the hash of its hash.
func tokenID(secret string) string {
	return "tok_" + aihub.DigestOf([]byte(aihub.DigestOf([]byte(secret)))).Hex()[:24]
}

// Open signs a person in with a session and sets its cookie. The session that
// the browser came with, if any, ends: its id may have been planted.
func (a *Auth) Open(w http.ResponseWriter, r *http.Request, user aihub.UserID, password string) error {
	actor, err := a.check(r.Context(), r.RemoteAddr, user, password)
	if err != nil {
		return err
	}
	ctx, err := a.session(r)
	if err != nil {
		return err
	}
	if err := a.sessions.RenewToken(ctx); err != nil {
		return err
	}
	if err := a.sessions.Clear(ctx); err != nil {
		return err
	}
	a.sessions.Put(ctx, "user", string(actor.User))
	a.sessions.SetDeadline(ctx, a.now().Add(SessionLife))
	token, expires, err := a.sessions.Commit(ctx)
	if err != nil {
		return err
	}
	a.sessions.WriteSessionCookie(ctx, w, token, expires)
	return nil
}

// Close ends the session of r and removes its cookie.
func (a *Auth) Close(w http.ResponseWriter, r *http.Request) error {
	ctx, err := a.session(r)
	if err != nil {
		return err
	}
	if err := a.sessions.Destroy(ctx); err != nil {
		return err
	}
	a.sessions.WriteSessionCookie(ctx, w, "", time.Time{})
	return nil
}

func (a *Auth) session(r *http.Request) (context.Context, error) {
	token := ""
	if c, err := r.Cookie(a.sessions.Cookie.Name); err == nil {
		token = c.Value
	}
	return a.sessions.Load(r.Context(), token)
}

// Identify returns r with its actor in the context. A request without token and
// cookie is anonymous; a token that is not valid is Unauthenticated, never
// anonymous; a session that has ended is anonymous.
func (a *Auth) Identify(r *http.Request) (*http.Request, error) {
	ctx := r.Context()
	var actor aihub.Actor
	var err error
	if r.Header.Get("Authorization") != "" {
		secret, ok := bearer(r)
		if !ok {
			return nil, badToken()
		}
		if actor, err = a.db.TokenActor(ctx, aihub.DigestOf([]byte(secret))); err != nil {
			if aihub.KindOf(err) == aihub.Unauthenticated {
				return nil, badToken()
			}
			return nil, err
		}
	} else if _, cerr := r.Cookie(a.sessions.Cookie.Name); cerr == nil {
		sctx, err := a.session(r)
		if err != nil {
			return nil, err
		}
		if user := a.sessions.GetString(sctx, "user"); user != "" {
			// Roles are read anew each time: a role taken away is gone at once.
			if actor, err = a.db.ActorOf(ctx, aihub.UserID(user)); err != nil {
				if k := aihub.KindOf(err); k != aihub.NotFound && k != aihub.Unauthenticated {
					return nil, err
				}
				actor = aihub.Actor{}
			}
		}
	}
	return r.WithContext(WithActor(ctx, actor)), nil
}

func badToken() error {
	return aihub.Errorf(aihub.Unauthenticated, aihub.Text{
		EN: "this token is not valid, or it has expired", ZH: "令牌无效或已过期",
	}).WithHint(aihub.Text{EN: "sign in again: aihub login", ZH: "请重新登录：aihub login"})
}

func bearer(r *http.Request) (string, bool) {
	scheme, secret, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	return secret, ok && strings.EqualFold(scheme, "bearer") && strings.HasPrefix(secret, tokenPrefix) && len(secret) < 128
}

type actorKey struct{}

// WithActor returns ctx in which a asks.
func WithActor(ctx context.Context, a aihub.Actor) context.Context {
	return context.WithValue(ctx, actorKey{}, a)
}

// ActorOf returns who asks; the zero Actor is anonymous.
func ActorOf(ctx context.Context) aihub.Actor {
	a, _ := ctx.Value(actorKey{}).(aihub.Actor)
	return a
}

// SignInFirst asks an anonymous visitor to sign in.
func SignInFirst() error {
	return aihub.Errorf(aihub.Unauthenticated, aihub.Text{
		EN: "sign in first", ZH: "请先登录",
	}).WithHint(aihub.Text{EN: "sign in on the page, or with aihub login", ZH: "请在网页登录，或使用 aihub login"})
}

// CrossOrigin refuses unsafe requests that a browser sends from another site's
// page, by Sec-Fetch-Site and Origin. Clients that are no browsers send neither.
func CrossOrigin(next http.Handler, refuse func(http.ResponseWriter, *http.Request, error)) http.Handler {
	p := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := p.Check(r); err != nil {
			refuse(w, r, aihub.Errorf(aihub.Refused, aihub.Text{
				EN: "this request came from another site's page", ZH: "该请求来自其他网站的页面",
			}).WithHint(aihub.Text{EN: "open the platform's own page and try again", ZH: "请打开本平台的页面后重试"}).Because(errors.Unwrap(err)))
			return
		}
		next.ServeHTTP(w, r)
	})
}
