package ledger

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"aihub"
)

// Checkpoint says what the log was at a time.
type Checkpoint struct {
	Origin string    // which log: a name without spaces and '+', e.g. "aihub.example/ledger"
	Size   int64     // leaves
	Root   Hash      // of the tree over them
	At     time.Time // when it was signed
}

// Limits on a foreign note.
const (
	maxNote       = 8 << 10
	maxOrigin     = 200
	maxSignatures = 16 // ours, and those of witnesses
	algEd25519    = 1  // of the signed-note form
)

// Sign returns c as a signed note (C2SP signed-note and tlog-checkpoint): the
// lines origin, size, base64 root and time (RFC 3339, UTC), a blank line, and
// the signature line "— origin base64(4-byte key hash || signature)". The
// Ed25519 signature covers the first four lines with their newlines.
func (c Checkpoint) Sign(key ed25519.PrivateKey) ([]byte, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if len(key) != ed25519.PrivateKeySize {
		return nil, fmt.Errorf("ledger: signing key has %d bytes, want %d", len(key), ed25519.PrivateKeySize)
	}
	text := c.text()
	id := keyHash(c.Origin, key.Public().(ed25519.PublicKey))
	sig := append(id[:], ed25519.Sign(key, []byte(text))...)
	return []byte(text + "\n— " + c.Origin + " " + base64.StdEncoding.EncodeToString(sig) + "\n"), nil
}

// Parse reads a note without judging its signatures: for display, or to learn
// which log it speaks of. Use Verify to believe it.
func Parse(note []byte) (Checkpoint, error) {
	c, _, _, err := parse(note)
	return c, err
}

// Verify reads a note and returns what it says when it carries a valid
// signature by pub under the note's own origin. Signatures of other keys
// (witnesses) are ignored; a wrong one of this key is not.
func Verify(note []byte, pub ed25519.PublicKey) (Checkpoint, error) {
	c, text, sigs, err := parse(note)
	if err != nil {
		return Checkpoint{}, err
	}
	if len(pub) != ed25519.PublicKeySize {
		return Checkpoint{}, fmt.Errorf("ledger: public key has %d bytes, want %d", len(pub), ed25519.PublicKeySize)
	}
	id := keyHash(c.Origin, pub)
	found := false
	for _, s := range sigs {
		if s.name != c.Origin || !bytes.Equal(s.blob[:len(id)], id[:]) {
			continue
		}
		if found {
			return Checkpoint{}, badNote("it carries two signatures of the same key", "同一密钥的签名出现两次")
		}
		if !ed25519.Verify(pub, []byte(text), s.blob[len(id):]) {
			return Checkpoint{}, badNote("the signature is wrong: the note was changed", "签名错误：内容被改动")
		}
		found = true
	}
	if !found {
		return Checkpoint{}, badNote("it is not signed by this log's key", "没有此日志密钥的签名")
	}
	return c, nil
}

// VerifierKey returns the public key in the text form "origin+hash+key" that
// people can compare and tools can read.
func VerifierKey(origin string, pub ed25519.PublicKey) string {
	id := keyHash(origin, pub)
	return fmt.Sprintf("%s+%x+%s", origin, id[:], base64.StdEncoding.EncodeToString(append([]byte{algEd25519}, pub...)))
}

// ParseVerifierKey reads what VerifierKey wrote.
func ParseVerifierKey(s string) (origin string, pub ed25519.PublicKey, err error) {
	origin, rest, _ := strings.Cut(s, "+")
	_, enc, _ := strings.Cut(rest, "+")
	b, err := base64.StdEncoding.DecodeString(enc)
	if len(s) > maxNote || err != nil || len(b) != 1+ed25519.PublicKeySize || b[0] != algEd25519 ||
		!okOrigin(origin) || VerifierKey(origin, b[1:]) != s {
		return "", nil, aihub.Errorf(aihub.Invalid, aihub.Text{
			EN: fmt.Sprintf("%.60q is not a verifier key: expected origin+hash+key", s),
			ZH: fmt.Sprintf("%.60q 不是验证密钥：应为 来源+摘要+密钥", s),
		})
	}
	return origin, b[1:], nil
}

// text is what is signed.
func (c Checkpoint) text() string {
	return c.Origin + "\n" + strconv.FormatInt(c.Size, 10) + "\n" + c.Root.String() + "\n" +
		c.At.UTC().Format(time.RFC3339Nano) + "\n"
}

func (c Checkpoint) check() error {
	if !okOrigin(c.Origin) {
		return badNote(fmt.Sprintf("line 1: %.60q cannot name a log", c.Origin), fmt.Sprintf("第 1 行：%.60q 不能作为日志名称", c.Origin))
	}
	if c.Size < 0 {
		return badNote("line 2: the size is negative", "第 2 行：大小为负数")
	}
	if y := c.At.UTC().Year(); y < 1 || y > 9999 {
		return badNote("line 4: the time is out of range", "第 4 行：时间超出范围")
	}
	return nil
}

func okOrigin(s string) bool {
	return s != "" && len(s) <= maxOrigin && utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return r == '+' || unicode.IsSpace(r) || unicode.IsControl(r)
	})
}

type signature struct {
	name string
	blob []byte // 4-byte key hash, then the signature
}

// parse is strict: only a text that Sign could have written passes, so that two
// different notes never say the same.
func parse(note []byte) (c Checkpoint, text string, sigs []signature, err error) {
	fail := func(en, zh string) (Checkpoint, string, []signature, error) {
		return Checkpoint{}, "", nil, badNote(en, zh)
	}
	if len(note) > maxNote {
		return fail(fmt.Sprintf("it is longer than %d bytes", maxNote), fmt.Sprintf("超过 %d 字节", maxNote))
	}
	if !utf8.Valid(note) {
		return fail("it is not UTF-8", "不是 UTF-8 文本")
	}
	text, tail, ok := strings.Cut(string(note), "\n\n")
	lines := strings.Split(text, "\n")
	if !ok || len(lines) != 4 || !strings.HasSuffix(tail, "\n") {
		return fail("expected four lines (origin, size, root, time), a blank line and signature lines",
			"应为四行（来源、大小、根、时间）、一个空行和签名行")
	}
	text += "\n"
	c.Origin = lines[0]
	if c.Size, err = strconv.ParseInt(lines[1], 10, 64); err != nil {
		return fail(fmt.Sprintf("line 2: %.40q is not a size", lines[1]), fmt.Sprintf("第 2 行：%.40q 不是大小", lines[1]))
	}
	if c.Root, err = ParseHash(lines[2]); err != nil {
		return fail(fmt.Sprintf("line 3: %.60q is not a root", lines[2]), fmt.Sprintf("第 3 行：%.60q 不是根", lines[2]))
	}
	if c.At, err = time.Parse(time.RFC3339Nano, lines[3]); err != nil {
		return fail(fmt.Sprintf("line 4: %.60q is not a time", lines[3]), fmt.Sprintf("第 4 行：%.60q 不是时间", lines[3]))
	}
	c.At = c.At.UTC()
	if err := c.check(); err != nil {
		return Checkpoint{}, "", nil, err
	}
	if c.text() != text {
		return fail("the size or the time is not in its shortest form", "大小或时间不是最简形式")
	}

	signed := strings.Split(strings.TrimSuffix(tail, "\n"), "\n")
	if len(signed) > maxSignatures {
		return fail(fmt.Sprintf("it has more than %d signatures", maxSignatures), fmt.Sprintf("签名超过 %d 个", maxSignatures))
	}
	for i, l := range signed {
		rest, ok := strings.CutPrefix(l, "— ")
		name, enc, _ := strings.Cut(rest, " ")
		blob, err := base64.StdEncoding.Strict().DecodeString(enc)
		if !ok || !okOrigin(name) || err != nil || len(blob) < 5 || base64.StdEncoding.EncodeToString(blob) != enc {
			return fail(fmt.Sprintf("line %d is not a signature: expected \"— name base64\"", i+6), fmt.Sprintf("第 %d 行不是签名：应为 \"— 名称 base64\"", i+6))
		}
		sigs = append(sigs, signature{name, blob})
	}
	return c, text, sigs, nil
}

// keyHash is the key id of the signed-note form: the first four bytes of
// SHA-256(name || "\n" || algorithm || public key).
func keyHash(name string, pub ed25519.PublicKey) [4]byte {
	h := sha256.New()
	h.Write([]byte(name + "\n"))
	h.Write([]byte{algEd25519})
	h.Write(pub)
	return [4]byte(h.Sum(nil)[:4])
}

func badNote(en, zh string) error {
	return aihub.Errorf(aihub.Contract, aihub.Text{
		EN: "the ledger checkpoint does not hold: " + en,
		ZH: "存证检查点不成立：" + zh,
	}).WithHint(aihub.Text{
		EN: "fetch it again from the server; if it still fails, the file or the log was changed",
		ZH: "请从服务器重新获取；若仍不成立，说明文件或日志被改动",
	})
}
