package pages

// TextFunc makes texts of texts: it appends what becomes of each of src to data,
// one behind the other, and where each ends in data to ends. bad are the indices
// of values that have no image, in ascending order; for them nothing is appended
// to data. It must be safe for concurrent use, and may keep nothing of src.
type TextFunc func(data []byte, ends []uint32, src [][]byte) (d []byte, e []uint32, bad []int)

// Texts makes the New of a mapped column from a function over texts. What has no
// image becomes null; count, which may be nil, is told how many there were.
func Texts(f TextFunc, count func(bad int)) func() MapFunc {
	return TextsOrFail(f, func(_ [][]byte, bad []int) error {
		if len(bad) > 0 && count != nil {
			count(len(bad))
		}
		return nil
	})
}

// TextsOrFail is Texts with a check of what has no image: an error of it ends
// the work. It may keep nothing of src.
func TextsOrFail(f TextFunc, check func(src [][]byte, bad []int) error) func() MapFunc {
	return func() MapFunc {
		return stretches(func(out *Builder, src [][]byte) error {
			bad, err := out.texts(f, src)
			if err != nil {
				return err
			}
			return check(src, bad)
		})
	}
}

// AlikeFunc is a TextFunc whose results are mostly alike: it appends to data and ends
// those that are not there yet, and to refs, for each of src that is not bad, which of
// the texts it becomes, from 0. With fresh, none is there. It serves one goroutine.
type AlikeFunc = func(fresh bool, data []byte, ends, refs []uint32, src [][]byte) (d []byte, e, r []uint32, bad []int)

// AlikeOrFail makes the Alike of a mapped column, with the check of TextsOrFail.
func AlikeOrFail(f func() AlikeFunc, check func(src [][]byte, bad []int) error) func() MapFunc {
	return func() MapFunc {
		f := f()
		return stretches(func(out *Builder, src [][]byte) error {
			bad, err := out.alike(f, src)
			if err != nil {
				return err
			}
			return check(src, bad)
		})
	}
}

// stretches makes a MapFunc of a function over some texts.
func stretches(f func(out *Builder, src [][]byte) error) MapFunc {
	src := make([][]byte, stretch)
	return func(in *Values, out *Builder) error {
		for from := 0; from < in.Len(); from += stretch {
			n := min(stretch, in.Len()-from)
			in.texts(src[:n], from)
			if err := f(out, src[:n]); err != nil {
				return err
			}
		}
		return nil
	}
}

// stretch is how many values a function over texts gets at once.
const stretch = 1024
