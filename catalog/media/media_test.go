package media

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"math"
	"strings"
	"testing"

	"aihub"
)

// canary stands in every place of a file that is not the picture or the sound.
const canary = "CANARY-31415926"

// picture is w × h with a fine chequer that a mean flattens, and a red corner.
func picture(w, h int) *image.NRGBA {
	p := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			c := color.NRGBA{0, 0, 0, 255}
			if (x/2+y/2)%2 == 0 {
				c = color.NRGBA{255, 255, 255, 255}
			}
			if x < w/4 && y < h/4 {
				c = color.NRGBA{255, 0, 0, 255}
			}
			p.SetNRGBA(x, y, c)
		}
	}
	return p
}

// withEXIF puts an orientation, comments and other tags into a JPEG.
func withEXIF(jpg []byte, orientation uint16) []byte {
	tiff := []byte("II*\x00\x08\x00\x00\x00\x02\x00")
	entry := func(tag, typ uint16, n, v uint32) {
		tiff = binary.LittleEndian.AppendUint16(tiff, tag)
		tiff = binary.LittleEndian.AppendUint16(tiff, typ)
		tiff = binary.LittleEndian.AppendUint32(tiff, n)
		tiff = binary.LittleEndian.AppendUint32(tiff, v)
	}
	entry(0x010f, 2, uint32(len(canary)), 38) // the maker's name
	entry(0x0112, 3, 1, uint32(orientation))
	tiff = append(tiff, 0, 0, 0, 0)
	tiff = append(tiff, canary...)
	out := bytes.Clone(jpg[:2])
	for _, seg := range []struct {
		kind byte
		body string
	}{{0xe1, "Exif\x00\x00" + string(tiff)}, {0xe1, "http://ns.adobe.com/xap/1.0/\x00" + canary}, {0xfe, canary}, {0xed, "Photoshop 3.0\x00" + canary}} {
		out = append(out, 0xff, seg.kind)
		out = binary.BigEndian.AppendUint16(out, uint16(len(seg.body)+2))
		out = append(out, seg.body...)
	}
	return append(append(out, jpg[2:]...), canary...)
}

// withText puts text, EXIF and time chunks into a PNG.
func withText(p []byte) []byte {
	out := bytes.Clone(p[:33])
	for _, kind := range []string{"tEXt", "iTXt", "eXIf", "tIME", "prVt"} {
		body := "Comment\x00" + canary
		out = binary.BigEndian.AppendUint32(out, uint32(len(body)))
		out = append(out, kind+body...)
		out = binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE([]byte(kind+body)))
	}
	return append(append(out, p[33:]...), canary...)
}

func encoded(t testing.TB, format string, p image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	var err error
	if format == "png" {
		err = png.Encode(&b, p)
	} else {
		err = jpeg.Encode(&b, p, &jpeg.Options{Quality: 95})
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// contrast is the largest step of brightness between two neighbours in r.
func contrast(p image.Image, r image.Rectangle) (most int) {
	at := func(x, y int) int { g, _, _, _ := p.At(x, y).RGBA(); return int(g >> 8) }
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x+1 < r.Max.X; x++ {
			most = max(most, at(x, y)-at(x+1, y), at(x+1, y)-at(x, y))
		}
	}
	return most
}

// No metadata is left, boxes hold no detail, the rest keeps it.
func TestMaskImage(t *testing.T) {
	t.Parallel()
	for _, style := range []Style{Blur, Pixelate, Fill} {
		for _, format := range []string{"jpeg", "png"} {
			raw := encoded(t, format, picture(120, 80))
			if format == "png" {
				raw = withText(raw)
			} else {
				raw = withEXIF(raw, 1)
			}
			var out bytes.Buffer
			info, err := MaskImage(&out, bytes.NewReader(raw), style, []Box{{40, 30, 36, 36}, {-5, -5, 10, 10}, {500, 0, 5, 5}, {100, 60, math.MaxInt, math.MaxInt}})
			info.Print = Print{}
			if err != nil || info != (ImageInfo{Format: format, Width: 120, Height: 80, Masked: 3}) {
				t.Fatal(info, err)
			}
			if bytes.Contains(out.Bytes(), []byte("CANARY")) || bytes.Contains(out.Bytes(), []byte("Exif")) {
				t.Errorf("%s %s: metadata is left", style, format)
			}
			p, got, err := image.Decode(&out)
			if err != nil || got != format {
				t.Fatal(got, err)
			}
			if c := contrast(p, image.Rect(48, 38, 68, 58)); c > 60 {
				t.Errorf("%s %s: the box has steps of %d", style, format, c)
			}
			if c := contrast(p, image.Rect(84, 10, 118, 40)); c < 150 {
				t.Errorf("%s %s: the rest lost its detail: %d", style, format, c)
			}
		}
	}
}

// A picture that EXIF turns is turned itself, so that it looks as it did.
func TestOrientation(t *testing.T) {
	t.Parallel()
	jpg := encoded(t, "jpeg", picture(80, 40))
	for o, corner := range map[uint16]image.Point{1: {2, 2}, 2: {77, 2}, 3: {77, 37}, 4: {2, 37}, 5: {2, 2}, 6: {37, 2}, 7: {37, 77}, 8: {2, 77}} {
		var out bytes.Buffer
		info, err := MaskImage(&out, bytes.NewReader(withEXIF(jpg, o)), Fill, nil)
		if err != nil || (info.Width == 40) != (o >= 5) {
			t.Fatal(o, info, err)
		}
		p, _ := jpeg.Decode(&out)
		if r, g, _, _ := p.At(corner.X, corner.Y).RGBA(); r < 0xc000 || g > 0x4000 {
			t.Errorf("orientation %d: the red corner is not at %v", o, corner)
		}
	}
}

func kindOf(err error) aihub.Kind {
	if e := new(aihub.Error); errors.As(err, &e) {
		return e.Kind
	}
	return ""
}

func TestImageBounds(t *testing.T) {
	t.Parallel()
	bomb := encoded(t, "png", picture(4, 4))
	binary.BigEndian.PutUint32(bomb[16:], 60_000)
	binary.BigEndian.PutUint32(bomb[20:], 60_000)
	binary.BigEndian.PutUint32(bomb[29:], crc32.ChecksumIEEE(bomb[12:29]))
	if _, err := MaskImage(io.Discard, bytes.NewReader(bomb), Blur, nil); kindOf(err) != aihub.Quota {
		t.Errorf("60000 × 60000 pixels: %v", err)
	}
	for name, b := range map[string][]byte{"empty": nil, "text": []byte("hello"), "gif": []byte("GIF89a\x01\x00\x01\x00\x00\x00\x00"), "cut": encoded(t, "jpeg", picture(40, 40))[:300]} {
		if _, err := MaskImage(io.Discard, bytes.NewReader(b), Blur, nil); kindOf(err) != aihub.Contract {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := MaskImage(io.Discard, strings.NewReader(""), "sharpen", nil); kindOf(err) != aihub.Contract {
		t.Error(err)
	}
	if _, err := MaskImage(io.Discard, io.LimitReader(zeros{}, MaxBytes+1), Blur, nil); kindOf(err) != aihub.Quota {
		t.Error(err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// tone is a WAV of seconds of a sine, with tags before and behind the samples.
func tone(rate, channels, bits int, seconds, hertz float64) []byte {
	w := &wav{rate: rate, channels: channels, bits: bits, data: make([]byte, int(seconds*float64(rate))*channels*bits/8)}
	for i := range w.frames() {
		for c := range channels {
			w.setSample(i*channels+c, float32(0.5*math.Sin(2*math.Pi*hertz*float64(i)/float64(rate))))
		}
	}
	chunk := func(id string, body []byte) []byte {
		b := binary.LittleEndian.AppendUint32([]byte(id), uint32(len(body)))
		b = append(b, body...)
		if len(body)%2 == 1 {
			b = append(b, 0)
		}
		return b
	}
	format := binary.LittleEndian.AppendUint16([]byte{1, 0}, uint16(channels))
	format = binary.LittleEndian.AppendUint32(format, uint32(rate))
	format = binary.LittleEndian.AppendUint32(format, uint32(rate*w.frame()))
	format = binary.LittleEndian.AppendUint16(format, uint16(w.frame()))
	format = binary.LittleEndian.AppendUint16(format, uint16(bits))
	body := append([]byte("WAVE"), chunk("LIST", []byte("INFOIART"+canary))...)
	body = append(body, chunk("fmt ", format)...)
	body = append(body, chunk("bext", []byte(canary+"!"))...)
	body = append(body, chunk("data", w.data)...)
	body = append(body, chunk("id3 ", []byte(canary))...)
	return chunk("RIFF", body)
}

// pitchOf counts the upward crossings of zero a second.
func pitchOf(w *wav) float64 {
	n := 0
	for i := 1; i < w.frames(); i++ {
		if w.sample((i-1)*w.channels) < 0 && w.sample(i*w.channels) >= 0 {
			n++
		}
	}
	return float64(n) / (float64(w.frames()) / float64(w.rate))
}

// Spans are silent, the rest sounds on at another pitch and the same length, and
// no tag is left.
func TestMaskAudio(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ rate, channels, bits int }{{8000, 1, 8}, {16000, 1, 16}, {44100, 2, 16}, {22050, 2, 24}, {16000, 1, 32}} {
		for _, semitones := range []float64{0, 5, -7} {
			raw := tone(c.rate, c.channels, c.bits, 2.5, 220)
			var out bytes.Buffer
			info, err := MaskAudio(&out, bytes.NewReader(raw), []Span{{0.5, 1}, {0.75, 1.25}, {2.4, 99}}, semitones)
			if err != nil || math.Abs(info.Muted-0.85) > 0.001 || math.Abs(info.Seconds-2.5) > 0.001 {
				t.Fatal(c, info, err)
			}
			if bytes.Contains(out.Bytes(), []byte("CANARY")) {
				t.Errorf("%v: tags are left", c)
			}
			w, err := parseWAV(out.Bytes())
			if err != nil || w.rate != c.rate || w.channels != c.channels || w.bits != c.bits {
				t.Fatal(w, err)
			}
			for i := c.rate / 2; i < c.rate*5/4; i++ {
				if v := w.sample(i * c.channels); v != 0 {
					t.Fatalf("%v: sample %d of a silent span is %v", c, i, v)
				}
			}
			part := &wav{w.rate, w.channels, w.bits, w.data[c.rate*13/10*w.frame() : c.rate*23/10*w.frame()]}
			want := 220 * math.Pow(2, semitones/12)
			if got := pitchOf(part); math.Abs(got-want) > want*0.04 {
				t.Errorf("%v, %v semitones: %.1f Hz, want %.1f", c, semitones, got, want)
			}
		}
	}
}

func TestAudioBounds(t *testing.T) {
	t.Parallel()
	good := tone(8000, 1, 16, 0.5, 100)
	at := bytes.Index(good, []byte("fmt "))
	change := func(off int, v byte) []byte { b := bytes.Clone(good); b[at+8+off] = v; return b }
	for name, b := range map[string][]byte{"empty": nil, "no samples": good[:60], "float": change(0, 3), "12 bits": change(14, 12), "no channels": change(2, 0), "text": []byte("RIFF....WAVEdata")} {
		if _, err := MaskAudio(io.Discard, bytes.NewReader(b), nil, 0); kindOf(err) != aihub.Contract {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, s := range []Span{{-1, 2}, {2, 1}, {math.NaN(), 1}, {0, math.NaN()}} {
		if _, err := MaskAudio(io.Discard, bytes.NewReader(good), []Span{s}, 0); kindOf(err) != aihub.Contract {
			t.Errorf("%v: %v", s, err)
		}
	}
	for _, st := range []float64{13, math.NaN(), math.Inf(-1)} {
		if _, err := MaskAudio(io.Discard, bytes.NewReader(good), nil, st); kindOf(err) != aihub.Contract {
			t.Errorf("%v semitones: %v", st, err)
		}
	}
}

func FuzzMaskImage(f *testing.F) {
	jpg := encoded(f, "jpeg", picture(20, 12))
	f.Add(jpg, 1, 2, 5, 5)
	f.Add(withEXIF(jpg, 6), -3, 0, 9, 100)
	f.Add(withText(encoded(f, "png", picture(9, 9))), 0, 0, 1, 1)
	f.Fuzz(func(t *testing.T, data []byte, x, y, w, h int) {
		if c, _, err := image.DecodeConfig(bytes.NewReader(data)); err == nil && c.Width > 200_000/max(c.Height, 1) {
			return // slow, not wrong
		}
		for _, style := range []Style{Blur, Pixelate, Fill} {
			var out bytes.Buffer
			if _, err := MaskImage(&out, bytes.NewReader(data), style, []Box{{x, y, w, h}}); err != nil {
				if kindOf(err) == "" {
					t.Fatal(err)
				}
				return
			}
			if _, _, err := image.Decode(&out); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func FuzzMaskAudio(f *testing.F) {
	f.Add(tone(8000, 1, 8, 0.3, 200), 0.1, 0.2, 3.0)
	f.Add(tone(16000, 2, 24, 0.2, 300), 0.0, 9.0, -12.0)
	f.Fuzz(func(t *testing.T, data []byte, from, to, semitones float64) {
		var out bytes.Buffer
		if _, err := MaskAudio(&out, bytes.NewReader(data), []Span{{from, to}}, semitones); err != nil {
			if kindOf(err) == "" {
				t.Fatal(err)
			}
			return
		}
		if _, err := parseWAV(out.Bytes()); err != nil {
			t.Fatal(fmt.Errorf("what was written cannot be read: %w", err))
		}
	})
}

// A recording that is cut short is refused, and one whose length its writer could not
// know is read to its end.
func TestAudioCutShort(t *testing.T) {
	var whole bytes.Buffer
	head := []byte("RIFF\x00\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x80\x3e\x00\x00\x02\x00\x10\x00data")
	whole.Write(head)
	whole.Write([]byte{0x80, 0x3e, 0, 0}) // one second
	whole.Write(make([]byte, 16000))
	if info, err := MaskAudio(io.Discard, bytes.NewReader(whole.Bytes()), nil, 0); err != nil || info.Seconds != 1 {
		t.Fatalf("%+v, %v", info, err)
	}
	short := whole.Bytes()[:len(head)+4+4000]
	if _, err := MaskAudio(io.Discard, bytes.NewReader(short), nil, 0); aihub.KindOf(err) != aihub.Contract || !strings.Contains(err.Error(), "cut short") {
		t.Errorf("cut short: %v", err)
	}
	copy(short[len(head):], "\xff\xff\xff\xff")
	if info, err := MaskAudio(io.Discard, bytes.NewReader(short), nil, 0); err != nil || info.Seconds != 0.25 {
		t.Errorf("streamed: %+v, %v", info, err)
	}
	if _, err := MaskAudio(io.Discard, bytes.NewReader(whole.Bytes()[:len(head)+4]), nil, 0); aihub.KindOf(err) != aihub.Contract {
		t.Errorf("no samples: %v", err)
	}
}
