package oci

import (
	"io"
	"sync"
)

// ahead reads from r in a goroutine of its own, a few blocks before its reader:
// one core decompresses and hashes while another writes files.
type ahead struct {
	blocks chan block
	free   chan []byte
	quit   chan struct{}
	once   sync.Once
	done   sync.WaitGroup
	now    block
	left   []byte
}

type block struct {
	b   []byte // whole, to be given back
	n   int
	err error
}

const (
	aheadBlocks = 4
	aheadBytes  = 256 << 10
)

func readAhead(r io.Reader) *ahead {
	a := &ahead{blocks: make(chan block, aheadBlocks), free: make(chan []byte, aheadBlocks), quit: make(chan struct{})}
	for range aheadBlocks {
		a.free <- make([]byte, aheadBytes)
	}
	a.done.Go(func() {
		defer close(a.blocks)
		for {
			select {
			case <-a.quit:
				return
			case b := <-a.free:
				n, err := r.Read(b)
				a.blocks <- block{b, n, err} // never waits: there are as many places as buffers
				if err != nil {
					return
				}
			}
		}
	})
	return a
}

// Read gives an error where it stands in the stream, after the bytes before it.
func (a *ahead) Read(p []byte) (int, error) {
	for len(a.left) == 0 {
		if a.now.err != nil {
			return 0, a.now.err
		}
		if a.now.b != nil {
			a.free <- a.now.b
		}
		next, ok := <-a.blocks
		if !ok {
			return 0, io.ErrClosedPipe // after stop
		}
		a.now, a.left = next, next.b[:next.n]
	}
	n := copy(p, a.left)
	a.left = a.left[n:]
	return n, nil
}

// stop ends the reading; after it r is the caller's alone again.
func (a *ahead) stop() {
	a.once.Do(func() { close(a.quit) })
	a.done.Wait()
}
