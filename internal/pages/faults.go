package pages

import (
	"errors"
	"fmt"

	"aihub"
)

// ErrUnsupported is in the chain of errors about files that may be valid but
// use what this package does not speak. The general reader may read them.
var ErrUnsupported = errors.New("pages: not supported here")

// Bounds of a file. They hold before anything is allocated.
const (
	maxFooter  = 64 << 20
	maxSchema  = 20_000    // elements, groups included
	maxChunks  = 1_000_000 // of all row groups together
	maxHeader  = 1 << 20   // bytes of a page's header
	maxPage    = 128 << 20 // bytes of a page, compressed or not (DuckDB writes up to 100 MB)
	maxValues  = 1 << 24   // values of a page
	maxIndex   = 16 << 20  // bytes of an offset or column index
	maxWidth   = 1 << 20   // bytes of a fixed-length value
	maxDepth   = 100       // of the schema, and of unknown structs
	maxKeyVals = 10_000
)

func damaged(where, format string, args ...any) error {
	why := fmt.Sprintf(format, args...)
	return aihub.Errorf(aihub.Contract, aihub.Text{
		EN: fmt.Sprintf("the Parquet file is damaged (%s: %s)", where, why),
		ZH: fmt.Sprintf("Parquet 文件已损坏（%s：%s）", where, why),
	}).WithHint(aihub.Text{EN: "write the file again and compare its checksum with the sender's", ZH: "请重新生成文件，并与发送方核对校验和"}).
		WithFaults([]aihub.Fault{{Code: "damaged_parquet", Where: where, Message: aihub.Text{EN: why, ZH: why}}})
}

func tooLarge(where string, n, most int64) error {
	return aihub.Errorf(aihub.Contract, aihub.Text{
		EN: fmt.Sprintf("the Parquet file is too large (%s: %d, at most %d)", where, n, most),
		ZH: fmt.Sprintf("Parquet 文件超出限制（%s：%d，最多 %d）", where, n, most),
	}).WithHint(aihub.Text{EN: "write it with smaller pages or fewer columns", ZH: "请以更小的数据页或更少的列重新写出"})
}

func unsupported(where, format string, args ...any) error {
	why := fmt.Sprintf(format, args...)
	return aihub.Errorf(aihub.Contract, aihub.Text{
		EN: fmt.Sprintf("this Parquet file cannot be read page by page (%s: %s)", where, why),
		ZH: fmt.Sprintf("该 Parquet 文件无法按页读取（%s：%s）", where, why),
	}).WithHint(aihub.Text{EN: "write it again without this feature", ZH: "请在不使用该特性的情况下重新写出"}).Because(ErrUnsupported)
}
