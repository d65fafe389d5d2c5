package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/image"

	"aihub/sandbox"
	"aihub/sandbox/tiny"
)

// keepImages is how many images of vendors stay on the engine between runs.
const keepImages = 8

// images are those on the engine that this process uses or has used.
type images struct {
	mu   sync.Mutex
	used map[string]*use // by reference
}

// use is one image: how many runs have it, and since when none has.
type use struct {
	ready sync.Mutex // held while it is handed over
	runs  int
	last  time.Time
}

// image hands the image of j over, unless the engine has it, and returns its
// reference and a function to call when the run is over. With a digest it stays
// for the next run; the one unused for longest goes.
func (r *Runner) image(ctx context.Context, j sandbox.Job) (string, func(), error) {
	probe, err := r.probe()
	if err != nil {
		return "", nil, err
	}
	ref := "aihub-run:" + j.ID
	if hex := j.Image.Hex(); hex != "" {
		// An image has the probe in it, so another probe makes another image.
		ref = "aihub-image:" + hex + "-" + sum(probe.Program())
	}
	m := &r.images
	m.mu.Lock()
	if m.used == nil {
		m.used = map[string]*use{}
	}
	u := m.used[ref]
	if u == nil {
		u = &use{}
		m.used[ref] = u
	}
	u.runs++
	m.mu.Unlock()
	done := func() { r.unuse(context.WithoutCancel(ctx), ref, j.Image != "") }

	u.ready.Lock()
	defer u.ready.Unlock()
	if j.Image != "" {
		_, err := r.api.ImageInspect(ctx, ref)
		if err == nil {
			return ref, done, nil
		}
		if !errdefs.IsNotFound(err) {
			done()
			return "", nil, platform("looking for its image", err)
		}
	}
	if err := r.load(ctx, ref, j.Machine, func(w *tar.Writer) error { return pack(w, j.Rootfs, probe.Program()) }); err != nil {
		done()
		return "", nil, err
	}
	return ref, done, nil
}

// unuse lets go of an image, and removes it or those beyond keepImages.
func (r *Runner) unuse(ctx context.Context, ref string, keep bool) {
	m := &r.images
	m.mu.Lock()
	defer m.mu.Unlock()
	u := m.used[ref]
	u.runs--
	u.last = time.Now()
	if u.runs > 0 {
		return
	}
	var idle []string
	for name, u := range m.used {
		if u.runs == 0 {
			idle = append(idle, name)
		}
	}
	slices.SortFunc(idle, func(a, b string) int { return m.used[b].last.Compare(m.used[a].last) })
	if keep {
		idle = idle[min(len(idle), keepImages):]
	} else {
		idle = []string{ref}
	}
	for _, name := range idle {
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		_, _ = r.api.ImageRemove(ctx, name, image.RemoveOptions{}) // another process may use it; Sweep looks again
		cancel()
		delete(m.used, name)
	}
}

// load makes an image of what fill writes, for a machine ("": the engine's own).
func (r *Runner) load(ctx context.Context, ref, machine string, fill func(*tar.Writer) error) error {
	in, out := io.Pipe()
	filled := make(chan error, 1)
	go func() {
		w := tar.NewWriter(out)
		err := fill(w)
		if err == nil {
			err = w.Close()
		}
		filled <- err
		out.CloseWithError(err)
	}()
	o := image.ImportOptions{Message: "aihub", Changes: []string{"LABEL " + labelHome + "=" + r.home}}
	if machine != "" { // engines before 23 take no notice: a container is made of the image whatever it says
		o.Platform = "linux/" + machine
	}
	answer, err := r.api.ImageImport(ctx, image.ImportSource{Source: in, SourceName: "-"}, ref, o)
	in.Close()
	if err == nil {
		err = imported(answer)
	}
	if mine := <-filled; mine != nil && !errors.Is(mine, io.ErrClosedPipe) {
		err = mine // the engine only saw a stream that broke off
	}
	if err != nil {
		return platform("taking the image", err)
	}
	return nil
}

// imported reads the engine's answer to its end: an error comes as a line of it.
func imported(r io.ReadCloser) error {
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, 1<<20))
	if err == nil && bytes.Contains(b, []byte(`"errorDetail"`)) {
		err = fmt.Errorf("%s", bytes.TrimSpace(b))
	}
	return err
}

// probeName is where the probe lies in an image; what the image has there is not shown.
const probeName = ".probe"

// sum names a program.
func sum(program []byte) string {
	s := sha256.Sum256(program)
	return hex.EncodeToString(s[:8])
}

// pack writes the tree below root as the platform shows it: with the probe, without the names
// that belong to the contract, owned by root, nothing set-user-id, and with an
// empty resolver. Devices, pipes and sockets have no use.
func pack(w *tar.Writer, root string, probe []byte) error {
	if err := w.WriteHeader(&tar.Header{Name: probeName, Typeflag: tar.TypeReg, Mode: 0o755, Size: int64(len(probe))}); err != nil {
		return err
	}
	if _, err := w.Write(probe); err != nil {
		return err
	}
	dir, err := os.OpenRoot(root)
	if err != nil {
		return err
	}
	defer dir.Close()
	err = fs.WalkDir(dir.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == "." {
			return err
		}
		if top, _, below := strings.Cut(name, "/"); !below && (top == probeName || slices.Contains(sandbox.Taken, top)) {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		return packEntry(w, dir, name, d)
	})
	if err != nil {
		return fmt.Errorf("reading the image: %w", err)
	}
	return nil
}

func packEntry(w *tar.Writer, root *os.Root, name string, d fs.DirEntry) error {
	fi, err := d.Info()
	if err != nil {
		return err
	}
	h := &tar.Header{Name: name, Mode: int64(fi.Mode().Perm()), ModTime: fi.ModTime(), Format: tar.FormatPAX}
	if runtime.GOOS == "windows" {
		h.Mode = 0o755 // which has no such bits
	}
	switch fi.Mode().Type() {
	case fs.ModeDir:
		h.Typeflag, h.Name = tar.TypeDir, name+"/"
	case fs.ModeSymlink:
		h.Typeflag = tar.TypeSymlink
		if h.Linkname, err = root.Readlink(name); err != nil {
			return err
		}
	case 0:
		h.Typeflag, h.Size = tar.TypeReg, fi.Size()
		if name == "etc/resolv.conf" {
			h.Size = 0
		}
	default:
		return nil
	}
	if err := w.WriteHeader(h); err != nil || h.Size == 0 {
		return err
	}
	f, err := root.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.CopyN(w, f, h.Size)
	return err
}

// carrier returns the reference of the image that holds the waiting program, and
// hands it over when the engine does not have it.
func (r *Runner) carrier(ctx context.Context) (string, error) {
	program, ok := waiters[r.info.Architecture]
	if !ok {
		return "", platform("preparing", fmt.Errorf("there is no program to wait with on %s", r.info.Architecture))
	}
	ref := "aihub-carrier:" + sum(program)
	_, err := r.api.ImageInspect(ctx, ref)
	if err == nil {
		return ref, nil
	}
	if !errdefs.IsNotFound(err) {
		return "", platform("looking for its own image", err)
	}
	return ref, r.load(ctx, ref, "", func(w *tar.Writer) error {
		for _, d := range []string{"input/", "model/", "output/"} {
			if err := w.WriteHeader(&tar.Header{Name: d, Typeflag: tar.TypeDir, Mode: 0o755}); err != nil {
				return err
			}
		}
		if err := w.WriteHeader(&tar.Header{Name: "wait", Typeflag: tar.TypeReg, Mode: 0o755, Size: int64(len(program))}); err != nil {
			return err
		}
		_, err := w.Write(program)
		return err
	})
}

// waiters are programs that wait to be killed, by the engine's architecture.
var waiters = map[string][]byte{
	"x86_64": tiny.Must("amd64", []byte{
		0xb8, 34, 0, 0, 0, // mov eax, 34 (pause)
		0x0f, 0x05, //        syscall
		0xeb, 0xf7, //        jmp to the mov
	}),
	"aarch64": tiny.Must("arm64", tiny.Words(
		0xd2800000, // mov x0, #0
		0xd2800001, // mov x1, #0
		0xd2800002, // mov x2, #0
		0xd2800003, // mov x3, #0
		0xd2800004, // mov x4, #0
		0xd2800928, // mov x8, #73 (ppoll)
		0xd4000001, // svc #0
		0x17fffff9, // b to the start
	)),
}
