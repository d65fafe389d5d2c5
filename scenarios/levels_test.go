package scenarios

import "testing"

// A level is its ids, in whatever order: twice, it would count twice.
func TestGroups(t *testing.T) {
	for list, levels := range map[string]int{
		"total;state;store,category;series": 4, "state,cat;state;cat": 3,
		"state,cat;cat,state": 0, "state;state": 0, "state, cat;cat ,state": 0, "state,state": 0, "state;": 0, "total,state": 0,
	} {
		if got := Groups(list); len(got) != levels {
			t.Errorf("%q: %q, want %d levels", list, got, levels)
		}
	}
	if got := Groups("b,a"); len(got) != 1 || got[0][0] != "b" || got[0][1] != "a" {
		t.Errorf("the order of ids is not kept: %q", got)
	}
}
