package oci

import (
	"archive/tar"
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"aihub"
)

// refusal is one hostile image and the fault it must be refused for.
type refusal struct {
	name    string
	archive []byte
	code    string
	where   string
	lim     Limits
}

func hostileLayers(t testing.TB) []refusal {
	over := func(entries ...ent) []byte { return simple(t, tarOf(t, entries...)).oci(t) }
	long := strings.Repeat("d/", 60)
	return []refusal{
		{"traversal", over(ent{name: "etc/../../passwd"}), codePath, "layer 2: etc/../../passwd", Limits{}},
		{"absolute", over(ent{name: "/etc/passwd"}), codePath, "layer 2: /etc/passwd", Limits{}},
		{"root replaced", over(ent{name: "./", typ: tar.TypeSymlink, link: "/"}), codePath, "layer 2", Limits{}},
		{"symlink parent", over(ent{name: "out", typ: tar.TypeSymlink, link: "/etc"}, ent{name: "out/passwd"}), codeSymlink, "layer 2: out/passwd", Limits{}},
		{"two hops", over(ent{name: "a", typ: tar.TypeSymlink, link: "."}, ent{name: "b", typ: tar.TypeSymlink, link: "a/.."}, ent{name: "b/x"}), codeSymlink, "layer 2: b/x", Limits{}},
		{"two hops in two layers", simple(t, tarOf(t, ent{name: "a", typ: tar.TypeSymlink, link: ".."}), tarOf(t, ent{name: "a/b", typ: tar.TypeSymlink, link: ".."})).oci(t), codeSymlink, "layer 3: a/b", Limits{}},
		{"through a file", over(ent{name: "run/x"}), codeParent, "layer 2: run/x", Limits{}},
		{"whiteout through a link", over(ent{name: "l", typ: tar.TypeSymlink, link: "/"}, ent{name: "l/.wh.etc"}), codeSymlink, "layer 2: l/.wh.etc", Limits{}},
		{"opaque through a link", over(ent{name: "l", typ: tar.TypeSymlink, link: "/"}, ent{name: "l/.wh..wh..opq"}), codeSymlink, "layer 2: l/.wh..wh..opq", Limits{}},
		{"whiteout of ..", over(ent{name: "a/.wh..."}), codeWhiteout, "layer 2: a/.wh...", Limits{}},
		{"whiteout of nothing", over(ent{name: ".wh."}), codeWhiteout, "layer 2: .wh.", Limits{}},
		{"inside a whiteout", over(ent{name: ".wh.a/b"}), codeWhiteout, "layer 2: .wh.a/b", Limits{}},
		{"hard link out", over(ent{name: "p", typ: tar.TypeLink, link: "../../etc/passwd"}), codeHardlink, "layer 2: p", Limits{}},
		{"hard link absolute", over(ent{name: "p", typ: tar.TypeLink, link: "/etc/passwd"}), codeHardlink, "layer 2: p", Limits{}},
		{"hard link through a link", over(ent{name: "l", typ: tar.TypeSymlink, link: "/"}, ent{name: "p", typ: tar.TypeLink, link: "l/run"}), codeHardlink, "layer 2: p", Limits{}},
		{"hard link to a directory", over(ent{name: "d/"}, ent{name: "p", typ: tar.TypeLink, link: "d"}), codeHardlink, "layer 2: p", Limits{}},
		{"hard link to what it replaces", over(ent{name: "d/x"}, ent{name: "d", typ: tar.TypeLink, link: "d/x"}), codeHardlink, "layer 2: d", Limits{}},
		{"character device", over(ent{name: "dev/sda", typ: tar.TypeChar}), codeDevice, "layer 2: dev/sda", Limits{}},
		{"block device", over(ent{name: "sda", typ: tar.TypeBlock}), codeDevice, "layer 2: sda", Limits{}},
		{"fifo", over(ent{name: "f", typ: tar.TypeFifo}), codeDevice, "layer 2: f", Limits{}},
		{"odd type", over(ent{name: "f", typ: tar.TypeCont}), codeType, "layer 2: f", Limits{}},
		{"empty link", over(ent{name: "f", typ: tar.TypeSymlink}), codePath, "layer 2: f", Limits{}},
		{"long name", over(ent{name: strings.Repeat("n", 256)}), codeLong, "layer 2", Limits{}},
		{"long path", over(ent{name: strings.Repeat("n/", 2100) + "x"}), codeLong, "layer 2", Limits{}},
		{"path of many bytes", over(ent{name: strings.Repeat(strings.Repeat("n", 200)+"/", 25) + "x"}), codeLong, "layer 2", Limits{}},
		{"long link", over(ent{name: "l", typ: tar.TypeSymlink, link: strings.Repeat("l", 5000)}), codePath, "layer 2: l", Limits{}},
		{"whiteout of nothing, nowhere", over(ent{name: "none/at/all/.wh."}), codeWhiteout, "layer 2: none/at/all/.wh.", Limits{}},
		{"deep path", over(ent{name: long + long}), codeLong, "layer 2", Limits{}},
		{"control characters", over(ent{name: "../\x1b[2J\n"}), codePath, `layer 2: "../\x1b[2J\n"`, Limits{}},
		{"many entries", over(slices.Repeat([]ent{{name: "f"}}, 100)...), codeEntries, "layer 2", Limits{Entries: 50}},
		{"many implied directories", over(ent{name: long + "a"}, ent{name: "e/" + long + "a"}), codeEntries, "layer 2", Limits{Entries: 100}},
		{"many bytes", over(ent{name: "f", body: strings.Repeat("x", 3000)}), codeTooLarge, "layer 2", Limits{Unpacked: 4096}},
		{"sparse", simple(t, sparse(t)).oci(t), codeTooLarge, "layer 2", Limits{}},
		{"not a tar", simple(t, []byte(strings.Repeat("zip", 1000))).oci(t), codeTar, "layer 2", Limits{}},
		{"short tar", simple(t, tarOf(t, ent{name: "f", body: strings.Repeat("x", 3000)})[:2000]).oci(t), codeTar, "layer 2", Limits{}},
	}
}

// sparse returns a tar with a file of 1 TB that holds one byte.
func sparse(t testing.TB) []byte {
	b := tarOf(t, ent{name: "huge", body: "x", pax: map[string]string{"AIHUB.1": "0000000000000000000000000000000000000000000000000"}})
	// GNU sparse 0.1 in PAX records; archive/tar does not write it.
	rec := func(k, v string) string {
		for n := len(k) + len(v) + 3; ; n++ {
			if s := fmt.Sprintf("%d %s=%s\n", n, k, v); len(s) == n {
				return s
			}
		}
	}
	s := rec("GNU.sparse.major", "0") + rec("GNU.sparse.minor", "1") + rec("GNU.sparse.size", "1099511627776") +
		rec("GNU.sparse.numblocks", "1") + rec("GNU.sparse.map", "0,1")
	pad := bytes.Repeat([]byte{0}, 512-len(s))
	copy(b[512:1024], append([]byte(s), pad...))
	return retotal(b, len(s))
}

// retotal writes the size field of the first header of b and its checksum.
func retotal(b []byte, size int) []byte {
	copy(b[124:136], fmt.Sprintf("%011o\x00", size))
	copy(b[148:156], "        ")
	sum := 0
	for _, x := range b[:512] {
		sum += int(x)
	}
	copy(b[148:156], fmt.Sprintf("%06o\x00 ", sum))
	return b
}

func hostileManifests(t testing.TB) []refusal {
	var out []refusal
	add := func(name, code, where string, edit func(*doc)) {
		d := simple(t)
		edit(d)
		out = append(out, refusal{name, d.oci(t), code, where, Limits{}})
	}
	desc := func(m obj, key string) obj { return m[key].(obj) }
	layer0 := func(m obj) obj { return m["layers"].([]obj)[0] }
	man0 := func(ix obj) obj { return ix["manifests"].([]obj)[0] }
	insert := func(s string) func([]byte) []byte {
		return func(b []byte) []byte { return append([]byte(s), b[1:]...) }
	}
	add("wrong layer digest", codeDigest, "layer 1", func(d *doc) {
		d.onMembers = func(f map[string][]byte) {
			for k, v := range f {
				if bytes.HasPrefix(v, []byte("\x1f\x8b")) {
					f[k] = append(bytes.Clone(v[:len(v)-1]), v[len(v)-1]^1)
				}
			}
		}
	})
	add("wrong config digest", codeDigest, "config", func(d *doc) {
		d.onMembers = func(f map[string][]byte) {
			for k, v := range f {
				if bytes.Contains(v, []byte("diff_ids")) {
					f[k] = bytes.Replace(v, []byte("/run"), []byte("/sh!"), 1)
				}
			}
		}
	})
	add("wrong diff id", codeDigest, "layer 1", func(d *doc) {
		d.onConfig = func(c obj) { desc(c, "rootfs")["diff_ids"] = []string{string(aihub.DigestOf(nil))} }
	})
	add("wrong layer size", codeSize, "layer 1", func(d *doc) { d.onManifest = func(m obj) { layer0(m)["size"] = 7 } })
	add("negative size", codeSize, "layer 1", func(d *doc) { d.onManifest = func(m obj) { layer0(m)["size"] = -1 } })
	add("wrong manifest size", codeSize, "manifest", func(d *doc) { d.onIndex = func(ix obj) { man0(ix)["size"] = 7 } })
	add("foreign layer address", codeForeign, "layer 1", func(d *doc) {
		d.onManifest = func(m obj) { layer0(m)["urls"] = []string{"http://169.254.169.254/x"} }
	})
	add("foreign layer type", codeForeign, "layer 1", func(d *doc) {
		d.onManifest = func(m obj) {
			layer0(m)["mediaType"] = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
		}
	})
	add("foreign manifest", codeForeign, "index.json, manifest 1", func(d *doc) { d.onIndex = func(ix obj) { man0(ix)["urls"] = []string{"file:///etc/passwd"} } })
	add("unknown layer type", codeMediaType, "layer 1", func(d *doc) { d.onManifest = func(m obj) { layer0(m)["mediaType"] = "text/html" } })
	add("layer of another format", codeMediaType, "layer 1", func(d *doc) {
		d.onManifest = func(m obj) { layer0(m)["mediaType"] = "application/vnd.oci.image.layer.v1.tar" }
	})
	add("not an image", codeMediaType, "manifest, config", func(d *doc) {
		d.onManifest = func(m obj) { desc(m, "config")["mediaType"] = "application/vnd.cncf.helm.config.v1+json" }
	})
	add("manifest that calls itself an index", codeMediaType, "manifest", func(d *doc) {
		d.onManifest = func(m obj) { m["mediaType"] = "application/vnd.oci.image.index.v1+json" }
	})
	add("unknown manifest type", codeMediaType, "index.json, manifest 1", func(d *doc) { d.onIndex = func(ix obj) { man0(ix)["mediaType"] = "text/plain" } })
	add("old schema", codeMediaType, "manifest", func(d *doc) { d.onManifest = func(m obj) { m["schemaVersion"] = 1 } })
	add("sha512", codeDigest, "layer 1", func(d *doc) {
		d.onManifest = func(m obj) { layer0(m)["digest"] = "sha512:" + strings.Repeat("a", 128) }
	})
	add("digest that is a path", codeDigest, "layer 1", func(d *doc) {
		d.onManifest = func(m obj) { layer0(m)["digest"] = "sha256:../../../../etc/passwd" }
	})
	add("blob not there", codeMissing, "layer 1", func(d *doc) {
		d.onManifest = func(m obj) { layer0(m)["digest"] = string(aihub.DigestOf([]byte("x"))) }
	})
	add("duplicate key in the index", codeJSON, "index.json", func(d *doc) { d.rawIndex = insert(`{"manifests":[],`) })
	add("duplicate key in the manifest", codeJSON, "manifest", func(d *doc) { d.rawMan = insert(`{"layers":[],`) })
	add("duplicate key in another case", codeJSON, "manifest", func(d *doc) { d.rawMan = insert(`{"LayerS":[],`) })
	add("duplicate key under folding", codeJSON, "manifest", func(d *doc) { d.rawMan = insert(`{"layer\u017f":[],`) })
	add("duplicate key in the config", codeJSON, "config", func(d *doc) { d.rawConfig = insert(`{"config":{},`) })
	add("trailing data", codeJSON, "manifest", func(d *doc) { d.rawMan = func(b []byte) []byte { return append(b, "{}"...) } })
	add("not UTF-8", codeJSON, "config", func(d *doc) { d.rawConfig = insert("{\"a\xff\":1,") })
	add("deep", codeJSON, "config", func(d *doc) {
		d.rawConfig = insert(`{"x":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + ",")
	})
	add("wrong type", codeJSON, "config", func(d *doc) { d.onConfig = func(c obj) { c["config"] = obj{"Entrypoint": "/run"} } })
	add("huge config", codeSize, "manifest, config", func(d *doc) { d.rawConfig = insert(`{"x":"` + strings.Repeat("x", 1<<20) + `",`) })
	add("other number of layers", codeConfig, "config", func(d *doc) { d.onConfig = func(c obj) { desc(c, "rootfs")["diff_ids"] = []string{} } })
	add("windows", codePlatform, "config", func(d *doc) { d.onConfig = func(c obj) { c["os"] = "windows" } })
	add("working directory that is a link to a mount", codeConfig, "config, WorkingDir", func(d *doc) {
		d.layers = append(d.layers, layerDoc{tarOf(t, ent{name: "out", typ: tar.TypeSymlink, link: "/output"}), Gzip})
		d.onConfig = func(c obj) { c["config"].(obj)["WorkingDir"] = "/out" }
	})
	add("no command", codeCommand, "config", func(d *doc) { d.cmd = nil })
	add("command not there", codeCommand, "config", func(d *doc) { d.cmd = []string{"/walk"} })
	add("command under a mount", codeCommand, "config", func(d *doc) {
		d.cmd = []string{"/model"}
		d.layers[0].tar = tarOf(t, ent{name: "model", mode: 0o755})
	})
	add("command not executable", codeCommand, "config", func(d *doc) { d.layers[0].tar = tarOf(t, ent{name: "run", mode: 0o644}) })
	add("command outside", codeCommand, "config", func(d *doc) { d.cmd = []string{"/../../../bin/true"} })
	add("NUL in the command", codeCommand, "config", func(d *doc) { d.cmd = []string{"/run", "a\x00b"} })
	add("empty command", codeCommand, "config", func(d *doc) { d.cmd = []string{""} })
	add("one huge word", codeCommand, "config", func(d *doc) { d.cmd = []string{"/run", strings.Repeat("x", 1<<18)} })
	add("huge command", codeCommand, "config", func(d *doc) { d.cmd = slices.Repeat([]string{"/run"}, 2000) })
	add("many layers", codeEntries, "manifest", func(d *doc) { d.layers = slices.Repeat(d.layers, 128) })
	add("layout of another version", codeArchive, "oci-layout", func(d *doc) {
		d.onMembers = func(f map[string][]byte) { f["oci-layout"] = []byte(`{"imageLayoutVersion":"2.0.0"}`) }
	})
	add("index of an old schema", codeMediaType, "index.json", func(d *doc) { d.onIndex = func(ix obj) { ix["schemaVersion"] = 1 } })
	add("index that calls itself an image", codeMediaType, "index.json", func(d *doc) {
		d.onIndex = func(ix obj) { ix["mediaType"] = "application/vnd.oci.image.manifest.v1+json" }
	})
	add("manifest that calls itself another image", codeMediaType, "manifest", func(d *doc) {
		d.onManifest = func(m obj) { m["mediaType"] = "application/vnd.docker.distribution.manifest.v2+json" }
	})
	add("layer that is xz", codeMediaType, "layer 2", func(d *doc) {
		d.layers = append(d.layers, layerDoc{append([]byte("\xfd7zXZ\x00"), make([]byte, 1018)...), Plain})
	})
	add("working directory that is a file", codeConfig, "config, WorkingDir", func(d *doc) {
		d.onConfig = func(c obj) { c["config"].(obj)["WorkingDir"] = "/run" }
	})
	add("command that is a directory", codeCommand, "config", func(d *doc) { d.layers[0].tar = tarOf(t, ent{name: "run/"}) })
	add("no manifest", codeNone, "index.json", func(d *doc) { d.onIndex = func(ix obj) { ix["manifests"] = []obj{} } })
	add("no mark", codeArchive, "oci-layout", func(d *doc) { d.onMembers = func(f map[string][]byte) { delete(f, "oci-layout") } })
	// An index cannot name itself by its true digest; the loop is a wrong digest.
	add("index loop", codeDigest, "index.json, manifest 1", func(d *doc) {
		d.onMembers = func(f map[string][]byte) {
			self := refer("application/vnd.oci.image.index.v1+json", []byte("x"))
			loop := mustJSON(t, obj{"schemaVersion": 2, "manifests": []obj{self}})
			f["blobs/sha256/"+aihub.DigestOf([]byte("x")).Hex()], f["index.json"] = loop, loop
		}
	})
	add("deep index", codeNesting, "index.json, manifest 1, manifest 1, manifest 1", func(d *doc) {
		d.onMembers = func(f map[string][]byte) {
			b := f["index.json"]
			for range 5 {
				f["blobs/sha256/"+aihub.DigestOf(b).Hex()] = b
				b = mustJSON(t, obj{"schemaVersion": 2, "manifests": []obj{refer("application/vnd.oci.image.index.v1+json", b)}})
			}
			f["index.json"] = b
		}
	})
	add("wide index", codeEntries, "index.json", func(d *doc) {
		d.onIndex = func(ix obj) {
			var l []obj
			for i := range 1001 {
				l = append(l, refer("application/vnd.oci.image.manifest.v1+json", fmt.Append(nil, i)))
			}
			ix["manifests"] = l
		}
	})
	return out
}

func hostileArchives(t testing.TB) []refusal {
	layout := simple(t).oci(t)
	one := func(name string, entries ...ent) []byte { return tarOf(t, append([]ent{{name: name}}, entries...)...) }
	two := `[{"Config":"a.json","RepoTags":["first:1"],"Layers":[]},{"Config":"b.json","RepoTags":["second:1"],"Layers":[]}]`
	lie := simple(t).docker(t)
	return []refusal{
		{"empty", nil, codeArchive, "archive", Limits{}},
		{"text", []byte("FROM scratch\n"), codeArchive, "archive", Limits{}},
		{"xz", append([]byte("\xfd7zXZ\x00"), make([]byte, 600)...), codeArchive, "archive", Limits{}},
		{"cut short", layout[:len(layout)/2], codeArchive, "archive", Limits{}},
		{"gzip cut short", pressed(t, Gzip, layout)[:300], codeArchive, "archive", Limits{}},
		{"broken zstd", append([]byte("\x28\xb5\x2f\xfd"), bytes.Repeat([]byte("x"), 100)...), codeArchive, "archive", Limits{}},
		{"root file system", one("etc/passwd"), codeArchive, "archive", Limits{}},
		{"too large", layout, codeTooLarge, "archive", Limits{Archive: 2000}},
		{"too large once unpacked", pressed(t, Gzip, tarOf(t, ent{name: "f", body: strings.Repeat("x", 1<<20)})), codeTooLarge, "archive", Limits{Archive: 1 << 19}},
		{"traversing member", one("../../index.json"), codePath, "archive: ../../index.json", Limits{}},
		{"member twice", one("index.json", ent{name: "./index.json"}), codeArchive, "archive: index.json", Limits{}},
		{"device member", tarOf(t, ent{name: "index.json", typ: tar.TypeChar}), codeType, "archive: index.json", Limits{}},
		{"index that is a link", tarOf(t, ent{name: "index.json", typ: tar.TypeSymlink, link: "/etc/passwd"}), codeArchive, "archive", Limits{}},
		{"many members", tarOf(t, manyMembers()...), codeEntries, "archive", Limits{}},
		{"two docker images", tarOf(t, ent{name: "manifest.json", body: two}), codeMany, "archive", Limits{}},
		{"docker archive of no image", tarOf(t, ent{name: "manifest.json", body: "[]"}), codeNone, "manifest.json", Limits{}},
		{"docker config not there", tarOf(t, ent{name: "manifest.json", body: `[{"Config":"c.json","Layers":[]}]`}), codeMissing, "manifest.json", Limits{}},
		{"docker config too large", tarOf(t, ent{name: "c.json", body: `{"x":"` + strings.Repeat("x", 1<<20) + `"}`}, ent{name: "manifest.json", body: `[{"Config":"c.json","Layers":[]}]`}), codeTooLarge, "config", Limits{}},
		{"docker many layers", tarOf(t, ent{name: "c.json", body: "{}"}, ent{name: "manifest.json", body: `[{"Config":"c.json","Layers":[` + strings.Repeat(`"l",`, 127) + `"l"]}]`}), codeEntries, "manifest.json", Limits{}},
		{"docker layer that is xz", tarOf(t, ent{name: "c.json", body: "{}"}, ent{name: "l", body: "\xfd7zXZ\x00"}, ent{name: "manifest.json", body: `[{"Config":"c.json","Layers":["l"]}]`}), codeMediaType, "layer 1", Limits{}},
		{"docker config digest", bytes.Replace(lie, []byte(`"/run"`), []byte(`"/ran"`), 1), codeDigest, "config", Limits{}},
		{"docker layer outside", tarOf(t, ent{name: "c.json", body: "{}"}, ent{name: "manifest.json", body: `[{"Config":"c.json","Layers":["../../etc/passwd"]}]`}), codeMissing, "layer 1", Limits{}},
	}
}

func manyMembers() []ent {
	var l []ent
	for i := range maxMembers + 1 {
		l = append(l, ent{name: fmt.Sprintf("m%d", i)})
	}
	return l
}

// A whiteout below a directory that no layer has made hides nothing, least of all
// what has its name elsewhere.
func TestWhiteoutBelowNothing(t *testing.T) {
	t.Parallel()
	if _, _, err := importing(t, simple(t, tarOf(t, ent{name: "none/.wh.run"}, ent{name: "none/at/all/.wh.run"})).oci(t), Limits{}); err != nil {
		t.Error(err) // /run is its command
	}
}
