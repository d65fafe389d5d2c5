package catalog

import (
	"context"
	"io"
	"runtime"
	"slices"
	"sync"

	"aihub/catalog/detect"
	"aihub/catalog/mask"
	"aihub/catalog/risk"
	"aihub/internal/pages"
	"aihub/internal/table"
)

// pageLook looks through a Parquet file before its pages are rewritten: for
// identifiers in what the plan keeps, for values that it suppresses, and at the
// classes that the masked rows will make.
type pageLook struct {
	f       *pages.File
	cols    []pageColumn
	classed []int // columns that the meter looks at, in its order
	subject bool  // the last of them says whose a row is: it is looked at as it is
	meter   *risk.Meter
	kept    []keptColumn
	named   []int // columns that are not classed and whose suppress names values: which of them a row has is told
	masking *mask.Masking
}

type keptColumn struct {
	at int
	as pageColumn // as the detectors see it
	mu sync.Mutex
	d  *detect.Column
}

// blockRows is how many rows go through at a time.
const blockRows = 1 << 16

// run reads the row groups side by side; the meter is told of rows in their order.
func (k *pageLook) run(ctx context.Context, p progress) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stop()
	type group struct {
		blocks chan []risk.Coded
		err    error // to be read when blocks is closed
	}
	turns := make(chan *group, runtime.GOMAXPROCS(0)-1)
	wg.Go(func() {
		defer close(turns)
		for g := range k.f.RowGroups() {
			t := &group{blocks: make(chan []risk.Coded, 2)}
			select {
			case turns <- t:
			case <-ctx.Done():
				return
			}
			wg.Go(func() {
				defer close(t.blocks)
				t.err = k.group(ctx, g, func(b []risk.Coded) error {
					select {
					case t.blocks <- b:
						return nil
					case <-ctx.Done():
						return ctx.Err()
					}
				})
			})
		}
	})
	done, g := int64(0), 0
	for t := range turns {
		for b := range t.blocks {
			if err := k.meter.AddCoded(b); err != nil {
				return err
			}
		}
		if t.err != nil {
			return t.err
		}
		done += k.f.GroupRows(g)
		g++
		p("risk", done, k.f.Rows())
	}
	return ctx.Err()
}

// group looks through a row group.
func (k *pageLook) group(ctx context.Context, g int, add func([]risk.Coded) error) error {
	for i := range k.kept {
		if err := k.detect(ctx, &k.kept[i], g); err != nil {
			return err
		}
	}
	for _, at := range k.named {
		c := &k.cols[at]
		err := k.f.ChunkValues(g, c.leaf, func(v *pages.Values) error {
			raw := c.column(v)
			c.kernel.Mask(&raw)
			return ctx.Err()
		})
		if err != nil {
			return err
		}
	}
	if len(k.classed) == 0 {
		return nil
	}
	return k.blocks(ctx, g, add)
}

// detect shows the detectors a kept column, nested or not: where a chunk has a
// dictionary each value of it once, however many rows have it.
func (k *pageLook) detect(ctx context.Context, c *keptColumn, g int) error {
	return k.f.ChunkValues(g, k.cols[c.at].leaf, func(v *pages.Values) error {
		raw := c.as.column(v)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.d.Add(&raw)
		return ctx.Err()
	})
}

// blocks gives the masked values of the meter's columns, as indices.
func (k *pageLook) blocks(ctx context.Context, g int, add func([]risk.Coded) error) error {
	leaves := make([]int, len(k.classed))
	for i, at := range k.classed {
		leaves[i] = k.cols[at].leaf
	}
	s, err := k.f.ScanGroups(g, g+1, leaves...)
	if err != nil {
		return err
	}
	s.KeepDict = true
	dicts := make([]*table.Column, len(leaves)) // of the chunk, masked; a null behind the values
	var last []risk.Coded
	for {
		runs, err := s.Next(blockRows)
		if err == io.EOF {
			return nil
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		block := make([]risk.Coded, len(runs))
		for i := range runs {
			c := k.cols[k.classed[i]]
			c.kept = c.kept || k.subject && i == len(runs)-1
			var before *risk.Coded
			if last != nil {
				before = &last[i]
			}
			if block[i], err = k.coded(&c, &runs[i], &dicts[i], before); err != nil {
				return err
			}
		}
		last = block
		if err := add(block); err != nil {
			return err
		}
	}
}

// coded turns a run into indices of masked values.
func (k *pageLook) coded(c *pageColumn, run *pages.Run, dict **table.Column, before *risk.Coded) (out risk.Coded, err error) {
	var of *table.Column
	index := make([]uint32, run.N)
	values := index[:0] // of the rows that have a value, in order
	if run.Coded {
		if *dict == nil {
			if *dict, err = c.dictionary(run.Dict); err != nil {
				return out, err
			}
		}
		of = *dict
		values = append(values, run.Index...)
	} else {
		distinct, at := distinctOf(&run.Values)
		if of, err = c.dictionary(&distinct); err != nil {
			return out, err
		}
		values = append(values, at...)
	}
	if run.Valid != nil { // spread out, from the end
		null, v := uint32(of.Len()-1), len(values)
		for r := run.N - 1; r >= 0; r-- {
			if run.Valid[r] == 1 {
				v--
				index[r] = index[v]
			} else {
				index[r] = null
			}
		}
	}
	return risk.NewCoded(of, index, before), nil
}

// dictionary masks values and puts a null behind them.
func (c *pageColumn) dictionary(v *pages.Values) (*table.Column, error) {
	raw := c.column(v)
	masked, err := c.masked(&raw)
	if err != nil {
		return nil, err
	}
	masked.AppendNull()
	return &masked, nil
}

// distinctOf returns the different values of v and which one each is.
func distinctOf(v *pages.Values) (pages.Values, []uint32) {
	at := make([]uint32, v.Len())
	known := make(map[string]uint32)
	var first []uint32
	for i := range at {
		x, ok := known[string(v.Bytes(i))]
		if !ok {
			x = uint32(len(first))
			known[string(v.Bytes(i))] = x
			first = append(first, uint32(i))
		}
		at[i] = x
	}
	return v.Pick(first), at
}

// deal gives the rows of a unit that may not be published to nobody.
func (k *pageLook) deal(ctx context.Context) func(u pages.Unit, part []uint8) error {
	return func(u pages.Unit, part []uint8) error {
		at := 0
		keep := make([]bool, blockRows)
		for g := u.From; g < u.To; g++ {
			err := k.blocks(ctx, g, func(b []risk.Coded) error {
				n := len(b[0].Index)
				k.meter.KeepCoded(b, keep[:n])
				for i, ok := range keep[:n] {
					if !ok {
						part[at+i] = pages.Suppress
					}
				}
				at += n
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	}
}

// samples takes rows of the file, evenly spread over at most sampleGroups row
// groups, with their masked form.
func (k *pageLook) samples(ctx context.Context, pairs *pairSample) error {
	const sampleGroups = 20
	var cols []*pageColumn
	var leaves []int
	for _, raw := range pairs.raw.Cols {
		at := slices.IndexFunc(k.cols, func(c pageColumn) bool { return c.field.Name == raw.Name })
		cols, leaves = append(cols, &k.cols[at]), append(leaves, k.cols[at].leaf)
	}
	if len(leaves) == 0 {
		return nil
	}
	groups := k.f.RowGroups()
	take := min(groups, sampleGroups)
	for i := range take {
		g := i * groups / take
		every := max(1, k.f.GroupRows(g)*int64(take)/pairRows)
		s, err := k.f.ScanGroups(g, g+1, leaves...)
		if err != nil {
			return err
		}
		for row := int64(0); ; {
			runs, err := s.Next(blockRows)
			if err == io.EOF {
				break
			}
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				return err
			}
			if err := pairs.sampled(cols, runs, g, row, every); err != nil {
				return err
			}
			row += int64(runs[0].N)
		}
	}
	return nil
}
