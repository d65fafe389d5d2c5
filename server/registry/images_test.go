package registry_test

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aihub"
	"aihub/internal/blob"
	"aihub/internal/oci"
	"aihub/policies"
	"aihub/server/wire"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/crane"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
)

func (p person) upload(ctx context.Context, file string) (wire.Image, error) {
	f, err := os.Open(file)
	p.w.must(err)
	defer f.Close()
	return p.UploadImage(ctx, f, nil)
}

// runs reports whether the image can be unpacked from what the platform keeps.
func (w *world) runs(d aihub.Digest) bool {
	w.Helper()
	img, err := oci.Load(w.Context(), w.blobs, d)
	if err != nil {
		return false
	}
	_, done, err := (&oci.Cache{Dir: filepath.Join(w.TempDir(), "cache")}).Rootfs(w.Context(), w.blobs, img, "")
	if err == nil {
		done()
	}
	return err == nil
}

// A deleted image is gone with what nothing else of its organisation is made of, and
// another organisation's copy is none of it. It comes back when it is sent again.
func TestImagesAreDeleted(t *testing.T) {
	w := newWorld(t)
	ann, bob := w.as("ann"), w.as("bob")
	file := archive(t, "one")
	theirs, err := bob.upload(t.Context(), file)
	w.must(err)
	before := len(w.files("blobs"))
	one, err := ann.upload(t.Context(), file)
	w.must(err)
	if one.Digest != theirs.Digest {
		t.Fatal("one archive, two images")
	}
	// A second image on the same layer, by way of the registry.
	second, err := mutate.Config(load(t, file), v1.Config{Entrypoint: []string{"/run"}, Cmd: []string{"two"}})
	w.must(err)
	w.must(crane.Push(second, w.host+"/acme/two:v1", crane.WithAuth(&authn.Basic{Username: "ann", Password: ann.token})))
	pushed := len(w.files("blobs")) - before - 3
	two, err := ann.TakePushed(t.Context(), "acme/two:v1")
	w.must(err)
	got, err := ann.Images(t.Context())
	w.must(err)
	if len(got.Images) != 2 || got.Images[0].Digest != two.Digest || got.Most != 64<<30 || got.Bytes < two.Bytes {
		t.Errorf("%+v", got)
	}
	if n := len(w.files("blobs")); n != before+pushed+3+2 {
		t.Errorf("%d blobs; two images share a layer", n)
	}

	for who, kind := range map[aihub.UserID]aihub.Kind{"bob": aihub.NotFound, "ada": aihub.Refused, "operator": aihub.NotFound} {
		if err := w.as(who).DeleteImage(t.Context(), string(two.Digest)); aihub.KindOf(err) != kind {
			t.Errorf("%s deletes ann's: %v", who, err)
		}
	}
	w.must(ann.DeleteImage(t.Context(), string(one.Digest)))
	if err := ann.DeleteImage(t.Context(), string(one.Digest)); aihub.KindOf(err) != aihub.NotFound {
		t.Errorf("twice: %v", err)
	}
	if n := len(w.files("blobs")); n != before+pushed+3 || !w.runs(two.Digest) || !w.runs(theirs.Digest) {
		t.Errorf("%d blobs when one is deleted, want %d", n, before+pushed+3)
	}
	w.must(ann.DeleteImage(t.Context(), string(two.Digest)))
	if n := len(w.files("blobs")); n != before+pushed || w.runs(two.Digest) || !w.runs(theirs.Digest) {
		t.Errorf("%d blobs when both are deleted, want %d", n, before+pushed)
	}
	if got, err := ann.Images(t.Context()); err != nil || len(got.Images) != 0 {
		t.Errorf("%+v %v", got, err)
	}
	if _, err := ann.upload(t.Context(), file); err != nil || !w.runs(one.Digest) {
		t.Errorf("sent again: %v", err)
	}
	w.must(bob.DeleteImage(t.Context(), string(theirs.Digest)))
	if !w.runs(one.Digest) {
		t.Error("it went with another organisation's")
	}
	rep, err := w.db.VerifyLedger(t.Context())
	w.must(err)
	if len(rep.Faults) > 0 {
		t.Errorf("%v", rep.Faults)
	}
}

// What an organisation pushed and what it had taken in count together; beyond the
// bound nothing is kept, and the answer says what to do.
func TestImagesHaveABound(t *testing.T) {
	w := newWorld(t)
	ann := w.as("ann")
	p, err := w.rules.Authorize(t.Context(), aihub.Actor{User: "ann", Org: "acme", Roles: []aihub.Role{aihub.Vendor}},
		policies.ImagePush, policies.Object{Kind: "image", ID: "acme", Org: "acme", Author: "ann"})
	w.must(err)
	const most = 64 << 30
	w.must(w.db.PendImage(t.Context(), p, blob.Seal{Stored: aihub.DigestOf([]byte("large")), Size: most - 1000}, most))
	_, err = ann.upload(t.Context(), archive(t, "one"))
	if aihub.KindOf(err) != aihub.Quota || !strings.Contains(err.Error(), "aihub image delete") {
		t.Errorf("over the bound: %v", err)
	}
	if n := len(w.files("blobs")); n != 0 {
		t.Errorf("%d blobs are kept", n)
	}
	if _, err := w.as("bob").upload(t.Context(), archive(t, "one")); err != nil {
		t.Errorf("another organisation: %v", err)
	}
}

// An import that ends between the blob store and the database leaves nothing: not
// when its client hangs up there or the database refuses it, nor, after a day, when the
// server is killed.
func TestIntakeLeavesNothing(t *testing.T) {
	w := newWorld(t)
	ann := w.as("ann")
	file := archive(t, "one")
	ctx, hangUp := context.WithCancel(t.Context())
	defer hangUp()
	gone := w.seenGone(hangUp)
	w.must(crane.Push(load(t, archive(t, "zero")), w.host+"/acme/zero:v1", crane.WithAuth(&authn.Basic{Username: "ann", Password: ann.token})))
	pushed := len(w.files("blobs"))
	w.puts.after.Store(&gone)
	if _, err := ann.TakePushed(ctx, "acme/zero:v1"); err == nil {
		t.Error("the import ended well")
	}
	w.settle("hung up", pushed)

	swept := func(ctx context.Context) { w.must(w.db.SweepRegistry(ctx, w.now().Add(time.Hour))) }
	w.puts.after.Store(&swept)
	if _, err := ann.upload(t.Context(), file); aihub.KindOf(err) != aihub.Conflict {
		t.Errorf("what was swept meanwhile: %v", err)
	}
	w.settle("refused", pushed)

	killed := func(context.Context) { panic(http.ErrAbortHandler) }
	w.puts.after.Store(&killed)
	if _, err := ann.upload(t.Context(), file); err == nil {
		t.Error("the import ended well")
	}
	w.settle("killed", pushed+1)
	w.offset.Store(int64(25 * time.Hour))
	ann = w.as("ann")
	img, err := ann.upload(t.Context(), file)
	w.must(err)
	w.settle("a day later", pushed+3)
	if !w.runs(img.Digest) {
		t.Error("the image cannot be unpacked")
	}
}

// An organisation sends some images at once and no more, whatever others send.
func TestImagesAtOnce(t *testing.T) {
	w := newWorld(t)
	ann, bob := w.as("ann"), w.as("bob")
	file, err := os.ReadFile(archive(t, "one"))
	w.must(err)
	ends := make(chan error, 4)
	var in [4]*io.PipeWriter
	for i := range in {
		r, out := io.Pipe()
		in[i] = out
		go func() {
			_, err := ann.UploadImage(t.Context(), r, nil)
			ends <- err
		}()
		_, err := out.Write(file[:len(file)/2]) // it is on its way
		w.must(err)
	}
	var last error
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if _, last = ann.upload(t.Context(), archive(t, "two")); aihub.KindOf(last) == aihub.Quota {
			break // all four are at the desk
		}
		if time.Now().After(end) {
			t.Fatalf("a fifth is taken for half a minute: %v", last)
		}
	}
	if !strings.Contains(last.Error(), "wait until one has come") {
		t.Errorf("no next step: %v", last)
	}
	if _, err := bob.upload(t.Context(), archive(t, "two")); err != nil {
		t.Errorf("another organisation: %v", err)
	}
	for _, out := range in {
		_, err := out.Write(file[len(file)/2:])
		w.must(err)
		out.Close()
	}
	for range in {
		if err := <-ends; err != nil {
			t.Errorf("one of four: %v", err)
		}
	}
	if _, err := ann.upload(t.Context(), archive(t, "three")); err != nil {
		t.Errorf("when they have come: %v", err)
	}
}
