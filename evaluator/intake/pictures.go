package intake

import (
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"math"
	"strconv"
	"strings"

	"aihub"
	"aihub/evaluator/metric/vision"
	"aihub/scenarios"
)

// A cell of pictures is "height width" and then the values of the pixels, row by row
// from the top, equal neighbours as value*length: "2 2 7 9*3", or of three channels
// "1 2 255,0,0 0,0,255".
var pictures = Kind{
	Truth: bounded(func(s string) *aihub.Text {
		p, bad := readPicture(s)
		if bad == nil && len(p.values) == 0 {
			return say("the picture has no pixel", "图像没有像素")
		}
		return bad
	}),
	Predicted: bounded(func(s string) *aihub.Text { _, bad := readPicture(s); return bad }),
	Unit: func(_, t, p string) any {
		truth, _ := readPicture(t)
		pred, _ := readPicture(p)
		u := &vision.Picture{H: truth.h, W: truth.w, Channels: truth.channels, Truth: truth.values, Pred: pred.values}
		if pred.h != truth.h || pred.w != truth.w || pred.channels != truth.channels {
			u.Pred = opposite(truth.values) // a picture of another shape shows nothing of it
		}
		return u
	},
	Answer: same, Empty: scenarios.NeedsPictures.EmptyCell(),
}

// opposite has of each value that end of a byte (or of 16 bits, where one is above
// it) that is farther from it.
func opposite(values []float64) []float64 {
	top := 255.0
	for _, v := range values {
		if v > top {
			top = maxClass
		}
	}
	out := make([]float64, len(values))
	for i, v := range values {
		if v < top/2 {
			out[i] = top
		}
	}
	return out
}

// maxPicture bounds the pixels of a picture, whose values are numbers of 8 bytes.
const maxPicture = 1 << 22

var tooManyPixels = say(fmt.Sprintf("a picture has at most %d pixels", maxPicture), fmt.Sprintf("图像最多 %d 个像素", maxPicture))

type picture struct {
	h, w, channels int
	values         []float64
}

func readPicture(s string) (p picture, bad *aihub.Text) {
	bad = say("expected height, width and the values of the pixels, 0 to 65535, as in 2 2 7 9*3, or of three channels 1 2 255,0,0 0,0,255",
		"应为 高 宽 及各像素的值（0 至 65535），例如 2 2 7 9*3，三通道例如 1 2 255,0,0 0,0,255")
	next := strings.FieldsSeq(s)
	total, at := 0, 0
	for f := range next {
		switch at++; at {
		case 1, 2:
			n, err := strconv.Atoi(f)
			if err != nil || n < 0 || n > maxPicture {
				return picture{}, bad
			}
			if at == 1 {
				p.h = n
				continue
			}
			if p.w = n; n > 0 && p.h > maxPicture/n {
				return picture{}, tooManyPixels
			}
			total = p.h * p.w
			continue
		}
		list, run, repeated := strings.Cut(f, "*")
		length := 1
		if repeated {
			var err error
			if length, err = strconv.Atoi(run); err != nil || length < 1 {
				return picture{}, bad
			}
		}
		var pixel [3]float64
		k := 0
		for v := range strings.SplitSeq(list, ",") {
			n, err := strconv.Atoi(v)
			if err != nil || n < 0 || n > maxClass || k == len(pixel) {
				return picture{}, bad
			}
			pixel[k], k = float64(n), k+1
		}
		if p.channels == 0 && (k == 1 || k == 3) && total > 0 {
			p.channels = k
			p.values = make([]float64, 0, total*k)
		}
		if k != p.channels || length > total-len(p.values)/k {
			return picture{}, bad
		}
		for range length {
			p.values = append(p.values, pixel[:k]...)
		}
	}
	if at < 2 || len(p.values) != total*p.channels || total > 0 && p.channels == 0 {
		return picture{}, bad
	}
	return p, nil
}

// pictureCell reads a PNG of grey levels or colours, 8 or 16 bits of each.
func pictureCell(r io.Reader, head func() (image.Config, error)) (string, *aihub.Text) {
	cfg, err := head()
	if err != nil {
		return "", say("not a PNG image", "不是 PNG 图像")
	}
	if cfg.Width < 1 || cfg.Height < 1 || cfg.Height > maxPicture/cfg.Width {
		return "", tooManyPixels
	}
	im, err := png.Decode(r)
	if err != nil {
		return "", say("the PNG image is damaged", "PNG 图像已损坏")
	}
	var pixel func(b []byte, x, y int) []byte
	value := func(b []byte, v int) []byte { return strconv.AppendInt(b, int64(v), 10) }
	three := func(b []byte, r, g, bl int) []byte {
		b = append(value(b, r), ',')
		b = append(value(b, g), ',')
		return value(b, bl)
	}
	switch m := im.(type) {
	case *image.Gray:
		pixel = func(b []byte, x, y int) []byte { return value(b, int(m.GrayAt(x, y).Y)) }
	case *image.Gray16:
		pixel = func(b []byte, x, y int) []byte { return value(b, int(m.Gray16At(x, y).Y)) }
	case *image.RGBA: // of a PNG without transparency
		if !m.Opaque() {
			return "", noTransparency
		}
		pixel = func(b []byte, x, y int) []byte {
			c := m.RGBAAt(x, y)
			return three(b, int(c.R), int(c.G), int(c.B))
		}
	case *image.RGBA64:
		if !m.Opaque() {
			return "", noTransparency
		}
		pixel = func(b []byte, x, y int) []byte {
			c := m.RGBA64At(x, y)
			return three(b, int(c.R), int(c.G), int(c.B))
		}
	default:
		return "", noTransparency
	}
	b := fmt.Appendf(nil, "%d %d", cfg.Height, cfg.Width)
	var last, now []byte
	run := 0
	flush := func() {
		if run > 0 {
			b = append(append(b, ' '), last...)
		}
		if run > 1 {
			b = append(b, '*')
			b = strconv.AppendInt(b, int64(run), 10)
		}
	}
	box := im.Bounds()
	for y := box.Min.Y; y < box.Max.Y; y++ {
		for x := box.Min.X; x < box.Max.X; x++ {
			if now = pixel(now[:0], x, y); string(now) != string(last) || run == 0 {
				flush()
				last, run = append(last[:0], now...), 0
			}
			run++
		}
		if len(b) > MaxCell {
			return "", tooLarge
		}
	}
	flush()
	return string(b), nil
}

var noTransparency = say("a picture is a PNG of grey levels or of colours, without palette and transparency", "图像须为灰度或彩色 PNG，不用调色板，不含透明度")

// writePicture is the PNG of a cell: of 16 bits when a value asks for it.
func writePicture(w io.Writer, cell string) error {
	p, bad := readPicture(cell)
	if bad != nil || len(p.values) == 0 {
		return fmt.Errorf("intake: this cell is no picture")
	}
	box := image.Rect(0, 0, p.w, p.h)
	top := 0.0
	for _, v := range p.values {
		top = math.Max(top, v)
	}
	var im interface {
		image.Image
		Set(x, y int, c color.Color)
	}
	switch {
	case p.channels == 1 && top < 256:
		im = image.NewGray(box)
	case p.channels == 1:
		im = image.NewGray16(box)
	case top < 256:
		im = image.NewRGBA(box)
	default:
		im = image.NewRGBA64(box)
	}
	for i := range p.h * p.w {
		v := p.values[i*p.channels : (i+1)*p.channels]
		r, g, b := v[0], v[len(v)/2], v[len(v)-1]
		var c color.Color = color.RGBA64{R: uint16(r), G: uint16(g), B: uint16(b), A: 0xffff}
		switch im.(type) {
		case *image.Gray:
			c = color.Gray{Y: uint8(r)}
		case *image.Gray16:
			c = color.Gray16{Y: uint16(r)}
		case *image.RGBA:
			c = color.RGBA{R: uint8(r), G: uint8(g), B: uint8(b), A: 0xff}
		}
		im.Set(i%p.w, i/p.w, c)
	}
	return png.Encode(w, im)
}
