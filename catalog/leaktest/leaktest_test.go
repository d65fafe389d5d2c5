package leaktest

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"aihub/catalog/mask"
	"aihub/internal/table"
)

// Values that were suppressed, clipped or averaged away are looked for; those that
// stayed are not.
func TestPartlyMasked(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "raw.csv")
	text := "ward,id,fee\ncommon-ward,13812345678901,20000000001\nrare-ward-7,13812345678902,90000000002\ncommon-ward,13812345678904,20000000003\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	top := 3e10
	plan := mask.Plan{Columns: map[string]mask.Rule{
		"ward": {Use: "suppress", Values: []string{"rare-ward-7"}}, "fee": {Use: "clip", Max: &top}, "id": {Use: "aggregate", K: 3}}}
	raw, err := File(plan, make([]byte, 32), path, map[string]table.Type{"fee": table.Int64})
	if err != nil {
		t.Fatal(err)
	}
	found, err := raw.In([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	for value, want := range map[string]bool{"rare-ward-7": true, "90000000002": true, "13812345678901": true, "common-ward": false, "20000000001": false} {
		if got := slices.ContainsFunc(found, func(f string) bool { return strings.Contains(f, value) }); got != want {
			t.Errorf("%s: looked for %v, want %v; found %q", value, got, want, found)
		}
	}
}
