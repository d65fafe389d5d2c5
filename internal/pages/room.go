package pages

import (
	"math"
	"runtime"
	"runtime/debug"
	"sync"
)

// WorkerBytes is what a worker may hold beyond its pages.
const WorkerBytes = 64 << 20

// Room keeps the runtime from collecting garbage until the process holds bytes of
// memory; from then on it collects as it did. A small heap is collected each time
// that it grows by as little again, and each time all workers are stopped, which a
// process that only masks has memory enough to do without. What it returns ends it.
//
// The setting is the whole process's: for commands, not for a server.
func Room(bytes int64) (end func()) {
	limit := debug.SetMemoryLimit(-1)
	if limit != math.MaxInt64 {
		return func() {} // somebody has set one
	}
	percent := debug.SetGCPercent(-1)
	debug.SetMemoryLimit(bytes)
	end = sync.OnceFunc(func() {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
	})
	runtime.AddCleanup(new([16]byte), func(end func()) { end() }, end) // at the first collection
	return end
}
