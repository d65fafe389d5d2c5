package oci

import (
	"archive/tar"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"runtime"
	"slices"
	"strings"
	"time"

	"aihub"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/gzip"
)

// Config is what an image of our own says about how to run.
type Config struct {
	Entrypoint   []string
	Cmd          []string
	Env          []string // KEY=value; the platform takes only PATH, docker run takes all
	WorkingDir   string   // absolute; default "/"
	Architecture string   // amd64, arm64; default this program's
}

// File is one file, directory or symbolic link of an image to build.
type File struct {
	Name    string      // from the root of the image, without a leading slash
	Mode    fs.FileMode // permissions; fs.ModeDir for a directory, fs.ModeSymlink for a link
	ModTime time.Time   // to the second; default 1970
	Link    string      // target of a symbolic link

	Content []byte                        // of a file, or
	Open    func() (io.ReadCloser, error) // its content, of
	Size    int64                         // this many bytes
}

// Build writes an image with one layer that holds files, as an OCI image layout
// in a tar, which is at the same time what `docker load` takes. The same
// arguments give the same bytes. Directories on the way to a file are made when
// files has none of that name.
func Build(w io.Writer, cfg Config, files []File) error {
	files, err := arrange(files)
	if err != nil {
		return err
	}
	layer, err := os.CreateTemp("", "aihub-layer-*")
	if err != nil {
		return noRoom(err)
	}
	defer os.Remove(layer.Name())
	defer layer.Close()
	digest, diffID, size, err := writeLayer(layer, files)
	if err != nil {
		return err
	}
	if _, err := layer.Seek(0, io.SeekStart); err != nil {
		return err
	}

	arch := cmp.Or(cfg.Architecture, runtime.GOARCH)
	rawConfig, err := json.Marshal(v1.ConfigFile{
		Architecture: arch, OS: "linux", Created: v1.Time{Time: time.Unix(0, 0).UTC()},
		RootFS:  v1.RootFS{Type: "layers", DiffIDs: []v1.Hash{diffID}},
		History: []v1.History{{Created: v1.Time{Time: time.Unix(0, 0).UTC()}, CreatedBy: "aihub image pack"}},
		Config:  v1.Config{Entrypoint: cfg.Entrypoint, Cmd: cfg.Cmd, Env: cfg.Env, WorkingDir: cmp.Or(cfg.WorkingDir, "/")},
	})
	if err != nil {
		return err
	}
	rawManifest, err := json.Marshal(v1.Manifest{
		SchemaVersion: 2, MediaType: types.OCIManifestSchema1,
		Config: describe(types.OCIConfigJSON, rawConfig),
		Layers: []v1.Descriptor{{MediaType: types.OCILayer, Size: size, Digest: digest}},
	})
	if err != nil {
		return err
	}
	top := describe(types.OCIManifestSchema1, rawManifest)
	top.Platform = &v1.Platform{OS: "linux", Architecture: arch}
	rawIndex, err := json.Marshal(v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: []v1.Descriptor{top}})
	if err != nil {
		return err
	}
	type saved struct {
		Config   string
		RepoTags []string
		Layers   []string
	}
	config := describe(types.OCIConfigJSON, rawConfig).Digest
	rawDocker, err := json.Marshal([]saved{{Config: blobPath(config), RepoTags: []string{}, Layers: []string{blobPath(digest)}}})
	if err != nil {
		return err
	}

	tw := tar.NewWriter(w)
	for _, m := range []struct {
		name string
		size int64
		r    io.Reader
	}{
		{"oci-layout", -1, strings.NewReader(`{"imageLayoutVersion":"1.0.0"}`)},
		{"index.json", -1, bytes.NewReader(rawIndex)},
		{"manifest.json", -1, bytes.NewReader(rawDocker)},
		{"blobs/", 0, nil},
		{"blobs/sha256/", 0, nil},
		{blobPath(top.Digest), -1, bytes.NewReader(rawManifest)},
		{blobPath(config), -1, bytes.NewReader(rawConfig)},
		{blobPath(digest), size, layer},
	} {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: m.name, Mode: 0o644, Size: m.size, ModTime: time.Unix(0, 0)}
		if l, ok := m.r.(interface{ Len() int }); ok {
			h.Size = int64(l.Len())
		}
		if m.r == nil {
			h.Typeflag, h.Mode = tar.TypeDir, 0o755
		}
		if err := tw.WriteHeader(h); err != nil {
			return err
		}
		if m.r == nil {
			continue
		}
		if _, err := io.Copy(tw, m.r); err != nil {
			return err
		}
	}
	return tw.Close()
}

func describe(t types.MediaType, raw []byte) v1.Descriptor {
	return v1.Descriptor{MediaType: t, Size: int64(len(raw)), Digest: v1.Hash{Algorithm: "sha256", Hex: aihub.DigestOf(raw).Hex()}}
}

func blobPath(h v1.Hash) string { return "blobs/" + h.Algorithm + "/" + h.Hex }

// arrange sorts files so that a directory comes before what is in it, adds the
// directories that are missing, and refuses names that Import would refuse.
func arrange(files []File) ([]File, error) {
	byName := map[string]File{}
	for _, f := range files {
		parts, bad := cleanName(f.Name)
		name := strings.Join(parts, "/")
		switch {
		case bad != nil:
			return nil, aihub.Errorf(aihub.Invalid, at(f.Name, bad.text))
		case name == "" && f.Mode.IsDir():
			continue
		case name == "", strings.Contains("/"+name, "/.wh."):
			return nil, aihub.Errorf(aihub.Invalid, text("%s cannot be a file of an image", "%s 不能作为镜像中的文件", show(f.Name)))
		case f.Mode.Type()&^(fs.ModeDir|fs.ModeSymlink) != 0:
			return nil, aihub.Errorf(aihub.Invalid, text("%s is neither a file, a directory nor a symbolic link", "%s 不是文件、目录或符号链接", show(f.Name)))
		}
		if _, twice := byName[name]; twice {
			return nil, aihub.Errorf(aihub.Invalid, text("%s is there twice", "%s 重复", show(name)))
		}
		f.Name = name
		byName[name] = f
	}
	for _, f := range files {
		for up := path.Dir(path.Clean(f.Name)); up != "." && up != "/"; up = path.Dir(up) {
			g, ok := byName[up]
			if !ok {
				byName[up] = File{Name: up, Mode: fs.ModeDir | 0o755}
			} else if !g.Mode.IsDir() {
				return nil, aihub.Errorf(aihub.Invalid, text("%s is not a directory but holds %s", "%s 不是目录，却包含 %s", show(up), show(f.Name)))
			}
		}
	}
	out := make([]File, 0, len(byName))
	for _, f := range byName {
		out = append(out, f)
	}
	slices.SortFunc(out, func(a, b File) int {
		return slices.Compare(strings.Split(a.Name, "/"), strings.Split(b.Name, "/"))
	})
	return out, nil
}

// writeLayer writes files as a gzipped tar and returns the digest of what it
// wrote, the digest of the tar inside, and the bytes written.
func writeLayer(w io.Writer, files []File) (digest, diffID v1.Hash, size int64, err error) {
	outer, inner := sha256.New(), sha256.New()
	count := &counter{w: io.MultiWriter(w, outer)}
	z, err := gzip.NewWriterLevel(count, gzip.BestSpeed)
	if err != nil {
		return digest, diffID, 0, err
	}
	tw := tar.NewWriter(io.MultiWriter(z, inner))
	for _, f := range files {
		if err := writeFile(tw, f); err != nil {
			return digest, diffID, 0, err
		}
	}
	if err := errors.Join(tw.Close(), z.Close()); err != nil {
		return digest, diffID, 0, noRoom(err)
	}
	hash := func(b []byte) v1.Hash { return v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(b)} }
	return hash(outer.Sum(nil)), hash(inner.Sum(nil)), count.n, nil
}

func writeFile(tw *tar.Writer, f File) error {
	h := &tar.Header{Typeflag: tar.TypeReg, Name: f.Name, Mode: int64(f.Mode.Perm()), ModTime: time.Unix(0, 0)}
	if !f.ModTime.IsZero() {
		h.ModTime = time.Unix(f.ModTime.Unix(), 0)
	}
	switch {
	case f.Mode.IsDir():
		h.Typeflag, h.Name = tar.TypeDir, f.Name+"/"
		return tw.WriteHeader(h)
	case f.Mode.Type() == fs.ModeSymlink:
		h.Typeflag, h.Linkname, h.Mode = tar.TypeSymlink, f.Link, 0o777
		return tw.WriteHeader(h)
	}
	var r io.Reader = bytes.NewReader(f.Content)
	h.Size = int64(len(f.Content))
	if f.Open != nil {
		rc, err := f.Open()
		if err != nil {
			return err
		}
		defer rc.Close()
		r, h.Size = rc, f.Size
	}
	if err := tw.WriteHeader(h); err != nil {
		return err
	}
	n, err := io.Copy(tw, io.LimitReader(r, h.Size))
	if err == nil && n < h.Size {
		return aihub.Errorf(aihub.Invalid, text("%s ended after %d of %d bytes: it changed while it was read", "%s 在 %d／%d 字节处结束：读取时发生了变化", show(f.Name), n, h.Size))
	}
	if err != nil {
		return fmt.Errorf("%s: %w", f.Name, err)
	}
	return nil
}

// counter counts what is written through it.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
