package oci

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"aihub"

	"github.com/google/go-containerregistry/pkg/v1/types"
)

// found is the one image of an archive: its documents, and the members that hold
// its layers.
type found struct {
	digest    aihub.Digest
	raw       []byte // the manifest
	manifest  manifest
	rawConfig []byte
	layers    []member
}

// pick finds the image in an archive that is for a machine.
func pick(s parts, machine string, fs *faults) (found, bool) {
	if m, ok := s.get("index.json"); ok {
		return pickLayout(s, m, machine, fs)
	}
	if m, ok := s.get("manifest.json"); ok {
		return pickDocker(s, m, fs)
	}
	fs.add(codeArchive, "archive", "", text("has neither index.json nor manifest.json: it is not an image", "既没有 index.json 也没有 manifest.json：不是镜像"))
	return found{}, false
}

// candidate is an image manifest that an index names.
type candidate struct {
	desc     descriptor
	name     string // what the index calls it, for messages
	platform string // known from the index, or ""
}

// layoutReader collects the manifests of an OCI layout.
type layoutReader struct {
	s       parts
	machine string // whose image is wanted
	fs      *faults
	seen    map[string]bool
	list    []candidate
}

func pickLayout(s parts, m member, machine string, fs *faults) (found, bool) {
	var mark struct {
		Version string `json:"imageLayoutVersion"`
	}
	if o, ok := s.get("oci-layout"); !ok {
		fs.add(codeArchive, "oci-layout", "", text("is missing", "缺失"))
	} else if raw, ok := s.small(o, 1<<10, "oci-layout", fs); ok && strictJSON(raw, &mark, "oci-layout", fs) && mark.Version != "1.0.0" {
		fs.add(codeArchive, "oci-layout", "", text("has version %s; 1.0.0 is taken", "版本为 %s；应为 1.0.0", show(mark.Version)))
	}
	raw, ok := s.small(m, maxManifest, "index.json", fs)
	if !ok {
		return found{}, false
	}
	lr := &layoutReader{s: s, machine: machine, fs: fs, seen: map[string]bool{}}
	if !lr.index(raw, "index.json", "", 1) {
		return found{}, false
	}
	return lr.choose()
}

// index reads one index and those it names.
func (lr *layoutReader) index(raw []byte, part, name string, depth int) bool {
	var ix index
	if !strictJSON(raw, &ix, part, lr.fs) {
		return false
	}
	if ix.SchemaVersion != 2 || ix.MediaType != "" && !ix.MediaType.IsIndex() {
		lr.fs.add(codeMediaType, part, "", text("is not an image index (schemaVersion %d, %s)", "不是镜像索引（schemaVersion %d，%s）", ix.SchemaVersion, show(string(ix.MediaType))))
		return false
	}
	good := true
	for i, d := range ix.Manifests {
		at := fmt.Sprintf("%s, manifest %d", part, i+1)
		if lr.seen[d.Digest] {
			continue
		}
		lr.seen[d.Digest] = true
		if len(lr.seen) > maxManifests {
			lr.fs.add(codeEntries, part, "", text("the indexes name more than %d manifests", "索引列出的清单超过 %d 个", maxManifests))
			return false
		}
		if !d.check(at, maxManifest, lr.fs) {
			good = false
			continue
		}
		called := name
		for _, key := range []string{"io.containerd.image.name", "org.opencontainers.image.ref.name"} {
			if a := d.Annotations[key]; a != "" && called == "" {
				called = a
			}
		}
		switch {
		case d.Annotations["vnd.docker.reference.type"] != "": // an attestation about another manifest
		case d.MediaType.IsImage():
			c := candidate{desc: d, name: called}
			if d.Platform != nil {
				c.platform = d.Platform.String()
			}
			lr.list = append(lr.list, c)
		case d.MediaType.IsIndex():
			if depth >= maxNesting {
				lr.fs.add(codeNesting, at, "", text("indexes are nested deeper than %d", "索引嵌套超过 %d 层", maxNesting))
				good = false
				continue
			}
			sub, ok := lr.blob(d, at, maxManifest)
			good = ok && lr.index(sub, at, called, depth+1) && good
		default:
			lr.fs.add(codeMediaType, at, "", text("is %s, neither an image manifest nor an index", "类型为 %s，既不是镜像清单也不是索引", show(string(d.MediaType))))
			good = false
		}
	}
	return good
}

// blob returns the content of a small blob after checking it against d.
func (lr *layoutReader) blob(d descriptor, part string, limit int64) ([]byte, bool) {
	m, ok := lr.member(d, part)
	if !ok {
		return nil, false
	}
	return lr.s.small(m, limit, part, lr.fs)
}

// member finds the blob that d names and checks its digest and size.
func (lr *layoutReader) member(d descriptor, part string) (member, bool) {
	dg := aihub.Digest(d.Digest)
	m, ok := lr.s.get("blobs/sha256/" + dg.Hex())
	switch {
	case !ok:
		lr.fs.add(codeMissing, part, "", text("%s is not in the archive", "归档中没有 %s", dg.Short()))
	case m.digest != dg:
		lr.fs.add(codeDigest, part, "", text("has other bytes than its digest says: %s instead of %s", "内容与摘要不符：%s 而非 %s", m.digest.Short(), dg.Short()))
		ok = false
	case m.size != d.Size:
		lr.fs.add(codeSize, part, "", text("has %d bytes where %d are announced", "大小为 %d 字节，而声明为 %d", m.size, d.Size))
		ok = false
	}
	return m, ok
}

// choose takes the one image that is for the machine.
func (lr *layoutReader) choose() (found, bool) {
	want := platform{"linux", lr.machine}.String()
	var hits []candidate
	others := map[string]bool{}
	for _, c := range lr.list {
		if c.platform == "" && len(lr.list) > 1 {
			c.platform = lr.platformOf(c)
		}
		switch c.platform {
		case want, "": // a single one without a platform is judged by its config
			hits = append(hits, c)
		case "unknown/unknown": // what some tools say of attestations
		default:
			others[c.platform] = true
		}
	}
	switch {
	case len(hits) == 1:
		return lr.read(hits[0])
	case len(hits) > 1:
		names := make([]string, len(hits))
		for i, c := range hits {
			if names[i] = show(c.name); c.name == "" {
				names[i] = aihub.Digest(c.desc.Digest).Short()
			}
		}
		tellMany(names, lr.fs)
	case len(others) > 0:
		lr.fs.add(codePlatform, "index.json", "", text("has images for %[1]s; the platform runs %[2]s", "镜像面向 %[1]s；平台运行 %[2]s", listed(others), want))
	case len(lr.fs.list) == 0:
		lr.fs.add(codeNone, "index.json", "", text("names no image", "没有列出任何镜像"))
	}
	return found{}, false
}

// platformOf reads the platform of a manifest from its config. Faults are left to
// the reading of the image that is chosen.
func (lr *layoutReader) platformOf(c candidate) string {
	quiet := &layoutReader{s: lr.s, fs: &faults{}}
	raw, ok := quiet.blob(c.desc, "", maxManifest)
	if !ok {
		return ""
	}
	m := parseManifest(raw, "", quiet.fs)
	if len(quiet.fs.list) > 0 {
		return ""
	}
	raw, ok = quiet.blob(m.Config, "", maxConfig)
	var p platform
	if !ok || !strictJSON(raw, &p, "", quiet.fs) {
		return ""
	}
	return p.String()
}

// read reads the documents of the chosen image and finds its layers.
func (lr *layoutReader) read(c candidate) (f found, ok bool) {
	if f.raw, ok = lr.blob(c.desc, "manifest", maxManifest); !ok {
		return f, false
	}
	before := len(lr.fs.list)
	f.digest = aihub.Digest(c.desc.Digest)
	f.manifest = parseManifest(f.raw, "manifest", lr.fs)
	if f.manifest.MediaType != "" && f.manifest.MediaType != c.desc.MediaType {
		lr.fs.add(codeMediaType, "manifest", "", text("calls itself %s where the index says %s", "自称 %s，而索引中为 %s", show(string(f.manifest.MediaType)), show(string(c.desc.MediaType))))
	}
	if len(lr.fs.list) > before {
		return f, false
	}
	f.rawConfig, ok = lr.blob(f.manifest.Config, "config", maxConfig)
	for i, d := range f.manifest.Layers {
		m, have := lr.member(d, layerName(i))
		f.layers = append(f.layers, m)
		ok = ok && have
	}
	return f, ok
}

// pickDocker reads manifest.json as `docker save` wrote it before Docker 25, and
// makes the manifest that such an archive lacks.
func pickDocker(s parts, m member, fs *faults) (f found, ok bool) {
	var list []struct {
		Config   string
		RepoTags []string
		Layers   []string
	}
	const part = "manifest.json"
	raw, ok := s.small(m, maxManifest, part, fs)
	if !ok || !strictJSON(raw, &list, part, fs) {
		return f, false
	}
	switch {
	case len(list) == 0:
		fs.add(codeNone, part, "", text("names no image", "没有列出任何镜像"))
		return f, false
	case len(list) > 1:
		var names []string
		for _, e := range list {
			names = append(names, show(strings.Join(append(e.RepoTags, e.Config)[:1], "")))
		}
		tellMany(names, fs)
		return f, false
	case len(list[0].Layers) > maxLayers:
		fs.add(codeEntries, part, "", text("has %d layers; at most %d are taken", "有 %d 层；最多 %d 层", len(list[0].Layers), maxLayers))
		return f, false
	}
	e := list[0]
	cm, ok := s.get(path.Clean(e.Config))
	if !ok {
		fs.add(codeMissing, part, "Config", text("%s is not in the archive", "归档中没有 %s", show(e.Config)))
		return f, false
	}
	if want := hexIn(e.Config); want != "" && want != cm.digest.Hex() {
		fs.add(codeDigest, "config", "", text("has other bytes than its digest says: %s instead of %s", "内容与摘要不符：%s 而非 %s", cm.digest.Short(), want[:12]))
		ok = false
	}
	if f.rawConfig, _ = s.small(cm, maxConfig, "config", fs); f.rawConfig == nil {
		ok = false
	}
	f.manifest = manifest{SchemaVersion: 2, MediaType: types.OCIManifestSchema1, Layers: []descriptor{},
		Config: descriptor{MediaType: types.OCIConfigJSON, Digest: string(cm.digest), Size: cm.size}}
	for i, name := range e.Layers {
		lm, have := s.get(path.Clean(name))
		if !have {
			fs.add(codeMissing, layerName(i), "", text("%s is not in the archive", "归档中没有 %s", show(name)))
			ok = false
			continue
		}
		format, other := sniff(bufio.NewReader(s.open(lm)))
		if other != "" {
			fs.add(codeMediaType, layerName(i), "", text("is %s; layers are tar, tar+gzip or tar+zstd", "类型为 %s；层应为 tar、tar+gzip 或 tar+zstd", other))
			ok = false
			continue
		}
		f.layers = append(f.layers, lm)
		f.manifest.Layers = append(f.manifest.Layers, descriptor{MediaType: layerTypes[format], Digest: string(lm.digest), Size: lm.size})
	}
	var err error
	if f.raw, err = json.Marshal(f.manifest); err != nil {
		fs.add(codeJSON, part, "", text("cannot be rewritten: %v", "无法改写：%v", err))
		ok = false
	}
	f.digest = aihub.DigestOf(f.raw)
	return f, ok
}

func tellMany(names []string, fs *faults) {
	fs.add(codeMany, "archive", "", text("has %d images, one is wanted: %s", "含有 %d 个镜像，只能有一个：%s", len(names), strings.Join(names[:min(len(names), maxExamples)], ", ")))
}

func listed(set map[string]bool) string {
	var l []string
	for k := range set {
		l = append(l, k)
	}
	slices.Sort(l)
	return strings.Join(l[:min(len(l), maxExamples)], ", ")
}

// hexIn returns the sha256 that a file name carries, or "".
func hexIn(name string) string {
	h := strings.TrimSuffix(path.Base(name), ".json")
	h = strings.TrimPrefix(h, "sha256:")
	if b, err := hex.DecodeString(h); err != nil || len(b) != 32 || strings.ToLower(h) != h {
		return ""
	}
	return h
}
