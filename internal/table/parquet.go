package table

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/schema"

	"aihub"
)

// OpenParquet reads columns (all when nil, else in that order) of the Parquet
// file at path, a batch at a time, one page of each column in memory. Integers
// of any width are Int64, floats and decimals Float64 (a decimal without
// fraction Int64), instants of any unit Timestamp (nanoseconds are cut),
// dictionaries what they hold; a struct gives the columns a.b, null where any of
// it is. Lists, maps, times of day, raw binary and encryption are Contract errors
// that name the column; so is a file that is damaged or too large for the
// reader's bounds (guard.go), and a panic below.
func OpenParquet(path string, columns []string) (r Reader, err error) {
	return openParquet(path, columns, nil)
}

// openParquet is OpenParquet; see Options for unread.
func openParquet(path string, columns []string, unread func(string) bool) (r Reader, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open parquet: %w", err)
	}
	defer func() {
		if p := recover(); p != nil {
			r, err = nil, damaged("footer", fmt.Errorf("panic: %v", p))
		}
		if err != nil {
			f.Close()
		}
	}()
	if err := checkFooter(f); err != nil {
		return nil, err
	}
	mem := &budget{mem: memory.NewGoAllocator()}
	props := parquet.NewReaderProperties(mem)
	props.BufferedStreamEnabled = true // read pages, not whole chunks
	props.MaxCompressedPageSize = maxPage
	props.MaxUncompressedPageSize = maxPage
	pf, err := file.NewParquetReader(f, file.WithReadProps(props))
	if err != nil {
		return nil, damaged("footer", err)
	}
	p := &parquetReader{f: f, pf: pf, group: -1, mem: mem}
	if err := p.plan(columns, unread); err != nil {
		return nil, err
	}
	p.ring = newRing(p.Schema())
	return p, nil
}

// IsParquet reports whether the file at path begins as Parquet does.
func IsParquet(path string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	var magic [4]byte
	if _, err := io.ReadFull(f, magic[:]); err != nil {
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			err = nil
		}
		return false, err
	}
	return string(magic[:]) == "PAR1" || string(magic[:]) == "PARE", nil
}

type parquetReader struct {
	f     *os.File
	pf    *file.Reader
	cols  []leafReader
	group int   // row group being read; -1 before the first
	left  int64 // rows of it still to read
	ring  ring
	mem   *budget
	dicts int   // see guard
	err   error // what ended the reading
}

// plan picks the leaves to read and how.
func (p *parquetReader) plan(columns []string, unread func(string) bool) error {
	sc := p.pf.MetaData().Schema
	var leaves []leafReader
	for i := range sc.Root().NumFields() {
		flatten(sc, sc.Root().Field(i), sc.Root().Field(i).Name(), 1, &leaves)
	}
	if n := len(leaves); n > maxColumns {
		return tooLarge("schema", fmt.Sprintf("more than %d columns", maxColumns), fmt.Sprintf("超过 %d 列", maxColumns))
	}
	var fs faults
	byName := map[string]int{}
	for i, l := range leaves {
		name := l.field.Name
		if _, twice := byName[name]; twice || name == "" || len(name) > maxName || !utf8.ValidString(name) {
			fs.add("column_name", fmt.Sprintf("column %d", i+1), aihub.Text{
				EN: fmt.Sprintf("the name %q is empty, too long, not UTF-8 or used twice", clip(name)),
				ZH: fmt.Sprintf("列名 %q 为空、过长、不是 UTF-8 或重复", clip(name))})
		}
		byName[name] = i
	}
	want := columns
	if want == nil {
		for _, l := range leaves {
			want = append(want, l.field.Name)
		}
	}
	for i, name := range want {
		k, ok := byName[name]
		if !ok || slices.Contains(want[:i], name) {
			fs.add("missing_column", "", aihub.Text{EN: fmt.Sprintf("there is no column %q", clip(name)), ZH: fmt.Sprintf("缺少列 %q", clip(name))})
			continue
		}
		l := leaves[k]
		skip := false // only asked of columns that need it, see Options
		if l.err != nil {
			skip = unread != nil && unread(name)
		} else if unread != nil && l.descr.PhysicalType() == parquet.Types.ByteArray && l.field.Type == String {
			switch l.descr.LogicalType().(type) {
			case schema.StringLogicalType, schema.EnumLogicalType, schema.JSONLogicalType:
			default:
				if skip = unread(name); skip {
					l.err = errors.New("it may be text or not")
				}
			}
		}
		if l.err != nil && !skip {
			fs.add("unsupported_column", "column "+clip(name), aihub.Text{
				EN: "cannot be read as a column of a flat table: " + l.err.Error(),
				ZH: "无法作为平面表的列读取：" + l.err.Error()})
			continue
		}
		p.cols = append(p.cols, l)
	}
	return fs.err(aihub.Text{EN: "the Parquet file breaks its contract", ZH: "Parquet 文件不符合约定"}, flatHint)
}

func (p *parquetReader) Schema() []Field {
	fs := make([]Field, len(p.cols))
	for i := range p.cols {
		fs[i] = p.cols[i].field
	}
	return fs
}

// Rows implements Counted.
func (p *parquetReader) Rows() int64 { return max(0, p.pf.NumRows()) }

func (p *parquetReader) Next() (b *Batch, err error) {
	if p.err != nil {
		return nil, p.err
	}
	defer func() {
		if r := recover(); r != nil {
			err = damaged(fmt.Sprintf("row group %d", p.group+1), fmt.Errorf("panic: %v", r))
		}
		if err != nil {
			b, p.err = nil, err
		}
	}()
	for p.left == 0 {
		if p.group++; p.group >= p.pf.NumRowGroups() {
			return nil, io.EOF
		}
		if err := p.openGroup(); err != nil {
			return nil, err
		}
	}
	n := int(min(p.left, batchRows))
	out := p.ring.next()
	room := maxBatch
	for i := range p.cols {
		l := &p.cols[i]
		err := l.read(&out.Cols[i], n, &room)
		var e *aihub.Error
		switch {
		case errors.As(err, &e):
			return nil, err
		case errors.Is(err, errNotText):
			return nil, notText(fmt.Sprintf("row group %d, column %s", p.group+1, clip(l.field.Name)), err)
		case err != nil:
			return nil, damaged(fmt.Sprintf("row group %d, column %s", p.group+1, clip(l.field.Name)), err)
		}
	}
	out.Rows = n
	p.left -= int64(n)
	return out, nil
}

func (p *parquetReader) openGroup() error {
	if err := p.closeGroup(); err != nil {
		return damaged(fmt.Sprintf("row group %d", p.group), err)
	}
	rg := p.pf.RowGroup(p.group)
	if p.left = rg.NumRows(); p.left < 0 {
		return damaged(fmt.Sprintf("row group %d", p.group+1), errors.New("negative number of rows"))
	}
	for i := range p.cols {
		l := &p.cols[i]
		if l.err != nil {
			continue
		}
		pages, err := rg.GetColumnPageReader(l.leaf)
		if err != nil {
			return damaged(fmt.Sprintf("row group %d, column %s", p.group+1, clip(l.field.Name)), err)
		}
		//lint:ignore SA1019 the only way to look at a page before it is decoded
		l.chunk = file.NewColumnReader(l.descr, guard{pages, l.descr.MaxDefinitionLevel(), l.width(), p.mem, &p.dicts}, p.mem, p.pf.BufferPool())
	}
	return nil
}

// closeGroup gives back the memory of the row group that was read.
func (p *parquetReader) closeGroup() error {
	var errs []error
	for i := range p.cols {
		if c := p.cols[i].chunk; c != nil {
			errs = append(errs, c.Close())
			p.cols[i].chunk = nil
		}
	}
	p.mem.take(-p.dicts)
	p.dicts = 0
	return errors.Join(errs...)
}

func (p *parquetReader) Close() (err error) {
	defer func() {
		if r := recover(); r != nil { // of pages left half read
			err = fmt.Errorf("close parquet: panic: %v", r)
		}
		err = errors.Join(err, p.f.Close())
	}()
	return p.closeGroup()
}

// notText is the error for a column of bytes that are no text: the file is whole.
func notText(where string, err error) error {
	return aihub.Errorf(aihub.Contract, aihub.Text{EN: "a column of the Parquet file holds bytes that are no text", ZH: "Parquet 文件中有一列不是文本"}).
		WithHint(aihub.Text{EN: "leave the column out (use: drop in the mask plan), or write it as text: UTF-8, or hex digits",
			ZH: "请去掉该列（在脱敏方案中写 use: drop），或将其写成文本：UTF-8 或十六进制"}).
		WithFaults([]aihub.Fault{{Code: "encoding", Where: where, Message: aihub.Text{EN: "bytes that are not UTF-8 text", ZH: "不是 UTF-8 文本的字节"}}}).
		Because(err)
}

// damaged is the error for a file that does not hold what it should.
func damaged(where string, err error) error {
	if errors.Is(err, os.ErrClosed) {
		return err
	}
	if errors.Is(err, errUnsigned) {
		return beyondInt64(where)
	}
	return aihub.Errorf(aihub.Contract, aihub.Text{EN: "the Parquet file cannot be read", ZH: "无法读取 Parquet 文件"}).
		WithHint(aihub.Text{EN: "write the file again, and check that it was copied whole", ZH: "请重新生成文件，并确认文件完整"}).
		WithFaults([]aihub.Fault{{Code: "parquet", Where: where, Message: aihub.Text{
			EN: "damaged, encrypted or not Parquet (" + clip(err.Error()) + ")",
			ZH: "文件损坏、已加密或不是 Parquet（" + clip(err.Error()) + "）"}}}).
		Because(err)
}

// tooLarge is the error for a file beyond a bound.
func tooLarge(where, en, zh string) error {
	return aihub.Errorf(aihub.Contract, aihub.Text{EN: "the Parquet file is too large for a reader", ZH: "Parquet 文件超出读取限制"}).
		WithFaults([]aihub.Fault{{Code: "too_large", Where: where, Message: aihub.Text{EN: en, ZH: zh}}})
}
