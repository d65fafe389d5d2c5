package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"aihub"
	"aihub/catalog/source"
	"aihub/server/wire"
)

// rawFile opens the raw table that an argument names: a local file, or an
// address, which is fetched into a temporary file first. done closes it and
// removes what was fetched.
func (p *process) rawFile(ctx context.Context, arg, query string) (f *os.File, done func() error, err error) {
	if remote, _ := source.Remote(arg); !remote {
		if query != "" {
			return nil, nil, aihub.Errorf(aihub.Invalid, aihub.Text{EN: "--query goes with the address of a database", ZH: "--query 须与数据库地址一同使用"})
		}
		if f, err = openFile(arg); err != nil {
			return nil, nil, err
		}
		return f, f.Close, nil
	}
	dir, err := os.MkdirTemp("", "aihub-raw-*") // for its owner only
	if err != nil {
		return nil, nil, err
	}
	path := filepath.Join(dir, "data")
	bar := p.progress()
	err = source.Fetch(ctx, arg, path, source.Options{Query: query, Report: func(done, total int64) {
		bar.show(wire.Progress{Stage: "fetch", Done: done, Total: total})
	}})
	bar.end()
	if err == nil {
		f, err = os.Open(path)
	}
	if err != nil {
		return nil, nil, errors.Join(err, os.RemoveAll(dir))
	}
	return f, func() error { return errors.Join(f.Close(), os.RemoveAll(dir)) }, nil
}
