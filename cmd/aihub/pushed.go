package main

import (
	"context"
	"net/url"
	"os"
	"regexp"
	"strings"

	"aihub"
	"aihub/server/client"
	"aihub/server/wire"
)

// pushedRE is what --image names when it names no file: a tag or a digest is
// asked for, so that a mistyped file name stays one.
var pushedRE = regexp.MustCompile(`^(?:([a-z0-9.-]+(?::[0-9]+)?|\[[0-9a-f:]+\](?::[0-9]+)?)/)?([a-z0-9-]+/[a-z0-9._-]+(?::[A-Za-z0-9_][A-Za-z0-9._-]*|@sha256:[0-9a-f]{64}))$`)

// bringImage has the platform take the image that --image names: it uploads a
// file, and names what was pushed.
func (p *process) bringImage(ctx context.Context, c *client.Client, image string) (wire.Image, error) {
	if m := pushedRE.FindStringSubmatch(image); m != nil {
		if _, err := os.Stat(image); err != nil {
			return takePushed(ctx, c, m[1], m[2])
		}
	}
	f, err := openFile(image)
	if err != nil {
		return wire.Image{}, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return wire.Image{}, err
	}
	bar := p.progress()
	defer bar.end()
	return c.UploadImage(ctx, f, func(done int64) {
		bar.show(wire.Progress{Stage: "upload", Done: done, Total: st.Size()})
	})
}

// takePushed refuses an image of another registry: the platform fetches from
// nowhere.
func takePushed(ctx context.Context, c *client.Client, host, ref string) (wire.Image, error) {
	ours := c.Server()
	if u, err := url.Parse(ours); err == nil {
		ours = u.Host
	}
	if host != "" && !strings.EqualFold(host, ours) {
		return wire.Image{}, aihub.Errorf(aihub.Invalid, aihub.Text{
			EN: "the platform fetches no image from " + host, ZH: "平台不从 " + host + " 获取镜像",
		}).WithHint(aihub.Text{
			EN: "push it here first: docker push " + ours + "/" + ref, ZH: "请先推送到平台：docker push " + ours + "/" + ref,
		})
	}
	return c.TakePushed(ctx, ref)
}
