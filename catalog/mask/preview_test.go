package mask

import (
	"testing"

	"aihub/internal/table"
)

// The look-alikes of a column with a hierarchy are values of it, of whatever type
// the column is: what they become is seen.
func TestPreviewOfHierarchies(t *testing.T) {
	t.Parallel()
	var schema []table.Field
	plan := Plan{Columns: map[string]Rule{}}
	for typ, lines := range map[table.Type]string{
		table.Date: "1980-02-01;1980\n1981-12-31;1981", table.Timestamp: "1980-02-01T08:00:00Z;1980",
		table.Float64: "1.5;low\n2.25;high", table.Bool: "true;*\nfalse;*", table.Int64: "7;odd\n8;even", table.String: "甲;一",
	} {
		schema = append(schema, table.Field{Name: string(typ), Type: typ})
		plan.Columns[string(typ)] = Rule{Use: "hierarchy", Level: 1, Hierarchy: lines}
	}
	ex, err := plan.Preview(schema, 3)
	if err != nil || len(ex) != 3*len(schema) {
		t.Fatalf("%d examples: %v", len(ex), err)
	}
	for _, e := range ex {
		if e.Before == "" || e.After == "" {
			t.Errorf("%s: %q becomes %q", e.Column, e.Before, e.After)
		}
	}
}
