package main

import "aihub/evaluator/metric/vision"

type aShape struct {
	Size        [3]int
	Spacing     [3]float64
	Truth, Pred []int32
}

type shapeCase struct{ Shapes []aShape }

func shapes(c *shapeCase) (out []*vision.Shape) {
	for _, s := range c.Shapes {
		out = append(out, &vision.Shape{Truth: s.Truth, Pred: s.Pred, Size: s.Size, Spacing: s.Spacing})
	}
	return out
}

type aPicture struct {
	H, W, Channels int
	Truth, Pred    []float64
}

type pictureCase struct{ Pictures []aPicture }

func pictures(c *pictureCase) (out []*vision.Picture) {
	for _, s := range c.Pictures {
		out = append(out, &vision.Picture{H: s.H, W: s.W, Channels: s.Channels, Truth: s.Truth, Pred: s.Pred})
	}
	return out
}
