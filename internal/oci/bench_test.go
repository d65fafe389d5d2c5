package oci

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"
)

// benchImage is about 240 MB in 6,000 files that compress like programs do, in four layers.
func benchImage(b *testing.B) *doc {
	words := make([][]byte, 2000)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range words {
		words[i] = make([]byte, 3+r.IntN(12))
		for j := range words[i] {
			words[i][j] = byte(r.Uint32())
		}
	}
	var raw [4]bytes.Buffer
	var layers [4]*tar.Writer
	for i := range layers {
		layers[i] = tar.NewWriter(&raw[i])
	}
	write := func(tw *tar.Writer, name string, body []byte) {
		if err := tw.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o755, Size: int64(len(body))}); err != nil {
			b.Fatal(err)
		}
		if _, err := tw.Write(body); err != nil {
			b.Fatal(err)
		}
	}
	write(layers[0], "run", []byte(runBody))
	for i := range 6000 {
		size := 1000 + r.IntN(8000)
		if i%20 == 0 {
			size = 700_000
		}
		body := make([]byte, 0, size+16)
		for len(body) < size {
			body = append(body, words[r.IntN(len(words))]...)
		}
		write(layers[i*4/6000], fmt.Sprintf("usr/lib/python3/dist-packages/p%d/s%d/f%d.py", i%40, i%7, i), body)
	}
	d := &doc{arch: runtime.GOARCH, cmd: []string{"/run"}}
	for i, tw := range layers {
		if err := tw.Close(); err != nil {
			b.Fatal(err)
		}
		d.layers = append(d.layers, layerDoc{raw[i].Bytes(), Gzip})
	}
	return d
}

// Taking an image in and unpacking it, beside `tar x` of the same layer.
func BenchmarkImage(b *testing.B) {
	d := benchImage(b)
	archive := d.oci(b)
	var files []string
	var size int64
	for i, l := range d.layers {
		files = append(files, filepath.Join(b.TempDir(), fmt.Sprintf("layer%d.tar.gz", i)))
		if err := os.WriteFile(files[i], pressed(b, Gzip, l.tar), 0o600); err != nil {
			b.Fatal(err)
		}
		size += int64(len(l.tar))
	}
	store := &memory{}
	img, err := Import(b.Context(), store, bytes.NewReader(archive), Limits{})
	if err != nil {
		b.Fatal(err)
	}
	// In turns, because what one wrote is still going to the disk when the next
	// begins; the ratio is of the medians.
	b.Run("rootfs-beside-tar-x", func(b *testing.B) {
		var tar, ours []float64
		took := func(list *[]float64, f func()) {
			began := time.Now()
			f()
			*list = append(*list, float64(time.Since(began).Microseconds())/1000)
		}
		for b.Loop() {
			took(&tar, func() {
				dir := b.TempDir()
				for _, layer := range files {
					if out, err := exec.Command("tar", "-C", dir, "-xf", layer).CombinedOutput(); err != nil {
						b.Fatalf("%v: %s", err, out)
					}
				}
			})
			took(&ours, func() {
				_, release, err := (&Cache{Dir: b.TempDir()}).Rootfs(b.Context(), store, img, "")
				if err != nil {
					b.Fatal(err)
				}
				release()
			})
		}
		slices.Sort(tar)
		slices.Sort(ours)
		t, o := tar[len(tar)/2], ours[len(ours)/2]
		b.ReportMetric(t, "tar-ms")
		b.ReportMetric(o, "rootfs-ms")
		b.ReportMetric(o/t, "rootfs/tar")
	})
	b.Run("rootfs-cached", func(b *testing.B) {
		c := &Cache{Dir: b.TempDir()}
		_, hold, err := c.Rootfs(b.Context(), store, img, "")
		if err != nil {
			b.Fatal(err)
		}
		defer hold()
		for b.Loop() {
			_, release, err := c.Rootfs(b.Context(), store, img, "")
			if err != nil {
				b.Fatal(err)
			}
			release()
		}
	})
	b.Run("rootfs-sharing-layers", func(b *testing.B) { // with an image that was unpacked before
		c := &Cache{Dir: b.TempDir()}
		over := func(i int) Image {
			top := tarOf(b, ent{name: "run", body: fmt.Sprint(i)})
			d, n, err := store.Put(b.Context(), bytes.NewReader(top))
			if err != nil {
				b.Fatal(err)
			}
			other := img
			other.Layers = append(slices.Clone(img.Layers), Layer{Digest: d, DiffID: d, Size: n})
			other.Digest = d
			return other
		}
		i := 0
		get := func() {
			_, release, err := c.Rootfs(b.Context(), store, over(i), "")
			if err != nil {
				b.Fatal(err)
			}
			release()
			i++
		}
		get()
		for b.Loop() {
			get()
		}
	})
	b.Run("import", func(b *testing.B) {
		b.SetBytes(size)
		for b.Loop() {
			if _, err := Import(b.Context(), &memory{}, bytes.NewReader(archive), Limits{}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("gunzip", func(b *testing.B) {
		b.SetBytes(size)
		for b.Loop() {
			for _, layer := range files {
				f, err := os.Open(layer)
				if err != nil {
					b.Fatal(err)
				}
				z, done, err := decompress(f, Gzip)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := io.Copy(io.Discard, z); err != nil {
					b.Fatal(err)
				}
				done()
				f.Close()
			}
		}
	})
}
