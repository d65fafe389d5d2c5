package pages

import (
	"math"
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

var kept []byte

// TestRoom allocates less and then more than there is room for, and asks what was
// collected, and whether the settings are again as they were.
func TestRoom(t *testing.T) {
	limit := debug.SetMemoryLimit(math.MaxInt64)
	defer debug.SetMemoryLimit(limit)
	percent := debug.SetGCPercent(100)
	defer debug.SetGCPercent(percent)
	runtime.GC()
	collections := func() uint32 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.NumGC
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	room := int64(m.Sys-m.HeapReleased) + 64<<20
	defer Room(room)()
	before := collections()
	for range 32 {
		kept = make([]byte, 1<<20)
	}
	if n := collections(); n != before {
		t.Fatalf("%d collections with room left", n-before)
	}
	for range 128 {
		kept = make([]byte, 1<<20)
	}
	if collections() == before {
		t.Fatal("nothing was collected when the room was full")
	}
	for end := time.Now().Add(10 * time.Second); debug.SetMemoryLimit(-1) != math.MaxInt64; { // a goroutine of the runtime ends it
		if time.Now().After(end) {
			t.Fatal("the limit still holds ten seconds after the first collection")
		}
		time.Sleep(time.Millisecond)
	}
	if p := debug.SetGCPercent(100); p != 100 {
		t.Fatalf("the runtime collects at %d per cent, it did at 100", p)
	}
}
