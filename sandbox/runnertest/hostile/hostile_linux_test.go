package hostile

import "testing"

func TestEveryModeExists(t *testing.T) {
	for _, m := range Modes {
		if attacks[m] == nil {
			t.Errorf("mode %s is listed and does not exist", m)
		}
	}
	if len(attacks) != len(Modes) {
		t.Errorf("%d attacks, %d are listed", len(attacks), len(Modes))
	}
	if code := Main([]string{"nonsense"}); code != 2 {
		t.Errorf("an unknown mode ends with %d, want 2", code)
	}
}
