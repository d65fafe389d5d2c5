package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"

	"aihub"
)

// Argon2id with OWASP's first recommendation: 19 MiB, two passes, one lane.
const (
	argonMemory = 19 * 1024 // KiB
	argonTime   = 2
	argonLanes  = 1
	argonSalt   = 16 // bytes
	argonKey    = 32 // bytes
)

// Bounds of a password, in bytes.
const (
	MinPassword = 10
	MaxPassword = 256
)

// hashing bounds how many hashes are computed at once, and so their memory.
var hashing = make(chan struct{}, 4)

// HashPassword returns the argon2id hash of password as a PHC string, or an
// Invalid error when the password is too short or too long.
func HashPassword(password string) (string, error) {
	if len(password) < MinPassword || len(password) > MaxPassword {
		return "", aihub.Errorf(aihub.Invalid, aihub.Text{
			EN: fmt.Sprintf("a password has %d to %d bytes", MinPassword, MaxPassword),
			ZH: fmt.Sprintf("密码长度须为 %d 至 %d 字节", MinPassword, MaxPassword),
		}).WithHint(aihub.Text{EN: "choose a longer one, for example four random words", ZH: "请换一个更长的密码，例如四个随机词语"})
	}
	salt := make([]byte, argonSalt)
	rand.Read(salt) // never fails; see crypto/rand
	return encode(salt, argon2.IDKey([]byte(password), salt, argonTime, argonMemory, argonLanes, argonKey)), nil
}

func encode(salt, key []byte) string {
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonTime, argonLanes, b64(salt), b64(key))
}

// dummy is a hash of nothing in particular: verifying against it makes an
// unknown user cost what a known one does.
var dummy = encode(make([]byte, argonSalt), make([]byte, argonKey))

// verifyPassword reports whether password hashes to phc, in constant time for a
// given phc. It waits for its turn, and gives up with ctx.
func verifyPassword(ctx context.Context, phc, password string) (bool, error) {
	if len(password) > MaxPassword {
		return false, nil
	}
	memory, time, lanes, salt, key, err := decode(phc)
	if err != nil {
		return false, err
	}
	select {
	case hashing <- struct{}{}:
		defer func() { <-hashing }()
	case <-ctx.Done():
		return false, ctx.Err()
	}
	got := argon2.IDKey([]byte(password), salt, time, memory, lanes, uint32(len(key)))
	return subtle.ConstantTimeCompare(got, key) == 1, nil
}

// decode reads a PHC string of this package. Its parameters are bounded: a
// hash from a tampered database must not take the machine's memory.
func decode(phc string) (memory, time uint32, lanes uint8, salt, key []byte, err error) {
	bad := func(what string) error { return fmt.Errorf("auth: password hash: %s", what) }
	f := strings.Split(phc, "$")
	if len(f) != 6 || f[0] != "" || f[1] != "argon2id" || f[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return 0, 0, 0, nil, nil, bad("not an argon2id PHC string")
	}
	if n, e := fmt.Sscanf(f[3], "m=%d,t=%d,p=%d", &memory, &time, &lanes); e != nil || n != 3 {
		return 0, 0, 0, nil, nil, bad("parameters")
	}
	if memory < 8 || memory > 1<<20 || time < 1 || time > 64 || lanes < 1 {
		return 0, 0, 0, nil, nil, bad("parameters out of range")
	}
	if salt, err = base64.RawStdEncoding.DecodeString(f[4]); err != nil || len(salt) < 8 || len(salt) > 64 {
		return 0, 0, 0, nil, nil, bad("salt")
	}
	if key, err = base64.RawStdEncoding.DecodeString(f[5]); err != nil || len(key) < 16 || len(key) > 64 {
		return 0, 0, 0, nil, nil, bad("key")
	}
	return memory, time, lanes, salt, key, nil
}
