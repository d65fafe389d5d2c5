package oci

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"aihub"

	"github.com/klauspost/compress/zstd"
)

// TestMain turns the test binary into one import of OCI_TEST_IMPORT, so that its
// memory can be measured.
func TestMain(m *testing.M) {
	name := os.Getenv("OCI_TEST_IMPORT")
	if name == "" {
		os.Exit(m.Run())
	}
	f, err := os.Open(name)
	if err != nil {
		panic(err)
	}
	defer f.Close()
	store := &memory{}
	_, err = Import(context.Background(), store, f, Limits{})
	fmt.Println(err)
	status, _ := os.ReadFile("/proc/self/status")
	_, peak, _ := strings.Cut(string(status), "VmHWM:")
	fmt.Println(strings.Fields(peak)[0])
	if aihub.KindOf(err) != aihub.Contract || len(store.blobs) > 0 {
		os.Exit(1)
	}
}

// repeated is a file that is made of one block over and over.
func repeated(w io.Writer, block []byte, times int) error {
	for range times {
		if _, err := w.Write(block); err != nil {
			return err
		}
	}
	return nil
}

// bomb writes a docker save archive with one layer, made by fill, to a file.
func bomb(t *testing.T, outer Format, fill func(w io.Writer) error) string {
	t.Helper()
	dir := t.TempDir()
	layer, err := os.Create(filepath.Join(dir, "layer"))
	if err != nil {
		t.Fatal(err)
	}
	defer layer.Close()
	if err := fill(layer); err != nil {
		t.Fatal(err)
	}
	size, err := layer.Seek(0, io.SeekCurrent)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := layer.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	out, err := os.Create(filepath.Join(dir, "image.tar"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	var w io.WriteCloser = out
	if outer == Gzip {
		w = gzip.NewWriter(out)
	}
	tw := tar.NewWriter(w)
	d := simple(t)
	config := d.config(t)
	for _, m := range []struct {
		name string
		size int64
		r    io.Reader
	}{
		{"c.json", int64(len(config)), bytes.NewReader(config)},
		{"manifest.json", -1, strings.NewReader(`[{"Config":"c.json","RepoTags":["x:1"],"Layers":["layer.tar"]}]`)},
		{"layer.tar", size, layer},
	} {
		if m.size < 0 {
			m.size = int64(m.r.(*strings.Reader).Len())
		}
		if err := tw.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: m.name, Mode: 0o644, Size: m.size}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(tw, m.r); err != nil {
			t.Fatal(err)
		}
	}
	if err := tw.Close(); err != nil {
		t.Fatal(err)
	}
	if outer == Gzip {
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return out.Name()
}

// Row V26: archives that unpack to far more than they are end in seconds and in
// little memory, with their reason.
func TestImportBombs(t *testing.T) {
	const ten = 10 << 30
	header := func() []byte {
		var b bytes.Buffer
		if err := tar.NewWriter(&b).WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "zeros", Mode: 0o644, Size: ten}); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}()
	zeros := make([]byte, 64<<20)
	entries := func(w io.Writer, n int) error {
		tw := tar.NewWriter(w)
		for i := range n {
			if err := tw.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: fmt.Sprintf("d%d/f%d", i%1000, i), Mode: 0o644}); err != nil {
				return err
			}
		}
		return tw.Close()
	}
	bigZstd := func(w io.Writer) error { // one frame with a window of 128 MiB
		z, err := zstd.NewWriter(w, zstd.WithWindowSize(maxWindow), zstd.WithEncoderConcurrency(1))
		if err != nil {
			return err
		}
		if _, err := z.Write(header); err != nil {
			return err
		}
		return errors.Join(repeated(z, zeros, 8), z.Close())
	}
	for _, c := range []struct {
		name  string
		outer Format
		fill  func(w io.Writer) error
		code  string
	}{
		{"gzip, 10 MB to 10 GB", Plain, func(w io.Writer) error {
			_, err := w.Write(pressed(t, Gzip, header))
			return errors.Join(err, repeated(w, pressed(t, Gzip, zeros), ten/len(zeros)))
		}, codeRatio},
		{"zstd, 10 GB", Plain, func(w io.Writer) error {
			_, err := w.Write(pressed(t, Zstd, header))
			return errors.Join(err, repeated(w, pressed(t, Zstd, zeros), ten/len(zeros)))
		}, codeRatio},
		{"zstd, large window", Plain, bigZstd, codeRatio},
		{"gzip in gzip", Gzip, func(w io.Writer) error { return repeated(w, pressed(t, Gzip, zeros), 2000) }, codeRatio},
		{"1,000,000 entries", Plain, func(w io.Writer) error {
			z, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
			return errors.Join(err, entries(z, 1_000_000), z.Close())
		}, codeEntries},
		{"whiteouts of a large directory", Plain, func(w io.Writer) error {
			tw := tar.NewWriter(w)
			for i := range 299_000 {
				name := fmt.Sprintf("d/%d", i)
				if i > 150_000 {
					name = ".wh.d"
				}
				if err := tw.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name}); err != nil {
					return err
				}
			}
			_, err := w.Write(make([]byte, 100)) // not the end of a tar
			return err
		}, codeTar},
		{"long names", Plain, func(w io.Writer) error {
			tw := tar.NewWriter(w)
			for i := range 30_000 {
				if err := tw.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: strings.Repeat(strings.Repeat("n", 250)+"/", 15) + fmt.Sprint(i)}); err != nil {
					return err
				}
			}
			return nil
		}, codeDigest},
		{"long link targets", Plain, func(w io.Writer) error {
			z, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
			tw := tar.NewWriter(z)
			for i := range 20_000 {
				h := &tar.Header{Typeflag: tar.TypeSymlink, Name: fmt.Sprint(i), Linkname: strings.Repeat("t/", 2000) + fmt.Sprint(i)}
				if err := tw.WriteHeader(h); err != nil {
					return err
				}
			}
			return errors.Join(err, tw.Close(), z.Close())
		}, codeEntries},
	} {
		t.Run(c.name, func(t *testing.T) {
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), "OCI_TEST_IMPORT="+bomb(t, c.outer, c.fill), "TMPDIR="+t.TempDir())
			start := time.Now()
			out, err := cmd.CombinedOutput()
			took := time.Since(start)
			lines := strings.Split(strings.TrimSpace(string(out)), "\n")
			rss, e := strconv.Atoi(lines[len(lines)-1]) // not Rusage: that counts the parent too
			if e != nil {
				t.Fatal(e)
			}
			rss >>= 10
			t.Logf("%v, %d MiB: %s", took.Round(time.Millisecond), rss, lines[1])
			if err != nil || !strings.Contains(string(out), c.code+" (") {
				t.Errorf("want %s: %v\n%s", c.code, err, out)
			}
			if took > time.Minute || rss > 256 {
				t.Errorf("took %v and %d MiB", took, rss)
			}
		})
	}
}

// Members of an archive may be links: a few with targets of a megabyte would
// otherwise fill the memory.
func TestImportLongMemberLinks(t *testing.T) {
	for _, c := range []struct {
		links, bytes int
		code         string
	}{{1, maxName + 1, codeLong}, {9000, maxName, codeEntries}} {
		var b bytes.Buffer
		tw := tar.NewWriter(&b)
		for i := range c.links {
			if err := tw.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: fmt.Sprint(i), Linkname: strings.Repeat("l", c.bytes)}); err != nil {
				t.Fatal(err)
			}
		}
		if err := tw.Close(); err != nil {
			t.Fatal(err)
		}
		_, err := Import(t.Context(), &memory{}, &b, Limits{})
		if aihub.KindOf(err) != aihub.Contract || !strings.Contains(err.Error(), c.code+" (") {
			t.Errorf("%d links to %d bytes: %v", c.links, c.bytes, err)
		}
	}
}

// Only maxChecks images are in memory at once: the next waits, and no longer than
// its sender.
func TestImportWaitsItsTurn(t *testing.T) {
	var freed func()
	for range maxChecks {
		leave, err := checks.enter(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		freed = sync.OnceFunc(leave)
		defer freed()
	}
	image := simple(t).docker(t)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := Import(ctx, &memory{}, bytes.NewReader(image), Limits{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("without a place: %v", err)
	}
	freed()
	if _, err := Import(t.Context(), &memory{}, bytes.NewReader(image), Limits{}); err != nil {
		t.Errorf("with a place: %v", err)
	}
}

// However many images one sender has waiting, the other place is free for others.
func TestImportIsFair(t *testing.T) {
	q := &turns{room: 2}
	in := func(sender string) func() {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		leave, err := q.enter(ctx, sender)
		if err != nil {
			t.Fatalf("%s finds no room in ten seconds", sender)
		}
		return leave
	}
	first := in("acme")
	second := make(chan func(), 1)
	go func() { second <- in("acme") }()
	for n := 0; n == 0; time.Sleep(time.Millisecond) {
		q.mu.Lock()
		n = len(q.waiting)
		q.mu.Unlock()
		if t.Context().Err() != nil {
			t.Fatal("the second of acme never waited")
		}
	}
	in("globex")()
	select {
	case <-second:
		t.Fatal("acme has both places")
	default:
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := q.enter(ctx, "acme"); !errors.Is(err, context.Canceled) {
		t.Errorf("who is gone: %v", err)
	}
	first()
	(<-second)()
	if len(q.inside)+len(q.waiting) > 0 {
		t.Errorf("inside %q, %d wait", q.inside, len(q.waiting))
	}
}
