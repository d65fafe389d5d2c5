package hostile

import (
	"slices"
	"testing"
)

func TestEveryModeExists(t *testing.T) {
	for _, m := range slices.Concat(Modes, Training, Load) {
		if attacks[m] == nil {
			t.Errorf("mode %s is listed and does not exist", m)
		}
	}
	if n := len(Modes) + len(Training) + len(Load); len(attacks) != n {
		t.Errorf("%d attacks, %d are listed", len(attacks), n)
	}
	if code := Main([]string{"nonsense"}); code != 2 {
		t.Errorf("an unknown mode ends with %d, want 2", code)
	}
}
