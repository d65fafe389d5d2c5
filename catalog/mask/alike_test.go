package mask

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"aihub/internal/table"
)

// What is alike is told once, and becomes what it does alone.
func TestAlike(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(4, 4))
	p := Plan{Columns: map[string]Rule{"name": {Use: "name"}, "address": {Use: "address", To: "district", OnInvalid: "missing"},
		"phone": {Use: "phone", OnInvalid: "missing"}}}
	m, err := p.Compile([]table.Field{{Name: "name", Type: table.String}, {Name: "address", Type: table.String}, {Name: "phone", Type: table.String}}, make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	if k, _ := m.Kernel("phone"); k.Alike != nil {
		t.Error("telephone numbers are said to be alike")
	}
	values := map[string][][]byte{}
	for i := range 5000 {
		name := []byte(hanSurnames.words[rng.IntN(100)].String() + hanGiven1.words[rng.IntN(70)].String() + strings.Repeat("文", rng.IntN(3)))
		switch rng.IntN(8) {
		case 0:
			name = []byte(" " + latinGiven.words[rng.IntN(50)].String() + " Ng")
		case 1:
			name = nil
		}
		values["name"] = append(values["name"], name)
		address := fmt.Sprintf("广东省深圳市%s区人民路%d号", []string{"南山", "福田", "罗湖", string(rune('一' + i))}[rng.IntN(4)], i)
		switch rng.IntN(8) {
		case 0:
			address = "深圳市"
		case 1:
			address = "nowhere"
		}
		values["address"] = append(values["address"], []byte(address))
	}
	for name, src := range values {
		k, _ := m.Kernel(name)
		f := k.Alike()
		for range 2 { // the function is used again
			data, ends, refs := []byte("before"), []uint32{0, 6}, []uint32(nil)
			var bad []int
			for from := 0; from < len(src); from += 1000 {
				var b []int
				data, ends, refs, b = f(from == 0, data, ends, refs, src[from:from+1000])
				for _, i := range b {
					bad = append(bad, from+i)
				}
			}
			want, wantEnds, wantBad := k.Append(nil, nil, src)
			if !slices.Equal(bad, wantBad) {
				t.Fatalf("%s: bad are %d, alone %d", name, len(bad), len(wantBad))
			}
			seen := map[string]bool{}
			for i := 2; i < len(ends); i++ {
				s := string(data[ends[i-1]:ends[i]])
				if seen[s] {
					t.Fatalf("%s: %q is told twice", name, s)
				}
				seen[s] = true
			}
			at, next, k := uint32(0), uint32(0), 0
			for i, end := range wantEnds {
				w := string(want[at:end])
				at = end
				if slices.Contains(bad, i) {
					continue
				}
				x := refs[k]
				if k++; x > next {
					t.Fatalf("%s: text %d is used before %d", name, x, next)
				} else if x == next {
					next++
				}
				if got := string(data[ends[x+1]:ends[x+2]]); got != w {
					t.Fatalf("%s: %q becomes %q, alone %q", name, src[i], got, w)
				}
			}
			if k != len(refs) || int(next) != len(ends)-2 {
				t.Errorf("%s: %d values of %d, %d texts of %d", name, len(refs), k, len(ends)-2, next)
			}
		}
	}
}
