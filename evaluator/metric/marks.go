package metric

import (
	"math"
	"slices"
)

// marks are the scores of rows with the bucket and the class of each, from which
// the placements of an AUC are summed by bucket. DeLong's variance (Biometrics 44
// (1988) 837) is that of the placements; their sums by bucket, under the same draws
// for all submissions, give it for clusters and for differences, too.
//
// While all scores are float32 numbers and not negative, and not too many, marks are
// all that is kept of rows: the number's bits stand in them whole, and once they are
// more than a few they are dealt to bins, as narrow does.
type marks struct {
	keys   []uint64   // the score, 1 for a positive, 12 bits of the bucket
	more   [][]uint64 // that came since, beside rows that are kept elsewhere
	bins   *markBins  // those that came alone
	n, pos int        // all of them, and the positives
	off    bool       // there were more than maxMarks
	beside bool       // rows are kept elsewhere, too, and of sortable the 51 highest bits are here
	sorted bool       // keys are, and they are all
}

// maxMarks bounds the memory: 32 MiB, and as much to sort them. Beyond it nothing
// is drawn.
var maxMarks = 1 << 22

const (
	bucketBits = 12
	markBits   = bucketBits + 1 // and the class
	markFew    = 1 << 12        // that are not dealt
)

// full reports whether there is no room for the rows of b that begin at lo, and then
// forgets what is kept beside rows.
func (m *marks) full(b *Block, lo int) bool {
	if m.off = m.off || m.n+b.Rows-lo > maxMarks || len(b.Bucket) < b.Rows; m.off && m.beside {
		m.keys, m.more, m.n, m.pos = nil, nil, 0, 0
	}
	return m.off
}

// add takes rows up to the first whose score does not fit, of marks alone, and
// returns how many.
func (m *marks) add(b *Block, positive Code) int {
	if m.full(b, 0) {
		return 0
	}
	m.collect()
	var narrow, bins [dealt]uint32
	var keys [dealt]uint64
	for lo := 0; lo < b.Rows; lo += dealt {
		n := min(b.Rows-lo, dealt)
		scale := float32(0)
		if m.bins != nil {
			scale = m.bins.scale
		}
		fit, pos := keysOf(b.Truth.Class[lo:][:n], b.Pred[0].Flt[lo:][:n], positive, scale, &narrow, &bins)
		bucket := b.Bucket[lo:][:fit]
		for i, c := range bucket {
			keys[i%dealt] = uint64(narrow[i%dealt])<<bucketBits | uint64(c)
		}
		m.n, m.pos = m.n+fit, m.pos+pos
		if m.bins != nil {
			m.bins.take(keys[:fit], bins[:fit])
		} else if m.keys = append(m.keys, keys[:fit]...); len(m.keys) > markFew {
			m.deal()
		}
		if fit < n {
			return lo + fit
		}
	}
	return b.Rows
}

// addBeside takes the rows of b that begin at lo.
func (m *marks) addBeside(b *Block, lo int, positive Code) {
	if m.full(b, lo) {
		return
	}
	m.sorted = false
	n := b.Rows - lo
	if last := len(m.more) - 1; last < 0 || cap(m.more[last])-len(m.more[last]) < n {
		m.more = append(m.more, make([]uint64, 0, max(1<<16, n)))
	}
	last := &m.more[len(m.more)-1]
	keys, truth, bucket := (*last)[len(*last):][:n], b.Truth.Class[lo:][:n], b.Bucket[lo:][:n]
	for i, v := range b.Pred[0].Flt[lo:][:n] {
		d := int32(truth[i] ^ positive)
		one := 1 + (d|-d)>>31 // 1 for a positive, without a branch
		keys[i] = sortable(v)&^(1<<markBits-1) | uint64(one)<<bucketBits | uint64(bucket[i])
		m.pos += int(one)
	}
	*last = (*last)[:len(*last)+n]
	m.n += n
}

// alone reports whether nothing but marks is kept of rows.
func (m *marks) alone() bool { return !m.beside }

// totals are the positives and the negatives.
func (m *marks) totals() (pos, neg uint64) { return uint64(m.pos), uint64(m.n - m.pos) }

// deal deals keys to bins, where all that follow go.
func (m *marks) deal() {
	if m.bins == nil {
		some := make([]uint32, len(m.keys))
		for i, k := range m.keys {
			some[i] = uint32(k >> bucketBits)
		}
		m.bins = newMarkBins(narrowScale(some))
	}
	m.bins.deal(m.keys)
	m.keys = nil
}

// collect undoes sort, so that more can be added.
func (m *marks) collect() {
	if m.sorted = false; m.bins != nil && m.keys != nil {
		m.keys = nil
	}
}

// whole has all keys in one place, and no bins.
func (m *marks) whole() {
	if m.bins != nil {
		m.collect()
		m.keys = make([]uint64, 0, m.n)
		m.bins.each(func(keys []uint64) { m.keys = append(m.keys, keys...) })
		m.bins, m.sorted = nil, false
	}
	m.keys = slices.Grow(m.keys, m.n-len(m.keys))
	for _, keys := range m.more {
		m.keys = append(m.keys, keys...)
	}
	m.more = nil
}

// inOrder calls yield for all keys in the order of their scores, some at once. Those of
// equal scores are together.
func (m *marks) inOrder(yield func(keys []uint64)) {
	if m.bins != nil && !m.sorted {
		m.bins.inOrder(yield)
		return
	}
	m.sort()
	yield(m.keys)
}

// sort sorts keys by score.
func (m *marks) sort() {
	if m.sorted {
		return
	}
	if m.bins != nil {
		m.keys = make([]uint64, 0, m.n)
		m.bins.inOrder(func(keys []uint64) { m.keys = append(m.keys, keys...) })
	} else {
		m.whole()
		m.keys = radixSortAbove(m.keys, markBits)
	}
	m.sorted = true
}

// groups calls yield for each group of equal scores, from the lowest.
func (m *marks) groups(yield func(keys []uint64, pos, neg uint64)) {
	m.sort()
	for i := 0; i < len(m.keys); {
		j, pos := i, uint64(0)
		for j < len(m.keys) && m.keys[j]>>markBits == m.keys[i]>>markBits {
			pos += m.keys[j] >> bucketBits & 1
			j++
		}
		yield(m.keys[i:j], pos, uint64(j-i)-pos)
		i = j
	}
}

// release gives what marks alone kept to the rows of a, and stays beside them.
func (a *aucRows) release() {
	m := &a.marks
	if m.beside {
		return
	}
	m.whole()
	m.beside, m.sorted = true, false
	var keys [dealt]uint32
	for i, k := range m.keys {
		at := i % dealt
		keys[at] = uint32(k >> bucketBits)
		m.keys[i] = sortable(float64(math.Float32frombits(keys[at]>>1)))&^(1<<markBits-1) | k&(1<<markBits-1)
		if at == dealt-1 || i == len(m.keys)-1 {
			a.narrow.deal(keys[:at+1])
		}
	}
	a.narrow.n, a.narrow.ones = a.narrow.n+m.n, a.narrow.ones+m.pos
	if m.off {
		m.keys, m.n, m.pos = nil, 0, 0
	}
}

// merge adds marks that are beside rows like those of m, or alone like them.
func (m *marks) merge(o *marks) {
	if m.off = m.off || o.off || m.n+o.n > maxMarks; m.off {
		m.keys, m.more, m.bins, m.n, m.pos = nil, nil, nil, 0, 0
		return
	}
	m.n, m.pos = m.n+o.n, m.pos+o.pos
	if m.beside {
		m.more, m.sorted = append(append(m.more, o.keys), o.more...), false
		return
	}
	m.collect()
	o.collect()
	if m.bins == nil {
		m.bins, o.bins = o.bins, nil
	}
	m.keys = append(m.keys, o.keys...)
	if m.bins != nil || len(m.keys) > markFew {
		m.deal()
	}
	if o.bins != nil {
		o.bins.each(m.bins.deal)
	}
}
