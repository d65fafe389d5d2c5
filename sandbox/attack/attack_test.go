package attack

import (
	"strconv"
	"testing"

	"aihub"
)

// Every row of the threat model about the container is here, in order.
func TestRows(t *testing.T) {
	for i, r := range rows {
		if want := "V" + strconv.Itoa(i+1); r.id != want {
			t.Errorf("row %d is %s", i+1, r.id)
		}
		if r.show == nil && r.why == (aihub.Text{}) {
			t.Errorf("%s is neither shown nor said why not", r.id)
		}
		if r.what.EN == "" || r.what.ZH == "" {
			t.Errorf("%s has no words", r.id)
		}
	}
	if len(rows) != 43 {
		t.Errorf("%d rows", len(rows))
	}
}
