package catalog

import (
	"runtime/debug"
	"sync"
	"sync/atomic"
)

// publishes under way, and what the runtime was set to before.
var publishes struct {
	sync.Mutex
	n, percent int
}

// thrifty makes the runtime collect garbage when half as much as is live has come
// about, not as much again, until what it returns is called: a quarter of the memory
// for some hundredths of the processor time. Who set less keeps it.
func thrifty() (end func()) {
	const percent = 50
	publishes.Lock()
	defer publishes.Unlock()
	if publishes.n++; publishes.n == 1 {
		if publishes.percent = debug.SetGCPercent(percent); publishes.percent < percent {
			debug.SetGCPercent(publishes.percent)
		}
	}
	return func() {
		publishes.Lock()
		defer publishes.Unlock()
		if publishes.n--; publishes.n == 0 {
			debug.SetGCPercent(publishes.percent)
		}
	}
}

// crew are hands that each look at all stretches of rows, in their order and at
// their own pace: none waits for another one but where it is a few stretches ahead,
// for then there is no stretch left to read into. What a hand makes depends on the
// rows alone, not on the pace of the others.
type crew struct {
	hands   []chan *dealt
	running sync.WaitGroup
	failed  atomic.Bool
	mu      sync.Mutex
	err     error // the first

	encoding chan struct{} // holds one for each hand that may be encoding a row group
}

// dealt is a stretch of rows with where they go.
type dealt struct {
	*shuffled
	all    []int   // rows that are published
	sample []int   // of them, in the sample
	rows   [][]int // by part, as an index of aihub.Parts
}

// hire adds a hand. It does not see what was given before.
func (c *crew) hire(look func(*dealt) error) {
	ch := make(chan *dealt, stretches) // never more are about
	c.hands = append(c.hands, ch)
	c.running.Go(func() {
		for d := range ch {
			if !c.failed.Load() {
				if err := look(d); err != nil {
					c.mu.Lock()
					if c.err == nil {
						c.err = err
					}
					c.mu.Unlock()
					c.failed.Store(true)
				}
			}
			d.done()
		}
	})
}

// give hands a stretch to everyone. It reports whether there is a point in going on;
// where there is none, rest says why.
func (c *crew) give(d *dealt) bool {
	d.keep(len(c.hands))
	for _, ch := range c.hands {
		ch <- d
	}
	return !c.failed.Load()
}

// rest waits until everyone has seen everything, and returns what went wrong.
func (c *crew) rest() error {
	for _, ch := range c.hands {
		close(ch)
	}
	c.hands = nil
	c.running.Wait()
	return c.err
}
