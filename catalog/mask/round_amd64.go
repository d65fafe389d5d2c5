package mask

import (
	"math"

	"golang.org/x/sys/cpu"
)

// lanesRound is a round of FF1 in n lanes, a multiple of eight above 0: the names are
// those of form.round. What is added to a half is base + y where neg is 0, and base - y
// where all its bits are 1.
type lanesRound struct {
	x, hi, lo *uint64
	q, s      *byte
	n         int
	m         uint64
	inv       float64
	rl        uint64
	base, neg uint64
}

//go:noescape
func roundAVX512(r *lanesRound)

var hasRound = cpu.X86.HasAVX512F && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512BW

// roundLanes does the first lanes of a round, where the processor can and halves are
// below 2^20, and returns how many it did.
func (w *form) roundLanes(x, hi, lo []uint64, q, s []byte, m, rl uint64, decrypt bool) int {
	n := len(x) &^ 7
	if !hasRound || n == 0 || m > 1<<20 || w.long || w.bLen >= 8 {
		return 0
	}
	r := lanesRound{x: &x[0], hi: &hi[:n][0], lo: &lo[:n][0], q: &q[:16*n][0], s: &s[:16*n][0], n: n, m: m,
		inv: math.Nextafter(math.Nextafter(1/float64(m), 0), 0), rl: rl}
	if decrypt {
		r.base, r.neg = m, math.MaxUint64
	}
	roundAVX512(&r)
	return n
}
