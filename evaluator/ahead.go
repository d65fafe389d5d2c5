package evaluator

import (
	"sync"

	"aihub/internal/table"
)

// readAhead reads the next batch while one is worked on. Batches stay valid for
// three further calls, and one more is read than was asked for.
func readAhead(r table.Reader) table.Reader {
	a := &ahead{Reader: r, c: make(chan batchOr), stop: make(chan struct{})}
	a.wait.Add(1)
	go func() {
		defer a.wait.Done()
		for {
			b, err := r.Next()
			select {
			case a.c <- batchOr{b, err}:
			case <-a.stop:
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return a
}

type batchOr struct {
	b   *table.Batch
	err error
}

type ahead struct {
	table.Reader
	c    chan batchOr
	stop chan struct{}
	wait sync.WaitGroup
	last error
}

func (a *ahead) Next() (*table.Batch, error) {
	if a.last != nil {
		return nil, a.last
	}
	x := <-a.c
	a.last = x.err
	return x.b, x.err
}

func (a *ahead) Close() error {
	close(a.stop)
	a.wait.Wait()
	return a.Reader.Close()
}
