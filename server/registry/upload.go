package registry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"aihub"
	"aihub/internal/oci"
	"aihub/internal/store"
)

var uploadRE = regexp.MustCompile(`^up_[a-z2-7]{16}$`)

func noUpload() error { return unknown("BLOB_UPLOAD_UNKNOWN") }

func (g *Registry) file(id string) string { return filepath.Join(g.Dir, id) }

// startUpload begins an upload, or spares it: by mounting content that another
// repository of the organisation has, or by taking the whole of it at once.
func (q *request) startUpload() error {
	ctx := q.r.Context()
	q.Tidy(ctx)
	p, err := q.permit(ctx)
	if err != nil {
		return err
	}
	query := q.r.URL.Query()
	if digest := query.Get("mount"); oci.IsDigest(digest) {
		from, ok := q.sources()
		if !ok {
			q.challenge(strings.TrimPrefix(q.r.URL.Path, "/v2"))
			return nil
		}
		for _, r := range from {
			switch err := q.DB.MountBlob(ctx, p, q.repo, r, digest); {
			case err == nil:
				q.created(digest)
				return nil
			case aihub.KindOf(err) != aihub.NotFound:
				return err
			}
		}
	}
	digest := query.Get("digest")
	if digest != "" && !oci.IsDigest(digest) {
		return badDigest()
	}
	if err := os.MkdirAll(q.Dir, 0o700); err != nil {
		return err
	}
	id := aihub.NewID("up")
	q.touched = q.Now()
	if err := q.DB.OpenUpload(ctx, p, q.repo, id); err != nil {
		return err
	}
	err = os.WriteFile(q.file(id), nil, 0o600)
	if err == nil && digest != "" {
		err = q.finish(id, digest)
	}
	if err != nil { // nobody knows the id to go on with
		return errors.Join(err, q.drop(id))
	}
	if digest != "" {
		return nil
	}
	q.progress(id, 0)
	q.w.WriteHeader(http.StatusAccepted)
	return nil
}

// sources are the repositories of the organisation that content may be mounted from:
// the one that is named, or without a name all that the token may read. It is false
// when the token may not read the one named.
func (q *request) sources() (from []store.Repo, ok bool) {
	_, grants, _ := q.bearer(q.r)
	if name := q.r.URL.Query().Get("from"); name != "" {
		if r, named := ParseRepo(name); named && r.Org() == q.actor.Org {
			return []store.Repo{r}, covers(grants, r, "pull")
		}
		return nil, true
	}
	for _, g := range grants {
		if g.Repo.Org() == q.actor.Org && slices.Contains(g.Actions, "pull") {
			from = append(from, g.Repo)
		}
	}
	return from, true
}

func badDigest() error {
	return badRequest("DIGEST_INVALID", "this is not the sha256 or sha512 digest of the content", "摘要不是该内容的 sha256 或 sha512")
}

// progress says where an upload is and how much of it is here.
func (q *request) progress(id string, size int64) {
	h := q.w.Header()
	h.Set("Location", q.here("blobs", "uploads", id))
	h.Set("Docker-Upload-UUID", id)
	h.Set("Range", fmt.Sprintf("0-%d", max(size-1, 0)))
}

func (q *request) created(digest string) {
	h := q.w.Header()
	h.Set("Location", q.here("blobs", digest))
	h.Set("Docker-Content-Digest", digest)
	q.w.WriteHeader(http.StatusCreated)
}

// upload goes on with one that the person has begun, or says how far a colleague's is
// and cancels it: what a colleague left counts against the organisation they share.
func (q *request) upload(id string) error {
	if !uploadRE.MatchString(id) {
		return noUpload()
	}
	u, err := q.DB.Upload(q.r.Context(), q.scope, q.repo, id)
	if err != nil {
		if aihub.KindOf(err) == aihub.NotFound {
			err = noUpload()
		}
		return err
	}
	if writes := q.r.Method == http.MethodPatch || q.r.Method == http.MethodPut; writes && u.By != q.actor.User {
		return noUpload()
	}
	q.touched = u.Touched
	if _, taken := q.busy.LoadOrStore(id, true); taken {
		return &refusal{http.StatusConflict, "BLOB_UPLOAD_INVALID", aihub.Text{EN: "another request writes to this upload", ZH: "另一请求正在写入该上传"}}
	}
	defer q.busy.Delete(id)
	st, err := os.Stat(q.file(id))
	if errors.Is(err, fs.ErrNotExist) { // it began at another server, or is swept
		return noUpload()
	}
	if err != nil {
		return err
	}
	switch q.r.Method {
	case http.MethodGet:
		q.progress(id, st.Size())
		q.w.WriteHeader(http.StatusNoContent)
		return nil
	case http.MethodDelete:
		if err := q.drop(id); err != nil {
			return err
		}
		q.w.WriteHeader(http.StatusNoContent)
		return nil
	case http.MethodPatch:
		size, err := q.receive(id, st.Size())
		if err != nil {
			return err
		}
		q.progress(id, size)
		q.w.WriteHeader(http.StatusAccepted)
		return nil
	case http.MethodPut:
		digest := q.r.URL.Query().Get("digest")
		if !oci.IsDigest(digest) {
			return badDigest()
		}
		return q.finish(id, digest)
	}
	return &refusal{http.StatusMethodNotAllowed, "UNSUPPORTED", aihub.Text{EN: "the registry does not do this", ZH: "镜像仓库不支持此操作"}}
}

// drop ends an upload, also when the client is gone: what it leaves would count
// against its organisation for a day.
func (q *request) drop(id string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(q.r.Context()), time.Minute)
	defer cancel()
	p, err := q.permit(ctx)
	if err != nil {
		return err
	}
	if err := q.DB.CloseUpload(ctx, p, q.repo, id); err != nil {
		return err
	}
	if err := os.Remove(q.file(id)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// receive appends the body to an upload that has size bytes, and returns how
// many it has then. What came before a connection broke stays.
func (q *request) receive(id string, size int64) (int64, error) {
	if s := q.r.Header.Get("Content-Range"); s != "" {
		from, to, ok := strings.Cut(strings.TrimPrefix(s, "bytes "), "-")
		to, _, _ = strings.Cut(to, "/")
		first, err1 := strconv.ParseInt(from, 10, 64)
		last, err2 := strconv.ParseInt(to, 10, 64)
		if !ok || err1 != nil || err2 != nil || first != size || last < first || q.r.ContentLength >= 0 && q.r.ContentLength != last-first+1 {
			q.progress(id, size)
			return 0, &refusal{http.StatusRequestedRangeNotSatisfiable, "BLOB_UPLOAD_INVALID", aihub.Text{
				EN: fmt.Sprintf("the next byte of this upload is %d", size), ZH: fmt.Sprintf("该上传的下一字节为 %d", size),
			}}
		}
	}
	left, err := q.left(id, size)
	if err != nil {
		return 0, err
	}
	if q.r.ContentLength > left {
		return 0, q.tooLarge(id)
	}
	n, over, err := q.grow(id, size, left)
	switch {
	case err != nil:
		return 0, aihub.Errorf(aihub.Unavailable, aihub.Text{EN: "the upload broke off", ZH: "上传中断"}).
			WithHint(aihub.Text{EN: "go on from where it is", ZH: "请从中断处继续"}).Because(err)
	case over:
		return 0, errors.Join(q.tooLarge(id), q.drop(id))
	}
	return size + n, nil
}

// grow appends the body to an upload that has size bytes and may grow by left, which
// it asks again as it goes: other uploads of the organisation grow at the same time.
func (q *request) grow(id string, size, left int64) (n int64, over bool, err error) {
	f, err := os.OpenFile(q.file(id), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return 0, false, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	body := &arriving{q, id}
	for {
		m, err := io.CopyN(f, body, min(left+1, askAgain))
		n += m
		switch {
		case err == io.EOF:
			return n, false, nil
		case err != nil:
			return n, false, err
		case m > left:
			return n, true, nil
		}
		if left, err = q.left(id, size+n); err != nil {
			return n, false, err
		}
	}
}

// arriving is the body of a request that writes to an upload: while bytes come, the
// upload stays.
type arriving struct {
	*request
	id string
}

func (a *arriving) Read(b []byte) (int, error) {
	n, err := a.r.Body.Read(b)
	if n == 0 || a.Now().Sub(a.touched) < touchEvery {
		return n, err
	}
	p, perr := a.permit(a.r.Context())
	if perr == nil {
		perr = a.DB.TouchUpload(a.r.Context(), p, a.repo, a.id)
	}
	if perr != nil {
		return n, perr
	}
	a.touched = a.Now()
	return n, err
}

// tooLarge refuses what an upload (or "") is too much of, and names the organisation's
// upload that got no byte for longest, which counts too.
func (q *request) tooLarge(upload string) error {
	idle, err := q.DB.IdleUpload(q.r.Context(), q.scope, upload)
	if err != nil {
		return err
	}
	text := aihub.Text{
		EN: "this is more than one blob, or your organisation, may have: delete what is no longer needed",
		ZH: "超过单个内容或贵机构的上限：请删除不再需要的镜像",
	}
	if idle != "" {
		text.EN += ", or cancel uploads that were left: DELETE " + idle
		text.ZH += "，或取消被遗弃的上传：DELETE " + idle
	}
	return &refusal{http.StatusRequestEntityTooLarge, "SIZE_INVALID", text}
}

// left returns how many bytes an upload of size bytes may still grow.
func (q *request) left(id string, size int64) (int64, error) {
	used, uploads, err := q.DB.PushedBytes(q.r.Context(), q.scope)
	if err != nil {
		return 0, err
	}
	for _, u := range uploads {
		if st, err := os.Stat(q.file(u)); err == nil && u != id {
			used += st.Size()
		}
	}
	blob, org := q.Most()
	return max(0, min(blob, org-used)-size), nil
}

// Most returns how many bytes one blob and one organisation may have, images to be
// submitted included.
func (g *Registry) Most() (blob, org int64) {
	return cmp.Or(g.Blob, defaultBlob), cmp.Or(g.Org, defaultOrg)
}

// finish takes the last bytes of an upload, and keeps it when its digest is
// right; when not, the upload is over.
func (q *request) finish(id, digest string) error {
	ctx := q.r.Context()
	st, err := os.Stat(q.file(id))
	if err != nil {
		return err
	}
	if _, err := q.receive(id, st.Size()); err != nil {
		return err
	}
	p, err := q.permit(q.r.Context())
	if err != nil {
		return err
	}
	f, err := os.Open(q.file(id))
	if err != nil {
		return err
	}
	defer f.Close()
	var b store.Pushed
	err = q.put(ctx, q.repo.Org(), digest, f, func(named store.Pushed) error {
		b = named
		_, most := q.Most()
		return q.DB.PendBlob(ctx, p, q.repo, id, b, most)
	})
	if errors.Is(err, errDigest) {
		_ = q.drop(id) // or it is swept
		return badDigest()
	}
	if err == nil {
		err = q.DB.AddBlob(ctx, p, q.repo, id, b)
	}
	if aihub.KindOf(err) == aihub.Quota {
		err = q.tooLarge(id)
	}
	if err != nil {
		if b.Stored != "" {
			err = errors.Join(err, q.Forsake(ctx, b.Stored))
		}
		return err
	}
	if err := os.Remove(q.file(id)); err != nil {
		return err
	}
	q.created(digest)
	return nil
}

// Forsake deletes content whose upload or import did not get to its end, also when
// that is because the client is gone.
func (g *Registry) Forsake(ctx context.Context, stored ...aihub.Digest) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	for _, d := range stored {
		if err := g.DB.DropPending(ctx, d); err != nil {
			return err
		}
	}
	return g.Collect(ctx)
}

// sweepFiles removes the files of uploads that nobody writes to and of which no byte
// came since a time.
func (g *Registry) sweepFiles(before time.Time) error {
	list, err := os.ReadDir(g.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range list {
		st, err := e.Info()
		if err != nil || !uploadRE.MatchString(e.Name()) || !st.ModTime().Before(before) {
			continue
		}
		if _, taken := g.busy.Load(e.Name()); taken {
			continue
		}
		if err := os.Remove(g.file(e.Name())); err != nil {
			return err
		}
	}
	return err
}
