package evaluator

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"os"
)

// spill is a file of records dealt to piles, each written behind the other and
// read alone. What is little stays in memory. The file has no name, and is gone when it is closed, or the
// process dies.
type spill struct {
	f     *os.File
	buf   [][]byte  // of each pile, at most spillChunk
	chunk [][]int64 // offsets of what each pile has in the file, spillChunk each; below 0, ^i of held[i]
	held  [][]byte  // chunks that stayed in memory
	hold  int       // how many may, with those in buf
	count []int     // records of each
	at    int64
}

// spillChunk is what a pile gathers before it is written, and spillHeld how many
// of them a spill has in memory, with those that are being gathered: 32 MiB.
const (
	spillChunk = 8 << 10
	spillHeld  = 4 << 10
)

// maxRecord bounds one record: a row has at most 20 texts, of maxText characters.
const maxRecord = 8 << 20

// unnamed makes a file in dir that is gone when it is closed.
func unnamed(dir string) (*os.File, error) {
	f, err := os.CreateTemp(dir, "spill")
	if err == nil {
		err = os.Remove(f.Name())
	}
	if err != nil {
		return nil, fmt.Errorf("evaluator: %w", err)
	}
	return f, nil
}

func newSpill(dir string, piles int) (*spill, error) {
	f, err := unnamed(dir)
	if err != nil {
		return nil, err
	}
	return &spill{f: f, buf: make([][]byte, piles), chunk: make([][]int64, piles), count: make([]int, piles), hold: spillHeld}, nil
}

func (s *spill) Close() error { return s.f.Close() }

// add appends a record to a pile.
func (s *spill) add(pile int, record []byte) error {
	if len(record) > maxRecord {
		return fmt.Errorf("evaluator: a record of %d bytes", len(record))
	}
	s.count[pile]++
	b := s.buf[pile]
	if b == nil {
		b = make([]byte, 0, spillChunk)
	}
	if len(b)+4+len(record) < spillChunk {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(record)))
		s.buf[pile] = append(b, record...)
		return nil
	}
	var head [4]byte
	binary.LittleEndian.PutUint32(head[:], uint32(len(record)))
	for _, part := range [2][]byte{head[:], record} {
		for len(part) > 0 {
			n := copy(b[len(b):spillChunk], part)
			b, part = b[:len(b)+n], part[n:]
			if len(b) < spillChunk {
				continue
			}
			var err error
			if b, err = s.put(pile, b); err != nil {
				return err
			}
		}
	}
	s.buf[pile] = b
	return nil
}

// put takes a full chunk of a pile, and returns an empty one.
func (s *spill) put(pile int, b []byte) ([]byte, error) {
	if len(s.held)+len(s.buf) < s.hold {
		s.held = append(s.held, b)
		s.chunk[pile] = append(s.chunk[pile], int64(^(len(s.held) - 1)))
		return make([]byte, 0, spillChunk), nil
	}
	if _, err := s.f.WriteAt(b, s.at); err != nil {
		return nil, fmt.Errorf("evaluator: %w", err)
	}
	s.chunk[pile] = append(s.chunk[pile], s.at)
	s.at += spillChunk
	return b[:0], nil
}

// room is where the next record of a pile goes, when all of a spill have size bytes:
// none of them lies in two chunks.
func (s *spill) room(pile, size int) (record []byte, err error) {
	s.count[pile]++
	b := s.buf[pile]
	if b == nil {
		b = make([]byte, 0, spillChunk)
	}
	if len(b)+size > spillChunk {
		if b, err = s.put(pile, b[:spillChunk]); err != nil {
			return nil, err
		}
	}
	at := len(b)
	b = b[:at+size]
	s.buf[pile] = b
	return b[at:], nil
}

// chunks calls yield for all records of a pile that room made, many at once. They
// are valid until yield returns.
func (s *spill) chunks(pile, size int, yield func(records []byte)) error {
	whole := spillChunk / size * size
	var buf []byte
	for _, at := range s.chunk[pile] {
		if at < 0 {
			yield(s.held[^at][:whole])
			continue
		}
		buf = sized(buf, whole)
		if _, err := s.f.ReadAt(buf, at); err != nil {
			return fmt.Errorf("evaluator: %w", err)
		}
		yield(buf)
	}
	if b := s.buf[pile]; len(b) > 0 {
		yield(b)
	}
	return nil
}

// each calls yield for every record of a pile, in the order of add. The record
// is valid until yield returns.
func (s *spill) each(pile int, yield func(record []byte) error) error {
	r := bufio.NewReaderSize(&pileReader{s: s, chunks: s.chunk[pile], tail: s.buf[pile]}, 4*spillChunk)
	var record []byte
	for {
		head, err := r.Peek(4)
		if err == io.EOF && len(head) == 0 {
			return nil
		} else if err != nil {
			return fmt.Errorf("evaluator: %w", err)
		}
		n := int(binary.LittleEndian.Uint32(head))
		if n > maxRecord {
			return fmt.Errorf("evaluator: the spilled rows are damaged")
		}
		r.Discard(4)
		if n <= r.Buffered() { // lies whole in the buffer: no copy
			record, _ := r.Peek(n)
			if err := yield(record); err != nil {
				return err
			}
			r.Discard(n)
			continue
		}
		record = sized(record, n)
		if _, err := io.ReadFull(r, record); err != nil {
			return fmt.Errorf("evaluator: %w", err)
		}
		if err := yield(record); err != nil {
			return err
		}
	}
}

// pileReader reads the chunks of a pile, then what was not written.
type pileReader struct {
	s      *spill
	chunks []int64
	off    int // in the first of chunks
	tail   []byte
}

func (r *pileReader) Read(p []byte) (int, error) {
	if len(r.chunks) > 0 {
		var n int
		if at := r.chunks[0]; at < 0 {
			n = copy(p, r.s.held[^at][r.off:])
		} else {
			var err error
			if n, err = r.s.f.ReadAt(p[:min(len(p), spillChunk-r.off)], at+int64(r.off)); err != nil {
				return n, err
			}
		}
		if r.off += n; r.off == spillChunk {
			r.chunks, r.off = r.chunks[1:], 0
		}
		return n, nil
	}
	if len(r.tail) == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.tail)
	r.tail = r.tail[n:]
	return n, nil
}
