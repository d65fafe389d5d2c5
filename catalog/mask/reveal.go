package mask

import (
	"crypto/aes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"aihub"
	"aihub/catalog/mask/block"
)

// ParsePlan reads what Canonical wrote.
func ParsePlan(canonical []byte) (p Plan, err error) {
	var doc struct {
		Scope   string          `json:"scope"`
		Crypto  string          `json:"crypto"`
		Columns map[string]Rule `json:"columns"`
	}
	if err := json.Unmarshal(canonical, &doc); err != nil {
		return p, fmt.Errorf("mask: plan: %w", err)
	}
	return Plan{Scope: doc.Scope, Crypto: doc.Crypto, Columns: doc.Columns}, nil
}

// revealable are the techniques that somebody with the key can turn back.
var revealable = []string{"pseudonym", "phone", "resident", "card", "uscc", "plate"}

// CanReveal returns nil when values of a column can be turned back at all.
func (p Plan) CanReveal(column string) error {
	r, ok := p.Of(column)
	if ok && slices.Contains(revealable, r.Use) && r.Area != "city" && r.Area != "province" {
		return nil
	}
	if ok && r.Use == "resident" {
		return aihub.Errorf(aihub.Invalid, aihub.Text{
			EN: fmt.Sprintf("column %q cannot be turned back: with area: %s several numbers become one; ask for another column of the row", column, r.Area),
			ZH: fmt.Sprintf("列 %q 无法还原：area: %s 会把多个号码变为同一个；请改查该行的其他列", column, r.Area)})
	}
	return aihub.Errorf(aihub.Invalid, aihub.Text{
		EN: fmt.Sprintf("column %q cannot be turned back: only %s can", column, strings.Join(revealable, ", ")),
		ZH: fmt.Sprintf("列 %q 无法还原：仅 %s 可以", column, strings.Join(revealable, "、")),
	})
}

// Reveal returns the raw values behind masked ones of a column, under the key of
// the plan's scope: "" for what the column cannot have made. Pseudonyms of values
// of more than 15 bytes are chains of blocks, and cannot be turned back.
func (p Plan) Reveal(key []byte, column string, values []string) ([]string, error) {
	if err := p.CanReveal(column); err != nil {
		return nil, err
	}
	r, _ := p.Of(column)
	su, ok := suites[p.crypto()]
	if !ok {
		return nil, fmt.Errorf("mask: no crypto %q", p.Crypto)
	}
	sub := su.subkey(key, r.Use, r.Domain)
	c, err := su.cipher(sub)
	if err != nil {
		return nil, err
	}
	var one func(v string) (string, error)
	switch r.Use {
	case "pseudonym":
		inverse, err := inverseOf(p.crypto(), sub)
		if err != nil {
			return nil, err
		}
		one = func(v string) (string, error) { return newPRF(c).invert(inverse, v), nil }
	case "phone":
		w, err := newPhone(c)
		if err != nil {
			return nil, err
		}
		one = func(v string) (string, error) { return w.invert(v), nil }
	default:
		f, err := r.fpe(c)
		if err != nil {
			return nil, err
		}
		one = func(v string) (string, error) { return f.invert(v), nil }
	}
	out := make([]string, len(values))
	for i, v := range values {
		if out[i], err = one(v); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// fpe is the format-preserving technique of r.
func (r Rule) fpe(c block.Cipher) (fpe, error) {
	switch r.Use {
	case "resident":
		return newResident(c, r.Area)
	case "card":
		return newCard(c)
	case "uscc":
		return newUSCC(c)
	case "plate":
		return newPlate(c)
	}
	return fpe{}, fmt.Errorf("mask: %s preserves no format", r.Use)
}

func inverseOf(crypto string, key []byte) (func(dst, src []byte), error) {
	if crypto == "sm" {
		c, err := block.NewSM4Inverse(key[:16])
		if err != nil {
			return nil, err
		}
		return c.Encrypt, nil
	}
	c, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return c.Decrypt, nil
}

// invert turns the pseudonym of a text of up to 15 bytes back: one block, padded
// and with the second subkey on it.
func (p *prf) invert(inverse func(dst, src []byte), v string) string {
	b, err := hex.DecodeString(v)
	if err != nil || len(b) != 16 {
		return ""
	}
	inverse(b, b)
	x := [16]byte(b)
	xor(&x, &x, &p.k2)
	for i := 15; i >= 0; i-- {
		switch x[i] {
		case 0:
			continue
		case 0x80:
			return string(x[:i])
		}
		return ""
	}
	return ""
}

func (p phone) invert(v string) string {
	digits, ok := mobileDigits([]byte(v))
	if !ok {
		return ""
	}
	var a, b [1]uint64
	a[0], b[0] = decimal(digits[3:7]), decimal(digits[7:])
	p.form.crypt(a[:], b[:], digits[:3], true)
	return string(appendDecimal(appendDecimal(digits[:3:3], a[0], 4), b[0], 4))
}

// invert walks the cycle of a value back to the first that may be: the one whose
// walk leads to it.
func (f fpe) invert(v string) string {
	var s slot
	if !f.scheme.take(v, &s) {
		return ""
	}
	w := f.walkers[s.class]
	a, b := []uint64{s.a}, []uint64{s.b}
	for {
		w.form.crypt(a, b, s.tweak[:w.form.t], true)
		if w.may == nil || w.may(a[0], b[0]) {
			break
		}
	}
	s.a, s.b = a[0], b[0]
	return string(f.scheme.give(nil, &s))
}
