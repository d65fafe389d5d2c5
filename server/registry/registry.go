// Package registry is the platform's container registry: the OCI distribution
// API at /v2/, which docker push, skopeo, crane and oras speak.
//
// A repository is called organisation/name; only people of the organisation
// reach it, and those who may push images push and delete. To everyone else it
// does not exist, whatever it holds, and neither does its content: a digest
// that another organisation has is taken in again like one that nobody has. A
// blob is content named by its digest, a manifest a JSON document that names
// blobs (or, as an index, other manifests), a tag a name for a manifest that may
// move, a referrer a manifest about another one, such as a signature.
//
// The store keeps names, manifests and who has what (tables pushed_*); content
// lies in the blob store, encrypted under a key of its organisation and with a
// nonce of its own. Its name there is therefore that of no other blob, so it can be
// deleted when no repository has it, while a dataset or an image that was
// submitted holds the same bytes. What is submitted is copied (package oci,
// Adopt) and stays, wherever tags move and whatever is deleted here.
//
// An upload is a file of its own until its digest is known to be right; it
// belongs to the person who began it and survives a restart of the server. Before
// its content is in the blob store a row names it there and counts it: whatever
// ends the upload in between, the sweep finds it.
package registry

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	"aihub"
	"aihub/internal/blob"
	"aihub/internal/keys"
	"aihub/internal/oci"
	"aihub/internal/store"
	"aihub/policies"
	"aihub/server/auth"
)

// Registry answers the distribution API. Its fields are set once.
type Registry struct {
	DB       *store.DB
	Policies *policies.Engine
	Blobs    blob.Store
	Keys     *keys.Ring
	Auth     *auth.Auth
	Dir      string           // of uploads under way; made when missing
	Secure   bool             // served over TLS
	Blob     int64            // bytes of one blob; default 8 GiB
	Org      int64            // bytes that one organisation keeps; default 64 GiB
	Now      func() time.Time //
	Log      *slog.Logger     //

	busy  sync.Map // ids of uploads that are being written to
	mu    sync.Mutex
	swept time.Time
}

// Upload bounds and times.
const (
	defaultBlob = 8 << 30
	defaultOrg  = 64 << 30
	uploadLife  = 24 * time.Hour // of an upload after its last byte, and of a blob that no manifest names
	touchEvery  = time.Minute    // so often it is noted that bytes come
	sweepEvery  = time.Hour
	askAgain    = 16 << 20 // bytes of an upload after which it is asked again how many may come
)

var (
	nameRE = regexp.MustCompile(`^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*$`)
	tagRE  = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$`)
	hostRE = regexp.MustCompile(`^[a-zA-Z0-9.:\[\]_-]{1,255}$`)
)

// ParseRepo reads organisation/name.
func ParseRepo(s string) (store.Repo, bool) {
	org, name, ok := strings.Cut(s, "/")
	return store.Repo(s), ok && aihub.CheckSlug(org) == nil && len(name) <= 128 && nameRE.MatchString(name)
}

// request is one request under way, by someone who is signed in.
type request struct {
	*Registry
	w     http.ResponseWriter
	r     *http.Request
	actor aihub.Actor
	scope policies.Scope
	repo  store.Repo

	touched time.Time // when a byte of the upload that is written to was last noted
}

// ServeHTTP answers everything at /v2/.
func (g *Registry) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Docker-Distribution-Api-Version", "registry/2.0")
	h.Set("Cache-Control", "no-store")
	path := strings.TrimPrefix(r.URL.Path, "/v2")
	if path == "/token" {
		g.token(w, r)
		return
	}
	q := &request{Registry: g, w: w, r: r}
	var grants []grant
	var err error
	if q.actor, grants, err = g.bearer(r); err != nil {
		q.fail(err)
		return
	}
	q.scope = policies.ScopeOf(q.actor)
	if q.actor.Anonymous() {
		q.challenge(path)
		return
	}
	if path == "" || path == "/" {
		q.json(http.StatusOK, map[string]any{})
		return
	}
	if err := q.route(path, grants); err != nil {
		q.fail(err)
	}
}

// route finds what a path names, and refuses what the token does not cover.
func (q *request) route(path string, grants []grant) error {
	repo, verb, rest, ok := split(path)
	if !ok {
		return unknown("NAME_UNKNOWN")
	}
	q.repo = repo
	need := actionOf(q.r.Method)
	if err := q.may(need); err != nil {
		return err
	}
	if !covers(grants, repo, need) {
		q.challenge(path)
		return nil
	}
	return q.serve(verb, rest)
}

// split takes /org/name/verb/rest apart.
func split(path string) (repo store.Repo, verb, rest string, ok bool) {
	f := strings.SplitN(strings.TrimPrefix(path, "/"), "/", 4)
	if len(f) != 4 {
		return "", "", "", false
	}
	repo, ok = ParseRepo(f[0] + "/" + f[1])
	return repo, f[2], f[3], ok
}

func (q *request) serve(verb, rest string) error {
	get := q.r.Method == http.MethodGet || q.r.Method == http.MethodHead
	switch m := q.r.Method; {
	case verb == "blobs" && (rest == "uploads" || rest == "uploads/"):
		if m == http.MethodPost {
			return q.startUpload()
		}
	case verb == "blobs" && strings.HasPrefix(rest, "uploads/"):
		return q.upload(strings.TrimPrefix(rest, "uploads/"))
	case verb == "blobs" && get:
		return q.getBlob(rest)
	case verb == "blobs" && m == http.MethodDelete:
		return q.deleteBlob(rest)
	case verb == "manifests" && get:
		return q.getManifest(rest)
	case verb == "manifests" && m == http.MethodPut:
		return q.putManifest(rest)
	case verb == "manifests" && m == http.MethodDelete:
		return q.deleteManifest(rest)
	case verb == "tags" && rest == "list" && get:
		return q.listTags()
	case verb == "referrers" && get:
		return q.listReferrers(rest)
	}
	return &refusal{http.StatusMethodNotAllowed, "UNSUPPORTED", aihub.Text{EN: "the registry does not do this", ZH: "镜像仓库不支持此操作"}}
}

// may refuses people of other organisations as if the repository were not
// there, and those of its own who may not push.
func (q *request) may(action string) error {
	if q.actor.Org != q.repo.Org() {
		return notOurs(q.actor)
	}
	if action == "pull" {
		return nil
	}
	_, err := q.permit(q.r.Context())
	return err
}

func (q *request) permit(ctx context.Context) (policies.Permit, error) {
	return q.Policies.Authorize(ctx, q.actor, policies.ImagePush,
		policies.Object{Kind: "image", ID: string(q.repo.Org()), Org: q.repo.Org(), Author: q.actor.User})
}

// refusal is an error in the registry's own words.
type refusal struct {
	status int
	code   string
	text   aihub.Text
}

func (e *refusal) Error() string { return e.text.EN }

// unknown is the answer for what does not exist, or not for this person.
func unknown(code string) error {
	return &refusal{http.StatusNotFound, code, aihub.Text{EN: "it is not there, or not yours", ZH: "不存在，或不属于贵机构"}}
}

// notOurs is the answer for every repository that is not the person's organisation's.
func notOurs(a aihub.Actor) error {
	return &refusal{http.StatusNotFound, "NAME_UNKNOWN", aihub.Text{
		EN: "it is not there, or not yours: your organisation's are called " + string(a.Org) + "/NAME", ZH: "不存在，或不属于贵机构：贵机构的仓库名为 " + string(a.Org) + "/名称",
	}}
}

func badRequest(code, en, zh string) error {
	return &refusal{http.StatusBadRequest, code, aihub.Text{EN: en, ZH: zh}}
}

// fail writes an error as the distribution API has it. Tools show its message,
// so it is in both languages.
func (q *request) fail(err error) {
	var own *refusal
	var e *aihub.Error
	status, code, msg := http.StatusInternalServerError, "UNKNOWN", aihub.Text{EN: "something went wrong inside the platform", ZH: "平台内部出错"}
	var detail any
	switch {
	case errors.As(err, &own):
		status, code, msg = own.status, own.code, own.text
	case q.r.Context().Err() != nil:
		return // nobody listens
	case errors.As(err, &e) && e.Kind != aihub.Internal:
		msg = e.Text
		if !e.Hint.IsZero() {
			msg.EN, msg.ZH = msg.EN+": "+e.Hint.EN, msg.ZH+"："+e.Hint.ZH
		}
		if len(e.Faults) > 0 {
			detail = e.Faults
			msg.EN, msg.ZH = msg.EN+": "+e.Faults[0].In(aihub.EN), msg.ZH+"："+e.Faults[0].In(aihub.ZH)
		}
		status, code = statusOf(e.Kind)
		if e.Err != nil {
			q.Log.WarnContext(q.r.Context(), "registry", "error", err, "cause", e.Err)
		}
	default:
		q.Log.ErrorContext(q.r.Context(), "registry", "error", err)
	}
	if status == http.StatusUnauthorized && q.w.Header().Get("WWW-Authenticate") == "" {
		q.w.Header().Set("WWW-Authenticate", q.realm(""))
	}
	q.json(status, map[string]any{"errors": []map[string]any{{"code": code, "message": msg.EN + " / " + msg.ZH, "detail": detail}}})
}

func statusOf(k aihub.Kind) (int, string) {
	switch k {
	case aihub.Invalid:
		return http.StatusBadRequest, "MANIFEST_INVALID"
	case aihub.Contract:
		return http.StatusBadRequest, "MANIFEST_BLOB_UNKNOWN"
	case aihub.Unauthenticated:
		return http.StatusUnauthorized, "UNAUTHORIZED"
	case aihub.Refused:
		return http.StatusForbidden, "DENIED"
	case aihub.NotFound:
		return http.StatusNotFound, "NAME_UNKNOWN"
	case aihub.Conflict:
		return http.StatusConflict, "DENIED"
	case aihub.Quota:
		return http.StatusTooManyRequests, "TOOMANYREQUESTS"
	case aihub.Unavailable:
		return http.StatusServiceUnavailable, "UNAVAILABLE"
	}
	return http.StatusInternalServerError, "UNKNOWN"
}

func (q *request) json(status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		q.Log.ErrorContext(q.r.Context(), "registry", "error", err)
		return
	}
	q.w.Header().Set("Content-Type", "application/json")
	q.w.WriteHeader(status)
	if q.r.Method != http.MethodHead {
		_, _ = q.w.Write(b) // a client that is gone
	}
}

// here returns the address of something in the repository.
func (q *request) here(parts ...string) string {
	u := url.URL{Path: "/v2/" + string(q.repo) + "/" + strings.Join(parts, "/")}
	return u.EscapedPath()
}

// Tidy deletes, at most once an hour, what has no owner any more. Failures are
// logged: they concern nobody who is here now.
func (g *Registry) Tidy(ctx context.Context) {
	g.mu.Lock()
	due := g.Now().Sub(g.swept) >= sweepEvery
	if due {
		g.swept = g.Now()
	}
	g.mu.Unlock()
	if !due {
		return
	}
	if err := g.Sweep(ctx); err != nil {
		g.Log.ErrorContext(ctx, "registry sweep", "error", err)
	}
}

// Sweep ends uploads of which no byte came for a day, takes away content that no manifest
// has named for a day, and deletes from the blob store what nobody has.
func (g *Registry) Sweep(ctx context.Context) error {
	before := g.Now().Add(-uploadLife)
	return errors.Join(g.DB.SweepRegistry(ctx, before), g.sweepFiles(before), g.Collect(ctx))
}

// Collect deletes garbage from the blob store.
func (g *Registry) Collect(ctx context.Context) error {
	list, err := g.DB.Garbage(ctx)
	for _, d := range list {
		if err == nil {
			err = g.Blobs.Delete(ctx, d)
		}
		if err == nil {
			err = g.DB.ForgetGarbage(ctx, d)
		}
	}
	return err
}

// Image checks the image that name:tag or name@digest names, for a person of
// its organisation, and keeps it in blobs to be submitted.
func (g *Registry) Image(ctx context.Context, a aihub.Actor, ref string, blobs blob.Store, lim oci.Limits) (oci.Image, error) {
	repo, what, ok := ParseRef(ref)
	if !ok {
		return oci.Image{}, aihub.Errorf(aihub.Invalid, aihub.Text{
			EN: "this names no pushed image: write organisation/name:tag or organisation/name@sha256:…",
			ZH: "这不是已推送镜像的名称：请写 机构/名称:标签 或 机构/名称@sha256:…",
		})
	}
	if repo.Org() != a.Org {
		return oci.Image{}, aihub.Errorf(aihub.NotFound, aihub.Text{
			EN: ref + " is in no repository of your organisation", ZH: ref + " 不在贵机构的仓库中",
		}).WithHint(aihub.Text{EN: "its own are called " + string(a.Org) + "/NAME", ZH: "贵机构的仓库名为 " + string(a.Org) + "/名称"})
	}
	from := &pushed{g, policies.ScopeOf(a), repo}
	m, err := g.DB.Manifest(ctx, from.scope, repo, what)
	if err != nil {
		if aihub.KindOf(err) == aihub.NotFound {
			err = aihub.Errorf(aihub.NotFound, aihub.Text{
				EN: "your organisation has not pushed " + ref, ZH: "贵机构没有推送过 " + ref,
			}).WithHint(aihub.Text{EN: "push it first: docker push HOST/" + ref, ZH: "请先推送：docker push 主机/" + ref})
		}
		return oci.Image{}, err
	}
	return oci.Adopt(ctx, from, m.Digest, blobs, lim)
}

// ParseRef reads organisation/name:tag or organisation/name@digest.
func ParseRef(s string) (repo store.Repo, ref string, ok bool) {
	name, ref, at := strings.Cut(s, "@")
	if at {
		ok = oci.IsDigest(ref)
	} else if name, ref, ok = strings.Cut(s, ":"); ok {
		ok = tagRE.MatchString(ref)
	}
	repo, good := ParseRepo(name)
	return repo, ref, ok && good
}
