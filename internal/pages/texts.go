package pages

// Texts makes the New of a mapped column from a function over texts: the i-th of
// src becomes the i-th of dst; bad are the indices of values that have no image.
// They become null, and count, which may be nil, is told how many there were.
// The function must be safe for concurrent use, and may keep nothing of src.
func Texts(f func(dst, src [][]byte) (bad []int), count func(bad int)) func() MapFunc {
	return func() MapFunc {
		var dst, src [stretch][]byte
		return func(in *Values, out *Builder) error {
			for from := 0; from < in.Len(); from += stretch {
				n := min(stretch, in.Len()-from)
				for i := range n {
					src[i] = in.Bytes(from + i)
				}
				bad := f(dst[:n], src[:n])
				if len(bad) > 0 && count != nil {
					count(len(bad))
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
