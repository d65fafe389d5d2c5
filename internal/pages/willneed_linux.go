package pages

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// willNeed says that a range of a file will be read. Columns are read in turns, a
// little of each, which the kernel takes for reads here and there, and reads no more
// than asked for.
func willNeed(r io.ReaderAt, s span) {
	if f, ok := r.(*os.File); ok {
		_ = unix.Fadvise(int(f.Fd()), s.off, s.n, unix.FADV_WILLNEED) // it only helps
	}
}
