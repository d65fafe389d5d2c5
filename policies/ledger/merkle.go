// Package ledger is the arithmetic of the platform's Merkle log: pure functions
// over hashes, no I/O and no clock.
//
// A leaf is the hash of one recorded decision. The tree over all leaves is the
// one of RFC 6962: a leaf is hashed with the prefix 0x00, an inner node with
// 0x01, and a tree of n leaves splits at the largest power of two below n. Its
// root therefore commits to every decision and to their order. A Frontier
// follows the root of a growing log in O(log n) memory. An inclusion proof shows
// that a leaf is in the tree with a given root; a consistency proof shows that
// one tree is a prefix of another, so that nothing was edited, dropped,
// reordered or cut off in between. A Checkpoint is a signed statement "at this
// time the log had this size and root".
package ledger

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"math/bits"
	"slices"

	"aihub"
)

// Hash is a SHA-256 hash: of a leaf, of a node, or the root of a tree.
type Hash [sha256.Size]byte

// String returns h in standard base64, the form that checkpoints use.
func (h Hash) String() string { return base64.StdEncoding.EncodeToString(h[:]) }

// MarshalText writes h as String does.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText reads the only text that MarshalText writes for a hash.
func (h *Hash) UnmarshalText(b []byte) error {
	v, err := ParseHash(string(b))
	if err == nil {
		*h = v
	}
	return err
}

// ParseHash reads the base64 form of a hash; only the canonical text passes.
func ParseHash(s string) (Hash, error) {
	var h Hash
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil || len(b) != len(h) || base64.StdEncoding.EncodeToString(b) != s {
		return Hash{}, aihub.Errorf(aihub.Invalid, aihub.Text{
			EN: fmt.Sprintf("%.60q is not a base64 SHA-256 hash", s),
			ZH: fmt.Sprintf("%.60q 不是 base64 形式的 SHA-256 摘要", s),
		})
	}
	copy(h[:], b)
	return h, nil
}

// LeafHash returns SHA-256(0x00 || data).
func LeafHash(data []byte) Hash {
	d := sha256.New()
	d.Write([]byte{0})
	d.Write(data)
	return Hash(d.Sum(nil))
}

// NodeHash returns SHA-256(0x01 || left || right).
func NodeHash(left, right Hash) Hash {
	var b [1 + 2*sha256.Size]byte
	b[0] = 1
	copy(b[1:], left[:])
	copy(b[1+sha256.Size:], right[:])
	return sha256.Sum256(b[:])
}

// Root returns the root of the tree over these leaf hashes. The root of no
// leaves is the hash of the empty string.
func Root(leaves []Hash) Hash {
	var f Frontier
	for _, l := range leaves {
		f.Append(l)
	}
	return f.Root()
}

// Frontier is the right edge of a growing tree: the roots of the perfect
// subtrees that its leaves form, largest first. The zero value is the empty tree.
type Frontier struct {
	size  int64
	peaks []Hash
}

// NewFrontier restores a frontier of size leaves from what Peaks returned.
func NewFrontier(size int64, peaks []Hash) (Frontier, error) {
	if size < 0 || len(peaks) != bits.OnesCount64(uint64(size)) {
		return Frontier{}, aihub.Errorf(aihub.Invalid, aihub.Text{
			EN: fmt.Sprintf("a log of %d leaves does not have %d perfect subtrees", size, len(peaks)),
			ZH: fmt.Sprintf("%d 个叶子的日志不会有 %d 个完整子树", size, len(peaks)),
		})
	}
	return Frontier{size, slices.Clone(peaks)}, nil
}

// Size returns the number of leaves.
func (f *Frontier) Size() int64 { return f.size }

// Peaks returns the roots of the perfect subtrees, largest first; there is one
// for every 1 bit of Size.
func (f *Frontier) Peaks() []Hash { return slices.Clone(f.peaks) }

// Append adds a leaf hash in O(log n): every trailing 1 bit of the old size is
// a subtree that the new leaf completes.
func (f *Frontier) Append(leaf Hash) {
	h := leaf
	for n := f.size; n&1 == 1; n >>= 1 {
		last := len(f.peaks) - 1
		h = NodeHash(f.peaks[last], h)
		f.peaks = f.peaks[:last]
	}
	f.peaks = append(f.peaks, h)
	f.size++
}

// Root returns the root of the tree.
func (f *Frontier) Root() Hash {
	if f.size == 0 {
		return sha256.Sum256(nil)
	}
	h := f.peaks[len(f.peaks)-1]
	for i := len(f.peaks) - 2; i >= 0; i-- {
		h = NodeHash(f.peaks[i], h)
	}
	return h
}

// Inclusion returns the proof that leaf i is in the tree of the first size
// leaves: the audit path of RFC 6962 section 2.1.1, lowest sibling first.
func Inclusion(leaves []Hash, i, size int64) ([]Hash, error) {
	if i < 0 || i >= size || size > int64(len(leaves)) {
		return nil, outside(fmt.Sprintf("leaf %d of %d in a log of %d leaves", i, size, len(leaves)))
	}
	var path []Hash
	for t := leaves[:size]; len(t) > 1; {
		k := split(len(t))
		if i < int64(k) {
			path = append(path, Root(t[k:]))
			t = t[:k]
		} else {
			path = append(path, Root(t[:k]))
			t = t[k:]
			i -= int64(k)
		}
	}
	slices.Reverse(path) // collected from the root down
	return path, nil
}

// VerifyInclusion returns nil when proof shows that leaf is leaf i of the tree
// of size leaves with this root. The size is only as good as where the root
// came from: take both from one verified Checkpoint.
func VerifyInclusion(leaf Hash, i, size int64, root Hash, proof []Hash) error {
	if i < 0 || i >= size {
		return outside(fmt.Sprintf("leaf %d of %d", i, size))
	}
	// RFC 9162 section 2.1.3.2: at counts from the leaf up, last is the index of
	// the rightmost node on the same level.
	at, last, h := uint64(i), uint64(size-1), leaf
	for _, p := range proof {
		if last == 0 {
			return badProof("the proof is too long", "证明过长")
		}
		if at&1 == 1 || at == last {
			h = NodeHash(p, h)
			for at&1 == 0 && at != 0 { // a node without a sibling moves up unhashed
				at >>= 1
				last >>= 1
			}
		} else {
			h = NodeHash(h, p)
		}
		at >>= 1
		last >>= 1
	}
	if last != 0 {
		return badProof("the proof is too short", "证明过短")
	}
	if h != root {
		return badProof("the leaf is not in the tree with this root", "该叶子不在此根对应的树中")
	}
	return nil
}

// Consistency returns the proof that the tree of the first m leaves is a prefix
// of the tree of the first n: PROOF(m, D[n]) of RFC 6962 section 2.1.2. It is
// empty for m == 0 and for m == n.
func Consistency(leaves []Hash, m, n int64) ([]Hash, error) {
	if m < 0 || m > n || n > int64(len(leaves)) {
		return nil, outside(fmt.Sprintf("sizes %d and %d in a log of %d leaves", m, n, len(leaves)))
	}
	if m == 0 || m == n {
		return nil, nil
	}
	var path []Hash
	t, whole := leaves[:n], true // whole: the verifier knows the old root already
	for int64(len(t)) != m {
		k := split(len(t))
		if m <= int64(k) {
			path = append(path, Root(t[k:]))
			t = t[:k]
		} else {
			path = append(path, Root(t[:k]))
			t = t[k:]
			m -= int64(k)
			whole = false
		}
	}
	if !whole {
		path = append(path, Root(t))
	}
	slices.Reverse(path)
	return path, nil
}

// VerifyConsistency returns nil when proof shows that the tree of m leaves with
// root old is a prefix of the tree of n leaves with root new.
func VerifyConsistency(m, n int64, old, new Hash, proof []Hash) error {
	switch {
	case m < 0 || m > n:
		return outside(fmt.Sprintf("sizes %d and %d", m, n))
	case m == 0 || m == n:
		if len(proof) != 0 {
			return badProof("the proof is too long", "证明过长")
		}
		if m == n && old != new || m == 0 && old != Root(nil) {
			return badProof("the two roots differ", "两个根不一致")
		}
		return nil
	case len(proof) == 0:
		return badProof("the proof is too short", "证明过短")
	}
	// RFC 9162 section 2.1.4.2: climb from the last node of the old tree,
	// computing both roots.
	at, last := uint64(m-1), uint64(n-1)
	for at&1 == 1 {
		at >>= 1
		last >>= 1
	}
	a, b := old, old // at == 0: the old tree is perfect and its root is the start
	if at != 0 {
		a, b = proof[0], proof[0]
		proof = proof[1:]
	}
	for _, p := range proof {
		if last == 0 {
			return badProof("the proof is too long", "证明过长")
		}
		if at&1 == 1 || at == last {
			a, b = NodeHash(p, a), NodeHash(p, b)
			for at&1 == 0 && at != 0 {
				at >>= 1
				last >>= 1
			}
		} else {
			b = NodeHash(b, p)
		}
		at >>= 1
		last >>= 1
	}
	if last != 0 {
		return badProof("the proof is too short", "证明过短")
	}
	if a != old || b != new {
		return badProof("the old log is not a prefix of the new one", "旧日志不是新日志的前缀")
	}
	return nil
}

// split returns the largest power of two below n, for n > 1.
func split(n int) int { return 1 << (bits.Len(uint(n-1)) - 1) }

func outside(what string) error {
	return aihub.Errorf(aihub.Invalid, aihub.Text{
		EN: "no such place in the log: " + what,
		ZH: "日志中没有这个位置：" + what,
	})
}

func badProof(en, zh string) error {
	return aihub.Errorf(aihub.Contract, aihub.Text{
		EN: "the ledger proof does not hold: " + en,
		ZH: "存证证明不成立：" + zh,
	}).WithHint(aihub.Text{
		EN: "fetch the receipt and the checkpoint again; if it still fails, the log was changed: tell an operator and keep both files",
		ZH: "请重新获取凭证与检查点；若仍不成立，说明日志被改动：请联系运维人员并保存两个文件",
	})
}
