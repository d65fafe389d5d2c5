package table

import (
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// Bounds of a line of JSON.
const (
	maxFlat  = 8  // objects within objects that become columns
	maxDepth = 64 // arrays and objects within each other
)

// jsonKind is what a JSON value is.
type jsonKind byte

const (
	jsonNull   jsonKind = 'z'
	jsonBool   jsonKind = 'b'
	jsonNumber jsonKind = 'n'
	jsonString jsonKind = 's'
	jsonArray  jsonKind = 'a'
)

// jsonLine reads one object as the fields of a row: an object within it gives
// the fields a.b, a.c; an array is one field, its JSON text. Errors say what
// is wrong; at is where.
type jsonLine struct {
	b    []byte
	at   int
	path []byte
	text []byte // of a string with escapes
	emit func(path []byte, k jsonKind, v []byte) error
}

// read parses the whole line.
func (j *jsonLine) read(b []byte) error {
	j.b, j.at, j.path = b, 0, j.path[:0]
	j.space()
	if j.peek() != '{' {
		return fmt.Errorf("expected an object, {…}")
	}
	if err := j.object(0); err != nil {
		return err
	}
	if j.space(); j.at < len(j.b) {
		return fmt.Errorf("more than one object on the line")
	}
	return nil
}

func (j *jsonLine) peek() byte {
	if j.at < len(j.b) {
		return j.b[j.at]
	}
	return 0
}

func (j *jsonLine) space() {
	for j.at < len(j.b) && (j.b[j.at] == ' ' || j.b[j.at] == '\t' || j.b[j.at] == '\r' || j.b[j.at] == '\n') {
		j.at++
	}
}

func (j *jsonLine) want(c byte) error {
	if j.space(); j.peek() != c {
		return fmt.Errorf("expected %q", c)
	}
	j.at++
	return nil
}

// object flattens an object below the path.
func (j *jsonLine) object(depth int) error {
	if depth >= maxFlat {
		return fmt.Errorf("objects nested deeper than %d", maxFlat)
	}
	j.at++
	outer := len(j.path)
	for first := true; ; first = false {
		if j.space(); j.peek() == '}' && first {
			j.at++
			return nil
		}
		if j.peek() != '"' {
			return fmt.Errorf("expected a name in quotes")
		}
		name, err := j.str()
		if err != nil {
			return err
		}
		if outer > 0 {
			j.path = append(j.path, '.')
		}
		if j.path = append(j.path, name...); len(j.path) > maxName {
			return fmt.Errorf("a name longer than %d bytes", maxName)
		}
		if err := j.want(':'); err != nil {
			return err
		}
		if j.space(); j.peek() == '{' {
			err = j.object(depth + 1)
		} else {
			err = j.value()
		}
		if err != nil {
			return err
		}
		j.path = j.path[:outer]
		j.space()
		switch j.peek() {
		case ',':
			j.at++
		case '}':
			j.at++
			return nil
		default:
			return fmt.Errorf("expected , or }")
		}
	}
}

// value emits a value that is not an object.
func (j *jsonLine) value() error {
	from := j.at
	k, err := j.skip(0)
	if err != nil {
		return err
	}
	v := j.b[from:j.at]
	if k == jsonString {
		j.at = from
		if v, err = j.str(); err != nil {
			return err
		}
	}
	end := j.at
	j.at = from // for an error of emit
	if err := j.emit(j.path, k, v); err != nil {
		return err
	}
	j.at = end
	return nil
}

// skip moves behind any value.
func (j *jsonLine) skip(depth int) (jsonKind, error) {
	j.space()
	switch c := j.peek(); {
	case c == '"':
		_, err := j.str()
		return jsonString, err
	case c == '-' || c >= '0' && c <= '9':
		return jsonNumber, j.number()
	case c == 't':
		return jsonBool, j.word("true")
	case c == 'f':
		return jsonBool, j.word("false")
	case c == 'n':
		return jsonNull, j.word("null")
	case c == '[' || c == '{':
		if depth >= maxDepth {
			return 0, fmt.Errorf("nested deeper than %d", maxDepth)
		}
		return jsonArray, j.inside(c, depth)
	}
	return 0, fmt.Errorf("expected a value (JSON has no NaN: write null)")
}

func (j *jsonLine) inside(open byte, depth int) error {
	shut := open + 2 // ] follows [ and } follows { by two
	j.at++
	for first := true; ; first = false {
		if j.space(); j.peek() == shut && first {
			j.at++
			return nil
		}
		if open == '{' {
			if j.peek() != '"' {
				return fmt.Errorf("expected a name in quotes")
			}
			if _, err := j.str(); err != nil {
				return err
			}
			if err := j.want(':'); err != nil {
				return err
			}
		}
		if _, err := j.skip(depth + 1); err != nil {
			return err
		}
		j.space()
		switch j.peek() {
		case ',':
			j.at++
		case shut:
			j.at++
			return nil
		default:
			return fmt.Errorf("expected , or %c", shut)
		}
	}
}

func (j *jsonLine) word(w string) error {
	if len(j.b)-j.at < len(w) || string(j.b[j.at:j.at+len(w)]) != w {
		return fmt.Errorf("expected %s", w)
	}
	j.at += len(w)
	return nil
}

func (j *jsonLine) digits() int {
	n := 0
	for j.at < len(j.b) && j.b[j.at] >= '0' && j.b[j.at] <= '9' {
		j.at++
		n++
	}
	return n
}

func (j *jsonLine) number() error {
	bad := fmt.Errorf("a number that is none")
	if j.peek() == '-' {
		j.at++
	}
	zero := j.peek() == '0'
	if n := j.digits(); n == 0 || zero && n > 1 {
		return bad
	}
	if j.peek() == '.' {
		if j.at++; j.digits() == 0 {
			return bad
		}
	}
	if c := j.peek(); c == 'e' || c == 'E' {
		if j.at++; j.peek() == '+' || j.peek() == '-' {
			j.at++
		}
		if j.digits() == 0 {
			return bad
		}
	}
	return nil
}

// str reads a string. What it returns is valid until the next call.
func (j *jsonLine) str() ([]byte, error) {
	j.at++
	from := j.at
	for j.at < len(j.b) {
		switch c := j.b[j.at]; {
		case c == '"':
			s := j.b[from:j.at]
			j.at++
			if !utf8.Valid(s) {
				return nil, fmt.Errorf("text that is not UTF-8")
			}
			return s, nil
		case c == '\\':
			return j.escaped(from)
		case c < ' ':
			return nil, fmt.Errorf("a control character in a string: write it as \\u00%02x", c)
		}
		j.at++
	}
	return nil, fmt.Errorf("the line ends inside a string")
}

var jsonEscapes = map[byte]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// escaped goes on with a string at its first backslash.
func (j *jsonLine) escaped(from int) ([]byte, error) {
	j.text = append(j.text[:0], j.b[from:j.at]...)
	for j.at < len(j.b) {
		c := j.b[j.at]
		j.at++
		switch {
		case c == '"':
			if !utf8.Valid(j.text) {
				return nil, fmt.Errorf("text that is not UTF-8")
			}
			return j.text, nil
		case c < ' ':
			return nil, fmt.Errorf("a control character in a string: write it as \\u00%02x", c)
		case c != '\\':
			j.text = append(j.text, c)
		case j.peek() == 'u':
			r, ok := j.hex()
			if utf16.IsSurrogate(r) {
				second, paired := rune(0), j.at+1 < len(j.b) && j.b[j.at] == '\\' && j.b[j.at+1] == 'u'
				if paired {
					j.at++
					second, paired = j.hex()
				}
				r = utf16.DecodeRune(r, second)
				ok = ok && paired && r != utf8.RuneError
			}
			if !ok {
				return nil, fmt.Errorf("a \\u that is no character")
			}
			j.text = utf8.AppendRune(j.text, r)
		default:
			e, ok := jsonEscapes[j.peek()]
			if !ok {
				return nil, fmt.Errorf("a backslash before a character that needs none")
			}
			j.text = append(j.text, e)
			j.at++
		}
	}
	return nil, fmt.Errorf("the line ends inside a string")
}

// hex reads u and four digits.
func (j *jsonLine) hex() (rune, bool) {
	if len(j.b)-j.at < 5 {
		j.at = len(j.b)
		return 0, false
	}
	v, err := strconv.ParseUint(string(j.b[j.at+1:j.at+5]), 16, 32)
	j.at += 5
	return rune(v), err == nil
}
