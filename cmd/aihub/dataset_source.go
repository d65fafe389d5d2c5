package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"aihub"
	"aihub/catalog/source"
	"aihub/internal/archive"
	"aihub/server/wire"
)

// rawFolder packs a folder of a table, pictures and recordings into a temporary
// file, and with them what a detector finds in the pictures, if one is named.
func (p *process) rawFolder(ctx context.Context, folder, detector string) (f *os.File, done func() error, err error) {
	var extra []archive.File
	if detector != "" {
		found, err := p.findIn(ctx, folder, detector)
		if err != nil {
			return nil, nil, err
		}
		extra = append(extra, found)
	}
	dir, err := os.MkdirTemp("", "aihub-raw-*") // for its owner only
	if err != nil {
		return nil, nil, err
	}
	path := filepath.Join(dir, "folder.tar")
	if err = packTo(ctx, path, folder, extra...); err == nil {
		f, err = os.Open(path)
	}
	if err != nil {
		return nil, nil, errors.Join(err, os.RemoveAll(dir))
	}
	return f, func() error { return errors.Join(f.Close(), os.RemoveAll(dir)) }, nil
}

// packTo writes the files below a folder to the new archive at path.
func packTo(ctx context.Context, path, folder string, extra ...archive.File) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = archive.Pack(ctx, f, folder, extra...)
	return errors.Join(err, f.Close())
}

// rawFile opens the raw table that an argument names: a local file, a folder, which
// is packed, or an address, which is fetched into a temporary file first. done
// closes it and removes what was made.
func (p *process) rawFile(ctx context.Context, arg, query, detector string) (f *os.File, done func() error, err error) {
	st, serr := os.Stat(arg)
	if folder := serr == nil && st.IsDir(); detector != "" && !folder {
		return nil, nil, aihub.Errorf(aihub.Invalid, aihub.Text{EN: "--detector goes with a folder of pictures", ZH: "--detector 须与图片文件夹一同使用"}).
			WithHint(aihub.Text{EN: "unpack an archive, and name the folder", ZH: "请先解开归档，再指定文件夹"})
	}
	if remote, _ := source.Remote(arg); !remote {
		if query != "" {
			return nil, nil, aihub.Errorf(aihub.Invalid, aihub.Text{EN: "--query goes with the address of a database", ZH: "--query 须与数据库地址一同使用"})
		}
		if serr == nil && st.IsDir() {
			return p.rawFolder(ctx, arg, detector)
		}
		if f, err = openFile(arg); err != nil {
			return nil, nil, err
		}
		return f, f.Close, nil
	}
	path, gone, err := p.fetched(ctx, arg, query)
	if err == nil {
		f, err = os.Open(path)
	}
	if err != nil {
		return nil, nil, errors.Join(err, gone())
	}
	return f, func() error { return errors.Join(f.Close(), gone()) }, nil
}

// localTable is where the raw table that an argument names can be read by a verb that
// sends nothing: a local file, or what an address names, fetched into a temporary file
// that done removes. shown is the argument as it may be printed, with no password.
func (p *process) localTable(ctx context.Context, arg, query string) (path, shown string, done func() error, err error) {
	done = func() error { return nil }
	if remote, _ := source.Remote(arg); !remote {
		if query != "" {
			return "", "", nil, aihub.Errorf(aihub.Invalid, aihub.Text{EN: "--query goes with the address of a database", ZH: "--query 须与数据库地址一同使用"})
		}
		return arg, arg, done, readable(arg)
	}
	if u, err := url.Parse(arg); err == nil {
		shown = u.Redacted()
	}
	if query != "" {
		shown += fmt.Sprintf(" --query %q", query)
	}
	path, done, err = p.fetched(ctx, arg, query)
	if err != nil {
		return "", "", nil, errors.Join(err, done())
	}
	return path, shown, done, nil
}

// fetched fetches what an address names into a file for its owner only, which gone
// removes.
func (p *process) fetched(ctx context.Context, arg, query string) (path string, gone func() error, err error) {
	dir, err := os.MkdirTemp("", "aihub-raw-*")
	if err != nil {
		return "", func() error { return nil }, err
	}
	path = filepath.Join(dir, "data")
	bar := p.progress()
	err = source.Fetch(ctx, arg, path, source.Options{Query: query, Report: func(done, total int64) {
		bar.show(wire.Progress{Stage: "fetch", Done: done, Total: total})
	}})
	bar.end()
	return path, func() error { return os.RemoveAll(dir) }, err
}
