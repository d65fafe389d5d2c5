package gvisor

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"aihub/sandbox/gvisor/erofs"
	"aihub/sandbox/gvisor/stage"
)

// packMost is the largest input and model, in bytes together, that are packed into
// images: it is a second copy, which costs as long as reading once.
const packMost = 1 << 30

// pack makes images of the directories of o in dir and puts them in their place,
// if they hold plain files alone and are not too large.
func pack(ctx context.Context, o *stage.Order, dir string) error {
	from := []*string{&o.Input}
	if o.Model != "" {
		from = append(from, &o.Model)
	}
	var total int64
	for _, p := range from {
		n, err := erofs.Size(*p)
		if errors.Is(err, erofs.ErrKind) {
			return nil
		}
		if err != nil {
			return err
		}
		total += n
	}
	if total > packMost {
		return nil
	}
	for i, p := range from {
		image := filepath.Join(dir, []string{"input", "model"}[i]+".erofs")
		if err := write(ctx, image, *p); err != nil {
			return err
		}
		*p = image
	}
	o.Images = true
	return nil
}

func write(ctx context.Context, image, dir string) error {
	f, err := os.OpenFile(image, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(erofs.Write(ctx, f, dir), f.Close())
}
