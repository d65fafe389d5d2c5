package server_test

import (
	"bytes"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"aihub"
	"aihub/scenarios/packs"
	"aihub/server/wire"
)

// breaking is a file whose reading breaks off at some places, once at each.
type breaking struct {
	*bytes.Reader
	at []int64
}

func (b *breaking) ReadAt(p []byte, off int64) (int, error) {
	for i, at := range b.at {
		if off <= at && at < off+int64(len(p)) {
			b.at = slices.Delete(b.at, i, i+1)
			n, _ := b.Reader.ReadAt(p[:at-off], off)
			return n, errors.New("the line is dead")
		}
	}
	return b.Reader.ReadAt(p, off)
}

// TestUploadResumes: a connection that breaks is taken up where the server
// stands, also after a restart of the server and by another call; what is stored
// is what a plain upload stores.
func TestUploadResumes(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	pack, _ := packs.Get("event-dispatch")
	var raw bytes.Buffer
	w.must(pack.Generate(&raw, 7, pack.Rows))
	size := int64(raw.Len())
	steward := w.as("steward")
	now := func(int) time.Duration { return time.Millisecond }
	ups := func() []string {
		t.Helper()
		left, err := filepath.Glob(filepath.Join(w.tmp, "upload-*"))
		w.must(err)
		return left
	}

	// The first call is given up half way.
	half := &breaking{bytes.NewReader(raw.Bytes()), nil}
	for range 20 {
		half.at = append(half.at, size/2)
	}
	first := &afterDigest{half, size, 0}
	if _, err := steward.PublishUpload(ctx, pack.Manifest, first, size, now, nil); err == nil {
		t.Fatal("published although the line was dead")
	}
	if len(ups()) != 2 {
		t.Fatalf("kept: %v", ups())
	}

	// A wrong manifest leaves the upload; the next call sends nothing again.
	var from int64 = -1
	see := func(p wire.Progress) {
		if p.Stage == "upload" && from < 0 {
			from = p.Done
		}
	}
	second := &afterDigest{&breaking{bytes.NewReader(raw.Bytes()), []int64{size * 3 / 4}}, size, 0}
	if _, err := steward.PublishUpload(ctx, []byte("name: x\nnonsense: 1\n"), second, size, now, see); aihub.KindOf(err) != aihub.Contract {
		t.Fatal(err)
	}
	if from < size/4 {
		t.Errorf("the second call began at byte %d of %d", from, size)
	}
	v, err := steward.PublishUpload(ctx, pack.Manifest, bytes.NewReader(raw.Bytes()), size, now, func(p wire.Progress) {
		if p.Stage == "upload" && p.Done != size {
			t.Errorf("sent again from byte %d", p.Done)
		}
	})
	w.must(err)
	if left := ups(); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
	w.audit(pack.Manifest, raw.Bytes(), v)
	plain := w.publish(steward, pack.Manifest, raw.Bytes(), nil)
	if v.Content != plain.Content || v.Raw != plain.Raw {
		t.Errorf("%s by ranges, %s at once", v.Content, plain.Content)
	}
}

// afterDigest reads whole once, for the digest, and breaks then.
type afterDigest struct {
	b    *breaking
	size int64
	read int64
}

func (a *afterDigest) ReadAt(p []byte, off int64) (int, error) {
	if a.read < a.size {
		n, err := a.b.Reader.ReadAt(p, off)
		a.read += int64(n)
		return n, err
	}
	return a.b.ReadAt(p, off)
}

// TestUploadRefusals: offsets, sizes and digests are checked; an upload is its
// owner's.
func TestUploadRefusals(t *testing.T) {
	w := newWorld(t)
	token := w.as("steward").token
	post := func(path, body, kind, token string) (int, string) {
		resp, text := w.do("POST", path, token, strings.NewReader(body), "Content-Type", kind)
		return resp.StatusCode, text
	}
	begin := func(size, of string) (int, string) {
		return post("/api/v1/uploads", `{"size":`+size+`,"digest":"`+string(aihub.DigestOf([]byte(of)))+`"}`, "application/json", token)
	}
	if code, text := begin("0", ""); code != 400 && code != 422 {
		t.Error(code, text)
	}
	if code, text := begin("99999999999999", "x"); code != 429 && code != 413 {
		t.Error(code, text)
	}
	code, text := begin("5", "right")
	if code != 200 {
		t.Fatal(code, text)
	}
	_, rest, _ := strings.Cut(text, `"id":"`)
	id, _, _ := strings.Cut(rest, `"`)
	patch := func(offset, body string) (int, string) {
		resp, text := w.do("PATCH", "/api/v1/uploads/"+id+"?offset="+offset, token, strings.NewReader(body), "Content-Type", "application/octet-stream")
		return resp.StatusCode, text
	}
	for _, c := range []struct {
		offset, body string
		code         int
		says         string
	}{
		{"3", "xx", 409, "byte 0"},
		{"x", "xx", 409, "byte 0"},
		{"0", "wr", 200, `"offset":2`},
		{"0", "wr", 409, "byte 2"},
		{"2", "ong!!!", 429, "larger"},
	} {
		if code, text := patch(c.offset, c.body); code != c.code || !strings.Contains(text, c.says) {
			t.Errorf("%s at %s: %d %s", c.body, c.offset, code, text)
		}
	}
	// The bytes are five now, and not those of the digest: they go.
	if code, text := post("/api/v1/uploads/"+id+"/dataset", "name: x", "application/yaml", token); code != 200 || !strings.Contains(text, "not the file that was announced") {
		t.Error(code, text)
	}
	if left, _ := filepath.Glob(filepath.Join(w.tmp, "upload-*")); len(left) != 0 {
		t.Error(left)
	}
	for i := range 5 {
		code, text := begin("5", strings.Repeat("a", i+1))
		if want := map[bool]int{true: 200, false: 429}[i < 4]; code != want {
			t.Errorf("upload %d: %d %s", i+1, code, text)
		}
	}
}
