package scenarios

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"aihub"
)

// Units of Bytes. Decimal units are not read: people disagree about them.
const (
	KiB Bytes = 1 << 10
	MiB Bytes = 1 << 20
	GiB Bytes = 1 << 30
)

// String writes the largest unit that divides b, e.g. 64MiB.
func (b Bytes) String() string {
	for _, u := range []struct {
		name string
		n    Bytes
	}{{"GiB", GiB}, {"MiB", MiB}, {"KiB", KiB}} {
		if b != 0 && b%u.n == 0 {
			return strconv.FormatInt(int64(b/u.n), 10) + u.name
		}
	}
	return strconv.FormatInt(int64(b), 10)
}

// UnmarshalText reads a whole number of bytes, or one with the unit KiB, MiB or GiB.
func (b *Bytes) UnmarshalText(text []byte) error {
	s, unit := string(text), Bytes(1)
	for name, n := range map[string]Bytes{"KiB": KiB, "MiB": MiB, "GiB": GiB} {
		if rest, ok := strings.CutSuffix(s, name); ok {
			s, unit = rest, n
		}
	}
	n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/int64(unit) {
		return aihub.Errorf(aihub.Invalid, aihub.Text{
			EN: fmt.Sprintf("%q is not a size: write 64MiB, 1GiB or a number of bytes", clip(string(text))),
			ZH: fmt.Sprintf("%q 不是容量：请写 64MiB、1GiB 或字节数", clip(string(text))),
		})
	}
	*b = Bytes(n) * unit
	return nil
}

// MarshalJSON writes the number of bytes.
func (b Bytes) MarshalJSON() ([]byte, error) { return strconv.AppendInt(nil, int64(b), 10), nil }

// UnmarshalJSON reads a number, or what UnmarshalText reads as a string.
func (b *Bytes) UnmarshalJSON(data []byte) error { return unmarshalScalar(data, b.UnmarshalText) }

// String writes d as Go does, without zero parts: 90s is 1m30s, 5m is 5m.
func (d Duration) String() string {
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// UnmarshalText reads 90s, 5m, 1h30m.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil || v < 0 {
		return aihub.Errorf(aihub.Invalid, aihub.Text{
			EN: fmt.Sprintf("%q is not a duration: write 90s, 5m or 1h30m", clip(string(text))),
			ZH: fmt.Sprintf("%q 不是时长：请写 90s、5m 或 1h30m", clip(string(text))),
		})
	}
	*d = Duration(v)
	return nil
}

// MarshalJSON writes what String writes.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(d.String()) }

// UnmarshalJSON reads a string that UnmarshalText reads.
func (d *Duration) UnmarshalJSON(data []byte) error { return unmarshalScalar(data, d.UnmarshalText) }

func unmarshalScalar(data []byte, set func([]byte) error) error {
	if len(data) > 0 && data[0] == '"' {
		var s string
		if err := json.Unmarshal(data, &s); err != nil {
			return err
		}
		data = []byte(s)
	}
	return set(data)
}

// clip bounds a foreign string before it is quoted in a message.
func clip(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return s
}
