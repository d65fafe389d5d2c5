package auth

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"aihub"
)

func TestPassword(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	hash, err := HashPassword("correct horse")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("the hash is %s", hash)
	}
	if again, _ := HashPassword("correct horse"); again == hash {
		t.Error("two hashes of one password are equal: no salt")
	}
	for password, want := range map[string]bool{"correct horse": true, "Correct horse": false, "": false, strings.Repeat("x", 300): false} {
		if ok, err := verifyPassword(ctx, hash, password); ok != want || err != nil {
			t.Errorf("%.20q: %v, %v", password, ok, err)
		}
	}
	if ok, err := verifyPassword(ctx, dummy, "anything at all"); ok || err != nil {
		t.Errorf("the dummy lets in: %v, %v", ok, err)
	}
	for _, short := range []string{"", "nine char", strings.Repeat("x", 257)} {
		if _, err := HashPassword(short); aihub.KindOf(err) != aihub.Invalid {
			t.Errorf("%d bytes: %v", len(short), err)
		}
	}
	gone, cancel := context.WithCancel(ctx)
	cancel()
	for range cap(hashing) {
		hashing <- struct{}{}
	}
	_, err = verifyPassword(gone, hash, "correct horse")
	for range cap(hashing) {
		<-hashing
	}
	if err == nil {
		t.Error("a caller that left still waits for its turn")
	}
}

// FuzzDecode: a tampered hash is an error, never a panic or a gigabyte.
func FuzzDecode(f *testing.F) {
	f.Add(dummy)
	f.Add("$argon2id$v=19$m=4294967295,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	f.Add("$argon2id$v=19$m=8,t=0,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	f.Add("$2a$10$abc")
	f.Fuzz(func(t *testing.T, phc string) {
		memory, time, lanes, salt, key, err := decode(phc)
		if err == nil && (memory > 1<<20 || time < 1 || time > 64 || lanes < 1 || len(salt) < 8 || len(key) < 16) {
			t.Errorf("%q passed with m=%d t=%d p=%d", phc, memory, time, lanes)
		}
	})
}

func TestLimiter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	l := newLimiter(3, time.Minute, func() time.Time { return now })
	for i := range 3 {
		if left := l.take("a"); left != 0 {
			t.Fatalf("try %d is locked for %s", i, left)
		}
	}
	if left := l.take("a"); left != time.Minute {
		t.Errorf("the fourth try is locked for %s", left)
	}
	if l.take("b") != 0 {
		t.Error("another key is locked as well")
	}
	now = now.Add(59 * time.Second)
	if left := l.take("a"); left != time.Second {
		t.Errorf("just before the end it is locked for %s", left)
	}
	now = now.Add(time.Second)
	if l.take("a") != 0 {
		t.Error("the lock does not end")
	}
	l.take("c")
	l.refund("c")
	if _, held := l.keys["c"]; held {
		t.Error("a refunded try is still held")
	}
	// Many keys: memory is bounded, and a key that is locked is not the first to go.
	l.size = 100
	for range 3 {
		l.take("locked")
	}
	for i := range 90 {
		l.take(fmt.Sprint("n", i))
	}
	if len(l.keys) > 100 || l.take("locked") == 0 {
		t.Errorf("%d keys are held, locked: %v", len(l.keys), l.keys["locked"])
	}
	for i := range 1000 {
		l.take(fmt.Sprint("m", i))
	}
	if len(l.keys) > 100 {
		t.Errorf("%d keys are held", len(l.keys))
	}
}

func TestTokenIDTellsNothing(t *testing.T) {
	t.Parallel()
	secret := tokenPrefix + strings.Repeat("s", 43)
	id := tokenID(secret)
	if strings.Contains(string(aihub.DigestOf([]byte(secret))), strings.TrimPrefix(id, "tok_")) || id == tokenID(secret+"x") {
		t.Errorf("the id %s is a part of the hash that signs in", id)
	}
}
