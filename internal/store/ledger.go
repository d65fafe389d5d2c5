package store

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"aihub"
	"aihub/policies"
	"aihub/policies/ledger"
)

// The two logs of the ledger. acts has what people decided and what was
// released: receipts come from it, and its size may be seen by anyone. runs has
// what workers did beside hidden data; in one common log the place of a vendor's
// own next leaf would tell when its hidden run ended.
//
// Rows are written by both. A leaf of runs carries the size of acts at its time,
// which puts all leaves in one order without acts telling anything of runs.
const (
	acts = "acts"
	runs = "runs"
)

// origins name the logs in their checkpoints.
var origins = map[string]string{acts: "aihub/acts", runs: "aihub/runs"}

// covered lists the tables whose every row the ledger vouches for. The others
// (leases, events, sessions, turns, workers) may change without a leaf: nothing that is charged,
// shown or approved depends on them.
var covered = []string{
	"aggregates", "budgets", "datasets", "enrolments", "file_releases", "file_votes", "hours", "images", "mask_keys", "models", "orgs", "parts", "privacy",
	"reidentifications", "releases", "rescores", "rounds", "runs", "scenarios", "scorers", "scores", "seals", "submissions", "tokens", "users", "votes",
}

// leaf is one entry of the ledger; its JSON is what is hashed. It says who did
// what to which thing, states the facts that everyone may know, and commits to
// the rows that changed. Row digests are salted: a leaf can be handed out
// without its small hidden values (a reason, a score) being guessed from them.
type leaf struct {
	Log      string             `json:"log"`
	Seq      int64              `json:"seq"`
	Acts     *int64             `json:"acts,omitempty"` // leaves of runs: the size of acts
	At       time.Time          `json:"at"`
	Act      string             `json:"act"`
	Subject  string             `json:"subject"` // the id of what it is about
	Decision *policies.Decision `json:"decision,omitempty"`
	Lease    *leaseNote         `json:"lease,omitempty"`
	Facts    json.RawMessage    `json:"facts,omitempty"`
	Effects  []effect           `json:"effects"`
	Salt     aihub.Digest       `json:"salt"` // of the salt, which is kept beside the leaf
}

// leaseNote is the worker that acted.
type leaseNote struct {
	Worker aihub.WorkerID `json:"worker"`
	Run    aihub.RunID    `json:"run"`
	Fence  int64          `json:"fence"`
}

// effect is a row as it was after the act.
type effect struct {
	Table  string       `json:"table"`
	ID     string       `json:"id"`
	Digest aihub.Digest `json:"digest"`
}

type rowID struct{ table, id string }

// by is on whose authority a leaf is written: a permit, a lease, or neither,
// when the platform follows its own rules (settle, reap, bootstrap).
type by struct {
	decision *policies.Decision
	lease    *leaseNote
}

func permitted(p policies.Permit) by {
	d := p.Decision()
	return by{decision: &d}
}

func leased(l *Lease) by { return by{lease: &leaseNote{l.worker, l.run.ID, l.fence}} }

// head is the end of a log.
type head struct {
	size  int64
	root  string
	at    time.Time
	note  string
	front *ledger.Frontier // once the transaction appends
}

// touch marks a row as changed: the next leaf commits to it.
func (t *tx) touch(table, id string) {
	if r := (rowID{table, id}); !slices.Contains(t.touched, r) {
		t.touched = append(t.touched, r)
	}
}

// record appends a leaf that commits to every row touched since the last one.
// facts may be nil.
func (t *tx) record(log, act, subject string, who by, facts any) error {
	h, err := t.appendTo(log)
	if err != nil {
		return err
	}
	l := leaf{
		Log: log, Seq: h.front.Size(), At: t.now, Act: act, Subject: subject,
		Decision: who.decision, Lease: who.lease, Effects: []effect{},
	}
	if log == runs {
		a, err := t.appendTo(acts)
		if err != nil {
			return err
		}
		n := a.front.Size()
		l.Acts = &n
	}
	if facts != nil {
		if l.Facts, err = json.Marshal(facts); err != nil {
			return err
		}
	}
	salt := make([]byte, 32)
	rand.Read(salt)
	l.Salt = aihub.DigestOf(salt)
	for _, r := range t.touched {
		d, err := t.seal(salt, r)
		if err != nil {
			return err
		}
		l.Effects = append(l.Effects, effect{r.table, r.id, d})
	}
	t.touched = t.touched[:0]
	body, err := json.Marshal(l)
	if err != nil {
		return err
	}
	hash := ledger.LeafHash(body)
	nodes := completed(h.front, hash)
	h.front.Append(hash)
	return t.insert("ledger", "log, seq, subject, body, salt, nodes",
		log, l.Seq, subject, string(body), hex.EncodeToString(salt), nodes)
}

// seal returns the salted digest of a row as it is now.
func (t *tx) seal(salt []byte, r rowID) (aihub.Digest, error) {
	if !slices.Contains(covered, r.table) {
		return "", fmt.Errorf("store: the ledger does not cover table %s", r.table)
	}
	rows, err := t.QueryContext(t.ctx, t.db.d.rebind("SELECT * FROM "+r.table+" WHERE id = ?"), r.id)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	if !rows.Next() {
		return "", errors.Join(fmt.Errorf("store: touched %s %s, which is not there", r.table, r.id), rows.Err())
	}
	names, err := rows.Columns()
	if err != nil {
		return "", err
	}
	vals := make([]any, len(names))
	dest := make([]any, len(names))
	for i := range vals {
		dest[i] = &vals[i]
	}
	if err := rows.Scan(dest...); err != nil {
		return "", err
	}
	return digestValues(names, vals, salt, r.table)
}

// digestValues returns the digest of salt, table and every column that is not
// NULL, in name order: names and values each with type and length.
func digestValues(names []string, vals []any, salt []byte, table string) (aihub.Digest, error) {
	order := make([]int, len(names))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return strings.Compare(names[a], names[b]) })
	var buf []byte
	field := func(kind byte, s string) {
		buf = append(buf, kind)
		buf = binary.AppendUvarint(buf, uint64(len(s)))
		buf = append(buf, s...)
	}
	field('#', string(salt))
	field('t', table)
	for _, i := range order {
		switch v := vals[i].(type) {
		case nil:
			continue
		case string:
			field('n', names[i])
			field('s', v)
		case int64:
			field('n', names[i])
			field('i', fmt.Sprint(v))
		case []byte: // no column is of this type; whoever made one is found out
			field('n', names[i])
			field('b', string(v))
		case float64:
			field('n', names[i])
			field('f', fmt.Sprint(v))
		default:
			return "", fmt.Errorf("store: %s.%s holds a %T", table, names[i], v)
		}
	}
	sum := sha256.Sum256(buf)
	return aihub.Digest("sha256:" + hex.EncodeToString(sum[:])), nil
}

// completed returns the roots of the perfect subtrees that the next leaf
// completes, in hex, lowest level first; the leaf's own hash is level 0. Kept
// with the leaf, they make frontiers and proofs a matter of O(log n) rows.
func completed(f *ledger.Frontier, h ledger.Hash) string {
	var b strings.Builder
	b.WriteString(hex.EncodeToString(h[:]))
	peaks := f.Peaks()
	for n := f.Size(); n&1 == 1; n >>= 1 {
		last := len(peaks) - 1
		h = ledger.NodeHash(peaks[last], h)
		peaks = peaks[:last]
		b.WriteString(hex.EncodeToString(h[:]))
	}
	return b.String()
}

// loadHeads reads where the logs end and lets the transaction's clock catch up
// with them.
func (t *tx) loadHeads() error {
	type row struct {
		log string
		head
	}
	list, err := all(t, func(s scanner) (r row, err error) {
		err = s.Scan(&r.log, &r.size, &r.root, at{&r.at}, &r.note)
		return r, err
	}, "SELECT log, size, root, signed_at, note FROM heads")
	if err != nil {
		return err
	}
	t.now = t.wall
	t.heads = map[string]*head{acts: {}, runs: {}}
	for _, r := range list {
		t.heads[r.log] = &r.head
		if r.at.After(t.now) {
			t.now = r.at
		}
	}
	return nil
}

// appendTo returns the head of a log with its frontier, ready to grow.
func (t *tx) appendTo(log string) (*head, error) {
	h := t.heads[log]
	if h.front != nil {
		return h, nil
	}
	t.db.mu.Lock()
	cached := t.db.fronts[log]
	t.db.mu.Unlock()
	var peaks []ledger.Hash
	if cached.Size() == h.size && (h.size == 0 || cached.Root().String() == h.root) {
		peaks = cached.Peaks()
	} else {
		var err error
		if peaks, err = t.subtrees(log, perfect(0, h.size)); err != nil {
			return nil, err
		}
	}
	f, err := ledger.NewFrontier(h.size, peaks)
	if err != nil {
		return nil, err
	}
	h.front = &f
	return h, nil
}

// sealHeads signs the logs that grew. It returns the new notes.
func (t *tx) sealHeads() (map[string]string, error) {
	if len(t.touched) > 0 {
		return nil, fmt.Errorf("store: changed %v without a leaf", t.touched)
	}
	notes := map[string]string{}
	for log, h := range t.heads {
		if h.front == nil || h.front.Size() == h.size {
			continue
		}
		root := h.front.Root()
		note, err := ledger.Checkpoint{Origin: origins[log], Size: h.front.Size(), Root: root, At: t.now}.Sign(t.db.signer)
		if err != nil {
			return nil, err
		}
		if err := t.exec(`INSERT INTO heads (log, size, root, signed_at, note) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (log) DO UPDATE SET size = excluded.size, root = excluded.root, signed_at = excluded.signed_at, note = excluded.note`,
			log, h.front.Size(), root.String(), us(t.now), string(note)); err != nil {
			return nil, err
		}
		notes[log] = string(note)
		// Remembered before the commit: a transaction that fails leaves a frontier
		// that matches no head and is not used.
		f, err := ledger.NewFrontier(h.front.Size(), h.front.Peaks())
		if err != nil {
			return nil, err
		}
		t.db.mu.Lock()
		t.db.fronts[log] = f
		t.db.mu.Unlock()
	}
	return notes, nil
}

// subtree is a perfect subtree: 1<<level leaves that end before leaf end.
type subtree struct {
	end   int64
	level int
}

// perfect splits the leaves [from, to) of a subtree into perfect subtrees,
// largest first.
func perfect(from, to int64) []subtree {
	var list []subtree
	for level := 62; level >= 0; level-- {
		if (to-from)&(1<<level) != 0 {
			from += 1 << level
			list = append(list, subtree{from, level})
		}
	}
	return list
}

// subtrees returns the roots of subtrees, in their order.
func (t *tx) subtrees(log string, want []subtree) ([]ledger.Hash, error) {
	if len(want) == 0 {
		return nil, nil
	}
	args := []any{log}
	for _, s := range want {
		args = append(args, s.end-1)
	}
	type row struct {
		seq   int64
		nodes string
	}
	list, err := all(t, func(s scanner) (r row, err error) { err = s.Scan(&r.seq, &r.nodes); return r, err },
		"SELECT seq, nodes FROM ledger WHERE log = ? AND seq IN (?"+strings.Repeat(", ?", len(want)-1)+")", args...)
	if err != nil {
		return nil, err
	}
	nodes := map[int64]string{}
	for _, r := range list {
		nodes[r.seq] = r.nodes
	}
	hashes := make([]ledger.Hash, len(want))
	for i, s := range want {
		n := nodes[s.end-1]
		if len(n) < 64*(s.level+1) {
			return nil, damaged(fmt.Sprintf("leaf %d of %s lacks its hashes", s.end-1, log), fmt.Sprintf("%s 的第 %d 个叶子缺少摘要", log, s.end-1))
		}
		if _, err := hex.Decode(hashes[i][:], []byte(n[64*s.level:64*(s.level+1)])); err != nil {
			return nil, damaged(fmt.Sprintf("leaf %d of %s has broken hashes", s.end-1, log), fmt.Sprintf("%s 的第 %d 个叶子摘要损坏", log, s.end-1))
		}
	}
	return hashes, nil
}

// fold returns the root over neighbouring perfect subtrees, largest first.
func fold(peaks []ledger.Hash) ledger.Hash {
	h := peaks[len(peaks)-1]
	for i := len(peaks) - 2; i >= 0; i-- {
		h = ledger.NodeHash(peaks[i], h)
	}
	return h
}

// rootAt returns the root over the first size leaves of a log.
func (t *tx) rootAt(log string, size int64) (ledger.Hash, error) {
	if size == 0 {
		return ledger.Root(nil), nil
	}
	peaks, err := t.subtrees(log, perfect(0, size))
	if err != nil {
		return ledger.Hash{}, err
	}
	return fold(peaks), nil
}

// inclusion returns the proof that leaf i is among the first size leaves of a
// log, as ledger.Inclusion does, from O(log n) rows.
func (t *tx) inclusion(log string, i, size int64) ([]ledger.Hash, error) {
	var sides [][]subtree // from the root down
	for from, to := int64(0), size; to-from > 1; {
		k := int64(1)
		for k*2 < to-from {
			k *= 2
		}
		if i < from+k {
			sides = append(sides, perfect(from+k, to))
			to = from + k
		} else {
			sides = append(sides, perfect(from, from+k))
			from += k
		}
	}
	proof := []ledger.Hash{}
	for _, s := range slices.Backward(sides) {
		peaks, err := t.subtrees(log, s)
		if err != nil {
			return nil, err
		}
		proof = append(proof, fold(peaks))
	}
	return proof, nil
}

func damaged(en, zh string) error {
	return aihub.Errorf(aihub.Internal, aihub.Text{EN: "the ledger is damaged: " + en, ZH: "存证已损坏：" + zh}).
		WithHint(aihub.Text{EN: "stop the platform and compare the database with a backup", ZH: "请停止平台，并将数据库与备份比对"})
}

// PublicKey returns the key that checkpoints and receipts are verified with.
func (db *DB) PublicKey() ed25519.PublicKey { return db.signer.Public().(ed25519.PublicKey) }
