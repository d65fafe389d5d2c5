package catalog

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"

	"aihub/internal/table"
)

// Every hand of a crew sees all rows in their order, whatever the pace of the others,
// and no stretch is read into while a hand looks at it; when one fails, the rest stop
// soon, and why is said.
func TestCrew(t *testing.T) {
	t.Parallel()
	fields := []table.Field{{Name: "k", Type: table.String}}
	s, err := newScratch(room{dir: t.TempDir(), held: 1 << 16}, fields)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	const rows = 20 * shuffledRows
	rng := rand.New(rand.NewPCG(5, 5))
	b, order := table.NewBatch(fields, rows), make([]uint64, rows)
	for i := range rows {
		b.Cols[0].AppendStr(strconv.Itoa(i))
		order[i] = rng.Uint64()
	}
	b.Rows = rows
	if err := s.add(b, order, make([]uint8, rows), 0); err != nil {
		t.Fatal(err)
	}
	work := func(hands ...func(*dealt) error) error {
		c := &crew{}
		for _, h := range hands {
			c.hire(h)
		}
		err := s.read(t.Context(), func(s *shuffled) error {
			if !c.give(&dealt{shuffled: s}) {
				return errHand
			}
			return nil
		})
		if cerr := c.rest(); err == nil || err == errHand {
			err = cerr
		}
		return err
	}
	var seen [3][]string
	var looking atomic.Int32
	hand := func(i int, before func()) func(*dealt) error {
		return func(d *dealt) error {
			before()
			for r, k := range d.Cols[0].Str {
				seen[i] = append(seen[i], fmt.Sprint(k, d.row[r], d.order[r]))
			}
			return nil
		}
	}
	// One waits with its first stretch until another is at its third.
	ahead := make(chan struct{})
	err = work(hand(0, func() {
		if len(seen[0]) == 0 {
			<-ahead
		}
	}), hand(1, func() {
		if looking.Add(1) == 3 {
			close(ahead)
		}
	}), hand(2, func() {}))
	if err != nil || len(seen[0]) != rows || !slices.Equal(seen[0], seen[1]) || !slices.Equal(seen[0], seen[2]) {
		t.Errorf("%v; %d, %d and %d rows were seen of %d, or others", err, len(seen[0]), len(seen[1]), len(seen[2]), rows)
	}
	broken, others := errors.New("the disk is full"), 0
	err = work(func(*dealt) error { return broken }, func(*dealt) error { others++; return nil })
	if err != broken || others > stretches {
		t.Errorf("%v, behind which %d stretches were looked at", err, others)
	}
}
