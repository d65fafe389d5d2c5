// Package pages reads and rewrites Parquet at the level of its pages, where
// whole columns move without a value of them being built.
//
// A file holds row groups (行组); a row group holds one chunk (列块) for each
// leaf column; a chunk holds pages (数据页), the first of which may be a
// dictionary (字典页). A page holds levels (which entries are null or begin a
// row) and values. The footer (文件尾) says where everything is.
//
// Open gives a File. File.Scan walks some flat columns together and yields Runs:
// views of decoded values in buffers that the next step overwrites. Transcode
// writes a new file in which each column is copied as raw chunks, dropped, or
// mapped by a function over its values.
//
// Every file is foreign. Lengths, counts and offsets are bounded before anything
// is allocated, and damage is an error of kind aihub.Contract that names its
// place. What is right but not spoken here (encryption, nested columns in a
// Scan) is ErrUnsupported: internal/table's general path may read it. Views
// assume a little-endian machine.
package pages
