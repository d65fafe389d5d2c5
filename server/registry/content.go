package registry

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"aihub"
	"aihub/internal/oci"
	"aihub/internal/store"
)

const (
	indexType      = "application/vnd.oci.image.index.v1+json"
	maxAnnotations = 64 << 10 // of a manifest about another one: they go into lists
	maxList        = 4 << 20  // bytes of a list of referrers
	maxTagsListed  = 1000
	stallAfter     = 2 * time.Minute
)

// named turns what the store calls NotFound into the registry's word for it.
func named(code string, err error) error {
	if aihub.KindOf(err) == aihub.NotFound {
		return unknown(code)
	}
	return err
}

func (q *request) getBlob(digest string) error {
	if !oci.IsDigest(digest) {
		return badDigest()
	}
	b, err := q.DB.PushedBlob(q.r.Context(), q.scope, q.repo, digest)
	if err != nil {
		return named("BLOB_UNKNOWN", err)
	}
	h := q.w.Header()
	from, n, status := int64(0), b.Size, http.StatusOK
	if s := q.r.Header.Get("Range"); s != "" && q.r.Method == http.MethodGet {
		first, last, ok := oneRange(s, b.Size)
		if !ok {
			h.Set("Content-Range", fmt.Sprintf("bytes */%d", b.Size))
			return &refusal{http.StatusRequestedRangeNotSatisfiable, "SIZE_INVALID", aihub.Text{
				EN: fmt.Sprintf("the content has %d bytes", b.Size), ZH: fmt.Sprintf("内容为 %d 字节", b.Size)}}
		}
		from, n, status = first, last-first+1, http.StatusPartialContent
		h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", first, last, b.Size))
	}
	h.Set("Accept-Ranges", "bytes")
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Length", strconv.FormatInt(n, 10))
	h.Set("Docker-Content-Digest", digest)
	h.Set("ETag", `"`+digest+`"`)
	if q.r.Method == http.MethodHead {
		q.w.WriteHeader(status)
		return nil
	}
	r, err := q.open(q.r.Context(), q.repo.Org(), b, from)
	if err != nil {
		for _, k := range []string{"Content-Length", "Content-Range", "ETag", "Docker-Content-Digest"} {
			h.Del(k)
		}
		return err
	}
	defer r.Close()
	q.w.WriteHeader(status)
	if n < b.Size {
		r = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(r, n), r}
	}
	if err := q.send(r); err != nil {
		q.Log.WarnContext(q.r.Context(), "registry: sending content", "error", err)
		panic(http.ErrAbortHandler) // the client must not take it for whole
	}
	return nil
}

// send copies r to the client, with a limit on each stall.
func (q *request) send(r io.Reader) error {
	rc := http.NewResponseController(q.w)
	buf := make([]byte, 256<<10)
	for {
		n, err := r.Read(buf)
		if n > 0 {
			_ = rc.SetWriteDeadline(time.Now().Add(stallAfter)) // a recorder in a test has none
			if _, err := q.w.Write(buf[:n]); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// oneRange reads "bytes=a-b", "bytes=a-" or "bytes=-n" of size bytes.
func oneRange(s string, size int64) (first, last int64, ok bool) {
	s, ok = strings.CutPrefix(s, "bytes=")
	a, b, dash := strings.Cut(s, "-")
	if !ok || !dash || size == 0 {
		return 0, 0, false
	}
	var err error
	if a == "" {
		n, err := strconv.ParseInt(b, 10, 64)
		return max(0, size-n), size - 1, err == nil && n > 0
	}
	if first, err = strconv.ParseInt(a, 10, 64); err != nil || first < 0 || first >= size {
		return 0, 0, false
	}
	last = size - 1
	if b != "" {
		if last, err = strconv.ParseInt(b, 10, 64); err != nil || last < first {
			return 0, 0, false
		}
	}
	return first, min(last, size-1), true
}

func (q *request) deleteBlob(digest string) error {
	if !oci.IsDigest(digest) {
		return badDigest()
	}
	p, err := q.permit(q.r.Context())
	if err != nil {
		return err
	}
	if err := q.DB.DeleteBlob(q.r.Context(), p, q.repo, digest); err != nil {
		return named("BLOB_UNKNOWN", err)
	}
	if err := q.Collect(q.r.Context()); err != nil {
		return err
	}
	q.w.WriteHeader(http.StatusAccepted)
	return nil
}

// reference reports whether ref is a digest or a tag, or returns why neither.
func reference(ref string) error {
	if strings.Contains(ref, ":") {
		if !oci.IsDigest(ref) {
			return badDigest()
		}
		return nil
	}
	if !tagRE.MatchString(ref) {
		return badRequest("TAG_INVALID", "a tag is 1 to 128 letters, digits and ._-", "标签为 1 至 128 个字母、数字或 ._-")
	}
	return nil
}

func (q *request) getManifest(ref string) error {
	if err := reference(ref); err != nil {
		return unknown("MANIFEST_UNKNOWN")
	}
	m, err := q.DB.Manifest(q.r.Context(), q.scope, q.repo, ref)
	if err != nil {
		return named("MANIFEST_UNKNOWN", err)
	}
	h := q.w.Header()
	h.Set("Content-Type", m.MediaType)
	h.Set("Content-Length", strconv.Itoa(len(m.Content)))
	h.Set("Docker-Content-Digest", m.Digest)
	h.Set("ETag", `"`+m.Digest+`"`)
	q.w.WriteHeader(http.StatusOK)
	if q.r.Method == http.MethodHead {
		return nil
	}
	_ = q.send(bytes.NewReader(m.Content)) // a client that is gone
	return nil
}

func (q *request) putManifest(ref string) error {
	if err := reference(ref); err != nil {
		return err
	}
	raw, err := io.ReadAll(io.LimitReader(q.r.Body, oci.MaxManifest+1))
	if err != nil {
		return aihub.Errorf(aihub.Invalid, aihub.Text{EN: "the manifest did not arrive whole", ZH: "清单没有完整送达"}).Because(err)
	}
	if len(raw) > oci.MaxManifest {
		return &refusal{http.StatusRequestEntityTooLarge, "MANIFEST_INVALID", aihub.Text{EN: "a manifest has at most 4 MiB", ZH: "清单最大 4 MiB"}}
	}
	mediaType := q.r.Header.Get("Content-Type")
	if mediaType != "" {
		if mediaType, _, err = mime.ParseMediaType(mediaType); err != nil {
			return badRequest("MANIFEST_INVALID", "the Content-Type does not read", "Content-Type 无法识别")
		}
	}
	m, err := oci.ParsePushed(raw, mediaType)
	if err != nil {
		return invalidManifest(err)
	}
	digest, tags := "", q.r.URL.Query()["tag"]
	if strings.Contains(ref, ":") {
		digest = ref
		if digestOf(ref, raw) != ref {
			return badDigest()
		}
	} else {
		digest, tags = digestOf("sha256:", raw), append(tags, ref)
	}
	if len(tags) > 100 {
		return badRequest("TAG_INVALID", "at most 100 tags at once", "一次最多 100 个标签")
	}
	for _, tag := range tags {
		if strings.Contains(tag, ":") || reference(tag) != nil {
			return badRequest("TAG_INVALID", "a tag is 1 to 128 letters, digits and ._-", "标签为 1 至 128 个字母、数字或 ._-")
		}
	}
	kept, err := keptManifest(m, digest, raw)
	if err != nil {
		return err
	}
	if left, err := q.left("", 0); err != nil || int64(len(raw)) > left {
		if err == nil {
			err = q.tooLarge("")
		}
		return err
	}
	p, err := q.permit(q.r.Context())
	if err != nil {
		return err
	}
	if err := q.DB.PutManifest(q.r.Context(), p, q.repo, kept, tags); err != nil {
		return err
	}
	h := q.w.Header()
	h.Set("Location", q.here("manifests", digest))
	h.Set("Docker-Content-Digest", digest)
	if m.Subject != "" {
		h.Set("OCI-Subject", m.Subject)
	}
	for _, tag := range q.r.URL.Query()["tag"] {
		h.Add("OCI-Tag", tag)
	}
	q.w.WriteHeader(http.StatusCreated)
	return nil
}

// invalidManifest gives a refusal of the parser the registry's code.
func invalidManifest(err error) error {
	var e *aihub.Error
	if errors.As(err, &e) && e.Kind == aihub.Contract {
		return aihub.Errorf(aihub.Invalid, e.Text).WithFaults(e.Faults).WithHint(e.Hint)
	}
	return err
}

func digestOf(like string, raw []byte) string {
	algorithm, _, _ := strings.Cut(like, ":")
	h := hashOf(like)
	h.Write(raw)
	return algorithm + ":" + hex.EncodeToString(h.Sum(nil))
}

// keptManifest is a manifest as the store keeps it.
func keptManifest(m oci.Pushed, digest string, raw []byte) (store.PushedManifest, error) {
	d, err := json.Marshal(struct {
		MediaType    string            `json:"mediaType"`
		Digest       string            `json:"digest"`
		Size         int               `json:"size"`
		ArtifactType string            `json:"artifactType,omitempty"`
		Annotations  map[string]string `json:"annotations,omitempty"`
	}{m.MediaType, digest, len(raw), m.ArtifactType, m.Annotations})
	if err != nil {
		return store.PushedManifest{}, err
	}
	if m.Subject == "" {
		d = nil // nobody lists it
	}
	if len(d) > maxAnnotations {
		return store.PushedManifest{}, badRequest("MANIFEST_INVALID",
			"the annotations of a manifest about another one have at most 64 KiB", "引用其他清单的清单，其注解最大 64 KiB")
	}
	kept := store.PushedManifest{Digest: digest, MediaType: m.MediaType, ArtifactType: m.ArtifactType, Subject: m.Subject, Descriptor: string(d), Content: raw}
	for _, b := range m.Blobs {
		kept.Blobs = append(kept.Blobs, store.Part(b))
	}
	for _, b := range m.Manifests {
		kept.Manifests = append(kept.Manifests, b.Digest)
	}
	return kept, nil
}

func (q *request) deleteManifest(ref string) error {
	if err := reference(ref); err != nil {
		return err
	}
	p, err := q.permit(q.r.Context())
	if err != nil {
		return err
	}
	if err := q.DB.DeleteManifest(q.r.Context(), p, q.repo, ref); err != nil {
		return named("MANIFEST_UNKNOWN", err)
	}
	q.w.WriteHeader(http.StatusAccepted)
	return nil
}

func (q *request) listTags() error {
	list, err := q.DB.Tags(q.r.Context(), q.scope, q.repo)
	if err != nil {
		return named("NAME_UNKNOWN", err)
	}
	query := q.r.URL.Query()
	n := maxTagsListed
	if s := query.Get("n"); s != "" {
		if n, err = strconv.Atoi(s); err != nil || n < 0 {
			return badRequest("UNSUPPORTED", "n is a number from 0", "n 应为不小于 0 的整数")
		}
		n = min(n, maxTagsListed)
	}
	last := query.Get("last")
	for len(list) > 0 && last != "" && list[0] <= last {
		list = list[1:]
	}
	if len(list) > n {
		if list = list[:n]; n > 0 {
			q.next("tags/list", url.Values{"n": {strconv.Itoa(n)}, "last": {list[n-1]}})
		}
	}
	q.json(http.StatusOK, map[string]any{"name": q.repo, "tags": list})
	return nil
}

// next says where a list goes on.
func (q *request) next(path string, v url.Values) {
	q.w.Header().Set("Link", "<"+q.here(path)+"?"+v.Encode()+`>; rel="next"`)
}

func (q *request) listReferrers(digest string) error {
	if !oci.IsDigest(digest) {
		return badDigest()
	}
	query := q.r.URL.Query()
	kind := query.Get("artifactType")
	list, err := q.DB.Referrers(q.r.Context(), q.scope, q.repo, digest, kind, query.Get("last"))
	if err != nil {
		return named("NAME_UNKNOWN", err)
	}
	out, total := []json.RawMessage{}, 0
	for i, f := range list {
		if total += len(f.Descriptor); total > maxList || i == 999 {
			v := url.Values{"last": {list[i-1].Digest}}
			if kind != "" {
				v.Set("artifactType", kind)
			}
			q.next("referrers/"+digest, v)
			break
		}
		out = append(out, json.RawMessage(f.Descriptor))
	}
	if kind != "" {
		q.w.Header().Set("OCI-Filters-Applied", "artifactType")
	}
	b, err := json.Marshal(map[string]any{"schemaVersion": 2, "mediaType": indexType, "manifests": out})
	if err != nil {
		return err
	}
	q.w.Header().Set("Content-Type", indexType)
	q.w.WriteHeader(http.StatusOK)
	if q.r.Method != http.MethodHead {
		_, _ = q.w.Write(b) // a client that is gone
	}
	return nil
}
