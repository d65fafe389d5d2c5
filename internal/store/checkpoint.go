package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"aihub"
	"aihub/policies/ledger"
)

// checkpointFile is where the checkpoint of a log is kept: the path itself for
// acts, path.runs for runs.
func checkpointFile(path, log string) string {
	if log == acts {
		return path
	}
	return path + "." + log
}

// keeper writes the newest checkpoints to files outside the database, so that a
// database put back from a backup is found out. One goroutine writes, always
// the newest: under load several commits share a write. The files are therefore
// never ahead of the database, and behind it by at most what was committed
// during one write.
type keeper struct {
	path string

	mu      sync.Mutex
	notes   map[string]string // not yet written
	failure error             // of the last write; refuses further writes to the store
	closed  bool

	wake chan struct{}
	done chan struct{}
	turn sync.Mutex // of who writes the files
}

func (db *DB) newKeeper(ctx context.Context, path string) (*keeper, error) {
	k := &keeper{path: path, notes: map[string]string{}, wake: make(chan struct{}, 1), done: make(chan struct{})}
	heads, err := db.heads(ctx)
	if err != nil {
		return nil, err
	}
	sweepNotes(filepath.Dir(path))
	for log, h := range heads {
		if err := writeNote(checkpointFile(path, log), h.note); err != nil {
			return nil, cannotKeep(err)
		}
	}
	go k.loop()
	return k, nil
}

func (k *keeper) put(notes map[string]string) {
	if len(notes) == 0 {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for log, n := range notes {
		k.notes[log] = n
	}
	k.ring()
}

// ring wakes the writer. The caller holds the lock.
func (k *keeper) ring() {
	if k.closed {
		return
	}
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

func (k *keeper) loop() {
	defer close(k.done)
	for range k.wake {
		k.flush()
	}
	k.flush()
}

// sync returns when all that was put before is in the files.
func (k *keeper) sync() error {
	k.flush()
	return k.err()
}

func (k *keeper) flush() {
	k.turn.Lock()
	defer k.turn.Unlock()
	k.mu.Lock()
	notes := k.notes
	k.notes = map[string]string{}
	k.mu.Unlock()
	if len(notes) == 0 {
		return
	}
	var failure error
	for log, n := range notes {
		err := writeNote(checkpointFile(k.path, log), n)
		if err != nil {
			failure = err
			k.mu.Lock()
			if _, newer := k.notes[log]; !newer {
				k.notes[log] = n // for the next try
			}
			k.mu.Unlock()
		}
	}
	k.mu.Lock()
	k.failure = failure
	k.mu.Unlock()
}

// err says why the files cannot be written. Each call lets the writer try again.
func (k *keeper) err() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.failure == nil {
		return nil
	}
	k.ring()
	return cannotKeep(k.failure)
}

func (k *keeper) close() error {
	k.mu.Lock()
	if !k.closed {
		k.closed = true
		close(k.wake)
	}
	k.mu.Unlock()
	<-k.done
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.failure != nil {
		return cannotKeep(k.failure)
	}
	return nil
}

// sweepNotes removes what writers left that were killed. Another process may be
// writing, for moments: only what is older than an hour goes.
func sweepNotes(dir string) {
	left, _ := filepath.Glob(filepath.Join(dir, newNote+"*"))
	for _, name := range left {
		if fi, err := os.Stat(name); err == nil && time.Since(fi.ModTime()) > time.Hour {
			_ = os.Remove(name)
		}
	}
}

const newNote = ".new-checkpoint-"

// writeNote replaces the file whole, unless it holds a later note already
// (another process may have written).
func writeNote(path, note string) error {
	if old, err := os.ReadFile(path); err == nil {
		was, err1 := ledger.Parse(old)
		is, err2 := ledger.Parse([]byte(note))
		if err2 != nil {
			return err2
		}
		if err1 == nil && was.Size >= is.Size {
			return nil
		}
	}
	f, err := os.CreateTemp(filepath.Dir(path), newNote+"*")
	if err != nil {
		return err
	}
	_, err = f.WriteString(note)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

func cannotKeep(err error) error {
	return aihub.Errorf(aihub.Unavailable, aihub.Text{
		EN: fmt.Sprintf("the ledger checkpoint cannot be written: %v", err),
		ZH: fmt.Sprintf("无法写入存证检查点：%v", err),
	}).WithHint(aihub.Text{EN: "make its directory writable; nothing is accepted until then", ZH: "请使其目录可写；在此之前不接受任何写入"}).Because(err)
}

// heads reads where the logs end.
func (db *DB) heads(ctx context.Context) (map[string]*head, error) {
	var heads map[string]*head
	err := db.read(ctx, func(t *tx) error {
		if err := t.loadHeads(); err != nil {
			return err
		}
		heads = t.heads
		for log, h := range heads {
			if h.size == 0 {
				delete(heads, log)
			}
		}
		return nil
	})
	return heads, err
}

// checkHeads refuses a database that was signed by another key, or that is
// older than, or has parted from, what the checkpoint files say.
func (db *DB) checkHeads(ctx context.Context, path string) error {
	return db.read(ctx, func(t *tx) error {
		if err := t.loadHeads(); err != nil {
			return err
		}
		for _, log := range []string{acts, runs} {
			if f := t.checkHead(log); f != nil {
				return behind(*f)
			}
			if path == "" {
				continue
			}
			note, err := readNote(checkpointFile(path, log))
			if err != nil {
				return cannotKeep(err)
			}
			if f := t.compareNote(log, note); f != nil {
				return behind(*f)
			}
		}
		return nil
	})
}

// readNote returns the note in a file, nil when there is none.
func readNote(path string) ([]byte, error) {
	note, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return note, err
}

// checkHead compares the head of a log with its signed note and with its leaves.
func (t *tx) checkHead(log string) *aihub.Fault {
	h := t.heads[log]
	if h.size == 0 && h.note == "" {
		return nil
	}
	c, err := ledger.Verify([]byte(h.note), t.db.PublicKey())
	if err != nil {
		return fault("checkpoint", "heads "+log, "the stored checkpoint does not verify: "+plain(err, aihub.EN), "存储的检查点无法通过验证："+plain(err, aihub.ZH))
	}
	if c.Origin != origins[log] || c.Size != h.size || c.Root.String() != h.root || us(c.At) != us(h.at) {
		return fault("checkpoint", "heads "+log, "the stored head differs from its signed checkpoint", "存储的日志头与其签名检查点不一致")
	}
	root, err := t.rootAt(log, h.size)
	if err != nil || root != c.Root {
		return fault("checkpoint", "heads "+log, "the leaves do not give the root of the signed checkpoint", "叶子计算不出签名检查点中的根")
	}
	return nil
}

// compareNote checks that the log goes on from a note that was kept outside.
func (t *tx) compareNote(log string, note []byte) *aihub.Fault {
	if len(bytes.TrimSpace(note)) == 0 && note != nil {
		return fault("checkpoint_file", log, "the checkpoint file is empty", "检查点文件为空")
	}
	if note == nil {
		return nil
	}
	c, err := ledger.Verify(note, t.db.PublicKey())
	if err != nil {
		return fault("checkpoint_file", log, "the checkpoint file does not verify: "+plain(err, aihub.EN), "检查点文件无法通过验证："+plain(err, aihub.ZH))
	}
	if c.Origin != origins[log] {
		return fault("checkpoint_file", log, "the checkpoint file is of another log", "检查点文件属于另一日志")
	}
	if h := t.heads[log]; h.size < c.Size {
		return fault("rollback", log,
			fmt.Sprintf("the database has %d leaves, but a checkpoint of %d was signed: it is an old copy", h.size, c.Size),
			fmt.Sprintf("数据库只有 %d 个叶子，但曾签署过 %d 个叶子的检查点：这是旧副本", h.size, c.Size))
	}
	root, err := t.rootAt(log, c.Size)
	if err != nil || root != c.Root {
		return fault("fork", log, "the ledger does not continue the checkpoint that was kept outside: its past was changed", "存证与库外保存的检查点不相接：历史已被改动")
	}
	return nil
}

func behind(f aihub.Fault) error {
	return aihub.Errorf(aihub.Unavailable, aihub.Text{
		EN: "the database is refused: its ledger does not hold", ZH: "拒绝使用该数据库：存证校验未通过",
	}).WithFaults([]aihub.Fault{f}).WithHint(aihub.Text{
		EN: "put back the newest database; an older one would forget what was charged and decided",
		ZH: "请恢复最新的数据库；旧副本会遗漏已扣减的额度与已作出的决定",
	})
}

func fault(code, where, en, zh string) *aihub.Fault {
	return &aihub.Fault{Code: code, Where: where, Message: aihub.Text{EN: en, ZH: zh}}
}

// plain is the text of err without its hint.
func plain(err error, lang aihub.Lang) string {
	var e *aihub.Error
	if errors.As(err, &e) {
		return e.Text.In(lang)
	}
	return err.Error()
}
