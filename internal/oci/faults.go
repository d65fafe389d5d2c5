package oci

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"aihub"
)

// Codes of the faults of an image. They are stable: scripts match them.
const (
	codeArchive   = "archive"          // not an archive, or a broken one
	codeTooLarge  = "too_large"        // over a bound in bytes
	codeRatio     = "ratio"            // unpacks to far more than it is
	codeEntries   = "too_many_entries" //
	codeJSON      = "json"             // syntax, duplicate keys, nesting
	codeDigest    = "digest"           // bytes do not match their digest
	codeSize      = "size"             // bytes do not match their size
	codeMissing   = "missing_blob"     // named but not in the archive
	codeMediaType = "media_type"       // not one we know
	codeForeign   = "foreign_layer"    // kept at another address
	codeNesting   = "index_nesting"    //
	codeMany      = "many_images"      //
	codeNone      = "no_image"         //
	codePlatform  = "platform"         // built for another machine
	codeConfig    = "config"           //
	codeCommand   = "command"          // nothing to start
	codeTar       = "tar"              // a broken layer
	codePath      = "path"             // leaves the image, or no path at all
	codeLong      = "path_too_long"    //
	codeDevice    = "device"           // device, FIFO, socket
	codeType      = "entry_type"       //
	codeSymlink   = "symlink_parent"   // a path through a link
	codeParent    = "file_parent"      // a path through a file
	codeHardlink  = "hardlink"         // to something that is not a file of the image
	codeWhiteout  = "whiteout"         //
)

// Codes of notes: nothing is wrong, but the image runs without it.
const (
	noteSetid  = "setid_dropped"
	noteXattr  = "xattrs_dropped"
	noteConfig = "config_ignored"
)

const maxExamples = 20

// text formats one message in both languages with the same arguments.
func text(en, zh string, args ...any) aihub.Text {
	return aihub.Text{EN: fmt.Sprintf(en, args...), ZH: fmt.Sprintf(zh, args...)}
}

// at puts a place before a message.
func at(path string, t aihub.Text) aihub.Text {
	return aihub.Text{EN: show(path) + ": " + t.EN, ZH: show(path) + "：" + t.ZH}
}

// faults collects what is wrong with an image: the same fault in the same layer
// or file once, with the first 20 places.
type faults struct {
	list    []aihub.Fault
	index   map[[2]string]int
	machine string // that the image should be for, for the hint
}

// add records a fault in part ("layer 2", "index.json"), at the path inside
// when there is one.
func (f *faults) add(code, part, path string, t aihub.Text) {
	where := part
	if path != "" {
		where = part + ": " + show(path)
	}
	if i, ok := f.index[[2]string{code, part}]; ok {
		g := &f.list[i]
		if g.Count++; len(g.Examples) < maxExamples-1 { // the first is in Where
			g.Examples = append(g.Examples, where)
		}
		return
	}
	if f.index == nil {
		f.index = map[[2]string]int{}
	}
	f.index[[2]string{code, part}] = len(f.list)
	f.list = append(f.list, aihub.Fault{Code: code, Where: where, Message: t, Count: 1})
}

// err returns all faults as one error of kind Contract, or nil.
func (f *faults) err() error {
	if len(f.list) == 0 {
		return nil
	}
	hint, ok := hints[f.list[0].Code]
	switch {
	case f.list[0].Code == codePlatform:
		hint = text("build for the machine that runs it: docker build --platform linux/%[1]s …, or aihub image pack --arch %[1]s …",
			"请为运行平台构建：docker build --platform linux/%[1]s …，或 aihub image pack --arch %[1]s …", f.machine)
	case !ok:
		hint = text("mend the image and save it again", "请修正镜像后重新导出")
	}
	return aihub.Errorf(aihub.Contract, text("the image was refused", "镜像未被接受")).WithFaults(f.list).WithHint(hint)
}

var hints = map[string]aihub.Text{
	codeArchive:  text("give the file that `docker save NAME` writes, or an OCI image layout as a tar (gzip or zstd may be around it)", "请提供 `docker save 名称` 导出的文件，或 OCI 镜像布局的 tar（可用 gzip 或 zstd 压缩）"),
	codeMany:     text("save one image only: docker save NAME:TAG -o image.tar", "请只导出一个镜像：docker save 名称:标签 -o image.tar"),
	codeCommand:  text(`say what to start: ENTRYPOINT ["/app/run"] in the Dockerfile`, `请在 Dockerfile 中写明启动命令：ENTRYPOINT ["/app/run"]`),
	codeDevice:   text("leave devices, FIFOs and sockets out: the platform mounts its own /dev", "请去掉设备、管道和套接字：平台会挂载自己的 /dev"),
	codeTooLarge: text("make the image smaller, or ask the platform for a larger bound", "请缩小镜像，或向平台申请更大的上限"),
}

// show makes a foreign string fit for one line of a message.
func show(s string) string {
	if r := []rune(s); len(r) > 200 {
		s = string(r[:200]) + "…"
	}
	if strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }) {
		return strconv.QuoteToGraphic(s)
	}
	return s
}
