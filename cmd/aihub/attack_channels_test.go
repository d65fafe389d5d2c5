package main

import (
	"bytes"
	"encoding/json"
	"io"
	"testing"
	"time"
)

// TestChannels plays every channel a few times: those that are closed tell less than
// chance may seem to, and those that are known tell the meter something.
func TestChannels(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	var out bytes.Buffer
	p := &process{Out: &out, Err: io.Discard, Getenv: func(string) string { return "" }, Now: time.Now, json: true}
	said := p.channels(t.Context(), 40) // among so many channels one may seem to tell something by chance
	var got struct{ Channels []measured }
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatalf("%v, %v: %s", said, err, out.Bytes())
	}
	if len(got.Channels) != len(channels)+1 {
		t.Errorf("%d channels", len(got.Channels))
	}
	for _, c := range got.Channels {
		t.Logf("%s: %.2f bits, chance %.2f, %s", c.Channel, c.Bits, c.Chance, c.Field)
		if c.Residual != (c.Bits > 0.3) {
			t.Errorf("%s tells %.2f bits a run by %s; known: %v", c.Channel, c.Bits, c.Field, c.Residual)
		}
	}
}
