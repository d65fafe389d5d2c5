package gvisor

import (
	"context"
	"encoding/json"
	"os"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	Dispatch()
	os.Exit(m.Run())
}

func TestProbe(t *testing.T) {
	for _, none := range []bool{false, true} {
		r := New(t.TempDir())
		r.state.noCgroups = none
		began := time.Now()
		c := r.Probe(context.Background())
		b, _ := json.MarshalIndent(c, "", " ")
		t.Logf("%v %s", time.Since(began), b)
		if !c.CanRunHidden() {
			t.Fatal("cannot run hidden")
		}
	}
}
