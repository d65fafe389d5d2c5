package media

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
)

// Kind says what a file is by its first bytes: jpeg, png or wav; "" is neither.
func Kind(head []byte) string {
	switch {
	case bytes.HasPrefix(head, []byte("\xff\xd8\xff")):
		return "jpeg"
	case bytes.HasPrefix(head, []byte("\x89PNG\r\n\x1a\n")):
		return "png"
	case len(head) >= 12 && string(head[:4]) == "RIFF" && string(head[8:12]) == "WAVE":
		return "wav"
	}
	return ""
}

// ParseBoxes reads boxes as JSON: a list of [x, y, w, h], as COCO has them, or of
// {"x": …, "y": …, "w": …, "h": …}, in pixels. A box with fractions is widened to
// whole pixels. No text is no box. A box of numbers up to 1 is refused: it is in
// shares of the picture, and would hide one pixel of its corner.
func ParseBoxes(text string) ([]Box, error) {
	list, err := numbers(text, "x", "y", "w", "h")
	if err != nil {
		return nil, err
	}
	var out []Box
	for i, v := range list {
		x, y := math.Floor(v[0]), math.Floor(v[1])
		w, h := math.Ceil(v[0]+v[2])-x, math.Ceil(v[1]+v[3])-y
		if v[2] <= 0 || v[3] <= 0 {
			return nil, fmt.Errorf("box %d has no area", i+1)
		}
		if max(v[0], v[1], v[2], v[3]) <= 1 {
			return nil, fmt.Errorf("box %d is in shares of the picture, not in pixels", i+1)
		}
		out = append(out, Box{int(x), int(y), int(w), int(h)})
	}
	return out, nil
}

// ParseSpans reads spans as JSON: a list of [from, to] or of {"from": …, "to": …},
// in seconds. No text is no span.
func ParseSpans(text string) ([]Span, error) {
	list, err := numbers(text, "from", "to")
	if err != nil {
		return nil, err
	}
	var out []Span
	for i, v := range list {
		if v[0] < 0 || v[1] <= v[0] {
			return nil, fmt.Errorf("span %d does not end behind its beginning", i+1)
		}
		out = append(out, Span{v[0], v[1]})
	}
	return out, nil
}

// numbers reads a JSON list of tuples, or of objects with the names and no others.
func numbers(text string, names ...string) (out [][]float64, err error) {
	if text = string(bytes.TrimSpace([]byte(text))); text == "" {
		return nil, nil
	}
	var list []json.RawMessage
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		return nil, fmt.Errorf("it is no JSON list: %w", err)
	}
	if list == nil {
		return nil, errors.New("it is null, not a JSON list")
	}
	if len(list) > MaxBoxes {
		return nil, fmt.Errorf("it lists more than %d", MaxBoxes)
	}
	for i, raw := range list {
		var v []*float64 // JSON's null would be 0
		if len(raw) > 0 && raw[0] == '{' {
			var o map[string]*float64
			if err := json.Unmarshal(raw, &o); err != nil {
				return nil, fmt.Errorf("entry %d: %w", i+1, err)
			}
			for _, n := range names {
				x, ok := o[n]
				if !ok {
					return nil, fmt.Errorf("entry %d has no %q", i+1, n)
				}
				v = append(v, x)
			}
			if len(o) > len(names) {
				return nil, fmt.Errorf("entry %d has more than %v", i+1, names)
			}
		} else if err := json.Unmarshal(raw, &v); err != nil {
			return nil, fmt.Errorf("entry %d: %w", i+1, err)
		}
		if len(v) != len(names) {
			return nil, fmt.Errorf("entry %d has %d numbers, not %d: %v", i+1, len(v), len(names), names)
		}
		tuple := make([]float64, len(v))
		for k, x := range v {
			if x == nil {
				return nil, fmt.Errorf("entry %d has null for a number", i+1)
			}
			if math.Abs(*x) > 1e9 {
				return nil, fmt.Errorf("entry %d has a number beyond 10⁹", i+1)
			}
			tuple[k] = *x
		}
		out = append(out, tuple)
	}
	return out, nil
}
