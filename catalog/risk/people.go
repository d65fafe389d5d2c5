package risk

import (
	"bufio"
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"slices"

	"aihub"
	"aihub/catalog/sketch"
	"aihub/internal/table"
)

// Room is where a Meter that counts people puts what does not fit its memory, 16
// bytes for a row at most and again for each sensitive column: a temporary file.
type Room interface {
	io.ReaderAt
	io.WriterAt
}

// headcount counts, of a policy with a subject, whose rows each class holds. Every
// measure but the numbers of rows is then of the table in which a subject stands
// once in each class that has rows of theirs: (X,Y)-anonymity of Wang and Fung,
// "Anonymizing sequential releases", 2006, where X are the quasi-identifiers and Y
// is the subject.
//
// It is exact but for two subjects of one 64-bit hash, which count as one: a class
// is then said to be smaller than it is. Rows without a subject count for nobody
// where others of their class have one, else for one person together.
type headcount struct {
	seed  uint64
	lists []*list // of a class, a subject and the value of a sensitive column; one without values when there is none
	rows  []int64 // of each class
	who   int64   // different subjects
	none  int64   // rows without one
}

// Subjects makes the Meter of a policy with a subject ready for rows: room is the
// caller's to close, seed makes the hashes of the subjects others.
func (m *Meter) Subjects(room Room, seed uint64) {
	m.people = &headcount{seed: seed}
	end := new(int64)
	for range max(1, len(m.sens)) {
		m.people.lists = append(m.people.lists, &list{room: room, end: end, most: listEntries})
	}
}

// hash is a number above 0 for the subject in row r of c, 0 for none.
func (p *headcount) hash(c *table.Column, r int) uint64 {
	if c.Null(r) {
		return 0
	}
	if c.Type == table.String {
		return max(1, sketch.HashSeed(c.Str[r], p.seed))
	}
	return max(1, sketch.Mix(sketch.Mix(bitsOf(c, r)^p.seed)+p.seed))
}

// addPerson notes a row of a class. code gives that of its value in the i-th
// sensitive column.
func (m *Meter) addPerson(subject uint64, class int, part uint8, code func(i int) uint32) error {
	if subject == 0 {
		m.people.none++
	}
	for i, l := range m.people.lists {
		e := entry{subject, uint64(class)<<40 | uint64(part)<<38}
		if len(m.sens) > 0 {
			e.rest |= uint64(code(i))
			if m.sens[i].n > maxValues {
				return tooMany()
			}
		}
		if err := l.add(e); err != nil {
			return err
		}
	}
	return nil
}

// entry is a subject and class<<40 | part<<38 | value.
type entry struct{ subject, rest uint64 }

func (e entry) class() int    { return int(e.rest >> 40) }
func (e entry) part() uint8   { return uint8(e.rest >> 38 & 3) }
func (e entry) value() uint32 { return uint32(e.rest & (1<<38 - 1)) }

func order(a, b entry) int {
	return cmp.Or(cmp.Compare(a.subject, b.subject), cmp.Compare(a.rest, b.rest))
}

const (
	listEntries = 1 << 20 // in memory; 16 bytes each
	listRuns    = 256     // in the room, before they are made one
	entryBytes  = 16
)

// list is a set of entries of any size, which are given back in their order: an
// external merge sort.
type list struct {
	room Room
	end  *int64 // of what is in the room, for all lists together
	most int    // entries in memory
	held []entry
	runs []stretch
}

type stretch struct{ at, n int64 } // bytes of the room

func (l *list) add(e entry) error {
	if n := len(l.held); n > 0 && l.held[n-1] == e {
		return nil
	}
	if l.held = append(l.held, e); len(l.held) < l.most {
		return nil
	}
	l.settle()
	if len(l.held) < l.most/2 {
		return nil // mostly repeated: there is room again
	}
	held := l.held
	if err := l.write(func(f func(entry) error) error {
		for _, e := range held {
			if err := f(e); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return err
	}
	l.held = l.held[:0]
	if len(l.runs) < listRuns {
		return nil
	}
	runs := l.runs
	l.runs = nil
	return l.write(func(f func(entry) error) error { return merge(context.Background(), l.room, runs, nil, f) })
}

// settle sorts what is held and drops what repeats.
func (l *list) settle() {
	slices.SortFunc(l.held, order)
	l.held = slices.Compact(l.held)
}

// write makes a run of what all gives.
func (l *list) write(all func(func(entry) error) error) error {
	run := stretch{at: *l.end}
	w := bufio.NewWriterSize(io.NewOffsetWriter(l.room, run.at), 1<<20)
	var b [entryBytes]byte
	err := all(func(e entry) error {
		binary.LittleEndian.PutUint64(b[:], e.subject)
		binary.LittleEndian.PutUint64(b[8:], e.rest)
		run.n += entryBytes
		_, err := w.Write(b[:])
		return err
	})
	if err == nil {
		err = w.Flush()
	}
	*l.end += run.n
	l.runs = append(l.runs, run)
	return err
}

// each gives every entry to f, in their order, each once.
func (l *list) each(ctx context.Context, f func(entry) error) error {
	l.settle()
	return merge(ctx, l.room, l.runs, l.held, f)
}

// merge gives the entries of sorted runs and of held to f, each once.
func merge(ctx context.Context, room Room, runs []stretch, held []entry, f func(entry) error) error {
	type head struct {
		entry
		r *bufio.Reader
	}
	var heap []head // the least first
	down := func(i int) {
		for {
			c := 2*i + 1
			if c >= len(heap) {
				return
			}
			if c+1 < len(heap) && order(heap[c+1].entry, heap[c].entry) < 0 {
				c++
			}
			if order(heap[i].entry, heap[c].entry) <= 0 {
				return
			}
			heap[i], heap[c] = heap[c], heap[i]
			i = c
		}
	}
	next := func(h *head) (bool, error) {
		if h.r == nil {
			if len(held) == 0 {
				return false, nil
			}
			h.entry, held = held[0], held[1:]
			return true, nil
		}
		var b [entryBytes]byte
		if _, err := io.ReadFull(h.r, b[:]); err == io.EOF {
			return false, nil
		} else if err != nil {
			return false, err
		}
		h.entry = entry{binary.LittleEndian.Uint64(b[:]), binary.LittleEndian.Uint64(b[8:])}
		return true, nil
	}
	all := []head{{}}
	for _, s := range runs {
		all = append(all, head{r: bufio.NewReaderSize(io.NewSectionReader(room, s.at, s.n), 1<<16)})
	}
	for _, h := range all {
		if ok, err := next(&h); err != nil {
			return err
		} else if ok {
			heap = append(heap, h)
		}
	}
	for i := len(heap)/2 - 1; i >= 0; i-- {
		down(i)
	}
	var last entry
	for n := 0; len(heap) > 0; n++ {
		if n%stepClasses == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if e := heap[0].entry; n == 0 || e != last {
			last = e
			if err := f(e); err != nil {
				return err
			}
		}
		ok, err := next(&heap[0])
		if err != nil {
			return err
		}
		if !ok {
			heap[0] = heap[len(heap)-1]
			heap = heap[:len(heap)-1]
		}
		down(0)
	}
	return nil
}

// tally puts people in the place of rows: in the sizes of the classes and of their
// parts, and among the values of the sensitive columns. It refuses what has no
// meaning for them.
func (m *Meter) tally(ctx context.Context) error {
	p := m.people
	p.rows = m.size
	m.size = make([]int64, len(p.rows))
	for i := range m.part {
		m.part[i] = make([]int64, len(p.rows))
	}
	nobody := make([]bool, len(p.rows)) // classes with rows of nobody
	last, first := entry{}, true
	err := p.lists[0].each(ctx, func(e entry) error {
		same := e.subject == last.subject && !first
		if e.subject == 0 {
			nobody[e.class()] = true
		} else {
			if !same {
				p.who++
			}
			if !same || e.class() != last.class() {
				m.size[e.class()]++
			}
			if m.parts && (!same || e.class() != last.class() || e.part() != last.part()) {
				m.part[e.part()][e.class()]++
			}
		}
		last, first = e, false
		return nil
	})
	if err != nil {
		return err
	}
	for id, so := range nobody {
		if so {
			m.size[id] = max(1, m.size[id])
		}
	}
	if p.none > 0 && (m.p.MaxPresence != nil || m.p.Population > 0 || len(m.sens) > 0) {
		return aihub.Errorf(aihub.Refused, aihub.Text{
			EN: fmt.Sprintf("%d rows have no %s: of them sensitive values, presence and population uniques cannot be counted by person", p.none, m.p.Subject),
			ZH: fmt.Sprintf("%d 行缺少 %s：无法按人统计敏感取值、在场判定与总体唯一者", p.none, m.p.Subject)}).
			WithHint(aihub.Text{EN: "leave these rows out, or leave sensitive, max_presence and population out", ZH: "请去掉这些行，或去掉 sensitive、max_presence 与 population"})
	}
	if standing := total(m.size); m.p.Population > 0 && standing != p.who {
		return aihub.Errorf(aihub.Refused, aihub.Text{
			EN: fmt.Sprintf("the rows of one %s differ in their quasi-identifiers (%d people stand in %d places): how many of a population would be unique cannot be estimated", m.p.Subject, p.who, standing),
			ZH: fmt.Sprintf("同一 %s 的各行准标识符不同（%d 人出现在 %d 处）：无法估计总体唯一者", m.p.Subject, p.who, standing)}).
			WithHint(aihub.Text{EN: "leave population out, or publish one row a person", ZH: "请去掉 population，或每人只发布一行"})
	}
	for i, s := range m.sens {
		if err := p.values(ctx, i, s, m.p.Subject); err != nil {
			return err
		}
	}
	return nil
}

// values counts the people who have a value of the i-th sensitive column. What one
// of several values says of a person l and t do not know.
func (p *headcount) values(ctx context.Context, i int, s *sensitive, subject string) error {
	clear(s.held)
	several, last, first := int64(0), entry{}, true
	err := p.lists[i].each(ctx, func(e entry) error {
		if first || e.subject != last.subject || e.class() != last.class() {
			if s.held[uint64(e.class())<<32|uint64(e.value())]++; len(s.held) > maxHeld {
				return tooMany()
			}
		} else if e.value() != last.value() {
			several++
		}
		last, first = e, false
		return nil
	})
	if err == nil && several > 0 {
		err = aihub.Errorf(aihub.Refused, aihub.Text{
			EN: fmt.Sprintf("rows of one %s in one class have different values of %s: what l and t say of a person's value then has no meaning", subject, s.first.Name),
			ZH: fmt.Sprintf("同一 %s 在同一等价类中的各行，其 %s 取值不同：l 与 t 对个人取值的判定没有意义", subject, s.first.Name)}).
			WithHint(aihub.Text{EN: "publish one row a person, or leave the column out of sensitive", ZH: "请每人只发布一行，或从 sensitive 中去掉该列"})
	}
	return err
}

func total(ns []int64) (sum int64) {
	for _, n := range ns {
		sum += n
	}
	return sum
}

// rowsOf is how many rows a class has, whoever they are of.
func (m *Meter) rowsOf(class int) int64 {
	if m.people != nil && m.people.rows != nil {
		return m.people.rows[class]
	}
	return m.size[class]
}
