package pages

import (
	"fmt"
	"hash/crc32"
	"io"
)

const peekSize = 256 // bytes read behind a page to find the next header in

// pager walks the pages of a byte range with one read a page. The payload it
// returns lies at the beginning of a buffer, and so is aligned.
type pager struct {
	r        io.ReaderAt
	pos, end int64
	buf      []byte
	pool     *bodies // buffers to read into
	peek     []byte  // bytes at pos
	peekBuf  []byte
}

func (p *pager) reset(r io.ReaderAt, s span) {
	p.r, p.pos, p.end = r, s.off, s.end()
	p.peek = p.peek[:0]
}

// header reads the header at pos and moves behind it.
func (p *pager) header() (pageHeader, error) {
	for {
		d := decoder{b: p.peek}
		h := readPageHeader(&d)
		if !d.bad {
			p.peek = p.peek[d.pos:]
			p.pos += int64(h.header)
			if err := h.check(); err != nil {
				return h, err
			}
			if int64(h.size) > p.end-p.pos {
				return h, fmt.Errorf("a page of %d bytes, of which %d are there", h.size, p.end-p.pos)
			}
			return h, nil
		}
		n := int64(max(peekSize, 4*len(p.peek)))
		if n = min(n, p.end-p.pos, maxHeader); n <= int64(len(p.peek)) {
			return pageHeader{}, fmt.Errorf("a page header cannot be decoded")
		}
		p.peekBuf = resize(p.peekBuf, int(n))
		p.peek = p.peekBuf
		if err := readFull(p.r, p.peek, p.pos); err != nil {
			return pageHeader{}, err
		}
	}
}

// payload reads the bytes of the page whose header was read last, and checks
// its checksum if it has one.
func (p *pager) payload(h *pageHeader) ([]byte, error) {
	n := int64(h.size)
	ahead := min(peekSize, p.end-p.pos-n)
	if p.buf = p.buf[:cap(p.buf)]; len(p.buf) < int(n+ahead) {
		p.pool.put(p.buf)
		p.buf = p.pool.make(int(n + ahead))
	}
	p.buf = p.buf[:n+ahead]
	if err := readFull(p.r, p.buf, p.pos); err != nil {
		return nil, err
	}
	p.pos += n
	p.peekBuf = resize(p.peekBuf, int(ahead))
	p.peek = p.peekBuf
	copy(p.peek, p.buf[n:])
	b := p.buf[:n:n]
	if h.hasCRC && crc32.ChecksumIEEE(b) != h.crc {
		return nil, fmt.Errorf("a page's checksum is wrong")
	}
	return b, nil
}

// skip moves behind the page whose header was read last without reading it.
func (p *pager) skip(h *pageHeader) {
	p.pos += int64(h.size)
	p.peek = p.peek[min(int(h.size), len(p.peek)):]
}

// callBytes is the most that one system call reads or writes. In a longer one the
// runtime takes the worker for idle and wakes a thread beside it, which then stands
// in its way. Writes end at multiples of it: the kernel keeps a file in pieces whose
// places are multiples of their sizes, and what crosses one is kept in small pieces,
// at twice the cost.
const callBytes = 128 << 10

// untilEdge is how many of the n bytes at a place one call writes.
func untilEdge(n, at int64) int64 { return min(n, callBytes-at%callBytes) }

func readFull(r io.ReaderAt, b []byte, at int64) error {
	for len(b) > 0 {
		part := b[:min(len(b), callBytes)]
		n, err := r.ReadAt(part, at)
		if n < len(part) {
			if err == nil || err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
		b, at = b[n:], at+int64(n)
	}
	return nil
}

func writeFull(w io.WriterAt, b []byte, at int64) error {
	for len(b) > 0 {
		n, err := w.WriteAt(b[:untilEdge(int64(len(b)), at)], at)
		if err != nil {
			return err
		}
		b, at = b[n:], at+int64(n)
	}
	return nil
}
