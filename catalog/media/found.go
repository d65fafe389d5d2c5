package media

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
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

// Bounds of FoundName.
const (
	MaxFound         = 64 << 20  // bytes
	MaxFoundPictures = 100_000   // as many files as a folder has
	MaxFoundBoxes    = 1_000_000 // of all pictures
)

// FoundBox is a box that a detector found, and what it takes for.
type FoundBox struct {
	Box
	Kind string `json:"kind"` // face, plate or other
}

// Found is what a detector found in each picture that it was shown, by path. Boxes
// are of the bytes that it was shown: another picture of that name has none.
type Found struct {
	Detector string                `json:"detector"` // the program's name
	Digest   string                `json:"digest"`   // of the program: sha256:…
	Pictures map[string][]FoundBox `json:"pictures"`
	Digests  map[string]string     `json:"digests,omitempty"` // of the pictures: SHA-256, hex
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
		out = append(out, FoundBox{Box{int(x), int(y), int(math.Ceil(*b.X+*b.W) - x), int(math.Ceil(*b.Y+*b.H) - y)}, known(b.Kind)})
		if err := checkKind(b.Kind); err != nil {
			return nil, fmt.Errorf("box %d: %w", i+1, err)
		}
	}
	return out, nil
}

// ParseFound reads FoundName. It is foreign and large: it is read piece by piece, so
// that it takes no more memory than what is within the bounds.
func ParseFound(b []byte) (f Found, err error) {
	if len(b) > MaxFound {
		return f, fmt.Errorf("it is longer than %d bytes", MaxFound)
	}
	d := decoder(b)
	boxes := 0
	err = object(d, func(field string) error {
		switch field {
		case "detector":
			return noJSON(d.Decode(&f.Detector))
		case "digest":
			return noJSON(d.Decode(&f.Digest))
		case "pictures":
			if f.Pictures != nil {
				return errors.New("it lists the pictures twice")
			}
			f.Pictures = map[string][]FoundBox{}
			return object(d, func(name string) error {
				if len(f.Pictures) == MaxFoundPictures {
					return fmt.Errorf("more than %d pictures", MaxFoundPictures)
				}
				if _, ok := f.Pictures[name]; ok {
					return fmt.Errorf("%.100q: it is listed twice", name)
				}
				list, err := foundBoxes(d, &boxes)
				if err != nil {
					return fmt.Errorf("%.100q: %w", name, err)
				}
				f.Pictures[name] = list
				return nil
			})
		case "digests":
			if f.Digests != nil {
				return errors.New("it lists the digests twice")
			}
			f.Digests = map[string]string{}
			return object(d, func(name string) error {
				if len(f.Digests) == MaxFoundPictures {
					return fmt.Errorf("digests of more than %d pictures", MaxFoundPictures)
				}
				var sum string
				if err := d.Decode(&sum); err != nil {
					return noJSON(err)
				}
				if b, err := hex.DecodeString(sum); err != nil || len(b) != sha256.Size {
					return fmt.Errorf("%.100q: its digest is no SHA-256 in hexadecimal", name)
				}
				f.Digests[name] = sum
				return nil
			})
		}
		return fmt.Errorf("unknown field %.200q", field)
	})
	if err == nil {
		err = ended(d)
	}
	if err != nil {
		return Found{}, err
	}
	if f.Detector == "" || len(f.Detector) > 100 || len(f.Digest) != 71 || f.Digest[:7] != "sha256:" || !printable(f.Detector) || !printable(f.Digest) {
		return Found{}, errors.New("it does not name the detector and its digest")
	}
	return f, nil
}

// foundBoxes reads one picture's boxes, and counts them into total.
func foundBoxes(d *json.Decoder, total *int) (list []FoundBox, err error) {
	if err := open(d, '['); err != nil {
		return nil, err
	}
	for d.More() {
		if len(list) == MaxBoxes {
			return nil, fmt.Errorf("more than %d boxes", MaxBoxes)
		}
		if *total++; *total > MaxFoundBoxes {
			return nil, fmt.Errorf("more than %d boxes in all pictures", MaxFoundBoxes)
		}
		var b FoundBox
		if err := d.Decode(&b); err != nil {
			return nil, noJSON(err)
		}
		if b.W <= 0 || b.H <= 0 {
			return nil, errors.New("a box without area")
		}
		if err := checkKind(b.Kind); err != nil {
			return nil, err
		}
		b.Kind = known(b.Kind)
		list = append(list, b)
	}
	_, err = d.Token()
	return list, noJSON(err)
}

// object reads the fields of an object, each value by read.
func object(d *json.Decoder, read func(field string) error) error {
	if err := open(d, '{'); err != nil {
		return err
	}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return noJSON(err)
		}
		if err := read(t.(string)); err != nil {
			return err
		}
	}
	_, err := d.Token()
	return noJSON(err)
}

func open(d *json.Decoder, with json.Delim) error {
	t, err := d.Token()
	if err != nil {
		return noJSON(err)
	}
	if t != with {
		return fmt.Errorf("it is no such JSON: no %v stands where one should", with)
	}
	return nil
}

// checkKind takes a word of small Latin letters.
func checkKind(k string) error {
	if k == "" || len(k) > 24 || slices.ContainsFunc([]byte(k), func(c byte) bool { return (c < 'a' || c > 'z') && c != '_' }) {
		return fmt.Errorf("its kind is no word of small letters, such as face or plate: %.40q", k)
	}
	return nil
}

// known is k, or "other": a word of a program's own would be a way for it to write
// into the profile and the card.
func known(k string) string {
	if k == "face" || k == "plate" {
		return k
	}
	return "other"
}

func printable(s string) bool {
	return !slices.ContainsFunc([]byte(s), func(c byte) bool { return c < ' ' || c > '~' || c == '`' })
}

// strict reads one JSON value without fields that v lacks.
func strict(b []byte, v any) error {
	d := decoder(b)
	if err := d.Decode(v); err != nil {
		return noJSON(err)
	}
	return ended(d)
}

func decoder(b []byte) *json.Decoder {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	return d
}

func ended(d *json.Decoder) error {
	if _, err := d.Token(); err != io.EOF {
		return errors.New("there is more behind the JSON")
	}
	return nil
}

// noJSON says what a decoder says, which may quote a field's whole name.
func noJSON(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("it is no such JSON: %.200s", err.Error())
}
