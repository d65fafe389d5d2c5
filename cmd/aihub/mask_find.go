package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"aihub"
	"aihub/catalog/media"
	"aihub/catalog/media/finder"
	"aihub/internal/archive"
	"aihub/server/wire"
)

// findIn has a detector look at every picture of a folder, and returns the file of
// the folder's archive that says what it found.
func (p *process) findIn(ctx context.Context, folder, program string) (out archive.File, err error) {
	names, err := pictures(folder)
	if err != nil {
		return out, err
	}
	f, err := finder.Start(program)
	if err != nil {
		return out, err
	}
	found := media.Found{Detector: f.Name, Digest: f.Digest, Pictures: map[string][]media.FoundBox{}, Digests: map[string]string{}}
	bar := p.progress()
	defer bar.end()
	for i, name := range names {
		bar.show(wire.Progress{Stage: "find", Done: int64(i), Total: int64(len(names))})
		if found.Pictures[name], found.Digests[name], err = findAt(ctx, f, filepath.Join(folder, filepath.FromSlash(name))); err != nil {
			f.Kill()
			return out, err
		}
	}
	if err := f.Close(); err != nil {
		return out, err
	}
	b, err := json.Marshal(found)
	return archive.File{Name: media.FoundName, Data: b}, err
}

// findAt has a detector look at a picture, and returns the digest of what it was
// shown: before and after it looked, the file has the same bytes.
func findAt(ctx context.Context, f *finder.Finder, picture string) (boxes []media.FoundBox, digest string, err error) {
	if digest, err = digestOf(picture); err != nil {
		return nil, "", err
	}
	if boxes, err = f.Find(ctx, picture); err != nil {
		return nil, "", err
	}
	after, err := digestOf(picture)
	if err == nil && after != digest {
		err = aihub.Errorf(aihub.Conflict, aihub.Text{EN: picture + " changed while the detector looked at it", ZH: picture + " 在检测期间被改动"}).
			WithHint(aihub.Text{EN: "run it again when nothing writes to the folder", ZH: "请在无人写入该文件夹时重新执行"})
	}
	return boxes, digest, err
}

func digestOf(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	_, err = io.Copy(h, f)
	return hex.EncodeToString(h.Sum(nil)), err
}

// pictures are the paths of the pictures below a folder, as an archive has them.
func pictures(folder string) (names []string, err error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return names, fs.WalkDir(root.FS(), ".", func(name string, e fs.DirEntry, err error) error {
		switch {
		case err != nil || name == ".":
			return err
		case strings.HasPrefix(e.Name(), ".") && e.IsDir():
			return fs.SkipDir
		case strings.HasPrefix(e.Name(), ".") || !e.Type().IsRegular(): // packing refuses what is no file
			return nil
		}
		f, err := root.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		head := make([]byte, 16)
		n, err := io.ReadFull(f, head)
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return err
		}
		if kind := media.Kind(head[:n]); kind == "jpeg" || kind == "png" {
			names = append(names, name)
		}
		return nil
	})
}

// findOne has a detector look at one picture.
func findOne(ctx context.Context, program, picture string) (media.Found, error) {
	f, err := finder.Start(program)
	if err != nil {
		return media.Found{}, err
	}
	boxes, digest, err := findAt(ctx, f, picture)
	if err != nil {
		f.Kill()
		return media.Found{}, err
	}
	return media.Found{Detector: f.Name, Digest: f.Digest, Pictures: map[string][]media.FoundBox{picture: boxes}, Digests: map[string]string{picture: digest}}, f.Close()
}
