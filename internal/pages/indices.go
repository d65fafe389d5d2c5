package pages

// some are indices worked on at a time: they lie in the nearest cache meanwhile.
const some = 4096

// inOrder reads the indices of the page k.pg and says how many entries of the
// dictionary are in use then, of which next were before; errRewrite, if they did not
// come in the order of their first use.
func (k *worker) inOrder(next uint32) (uint32, error) {
	k.index = resize(k.index, some)
	for left := k.pg.valid; left > 0; left -= some {
		part := k.index[:min(left, some)]
		if err := k.r.indices(&k.pg, part); err != nil {
			return next, k.r.wrap(err)
		}
		if int(next) == k.r.dict.n { // nothing new can come
			continue
		}
		for _, x := range part {
			if x >= next {
				if x > next {
					return next, errRewrite
				}
				next++
			}
		}
	}
	if k.pg.coder.tells() {
		return next, errRewrite
	}
	return next, nil
}

// recodePage writes the page k.pg of indices into a dictionary without nulls with
// their new numbers: some at a time, in the cache. The numbers are given first, for
// how many there are is the width that all are written with.
func (k *worker) recodePage(out pageOf) error {
	r, w, p, remap := &k.r, &k.w, &k.pg, k.remap
	k.index = resize(k.index, some+8)
	begin := p.coder
	for left := p.valid; left > 0 && k.fresh > 0; left -= some {
		part := k.index[:min(left, some)]
		if err := r.indices(p, part); err != nil {
			return r.wrap(err)
		}
		for _, x := range part {
			if remap[x] == 0 {
				remap[x] = k.number(x)
				k.fresh--
			}
		}
	}
	p.coder = begin
	s, width := w.indexPage(p.valid, out.rep, out.def)
	levels, kept := len(s)-1, 0
	for left := p.valid; left > 0; left -= some {
		part := k.index[kept:][:min(left, some)]
		if err := r.indices(p, part); err != nil {
			return r.wrap(err)
		}
		renumber(part, remap)
		part = k.index[:kept+len(part)]
		n := 0
		s, n = packSome(s, part, width, left <= some)
		kept = copy(k.index, part[n:])
	}
	return w.putIndices(out, s, levels)
}
