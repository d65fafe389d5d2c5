package desk

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"aihub"
	"aihub/evaluator"
	"aihub/policies"
	"aihub/sandbox"
	"aihub/server/wire"
)

// What may be asked for at once. A reviewer has to be able to read it.
const (
	maxOutFile = 1 << 20
	maxOutAll  = 2 << 20
	viewBytes  = 32 << 10
)

// AskFiles asks that files which a workspace left in /output leave. They are
// searched before reviewers see them.
func (d *Desk) AskFiles(ctx context.Context, a aihub.Actor, id aihub.SubmissionID, in wire.AskFiles) (aihub.FileRelease, error) {
	none := aihub.FileRelease{}
	sub, err := d.Workspace(ctx, a, id)
	if err != nil {
		return none, err
	}
	p, err := d.permit(ctx, a, policies.FilesRequest, policies.Object{ID: string(id), Org: sub.Org, Author: sub.User})
	if err != nil {
		return none, err
	}
	left, err := d.DB.LeftFiles(ctx, p, id)
	if err != nil {
		return none, err
	}
	files, err := d.outgoing(ctx, left.Archive, in.Files)
	if err != nil {
		return none, err
	}
	scope := policies.ScopeOf(policies.Platform())
	sc, spec, err := d.Scenario(ctx, a, sub.Scenario.String())
	if err != nil {
		return none, err
	}
	v, err := d.DB.Dataset(ctx, scope, sc.Dataset)
	if err != nil {
		return none, err
	}
	found, err := d.Searcher.Search(ctx, v, spec.Input.Key, left.RowKey, files)
	if err != nil {
		return none, err
	}
	r := aihub.FileRelease{Workspace: id, Org: a.Org, Author: a.User, Purpose: in.Purpose, Found: &found}
	for _, f := range files {
		r.Files = append(r.Files, aihub.ReleasedFile{Path: f.Path, Bytes: int64(len(f.Data)), Digest: aihub.DigestOf(f.Data)})
	}
	return d.DB.RequestFiles(ctx, p, r)
}

// outgoing reads the files that are asked for.
func (d *Desk) outgoing(ctx context.Context, archive aihub.Digest, names []string) ([]evaluator.Outgoing, error) {
	if len(names) == 0 || len(names) > 20 {
		return nil, invalid("name 1 to 20 files", "请指定 1 至 20 个文件")
	}
	names = slices.Clone(names)
	for i, n := range names {
		names[i] = strings.TrimPrefix(n, "/output/")
	}
	slices.Sort(names)
	if len(slices.Compact(slices.Clone(names))) != len(names) {
		return nil, invalid("a file is named twice", "文件重复")
	}
	var out []evaluator.Outgoing
	total := int64(0)
	err := sandbox.EachFile(ctx, d.Blobs, archive, func(name string, size int64, r io.Reader) error {
		if _, ok := slices.BinarySearch(names, name); !ok {
			return nil
		}
		if total += size; size > maxOutFile || total > maxOutAll {
			return aihub.Errorf(aihub.Refused, aihub.Text{
				EN: fmt.Sprintf("%q is too large: a file of 1 MiB and 2 MiB together may be asked for, so that a person can read it", name),
				ZH: fmt.Sprintf("%q 过大：单个文件最多 1 MiB、合计最多 2 MiB，以便人工审阅", name),
			}).WithHint(aihub.Text{EN: "models stay: train with aihub train, and submit with --model", ZH: "模型不出域：请用 aihub train 训练，并以 --model 提交"})
		}
		b, err := io.ReadAll(io.LimitReader(r, maxOutFile))
		out = append(out, evaluator.Outgoing{Path: name, Data: b})
		return err
	})
	if e := (*aihub.Error)(nil); errors.As(err, &e) {
		return nil, e
	}
	if err != nil {
		return nil, err
	}
	for _, n := range names {
		if !slices.ContainsFunc(out, func(f evaluator.Outgoing) bool { return f.Path == n }) {
			return nil, aihub.Errorf(aihub.NotFound, aihub.Text{
				EN: fmt.Sprintf("the workspace left no file %.200q in /output", n), ZH: fmt.Sprintf("工作区的 /output 中没有文件 %.200q", n),
			}).WithHint(aihub.Text{EN: "write its path below /output: results/report.md", ZH: "请写出 /output 下的路径：results/report.md"})
		}
	}
	return out, nil
}

// FileReleases lists those in scope; of one workspace, or ("") of all.
func (d *Desk) FileReleases(ctx context.Context, a aihub.Actor, workspace aihub.SubmissionID) ([]aihub.FileRelease, error) {
	if err := signedIn(a); err != nil {
		return nil, err
	}
	return d.DB.FileReleases(ctx, policies.ScopeOf(a), workspace)
}

// FileRelease returns one.
func (d *Desk) FileRelease(ctx context.Context, a aihub.Actor, id aihub.FileReleaseID) (aihub.FileRelease, error) {
	if err := signedIn(a); err != nil {
		return aihub.FileRelease{}, err
	}
	return d.DB.FileRelease(ctx, policies.ScopeOf(a), id)
}

// VoteFiles records a reviewer's decision on a release of files.
func (d *Desk) VoteFiles(ctx context.Context, a aihub.Actor, id aihub.FileReleaseID, in wire.Decide) error {
	r, err := d.FileRelease(ctx, a, id)
	if err != nil {
		return err
	}
	p, err := d.permit(ctx, a, policies.FilesVote, policies.Object{ID: string(id), Org: r.Org, Author: r.Author})
	if err != nil {
		return err
	}
	return d.DB.VoteFiles(ctx, p, id, in.Approve, in.Reason)
}

// ViewFile returns a piece of a file of a release, for whoever may vote on it.
func (d *Desk) ViewFile(ctx context.Context, a aihub.Actor, id aihub.FileReleaseID, file int, from int64) (wire.FileView, error) {
	none := wire.FileView{}
	r, err := d.FileRelease(ctx, a, id)
	if err != nil {
		return none, err
	}
	p, err := d.permit(ctx, a, policies.FilesVote, policies.Object{ID: string(id), Org: r.Org, Author: r.Author})
	if err != nil {
		return none, err
	}
	r, archive, err := d.DB.LookAtFiles(ctx, p, id)
	if err != nil {
		return none, err
	}
	f, b, err := d.fileOf(ctx, r, archive, file)
	if err != nil {
		return none, err
	}
	if from < 0 || from > f.Bytes {
		return none, invalid("from: a place in the file", "from 应为文件中的位置")
	}
	v := wire.FileView{File: f, From: from, IsHex: !utf8.Valid(b) || bytes.IndexByte(b, 0) >= 0}
	to := min(from+viewBytes, f.Bytes)
	if v.IsHex {
		v.Text = hex.Dump(b[from:min(from+viewBytes/4, f.Bytes)])
		to = min(from+viewBytes/4, f.Bytes)
	} else {
		for to < f.Bytes && !utf8.RuneStart(b[to]) {
			to--
		}
		v.Text = spelled(string(b[from:to]))
	}
	if to < f.Bytes {
		v.Next = to
	}
	return v, nil
}

// FetchFile returns a file of a release, once it is released.
func (d *Desk) FetchFile(ctx context.Context, a aihub.Actor, id aihub.FileReleaseID, file int) (aihub.ReleasedFile, []byte, error) {
	none := aihub.ReleasedFile{}
	r, err := d.FileRelease(ctx, a, id)
	if err != nil {
		return none, nil, err
	}
	p, err := d.permit(ctx, a, policies.FilesFetch, policies.Object{ID: string(id), Org: r.Org, Author: r.Author})
	if err != nil {
		return none, nil, err
	}
	r, archive, err := d.DB.FetchFiles(ctx, p, id)
	if err != nil {
		return none, nil, err
	}
	return d.fileOf(ctx, r, archive, file)
}

// fileOf reads one file of a release, as it was when it was asked for.
func (d *Desk) fileOf(ctx context.Context, r aihub.FileRelease, archive aihub.Digest, file int) (f aihub.ReleasedFile, b []byte, err error) {
	if file < 0 || file >= len(r.Files) {
		return f, nil, NotFound()
	}
	f = r.Files[file]
	err = sandbox.EachFile(ctx, d.Blobs, archive, func(name string, size int64, from io.Reader) error {
		if name == f.Path && size == f.Bytes {
			b, err = io.ReadAll(io.LimitReader(from, maxOutFile))
			return err
		}
		return nil
	})
	if err == nil && aihub.DigestOf(b) != f.Digest {
		err = aihub.Errorf(aihub.Internal, aihub.Text{EN: "the file is not the one that was asked for", ZH: "文件与申请时不一致"})
	}
	return f, b, err
}

// spelled writes out every character that a reader would not see: what is hidden
// between others or at the end of lines could carry data. Line ends are left alone
// where they are all of one kind.
func spelled(s string) string {
	if ends := strings.Count(s, "\r\n"); ends == strings.Count(s, "\n") && ends == strings.Count(s, "\r") {
		s = strings.ReplaceAll(s, "\r\n", "\n")
	}
	var out strings.Builder
	write := func(r rune) { fmt.Fprintf(&out, "⟨U+%04X⟩", r) }
	for line := range strings.Lines(s) {
		end := len(strings.TrimRight(line, " \t\n"))
		for i, r := range line {
			switch {
			case r == '\n':
				out.WriteRune(r)
			case i >= end, !unicode.IsPrint(r) && r != '\t', unicode.In(r, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point):
				write(r)
			default:
				out.WriteRune(r)
			}
		}
	}
	return out.String()
}
