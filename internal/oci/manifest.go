package oci

import (
	"path"
	"strings"

	"aihub"

	"github.com/google/go-containerregistry/pkg/v1/types"
)

// defaultPath is the PATH of an image that names none, as Docker has it.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// descriptor points from one JSON document to a blob.
type descriptor struct {
	MediaType   types.MediaType   `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int64             `json:"size"`
	URLs        []string          `json:"urls,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
	Platform    *platform         `json:"platform,omitempty"`
}

type platform struct {
	OS           string `json:"os"`
	Architecture string `json:"architecture"`
}

func (p platform) String() string { return show(p.OS + "/" + p.Architecture) }

// index is index.json, or an index that it names.
type index struct {
	SchemaVersion int             `json:"schemaVersion"`
	MediaType     types.MediaType `json:"mediaType"`
	Manifests     []descriptor    `json:"manifests"`
}

// manifest is an image manifest, in the OCI's or in Docker's words.
type manifest struct {
	SchemaVersion int             `json:"schemaVersion"`
	MediaType     types.MediaType `json:"mediaType"`
	Config        descriptor      `json:"config"`
	Layers        []descriptor    `json:"layers"`
}

// config is what we read of an image config. The raw fields are ignored and
// only their presence is noted.
type config struct {
	OS           string `json:"os"`
	Architecture string `json:"architecture"`
	RootFS       struct {
		Type    string   `json:"type"`
		DiffIDs []string `json:"diff_ids"`
	} `json:"rootfs"`
	Config struct {
		Entrypoint   []string       `json:"Entrypoint"`
		Cmd          []string       `json:"Cmd"`
		Env          []string       `json:"Env"`
		WorkingDir   string         `json:"WorkingDir"`
		User         any            `json:"User"`
		Volumes      map[string]any `json:"Volumes"`
		ExposedPorts map[string]any `json:"ExposedPorts"`
		StopSignal   any            `json:"StopSignal"`
		Healthcheck  any            `json:"Healthcheck"`
	} `json:"config"`
}

// layerFormats lists the media types of layers that we take.
var layerFormats = map[types.MediaType]Format{
	types.OCIUncompressedLayer:    Plain,
	types.OCILayer:                Gzip,
	types.OCILayerZStd:            Zstd,
	types.DockerUncompressedLayer: Plain,
	types.DockerLayer:             Gzip,
}

var layerTypes = map[Format]types.MediaType{Plain: types.OCIUncompressedLayer, Gzip: types.OCILayer, Zstd: types.OCILayerZStd}

// check reports what is wrong with a descriptor by itself.
func (d descriptor) check(part string, limit int64, fs *faults) bool {
	if len(d.URLs) > 0 {
		fs.add(codeForeign, part, "", text("names another address to fetch from; everything must be in the archive", "指向外部地址；所有内容必须在归档之内"))
		return false
	}
	if _, err := aihub.ParseDigest(d.Digest); err != nil {
		fs.add(codeDigest, part, "", text("%s is not a sha256 digest", "%s 不是 sha256 摘要", show(d.Digest)))
		return false
	}
	if d.Size < 0 || d.Size > limit {
		fs.add(codeSize, part, "", text("has %d bytes; at most %d are taken", "大小为 %d 字节；最多 %d", d.Size, limit))
		return false
	}
	return true
}

// parseManifest reads one image manifest and checks all that can be checked
// without the blobs it names.
func parseManifest(raw []byte, part string, fs *faults) (m manifest) {
	if !strictJSON(raw, &m, part, fs) {
		return m
	}
	if m.SchemaVersion != 2 {
		fs.add(codeMediaType, part, "", text("has schemaVersion %d; 2 is taken", "schemaVersion 为 %d；应为 2", m.SchemaVersion))
	}
	if m.MediaType != "" && !m.MediaType.IsImage() {
		fs.add(codeMediaType, part, "", text("is %s, not an image manifest", "类型为 %s，不是镜像清单", show(string(m.MediaType))))
	}
	if !m.Config.MediaType.IsConfig() {
		fs.add(codeMediaType, part+", config", "", text("is %s, not the config of a container image", "类型为 %s，不是容器镜像配置", show(string(m.Config.MediaType))))
	}
	m.Config.check(part+", config", maxConfig, fs)
	if len(m.Layers) > maxLayers {
		fs.add(codeEntries, part, "", text("has %d layers; at most %d are taken", "有 %d 层；最多 %d 层", len(m.Layers), maxLayers))
		return m
	}
	for i, l := range m.Layers {
		at := layerName(i)
		if !l.MediaType.IsDistributable() {
			fs.add(codeForeign, at, "", text("is a layer that is kept elsewhere (%s)", "该层存放在别处（%s）", show(string(l.MediaType))))
			continue
		}
		if _, ok := layerFormats[l.MediaType]; !ok {
			fs.add(codeMediaType, at, "", text("is %s; layers are tar, tar+gzip or tar+zstd", "类型为 %s；层应为 tar、tar+gzip 或 tar+zstd", show(string(l.MediaType))))
			continue
		}
		l.check(at, 1<<50, fs)
	}
	return m
}

// newImage reads a config and puts the Image together. What breaks the contract
// is added to fs; what is ignored becomes a note. With machine "" it may be for any.
func newImage(d aihub.Digest, size int64, m manifest, rawConfig []byte, machine string, fs *faults) Image {
	img := Image{Digest: d, Config: aihub.Digest(m.Config.Digest), Size: size + int64(len(rawConfig)), WorkingDir: "/"}
	var c config
	if !strictJSON(rawConfig, &c, "config", fs) {
		return img
	}
	img.Machine = c.Architecture
	if have := (platform{c.OS, c.Architecture}); machine != "" && have != (platform{"linux", machine}) {
		fs.add(codePlatform, "config", "", text("the image is for %s; the platform runs linux/%s", "镜像面向 %s；平台运行 linux/%s", have, machine))
	}
	if len(c.RootFS.DiffIDs) != len(m.Layers) {
		fs.add(codeConfig, "config", "", text("names %d unpacked layers where the manifest has %d", "配置列出 %d 层，而清单有 %d 层", len(c.RootFS.DiffIDs), len(m.Layers)))
	} else {
		for i, l := range m.Layers {
			id, err := aihub.ParseDigest(c.RootFS.DiffIDs[i])
			if err != nil {
				fs.add(codeDigest, "config", "rootfs.diff_ids", text("%s is not a sha256 digest", "%s 不是 sha256 摘要", show(c.RootFS.DiffIDs[i])))
			}
			img.Layers = append(img.Layers, Layer{Digest: aihub.Digest(l.Digest), DiffID: id, Size: l.Size, Format: layerFormats[l.MediaType]})
			img.Size += l.Size
		}
	}
	img.Entrypoint, img.Cmd = c.Config.Entrypoint, c.Config.Cmd
	checkArgs(img.Args(), fs)
	notes := &faults{}
	img.Env = []string{"PATH=" + imagePath(c.Config.Env, notes)}
	if wd := c.Config.WorkingDir; wd != "" {
		if cleanDir(wd) {
			img.WorkingDir = wd
		} else {
			notes.add(noteConfig, "config, WorkingDir", "", text("%s is not a clean path of the image: / is used", "%s 不是镜像内的规范路径：改用 /", show(wd)))
		}
	}
	for _, x := range []struct {
		name string
		set  bool
	}{
		{"User", c.Config.User != nil && c.Config.User != ""},
		{"Volumes", len(c.Config.Volumes) > 0},
		{"ExposedPorts", len(c.Config.ExposedPorts) > 0},
		{"StopSignal", c.Config.StopSignal != nil && c.Config.StopSignal != ""},
		{"Healthcheck", c.Config.Healthcheck != nil},
	} {
		if x.set {
			notes.add(noteConfig, "config, "+x.name, "", text("the platform decides this", "由平台决定"))
		}
	}
	img.Notes = notes.list
	return img
}

// checkArgs checks the command line.
func checkArgs(args []string, fs *faults) {
	total := 0
	for _, a := range args {
		if total += len(a); strings.ContainsRune(a, 0) {
			fs.add(codeCommand, "config", "", text("has a NUL byte in its command", "命令中含有 NUL 字节"))
		}
	}
	switch {
	case len(args) == 0 || args[0] == "":
		fs.add(codeCommand, "config", "", text("has neither Entrypoint nor Cmd", "既没有 Entrypoint 也没有 Cmd"))
	case len(args) > maxArgs || total > maxArgBytes:
		fs.add(codeCommand, "config", "", text("has a command of %d words and %d bytes; at most %d and %d are taken", "命令有 %d 个词、%d 字节；最多 %d 个词、%d 字节", len(args), total, maxArgs, maxArgBytes))
	}
}

// imagePath returns the PATH of an image's environment: the last one, as a
// process sees it, without elements that are not clean absolute paths. All other
// variables are noted and dropped.
func imagePath(env []string, notes *faults) string {
	found := ""
	for _, kv := range env {
		name, value, _ := strings.Cut(kv, "=")
		if name != "PATH" {
			notes.add(noteConfig, "config, Env", name, text("not set: an algorithm sees only what the scenario declares", "不会设置：算法只能看到场景声明的环境变量"))
			continue
		}
		var keep []string
		for dir := range strings.SplitSeq(value, ":") {
			if cleanDir(dir) && len(keep) < 100 {
				keep = append(keep, dir)
			}
		}
		found = strings.Join(keep, ":")
	}
	if found == "" {
		return defaultPath
	}
	return found
}

// cleanDir reports whether p is a clean absolute path that stays in the image:
// /proc/self/fd/N as working directory is how CVE-2024-21626 got out.
func cleanDir(p string) bool {
	if !path.IsAbs(p) || path.Clean(p) != p {
		return false
	}
	if _, bad := cleanName("." + p); bad != nil {
		return false
	}
	for _, no := range []string{"/proc", "/sys", "/dev"} {
		if p == no || strings.HasPrefix(p, no+"/") {
			return false
		}
	}
	return true
}
