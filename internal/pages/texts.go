package pages

// Texts makes the New of a mapped column from a function over texts: the i-th of
// src becomes the i-th of dst; bad are the indices of values that have no image.
// They become null, and count, which may be nil, is told how many there were.
// The function must be safe for concurrent use, and may keep nothing of src.
func Texts(f func(dst, src [][]byte) (bad []int), count func(bad int)) func() MapFunc {
	return TextsOrFail(f, func(_ [][]byte, bad []int) error {
		if len(bad) > 0 && count != nil {
			count(len(bad))
		}
		return nil
	})
}

// TextsOrFail is Texts with a check of what has no image: an error of it ends
// the work. It may keep nothing of src.
func TextsOrFail(f func(dst, src [][]byte) (bad []int), check func(src [][]byte, bad []int) error) func() MapFunc {
	return func() MapFunc {
		var dst, src [stretch][]byte
		return func(in *Values, out *Builder) error {
			for from := 0; from < in.Len(); from += stretch {
				n := min(stretch, in.Len()-from)
				for i := range n {
					src[i] = in.Bytes(from + i)
				}
				bad := f(dst[:n], src[:n])
				if err := check(src[:n], bad); err != nil {
					return err
				}
				if len(bad) == 0 {
					out.all(dst[:n])
					continue
				}
				k := 0
				for i, v := range dst[:n] {
					if k < len(bad) && bad[k] == i {
						k++
						out.Null()
						continue
					}
					out.Bytes(v)
				}
			}
			return nil
		}
	}
}

// stretch is how many values a function over texts gets at once.
const stretch = 1024
