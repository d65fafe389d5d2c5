package archive

import (
	"fmt"
	"io"
	"os"
	"slices"
)

// Index is an archive in a file, whose files are read in any order. Close it.
type Index struct {
	f  *os.File
	at map[string]extent
}

type extent struct{ from, size int64 }

// Open reads the names of the archive at path, and checks it as Each does.
func Open(path string) (_ *Index, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	x := &Index{f: f, at: map[string]extent{}}
	err = Each(f, func(name string, size int64, _ io.Reader) error {
		from, err := f.Seek(0, io.SeekCurrent) // a tar reader does not read ahead
		if err == nil && from > st.Size()-size {
			err = damaged(fmt.Sprintf("%q is cut short", clip(name)), fmt.Sprintf("%q 不完整", clip(name)))
		}
		x.at[name] = extent{from, size}
		return err
	})
	return x, err
}

// Names are the names of the files, sorted.
func (x *Index) Names() []string {
	out := make([]string, 0, len(x.at))
	for n := range x.at {
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}

// Get returns a file's bytes and their number, or false. It is safe for
// concurrent use.
func (x *Index) Get(name string) (*io.SectionReader, bool) {
	e, ok := x.at[name]
	return io.NewSectionReader(x.f, e.from, e.size), ok
}

// Close closes the archive.
func (x *Index) Close() error { return x.f.Close() }
