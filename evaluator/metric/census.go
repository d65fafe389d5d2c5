package metric

import "math"

// Census counts the rows of each bucket by their true class. It depends on the truth
// alone: whoever makes blocks counts each row once, for all metrics that read it,
// which then have only those rows left to count that were predicted wrongly.
type Census struct {
	shift uint // 1<<shift places for each bucket
	mask  uint32
	table []uint32
	total []int64 // what would not fit the table
	since int64   // rows in the table
	rows  int64
}

// CensusClasses is how many classes a census is worth having for: its table is to stay
// in a near cache.
const CensusClasses = 31

// NewCensus returns one of no rows, which have one of so many classes.
func NewCensus(b *Bootstrap, classes int) *Census { return newCensus(b.buckets(), classes) }

// ReadsCensus reports whether m counts less where its blocks have one.
func ReadsCensus(m Metric) bool {
	a, ok := m.(*additive)
	return ok && a.beside != nil && a.boot != nil
}

func newCensus(buckets, classes int) *Census {
	c := &Census{shift: shiftOf(classes)}
	c.table = make([]uint32, buckets<<c.shift)
	c.mask = uint32(len(c.table) - 1)
	return c
}

// shiftOf is the least power of two that is n or more.
func shiftOf(n int) (shift uint) {
	for 1<<shift < n {
		shift++
	}
	return shift
}

// Add counts rows.
func (c *Census) Add(truth []Code, bucket []uint16) {
	if c.since += int64(len(truth)); c.since > math.MaxUint32 {
		if c.total == nil {
			c.total = make([]int64, len(c.table))
		}
		for i, n := range c.table {
			c.total[i] += int64(n)
		}
		clear(c.table)
		c.since = int64(len(truth))
	}
	c.rows += int64(len(truth))
	bucket, mask, shift := bucket[:len(truth)], c.mask, c.shift&15
	if len(c.table) <= int(mask) {
		return
	}
	table, classes := c.table[:mask+1], uint32(1)<<shift-1
	for i, t := range truth {
		table[(uint32(bucket[i])<<shift|uint32(t)&classes)&mask]++
	}
}

// each calls yield for every bucket and class that has rows.
func (c *Census) each(yield func(bucket, class int, rows int64)) {
	for i, n := range c.table {
		rows := int64(n)
		if c.total != nil {
			rows += c.total[i]
		}
		if rows > 0 {
			yield(i>>c.shift, i&(1<<c.shift-1), rows)
		}
	}
}

// eachBucket is each for all classes of a bucket at once.
func (c *Census) eachBucket(yield func(bucket int, rows int64)) {
	width := 1 << c.shift
	for at := 0; at < len(c.table); at += width {
		rows := int64(0)
		for _, n := range c.table[at:][:width] {
			rows += int64(n)
		}
		if c.total != nil {
			for _, n := range c.total[at:][:width] {
				rows += n
			}
		}
		yield(at>>c.shift, rows)
	}
}

// censused are the rows that a metric saw: those of a census it was given, of which
// it counts how many it saw, and those that it counts itself.
type censused struct {
	own   *Census
	given map[*Census]int64
	last  *Census
	seen  int64 // of the last one
}

func (s *censused) add(b *Block, cell []uint16, cells, classes int) {
	switch {
	case b.Census == nil:
		if s.own == nil {
			s.own = newCensus(cells, classes)
		}
		s.own.Add(b.Truth.Class[:b.Rows], cell)
	case b.Census == s.last:
		s.seen += int64(b.Rows)
	default:
		s.note()
		s.last, s.seen = b.Census, int64(b.Rows)
	}
}

func (s *censused) note() {
	if s.last != nil {
		if s.given == nil {
			s.given = map[*Census]int64{}
		}
		s.given[s.last] += s.seen
	}
	s.last, s.seen = nil, 0
}

// settle calls yield for each census whose rows were counted, and forgets them.
func (s *censused) settle(yield func(*Census)) {
	s.note()
	for c, seen := range s.given {
		if seen != c.rows {
			panic("metric: a census counts other rows than its blocks have")
		}
		yield(c)
	}
	if s.own != nil {
		yield(s.own)
	}
	s.own, s.given = nil, nil
}
