package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"aihub"
	"aihub/server/client"
	"aihub/server/wire"

	"github.com/spf13/cobra"
)

// takeoutCmds are the verbs about files of a workspace that leave.
func (p *process) takeoutCmds() []*cobra.Command {
	var files []string
	var purpose string
	ask := p.verb("release WORKSPACE", "seat.release", cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
		return p.with(cmd, func(ctx context.Context, c *client.Client) error {
			r, err := c.AskFiles(ctx, aihub.SubmissionID(args[0]), wire.AskFiles{Files: files, Purpose: purpose})
			if err != nil {
				return err
			}
			return p.data(r, func() { p.say("seat.asked", "ID", string(r.ID)) })
		})
	})
	ask.Flags().StringArrayVar(&files, "file", nil, p.t("seat.flag.file"))
	ask.Flags().StringVar(&purpose, "purpose", "", p.t("seat.flag.purpose"))
	p.require(ask, "file")
	p.require(ask, "purpose")

	list := p.verb("releases [WORKSPACE]", "seat.releases", cobra.MaximumNArgs(1), func(cmd *cobra.Command, args []string) error {
		return p.with(cmd, func(ctx context.Context, c *client.Client) error {
			var id aihub.SubmissionID
			if len(args) == 1 {
				id = aihub.SubmissionID(args[0])
			}
			all, err := c.FileReleases(ctx, id)
			if err != nil {
				return err
			}
			return p.data(all, func() {
				var rows [][]string
				for _, r := range all {
					rows = append(rows, []string{string(r.ID), stateOf(p, "seat.files_state.", r.State), r.Scenario.String(), string(r.Org), fmt.Sprint(len(r.Files)), reasons(r), r.CreatedAt.Local().Format(time.DateTime)})
				}
				p.table([]string{"RELEASE", "STATE", "SCENARIO", "ORG", "FILES", "REASON", "CREATED"}, rows)
			})
		})
	})

	var name string
	inspect := p.verb("inspect RELEASE", "seat.inspect", cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
		return p.with(cmd, func(ctx context.Context, c *client.Client) error { return p.inspectFiles(ctx, c, args[0], name) })
	})
	inspect.Flags().StringVar(&name, "file", "", p.t("seat.flag.show"))

	var dir string
	fetch := p.verb("fetch RELEASE", "seat.fetch", cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
		return p.with(cmd, func(ctx context.Context, c *client.Client) error { return p.fetchFiles(ctx, c, args[0], dir) })
	})
	fetch.Flags().StringVar(&dir, "dir", ".", p.t("seat.flag.dir"))

	vote := func(ctx context.Context, c *client.Client, id string, d wire.Decide) error {
		return c.VoteFiles(ctx, id, d)
	}
	return []*cobra.Command{
		ask, list, inspect, fetch,
		p.voteCmd("approve RELEASE", "seat.approve", true, vote), p.voteCmd("reject RELEASE", "seat.reject", false, vote),
	}
}

// reasons are what reviewers who refused wrote.
func reasons(r aihub.FileRelease) string {
	var all []string
	for _, v := range r.Votes {
		if !v.Approve {
			all = append(all, v.Reason)
		}
	}
	return strings.Join(all, "; ")
}

// inspectFiles shows a reviewer what would leave: what the search found, and
// whole files, one or all.
func (p *process) inspectFiles(ctx context.Context, c *client.Client, id, name string) error {
	r, err := c.FileRelease(ctx, id)
	if err != nil {
		return err
	}
	if p.json {
		return p.data(r, nil)
	}
	p.say("seat.looks", "User", string(r.Author), "Org", string(r.Org), "Purpose", printable(r.Purpose))
	if r.Found != nil {
		p.say("seat.searched", "Keys", r.Found.Keys, "Of", r.Found.Of)
		for _, f := range r.Found.Found {
			p.say("seat.found."+string(f.What), "Path", printable(f.Path), "Keys", f.Count)
		}
	}
	for i, f := range r.Files {
		if name != "" && f.Path != name {
			continue
		}
		fmt.Fprintf(p.Out, "── %s · %d · %s\n", printable(f.Path), f.Bytes, f.Digest.Short())
		for from := int64(0); ; {
			v, err := c.ViewFile(ctx, id, i, from)
			if err != nil {
				return err
			}
			fmt.Fprint(p.Out, printable(v.Text))
			if from = v.Next; from == 0 {
				break
			}
		}
		fmt.Fprintln(p.Out)
	}
	return nil
}

// fetchFiles writes the files of a release below dir, over nothing that is there.
func (p *process) fetchFiles(ctx context.Context, c *client.Client, id, dir string) error {
	r, err := c.FileRelease(ctx, id)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	var written []string
	for i, f := range r.Files {
		if !fs.ValidPath(f.Path) || !filepath.IsLocal(filepath.FromSlash(f.Path)) { // the server's word is not taken for it
			return fmt.Errorf("%q is no path of a file", f.Path)
		}
		b, err := c.FetchFile(ctx, id, i)
		if err != nil {
			return err
		}
		if aihub.DigestOf(b) != f.Digest {
			return aihub.Errorf(aihub.Unavailable, aihub.Text{EN: fmt.Sprintf("%q arrived changed", f.Path), ZH: fmt.Sprintf("%q 在传输中被改动", f.Path)})
		}
		if err := layFile(root, f.Path, b); err != nil {
			return err
		}
		written = append(written, filepath.Join(dir, filepath.FromSlash(f.Path)))
	}
	return p.data(map[string]any{"written": written}, func() {
		for _, w := range written {
			fmt.Fprintln(p.Out, printable(w))
		}
	})
}

func layFile(root *os.Root, name string, b []byte) error {
	if d := path.Dir(name); d != "." {
		if err := root.MkdirAll(filepath.FromSlash(d), 0o755); err != nil {
			return err
		}
	}
	f, err := root.OpenFile(filepath.FromSlash(name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return aihub.Errorf(aihub.Conflict, aihub.Text{EN: fmt.Sprintf("%q is there already", name), ZH: fmt.Sprintf("%q 已存在", name)}).
			WithHint(aihub.Text{EN: "name another directory with --dir", ZH: "请用 --dir 指定其他目录"})
	}
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Close())
}
