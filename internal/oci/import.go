package oci

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"aihub"
	"aihub/internal/blob"
)

// Import reads one image from r, an OCI image layout as a tar or the output of
// `docker save`, gzip or zstd around it or not, checks it, and keeps it in blobs:
// layers, config and, last, the manifest that names them. Everything that is
// wrong with it comes back as one error of kind Contract, and then nothing is
// kept. Where the blob store itself fails midway, blobs stay that no manifest
// names.
func Import(ctx context.Context, blobs blob.Store, r io.Reader, lim Limits) (Image, error) {
	lim = lim.withDefaults()
	fs := &faults{machine: lim.Machine}
	s, err := readArchive(ctx, r, lim, fs)
	if err != nil {
		return Image{}, err
	}
	defer s.close()
	if err := fs.err(); err != nil {
		return Image{}, err
	}
	f, ok := pick(s, lim.Machine, fs)
	if !ok {
		return Image{}, fs.err()
	}
	img := newImage(f.digest, int64(len(f.raw)), f.manifest, f.rawConfig, lim.Machine, fs)
	if err := checkLayers(ctx, s, f, lim, &img, fs); err != nil {
		return Image{}, err
	}
	if err := fs.err(); err != nil {
		return Image{}, err
	}
	return img, keepImage(ctx, blobs, s, f, img, lim)
}

// keepImage keeps an image that has been checked, the manifest last.
func keepImage(ctx context.Context, blobs blob.Store, s parts, f found, img Image, lim Limits) error {
	for i, l := range img.Layers {
		r := s.open(f.layers[i])
		err := keep(ctx, blobs, r, l.Digest, lim)
		r.Close()
		if err != nil {
			return err
		}
	}
	if err := keep(ctx, blobs, strings.NewReader(string(f.rawConfig)), img.Config, lim); err != nil {
		return err
	}
	return keep(ctx, blobs, strings.NewReader(string(f.raw)), f.digest, lim)
}

// keep puts one blob that has been checked, unless its sender has it there already.
// What others have there is put again: who sends an image sees how long that takes.
func keep(ctx context.Context, blobs blob.Store, r io.Reader, want aihub.Digest, lim Limits) error {
	if lim.Kept != nil {
		ok, err := lim.Kept(ctx, want)
		if err != nil {
			return err
		}
		if ok {
			if _, err := blobs.Stat(ctx, want); err == nil || aihub.KindOf(err) != aihub.NotFound {
				return err
			}
		}
	}
	d, _, err := blobs.Put(ctx, r)
	if err == nil && d != want {
		err = fmt.Errorf("blob store kept %s as %s", want, d)
	}
	return err
}

// checkLayers applies all layers to a tree in memory and looks at the result. It
// waits its turn: whatever the number of senders, memory holds maxChecks trees, and
// one of a sender.
func checkLayers(ctx context.Context, s parts, f found, lim Limits, img *Image, fs *faults) error {
	if len(img.Layers) != len(f.layers) {
		return nil // newImage has said why
	}
	leave, err := checks.enter(ctx, lim.Sender)
	if err != nil {
		return err
	}
	defer leave()
	part := ""
	notes := &faults{list: img.Notes}
	w := &walker{ctx: ctx, lim: lim, tree: newTree(lim.Entries),
		bad:  func(code, path string, t aihub.Text) { fs.add(code, part, path, t) },
		note: func(code, path string, t aihub.Text) { notes.add(code, part, path, t) },
	}
	for i, l := range img.Layers {
		part = layerName(i)
		r := s.open(f.layers[i])
		err := w.layer(r, l)
		r.Close()
		if err == nil {
			continue
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var bound *boundError
		switch {
		case errors.As(err, &bound):
			fs.add(bound.code, part, "", bound.text)
		case errors.Is(err, io.ErrUnexpectedEOF):
			fs.add(codeTar, part, "", text("ends in the middle", "不完整，中途结束"))
		default:
			fs.add(codeTar, part, "", text("is not a tar archive, or a broken one: %v", "不是 tar 归档，或已损坏：%v", err))
		}
		return nil // what stands above a broken layer cannot be judged
	}
	img.Notes, img.Unpacked = notes.list, w.content
	if len(fs.list) == 0 {
		checkCommand(w.tree, img, fs)
	}
	return nil
}

// checkCommand looks for the command where the sandbox will: an image that cannot
// start is better refused now than after an attempt is spent.
func checkCommand(t *tree, img *Image, fs *faults) {
	n, at := t.walk("/", img.WorkingDir)
	switch top, _, _ := strings.Cut(at[1:], "/"); {
	case n != nil && n.kind != dir:
		fs.add(codeConfig, "config, WorkingDir", "", text("%s is not a directory", "%s 不是目录", show(img.WorkingDir)))
	case at != img.WorkingDir && slices.Contains(mountPoints, top): // not every runner follows it
		fs.add(codeConfig, "config, WorkingDir", "", text("%s leads by a link into %s, which the platform mounts over; name that directory itself", "%s 经链接指向平台挂载的目录 %s，请直接写该目录", show(img.WorkingDir), show("/"+top)))
	}
	name := img.Args()[0]
	places := []string{name}
	if !strings.Contains(name, "/") {
		places = nil
		for dir := range strings.SplitSeq(strings.TrimPrefix(img.Env[0], "PATH="), ":") {
			places = append(places, path.Join(dir, name))
		}
	}
	there := false
	for _, p := range places {
		at := path.Join(img.WorkingDir, p)
		if path.IsAbs(p) {
			at = path.Clean(p)
		}
		if top, _, _ := strings.Cut(at[1:], "/"); slices.Contains(mountPoints, top) {
			if path.IsAbs(name) {
				fs.add(codeCommand, "config", "", text("its command %s lies in a directory that the platform mounts over; put it elsewhere, in /app for example", "命令 %s 位于平台挂载的目录中，请放到别处，例如 /app", show(name)))
				return
			}
			continue
		}
		if n := t.resolve(img.WorkingDir, p); n != nil && n.kind == file {
			if n.exec {
				return
			}
			there = true
		}
	}
	if there {
		fs.add(codeCommand, "config", "", text("its command %s is not executable", "命令 %s 不可执行", show(name)))
		return
	}
	fs.add(codeCommand, "config", "", text("its command %s is not in the image", "镜像中没有命令 %s", show(name)))
}
