package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"aihub"
	"aihub/internal/i18n"
	"aihub/internal/oci"
	"aihub/server/client"

	"github.com/spf13/cobra"
)

func (p *process) imageCmd() *cobra.Command {
	c := p.group("image", "cli.image.short")
	var entry, out, arch string
	pack := p.verb("pack DIR", "cli.image.pack.short", cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
		words, err := entrypoint(entry, args[0])
		if err != nil {
			return err
		}
		if arch != "amd64" && arch != "arm64" {
			return usageError{errors.New(p.t("cli.image.arch", "Arch", arch))}
		}
		cfg := oci.Config{Entrypoint: words, Architecture: arch}
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
	pack.Flags().StringVar(&arch, "arch", runtime.GOARCH, p.t("cli.flag.arch"))
	p.require(pack, "entrypoint")
	c.AddCommand(pack, p.imageListCmd(), p.imageDeleteCmd())
	return c
}

func (p *process) imageListCmd() *cobra.Command {
	return p.verb("list", "cli.image.list.short", cobra.NoArgs, func(cmd *cobra.Command, _ []string) error {
		return p.with(cmd, func(ctx context.Context, c *client.Client) error {
			v, err := c.Images(ctx)
			if err != nil {
				return err
			}
			return p.data(v, func() {
				var rows [][]string
				for _, m := range v.Images {
					rows = append(rows, []string{string(m.Digest), i18n.Bytes(m.Bytes), m.CreatedAt.Local().Format(time.DateTime), i18n.Int(m.Submissions), string(m.Last)})
				}
				p.table([]string{"IMAGE", "SIZE", "SINCE", "SUBMISSIONS", "LAST"}, rows)
				if v.Kept > int64(len(v.Images)) {
					p.note("cli.image.newest", "Shown", i18n.Int(len(v.Images)), "Kept", i18n.Int(v.Kept))
				}
				p.note("cli.image.used", "Bytes", i18n.Bytes(v.Bytes), "Most", i18n.Bytes(v.Most))
			})
		})
	})
}

func (p *process) imageDeleteCmd() *cobra.Command {
	return p.verb("delete IMAGE", "cli.image.delete.short", cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
		return p.with(cmd, func(ctx context.Context, c *client.Client) error {
			if err := c.DeleteImage(ctx, args[0]); err != nil {
				return err
			}
			return p.data(map[string]any{"deleted": args[0]}, func() { p.say("cli.image.deleted", "Image", args[0]) })
		})
	})
}

// entrypoint reads --entrypoint, words with blanks between them or a JSON array
// as in a Dockerfile, and finds the program in the folder that becomes the root.
func entrypoint(s, root string) ([]string, error) {
	words := strings.Fields(s)
	if strings.HasPrefix(strings.TrimSpace(s), "[") {
		words = nil
		if err := json.Unmarshal([]byte(s), &words); err != nil {
			return nil, aihub.Errorf(aihub.Invalid, aihub.Text{
				EN: "--entrypoint is no JSON array of strings: " + err.Error(), ZH: "--entrypoint 不是 JSON 字符串数组：" + err.Error(),
			}).WithHint(aihub.Text{EN: `write --entrypoint '["/app","--fast"]'`, ZH: `请写 --entrypoint '["/app","--fast"]'`})
		}
	}
	if len(words) == 0 {
		return nil, aihub.Errorf(aihub.Invalid, aihub.Text{EN: "--entrypoint is empty", ZH: "--entrypoint 为空"}).
			WithHint(aihub.Text{EN: "name the program by its path inside the image, as in --entrypoint /app", ZH: "请写程序在镜像中的路径，例如 --entrypoint /app"})
	}
	if !path.IsAbs(words[0]) {
		return words, nil // found by PATH, inside
	}
	dir, err := os.OpenRoot(root)
	if err != nil {
		return nil, aihub.Errorf(aihub.Invalid, aihub.Text{EN: "cannot read " + root + ": " + rootCause(err), ZH: "无法读取 " + root + "：" + rootCause(err)})
	}
	defer dir.Close()
	name := strings.TrimPrefix(path.Clean(words[0]), "/")
	// A link may lead to a place that exists only once the folder is the root.
	if st, err := dir.Lstat(name); err == nil && st.Mode()&fs.ModeSymlink != 0 {
		return words, nil
	}
	switch st, err := dir.Stat(name); {
	case errors.Is(err, fs.ErrNotExist):
		return nil, aihub.Errorf(aihub.Invalid, aihub.Text{
			EN: fmt.Sprintf("there is no %s in %s, which becomes the root of the image", words[0], root),
			ZH: fmt.Sprintf("%s 将成为镜像的根目录，其中没有 %s", root, words[0]),
		}).WithHint(aihub.Text{EN: fmt.Sprintf("put the program at %s/%s, or give its path inside the image", root, name), ZH: fmt.Sprintf("请把程序放在 %s/%s，或写出它在镜像中的路径", root, name)})
	case err == nil && (!st.Mode().IsRegular() || st.Mode().Perm()&0o111 == 0):
		return nil, aihub.Errorf(aihub.Invalid, aihub.Text{EN: words[0] + " is no executable file", ZH: words[0] + " 不是可执行文件"}).
			WithHint(aihub.Text{EN: "chmod +x it", ZH: "请用 chmod +x 设为可执行"})
	}
	return words, nil
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
