package media

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"aihub"
)

// Span is a stretch of a recording, in seconds; To is excluded.
type Span struct {
	From float64 `json:"from"`
	To   float64 `json:"to"`
}

// AudioInfo says what was written.
type AudioInfo struct {
	Rate     int     `json:"rate"` // samples a second
	Channels int     `json:"channels"`
	Bits     int     `json:"bits"`
	Seconds  float64 `json:"seconds"`
	Muted    float64 `json:"muted"` // seconds
	Print    Print   `json:"-"`     // of the masked recording
}

// wav is a recording taken apart: frames of one sample for each channel.
type wav struct {
	rate, channels, bits int
	data                 []byte
}

func (w *wav) frame() int  { return w.channels * w.bits / 8 }
func (w *wav) frames() int { return len(w.data) / w.frame() }

// MaskAudio reads a WAV of whole-number PCM (8, 16, 24 or 32 bits) and writes one
// of the same rate, channels, bits and length, in which the spans are silent and
// the pitch is moved by semitones, -12 to 12. Of the file's chunks only the
// format and the samples are written.
//
// A moved pitch hides a voice from ears, not from a program that knows of it:
// what is said by whom must not be published is to be silenced.
func MaskAudio(dst io.Writer, src io.Reader, mute []Span, semitones float64) (AudioInfo, error) {
	if !(math.Abs(semitones) <= 12) {
		return AudioInfo{}, contract("semitones are between -12 and 12", "semitones 须在 -12 至 12 之间")
	}
	if len(mute) > MaxBoxes {
		return AudioInfo{}, quota(fmt.Sprintf("more than %d spans", MaxBoxes), fmt.Sprintf("静音段超过 %d 个", MaxBoxes))
	}
	b, err := readAll(src)
	if err != nil {
		return AudioInfo{}, err
	}
	w, err := parseWAV(b)
	if err != nil {
		return AudioInfo{}, err
	}
	// Silence first: what is silent has no pitch that could be moved back.
	muted, err := w.mute(mute)
	if err != nil {
		return AudioInfo{}, err
	}
	if semitones != 0 {
		w.shift(math.Pow(2, semitones/12))
		if _, err := w.mute(mute); err != nil { // the neighbours must not reach into it
			return AudioInfo{}, err
		}
	}
	print := w.print()
	head := []byte("RIFF\x00\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00")
	binary.LittleEndian.PutUint32(head[4:], uint32(36+len(w.data)+len(w.data)%2))
	head = binary.LittleEndian.AppendUint16(head, uint16(w.channels))
	head = binary.LittleEndian.AppendUint32(head, uint32(w.rate))
	head = binary.LittleEndian.AppendUint32(head, uint32(w.rate*w.frame()))
	head = binary.LittleEndian.AppendUint16(head, uint16(w.frame()))
	head = binary.LittleEndian.AppendUint16(head, uint16(w.bits))
	head = append(head, "data"...)
	head = binary.LittleEndian.AppendUint32(head, uint32(len(w.data)))
	if len(w.data)%2 == 1 {
		w.data = append(w.data, 0)
	}
	for _, part := range [][]byte{head, w.data} {
		if _, err := dst.Write(part); err != nil {
			return AudioInfo{}, err
		}
	}
	rate := float64(w.rate)
	return AudioInfo{w.rate, w.channels, w.bits, float64(w.frames()) / rate, float64(muted) / rate, print}, nil
}

// streamed is where the lengths begin that programs write into a header before they
// know how much will follow: such samples go to the end of the file.
const streamed = 0x7ffff000

// parseWAV finds the format and the samples. Samples that do not fill a frame
// are left out.
func parseWAV(b []byte) (*wav, error) {
	bad := func(en, zh string) (*wav, error) {
		return nil, contract("it is no WAV that can be read: "+en, "不是可读取的 WAV 录音："+zh).
			WithHint(aihub.Text{EN: "write it as whole-number PCM first: ffmpeg -i IN -c:a pcm_s16le OUT.wav", ZH: "请先另存为整数 PCM：ffmpeg -i 输入 -c:a pcm_s16le 输出.wav"})
	}
	if len(b) < 12 || string(b[:4]) != "RIFF" || string(b[8:12]) != "WAVE" {
		return bad("no RIFF header", "缺少 RIFF 头")
	}
	var w *wav
	for p := 12; p+8 <= len(b); {
		id, n := string(b[p:p+4]), int64(binary.LittleEndian.Uint32(b[p+4:]))
		body := b[p+8:]
		if int64(len(body)) > n {
			body = body[:n]
		}
		switch {
		case id == "fmt " && w == nil:
			if len(body) < 16 {
				return bad("a format chunk cut short", "格式块不完整")
			}
			kind := binary.LittleEndian.Uint16(body)
			if kind == 0xfffe && len(body) >= 26 { // extensible: the kind stands further on
				kind = binary.LittleEndian.Uint16(body[24:])
			}
			w = &wav{rate: int(binary.LittleEndian.Uint32(body[4:])), channels: int(binary.LittleEndian.Uint16(body[2:])), bits: int(binary.LittleEndian.Uint16(body[14:]))}
			if kind != 1 || w.bits != 8 && w.bits != 16 && w.bits != 24 && w.bits != 32 {
				return bad("only whole-number PCM of 8, 16, 24 or 32 bits is read", "仅支持 8、16、24、32 位整数 PCM")
			}
			if w.channels < 1 || w.channels > 16 || w.rate < 1000 || w.rate > 384_000 {
				return bad(fmt.Sprintf("%d channels at %d Hz", w.channels, w.rate), fmt.Sprintf("%d 声道，%d Hz", w.channels, w.rate))
			}
		case id == "data":
			if w == nil {
				return bad("samples before their format", "样本在格式块之前")
			}
			if n > int64(len(body)) && n < streamed {
				return bad(fmt.Sprintf("it is cut short: %d bytes of samples are said, %d are there", n, len(body)), fmt.Sprintf("文件不完整：声明有 %d 字节样本，实有 %d 字节", n, len(body)))
			}
			if len(body) < w.frame() {
				return bad("no samples", "没有样本")
			}
			w.data = append([]byte(nil), body[:len(body)/w.frame()*w.frame()]...)
			return w, nil
		}
		if n > int64(len(b)) {
			break
		}
		p += 8 + int(n) + int(n%2)
	}
	return bad("no samples", "没有样本")
}

// mute silences spans and returns how many frames are silent by it.
func (w *wav) mute(spans []Span) (int, error) {
	silent := make([]bool, w.frames())
	for _, s := range spans {
		if !(s.From >= 0) || !(s.To >= s.From) {
			return 0, contract("a span begins at 0 seconds or later and ends behind its beginning", "静音段须从 0 秒或以后开始，且终点不早于起点")
		}
		at := func(sec float64, round func(float64) float64) int {
			return int(min(round(sec*float64(w.rate)), float64(len(silent))))
		}
		for i := at(s.From, math.Floor); i < at(s.To, math.Ceil); i++ {
			silent[i] = true
		}
	}
	n := 0
	zero := byte(0)
	if w.bits == 8 {
		zero = 0x80
	}
	for i, s := range silent {
		if s {
			n++
			for k := range w.frame() {
				w.data[i*w.frame()+k] = zero
			}
		}
	}
	return n, nil
}

// sample reads sample i as -1 to 1; setSample writes it.
func (w *wav) sample(i int) float32 {
	switch p := w.data[i*w.bits/8:]; w.bits {
	case 8:
		return (float32(p[0]) - 128) / 128
	case 16:
		return float32(int16(binary.LittleEndian.Uint16(p))) / (1 << 15)
	case 24:
		return float32(int32(uint32(p[0])<<8|uint32(p[1])<<16|uint32(p[2])<<24)>>8) / (1 << 23)
	default:
		return float32(int32(binary.LittleEndian.Uint32(p))) / (1 << 31)
	}
}

func (w *wav) setSample(i int, v float32) {
	x := math.Round(float64(v) * math.Ldexp(1, w.bits-1))
	n := int64(min(max(x, -math.Ldexp(1, w.bits-1)), math.Ldexp(1, w.bits-1)-1))
	if w.bits == 8 {
		n += 128
	}
	for k, p := 0, w.data[i*w.bits/8:]; k < w.bits/8; k++ {
		p[k] = byte(n >> (8 * k))
	}
}
