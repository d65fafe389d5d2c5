package store

import (
	"crypto/ed25519"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"aihub"
	"aihub/policies"
	"aihub/policies/ledger"
)

// full is a world in which every covered table has rows, in many states.
func full(t testing.TB) *world {
	t.Helper()
	w, sc := entered(t, 9, 64, "review")
	w.must(w.CreateToken(w.ctx, w.permit(w.alice, policies.TokenCreate, policies.Object{ID: "alice"}), Token{ID: "tok_1", User: "alice", Hash: digest("secret"), Name: "laptop"}))
	w.submit(w.alice, sc, 1)
	w.submit(w.bob, sc, 1)
	w.smoke(w.bob, sc)
	w.infer()
	w.score()
	rels, err := w.Releases(w.ctx, w.scope(w.reviewer), aihub.ReleaseReview1)
	w.must(err)
	for _, r := range []aihub.Actor{w.reviewer, w.reviewer2} {
		w.must(w.Vote(w.ctx, w.permit(r, policies.ReleaseVote, policies.Object{ID: string(rels[0].ID), Org: rels[0].Org}), rels[0].ID, true, "fine"))
	}
	w.toTick()
	if w.releaseDue() != 1 {
		t.Fatal("nothing was released")
	}
	_, err = w.train(w.bob, sc, true)
	w.must(err)
	w.claim(aihub.RunSmoke) // of the smoke submission
	w.trained(aihub.RunSmoke, "model", 10)
	l := w.claim(aihub.RunInfer)
	w.must(w.Finish(w.ctx, l, Outcome{Failure: aihub.Failure{Owner: aihub.FaultVendor, Reason: aihub.ReasonMemory, Detail: "at 1 GiB"}}))
	lived(w)
	w.must(w.Sessions().Commit("a session", []byte("data"), w.nextTick()))
	again := w.permit(w.steward, policies.ScoreAgain, policies.Object{ID: string(rels[0].Submission), Org: "city"})
	in, err := w.ScoreInputs(w.ctx, again, rels[0].Submission, aihub.Ref{})
	w.must(err)
	_, err = w.AddRescore(w.ctx, again, in, sealedValues, "asked")
	w.must(err)
	image := w.image(w.steward, "a scorer")
	v, err := w.ProposeScorer(w.ctx, w.permit(w.steward, policies.ScorerPropose, policies.Object{ID: string(image), Org: "city"}), image, "distance")
	w.must(err)
	w.must(w.DecideScorer(w.ctx, w.permit(w.reviewer, policies.ScorerApprove, policies.Object{ID: string(v.ID), Org: "city", Author: w.steward.User}), v.ID, true, "read"))
	out, err := w.askFiles(w.left(w.workspaces("shells"), "left"))
	w.must(err)
	w.must(w.voteFiles(w.reviewer, out.ID, true, "read"))
	w.must(w.voteFiles(w.reviewer2, out.ID, true, "read"))
	return w
}

// tables returns the schema: tables and their columns.
func tables(w *world) map[string][]string {
	w.Helper()
	found := map[string][]string{}
	if onPostgres() {
		rows, err := w.rw.Query("SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema()")
		w.must(err)
		defer rows.Close()
		for rows.Next() {
			var t, c string
			w.must(rows.Scan(&t, &c))
			found[t] = append(found[t], c)
		}
		w.must(rows.Err())
		return found
	}
	rows, err := w.rw.Query("SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%'")
	w.must(err)
	defer rows.Close()
	for rows.Next() {
		var t, c string
		w.must(rows.Scan(&t, &c))
		found[t] = append(found[t], c)
	}
	w.must(rows.Err())
	return found
}

// A new table must be covered, or listed here with the reason why not.
func TestEveryTableIsCoveredOrExcused(t *testing.T) {
	t.Parallel()
	const pushed = "what was pushed may move and go; a submission pins its image by digest in images"
	excused := map[string]string{
		"leases":           "change with every heartbeat; a claim and an end are leaves",
		"events":           "news of what other tables hold",
		"sessions":         "a browser's, ended by time",
		"turns":            "the order in which runs begin, which nothing is charged for",
		"sealing":          "archives under way; they are models once models has them",
		"left_files":       "archives that are kept for a month; what leaves is covered with its digests",
		"workers":          "who said that it is there",
		"entries":          "the search index, made of scenarios and datasets",
		"words":            "the search index, made of scenarios and datasets",
		"image_blobs":      "what images are made of, which their manifests say, and where it lies",
		"image_parts":      "what images are made of, which their manifests say",
		"pushed_blobs":     pushed,
		"pushed_links":     pushed,
		"pushed_manifests": pushed,
		"pushed_refs":      pushed,
		"pushed_tags":      pushed,
		"pushed_uploads":   pushed,
		"pushed_garbage":   pushed,
		"pushed_pending":   pushed,
		"ledger":           "is recomputed",
		"heads":            "are recomputed",
		"goose_db_version": "the schema's version",
	}
	w := newWorld(t)
	for table := range tables(w) {
		if _, ok := excused[table]; ok == slices.Contains(covered, table) {
			t.Errorf("table %s: the ledger must cover it, or an excuse say why not", table)
		}
	}
}

// raw gives SQL to an attacker who has the file: no constraint holds her back.
func raw(w *world) *sql.DB {
	w.Helper()
	if onPostgres() {
		db, _, err := postgresDialect.open(postgresDSN(w.dir) + "&session_replication_role=replica")
		w.must(err)
		w.Cleanup(func() { db.Close() })
		return db
	}
	db, err := sql.Open("sqlite", "file:"+filepath.Join(w.dir, "aihub.db")+"?_pragma=foreign_keys(0)&_pragma=ignore_check_constraints(1)&_pragma=busy_timeout(10000)")
	w.must(err)
	db.SetMaxOpenConns(1) // temporary tables are of one connection
	w.Cleanup(func() { db.Close() })
	return db
}

// mutate changes the smallest thing in a value of a column.
const mutate = `CASE typeof(%[1]s) WHEN 'integer' THEN %[1]s + 1 WHEN 'null' THEN 'x'
	ELSE CASE WHEN length(%[1]s) = 0 THEN 'x' ELSE (CASE WHEN substr(%[1]s, 1, 1) = '0' THEN '1' ELSE '0' END) || substr(%[1]s, 2) END END`

// One changed character in any column of any covered table, and in the ledger
// itself, is reported; so are a row too many, a row too few, and a value set to
// null.
func TestVerifyFindsEveryEdit(t *testing.T) {
	needsSQLite(t) // PostgreSQL checks constraints whoever writes: most of these edits cannot be made there
	w := full(t)
	w.sound()
	evil := raw(w)
	schema := tables(w)
	tried := 0
	edit := func(table, what, q string) {
		t.Helper()
		for _, s := range []string{"DROP TABLE IF EXISTS saved", "CREATE TEMP TABLE saved AS SELECT * FROM " + table, q} {
			if r, err := evil.Exec(s); err != nil {
				t.Fatalf("%s: %v", what, err)
			} else if s == q {
				if n, _ := r.RowsAffected(); n != 1 {
					t.Fatalf("%s changed %d rows", what, n)
				}
			}
		}
		rep, err := w.VerifyLedger(w.ctx)
		w.must(err)
		if len(rep.Faults) == 0 {
			t.Errorf("%s: not found out", what)
		}
		tried++
		for _, s := range []string{"DELETE FROM " + table, "INSERT INTO " + table + " SELECT * FROM saved", "DROP TABLE saved"} {
			if _, err := evil.Exec(s); err != nil {
				t.Fatalf("put back after %s: %v", what, err)
			}
		}
	}
	for table, cols := range schema {
		if !slices.Contains(covered, table) && table != "ledger" && table != "heads" {
			continue
		}
		where := fmt.Sprintf(" WHERE rowid = (SELECT rowid FROM %s ORDER BY rowid DESC LIMIT 1)", table)
		for _, c := range cols {
			edit(table, table+"."+c, "UPDATE "+table+" SET "+c+" = "+fmt.Sprintf(mutate, c)+where)
		}
		edit(table, table+": a row less", "DELETE FROM "+table+where)
	}
	edit("ledger", "ledger.salt of a leaf whose row was written again",
		"UPDATE ledger SET salt = "+fmt.Sprintf(mutate, "salt")+` WHERE subject = 'dispatch-data@1' AND body LIKE '%"act":"dataset.propose"%'`)
	edit("orgs", "orgs: a row more", "INSERT INTO orgs VALUES ('ghost', 'g', 'g', 5)")
	edit("datasets", "datasets.approver: to null", "UPDATE datasets SET approver = NULL WHERE id = 'dispatch-data@1'")
	edit("scores", "scores.sealed: another number type", "UPDATE scores SET bits = CAST(bits AS TEXT) || 'x'")
	for what, q := range map[string][2]string{
		"a trigger that lies in wait": {"CREATE TRIGGER t AFTER INSERT ON votes BEGIN DELETE FROM votes; END", "DROP TRIGGER t"},
		"a unique index taken away":   {"DROP INDEX enrolments_live", "CREATE UNIQUE INDEX enrolments_live ON enrolments (scenario, org) WHERE state IN ('requested', 'approved')"},
		"a table more":                {"CREATE TABLE more (a TEXT)", "DROP TABLE more"},
	} {
		_, err := evil.Exec(q[0])
		w.must(err)
		if rep, err := w.VerifyLedger(w.ctx); err != nil || len(rep.Faults) == 0 {
			t.Errorf("%s: not found out: %v", what, err)
		}
		_, err = evil.Exec(q[1])
		w.must(err)
	}
	if tried < 120 {
		t.Errorf("only %d edits were tried", tried)
	}
	w.sound() // all was put back
}

// Whoever edits a row together with its leaf is found out by the tree, and
// whoever recomputes the tree by the signature.
func TestVerifyFindsEditedLeaves(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]func(w *world, evil *sql.DB){
		"a leaf rewritten": func(w *world, evil *sql.DB) {
			exec(w, evil, `UPDATE ledger SET body = replace(body, '"allowed":true', '"allowed":false') WHERE log = 'acts' AND seq = 5`)
		},
		"the last leaf dropped": func(w *world, evil *sql.DB) {
			exec(w, evil, "DELETE FROM ledger WHERE log = 'acts' AND seq = (SELECT MAX(seq) FROM ledger WHERE log = 'acts')")
		},
		"the last leaf dropped and the head moved back": func(w *world, evil *sql.DB) {
			exec(w, evil, "DELETE FROM ledger WHERE log = 'acts' AND seq = (SELECT MAX(seq) FROM ledger WHERE log = 'acts')")
			reseal(w, evil, acts, otherKey)
		},
		"a leaf in the middle dropped": func(w *world, evil *sql.DB) {
			exec(w, evil, "DELETE FROM ledger WHERE log = 'runs' AND seq = 1")
		},
		"two leaves swapped": func(w *world, evil *sql.DB) {
			exec(w, evil, "UPDATE ledger SET seq = -1 WHERE log = 'acts' AND seq = 3")
			exec(w, evil, "UPDATE ledger SET seq = 3 WHERE log = 'acts' AND seq = 4")
			exec(w, evil, "UPDATE ledger SET seq = 4 WHERE log = 'acts' AND seq = -1")
		},
		"everything recomputed without the key": func(w *world, evil *sql.DB) {
			exec(w, evil, `UPDATE ledger SET body = replace(body, '"allowed":true', '"allowed":false') WHERE log = 'acts' AND seq = 5`)
			reseal(w, evil, acts, otherKey)
		},
		"everything recomputed with the key": func(w *world, evil *sql.DB) { // the file outside still knows
			exec(w, evil, `UPDATE ledger SET body = replace(body, '"allowed":true', '"allowed":false') WHERE log = 'acts' AND seq = 5`)
			reseal(w, evil, acts, signer)
		},
		"time turned back, with the key": func(w *world, evil *sql.DB) {
			w.must(os.Remove(w.options().Checkpoint)) // and without the file
			exec(w, evil, `UPDATE ledger SET body = replace(body, '"at":"2026-', '"at":"2025-') WHERE log = 'acts' AND seq = (SELECT MAX(seq) FROM ledger WHERE log = 'acts')`)
			reseal(w, evil, acts, signer)
		},
		"a log emptied": func(w *world, evil *sql.DB) {
			exec(w, evil, "DELETE FROM ledger WHERE log = 'runs'")
			exec(w, evil, "DELETE FROM heads WHERE log = 'runs'")
		},
		"a third log": func(w *world, evil *sql.DB) {
			exec(w, evil, "INSERT INTO ledger SELECT 'more', seq, subject, body, salt, nodes FROM ledger WHERE log = 'acts' AND seq = 0")
		},
		"an old row put back": func(w *world, evil *sql.DB) { // with the digest of an older leaf
			exec(w, evil, "UPDATE submissions SET state = 'queued', fault_owner = '', fault_reason = '', fault_detail = '', visible_at = 0, settled = 0, refund = 0 WHERE state = 'failed'")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := full(t)
			waitKept(w)
			edit(w, raw(w))
			rep, err := w.VerifyLedger(w.ctx)
			w.must(err)
			if len(rep.Faults) == 0 {
				t.Error("not found out")
			}
			w.DB.Close()
			if _, err := Open(w.ctx, w.options()); err == nil && strings.Contains(name, "recomputed") {
				t.Error("the store opens on it")
			}
		})
	}
}

var otherKey = ed25519.NewKeyFromSeed(slices.Repeat([]byte{7}, 32))

func exec(w *world, db *sql.DB, q string, args ...any) {
	w.Helper()
	r, err := db.Exec(w.d.rebind(q), args...)
	w.must(err)
	if n, _ := r.RowsAffected(); n == 0 {
		w.Fatalf("%s: changed nothing", q)
	}
}

// reseal recomputes and signs a log over what is in the database.
func reseal(w *world, db *sql.DB, log string, key ed25519.PrivateKey) {
	w.Helper()
	rows, err := db.Query(w.d.rebind("SELECT seq, body FROM ledger WHERE log = ? ORDER BY seq"), log)
	w.must(err)
	var f ledger.Frontier
	nodes := map[int64]string{}
	for rows.Next() {
		var seq int64
		var body string
		w.must(rows.Scan(&seq, &body))
		h := ledger.LeafHash([]byte(body))
		nodes[seq] = completed(&f, h)
		f.Append(h)
	}
	w.must(rows.Close())
	for seq, n := range nodes {
		exec(w, db, "UPDATE ledger SET nodes = ? WHERE log = ? AND seq = ?", n, log, seq)
	}
	var at int64
	w.must(db.QueryRow(w.d.rebind("SELECT signed_at FROM heads WHERE log = ?"), log).Scan(&at))
	note, err := ledger.Checkpoint{Origin: origins[log], Size: f.Size(), Root: f.Root(), At: fromUS(at)}.Sign(key)
	w.must(err)
	exec(w, db, "UPDATE heads SET size = ?, root = ?, note = ? WHERE log = ?", f.Size(), f.Root().String(), string(note), log)
}

// waitKept closes and opens the store: the checkpoint files are then written.
func waitKept(w *world) {
	w.Helper()
	w.must(w.DB.Close())
	w.open()
}

// A database that was put back from a backup is refused, and found by Verify
// when it is put back under a running store.
func TestRollback(t *testing.T) {
	t.Parallel()
	needsSQLite(t)
	w, sc := entered(t, 9, 64, "policy")
	w.must(w.DB.Close())
	path := filepath.Join(w.dir, "aihub.db")
	backup, err := os.ReadFile(path)
	w.must(err)
	w.open()
	w.submit(w.alice, sc, 1) // a charge that the backup forgets
	w.must(w.DB.Close())
	later, err := os.ReadFile(path)
	w.must(err)

	w.must(os.WriteFile(path, backup, 0o600))
	_, err = Open(w.ctx, w.options())
	w.want(aihub.Unavailable, err)
	if !strings.Contains(err.Error(), "rollback") {
		t.Errorf("the error does not name the rollback: %v", err)
	}
	// A history that parted from the checkpoint is refused too, even when longer.
	o := w.options()
	o.Checkpoint = ""
	w.DB, err = Open(w.ctx, o)
	w.must(err)
	for range 5 {
		w.dataset("fork")
	}
	w.must(w.DB.Close())
	_, err = Open(w.ctx, w.options())
	w.want(aihub.Unavailable, err)
	if !strings.Contains(err.Error(), "fork") {
		t.Errorf("the error does not name the fork: %v", err)
	}
	// Another key is refused.
	w.must(os.WriteFile(path, later, 0o600))
	o = w.options()
	o.Signer = otherKey
	_, err = Open(w.ctx, o)
	w.want(aihub.Unavailable, err)
	// A torn checkpoint file is refused; the newest database opens.
	note, err := os.ReadFile(o.Checkpoint)
	w.must(err)
	w.must(os.WriteFile(o.Checkpoint, note[:len(note)/2], 0o600))
	_, err = Open(w.ctx, w.options())
	w.want(aihub.Unavailable, err)
	w.must(os.WriteFile(o.Checkpoint, note, 0o600))
	w.open()
	w.sound()
}

// What writers left that were killed goes, what one may be writing stays.
func TestSweepNotes(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{newNote + "1", newNote + "2", "checkpoint"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	old := time.Now().Add(-2 * time.Hour)
	for _, name := range []string{newNote + "1", "checkpoint"} {
		if err := os.Chtimes(filepath.Join(dir, name), old, old); err != nil {
			t.Fatal(err)
		}
	}
	sweepNotes(dir)
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 2 || left[0].Name() != newNote+"2" || left[1].Name() != "checkpoint" {
		t.Errorf("%v %v", left, err)
	}
}

// The kept checkpoint follows the database and is a note that anyone can check.
func TestCheckpointFile(t *testing.T) {
	t.Parallel()
	w, _ := entered(t, 9, 64, "policy")
	w.must(w.DB.Close())
	note, err := os.ReadFile(filepath.Join(w.dir, "checkpoint"))
	w.must(err)
	w.open()
	newest, err := w.Checkpoint(w.ctx)
	w.must(err)
	if string(note) != newest {
		t.Errorf("the file says\n%s, the database\n%s", note, newest)
	}
	c, err := ledger.Verify(note, w.PublicKey())
	w.must(err)
	if rep := w.sound(); rep.Logs[0].Leaves != c.Size || rep.Root != c.Root.String() {
		t.Errorf("%+v and %+v", rep, c)
	}
	// When it cannot be written, nothing more is accepted, until it can.
	dir := filepath.Join(w.dir, "kept")
	w.must(w.DB.Close())
	w.must(os.Mkdir(dir, 0o700))
	o := w.options()
	o.Checkpoint = filepath.Join(dir, "checkpoint")
	w.DB, err = Open(w.ctx, o)
	w.must(err)
	w.must(os.RemoveAll(dir))
	var refusal error
	for i := 0; refusal == nil; i++ { // the writer works beside us; each commit may be the one before it noticed
		if i == 10000 {
			t.Fatal("the store goes on without its checkpoint")
		}
		w.n++
		id := fmt.Sprintf("org-%d", w.n)
		refusal = w.CreateOrg(w.ctx, w.permit(w.operator, policies.OrgCreate, policies.Object{ID: id}), aihub.Org{ID: aihub.OrgID(id)})
	}
	w.want(aihub.Unavailable, refusal)
	w.must(os.Mkdir(dir, 0o700))
	for i := 0; ; i++ {
		if i == 10000 {
			t.Fatal("the store does not recover")
		}
		w.n++
		id := fmt.Sprintf("org-%d", w.n)
		if w.CreateOrg(w.ctx, w.permit(w.operator, policies.OrgCreate, policies.Object{ID: id}), aihub.Org{ID: aihub.OrgID(id)}) == nil {
			break
		}
	}
	w.sound()
}

// Proofs from kept nodes are those of the reference, for every leaf and size.
func TestProofsFromKeptNodes(t *testing.T) {
	t.Parallel()
	w := full(t)
	w.must(w.read(w.ctx, func(tx *tx) error {
		for _, log := range []string{acts, runs} {
			bodies, err := all(tx, value[string], "SELECT body FROM ledger WHERE log = ? ORDER BY seq", log)
			w.must(err)
			var leaves []ledger.Hash
			for _, b := range bodies {
				leaves = append(leaves, ledger.LeafHash([]byte(b)))
			}
			for size := int64(1); size <= int64(len(leaves)); size++ {
				if root, err := tx.rootAt(log, size); err != nil || root != ledger.Root(leaves[:size]) {
					t.Fatalf("%s: root of %d: %v", log, size, err)
				}
				for i := range size {
					got, err := tx.inclusion(log, i, size)
					w.must(err)
					want, err := ledger.Inclusion(leaves, i, size)
					w.must(err)
					if !slices.Equal(got, want) {
						t.Fatalf("%s: proof of %d in %d differs", log, i, size)
					}
				}
			}
		}
		return nil
	}))
}

// Nobody can guess a hidden value from a leaf: digests depend on a salt of 256
// random bits, one a leaf, that no leaf and no receipt carries.
func TestLeavesAreSalted(t *testing.T) {
	t.Parallel()
	names, vals := []string{"id", "fault_reason"}, []any{"sub_1", "memory"}
	one, err := digestValues(names, vals, []byte("salt"), "submissions")
	must(one, err)
	two, err := digestValues(names, vals, []byte("other"), "submissions")
	must(two, err)
	if one == two {
		t.Error("the digest does not depend on the salt")
	}
	w := full(t)
	rows, err := w.rw.Query("SELECT body, salt FROM ledger")
	w.must(err)
	defer rows.Close()
	seen := map[string]bool{}
	for rows.Next() {
		var body, salt string
		w.must(rows.Scan(&body, &salt))
		if len(salt) != 64 || seen[salt] || strings.Contains(body, salt) {
			t.Errorf("salt %q of %s", salt, body)
		}
		seen[salt] = true
		for _, secret := range []string{"memory", "0.8312345", "at 1 GiB", digest("secret").Hex(), "hash"} {
			if strings.Contains(body, secret) {
				t.Errorf("a leaf carries %q in plain text: %s", secret, body)
			}
		}
	}
	w.must(rows.Err())
}
