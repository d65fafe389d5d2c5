package evaluator

import (
	"math"
	"math/bits"
)

// unitSlots is how many counters a unitCount has: 4 MiB.
const unitSlots = 1 << 20

// unitCount counts the rows of each unit, by a hash of its name. Units that share a
// counter are taken for one, so that what follows is rather too few units than too
// many; of a hundred thousand a twentieth does.
type unitCount [unitSlots]uint32

func (u *unitCount) add(unit string) {
	if n := &u[unitSlot(unit)]; *n < math.MaxUint32 {
		*n++
	}
}

// of is how many rows the unit has, or more.
func (u *unitCount) of(unit string) int64 { return int64(u[unitSlot(unit)]) }

// unitSlot is below unitSlots.
func unitSlot(unit string) int {
	h := uint64(14695981039346656037) // FNV-1a, then mixed
	for i := range len(unit) {
		h = (h ^ uint64(unit[i])) * 1099511628211
	}
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	return int((h ^ h>>33) % unitSlots)
}

// unitMarks says which units some rows are of.
type unitMarks []uint64

func (u *unitMarks) add(slot int) {
	if *u == nil {
		*u = make(unitMarks, unitSlots/64)
	}
	(*u)[slot/64] |= 1 << (slot % 64)
}

// and adds the units of v.
func (u *unitMarks) and(v unitMarks) {
	if *u == nil {
		*u = make(unitMarks, unitSlots/64)
	}
	for i, x := range v {
		(*u)[i] |= x
	}
}

// count is how many units there are, or fewer.
func (u unitMarks) count() (n int64) {
	for _, x := range u {
		n += int64(bits.OnesCount64(x))
	}
	return n
}

// worth is how many units of equal size tell as much about a mean over rows as
// these: (Σ m)²/Σ m² for m rows of each, which Hoeffding's bound for a weighted
// mean of independent units has for n.
func (u *unitCount) worth() int64 {
	sum, squares := 0.0, 0.0
	for _, m := range u {
		sum += float64(m)
		squares += float64(float64(m) * float64(m))
	}
	if squares == 0 {
		return 0
	}
	return int64(float64(sum*(sum/squares)) + 1e-9)
}
