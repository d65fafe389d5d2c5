package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"aihub"
	"aihub/internal/oci"

	"github.com/spf13/cobra"
)

func (p *process) imageCmd() *cobra.Command {
	c := p.group("image", "cli.image.short")
	var entry, out string
	pack := p.verb("pack DIR", "cli.image.pack.short", cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
		cfg := oci.Config{Entrypoint: strings.Fields(entry)}
		if err := writeWhole(out, func(f *os.File) error { return oci.PackDir(f, cfg, args[0]) }); err != nil {
			return err
		}
		st, err := os.Stat(out)
		if err != nil {
			return err
		}
		return p.data(map[string]any{"file": out, "bytes": st.Size()}, func() { p.say("cli.image.packed", "File", out, "Bytes", st.Size()) })
	})
	pack.Flags().StringVar(&entry, "entrypoint", "", p.t("cli.flag.entrypoint"))
	pack.Flags().StringVarP(&out, "output", "o", "image.tar", p.t("cli.flag.output"))
	p.require(pack, "entrypoint")
	c.AddCommand(pack)
	return c
}

// writeWhole writes name through a temporary file beside it, so that a failure
// leaves nothing half-written.
func writeWhole(name string, f func(*os.File) error) error {
	tmp, err := os.CreateTemp(filepath.Dir(name), ".aihub-*")
	if err != nil {
		return aihub.Errorf(aihub.Invalid, aihub.Text{EN: "cannot write " + name + ": " + rootCause(err), ZH: "无法写入 " + name + "：" + rootCause(err)})
	}
	defer os.Remove(tmp.Name())
	if err := f(tmp); err != nil {
		tmp.Close()
		return err
	}
	if err := tmp.Chmod(0o644); err != nil {
		tmp.Close()
		return err
	}
	if err := tmp.Close(); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), name)
}

// removeTree removes dir, read-only directories of unpacked images included.
func removeTree(dir string) error {
	_ = filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			return os.Chmod(p, 0o700)
		}
		return nil // RemoveAll says what is in its way
	})
	return os.RemoveAll(dir)
}
