package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"aihub"
	"aihub/internal/archive"
	"aihub/scenarios"
	"aihub/server/client"

	"github.com/spf13/cobra"
)

func (p *process) initCmd() *cobra.Command {
	return p.verb("init SCENARIO [DIR]", "cli.init.short", cobra.RangeArgs(1, 2), func(cmd *cobra.Command, args []string) error {
		return p.with(cmd, func(ctx context.Context, c *client.Client) error {
			v, err := c.Scenario(ctx, args[0])
			if err != nil {
				return err
			}
			dir := v.Ref.Name
			if len(args) == 2 {
				dir = args[1]
			}
			if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
				return aihub.Errorf(aihub.Conflict, aihub.Text{
					EN: dir + " is not empty", ZH: dir + " 不是空目录",
				}).WithHint(aihub.Text{EN: "name another directory: aihub init " + args[0] + " DIR", ZH: "请指定其他目录：aihub init " + args[0] + " 目录"})
			} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return aihub.Errorf(aihub.Invalid, aihub.Text{EN: "cannot write " + dir + ": " + rootCause(err), ZH: "无法写入 " + dir + "：" + rootCause(err)})
			}
			spec, err := scenarios.ParseCanonical(v.Spec)
			if err != nil {
				return err
			}
			if v.Machine == "" {
				return aihub.Errorf(aihub.Unavailable, aihub.Text{
					EN: "the platform's sandbox has not answered since its start, so it is not known yet for which architecture images must be built",
					ZH: "平台的沙箱自启动以来尚未应答，因此还不知道镜像应面向哪种架构",
				}).WithHint(aihub.Text{EN: "try again later, or ask the operators", ZH: "请稍后再试，或联系运营方"})
			}
			// Beside its place first, so that a failure leaves no half of a kit.
			parent := filepath.Dir(filepath.Clean(dir))
			tmp, err := os.MkdirTemp(parent, ".aihub-init-*")
			if err != nil {
				return aihub.Errorf(aihub.Invalid, aihub.Text{EN: "cannot write below " + parent + ": " + rootCause(err), ZH: "无法写入 " + parent + "：" + rootCause(err)})
			}
			defer os.RemoveAll(tmp)
			n, err := p.writeKit(ctx, c, v.Ref, spec, v.Spec, v.Machine, tmp)
			if err != nil {
				return err
			}
			if err := os.Chmod(tmp, 0o755); err != nil {
				return err
			}
			_ = os.Remove(dir) // empty, or not there
			if err := os.Rename(tmp, dir); err != nil {
				return err
			}
			return p.data(map[string]any{"dir": dir, "files": n}, func() { p.say("cli.init.done", "Dir", dir, "Count", n) })
		})
	})
}

// writeKit fetches the public sample and writes the starter kit below dir. Machine is
// the platform's architecture.
func (p *process) writeKit(ctx context.Context, c *client.Client, ref aihub.Ref, spec scenarios.Spec, canonical []byte, machine, dir string) (int, error) {
	ds, err := c.Dataset(ctx, spec.Dataset)
	if err != nil {
		return 0, err
	}
	var text, typed bytes.Buffer
	if err := c.DatasetSample(ctx, spec.Dataset, "csv", &text); err != nil {
		return 0, err
	}
	if err := c.DatasetSample(ctx, spec.Dataset, "parquet", &typed); err != nil {
		return 0, err
	}
	files, err := scenarios.Kit(ref, spec, ds.Columns, machine, &text, p.lang)
	if err != nil {
		return 0, err
	}
	const sample = ".sample.parquet" // what aihub test reads: CSV has no types
	column := ""
	for _, c := range ds.Columns {
		if c.File && slices.Contains(spec.Input.Columns, c.Name) {
			column = c.Name
		}
	}
	k, err := json.MarshalIndent(kit{Ref: ref, Machine: machine, Spec: canonical, Sample: sample, Files: column}, "", "  ")
	if err != nil {
		return 0, err
	}
	files = append(files,
		scenarios.KitFile{Path: sample, Mode: 0o644, Data: typed.Bytes()},
		scenarios.KitFile{Path: kitFile, Mode: 0o644, Data: k})
	for _, f := range files {
		name := filepath.Join(dir, filepath.FromSlash(f.Path))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return 0, aihub.Errorf(aihub.Invalid, aihub.Text{EN: "cannot write " + name + ": " + rootCause(err), ZH: "无法写入 " + name + "：" + rootCause(err)})
		}
		if err := os.WriteFile(name, f.Data, f.Mode); err != nil {
			return 0, aihub.Errorf(aihub.Invalid, aihub.Text{EN: "cannot write " + name + ": " + rootCause(err), ZH: "无法写入 " + name + "：" + rootCause(err)})
		}
	}
	if column == "" {
		return len(files), nil
	}
	n, err := p.writeKitFiles(ctx, c, spec.Dataset, filepath.Join(dir, filepath.FromSlash(kitFiles)))
	return len(files) + n, err
}

// writeKitFiles fetches the pictures and recordings of the public sample into the
// new directory dir.
func (p *process) writeKitFiles(ctx context.Context, c *client.Client, dataset, dir string) (n int, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return 0, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return 0, err
	}
	defer root.Close()
	r, w := io.Pipe()
	go func() { w.CloseWithError(c.DatasetSample(ctx, dataset, "files", w)) }()
	defer r.Close()
	err = archive.Each(r, func(name string, _ int64, r io.Reader) error {
		f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if err != nil {
			return err
		}
		n++
		_, err = io.Copy(f, r)
		return errors.Join(err, f.Close())
	})
	if err == nil {
		_, err = io.Copy(io.Discard, r) // only its end says that it was whole
	}
	return n, err
}
