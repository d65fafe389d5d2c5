package registry

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"aihub"
	"aihub/internal/store"
)

// A tool that has no token is told where to get one (WWW-Authenticate), goes
// there with name and password (or a token of `aihub login` as the password),
// and comes back with a registry token: a signed list of repositories and
// actions. What is signed is only what was asked for and allowed then; each
// request finds out anew whether the person may, so a role taken away, or the
// token of `aihub login` revoked, ends it at once.

const (
	tokenLife = 20 * time.Minute
	service   = "aihub"
	maxScopes = 20
)

// grant is one repository of a token.
type grant struct {
	Repo    store.Repo `json:"r"`
	Actions []string   `json:"a"` // pull, push, delete
}

type claims struct {
	User    aihub.UserID `json:"u"`
	Via     aihub.Digest `json:"v,omitempty"`
	Expires int64        `json:"e"` // Unix seconds
	Grants  []grant      `json:"g,omitempty"`
}

func actionOf(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead:
		return "pull"
	case http.MethodDelete:
		return "delete"
	}
	return "push"
}

func covers(list []grant, repo store.Repo, action string) bool {
	return slices.ContainsFunc(list, func(g grant) bool { return g.Repo == repo && slices.Contains(g.Actions, action) })
}

func (g *Registry) sign(b []byte) string {
	h := hmac.New(sha256.New, g.Keys.Derive("registry-token", ""))
	h.Write(b)
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

// bearer returns who asks and with which grants; without a token nobody asks.
func (g *Registry) bearer(r *http.Request) (aihub.Actor, []grant, error) {
	kind, value, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	body, sum, ok := strings.Cut(value, ".")
	if !strings.EqualFold(kind, "bearer") || !ok || !hmac.Equal([]byte(g.sign([]byte(body))), []byte(sum)) {
		return aihub.Actor{}, nil, nil
	}
	var c claims
	b, err := base64.RawURLEncoding.DecodeString(body)
	if err != nil || json.Unmarshal(b, &c) != nil || g.Now().Unix() >= c.Expires {
		return aihub.Actor{}, nil, nil
	}
	a, err := g.Auth.Again(r.Context(), c.User, c.Via)
	if aihub.KindOf(err) == aihub.Unauthenticated {
		return aihub.Actor{}, nil, nil
	}
	return a, c.Grants, err
}

// challenge says where to get a token, for what is asked here.
func (q *request) challenge(path string) {
	var scopes []string
	if repo, _, _, ok := split(path); ok {
		actions := "pull"
		if a := actionOf(q.r.Method); a != "pull" {
			actions = a + ",pull"
		}
		scopes = append(scopes, "repository:"+string(repo)+":"+actions)
	}
	if from, ok := ParseRepo(q.r.URL.Query().Get("from")); ok {
		scopes = append(scopes, "repository:"+string(from)+":pull")
	}
	q.w.Header().Set("WWW-Authenticate", q.realm(strings.Join(scopes, " ")))
	q.fail(&refusal{http.StatusUnauthorized, "UNAUTHORIZED", aihub.Text{EN: "sign in first", ZH: "请先登录"}})
}

// host is the one that the client chose.
func (q *request) host() string {
	if !hostRE.MatchString(q.r.Host) {
		return "localhost"
	}
	return q.r.Host
}

// realm is the value of a challenge.
func (q *request) realm(scope string) string {
	scheme := "http"
	if q.Secure {
		scheme = "https"
	}
	s := `Bearer realm="` + scheme + "://" + q.host() + `/v2/token",service="` + service + `"`
	if scope != "" {
		s += `,scope="` + scope + `"`
	}
	return s
}

// token gives a token for the scopes that are asked for and allowed. What is
// not allowed, or does not exist, is left out without a word.
func (g *Registry) token(w http.ResponseWriter, r *http.Request) {
	q := &request{Registry: g, w: w, r: r}
	user, secret, ok := r.BasicAuth()
	if r.Method != http.MethodGet {
		q.fail(&refusal{http.StatusMethodNotAllowed, "UNSUPPORTED", aihub.Text{EN: "tokens are fetched with GET", ZH: "请用 GET 获取令牌"}})
		return
	}
	if !ok {
		w.Header().Set("WWW-Authenticate", `Basic realm="aihub"`)
		q.fail(&refusal{http.StatusUnauthorized, "UNAUTHORIZED", aihub.Text{EN: "sign in first: docker login " + q.host(), ZH: "请先登录：docker login " + q.host()}})
		return
	}
	a, via, err := g.Auth.Basic(r.Context(), r.RemoteAddr, aihub.UserID(user), secret)
	if err != nil {
		w.Header().Set("WWW-Authenticate", `Basic realm="aihub"`)
		q.fail(err)
		return
	}
	q.actor = a
	c := claims{User: a.User, Via: via, Expires: g.Now().Add(tokenLife).Unix()}
	for _, s := range strings.Fields(strings.Join(r.URL.Query()["scope"], " ")) {
		kind, rest, _ := strings.Cut(s, ":")
		name, actions, _ := strings.Cut(rest, ":")
		repo, ok := ParseRepo(name)
		if !ok || kind != "repository" || len(c.Grants) == maxScopes {
			continue
		}
		q.repo = repo
		gr := grant{Repo: repo}
		for _, action := range []string{"pull", "push", "delete"} {
			asked := slices.ContainsFunc(strings.Split(actions, ","), func(s string) bool { return s == action || s == "*" })
			if asked && q.may(action) == nil {
				gr.Actions = append(gr.Actions, action)
			}
		}
		if len(gr.Actions) > 0 {
			c.Grants = append(c.Grants, gr)
		}
	}
	b, err := json.Marshal(c)
	if err != nil {
		q.fail(err)
		return
	}
	body := base64.RawURLEncoding.EncodeToString(b)
	secretToken := body + "." + g.sign([]byte(body))
	q.json(http.StatusOK, map[string]any{
		"token": secretToken, "access_token": secretToken, "expires_in": int(tokenLife.Seconds()),
		"issued_at": g.Now().UTC().Format(time.RFC3339),
	})
}
