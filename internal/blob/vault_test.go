package blob

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"

	"aihub"
)

func TestVault(t *testing.T) {
	t.Parallel()
	local, err := OpenLocal(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer local.Close()
	ctx := context.Background()
	seals := map[aihub.Digest]Seal{}
	v := &Vault{Store: local, Key: bytes.Repeat([]byte{7}, 32), Find: func(_ context.Context, d aihub.Digest) (Seal, error) {
		s, ok := seals[d]
		if !ok {
			return s, notFound(d)
		}
		return s, nil
	}}
	text := strings.Repeat("a city's records ", 10_000)
	s, err := v.PutSealed(ctx, strings.NewReader(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	if s.Content != aihub.DigestOf([]byte(text)) || s.Size != int64(len(text)) || s.Stored == s.Content {
		t.Fatalf("%+v", s)
	}
	if _, err := v.Open(ctx, s.Content); aihub.KindOf(err) != aihub.NotFound {
		t.Errorf("found before its seal was kept: %v", err)
	}
	seals[s.Content] = s
	read := func(d aihub.Digest) (string, error) {
		r, err := v.Open(ctx, d)
		if err != nil {
			return "", err
		}
		defer r.Close()
		b, err := io.ReadAll(r)
		return string(b), err
	}
	if got, err := read(s.Content); err != nil || got != text {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if n, err := v.Stat(ctx, s.Content); n != s.Size || err != nil {
		t.Errorf("%d %v", n, err)
	}
	if raw, err := read(s.Stored); err != nil || strings.Contains(raw, "records") {
		t.Errorf("what lies in the store is readable: %v", err)
	}
	again, err := v.PutSealed(ctx, strings.NewReader(text), nil)
	if err != nil || again.Stored == s.Stored || again.Wrapped == s.Wrapped {
		t.Errorf("the same content was sealed the same: %v", err)
	}
	plain, _, err := v.Put(ctx, strings.NewReader("open"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := read(plain); got != "open" || err != nil {
		t.Errorf("%q %v", got, err)
	}
	// Another content's key, a key that was tampered with, another vault's.
	for _, w := range []string{again.Wrapped[:60] + "00" + again.Wrapped[62:], "00", "zz"} {
		seals[s.Content] = Seal{Content: s.Content, Stored: s.Stored, Wrapped: w, Size: s.Size}
		if _, err := read(s.Content); err == nil {
			t.Errorf("opened with %s", w)
		}
	}
	seals[s.Content] = Seal{Content: s.Content, Stored: again.Stored, Wrapped: s.Wrapped, Size: s.Size} // the key of another copy
	if _, err := read(s.Content); aihub.KindOf(err) != aihub.Internal {
		t.Errorf("the wrong bytes passed for the content: %v", err)
	}
	// Without its key it is gone.
	seals[s.Content] = Seal{Content: s.Content, Stored: s.Stored, Size: s.Size}
	if _, err := read(s.Content); aihub.KindOf(err) != aihub.NotFound || !strings.Contains(err.Error(), "erased") {
		t.Errorf("%v", err)
	}
	if _, err := v.Stat(ctx, s.Content); aihub.KindOf(err) != aihub.NotFound {
		t.Errorf("%v", err)
	}
}
