package aihub

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Named identifiers, so that the compiler tells one from another. All but
// OrgID and UserID are opaque random strings made by NewID.
type (
	OrgID        string // lower-case slug, e.g. "futian-data"
	UserID       string // the sign-in name, unique on the platform
	EnrolmentID  string
	SubmissionID string
	RunID        string
	ScoreID      string
	ReleaseID    string
	ScorerID     string
	WorkerID     string

	ReidentificationID string
	FileReleaseID      string
)

// NewID returns prefix_ followed by 80 random bits in lower-case base32.
func NewID(prefix string) string {
	return prefix + "_" + strings.ToLower(rand.Text()[:16])
}

var slugRE = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)

// CheckSlug reports whether s can name an organisation, dataset or scenario:
// lower-case letters, digits and single inner hyphens, 2 to 64 bytes.
func CheckSlug(s string) error {
	if len(s) < 2 || len(s) > 64 || !slugRE.MatchString(s) {
		return Errorf(Invalid, Text{
			EN: fmt.Sprintf("%q is not a name: use 2 to 64 lower-case letters, digits and single hyphens, starting with a letter", clip(s)),
			ZH: fmt.Sprintf("%q 不是合法名称：请用 2 至 64 个小写字母、数字和单个连字符，以字母开头", clip(s)),
		})
	}
	return nil
}

// Ref names an immutable version of a dataset or scenario: "name@3".
type Ref struct {
	Name    string
	Version int
}

// ParseRef reads "name@N", N from 1.
func ParseRef(s string) (Ref, error) {
	name, v, ok := strings.Cut(s, "@")
	n, err := strconv.Atoi(v)
	if !ok || err != nil || n < 1 || strconv.Itoa(n) != v {
		example := "event-dispatch"
		if CheckSlug(name) == nil {
			example = name
		}
		return Ref{}, Errorf(Invalid, Text{
			EN: fmt.Sprintf("%q is not a version: write name@N, for example %s@1", clip(s), example),
			ZH: fmt.Sprintf("%q 不是版本号：请写 名称@N，例如 %s@1", clip(s), example),
		})
	}
	if err := CheckSlug(name); err != nil {
		return Ref{}, err
	}
	return Ref{name, n}, nil
}

func (r Ref) String() string { return r.Name + "@" + strconv.Itoa(r.Version) }
func (r Ref) IsZero() bool   { return r == Ref{} }

// MarshalText writes name@N, so that a Ref is one string in JSON and YAML.
func (r Ref) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads name@N.
func (r *Ref) UnmarshalText(b []byte) error {
	v, err := ParseRef(string(b))
	if err == nil {
		*r = v
	}
	return err
}

// Digest is a content address: "sha256:" and 64 lower-case hex digits.
type Digest string

// DigestOf returns the digest of b.
func DigestOf(b []byte) Digest {
	h := sha256.Sum256(b)
	return Digest("sha256:" + hex.EncodeToString(h[:]))
}

// ParseDigest checks the form of s.
func ParseDigest(s string) (Digest, error) {
	h, ok := strings.CutPrefix(s, "sha256:")
	if !ok || len(h) != 64 || strings.ToLower(h) != h {
		return "", Errorf(Invalid, Text{EN: fmt.Sprintf("%q is not a sha256 digest", clip(s)), ZH: fmt.Sprintf("%q 不是 sha256 摘要", clip(s))})
	}
	if _, err := hex.DecodeString(h); err != nil {
		return "", Errorf(Invalid, Text{EN: fmt.Sprintf("%q is not a sha256 digest", clip(s)), ZH: fmt.Sprintf("%q 不是 sha256 摘要", clip(s))})
	}
	return Digest(s), nil
}

// Hex returns the 64 hex digits.
func (d Digest) Hex() string { return strings.TrimPrefix(string(d), "sha256:") }

// Short returns the first 12 hex digits, for people.
func (d Digest) Short() string {
	h := d.Hex()
	return h[:min(12, len(h))]
}

// clip bounds a foreign string before it is quoted in a message.
func clip(s string) string {
	r := []rune(s)
	if len(r) > 80 {
		return string(r[:80]) + "…"
	}
	return s
}
