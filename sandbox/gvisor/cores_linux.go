package gvisor

import (
	"cmp"
	"math"
	"os"
	"slices"
	"sync"

	"golang.org/x/sys/unix"
)

// cores hands out the cores that this process may use, the least used ones first.
type cores struct {
	mu   sync.Mutex
	have []int
	used map[int]int // runs on a core
}

// cpus are the cores for the runs of all runners of this process.
var cpus cores

// take picks as many cores as n asks for, rounded up, until they are given back;
// nil when that is all there are.
func (c *cores) take(n float64) []int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.have == nil {
		all := allowed()
		first := os.Getpid() % max(1, len(all)) // several processes count apart, and begin apart
		c.have, c.used = slices.Concat(all[first:], all[:first]), map[int]int{}
	}
	want := int(math.Ceil(n))
	if want < 1 || want >= len(c.have) {
		return nil
	}
	slices.SortStableFunc(c.have, func(a, b int) int { return cmp.Compare(c.used[a], c.used[b]) })
	set := slices.Clone(c.have[:want])
	for _, core := range set {
		c.used[core]++
	}
	return set
}

// give gives back what take picked.
func (c *cores) give(set []int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, core := range set {
		c.used[core]--
	}
}

// allowed returns the cores that this process may use.
func allowed() []int {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return []int{}
	}
	all := []int{}
	for core := 0; len(all) < set.Count(); core++ {
		if set.IsSet(core) {
			all = append(all, core)
		}
	}
	return all
}
