package table

import (
	"bufio"
	"bytes"
	"io"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"

	"aihub"
)

// Encodings of a text file. Auto finds out which it is: a byte order mark, else
// UTF-8, else GB18030 (of which GBK and GB2312 are parts) when the bytes are
// Chinese text in it.
const (
	UTF8    = "utf-8"
	GB18030 = "gb18030"
	UTF16LE = "utf-16le"
	UTF16BE = "utf-16be"
	Auto    = "auto"
)

// Encodings lists what a file may be declared to be.
var Encodings = []string{Auto, UTF8, GB18030, UTF16LE, UTF16BE}

// decoder turns a text file into UTF-8 without a byte order mark. As long as
// only ASCII was seen every encoding but UTF-16 reads the same, so Auto decides
// at the first byte that is not, by the window behind it.
type decoder struct {
	raw *bufio.Reader
	enc string // Auto until decided
	out io.Reader
}

// newDecoder reads r, which is in the encoding enc ("" is UTF-8).
func newDecoder(r io.Reader, enc string) (*decoder, error) {
	d := &decoder{raw: bufio.NewReaderSize(r, sniffBytes), enc: enc}
	if enc == "" {
		d.enc = UTF8
	}
	head, err := d.raw.Peek(3)
	if err != nil && err != io.EOF {
		return nil, err
	}
	mark, of := 0, ""
	switch {
	case bytes.HasPrefix(head, []byte{0xef, 0xbb, 0xbf}):
		mark, of = 3, UTF8
	case bytes.HasPrefix(head, []byte{0xff, 0xfe}):
		mark, of = 2, UTF16LE
	case bytes.HasPrefix(head, []byte{0xfe, 0xff}):
		mark, of = 2, UTF16BE
	}
	if of != "" && d.enc == Auto {
		d.enc = of
	}
	if of != "" && of != d.enc && of != UTF8 {
		return nil, aihub.Errorf(aihub.Contract, aihub.Text{EN: "the file is UTF-16", ZH: "文件是 UTF-16 编码"}).
			WithHint(aihub.Text{EN: "save it as UTF-8, or leave its encoding out to have it found", ZH: "请另存为 UTF-8，或不写 encoding 由系统识别"})
	}
	if of == d.enc {
		if _, err := d.raw.Discard(mark); err != nil {
			return nil, err
		}
	}
	d.decide(d.enc)
	return d, nil
}

func (d *decoder) decide(enc string) {
	d.enc = enc
	switch enc {
	case UTF8:
		d.out = d.raw
	case GB18030:
		d.out = transform.NewReader(d.raw, simplifiedchinese.GB18030.NewDecoder())
	case UTF16LE:
		d.out = transform.NewReader(d.raw, unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM).NewDecoder())
	case UTF16BE:
		d.out = transform.NewReader(d.raw, unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM).NewDecoder())
	}
}

// found returns the encoding; a file of ASCII alone is UTF-8.
func (d *decoder) found() string {
	if d.enc == Auto {
		return UTF8
	}
	return d.enc
}

func (d *decoder) Read(p []byte) (int, error) {
	if d.out != nil {
		return d.out.Read(p)
	}
	if _, err := d.raw.Peek(1); err != nil {
		return 0, err
	}
	b, _ := d.raw.Peek(min(d.raw.Buffered(), len(p)))
	n := 0
	for n < len(b) && b[n] < utf8.RuneSelf {
		n++
	}
	if n == 0 && len(b) > 0 {
		window, err := d.raw.Peek(sniffBytes)
		if err != nil && err != io.EOF && err != bufio.ErrBufferFull {
			return 0, err
		}
		if looksUTF8(window) || !looksGB18030(window) {
			d.decide(UTF8) // what is neither is reported place by place
		} else {
			d.decide(GB18030)
		}
		return d.out.Read(p)
	}
	copy(p, b[:n])
	return d.raw.Discard(n)
}

// looksUTF8 reports whether at least nine in ten of the bytes above ASCII belong
// to whole UTF-8 characters: a file with a broken place is still UTF-8.
func looksUTF8(b []byte) bool {
	good, bad := 0, 0
	for i := 0; i < len(b); {
		if b[i] < utf8.RuneSelf {
			i++
			continue
		}
		r, n := utf8.DecodeRune(b[i:])
		switch {
		case r != utf8.RuneError || n > 1:
			good += n
		case i+utf8.UTFMax > len(b) && !utf8.FullRune(b[i:]):
			// cut off by the window
		default:
			bad++
		}
		i += n
	}
	return good >= 9*bad
}

// looksGB18030 reports whether the bytes above ASCII are GB18030, four in five of
// its characters from GB 2312, where all that is common stands. Western text in
// an 8-bit encoding hardly ever is.
func looksGB18030(b []byte) bool {
	chars, common := 0, 0
	for i := 0; i < len(b); {
		c := b[i]
		if c < 0x80 {
			i++
			continue
		}
		if i+1 >= len(b) {
			break // cut off by the window
		}
		t := b[i+1]
		switch {
		case c == 0x80 || c == 0xff:
			return false
		case t >= 0x30 && t <= 0x39: // four bytes
			if i+3 >= len(b) {
				i = len(b)
				continue
			}
			if b[i+2] < 0x81 || b[i+2] > 0xfe || b[i+3] < 0x30 || b[i+3] > 0x39 {
				return false
			}
			chars++
			i += 4
		case t >= 0x40 && t <= 0xfe && t != 0x7f:
			chars++
			if c >= 0xa1 && c <= 0xf7 && t >= 0xa1 {
				common++
			}
			i += 2
		default:
			return false
		}
	}
	return chars > 0 && 5*common >= 4*chars
}
