package store

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"aihub"
	"aihub/policies/ledger"
)

// LedgerReport is what Verify found.
type LedgerReport struct {
	Leaves     int64         `json:"leaves"` // of both logs
	Root       string        `json:"root"`   // of acts, base64
	Rows       int64         `json:"rows"`   // rows compared with the leaf that last wrote them
	Checkpoint string        `json:"checkpoint"`
	Logs       []LogReport   `json:"logs"`
	Faults     []aihub.Fault `json:"faults,omitempty"` // at most 1000
}

// LogReport is one of the two logs.
type LogReport struct {
	Log        string `json:"log"` // acts, runs
	Leaves     int64  `json:"leaves"`
	Root       string `json:"root"`
	Checkpoint string `json:"checkpoint"` // signed note
}

const maxFaults = 1000

// writer is the leaf that last wrote a row. Leaves of acts and runs are in one
// order: a leaf of runs knows how many leaves of acts were before it.
type writer struct {
	acts, runs int64 // runs is -1 for a leaf of acts
	salt       []byte
	digest     aihub.Digest
}

func (w writer) after(v writer) bool {
	if w.acts != v.acts {
		return w.acts > v.acts
	}
	// Leaves of runs with this size of acts come before the leaf of that number.
	if w.runs < 0 || v.runs < 0 {
		return w.runs < 0
	}
	return w.runs > v.runs
}

// audit is a verification under way.
type audit struct {
	*tx
	rep  LedgerReport
	last map[rowID]writer
}

func (a *audit) fault(code, where, en, zh string) {
	if len(a.rep.Faults) < maxFaults {
		a.rep.Faults = append(a.rep.Faults, *fault(code, where, en, zh))
	}
}

// unreadable notes what the database itself could not read. Errors of the
// caller's context are returned.
func (a *audit) unreadable(where string, err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	a.fault("unreadable", where, err.Error(), "无法读取："+err.Error())
	return nil
}

// VerifyLedger recomputes every leaf, the trees, the signed checkpoints, and
// compares every row of every table that the ledger covers with the leaf that
// last wrote it. It works on one snapshot while writes go on. A fault is a
// finding, not an error. Leases, events and sessions are not covered.
func (db *DB) VerifyLedger(ctx context.Context) (LedgerReport, error) {
	// The files first: what was signed before the snapshot is in it.
	notes := map[string][]byte{}
	if db.keep != nil {
		for _, log := range []string{acts, runs} {
			note, err := readNote(checkpointFile(db.keep.path, log))
			if err != nil {
				return LedgerReport{}, cannotKeep(err)
			}
			notes[log] = note
		}
	}
	var rep LedgerReport
	err := db.read(ctx, func(t *tx) error {
		a := &audit{tx: t, last: map[rowID]writer{}}
		bad, err := db.d.check(ctx, t.Tx)
		for _, s := range bad {
			a.fault("integrity", "database", s, "数据库完整性检查："+s)
		}
		if err := a.unreadable("database", err); err != nil {
			return err
		}
		if err := a.schema(); err != nil {
			return err
		}
		if err := t.loadHeads(); err != nil {
			if err := a.unreadable("heads", err); err != nil {
				return err
			}
			t.heads = map[string]*head{acts: {}, runs: {}}
		}
		for log := range t.heads {
			if log != acts && log != runs {
				a.fault("checkpoint", "heads "+log, "there is no such log", "没有这个日志")
			}
		}
		for _, log := range []string{acts, runs} {
			if err := a.log(log); err != nil {
				return err
			}
			if f := t.compareNote(log, notes[log]); f != nil {
				a.rep.Faults = append(a.rep.Faults, *f)
			}
		}
		n, _, err := one(t, value[int64], "SELECT count(*) FROM ledger WHERE log NOT IN (?, ?)", acts, runs)
		if err := a.unreadable("ledger", err); err != nil {
			return err
		}
		if n > 0 {
			a.fault("leaf", "ledger", fmt.Sprintf("%d leaves belong to no log", n), fmt.Sprintf("%d 个叶子不属于任何日志", n))
		}
		for _, table := range covered {
			if err := a.table(table); err != nil {
				return err
			}
		}
		a.rest()
		rep = a.rep
		return nil
	})
	return rep, err
}

// schema compares tables, constraints and triggers with those of a new database:
// a constraint taken away, or a trigger added, would change no row by itself.
func (a *audit) schema() error {
	want, err := a.db.newSchema(a.ctx)
	if err != nil {
		return err
	}
	got, err := all(a.tx, value[string], a.db.d.schema)
	if err != nil {
		return a.unreadable("schema", err)
	}
	differ := func(here, there []string, en, zh string) {
		for _, s := range here {
			if !slices.Contains(there, s) {
				name, _, _ := strings.Cut(s, ":")
				a.fault("schema", name, en, zh)
			}
		}
	}
	differ(want, got, "it is missing, or not as it was made", "缺失或已被改动")
	differ(got, want, "the platform did not make it so", "并非平台所建")
	return nil
}

// newSchema is what a new database is made of. It is made once: the migrations are
// part of the program.
func (db *DB) newSchema(ctx context.Context) (made []string, err error) {
	db.making.Lock()
	defer db.making.Unlock()
	if db.made != nil {
		return db.made, nil
	}
	empty, drop, err := db.d.scratch(ctx, db)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, drop()) }()
	fresh := &DB{d: db.d, rw: empty, ro: empty, wall: db.wall}
	if err := fresh.migrate(ctx); err != nil {
		return nil, err
	}
	if err := fresh.read(ctx, func(t *tx) error { made, err = all(t, value[string], t.db.d.schema); return err }); err != nil {
		return nil, err
	}
	db.made = made
	return made, nil
}

// log recomputes one log from its leaves.
func (a *audit) log(log string) error {
	var front ledger.Frontier
	var prior leaf
	type row struct {
		seq                        int64
		subject, body, salt, nodes string
	}
	rows, err := a.QueryContext(a.ctx, a.db.d.rebind("SELECT seq, subject, body, salt, nodes FROM ledger WHERE log = ? ORDER BY seq"), log)
	if err != nil {
		return a.unreadable("ledger", err)
	}
	defer rows.Close()
	for rows.Next() {
		var r row
		if err := rows.Scan(&r.seq, &r.subject, &r.body, &r.salt, &r.nodes); err != nil {
			if err := a.unreadable("ledger "+log, err); err != nil {
				return err
			}
			continue
		}
		where := fmt.Sprintf("ledger %s leaf %d", log, r.seq)
		if r.seq != front.Size() {
			a.fault("leaf", where, fmt.Sprintf("leaf %d is missing", front.Size()), fmt.Sprintf("缺少第 %d 个叶子", front.Size()))
		}
		hash := ledger.LeafHash([]byte(r.body))
		if completed(&front, hash) != r.nodes {
			a.fault("leaf", where, "the kept hashes are not those of the leaves", "保存的摘要与叶子不符")
		}
		front.Append(hash)
		var l leaf
		salt, err := hex.DecodeString(r.salt)
		if err != nil || hex.EncodeToString(salt) != r.salt {
			a.fault("leaf", where, "the salt is not hexadecimal", "盐值不是十六进制")
		}
		if err := json.Unmarshal([]byte(r.body), &l); err != nil {
			a.fault("leaf", where, "the leaf is not JSON", "叶子不是 JSON")
			continue
		}
		if l.Log != log || l.Seq != r.seq || l.Subject != r.subject || l.Salt != aihub.DigestOf(salt) {
			a.fault("leaf", where, "the leaf differs from its row (log, number, subject or salt)", "叶子与所在行不一致（日志、序号、主题或盐值）")
		}
		w := writer{acts: l.Seq, runs: -1, salt: salt}
		if log == runs {
			if l.Acts == nil || prior.Acts != nil && *l.Acts < *prior.Acts {
				a.fault("leaf", where, "the leaf has no place among those of acts", "叶子在 acts 日志中没有位置")
				continue
			}
			w.acts, w.runs = *l.Acts, l.Seq
		}
		if l.At.Before(prior.At) {
			a.fault("leaf", where, "the leaf is older than the one before", "叶子早于前一个叶子")
		}
		prior = l
		for _, e := range l.Effects {
			w.digest = e.Digest
			id := rowID{e.Table, e.ID}
			if old, ok := a.last[id]; !ok || w.after(old) {
				a.last[id] = w
			}
		}
	}
	if err := a.unreadable("ledger "+log, rows.Err()); err != nil {
		return err
	}
	h := a.heads[log]
	root := front.Root().String()
	a.rep.Leaves += front.Size()
	a.rep.Logs = append(a.rep.Logs, LogReport{log, front.Size(), root, h.note})
	if log == acts {
		a.rep.Root, a.rep.Checkpoint = root, h.note
	}
	if front.Size() == 0 && h.note == "" {
		return nil
	}
	if h.size != front.Size() || h.root != root {
		a.fault("checkpoint", "heads "+log,
			fmt.Sprintf("the head says %d leaves with root %s, the leaves give %d with root %s", h.size, h.root, front.Size(), root),
			fmt.Sprintf("日志头记为 %d 个叶子、根 %s，叶子实为 %d 个、根 %s", h.size, h.root, front.Size(), root))
	}
	if f := a.checkHead(log); f != nil {
		a.rep.Faults = append(a.rep.Faults, *f)
	}
	return nil
}

// table compares every row of a table with the leaf that last wrote it.
func (a *audit) table(table string) error {
	rows, err := a.QueryContext(a.ctx, "SELECT * FROM "+table)
	if err != nil {
		return a.unreadable(table, err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return err
	}
	place := slices.Index(names, "id")
	vals := make([]any, len(names))
	dest := make([]any, len(names))
	for i := range vals {
		dest[i] = &vals[i]
	}
	for rows.Next() {
		if err := rows.Scan(dest...); err != nil {
			return a.unreadable(table, err)
		}
		id := rowID{table, fmt.Sprint(vals[place])}
		where := table + " " + id.id
		w, ok := a.last[id]
		if !ok {
			a.fault("row", where, "no leaf accounts for this row", "没有叶子对应此行")
			continue
		}
		delete(a.last, id)
		a.rep.Rows++
		if d, err := digestValues(names, vals, w.salt, table); err != nil || d != w.digest {
			a.fault("row", where, "the row is not as the ledger last saw it", "此行与存证最后记录的内容不符")
		}
	}
	return a.unreadable(table, rows.Err())
}

// rest reports the rows that leaves speak of and that no table has.
func (a *audit) rest() {
	var gone []string
	for id := range a.last {
		gone = append(gone, id.table+" "+id.id)
	}
	slices.Sort(gone)
	for _, where := range gone {
		a.fault("row", where, "the ledger speaks of this row, and it is not there", "存证记有此行，但它不存在")
	}
}
