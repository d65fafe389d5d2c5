package intake

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"aihub"
)

var (
	errMore  = errors.New("more than one value")
	errNull  = errors.New("a null")
	errTwice = errors.New("a key that stands twice")
)

// because is what to say of an error of strict: of most, what is expected.
func because(err error, expected *aihub.Text) *aihub.Text {
	switch {
	case errors.Is(err, errNull):
		return say(expected.EN+"; null is no value", expected.ZH+"；null 不是值")
	case errors.Is(err, errTwice):
		return say(expected.EN+"; a key stands twice in one object", expected.ZH+"；同一对象中有键重复")
	}
	return expected
}

// strict reads exactly one JSON value without unknown keys, null, and keys that
// stand twice in one object: encoding/json takes null for a number of 0, and the
// last of equal keys, so that a value that is missing would count as one.
func strict(s string, v any) error {
	d := json.NewDecoder(strings.NewReader(s))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errMore
	}
	_, names := v.(*map[string]float64)
	return plain(s, !names)
}

// known reads one JSON object that may say more than v, a pointer to a struct, asks
// for, as strict reads it: none of its keys may stand twice, and nothing that v asks
// for may be or hold null. Of the keys that may be absent null says that they are.
func known(raw []byte, v any, absent ...string) error {
	if err := json.Unmarshal(raw, v); err != nil {
		return err
	}
	asked := map[string]bool{}
	for t, i := reflect.TypeOf(v).Elem(), 0; i < t.NumField(); i++ {
		asked[t.Field(i).Tag.Get("json")] = true
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return errNull // nothing else was read into a struct
	}
	var seen keys
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return err
		}
		key, _ := t.(string)
		key = strings.ToLower(strings.ToUpper(key))
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return err
		}
		if !seen.add(key) {
			return errTwice
		}
		if !asked[key] || string(value) == "null" && slices.Contains(absent, key) {
			continue
		}
		if err := plain(string(value), true); err != nil {
			return err
		}
	}
	return nil
}

// plain looks for null and for keys that stand twice in s, one JSON value. With
// folded, keys that differ in case are equal, as they are to encoding/json where it
// fills a struct.
func plain(s string, folded bool) error {
	var open []keys // an array has some too, which stay empty
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '{', '[':
			open = append(open, keys{})
		case '}', ']':
			open = open[:len(open)-1]
		case 'n': // outside of texts, only null has one
			return errNull
		case '"':
			from := i
			for i++; s[i] != '"'; i++ {
				if s[i] == '\\' {
					i++
				}
			}
			rest := strings.TrimLeft(s[i+1:], " \t\r\n")
			if len(open) == 0 || !strings.HasPrefix(rest, ":") {
				continue
			}
			key := s[from+1 : i]
			if strings.Contains(key, `\`) || !utf8.ValidString(key) {
				_ = json.Unmarshal([]byte(s[from:i+1]), &key) // was read before
			}
			if folded {
				key = strings.ToLower(strings.ToUpper(key))
			}
			if !open[len(open)-1].add(key) {
				return errTwice
			}
		}
	}
	return nil
}

// keys are those of one object so far.
type keys struct {
	few  []string
	many map[string]bool // nil of few
}

// add reports whether a key is new.
func (k *keys) add(key string) bool {
	if k.many == nil && len(k.few) < 16 {
		if slices.Contains(k.few, key) {
			return false
		}
		k.few = append(k.few, key)
		return true
	}
	if k.many == nil {
		k.many = map[string]bool{}
		for _, x := range k.few {
			k.many[x] = true
		}
	}
	if k.many[key] {
		return false
	}
	k.many[key] = true
	return true
}
