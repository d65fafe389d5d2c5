// Package media masks what a table's columns point at: pictures and recordings.
// Boxes of a picture, a face or a plate, are made unrecognisable; spans of a
// recording are silenced and its pitch is moved. Everything is decoded and
// encoded again, so that no metadata survives: no EXIF with its place and
// camera, no thumbnail from before, no comment, no tag.
//
// Files are foreign: bytes, pixels and samples are bounded before they are
// decoded. Where a box is, somebody or something else says; there is no
// detector here.
package media

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"image/png"
	"io"

	"aihub"
)

// Bounds of one file.
const (
	MaxBytes  = 64 << 20
	MaxPixels = 50_000_000
	MaxBoxes  = 10_000
)

// Style is what becomes of a box.
type Style string

const (
	Blur     Style = "blur"     // its 36 means, smoothed
	Pixelate Style = "pixelate" // its 36 means as squares
	Fill     Style = "fill"     // one colour, which is not from the picture
)

// cells is how many means a box keeps along a side: too few to tell a face or to
// read a character, whatever is computed from them.
const cells = 6

// Box is a rectangle in the pixels of the picture as it is shown, that is after
// its EXIF orientation. What lies outside of the picture is ignored.
type Box struct {
	X int `json:"x"`
	Y int `json:"y"`
	W int `json:"w"`
	H int `json:"h"`
}

// ImageInfo says what was written.
type ImageInfo struct {
	Format string `json:"format"` // jpeg or png, as it was
	Width  int    `json:"width"`
	Height int    `json:"height"`
	Masked int    `json:"masked"` // boxes that touch the picture
	Print  Print  `json:"-"`      // of the masked picture
}

// MaskImage reads a JPEG or PNG and writes it in the same format with its boxes
// masked, upright and without metadata. Of an animated PNG the first picture
// remains. A file that cannot be read is a Contract error, one that is too large
// a Quota error.
func MaskImage(dst io.Writer, src io.Reader, style Style, boxes []Box) (ImageInfo, error) {
	if style != Blur && style != Pixelate && style != Fill {
		return ImageInfo{}, contract(fmt.Sprintf("%q is no style: use blur, pixelate or fill", style), fmt.Sprintf("%q 不是合法样式：请用 blur、pixelate 或 fill", style))
	}
	if len(boxes) > MaxBoxes {
		return ImageInfo{}, quota(fmt.Sprintf("more than %d boxes", MaxBoxes), fmt.Sprintf("框超过 %d 个", MaxBoxes))
	}
	data, err := readAll(src)
	if err != nil {
		return ImageInfo{}, err
	}
	c, format, err := image.DecodeConfig(bytes.NewReader(data))
	if err != nil || format != "jpeg" && format != "png" {
		return ImageInfo{}, contract("it is neither a JPEG nor a PNG that can be read", "不是可读取的 JPEG 或 PNG 图片").
			WithHint(aihub.Text{EN: "save it as PNG or JPEG first, in a viewer or with: magick IN OUT.png", ZH: "请先另存为 PNG 或 JPEG，可用看图软件，或 magick 输入 输出.png"})
	}
	if c.Width < 1 || c.Height < 1 || c.Width > MaxPixels/c.Height {
		return ImageInfo{}, quota(fmt.Sprintf("the picture has %d × %d pixels; at most %d are read", c.Width, c.Height, MaxPixels), fmt.Sprintf("图片为 %d × %d 像素，最多读取 %d", c.Width, c.Height, MaxPixels))
	}
	im, err := decode(data)
	if err != nil {
		return ImageInfo{}, contract("the picture is damaged: "+err.Error(), "图片已损坏："+err.Error())
	}
	p := image.NewNRGBA(image.Rect(0, 0, im.Bounds().Dx(), im.Bounds().Dy()))
	draw.Draw(p, p.Rect, im, im.Bounds().Min, draw.Src)
	if format == "jpeg" {
		p = upright(p, orientation(data))
	}
	info := ImageInfo{Format: format, Width: p.Rect.Dx(), Height: p.Rect.Dy()}
	for _, b := range boxes {
		if r := b.in(p.Rect); !r.Empty() {
			hide(p, r, style)
			info.Masked++
		}
	}
	info.Print = printOf(p)
	if format == "png" {
		return info, png.Encode(dst, p)
	}
	return info, jpeg.Encode(dst, p, &jpeg.Options{Quality: 90})
}

// Touches is whether some of b is in a picture of this size.
func (b Box) Touches(width, height int) bool { return !b.in(image.Rect(0, 0, width, height)).Empty() }

// in is the part of b inside of r, computed so that no sum overflows.
func (b Box) in(r image.Rectangle) image.Rectangle {
	if b.W <= 0 || b.H <= 0 || b.X >= r.Max.X || b.Y >= r.Max.Y {
		return image.Rectangle{}
	}
	end := func(at, size, most int) int {
		if at < 0 {
			if size <= -at || at < -1<<40 {
				return 0
			}
			return min(size+at, most)
		}
		return at + min(size, most-at)
	}
	return image.Rect(max(b.X, 0), max(b.Y, 0), end(b.X, b.W, r.Max.X), end(b.Y, b.H, r.Max.Y))
}

// decode turns a panic of a decoder into an error.
func decode(data []byte) (im image.Image, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	im, _, err = image.Decode(bytes.NewReader(data))
	return im, err
}

func readAll(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxBytes+1))
	if err == nil && len(data) > MaxBytes {
		return nil, quota(fmt.Sprintf("the file is larger than %d MiB", MaxBytes>>20), fmt.Sprintf("文件超过 %d MiB", MaxBytes>>20))
	}
	return data, err
}

func contract(en, zh string) *aihub.Error {
	return aihub.Errorf(aihub.Contract, aihub.Text{EN: en, ZH: zh})
}
func quota(en, zh string) error { return aihub.Errorf(aihub.Quota, aihub.Text{EN: en, ZH: zh}) }

// hide masks r of p.
func hide(p *image.NRGBA, r image.Rectangle, style Style) {
	if style == Fill {
		draw.Draw(p, r, image.NewUniform(color.NRGBA{0x80, 0x80, 0x80, 0xff}), image.Point{}, draw.Src)
		return
	}
	nx, ny := min(cells, r.Dx()), min(cells, r.Dy())
	var mean [cells][cells][4]int
	for cy := range ny {
		for cx := range nx {
			var sum [4]int
			n := 0
			for y := r.Min.Y + cy*r.Dy()/ny; y < r.Min.Y+(cy+1)*r.Dy()/ny; y++ {
				for x := r.Min.X + cx*r.Dx()/nx; x < r.Min.X+(cx+1)*r.Dx()/nx; x++ {
					for k, v := range p.Pix[p.PixOffset(x, y):][:4] {
						sum[k] += int(v)
					}
					n++
				}
			}
			for k := range sum {
				mean[cy][cx][k] = sum[k] / n
			}
		}
	}
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			px := p.Pix[p.PixOffset(x, y):][:4]
			if style == Pixelate {
				m := mean[(y-r.Min.Y)*ny/r.Dy()][(x-r.Min.X)*nx/r.Dx()]
				for k := range px {
					px[k] = uint8(m[k])
				}
				continue
			}
			// Between the middles of the four cells around, in 256ths.
			x0, x1, fx := between(x-r.Min.X, r.Dx(), nx)
			y0, y1, fy := between(y-r.Min.Y, r.Dy(), ny)
			for k := range px {
				top := mean[y0][x0][k]*(256-fx) + mean[y0][x1][k]*fx
				low := mean[y1][x0][k]*(256-fx) + mean[y1][x1][k]*fx
				px[k] = uint8((top*(256-fy) + low*fy) >> 16)
			}
		}
	}
}

// between returns the cells around pixel i of size, and how far it is from the
// middle of the first to that of the second.
func between(i, size, n int) (a, b, f int) {
	at := (2*i+1)*n*128/size - 128 // 256 a cell
	at = min(max(at, 0), (n-1)*256)
	a = at >> 8
	return a, min(a+1, n-1), at & 255
}

// upright turns p as the EXIF orientation says: 2 to 8.
func upright(p *image.NRGBA, o int) *image.NRGBA {
	if o < 2 || o > 8 {
		return p
	}
	w, h := p.Rect.Dx(), p.Rect.Dy()
	ow, oh := w, h
	if o >= 5 {
		ow, oh = h, w
	}
	out := image.NewNRGBA(image.Rect(0, 0, ow, oh))
	for y := range oh {
		for x := range ow {
			sx, sy := x, y
			switch o {
			case 2:
				sx = w - 1 - x
			case 3:
				sx, sy = w-1-x, h-1-y
			case 4:
				sy = h - 1 - y
			case 5:
				sx, sy = y, x
			case 6:
				sx, sy = y, h-1-x
			case 7:
				sx, sy = w-1-y, h-1-x
			case 8:
				sx, sy = w-1-y, x
			}
			copy(out.Pix[out.PixOffset(x, y):][:4], p.Pix[p.PixOffset(sx, sy):][:4])
		}
	}
	return out
}
