package vision

import (
	"cmp"
	"slices"
	"strings"
)

// imageOrder numbers images as they come, and knows the order they stand in.
type imageOrder struct{ images []imageID }

type imageID struct {
	id   int64
	name string
}

// add returns the number of an image.
func (o *imageOrder) add(im *Image) int32 {
	o.images = append(o.images, imageID{im.ID, im.Name})
	return int32(len(o.images) - 1)
}

// merge takes the images of x, and returns the number of the first.
func (o *imageOrder) merge(x *imageOrder) (first int32) {
	first = int32(len(o.images))
	o.images = append(o.images, x.images...)
	return first
}

// ranks is the place of each image, by its number.
func (o *imageOrder) ranks() []int32 {
	order := make([]int32, len(o.images))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(i, j int32) int {
		a, b := o.images[i], o.images[j]
		return cmp.Or(cmp.Compare(a.id, b.id), strings.Compare(a.name, b.name))
	})
	rank := make([]int32, len(order))
	for place, i := range order {
		rank[i] = int32(place)
	}
	return rank
}
