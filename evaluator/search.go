package evaluator

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"unicode/utf8"

	"aihub"
	"aihub/internal/blob"
	"aihub/internal/table"
	"aihub/policies/sharing"
)

// maxKeys is how many keys of one part are looked for; of a larger part every
// n-th is.
const maxKeys = 200_000

// Searcher looks for the keys of rows in files that would leave.
type Searcher struct {
	Blobs blob.Store
	Dir   string // for parts under way

	mu sync.Mutex // one at a time: keys take memory
}

// Outgoing is a file that would leave.
type Outgoing struct {
	Path string
	Data []byte
}

// Search looks in files for the keys (a column) of v's rows that are not public,
// and for the ids under which a run with the row key saw those of the train part.
func (s *Searcher) Search(ctx context.Context, v aihub.DatasetVersion, column string, rowKey []byte, files []Outgoing) (aihub.Search, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := aihub.Search{Found: []aihub.Found{}}
	cut := map[string]bool{} // files that were not searched to the end
	for _, f := range v.Parts {
		if f.Part == aihub.Sample {
			continue
		}
		keys, rows, err := s.keys(ctx, column, f)
		if err != nil {
			return out, fmt.Errorf("searching what would leave for part %s of %s: %w", f.Part, v.Ref, err)
		}
		what := aihub.FoundHidden
		if f.Part == aihub.Train {
			what = aihub.FoundRow
			for _, key := range keys[:len(keys):len(keys)] {
				keys = append(keys, table.RowID(rowKey, key))
			}
			rows *= 2
		}
		canaries, n := sharing.NewCanaries(keys)
		out.Keys, out.Of = out.Keys+int64(n), out.Of+rows
		for _, file := range files {
			if err := ctx.Err(); err != nil {
				return out, err
			}
			found, whole := canaries.Find(file.Data, aihub.SearchUpTo)
			if !whole {
				cut[file.Path] = true
			}
			if len(found) > 0 {
				out.Found = append(out.Found, aihub.Found{Path: file.Path, What: what, Count: len(found)})
			}
		}
	}
	for _, file := range files {
		if cut[file.Path] {
			out.Found = append(out.Found, aihub.Found{Path: file.Path, What: aihub.FoundMore, Count: 1})
		}
		if !utf8.Valid(file.Data) || bytes.IndexByte(file.Data, 0) >= 0 {
			out.Found = append(out.Found, aihub.Found{Path: file.Path, What: aihub.FoundBinary, Count: 1})
		}
	}
	return out, nil
}

// keys reads the keys of a part, and says how many rows it has.
func (s *Searcher) keys(ctx context.Context, column string, f aihub.PartFile) (keys []string, rows int64, err error) {
	dir, err := os.MkdirTemp(s.Dir, "search-*")
	if err != nil {
		return nil, 0, err
	}
	defer os.RemoveAll(dir)
	name := filepath.Join(dir, "part.parquet")
	if err := blob.Fetch(ctx, s.Blobs, f.Input, name); err != nil {
		return nil, 0, err
	}
	r, err := table.OpenParquet(name, []string{column})
	if err != nil {
		return nil, 0, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	step := max(1, (f.Rows+maxKeys-1)/maxKeys)
	for {
		b, err := r.Next()
		if errors.Is(err, io.EOF) {
			return keys, rows, nil
		}
		if err != nil {
			return nil, 0, err
		}
		for i := range b.Rows {
			if key, ok := b.Cols[0].Text(i); ok && rows%step == 0 {
				keys = append(keys, strings.Clone(key)) // the batch goes
			}
			rows++
		}
	}
}
