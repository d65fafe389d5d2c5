package attack

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

func TestBits(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	var secret []bool
	for range 80 {
		secret = append(secret, r.IntN(2) == 1)
	}
	for what, c := range map[string]struct {
		field    func(b bool) string
		min, max float64
	}{
		"nothing":           {func(bool) string { return "same" }, 0, 0},
		"the bit":           {func(b bool) string { return fmt.Sprint(b) }, 0.9, 1},
		"noise":             {func(bool) string { return fmt.Sprint(r.IntN(3)) }, 0, 0.1},
		"a number, blurred": {func(b bool) string { return fmt.Sprint(map[bool]int{true: 1000}[b] + r.IntN(900)) }, 0.7, 1},
		"different always":  {func(bool) string { return fmt.Sprint("x", r.Uint64()) }, 0, 0},
		"absent or there": {func(b bool) string {
			if b {
				return ""
			}
			return "there"
		}, 0.9, 1},
	} {
		var views []View
		for _, b := range secret {
			v := View{"always": "1"}
			if s := c.field(b); s != "" {
				v["field"] = s
			}
			views = append(views, v)
		}
		if got, field, chance := Bits(secret, views); got < c.min || got > c.max || c.min > 0 && chance > 0 {
			t.Errorf("%s: %.3f bits in %q (by chance %.3f), want %.1f to %.1f", what, got, field, chance, c.min, c.max)
		}
	}
}
