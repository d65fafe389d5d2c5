package oci

import (
	"testing"

	"aihub"
)

// Whatever is pushed as a manifest, it is refused with a place, or what it names
// are digests and sizes that can be looked up.
func FuzzPushedManifest(f *testing.F) {
	d := simple(f)
	for name, raw := range d.members(f) {
		if len(raw) < 64<<10 && name != "oci-layout" {
			f.Add(raw, "")
		}
	}
	const digest = `"digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":0`
	f.Add([]byte(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{`+digest+`}],"subject":{`+digest+`},"annotations":{"a":"b"}}`), "application/vnd.oci.image.index.v1+json")
	f.Add([]byte(`{"schemaVersion":2,"config":{`+digest+`},"layers":[{"mediaType":"application/vnd.oci.image.layer.nondistributable.v1.tar","urls":["http://x"],`+digest+`}]}`), "application/vnd.oci.image.manifest.v1+json")
	f.Fuzz(func(t *testing.T, raw []byte, mediaType string) {
		p, err := ParsePushed(raw, mediaType)
		if err != nil {
			if aihub.KindOf(err) != aihub.Contract {
				t.Fatal(err)
			}
			faultsOf(t, err)
			return
		}
		for _, b := range append(p.Blobs, p.Manifests...) {
			if !IsDigest(b.Digest) || b.Size < 0 {
				t.Fatalf("%+v", b)
			}
		}
		if p.MediaType == "" || p.Subject != "" && !IsDigest(p.Subject) {
			t.Fatalf("%+v", p)
		}
	})
}
