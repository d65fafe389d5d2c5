//go:build linux

package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"aihub"
	"aihub/internal/oci"
	"aihub/policies"
	"aihub/sandbox/tiny"
	"aihub/server/client"
	"aihub/server/registry"
	"aihub/server/wire"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/crane"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

const chaosPassword = "one of many words"

// sender is a vendor who sends images to a server that dies: files, and pushes to the
// registry that are then taken in. What was acknowledged has to stay.
type sender struct {
	c   *chaos
	rnd *rand.Rand
	dir string

	token string
	api   *client.Client

	there  []aihub.Digest // whose taking in was acknowledged, and whose deletion was not asked for
	gone   []aihub.Digest // whose deletion was acknowledged
	broken int            // requests that a kill broke off
}

// freePort finds one that nothing listens on, below those that the system gives to
// connections: a client that tries while no server is there could be given its port
// and talk to itself.
func (c *chaos) freePort() string {
	for range 1000 {
		at := fmt.Sprintf("127.0.0.1:%d", 20_000+c.rnd.IntN(12_000))
		if l, err := net.Listen("tcp", at); err == nil {
			c.must(l.Close())
			return at
		}
	}
	c.Fatal("no port is free")
	return ""
}

// sends starts the server, signs in, and has images sent until the returned function
// is called.
func (c *chaos) sends(seed uint64) (stop func()) {
	c.intake = &sender{c: c, rnd: rand.New(rand.NewPCG(seed, 2)), dir: c.TempDir()}
	c.start()
	began := time.Now()
	for {
		in, err := client.New("http://"+c.at, "").SignIn(c.Context(), wire.SignIn{User: c.vendor.User, Password: chaosPassword, Name: "chaos"})
		if err == nil {
			c.intake.token, c.intake.api = in.Token, client.New("http://"+c.at, in.Token)
			break
		}
		if time.Since(began) > time.Minute {
			c.Fatalf("nobody can sign in for a minute: %v", err)
		}
		time.Sleep(20 * time.Millisecond)
	}
	c.Logf("the server answers %s after its start", time.Since(began).Round(time.Millisecond))
	ctx, cancel := context.WithCancel(c.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n := 0; ctx.Err() == nil; n++ {
			if err := c.intake.once(ctx, n); err != nil && ctx.Err() == nil {
				c.intake.failed(err)
			}
			select {
			case <-ctx.Done():
			case <-time.After(time.Duration(50+c.intake.rnd.IntN(300)) * time.Millisecond):
			}
		}
	}()
	return func() { cancel(); <-done }
}

// failed tells an answer of the server from a connection that a kill broke.
func (n *sender) failed(err error) {
	switch k := aihub.KindOf(err); k {
	case aihub.Contract, aihub.Refused, aihub.Invalid, aihub.Unauthenticated, aihub.NotFound, aihub.Conflict, aihub.Quota:
		n.c.Errorf("an image was not taken: %v (%s)", err, k)
	}
	n.broken++
}

// once sends an image of its own, and now and then deletes one.
func (n *sender) once(ctx context.Context, i int) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	file := filepath.Join(n.dir, "image.tar")
	if err := os.WriteFile(file, n.archive(i), 0o600); err != nil {
		return err
	}
	take := n.upload
	if n.rnd.IntN(2) == 0 {
		take = n.push
	}
	img, err := take(ctx, file, i)
	if err != nil {
		return err
	}
	n.there = append(n.there, img.Digest)
	if n.rnd.IntN(3) > 0 {
		return nil
	}
	at := n.rnd.IntN(len(n.there))
	d := n.there[at]
	n.there = slices.Delete(n.there, at, at+1)
	if err := n.api.DeleteImage(ctx, string(d)); err != nil {
		return err
	}
	n.gone = append(n.gone, d)
	return nil
}

// archive is an image with a quarter of a megabyte that no other has.
func (n *sender) archive(i int) []byte {
	weights := make([]byte, intakeBytes)
	src := rand.NewChaCha8(sha256.Sum256(fmt.Appendf(nil, "%d %d", n.rnd.Uint64(), i)))
	_, _ = src.Read(weights) // never fails
	var b bytes.Buffer
	n.c.must(oci.Build(&b, oci.Config{Entrypoint: []string{"/run"}}, []oci.File{
		{Name: "run", Mode: 0o755, Content: tiny.Exit(runtime.GOARCH)}, {Name: "weights", Mode: 0o644, Content: weights},
	}))
	return b.Bytes()
}

// intakeBytes is what each image weighs.
const intakeBytes = 256 << 10

func (n *sender) upload(ctx context.Context, file string, _ int) (wire.Image, error) {
	f, err := os.Open(file)
	if err != nil {
		return wire.Image{}, err
	}
	defer f.Close()
	return n.api.UploadImage(ctx, f, nil)
}

func (n *sender) push(ctx context.Context, file string, i int) (wire.Image, error) {
	img, err := tarball.ImageFromPath(file, nil)
	if err != nil {
		return wire.Image{}, err
	}
	name := fmt.Sprintf("acme/chaos:v%d", i%20)
	if err := crane.Push(img, n.c.at+"/"+name, crane.WithAuth(&authn.Basic{Username: "alice", Password: n.token}), crane.WithContext(ctx), crane.Insecure); err != nil {
		return wire.Image{}, fmt.Errorf("pushing: %v", err) // whatever it was: pushes are told by what is there
	}
	return n.api.TakePushed(ctx, name)
}

// check compares the images that are there with what was acknowledged, and the blob
// store with what the database names.
func (n *sender) check() {
	c, ctx := n.c, n.c.Context()
	c.Logf("images: %d were taken in, %d of them deleted, %d requests broken off", len(n.there)+len(n.gone), len(n.gone), n.broken)
	if len(n.gone) == 0 {
		c.Error("no image was taken in and deleted: this shows little")
	}
	list, err := c.app.DB.Images(ctx, policies.ScopeOf(c.vendor))
	c.must(err)
	for _, m := range list {
		img, err := oci.Load(ctx, c.app.Blobs, m.Digest)
		if err != nil {
			c.Errorf("image %s is there and cannot be read: %v", m.Digest, err)
			continue
		}
		for _, l := range img.Layers {
			if err := c.reads(l.Digest); err != nil {
				c.Errorf("layer %s of image %s: %v", l.Digest, m.Digest, err)
			}
		}
	}
	has := func(d aihub.Digest) bool { // the list ends after 1000
		ok, err := c.app.DB.HasImage(ctx, policies.ScopeOf(c.vendor), d)
		c.must(err)
		return ok
	}
	for _, d := range n.there {
		if !has(d) {
			c.Errorf("image %s was taken in and is not there", d)
		}
	}
	for _, d := range n.gone {
		if has(d) {
			c.Errorf("image %s was deleted and is there", d)
		}
	}
	c.named("when all has ended")
	// A day later nothing is left of what was broken off.
	day := func() time.Time { return time.Now().Add(25 * time.Hour) }
	reg := &registry.Registry{DB: c.app.DB, Policies: c.app.Policies, Blobs: c.app.Blobs, Keys: c.app.Keys, Dir: filepath.Join(c.home, "pushed"), Now: day, Log: c.app.Log}
	c.must(reg.Sweep(ctx))
	for _, table := range []string{"pushed_pending", "pushed_garbage", "pushed_uploads"} {
		if left, err := c.count("SELECT count(*) FROM " + table); err != nil || left != 0 {
			c.Errorf("a day later %s has %d rows (%v)", table, left, err)
		}
	}
	c.named("a day later")
	for _, m := range list {
		if _, err := oci.Load(ctx, c.app.Blobs, m.Digest); err != nil {
			c.Errorf("a day later image %s cannot be read: %v", m.Digest, err)
		}
	}
}

// reads opens content to its end, where its digest is checked.
func (c *chaos) reads(d aihub.Digest) error {
	r, err := c.app.Blobs.Open(c.Context(), d)
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = bytes.NewBuffer(nil).ReadFrom(r)
	return err
}

// named looks for blobs that no row names.
func (c *chaos) named(when string) {
	c.Helper()
	db, err := c.on.query()
	c.must(err)
	defer db.Close()
	rows, err := db.Query(`SELECT digest FROM image_blobs UNION SELECT stored FROM image_blobs WHERE stored IS NOT NULL
		UNION SELECT stored FROM pushed_blobs UNION SELECT stored FROM pushed_pending UNION SELECT stored FROM pushed_garbage
		UNION SELECT output FROM runs UNION SELECT log FROM runs UNION SELECT id FROM models WHERE deleted_at IS NULL
		UNION SELECT digest FROM left_files UNION SELECT digest FROM sealing UNION SELECT stored FROM seals
		UNION SELECT plan FROM datasets UNION SELECT profile FROM datasets UNION SELECT card FROM datasets`)
	c.must(err)
	defer rows.Close()
	known := map[aihub.Digest]bool{}
	for rows.Next() {
		var d aihub.Digest
		c.must(rows.Scan(&d))
		known[d] = true
	}
	c.must(rows.Err())
	lost := 0
	c.must(c.app.Blobs.Walk(c.Context(), func(d aihub.Digest, size int64) error {
		if !known[d] && !c.direct[d] {
			lost++
			c.Logf("nothing names %s of %d bytes", d, size)
		}
		return nil
	}))
	if lost > 0 {
		c.Errorf("%s %d blobs lie there that no row names", when, lost)
	}
}

// compiled is a program of testdata.
func (c *chaos) compiled(source string) []byte {
	out := filepath.Join(c.TempDir(), "program")
	build := exec.Command("go", "build", "-o", out, source)
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	if b, err := build.CombinedOutput(); err != nil {
		c.Fatalf("%v\n%s", err, b)
	}
	b, err := os.ReadFile(out)
	c.must(err)
	return b
}
