// Package screen makes what a stranger's program writes to a terminal fit to be
// shown on somebody's. A terminal obeys what is shown on it: sequences exist that
// write the clipboard (OSC 52) or files, print, resize windows, or have the
// terminal answer into the keyboard. So nothing is struck out here; what may pass
// is listed, and everything else is gone: colours, the movement of the cursor,
// erasing, the second screen, and text.
//
// References: ECMA-48 (5th edition, 1991) for the form of sequences; the
// "XTerm Control Sequences" document (ctlseqs) for the private ones.
package screen

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// maxSequence bounds the parameters of one sequence.
const maxSequence = 64

type state uint8

const (
	ground     state = iota
	escape           // after ESC
	between          // after ESC and an intermediate byte
	control          // after ESC [
	dropping         // in a control sequence that is too long
	text             // in a string that is not passed on: OSC, DCS, SOS, PM, APC
	textEscape       // after an ESC in it, which may begin its end
)

// Filter is one stream of bytes. Its zero value is ready. Output is whole UTF-8
// characters and whole sequences, whatever the input.
type Filter struct {
	state state
	seq   []byte // of the sequence under way, ESC [ left out
	rest  []byte // the first bytes of a character
}

// Append appends to dst what may be shown of src.
func (f *Filter) Append(dst, src []byte) []byte {
	if len(f.rest) > 0 {
		src = append(f.rest, src...)
		f.rest = nil
	}
	for len(src) > 0 {
		if c := src[0]; c < utf8.RuneSelf || f.state != ground {
			dst = f.byte(dst, c)
			src = src[1:]
			continue
		}
		if !utf8.FullRune(src) {
			f.rest = slices.Clone(src)
			break
		}
		r, n := utf8.DecodeRune(src)
		src = src[n:]
		if shown(r) {
			dst = utf8.AppendRune(dst, r)
		}
	}
	return dst
}

// shown reports whether a character may pass: no control characters of eight
// bits, which begin sequences as ESC does, and none that turn the direction of text.
func shown(r rune) bool {
	switch {
	case r >= 0x80 && r <= 0x9f, r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069:
		return false
	}
	return true
}

func (f *Filter) byte(dst []byte, c byte) []byte {
	switch {
	case c == 0x1b && f.state != text:
		f.state, f.seq = escape, f.seq[:0]
		return dst
	case (c == 0x18 || c == 0x1a) && f.state != ground: // CAN, SUB
		f.state = ground
		return dst
	}
	switch f.state {
	case ground:
		if c >= ' ' && c != 0x7f || strings.IndexByte("\a\b\t\n\v\f\r\x0e\x0f", c) >= 0 {
			dst = append(dst, c)
		}
	case escape, textEscape:
		return f.escaped(dst, c)
	case between:
		if c >= 0x30 && c < 0x7f {
			f.state = ground
			if set := f.seq[0]; len(f.seq) == 1 && (strings.IndexByte("()*+", set) >= 0 && strings.IndexByte("0AB", c) >= 0 || set == '#' && c == '8') {
				dst = append(dst, 0x1b, set, c)
			}
		} else if c >= ' ' && len(f.seq) < maxSequence {
			f.seq = append(f.seq, c)
		}
	case control, dropping:
		switch {
		case c >= 0x40 && c < 0x7f:
			if f.state == control && passes(string(f.seq), c) {
				dst = append(append(append(dst, 0x1b, '['), f.seq...), c)
			}
			f.state = ground
		case c >= 0x80:
			f.state = dropping
		case c < ' ' || c == 0x7f: // gone
		case len(f.seq) == maxSequence:
			f.state = dropping
		default:
			f.seq = append(f.seq, c)
		}
	case text:
		switch c {
		case '\a':
			f.state = ground
		case 0x1b:
			f.state = textEscape
		}
	}
	return dst
}

// escaped handles the byte after an ESC.
func (f *Filter) escaped(dst []byte, c byte) []byte {
	switch {
	case c == '[':
		f.state, f.seq = control, f.seq[:0]
	case strings.IndexByte("]P_^X", c) >= 0:
		f.state = text
	case c >= ' ' && c < 0x30:
		f.state, f.seq = between, append(f.seq[:0], c)
	default:
		f.state = ground
		if strings.IndexByte("78=>DEHMc", c) >= 0 {
			dst = append(dst, 0x1b, c)
		}
	}
	return dst
}

// The private modes that a program may set: the keys it gets, the cursor, the
// second screen, pasting in brackets, drawing at once. Not among them: reports of the mouse.
var modes = []string{"1", "5", "6", "7", "12", "25", "45", "47", "1047", "1048", "1049", "2004", "2026"}

// passes reports whether a control sequence may be shown: params are what
// stands between ESC [ and its last byte.
func passes(params string, final byte) bool {
	switch params {
	case "!":
		return final == 'p' // soft reset
	case " ", "0 ", "1 ", "2 ", "3 ", "4 ", "5 ", "6 ":
		return final == 'q' // shape of the cursor
	}
	private := strings.HasPrefix(params, "?")
	numbers := strings.FieldsFunc(strings.TrimPrefix(params, "?"), func(r rune) bool { return r == ';' || r == ':' })
	for _, n := range numbers {
		// Longer ones only make a terminal work.
		if len(n) > 4 || strings.Trim(n, "0123456789") != "" {
			return false
		}
	}
	switch {
	case private && (final == 'h' || final == 'l'):
		return !slices.ContainsFunc(numbers, func(n string) bool { return !slices.Contains(modes, n) })
	case private:
		return final == 'J' || final == 'K'
	case final == 'm':
		return true
	case strings.Contains(params, ":"):
		return false
	case final == 'h' || final == 'l':
		return params == "4"
	case final == 'n': // where the cursor is: line editors ask
		return params == "5" || params == "6"
	}
	return strings.IndexByte("ABCDEFGHIJKLMPSTXZ`abdefgrsu@", final) >= 0
}
