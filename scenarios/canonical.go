package scenarios

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"unicode/utf16"

	"aihub"
)

// Canonical returns the canonical form of a complete Spec: JSON as RFC 8785
// writes it, with sorted keys, no white space and one spelling for each number
// and string. Equal specs have equal bytes, whatever YAML they came from.
func Canonical(spec Spec) ([]byte, error) {
	raw, err := json.Marshal(spec)
	if err != nil {
		return nil, fmt.Errorf("canonical spec: %w", err)
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, fmt.Errorf("canonical spec: %w", err)
	}
	var b bytes.Buffer
	if err := writeCanonical(&b, v); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// Digest is the identity of a published scenario: the digest of its canonical form.
func Digest(canonical []byte) aihub.Digest { return aihub.DigestOf(canonical) }

// AgreementDigest identifies the agreement that a vendor signs: the digest of
// both language versions, canonical.
func AgreementDigest(spec Spec) aihub.Digest {
	var b bytes.Buffer
	// A map of two strings always has a canonical form.
	_ = writeCanonical(&b, map[string]any{"zh": spec.Agreement.ZH, "en": spec.Agreement.EN})
	return aihub.DigestOf(b.Bytes())
}

// ParseCanonical reads what Canonical wrote. An unknown key is an error: a
// newer program wrote it, and running without it would break its promise.
func ParseCanonical(data []byte) (Spec, error) {
	var spec Spec
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	err := dec.Decode(&spec)
	if err == nil {
		if _, end := dec.Token(); end != io.EOF {
			err = fmt.Errorf("data after the spec")
		}
	}
	if err != nil {
		return Spec{}, aihub.Errorf(aihub.Internal, aihub.Text{
			EN: "the stored spec cannot be read by this version of the platform",
			ZH: "当前平台版本无法读取已存储的场景规范",
		}).WithHint(aihub.Text{EN: "update the platform", ZH: "请升级平台"}).Because(err)
	}
	return spec, nil
}

func writeCanonical(b *bytes.Buffer, v any) error {
	switch v := v.(type) {
	case nil:
		b.WriteString("null")
	case bool:
		b.WriteString(strconv.FormatBool(v))
	case string:
		writeString(b, v)
	case json.Number:
		return writeNumber(b, v)
	case []any:
		b.WriteByte('[')
		for i, x := range v {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := writeCanonical(b, x); err != nil {
				return err
			}
		}
		b.WriteByte(']')
	case map[string]any:
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, k)
		}
		// RFC 8785 sorts by UTF-16 code units, which differs from UTF-8 order
		// beyond the basic plane.
		slices.SortFunc(keys, func(x, y string) int {
			return slices.Compare(utf16.Encode([]rune(x)), utf16.Encode([]rune(y)))
		})
		b.WriteByte('{')
		for i, k := range keys {
			if i > 0 {
				b.WriteByte(',')
			}
			writeString(b, k)
			b.WriteByte(':')
			if err := writeCanonical(b, v[k]); err != nil {
				return err
			}
		}
		b.WriteByte('}')
	default:
		return fmt.Errorf("canonical spec: a %T has no canonical form", v)
	}
	return nil
}

// writeNumber writes integers as they are and floats as ECMAScript does, which
// encoding/json follows but for negative zero.
func writeNumber(b *bytes.Buffer, n json.Number) error {
	if i, err := n.Int64(); err == nil {
		b.WriteString(strconv.FormatInt(i, 10))
		return nil
	}
	f, err := n.Float64()
	if err != nil {
		return fmt.Errorf("canonical spec: %s is not a number of double precision", n)
	}
	if f == 0 {
		f = 0 // negative zero
	}
	raw, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("canonical spec: %w", err)
	}
	b.Write(raw)
	return nil
}

const hexDigits = "0123456789abcdef"

// writeString escapes only what RFC 8785 escapes: quotes, backslashes and
// control characters.
func writeString(b *bytes.Buffer, s string) {
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\b':
			b.WriteString(`\b`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\f':
			b.WriteString(`\f`)
		case r == '\r':
			b.WriteString(`\r`)
		case r < 0x20:
			b.WriteString(`\u00`)
			b.WriteByte(hexDigits[r>>4])
			b.WriteByte(hexDigits[r&15])
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
}
