package evaluator

import (
	"cmp"
	"fmt"
	"math/bits"
	"slices"
	"strings"

	"aihub"
	"aihub/scenarios"
)

// What the groups of several slices say together. Whoever knows a sum over the rows
// of every group that is shown, of s slices, knows every sum Σ v(row) whose weights
// are v(row) = f₁(its group by slice 1) + … + f_s(its group by slice s), and no
// other. The weights may leave few rows: those in which v is not 0, its support.
// Slices are shown when no v but 0 has a support of fewer than min rows.
//
// The rows are a matroid: some depend on one another when their sums do. The least
// support is its girth's dual, which no quick algorithm finds (for two slices it is
// the least cut of a graph: leastCut). But every support meets every basis, since v
// is 0 where it is 0 on a basis. So pack bases, disjoint ones, Λ rows deep: a support
// of fewer than min rows meets one of them in at most (min-1)/Λ rows. That is 0, and
// there is none; or 1 or 2, and v is a combination of so many of the functions that
// are 1 on one row of that basis and 0 on its others, all of which are looked at; or
// more, and it is said that nothing is known.

// maxCrossed bounds the combinations of groups that are counted. Leaving some out
// only makes supports look smaller, as long as those that are counted have full rank.
const maxCrossed = 1 << 18

type combination [scenarios.MaxSlices]uint8

// together counts the rows of each combination of groups, one of every slice, by
// what each weighs (see rowWeight).
type together map[combination]int64

func (t together) add(code []uint16, weight int64) {
	if len(code) < 3 {
		return
	}
	var at combination
	for k, c := range code {
		at[k] = uint8(c)
	}
	if n, known := t[at]; known || len(t) < maxCrossed {
		t[at] = n + weight
	}
}

// faults looks at all slices that are shown and have at least some min, for each.
func (t together) faults(g *grouping) []aihub.Fault {
	if len(g.of) < 3 {
		return nil
	}
	sets := make([][]int, len(g.of)) // of a group, the set that it is shown in
	var mins []int64
	for k := range g.of {
		min := int64(g.spec.Slices[k].Min)
		for i, set := range g.of[k].shown(min) {
			if sets[k] == nil {
				sets[k] = make([]int, len(g.of[k].names))
				mins = append(mins, min)
			}
			for _, group := range set {
				sets[k][group] = i
			}
		}
	}
	slices.Sort(mins)
	for _, min := range slices.Backward(slices.Compact(mins)) {
		first, columns := make([]int, len(sets)), 0
		var of []int
		var names []string
		for k := range sets {
			if sets[k] != nil && int64(g.spec.Slices[k].Min) >= min {
				of, first[k], names = append(of, k), columns, append(names, fmt.Sprintf("slices[%d]", k))
				columns += 1 + slices.Max(sets[k])
			}
		}
		if len(of) < 3 {
			continue
		}
		rows := map[combination]int64{}
		for code, n := range t {
			var at combination
			for i, k := range of {
				at[i] = uint8(first[k] + sets[k][code[k]])
			}
			rows[at] += n
		}
		cells := make([]crossedCell, 0, len(rows))
		for at, n := range rows {
			cells = append(cells, crossedCell{at, n})
		}
		list := strings.Join(names, ", ")
		en, zh := g.nouns()
		switch n, sure := leastSupport(cells, len(of), columns, min*g.scale(), len(t) < maxCrossed); {
		case n > 0:
			return []aihub.Fault{{Code: "nested_slices", Where: "slices", Message: aihub.Text{
				EN: fmt.Sprintf("the groups of %s together tell of %d %s alone, fewer than min: leave one of these slices out, or group by coarser columns", list, g.whole(n), en),
				ZH: fmt.Sprintf("%s 的各组合起来可单独算出 %d %s的结果，少于 min：请去掉其中一个切片，或按更粗的列分组", list, g.whole(n), zh),
			}}}
		case !sure:
			return []aihub.Fault{{Code: "too_few_rows", Where: "slices", Message: aihub.Text{
				EN: fmt.Sprintf("%s have %d groups, too many for these rows to be sure that together they tell of no fewer than %d %s: leave one of these slices out, group by coarser columns, or lower min", list, columns, min, en),
				ZH: fmt.Sprintf("%[1]s 共有 %[2]d 组，相对于行数过多，无法确保各组合起来不会算出少于 %[3]d %[4]s的结果：请去掉其中一个切片，按更粗的列分组，或调低 min", list, columns, min, zh),
			}}}
		}
	}
	return nil
}

// crossedCell are rows that are in the same groups; at has a number for each, its column.
type crossedCell struct {
	at   combination
	rows int64
}

// What leastSupport may do: bases that it packs, cells that it tries for them, and
// cells that it then looks at. Each is a second or a few.
const (
	maxBases  = 1 << 10
	maxTried  = 1 << 22
	maxLooked = 1 << 26
)

// mixed is different for every combination (a bijection, of which Vigna's SplitMix64 is made).
func (c combination) mixed() uint64 {
	var x uint64
	for _, b := range c {
		x = x<<8 | uint64(b)
	}
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// leastSupport looks for a support of fewer than enough rows, and returns the rows of
// one, 0 when there is none. It reports false when it cannot say. The first n of a
// cell's columns count. With all, cells are all that there are.
func leastSupport(cells []crossedCell, n, columns int, enough int64, all bool) (rows int64, sure bool) {
	// Of as many rows, in no order of the groups: a basis takes a little of each.
	byRows := func(a, b crossedCell) int {
		return cmp.Or(-cmp.Compare(a.rows, b.rows), cmp.Compare(a.at.mixed(), b.at.mixed()))
	}
	slices.SortFunc(cells, byRows)
	left := slices.Clone(cells)
	rank, bases, depth := columns-n+1, [][]combination(nil), int64(0)
	for tried := 0; depth < enough && len(bases) < maxBases && tried < maxTried; {
		b := newBasis(n, columns)
		var taken []combination
		var at []int
		for i := 0; i < len(left) && left[i].rows > 0 && len(taken) < rank; i++ {
			tried++
			if b.add(left[i].at) {
				taken, at = append(taken, left[i].at), append(at, i)
			}
		}
		if len(bases) == 0 {
			if rank = len(taken); rank == 0 {
				return 0, true
			}
			if !all && rank < columns-n+1 {
				return 0, false // a cell that was not counted may depend on none of these
			}
		}
		if len(taken) < rank {
			break // what is left has no basis
		}
		deep := left[at[rank-1]].rows
		if deep < enough-depth {
			deep = min(deep, (enough+31)/32) // a little, so that the next basis can be another
		}
		for _, i := range at {
			left[i].rows -= deep
		}
		bases, depth = append(bases, taken), depth+deep
		slices.SortFunc(left, byRows)
	}
	if depth >= enough {
		return 0, true
	}
	meets, looked := (enough-1)/depth, int64(0)
	for _, list := range bases {
		b := newBasis(n, columns)
		for _, at := range list {
			b.add(at)
		}
		for i := range rank {
			for j := -1; j < i && (j < 0 || meets > 1); j++ {
				got := b.support(cells, i, j, enough, &looked)
				if got > 0 && (rows == 0 || got < rows) {
					rows = got
				}
				if looked > maxLooked {
					return rows, rows > 0
				}
			}
		}
	}
	return rows, rows > 0 || meets <= 2
}

// basis is some cells of which none depends on the others, over the integers modulo
// prime: independent there, they are over the rationals, and where a weight is not 0
// there, it is not 0.
type basis struct {
	n     int
	pivot [][]uint32 // by column, the reduced row whose pivot that is, or nil: its columns, and then the row as a combination of the cells
	size  int
	row   []uint32
}

const prime = 1<<31 - 1

func newBasis(n, columns int) *basis {
	return &basis{n: n, pivot: make([][]uint32, columns), row: make([]uint32, 2*columns)}
}

// add adds a cell, and reports whether it does not depend on those before.
func (b *basis) add(at combination) bool {
	row, columns := b.row, len(b.pivot)
	clear(row)
	for _, c := range at[:b.n] {
		row[c] = 1
	}
	for _, c := range at[:b.n] {
		if p := b.pivot[c]; p != nil { // rows are reduced: no pivot is in another
			subtract(row, p, 1)
		}
	}
	lead := slices.IndexFunc(row[:columns], func(x uint32) bool { return x != 0 })
	if lead < 0 {
		return false
	}
	row[columns+b.size] = 1
	b.size++
	by := inverse(row[lead])
	for i, v := range row {
		row[i] = times(v, by)
	}
	for _, p := range b.pivot {
		if p != nil && p[lead] != 0 {
			subtract(p, row, p[lead])
		}
	}
	b.pivot[lead] = slices.Clone(row)
	return true
}

// weight is the function that is 1 on cell i of b and 0 on its others, at a cell.
func (b *basis) weight(i int, at combination) uint32 {
	var sum uint64
	for _, c := range at[:b.n] {
		if p := b.pivot[c]; p != nil {
			sum += uint64(p[len(b.pivot)+i])
		}
	}
	return uint32(sum % prime)
}

// support is the least support, of the functions of cells i and j together and with
// j < 0 of i alone, when it has fewer than enough rows; 0 otherwise. cells stand in
// the order of their rows, most first; looked counts them.
func (b *basis) support(cells []crossedCell, i, j int, enough int64, looked *int64) int64 {
	var rows, both, most int64
	var ratios map[uint32]int64 // rows that one ratio of the two makes 0
	for _, c := range cells {
		*looked++
		x, y := b.weight(i, c.at), uint32(0)
		if j >= 0 {
			y = b.weight(j, c.at)
		}
		switch {
		case x == 0 && y == 0:
		case x == 0 || y == 0:
			if rows += c.rows; rows >= enough {
				return 0
			}
		default:
			if ratios == nil {
				ratios = map[uint32]int64{}
			}
			r := times(x, inverse(y))
			ratios[r] += c.rows
			both, most = both+c.rows, max(most, ratios[r])
		}
	}
	if rows += both - most; rows >= enough {
		return 0
	}
	return rows
}

func times(x, y uint32) uint32 { return uint32(uint64(x) * uint64(y) % prime) }

// inverse is x to the power of prime-2 (Fermat).
func inverse(x uint32) uint32 {
	if x == 1 || x == prime-1 {
		return x
	}
	out, e := uint32(1), uint32(prime-2)
	for i := bits.Len32(e) - 1; i >= 0; i-- {
		if out = times(out, out); e>>i&1 == 1 {
			out = times(out, x)
		}
	}
	return out
}

// subtract takes x times y from row.
func subtract(row, y []uint32, x uint32) {
	minus := uint64(prime - x)
	for i, v := range y {
		if v != 0 {
			row[i] = uint32((uint64(row[i]) + minus*uint64(v)) % prime)
		}
	}
}
