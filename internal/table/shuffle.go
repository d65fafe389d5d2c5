package table

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"aihub"
)

// RowID names a row in one run, by 32 lower-case hex digits: a block of AES-128, or
// the first 16 bytes of HMAC-SHA256(rowKey, key) where the key or the row key asks for
// that (see cipherText). Ids of two runs cannot be linked without the row keys, and
// sort in random order.
func RowID(rowKey []byte, key string) string {
	id := rowID(rowKey, key)
	return hex.EncodeToString(id[:])
}

func rowID(rowKey []byte, key string) (id [16]byte) {
	c, rowKey := rowCipher(rowKey)
	if b, ok := rowBlock(key); ok && c != nil {
		c.Encrypt(id[:], b[:])
		return id
	}
	m := hmac.New(sha256.New, rowKey)
	io.WriteString(m, key)
	copy(id[:], m.Sum(nil))
	return id
}

// RowIDs is RowID for many keys, without its cost for each: it appends the id of
// a key to dst. It is not safe for concurrent use. A RowNamer names several at once.
func RowIDs(rowKey []byte) func(dst []byte, key string) []byte {
	n, id := NewRowNamer(rowKey), make([]RowName, 1)
	return func(dst []byte, key string) []byte {
		n.Names(id, func(dst []byte, _ int) []byte { return append(dst, key...) })
		return id[0].Append(dst)
	}
}

// RowPath is the path, below the input, of the file that belongs to the row with
// this key or id; ext begins with a dot.
func RowPath(key, ext string) string { return "files/" + key + ext }

// rowPath is a value of the row with this key as it is under the id: the path of
// its file is named by it.
func rowPath(v, key string, id [16]byte) string {
	rest, ok := strings.CutPrefix(v, RowPath(key, ""))
	if ok && strings.HasPrefix(rest, ".") && len(key) > 0 && !strings.Contains(rest, "/") {
		return RowPath(hex.EncodeToString(id[:]), rest)
	}
	return v
}

// NewWriter returns the writer of a file format: parquet, arrow (an IPC stream),
// csv or jsonl.
func NewWriter(w io.Writer, format string, schema []Field) (Writer, error) {
	switch format {
	case "parquet":
		return NewParquetWriter(w, schema)
	case "arrow":
		return NewArrowWriter(w, schema)
	case "csv":
		return NewCSVWriter(w, schema), nil
	case "jsonl":
		return NewJSONLWriter(w, schema), nil
	}
	return nil, aihub.Errorf(aihub.Invalid, aihub.Text{
		EN: fmt.Sprintf("%q is not a file format: use parquet, csv or jsonl", clip(format)),
		ZH: fmt.Sprintf("%q 不是文件格式：请用 parquet、csv 或 jsonl", clip(format)),
	})
}

// shuffleBytes is how much of a file Shuffle holds in memory, more or less: a
// larger one is read once for every such share of it.
var shuffleBytes = int64(256 << 20)

// Shuffle writes the input of a run to the new file dst: the rows of the
// Parquet file src with the key column first, always a string, each key
// replaced by its RowID, then columns in their order; rows are sorted by id,
// which is a random order that differs from run to run. The path of a row's file,
// RowPath of its key, becomes that of its id. A key that is null or
// used twice is a Contract error. When it fails, nothing is left at dst.
//
// It holds the ids of all rows (32 bytes a row) and about 256 MiB of values:
// the file is read again for every further 256 MiB, each reading keeping the
// rows of one range of ids.
func Shuffle(ctx context.Context, src, dst, format, keyColumn string, columns []string, rowKey []byte) (err error) {
	if slices.Contains(columns, keyColumn) {
		return fmt.Errorf("table: shuffle: the key column %q is also listed as a column", keyColumn)
	}
	ids, err := shuffleIDs(ctx, src, keyColumn, rowKey)
	if err != nil {
		return err
	}
	passes, err := shufflePasses(src)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(dst, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return fmt.Errorf("shuffle: %w", err)
	}
	defer func() {
		if cerr := f.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			os.Remove(dst)
		}
	}()
	var w Writer
	for p := range passes {
		b, order, err := shuffleRange(ctx, src, keyColumn, columns, ids, uint64(p), uint64(passes))
		if err != nil {
			return err
		}
		if w == nil {
			if w, err = NewWriter(f, format, b.Schema()); err != nil {
				return err
			}
		}
		if err := writeOrder(w, b, order); err != nil {
			return fmt.Errorf("shuffle %s: %w", filepath.Base(dst), err)
		}
	}
	return w.Close()
}

// shuffleIDs returns the id of every row of src.
func shuffleIDs(ctx context.Context, src, keyColumn string, rowKey []byte) ([][16]byte, error) {
	r, err := OpenParquet(src, []string{keyColumn})
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var ids [][16]byte
	n, names := NewRowNamer(rowKey), []RowName(nil)
	for {
		b, err := r.Next()
		if err == io.EOF {
			return ids, checkUnique(ids)
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, err
		}
		names = slices.Grow(names[:0], b.Rows)[:b.Rows]
		none := -1
		n.Names(names, func(dst []byte, i int) []byte {
			key, ok := b.Cols[0].Text(i)
			if !ok && none < 0 {
				none = i
			}
			return append(dst, key...)
		})
		if none >= 0 {
			return nil, aihub.Errorf(aihub.Contract, aihub.Text{
				EN: fmt.Sprintf("row %d of the part has no key", len(ids)+none+1),
				ZH: fmt.Sprintf("数据分区第 %d 行没有主键", len(ids)+none+1)})
		}
		for _, v := range names {
			ids = append(ids, v.Bytes())
		}
	}
}

func checkUnique(ids [][16]byte) error {
	sorted := slices.Clone(ids)
	slices.SortFunc(sorted, func(a, b [16]byte) int { return bytes.Compare(a[:], b[:]) })
	if n := len(sorted) - len(slices.Compact(sorted)); n > 0 {
		return aihub.Errorf(aihub.Contract, aihub.Text{
			EN: fmt.Sprintf("%d rows of the part repeat a key", n),
			ZH: fmt.Sprintf("数据分区有 %d 行主键重复", n)})
	}
	return nil
}

// shufflePasses returns how often src must be read.
func shufflePasses(src string) (int, error) {
	r, err := OpenParquet(src, nil)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	var size int64
	for _, g := range r.(*parquetReader).pf.MetaData().RowGroups {
		size += g.GetTotalByteSize()
	}
	return int(max(size, 0)/shuffleBytes) + 1, nil
}

// shuffleRange reads the rows whose ids are in the p-th of n equal ranges, and
// returns them with their order by id. The key column holds ids already.
func shuffleRange(ctx context.Context, src, keyColumn string, columns []string, ids [][16]byte, p, n uint64) (*Batch, []int, error) {
	r, err := OpenParquet(src, append([]string{keyColumn}, columns...))
	if err != nil {
		return nil, nil, err
	}
	defer r.Close()
	schema := slices.Clone(r.Schema())
	schema[0].Type = String
	all := NewBatch(schema, 0)
	var mine [][16]byte
	for row := 0; ; {
		b, err := r.Next()
		if err == io.EOF {
			break
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, nil, err
		}
		for i := range b.Rows {
			id := ids[row]
			row++
			if n > 1 && binary.BigEndian.Uint64(id[:])/(^uint64(0)/n+1) != p {
				continue
			}
			all.Cols[0].AppendStr(hex.EncodeToString(id[:]))
			key, _ := b.Cols[0].Text(i)
			for k := 1; k < len(all.Cols); k++ {
				if c := &b.Cols[k]; c.Type == String && !c.Null(i) {
					all.Cols[k].AppendStr(rowPath(c.Str[i], key, id))
				} else {
					all.Cols[k].AppendFrom(c, i)
				}
			}
			all.Rows++
			mine = append(mine, id)
		}
	}
	order := make([]int, all.Rows)
	for i := range order {
		order[i] = i
	}
	sort.Slice(order, func(i, j int) bool { return bytes.Compare(mine[order[i]][:], mine[order[j]][:]) < 0 })
	return all, order, nil
}

// writeOrder writes the rows of b in the given order.
func writeOrder(w Writer, b *Batch, order []int) error {
	out := NewBatch(b.Schema(), batchRows)
	for _, i := range order {
		if out.AppendRow(b, i); out.Rows == batchRows {
			if err := w.Write(out); err != nil {
				return err
			}
			out.Reset()
		}
	}
	return w.Write(out)
}
