package ledger

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"pgregory.net/rapid"

	"aihub"
)

func testKey(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
}

var testPoint = Checkpoint{
	Origin: "aihub.example/ledger", Size: 8,
	Root: LeafHash([]byte("x")), At: time.Date(2026, 11, 22, 8, 30, 0, 5000, time.UTC),
}

func signed(t testing.TB, c Checkpoint) []byte {
	t.Helper()
	b, err := c.Sign(testKey(1))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestCheckpointText(t *testing.T) {
	got := string(signed(t, testPoint))
	body, sig, _ := strings.Cut(got, "\n\n")
	want := "aihub.example/ledger\n8\n" + testPoint.Root.String() + "\n2026-11-22T08:30:00.000005Z"
	if body != want {
		t.Errorf("body = %q, want %q", body, want)
	}
	if !strings.HasPrefix(sig, "— aihub.example/ledger ") || !strings.HasSuffix(sig, "\n") {
		t.Errorf("signature line = %q", sig)
	}
}

// The reference implementation of signed notes accepts ours, and we its.
func TestCheckpointIsASignedNote(t *testing.T) {
	pub := testKey(1).Public().(ed25519.PublicKey)
	v, err := note.NewVerifier(VerifierKey(testPoint.Origin, pub))
	if err != nil {
		t.Fatal(err)
	}
	n, err := note.Open(signed(t, testPoint), note.VerifierList(v))
	if err != nil || len(n.Sigs) != 1 {
		t.Fatalf("note.Open: %v", err)
	}
	s, err := note.NewSigner(fmt.Sprintf("PRIVATE+KEY+%s+%08x+%s", testPoint.Origin, v.KeyHash(),
		"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB")) // algorithm 1, then the seed of testKey(1)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := note.Sign(&note.Note{Text: testPoint.text()}, s)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(theirs, signed(t, testPoint)) {
		t.Errorf("their note\n%sdiffers from ours\n%s", theirs, signed(t, testPoint))
	}
}

func TestCheckpointRoundTrip(t *testing.T) {
	pub := testKey(1).Public().(ed25519.PublicKey)
	rapid.Check(t, func(t *rapid.T) {
		c := Checkpoint{
			Origin: rapid.StringMatching(`[a-z0-9./中文-]{1,40}`).Draw(t, "origin"),
			Size:   rapid.Int64Range(0, 1<<62).Draw(t, "size"),
			Root:   LeafHash([]byte{rapid.Byte().Draw(t, "root")}),
			At:     time.Unix(rapid.Int64Range(0, 1<<33).Draw(t, "s"), rapid.Int64Range(0, 999999999).Draw(t, "ns")).UTC(),
		}
		b, err := c.Sign(testKey(1))
		if err != nil {
			t.Fatal(err)
		}
		got, err := Verify(b, pub)
		if err != nil || got != c {
			t.Fatalf("Verify = %+v, %v; want %+v", got, err, c)
		}
		i := rapid.IntRange(0, len(b)-1).Draw(t, "at")
		m := bytes.Clone(b)
		m[i] ^= byte(1 << rapid.IntRange(0, 7).Draw(t, "bit"))
		if _, err := Verify(m, pub); err == nil {
			t.Fatalf("accepted with byte %d changed:\n%s", i, m)
		}
	})
}

func TestVerifyRefuses(t *testing.T) {
	pub := testKey(1).Public().(ed25519.PublicKey)
	good := string(signed(t, testPoint))
	body, sig, _ := strings.Cut(good, "\n\n")
	other, err := testPoint.Sign(testKey(2))
	if err != nil {
		t.Fatal(err)
	}
	_, foreign, _ := strings.Cut(string(other), "\n\n")
	for name, s := range map[string]string{
		"empty":                "",
		"no signature":         body + "\n\n",
		"no blank line":        body + "\n" + sig,
		"another key":          string(other),
		"signed twice":         good + sig,
		"no last newline":      strings.TrimSuffix(good, "\n"),
		"carriage returns":     strings.ReplaceAll(good, "\n", "\r\n"),
		"a line too many":      body + "\nextra\n\n" + sig,
		"padded size":          strings.Replace(good, "\n8\n", "\n08\n", 1),
		"signed size":          strings.Replace(good, "\n8\n", "\n+8\n", 1),
		"negative size":        strings.Replace(good, "\n8\n", "\n-8\n", 1),
		"another size":         strings.Replace(good, "\n8\n", "\n9\n", 1),
		"another origin":       strings.Replace(good, "aihub", "bihub", 1),
		"time in another zone": strings.Replace(good, "08:30:00.000005Z", "09:30:00.000005+01:00", 1),
		"hyphen for dash":      strings.Replace(good, "— ", "- ", 1),
		"not UTF-8":            good + "— a \xff\n",
		"too long":             good + strings.Repeat("— a AAAAAAAA\n", 800),
		"too many signatures":  good + strings.Repeat("— a AAAAAAAA\n", maxSignatures),
	} {
		if c, err := Verify([]byte(s), pub); aihub.KindOf(err) != aihub.Contract {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
	}
	for name, s := range map[string]string{
		"witness after":  good + foreign,
		"witness before": body + "\n\n" + foreign + sig,
	} {
		if _, err := Verify([]byte(s), pub); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Even under the right signature a text that Sign would not write is refused:
// two notes must never say the same.
func TestParseIsCanonical(t *testing.T) {
	root := testPoint.Root.String()
	for _, body := range []string{
		"a\n08\n" + root + "\n2026-11-22T08:30:00Z\n",
		"a\n+8\n" + root + "\n2026-11-22T08:30:00Z\n",
		"a\n8\n" + root + "\n2026-11-22T09:30:00+01:00\n",
		"a\n8\n" + root + "\n2026-11-22T08:30:00.000Z\n",
		"a\n8\n" + root + "\n2026-11-22T08:30:00,5Z\n",
	} {
		id := keyHash("a", testKey(1).Public().(ed25519.PublicKey))
		sig := append(id[:], ed25519.Sign(testKey(1), []byte(body))...)
		b := []byte(body + "\n— a " + base64.StdEncoding.EncodeToString(sig) + "\n")
		if c, err := Parse(b); aihub.KindOf(err) != aihub.Contract {
			t.Errorf("%q passed as %+v", body, c)
		}
		if _, err := Verify(b, testKey(1).Public().(ed25519.PublicKey)); err == nil {
			t.Errorf("%q was verified", body)
		}
	}
}

func TestSignRefuses(t *testing.T) {
	for name, f := range map[string]func(*Checkpoint){
		"no origin":      func(c *Checkpoint) { c.Origin = "" },
		"a space":        func(c *Checkpoint) { c.Origin = "a b" },
		"a newline":      func(c *Checkpoint) { c.Origin = "a\nb" },
		"a plus":         func(c *Checkpoint) { c.Origin = "a+b" },
		"negative size":  func(c *Checkpoint) { c.Size = -1 },
		"year too large": func(c *Checkpoint) { c.At = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) },
	} {
		c := testPoint
		f(&c)
		if _, err := c.Sign(testKey(1)); aihub.KindOf(err) != aihub.Contract {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestVerifierKey(t *testing.T) {
	pub := testKey(1).Public().(ed25519.PublicKey)
	s := VerifierKey("a.example", pub)
	origin, got, err := ParseVerifierKey(s)
	if err != nil || origin != "a.example" || !got.Equal(pub) {
		t.Fatalf("%s: %q, %v", s, origin, err)
	}
	for i := range s {
		m := []byte(s)
		m[i] ^= 2
		if _, _, err := ParseVerifierKey(string(m)); err == nil {
			t.Errorf("accepted %s", m)
		}
	}
}

func FuzzParse(f *testing.F) {
	good := signed(f, testPoint)
	f.Add(good)
	f.Add(append(bytes.Clone(good), "— witness AAAAAAAA\n"...))
	f.Add([]byte("a\n0\n" + Root(nil).String() + "\n2026-11-22T08:30:00Z\n\n— a AAAAAAA=\n"))
	pub := testKey(1).Public().(ed25519.PublicKey)
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := Parse(b)
		if err != nil {
			if aihub.KindOf(err) != aihub.Contract {
				t.Fatalf("kind %q: %v", aihub.KindOf(err), err)
			}
			if _, err := Verify(b, pub); err == nil {
				t.Fatal("verified what does not parse")
			}
			return
		}
		if !bytes.HasPrefix(b, []byte(c.text()+"\n")) {
			t.Fatalf("the text of %+v is not that of %q", c, b)
		}
		if got, err := Verify(b, pub); err == nil && got != testPoint {
			t.Fatalf("a checkpoint was forged: %+v", got)
		}
	})
}

func FuzzParseVerifierKey(f *testing.F) {
	f.Add(VerifierKey("a.example", testKey(1).Public().(ed25519.PublicKey)))
	f.Fuzz(func(t *testing.T, s string) {
		if origin, pub, err := ParseVerifierKey(s); err == nil && VerifierKey(origin, pub) != s {
			t.Fatalf("%q is not canonical", s)
		}
	})
}
