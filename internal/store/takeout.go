package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"aihub"
	"aihub/policies"
)

// Bounds of releases of files.
const (
	maxAsked  = 10                  // releases of one workspace
	maxOut    = 20                  // files of one release
	keptFiles = 30 * 24 * time.Hour // what a workspace left; then it is deleted
)

const fileReleaseCols = "id, submission, scenario, org, author, purpose, content, files_json, found_json, state, created_at, decided_at, fetched"

type fileReleaseRow struct {
	aihub.FileRelease
	content aihub.Digest
	files   string
}

func scanFileRelease(s scanner) (r fileReleaseRow, err error) {
	r.Found = &aihub.Search{}
	err = s.Scan(&r.ID, &r.Workspace, ref{&r.Scenario}, &r.Org, &r.Author, &r.Purpose, &r.content, &r.files, js{r.Found}, &r.State,
		at{&r.CreatedAt}, at{&r.DecidedAt}, &r.Fetched)
	if err == nil {
		err = js{&r.Files}.Scan(r.files)
	}
	return r, err
}

func noFileRelease(id aihub.FileReleaseID) error {
	return notFound("release of files", "文件出域申请", string(id))
}

func (t *tx) fileRelease(id aihub.FileReleaseID) (fileReleaseRow, error) {
	r, ok, err := one(t, scanFileRelease, "SELECT "+fileReleaseCols+" FROM file_releases WHERE id = ?", id)
	if err == nil && !ok {
		err = noFileRelease(id)
	}
	if err != nil {
		return r, err
	}
	if aihub.DigestOf([]byte(r.files)) != r.content {
		return r, damaged("the files of "+string(id)+" are not those that were asked for", string(id)+" 的文件与申请时不一致")
	}
	r.Votes, err = all(t, func(s scanner) (v aihub.Vote, err error) {
		err = s.Scan(&v.By, &v.Approve, &v.Reason, at{&v.At})
		return v, err
	}, "SELECT user_id, approve, reason, voted_at FROM file_votes WHERE release_id = ? ORDER BY place", id)
	return r, err
}

// Left is what a workspace left in /output, and what is needed to search it.
type Left struct {
	Archive  aihub.Digest // of package sandbox's sealed files
	Scenario aihub.Ref
	RowKey   []byte // made the ids of the rows that the workspace saw
}

// LeftFiles returns what a workspace left, for whoever may ask for its release.
// FilesRequest, ID = submission
func (db *DB) LeftFiles(ctx context.Context, p policies.Permit, id aihub.SubmissionID) (l Left, err error) {
	if err := p.Check(policies.FilesRequest, string(id)); err != nil {
		return l, err
	}
	err = db.read(ctx, func(t *tx) error { l, err = t.leftFiles(p, id); return err })
	return l, err
}

func (t *tx) leftFiles(p policies.Permit, id aihub.SubmissionID) (l Left, err error) {
	s, err := t.submission(id)
	if err != nil {
		return l, err
	}
	if err := sameFacts(p, policies.Object{Org: s.Org}); err != nil {
		return l, err
	}
	if !s.Workspace {
		return l, notFound("workspace", "工作区", string(id))
	}
	if !s.State.Terminal() {
		return l, aihub.Errorf(aihub.Pending, aihub.Text{EN: "the workspace is still open: its files are kept when it is over", ZH: "工作区仍在使用：结束后才会保存其文件"}).
			WithHint(aihub.Text{EN: "leave it with exit", ZH: "请用 exit 结束工作区"})
	}
	sc, err := t.scenario(s.Scenario)
	if err != nil {
		return l, err
	}
	if _, err := t.mayEnter(sc, s.Submission); err != nil { // a revoked enrolment takes nothing out
		return l, err
	}
	var run aihub.RunID
	_, ok, err := one(t, func(sc scanner) (struct{}, error) { return struct{}{}, sc.Scan(&l.Archive, &run) },
		"SELECT digest, run FROM left_files WHERE submission = ?", id)
	if err != nil {
		return l, err
	}
	if !ok {
		return l, refused("nothing is kept of this workspace: it left no file in /output, was cancelled, or ended more than 30 days ago",
			"该工作区没有保存的文件：/output 中没有文件、已被取消，或结束已超过 30 天")
	}
	asked, _, err := one(t, value[int], "SELECT count(*) FROM file_releases WHERE submission = ?", id)
	if err != nil {
		return l, err
	}
	if asked >= maxAsked {
		return l, aihub.Errorf(aihub.Quota, aihub.Text{
			EN: fmt.Sprintf("of one workspace %d releases can be asked for, and all were", maxAsked), ZH: fmt.Sprintf("每个工作区最多可提出 %d 次文件出域申请，已用完", maxAsked),
		})
	}
	r, err := t.run(run)
	l.Scenario, l.RowKey = s.Scenario, r.RowKey
	return l, err
}

// RequestFiles asks for the release of files that a workspace left. The caller
// has read and searched them: Files and Found are kept as they are. It goes to
// review at once.
// FilesRequest, ID = submission
func (db *DB) RequestFiles(ctx context.Context, p policies.Permit, r aihub.FileRelease) (aihub.FileRelease, error) {
	if err := p.Check(policies.FilesRequest, string(r.Workspace)); err != nil {
		return r, err
	}
	if err := own(p, &r.Author, &r.Org); err != nil {
		return r, err
	}
	if err := bounded(4000, "purpose", r.Purpose); err != nil {
		return r, err
	}
	if strings.TrimSpace(r.Purpose) == "" {
		return r, invalid("say what the files are needed for", "请说明文件的用途")
	}
	if len(r.Files) == 0 || len(r.Files) > maxOut {
		return r, invalid(fmt.Sprintf("a release has 1 to %d files", maxOut), fmt.Sprintf("一次出域申请须包含 1 至 %d 个文件", maxOut))
	}
	if r.Found == nil {
		return r, fmt.Errorf("store: files that were not searched")
	}
	files, err := toJSON(r.Files)
	if err != nil {
		return r, err
	}
	found, err := toJSON(r.Found)
	if err != nil {
		return r, err
	}
	if r.State, err = release(aihub.ReleaseDraft, aihub.ReleaseSubmitted, aihub.ReleaseScanning, aihub.ReleaseReview1); err != nil {
		return r, err
	}
	r.ID = aihub.FileReleaseID(aihub.NewID("out"))
	err = db.write(ctx, func(t *tx) error {
		l, err := t.leftFiles(p, r.Workspace)
		if err != nil {
			return err
		}
		r.Scenario, r.CreatedAt = l.Scenario, t.now
		t.touch("file_releases", string(r.ID))
		if err := t.insert("file_releases", fileReleaseCols, r.ID, r.Workspace, r.Scenario.String(), r.Org, r.Author, r.Purpose,
			aihub.DigestOf([]byte(files)), files, found, r.State, us(t.now), 0, 0); err != nil {
			return err
		}
		return t.record(acts, string(policies.FilesRequest), string(r.ID), permitted(p), map[string]any{
			"workspace": r.Workspace, "files": r.Files,
		})
	})
	r, _ = redactFileRelease(policies.ScopeOf(p.Actor()), r)
	return r, err
}

// VoteFiles records a reviewer's decision, by the rules of Vote; what two approve
// is released at once. Files in which a key was found are approved by nobody.
// FilesVote, ID = release
func (db *DB) VoteFiles(ctx context.Context, p policies.Permit, id aihub.FileReleaseID, approve bool, reason string) error {
	if err := p.Check(policies.FilesVote, string(id)); err != nil {
		return err
	}
	if err := bounded(4000, "reason", reason); err != nil {
		return err
	}
	if !approve && strings.TrimSpace(reason) == "" {
		return invalid("say why: the organisation reads it", "请说明理由：该机构可以看到")
	}
	a := p.Actor()
	return db.write(ctx, func(t *tx) error {
		r, err := t.fileRelease(id)
		if err != nil {
			return err
		}
		if err := sameFacts(p, policies.Object{Org: r.Org}); err != nil {
			return err
		}
		if slices.ContainsFunc(r.Votes, func(v aihub.Vote) bool { return v.By == a.User }) {
			return conflict("you have voted on this release already", "您已对该出域申请投票")
		}
		if approve && r.Found.Blocks() {
			return refused("keys of rows were found in these files: they do not leave", "文件中发现了数据行的键：不得出域").
				WithHint(aihub.Text{EN: "reject them, and say so without naming what was found", ZH: "请驳回，并在不透露具体内容的前提下说明理由"})
		}
		if approve {
			if err := t.mayTake(r); err != nil {
				return err
			}
		}
		to, err := tally(r.State, r.Votes, approve)
		if err == nil && to == aihub.ReleaseApproved {
			to, err = release(to, aihub.ReleaseReleasing, aihub.ReleaseReleased)
		}
		if err != nil {
			return err
		}
		var decided int64
		if to == aihub.ReleaseReleased || to == aihub.ReleaseRejected {
			decided = us(t.now)
		}
		vote := string(id) + "/" + string(a.User)
		t.touch("file_votes", vote)
		if err := t.insert("file_votes", "id, release_id, release_org, user_id, user_org, approve, reason, place, voted_at",
			vote, id, r.Org, a.User, a.Org, bit(approve), reason, len(r.Votes)+1, us(t.now)); err != nil {
			return err
		}
		t.touch("file_releases", string(id))
		if err := t.swap("UPDATE file_releases SET state = ?, decided_at = ? WHERE id = ? AND state = ?", to, decided, id, r.State); err != nil {
			return err
		}
		return t.record(acts, string(policies.FilesVote), string(id), permitted(p), map[string]any{"state": to})
	})
}

// LookAtFiles returns a release with the archive that holds its files, for
// whoever may vote on it.
// FilesVote, ID = release
func (db *DB) LookAtFiles(ctx context.Context, p policies.Permit, id aihub.FileReleaseID) (r aihub.FileRelease, archive aihub.Digest, err error) {
	if err := p.Check(policies.FilesVote, string(id)); err != nil {
		return r, "", err
	}
	err = db.read(ctx, func(t *tx) error {
		row, err := t.fileRelease(id)
		if err == nil {
			err = sameFacts(p, policies.Object{Org: row.Org})
		}
		if err != nil {
			return err
		}
		if r, _ = redactFileRelease(policies.ScopeOf(p.Actor()), row.FileRelease); r.ID == "" {
			return noFileRelease(id)
		}
		archive, err = t.archiveOf(row)
		return err
	})
	return r, archive, err
}

// FetchFiles notes that the files of a release are handed out, before they are,
// and returns the archive that holds them.
// FilesFetch, ID = release
func (db *DB) FetchFiles(ctx context.Context, p policies.Permit, id aihub.FileReleaseID) (r aihub.FileRelease, archive aihub.Digest, err error) {
	if err := p.Check(policies.FilesFetch, string(id)); err != nil {
		return r, "", err
	}
	err = db.write(ctx, func(t *tx) error {
		row, err := t.fileRelease(id)
		if err != nil {
			return err
		}
		if err := sameFacts(p, policies.Object{Org: row.Org}); err != nil {
			return err
		}
		switch row.State {
		case aihub.ReleaseReleased:
		case aihub.ReleaseRejected:
			return refused("the release was rejected", "该出域申请已被驳回")
		default:
			return aihub.Errorf(aihub.Pending, aihub.Text{EN: "the release waits for its reviewers", ZH: "该出域申请正在等待评审"})
		}
		if err := t.mayTake(row); err != nil {
			return err
		}
		if archive, err = t.archiveOf(row); err != nil {
			return err
		}
		t.touch("file_releases", string(id))
		if err := t.swap("UPDATE file_releases SET fetched = fetched + 1 WHERE id = ? AND fetched = ?", id, row.Fetched); err != nil {
			return err
		}
		row.Fetched++
		r, _ = redactFileRelease(policies.ScopeOf(p.Actor()), row.FileRelease)
		return t.record(acts, string(policies.FilesFetch), string(id), permitted(p), map[string]any{"fetched": row.Fetched, "content": row.content})
	})
	return r, archive, err
}

// mayTake is an error once the enrolment behind a release is revoked or over:
// nothing leaves by it any more, whatever was voted.
func (t *tx) mayTake(r fileReleaseRow) error {
	s, err := t.submission(r.Workspace)
	if err != nil {
		return err
	}
	sc, err := t.scenario(s.Scenario)
	if err != nil {
		return err
	}
	_, err = t.mayEnter(sc, s.Submission)
	return err
}

func (t *tx) archiveOf(r fileReleaseRow) (aihub.Digest, error) {
	d, ok, err := one(t, value[aihub.Digest], "SELECT digest FROM left_files WHERE submission = ?", r.Workspace)
	if err == nil && !ok {
		err = refused("files of a workspace are kept for 30 days, and these are over", "工作区文件保存 30 天，现已过期")
	}
	return d, err
}

// FileReleases lists those in scope, newest first; of one workspace, or ("") of all.
func (db *DB) FileReleases(ctx context.Context, s policies.Scope, workspace aihub.SubmissionID) ([]aihub.FileRelease, error) {
	list := []aihub.FileRelease{}
	q, args := "SELECT "+fileReleaseCols+" FROM file_releases WHERE 1 = 1", []any{}
	if workspace != "" {
		q, args = q+" AND submission = ?", append(args, workspace)
	}
	if !s.All() {
		q, args = q+" AND org = ?", append(args, s.Actor().Org)
	}
	err := db.read(ctx, func(t *tx) error {
		rows, err := all(t, scanFileRelease, q+" ORDER BY created_at DESC, id DESC LIMIT 1000", args...)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if row, err = t.fileRelease(row.ID); err != nil {
				return err
			}
			if v, ok := redactFileRelease(s, row.FileRelease); ok {
				list = append(list, v)
			}
		}
		return nil
	})
	return list, err
}

// FileRelease returns one in scope, as the scope may see it.
func (db *DB) FileRelease(ctx context.Context, s policies.Scope, id aihub.FileReleaseID) (r aihub.FileRelease, err error) {
	err = db.read(ctx, func(t *tx) error {
		row, err := t.fileRelease(id)
		if err != nil {
			return err
		}
		v, ok := redactFileRelease(s, row.FileRelease)
		if !ok {
			return noFileRelease(id)
		}
		r = v
		return nil
	})
	return r, err
}

// redactFileRelease returns what the scope may see of a release, and whether it
// may know of it. Its organisation is not told what was found, nor how the vote
// stands; at the end it reads the reasons, without names. A reviewer's first vote
// is blind.
func redactFileRelease(s policies.Scope, r aihub.FileRelease) (aihub.FileRelease, bool) {
	mine := slices.ContainsFunc(r.Votes, func(v aihub.Vote) bool { return v.By == s.Actor().User })
	open := r.State != aihub.ReleaseReleased && r.State != aihub.ReleaseRejected
	switch {
	case s.All() && s.Actor().Org != r.Org || isPlatform(s):
		if r.State == aihub.ReleaseReview2 && !mine && !isPlatform(s) {
			r.Votes = nil
		}
		return r, true
	case !sees(s, r.Org):
		return aihub.FileRelease{}, false
	}
	r.Found = nil
	if open {
		r.State, r.Votes = aihub.ReleaseReview1, nil
	}
	r.Votes = slices.Clone(r.Votes)
	for i := range r.Votes {
		r.Votes[i].By = ""
	}
	return r, true
}

// keepFiles keeps the archive of what a workspace left.
func (t *tx) keepFiles(s submissionRow, run aihub.Run, m Sealed) error {
	if err := t.swap("DELETE FROM sealing WHERE digest = ? AND run = ?", m.Digest, run.ID); err != nil {
		return err
	}
	return t.insert("left_files", "digest, submission, run, created_at", m.Digest, s.ID, run.ID, us(t.now))
}
