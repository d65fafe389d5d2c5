package oci

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"

	"aihub"
	"aihub/internal/blob"

	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Pushed is what a registry needs to know of a manifest that was pushed: what
// must be there before it, and how a list of referrers names it. Whether it is
// an image that can run is checked when it is submitted (Adopt): a registry also
// keeps signatures, indexes and images for other machines.
type Pushed struct {
	MediaType    string
	ArtifactType string            // of an image manifest without one, the type of its config
	Annotations  map[string]string //
	Blobs        []Part            // config and layers that must have been pushed
	Manifests    []Part            // of an index
	Subject      string            // digest of the manifest that this one is about, or ""
}

// Part is what a manifest says of something it names.
type Part struct {
	Digest string
	Size   int64
}

// MaxManifest is how many bytes a manifest may have.
const MaxManifest = maxManifest

const maxParts = 1000 // that one manifest may name

var digestRE = regexp.MustCompile(`^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$`)

// IsDigest reports whether s is a digest that a registry takes: sha256 or sha512.
func IsDigest(s string) bool { return digestRE.MatchString(s) }

// ParsePushed reads a manifest that was pushed under a media type ("" when the
// sender named none). It refuses, with every fault, what two readers could
// understand differently.
func ParsePushed(raw []byte, mediaType string) (Pushed, error) {
	fs := &faults{}
	const part = "manifest"
	if len(raw) > maxManifest {
		fs.add(codeTooLarge, part, "", text("has %d bytes; at most %d are taken", "大小为 %d 字节；最多 %d", len(raw), maxManifest))
		return Pushed{}, pushedErr(fs)
	}
	var m struct {
		SchemaVersion int               `json:"schemaVersion"`
		MediaType     string            `json:"mediaType"`
		ArtifactType  string            `json:"artifactType"`
		Config        *descriptor       `json:"config"`
		Layers        []descriptor      `json:"layers"`
		Manifests     []descriptor      `json:"manifests"`
		Subject       *descriptor       `json:"subject"`
		Annotations   map[string]string `json:"annotations"`
	}
	if !strictJSON(raw, &m, part, fs) {
		return Pushed{}, pushedErr(fs)
	}
	if m.MediaType == "" {
		m.MediaType = mediaType
	}
	t := types.MediaType(m.MediaType)
	switch {
	case mediaType != "" && mediaType != m.MediaType:
		fs.add(codeMediaType, part, "", text("calls itself %s where it was sent as %s", "自称 %s，而发送时为 %s", show(m.MediaType), show(mediaType)))
	case m.SchemaVersion != 2:
		fs.add(codeMediaType, part, "", text("has schemaVersion %d; 2 is taken", "schemaVersion 为 %d；应为 2", m.SchemaVersion))
	case t.IsImage() && (m.Config == nil || len(m.Manifests) > 0):
		fs.add(codeMediaType, part, "", text("an image manifest has a config and names no manifests", "镜像清单须有 config，且不含 manifests"))
	case t.IsIndex() && (m.Config != nil || len(m.Layers) > 0):
		fs.add(codeMediaType, part, "", text("an index has neither a config nor layers", "索引不含 config 和 layers"))
	case !t.IsImage() && !t.IsIndex():
		fs.add(codeMediaType, part, "", text("is %s, neither an image manifest nor an index", "类型为 %s，既不是镜像清单也不是索引", show(m.MediaType)))
	case len(m.Layers) > maxParts || len(m.Manifests) > maxParts:
		fs.add(codeEntries, part, "", text("names more than %d layers or manifests", "引用的层或清单超过 %d 个", maxParts))
	}
	p := Pushed{MediaType: m.MediaType, ArtifactType: m.ArtifactType, Annotations: m.Annotations}
	if err := pushedErr(fs); err != nil {
		return Pushed{}, err
	}
	named := func(d descriptor, at string) Part {
		if !IsDigest(d.Digest) {
			fs.add(codeDigest, at, "", text("%s is not a sha256 or sha512 digest", "%s 不是 sha256 或 sha512 摘要", show(d.Digest)))
		}
		if d.Size < 0 {
			fs.add(codeSize, at, "", text("has %d bytes", "大小为 %d 字节", d.Size))
		}
		return Part{d.Digest, d.Size}
	}
	if m.Config != nil {
		p.Blobs = append(p.Blobs, named(*m.Config, part+", config"))
		if p.ArtifactType == "" {
			p.ArtifactType = string(m.Config.MediaType)
		}
	}
	for i, l := range m.Layers {
		if b := named(l, layerName(i)); l.MediaType.IsDistributable() || !l.MediaType.IsLayer() {
			p.Blobs = append(p.Blobs, b)
		}
	}
	for i, d := range m.Manifests {
		p.Manifests = append(p.Manifests, named(d, fmt.Sprintf("%s, manifest %d", part, i+1)))
	}
	if m.Subject != nil {
		p.Subject = named(*m.Subject, part+", subject").Digest
	}
	return p, pushedErr(fs)
}

func pushedErr(fs *faults) error {
	if len(fs.list) == 0 {
		return nil
	}
	return aihub.Errorf(aihub.Contract, text("the manifest was refused", "清单未被接受")).WithFaults(fs.list).
		WithHint(text("build and push the image again", "请重新构建并推送镜像"))
}

// Repository is where Adopt finds what was pushed.
type Repository interface {
	// Manifest returns the manifest called digest, or an error of kind NotFound.
	Manifest(ctx context.Context, digest string) ([]byte, error)
	// Blob returns the size of content and opens it, or an error of kind NotFound.
	Blob(ctx context.Context, digest string) (int64, error)
	Open(ctx context.Context, digest string) (io.ReadCloser, error)
}

// Adopt checks the image that was pushed under a digest exactly as Import checks
// an archive, and keeps it in blobs. Of an index it takes the image for
// lim.Machine. Nothing is kept unless all of it is good.
func Adopt(ctx context.Context, from Repository, digest string, blobs blob.Store, lim Limits) (Image, error) {
	lim = lim.withDefaults()
	fs := &faults{machine: lim.Machine}
	raw, err := from.Manifest(ctx, digest)
	if err != nil {
		return Image{}, err
	}
	var top struct {
		MediaType types.MediaType `json:"mediaType"`
		Manifests json.RawMessage `json:"manifests"`
	}
	if _, err := aihub.ParseDigest(digest); err != nil {
		fs.add(codeDigest, "manifest", "", text("%s is not a sha256 digest", "%s 不是 sha256 摘要", show(digest)))
		return Image{}, fs.err()
	}
	if !strictJSON(raw, &top, "manifest", fs) {
		return Image{}, fs.err()
	}
	repo := &pushedParts{ctx: ctx, from: from}
	lr := &layoutReader{s: repo, machine: lim.Machine, fs: fs, seen: map[string]bool{}}
	var f found
	var ok bool
	if top.MediaType.IsIndex() || top.MediaType == "" && top.Manifests != nil {
		ok = lr.index(raw, "index", "", 1)
		if ok {
			f, ok = lr.choose()
		}
	} else {
		m := parseManifest(raw, "manifest", &faults{})
		f, ok = lr.read(candidate{desc: descriptor{MediaType: m.MediaType, Digest: digest, Size: int64(len(raw))}})
	}
	if repo.err != nil {
		return Image{}, repo.err
	}
	if !ok {
		return Image{}, fs.err()
	}
	img := newImage(f.digest, int64(len(f.raw)), f.manifest, f.rawConfig, lim.Machine, fs)
	if err := checkLayers(ctx, repo, f, lim, &img, fs); err != nil {
		return Image{}, err
	}
	if repo.err != nil {
		return Image{}, repo.err
	}
	if err := fs.err(); err != nil {
		return Image{}, err
	}
	return img, keepImage(ctx, blobs, repo, f, img, lim)
}

// pushedParts is a repository as an archive. err is the first failure that is
// the platform's and not the image's.
type pushedParts struct {
	ctx  context.Context
	from Repository
	err  error
}

func (p *pushedParts) fail(err error) {
	if p.err == nil {
		p.err = err
	}
}

func (p *pushedParts) get(name string) (member, bool) {
	d, err := aihub.ParseDigest("sha256:" + strings.TrimPrefix(name, "blobs/sha256/"))
	if err != nil {
		return member{}, false
	}
	size, err := p.from.Blob(p.ctx, string(d))
	if aihub.KindOf(err) == aihub.NotFound {
		raw, err := p.from.Manifest(p.ctx, string(d))
		if err == nil {
			return member{size: int64(len(raw)), digest: d, manifest: true}, true
		}
		if aihub.KindOf(err) != aihub.NotFound {
			p.fail(err)
		}
		return member{}, false
	}
	if err != nil {
		p.fail(err)
		return member{}, false
	}
	return member{size: size, digest: d}, true
}

func (p *pushedParts) open(m member) io.ReadCloser {
	if m.manifest {
		raw, err := p.from.Manifest(p.ctx, string(m.digest))
		if err != nil {
			p.fail(err)
		}
		return io.NopCloser(strings.NewReader(string(raw)))
	}
	r, err := p.from.Open(p.ctx, string(m.digest))
	if err != nil {
		p.fail(err)
		return io.NopCloser(strings.NewReader(""))
	}
	return &pushedReader{r, p}
}

// pushedReader tells the platform's read errors from a broken image.
type pushedReader struct {
	io.ReadCloser
	p *pushedParts
}

func (r *pushedReader) Read(b []byte) (int, error) {
	n, err := r.ReadCloser.Read(b)
	if err != nil && err != io.EOF {
		r.p.fail(err)
	}
	return n, err
}

func (p *pushedParts) small(m member, limit int64, part string, fs *faults) ([]byte, bool) {
	if m.size > limit {
		fs.add(codeTooLarge, part, "", text("has %d bytes; at most %d are taken", "大小为 %d 字节；最多 %d", m.size, limit))
		return nil, false
	}
	r := p.open(m)
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil || int64(len(b)) != m.size || aihub.DigestOf(b) != m.digest {
		p.fail(aihub.Errorf(aihub.Unavailable, text("%s of the registry is damaged", "镜像仓库中的 %s 已损坏", m.digest.Short())).
			WithHint(text("push the image again", "请重新推送镜像")).Because(err))
		return nil, false
	}
	return b, true
}
