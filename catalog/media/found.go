package media

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
)

// FoundName is the file of a raw folder's archive in which its steward's machine
// says what a detector found: a Found as JSON. No row names it, and it is published
// nowhere.
const FoundName = ".aihub/found.json"

// MaxFound bounds the bytes of FoundName.
const MaxFound = 64 << 20

// FoundBox is a box that a detector found, and what it takes for.
type FoundBox struct {
	Box
	Kind string `json:"kind"` // face, plate, or another word of the detector's
}

// Found is what a detector found in each picture that it was shown, by path.
type Found struct {
	Detector string                `json:"detector"` // the program's name
	Digest   string                `json:"digest"`   // of the program: sha256:…
	Pictures map[string][]FoundBox `json:"pictures"`
}

// MaxAnswer bounds a detector's answer about one picture, in bytes.
const MaxAnswer = 1 << 20

// ParseAnswer reads a detector's answer about one picture: {"boxes": [{"x": …, "y":
// …, "w": …, "h": …, "kind": "face"}]} in pixels of the upright picture, or
// {"error": "…"} when it cannot read it. Fractions are widened to whole pixels. An
// answer may name its picture, "path": it is the path that was asked then.
func ParseAnswer(line []byte, path string) ([]FoundBox, error) {
	if len(line) > MaxAnswer {
		return nil, fmt.Errorf("it is longer than %d bytes", MaxAnswer)
	}
	var a struct {
		Boxes *[]struct {
			X, Y, W, H *float64
			Kind       string
		}
		Error string
		Path  *string
	}
	if err := strict(line, &a); err != nil {
		return nil, err
	}
	switch {
	case a.Path != nil && *a.Path != string([]rune(path)): // JSON has no bytes beside UTF-8
		return nil, fmt.Errorf("it answers for another picture: %.200q", *a.Path)
	case a.Error != "":
		return nil, fmt.Errorf("it says: %.200q", a.Error)
	case a.Boxes == nil:
		return nil, errors.New(`it has neither "boxes" nor "error"`)
	case len(*a.Boxes) > MaxBoxes:
		return nil, fmt.Errorf("it lists more than %d boxes", MaxBoxes)
	}
	out := []FoundBox{}
	for i, b := range *a.Boxes {
		for _, v := range []*float64{b.X, b.Y, b.W, b.H} {
			if v == nil || math.Abs(*v) > 1e9 {
				return nil, fmt.Errorf("box %d lacks one of x, y, w, h, or one is beyond 10⁹", i+1)
			}
		}
		if *b.W <= 0 || *b.H <= 0 {
			return nil, fmt.Errorf("box %d has no area", i+1)
		}
		if max(*b.X, *b.Y, *b.W, *b.H) <= 1 {
			return nil, fmt.Errorf("box %d is in shares of the picture, not in pixels", i+1)
		}
		x, y := math.Floor(*b.X), math.Floor(*b.Y)
		out = append(out, FoundBox{Box{int(x), int(y), int(math.Ceil(*b.X+*b.W) - x), int(math.Ceil(*b.Y+*b.H) - y)}, b.Kind})
		if err := checkKind(b.Kind); err != nil {
			return nil, fmt.Errorf("box %d: %w", i+1, err)
		}
	}
	return out, nil
}

// ParseFound reads FoundName.
func ParseFound(b []byte) (f Found, err error) {
	if len(b) > MaxFound {
		return f, fmt.Errorf("it is longer than %d bytes", MaxFound)
	}
	if err := strict(b, &f); err != nil {
		return f, err
	}
	if f.Detector == "" || len(f.Detector) > 100 || len(f.Digest) != 71 || f.Digest[:7] != "sha256:" || !printable(f.Detector) || !printable(f.Digest) {
		return f, errors.New("it does not name the detector and its digest")
	}
	for name, boxes := range f.Pictures {
		if len(boxes) > MaxBoxes {
			return f, fmt.Errorf("%.100q: more than %d boxes", name, MaxBoxes)
		}
		for _, b := range boxes {
			if b.W <= 0 || b.H <= 0 {
				return f, fmt.Errorf("%.100q: a box without area", name)
			}
			if err := checkKind(b.Kind); err != nil {
				return f, fmt.Errorf("%.100q: %w", name, err)
			}
		}
	}
	return f, nil
}

// checkKind takes a word of small Latin letters.
func checkKind(k string) error {
	if k == "" || len(k) > 24 || slices.ContainsFunc([]byte(k), func(c byte) bool { return (c < 'a' || c > 'z') && c != '_' }) {
		return fmt.Errorf("its kind is no word of small letters, such as face or plate: %.40q", k)
	}
	return nil
}

func printable(s string) bool {
	return !slices.ContainsFunc([]byte(s), func(c byte) bool { return c < ' ' || c > '~' || c == '`' })
}

// strict reads one JSON value without fields that v lacks.
func strict(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("it is no such JSON: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("there is more behind the JSON")
	}
	return nil
}
