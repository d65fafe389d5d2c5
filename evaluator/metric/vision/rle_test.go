package vision

import (
	"testing"

	"aihub"
)

// FuzzParseRLE: whatever the bytes, a mask that is accepted fills its size, and
// one that is not is a fault of whoever wrote it.
func FuzzParseRLE(f *testing.F) {
	f.Add(20, 30, "0X90")
	f.Add(6, 8, "d00010O1")
	f.Add(1, 1, "")
	f.Add(1<<30, 1<<30, "P")
	f.Fuzz(func(t *testing.T, h, w int, s string) {
		m, err := ParseRLE(h, w, s)
		if err != nil {
			if aihub.KindOf(err) != aihub.Contract {
				t.Fatalf("%v", err)
			}
			return
		}
		var n int64
		for _, c := range m.Counts {
			n += int64(c)
		}
		if n != int64(h)*int64(w) || m.Area() > n {
			t.Fatalf("%d runs of %d pixels hold %d", len(m.Counts), h*w, n)
		}
		if v := m.iou(m, false); m.Area() > 0 && v != 1 {
			t.Fatalf("overlap with itself %v", v)
		}
		m.box()
	})
}
