// Package oci takes in, keeps, unpacks and builds container images.
//
// An image is a manifest (JSON that names the rest by digest), a config (JSON:
// the command, the platform, the digests of the unpacked layers) and layers: tar
// archives, applied bottom first, each of which adds files or removes those of
// lower layers by whiteouts (".wh.name" removes name, ".wh..wh..opq" empties its
// directory). It reaches us in an archive: an OCI image layout (index.json and
// blobs/) as a tar, or what `docker save` writes, which before Docker 25 is
// manifest.json with layer tars.
//
// Everything in an archive is hostile. Import checks all of it against the
// contract within the bounds of Limits before it keeps a byte, and reports every
// fault it finds. What it keeps are the manifest, config and layers exactly as
// they came, each a blob of its own, so an image is named by the digest of its
// manifest here and in any registry. (The manifest of an old `docker save`, which
// has none, is made by Import, always the same for the same content.)
//
// Cache unpacks an image once into a directory tree. The tree is written through
// os.Root only, with the same checks again, and nothing in it is special:
// ownership, set-id bits, devices and extended attributes of the image are gone,
// links are created and never followed.
//
// What an image says about how to run is not trusted. Its command line is used;
// its working directory when it is a clean absolute path; of its environment
// only PATH, because the contract promises that an algorithm sees nothing but
// what the scenario declares, and PATH is where the command is found. USER,
// VOLUME, EXPOSE, STOPSIGNAL, HEALTHCHECK and the rest of ENV are ignored, and
// Image.Notes says so.
//
// Build and PackDir write images of our own, byte for byte the same each time.
package oci

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"runtime"
	"slices"

	"aihub"
	"aihub/internal/blob"
)

// Image is an image that Import has checked.
type Image struct {
	Digest     aihub.Digest  `json:"digest"`            // of the manifest; names the image
	Config     aihub.Digest  `json:"config"`            // of the config blob
	Entrypoint []string      `json:"entrypoint"`        //
	Cmd        []string      `json:"cmd"`               //
	Env        []string      `json:"env"`               // exactly one: PATH=...
	Machine    string        `json:"machine"`           // architecture that it was built for: amd64, arm64
	WorkingDir string        `json:"working_dir"`       // absolute and clean; "/" when the image names none
	Layers     []Layer       `json:"layers"`            // bottom first
	Size       int64         `json:"size"`              // bytes kept: manifest, config, layers
	Unpacked   int64         `json:"unpacked,omitzero"` // bytes of all files of all layers; set by Import only
	Notes      []aihub.Fault `json:"notes,omitempty"`   // what was dropped or will be ignored; set by Import only
}

// Layer is one layer of an Image.
type Layer struct {
	Digest aihub.Digest `json:"digest"`  // of the blob as kept
	DiffID aihub.Digest `json:"diff_id"` // of the tar inside
	Size   int64        `json:"size"`    // of the blob
	Format Format       `json:"format"`
}

// Format is how bytes are compressed.
type Format string

// The formats.
const (
	Plain Format = ""
	Gzip  Format = "gzip"
	Zstd  Format = "zstd"
)

// Blobs returns the digests of all that is kept of the image.
func (i Image) Blobs() []aihub.Digest {
	list := []aihub.Digest{i.Digest, i.Config}
	for _, l := range i.Layers {
		list = append(list, l.Digest)
	}
	return list
}

// Args returns the command line: entrypoint and cmd. It is never empty.
func (i Image) Args() []string { return slices.Concat(i.Entrypoint, i.Cmd) }

// Limits bound what Import reads and keeps, and what Cache unpacks. The zero
// value of a field means its default.
type Limits struct {
	Archive  int64  // bytes of the archive, as it comes and after its outer compression; default 8 GiB
	Unpacked int64  // bytes of all layers unpacked; default 16 GiB
	Entries  int64  // entries of all layers together, and files and directories at any time; default 300,000
	Ratio    int64  // unpacked bytes for one compressed byte, once more than 64 MiB are unpacked; default 200
	Temp     string // directory for the archive while it is checked; default os.TempDir()
	Machine  string // architecture that images must be built for, in Go's words; default this program's

	Sender string // who sends it: of one sender one image is looked at at a time; "" for nobody in particular

	// Kept reports whether who sends the image has this blob of it in the store
	// already, so that it need not be written again; nil: nothing of it.
	Kept func(context.Context, aihub.Digest) (bool, error)
}

// Bounds that nobody needs to change.
const (
	maxLayers    = 127       // what Docker's overlay takes
	maxMembers   = 10_000    // of an archive: blobs and their directories
	maxManifest  = 4 << 20   // bytes of an index or manifest; registries agree on this
	maxConfig    = 1 << 20   // bytes of a config
	maxNesting   = 3         // indexes inside indexes
	maxManifests = 1000      // named by all indexes of an archive
	maxJSONDepth = 32        // of any JSON document
	maxName      = 4096      // bytes of a path or link target
	maxComponent = 255       // bytes of one name in a path
	maxDepth     = 100       // names in a path
	maxLinks     = 10_000    // names of one file
	maxText      = 32 << 20  // bytes of the names and link targets of an image, and of an archive
	maxChecks    = 2         // images whose layers are looked at at the same time; others wait
	maxArgs      = 1000      // words of the command line
	maxArgBytes  = 128 << 10 // bytes of the command line
	maxWindow    = 128 << 20 // of zstd; what `zstd -d` accepts
	ratioFloor   = 64 << 20  // unpacked bytes below which the ratio does not matter
)

func (l Limits) withDefaults() Limits {
	def := func(v *int64, d int64) {
		if *v <= 0 {
			*v = d
		}
	}
	def(&l.Archive, 8<<30)
	def(&l.Unpacked, 16<<30)
	def(&l.Entries, 300_000)
	def(&l.Ratio, 200)
	l.Machine = cmp.Or(l.Machine, runtime.GOARCH)
	return l
}

// Load returns the image whose manifest is d, or NotFound. It reads manifest and
// config and asks for each layer; a part that is missing or damaged is an error
// of kind Unavailable. For which machine it was built is for who runs it to ask.
func Load(ctx context.Context, blobs blob.Store, d aihub.Digest) (Image, error) {
	raw, err := readBlob(ctx, blobs, d, maxManifest)
	if err != nil {
		return Image{}, err
	}
	damaged := func(cause error) error {
		return aihub.Errorf(aihub.Unavailable, text(
			"image %s is damaged in the blob store", "镜像 %s 在存储中已损坏", d.Short())).
			WithHint(text("restore the blob store, or submit the image again", "请恢复存储，或重新提交镜像")).Because(cause)
	}
	fs := &faults{}
	m := parseManifest(raw, "manifest", fs)
	if err := fs.err(); err != nil {
		return Image{}, damaged(err)
	}
	rawConfig, err := readBlob(ctx, blobs, aihub.Digest(m.Config.Digest), maxConfig)
	if err != nil {
		return Image{}, damaged(err)
	}
	img := newImage(d, int64(len(raw)), m, rawConfig, "", fs)
	if err := fs.err(); err != nil {
		return Image{}, damaged(err)
	}
	for _, l := range img.Layers {
		size, err := blobs.Stat(ctx, l.Digest)
		if err != nil {
			return Image{}, damaged(err)
		}
		if size != l.Size {
			return Image{}, damaged(io.ErrUnexpectedEOF)
		}
	}
	return img, nil
}

// readBlob returns the whole of a small blob.
func readBlob(ctx context.Context, blobs blob.Store, d aihub.Digest, limit int64) ([]byte, error) {
	rc, err := blobs.Open(ctx, d)
	if err != nil {
		return nil, err
	}
	defer rc.Close()
	var b bytes.Buffer
	if n, err := io.Copy(&b, io.LimitReader(rc, limit+1)); err != nil {
		return nil, err
	} else if n > limit {
		return nil, aihub.Errorf(aihub.Invalid, text("%s is not an image", "%s 不是镜像", d.Short()))
	}
	return b.Bytes(), nil
}
