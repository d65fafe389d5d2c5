// Package lattice looks for the generalisation (泛化) of a table that loses least
// while its rows hide well enough. Every quasi-identifier has a Hierarchy (层级):
// its values, and what each becomes at level 1, 2, …; a Node of the lattice (格)
// is one level for each. A node is allowed when at most a share of the rows is in
// classes that break the limits; those rows count as suppressed.
//
// The loss is ARX's Loss metric with its defaults (Prasser et al., "ARX – A
// Comprehensive Tool for Anonymizing Biomedical Data", 2014; after Iyengar,
// "Transforming data to satisfy privacy constraints", 2002). A value's share is
// the part of the hierarchy's lines that become the same at its level. Over n
// rows a quasi-identifier with m lines loses
//
//	(Σ share - n/m) / (n - n/m)
//
// where a suppressed row's share is 1: 0 for raw values, 1 for nothing left. The
// loss of a node is the geometric mean of 1 + these, minus 1; or, when asked for,
// their arithmetic mean.
package lattice

import (
	"fmt"
	"strings"

	"aihub"
)

// MaxLines bounds a hierarchy.
const MaxLines = 100_000

// Hierarchy is a quasi-identifier's values at every level.
type Hierarchy struct {
	Name   string
	values [][]string        // of each level
	code   map[string]uint32 // of a raw value
	up     [][]uint32        // up[l][v] is the code at level l+1 of v at level l
	share  [][]float64       // share[l][v] of all lines
}

// Parse reads lines of value;level 1;level 2;… All lines have as many cells, no
// value comes twice, and what is one at a level is one above it. Where of a fault
// is the line.
func Parse(name, text string) (*Hierarchy, []aihub.Fault) {
	h := &Hierarchy{Name: name, code: map[string]uint32{}}
	var fs []aihub.Fault
	fault := func(line int, en, zh string) {
		if len(fs) < 20 {
			fs = append(fs, aihub.Fault{Code: "hierarchy", Where: fmt.Sprintf("line %d", line+1), Message: aihub.Text{EN: en, ZH: zh}})
		}
	}
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if strings.TrimSpace(text) == "" || len(lines) > MaxLines {
		fault(0, fmt.Sprintf("1 to %d lines value;level 1;level 2 are expected", MaxLines), fmt.Sprintf("需要 1 至 %d 行 值;第一级;第二级", MaxLines))
		return nil, fs
	}
	var ids []map[string]uint32
	var counts [][]int
	for i, line := range lines {
		cells := strings.Split(strings.TrimSpace(line), ";")
		if i == 0 {
			if len(cells) < 2 || len(cells) > 64 {
				fault(i, fmt.Sprintf("%d cells; a value and 1 to 63 levels are expected", len(cells)), fmt.Sprintf("有 %d 个单元格；应为一个值与 1 至 63 级", len(cells)))
				return nil, fs
			}
			for range cells {
				ids, counts, h.values, h.up = append(ids, map[string]uint32{}), append(counts, nil), append(h.values, nil), append(h.up, nil)
			}
		}
		if len(cells) != len(ids) {
			fault(i, fmt.Sprintf("%d cells; line 1 has %d", len(cells), len(ids)), fmt.Sprintf("有 %d 个单元格；第 1 行有 %d 个", len(cells), len(ids)))
			continue
		}
		above := uint32(0)
		for l := len(cells) - 1; l >= 0; l-- {
			v := strings.TrimSpace(cells[l])
			id, known := ids[l][v]
			if known && l == 0 {
				fault(i, "this value has a line already", "该值已出现过")
				break
			}
			if !known {
				id = uint32(len(h.values[l]))
				ids[l][v] = id
				h.values[l], counts[l], h.up[l] = append(h.values[l], v), append(counts[l], 0), append(h.up[l], above)
			}
			if l+1 < len(cells) && h.up[l][id] != above {
				fault(i, fmt.Sprintf("%q of level %d goes to %q here and to %q before", v, l, h.values[l+1][above], h.values[l+1][h.up[l][id]]),
					fmt.Sprintf("第 %[2]d 级的 %[1]q 在此归入 %[3]q，之前归入 %[4]q", v, l, h.values[l+1][above], h.values[l+1][h.up[l][id]]))
			}
			counts[l][id]++
			above = id
		}
	}
	if fs != nil {
		return nil, fs
	}
	h.code = ids[0]
	h.up = h.up[:len(h.up)-1]
	for _, c := range counts {
		share := make([]float64, len(c))
		for v, n := range c {
			share[v] = float64(n) / float64(len(h.values[0]))
		}
		h.share = append(h.share, share)
	}
	return h, nil
}

// Levels returns how many levels there are, level 0 with the raw values included.
func (h *Hierarchy) Levels() int { return len(h.values) }

// Code returns the code of a raw value.
func (h *Hierarchy) Code(value string) (uint32, bool) {
	c, ok := h.code[strings.TrimSpace(value)]
	return c, ok
}

// Fixed returns a hierarchy of n values that has level 0 alone: a column that is
// masked some other way but makes classes too. It loses nothing.
func Fixed(name string, n int) *Hierarchy {
	return &Hierarchy{Name: name, values: [][]string{make([]string, n)}, share: [][]float64{make([]float64, n)}}
}

// Missing returns the code of a value that is missing, which stays missing, and
// so apart from the others, at every level.
func (h *Hierarchy) Missing() uint32 {
	const name = "\x00missing"
	if c, ok := h.code[name]; ok {
		return c
	}
	for l := range h.values {
		if l > 0 {
			h.up[l-1] = append(h.up[l-1], uint32(len(h.values[l])))
		}
		h.values[l] = append(h.values[l], name)
		h.share[l] = append(h.share[l], h.share[0][0])
	}
	c := uint32(len(h.values[0]) - 1)
	h.code[name] = c
	return c
}
