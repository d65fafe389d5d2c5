package intake

import (
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"strconv"
	"strings"

	"aihub"
	"aihub/evaluator/metric/vision"
	"aihub/scenarios"
)

// A cell of pixels is "height width" and then the runs of equal classes, row by
// row from the top: "2 3 0*4 1*2".
var pixels = Kind{
	Truth: bounded(func(s string) *aihub.Text { _, _, bad := readPixels(s); return bad }), Predicted: bounded(func(s string) *aihub.Text { _, _, bad := readPixels(s); return bad }),
	Unit: func(_, t, p string) any {
		truth, size, _ := readPixels(t)
		pred, other, _ := readPixels(p)
		if size != other { // an image of another size answers nothing
			pred = make([]int32, len(truth))
			for i := range pred {
				pred[i] = -1
			}
		}
		return &vision.Labelled{Truth: truth, Pred: pred}
	},
	Answer: same, Empty: scenarios.NeedsPixels.EmptyCell(),
}

// A cell of shapes is one of pixels, which are as far from each other as they are wide.
var shapes = Kind{
	Truth: bounded(func(s string) *aihub.Text {
		_, size, bad := readPixels(s)
		if bad == nil && size[0]*size[1] == 0 {
			return say("the image has no pixel", "图像没有像素")
		}
		return bad
	}),
	Predicted: pixels.Predicted,
	Unit: func(key, t, p string) any {
		_, size, _ := readPixels(t)
		u := pixels.Unit(key, t, p).(*vision.Labelled)
		return &vision.Shape{Truth: u.Truth, Pred: u.Pred, Size: [3]int{1, size[0], size[1]}}
	},
	Answer: same, Empty: scenarios.NeedsShapes.EmptyCell(),
}

// MaxPixels bounds an image, and maxClass its classes.
const (
	MaxPixels = 1 << 24
	maxClass  = 65535
)

func readPixels(s string) (out []int32, size [2]int, bad *aihub.Text) {
	bad = say("expected height, width and runs class*length that fill the image, as in 2 3 0*4 1*2", "应为 高 宽 及填满图像的游程 类别*长度，例如 2 3 0*4 1*2")
	w := strings.Fields(s)
	if len(w) < 2 {
		return nil, size, bad
	}
	for i := range size {
		n, err := strconv.Atoi(w[i])
		if err != nil || n < 0 || n > MaxPixels {
			return nil, size, bad
		}
		size[i] = n
	}
	if size[1] > 0 && size[0] > MaxPixels/size[1] {
		return nil, size, say(fmt.Sprintf("an image has at most %d pixels", MaxPixels), fmt.Sprintf("图像最多 %d 个像素", MaxPixels))
	}
	total := size[0] * size[1]
	out = make([]int32, 0, total)
	for _, r := range w[2:] {
		c, n, _ := strings.Cut(r, "*")
		class, err := strconv.Atoi(c)
		length, err2 := strconv.Atoi(n)
		if err != nil || err2 != nil || class < 0 || class > maxClass || length < 1 || length > total-len(out) {
			return nil, size, bad
		}
		for range length {
			out = append(out, int32(class))
		}
	}
	if len(out) != total {
		return nil, size, bad
	}
	return out, size, nil
}

// maskCell reads a PNG whose pixels are classes: of a palette the index, of grey
// the level.
func maskCell(r io.Reader, head func() (image.Config, error)) (string, *aihub.Text) {
	cfg, err := head()
	if err != nil {
		return "", say("not a PNG image", "不是 PNG 图像")
	}
	if cfg.Width < 1 || cfg.Height < 1 || cfg.Height > MaxPixels/cfg.Width {
		return "", say(fmt.Sprintf("an image has at most %d pixels", MaxPixels), fmt.Sprintf("图像最多 %d 个像素", MaxPixels))
	}
	im, err := png.Decode(r)
	if err != nil {
		return "", say("the PNG image is damaged", "PNG 图像已损坏")
	}
	var at func(x, y int) int
	switch m := im.(type) {
	case *image.Paletted:
		at = func(x, y int) int { return int(m.ColorIndexAt(x, y)) }
	case *image.Gray:
		at = func(x, y int) int { return int(m.GrayAt(x, y).Y) }
	case *image.Gray16:
		at = func(x, y int) int { return int(m.Gray16At(x, y).Y) }
	default:
		return "", say("a mask is a PNG of grey levels or with a palette, without transparency", "掩码须为灰度或调色板 PNG，不含透明度")
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d %d", cfg.Height, cfg.Width)
	last, run := -1, 0
	flush := func() {
		if run > 0 {
			fmt.Fprintf(&b, " %d*%d", last, run)
		}
	}
	box := im.Bounds()
	for y := box.Min.Y; y < box.Max.Y; y++ {
		for x := box.Min.X; x < box.Max.X; x++ {
			if c := at(x, y); c != last {
				flush()
				last, run = c, 0
			}
			run++
		}
	}
	flush()
	return b.String(), nil
}

// writeMask is the PNG of a cell: of grey levels, 16 bits when a class asks for it.
func writeMask(w io.Writer, cell string) error {
	list, size, bad := readPixels(cell)
	if bad != nil || len(list) == 0 {
		return fmt.Errorf("intake: this cell is no image")
	}
	box := image.Rect(0, 0, size[1], size[0])
	wide := image.NewGray16(box)
	small, fits := image.NewGray(box), true
	for i, c := range list {
		x, y := i%size[1], i/size[1]
		wide.SetGray16(x, y, color.Gray16{Y: uint16(c)})
		small.SetGray(x, y, color.Gray{Y: uint8(c)})
		fits = fits && c < 256
	}
	if fits {
		return png.Encode(w, small)
	}
	return png.Encode(w, wide)
}
