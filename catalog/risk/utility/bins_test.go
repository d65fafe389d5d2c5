package utility

import (
	"fmt"
	"testing"

	"aihub/internal/table"
)

// Bins name no raw value that is not published, and count no group below minShown.
func TestBins(t *testing.T) {
	t.Parallel()
	text := table.Field{Name: "s", Type: table.String}
	raw, masked := table.NewColumn(text, 0), table.NewColumn(text, 0)
	for i := range 300 {
		raw.AppendStr(fmt.Sprint("street ", i%3, " no ", i%10))
		masked.AppendStr(fmt.Sprint("street ", i%3))
	}
	masked.Str[0], masked.Str[1] = "street 0 no 0", "alone"
	got := bins(&raw, &masked)
	if len(got) != 4 || got[3].Label != "" || got[3].Raw != 300 || got[3].Masked != 0 {
		t.Errorf("%+v", got)
	}
	for _, b := range got[:3] {
		if b.Masked < 99 || b.Raw != 0 {
			t.Errorf("%+v", b)
		}
	}
	number := table.Field{Name: "n", Type: table.Int64}
	raw, masked = table.NewColumn(number, 0), table.NewColumn(number, 0)
	for i := range 1000 {
		raw.AppendInt(int64(i % 100))
		masked.AppendInt(int64(i % 100 / 20 * 20))
	}
	got = bins(&raw, &masked)
	if len(got) != maxBins {
		t.Fatalf("%+v", got)
	}
	r, m := 0, 0
	for _, b := range got {
		r, m = r+b.Raw, m+b.Masked
	}
	if r != 1000 || m != 1000 || got[0].Raw < 80 || got[0].Raw > 160 {
		t.Errorf("%+v", got)
	}
	flat := table.NewColumn(number, 0)
	for range 100 {
		flat.AppendInt(7)
	}
	if got := bins(&flat, &flat); got != nil {
		t.Errorf("a constant has %+v", got)
	}
}
