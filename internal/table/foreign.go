package table

import (
	"bytes"

	"aihub"
)

// notTables are files that are no table of ours, by their first bytes: what somebody
// in a hurry takes for one, and what to do with it.
var notTables = []struct {
	magic    string
	what     aihub.Text
	next     aihub.Text
	anyCase  bool
	inWithin string // besides, somewhere in the first bytes
}{
	{magic: "PK\x03\x04", inWithin: "[Content_Types].xml", what: excel, next: saveSheet},
	{magic: "PK\x03\x04", inWithin: "xl/", what: excel, next: saveSheet},
	{magic: "PK\x03\x04", what: aihub.Text{EN: "a zip archive, or an Excel workbook", ZH: "zip 压缩包或 Excel 工作簿"}, next: aihub.Text{EN: "unpack it and name the table in it; of a workbook, save the sheet as CSV UTF-8", ZH: "请解压并指定其中的表；若为工作簿，请将工作表另存为 CSV UTF-8"}},
	{magic: "\xd0\xcf\x11\xe0", what: excel, next: saveSheet},
	{magic: "\x1f\x8b", what: aihub.Text{EN: "compressed by gzip", ZH: "gzip 压缩文件"}, next: unpackedBy("gunzip FILE.gz", "gunzip 文件.gz")},
	{magic: "\x28\xb5\x2f\xfd", what: aihub.Text{EN: "compressed by zstd", ZH: "zstd 压缩文件"}, next: unpackedBy("unzstd FILE.zst", "unzstd 文件.zst")},
	{magic: "BZh", what: aihub.Text{EN: "compressed by bzip2", ZH: "bzip2 压缩文件"}, next: unpackedBy("bunzip2 FILE.bz2", "bunzip2 文件.bz2")},
	{magic: "\xfd7zXZ\x00", what: aihub.Text{EN: "compressed by xz", ZH: "xz 压缩文件"}, next: unpackedBy("unxz FILE.xz", "unxz 文件.xz")},
	{magic: "7z\xbc\xaf", what: archive7, next: unpackedBy("7z x FILE", "7z x 文件")},
	{magic: "Rar!", what: archive7, next: unpackedBy("unar FILE", "unar 文件")},
	{magic: "%PDF-", what: aihub.Text{EN: "a PDF document", ZH: "PDF 文档"}, next: export},
	{magic: "\x89PNG", what: picture, next: folder},
	{magic: "\xff\xd8\xff", what: picture, next: folder},
	{magic: "SQLite format 3\x00", what: aihub.Text{EN: "an SQLite database", ZH: "SQLite 数据库"}, next: export},
	{magic: "Obj\x01", what: aihub.Text{EN: "an Avro file", ZH: "Avro 文件"}, next: export},
	{magic: "ORC", inWithin: "\x00", what: aihub.Text{EN: "an ORC file", ZH: "ORC 文件"}, next: export},
	{magic: "\x7fELF", what: aihub.Text{EN: "a program", ZH: "可执行程序"}, next: export},
	{magic: "<!doctype html", anyCase: true, what: webPage, next: saveSheet},
	{magic: "<html", anyCase: true, what: webPage, next: saveSheet},
	{magic: "<?xml", anyCase: true, what: aihub.Text{EN: "XML", ZH: "XML 文件"}, next: saveSheet},
}

var (
	excel     = aihub.Text{EN: "an Excel workbook", ZH: "Excel 工作簿"}
	archive7  = aihub.Text{EN: "an archive", ZH: "压缩包"}
	picture   = aihub.Text{EN: "a picture", ZH: "图片"}
	webPage   = aihub.Text{EN: "a web page, as some programs save tables under the name .xls", ZH: "网页（有的程序以 .xls 之名保存表格网页）"}
	saveSheet = aihub.Text{EN: "open it where it was made, save the sheet as CSV UTF-8, and give that file", ZH: "请在原软件中打开，将工作表另存为 CSV UTF-8，再提供该文件"}
	export    = aihub.Text{EN: "export the table as CSV, JSON Lines, Parquet or Arrow, and give that file", ZH: "请将表导出为 CSV、JSON Lines、Parquet 或 Arrow 后再提供"}
	folder    = aihub.Text{EN: "publish pictures as a folder with a table that names them: aihub dataset publish FOLDER, with a media section in the manifest", ZH: "图片须以文件夹形式连同列出文件的表一起发布：aihub dataset publish 文件夹，清单中写 media"}
)

func unpackedBy(en, zh string) aihub.Text {
	return aihub.Text{EN: "unpack it first: " + en, ZH: "请先解压：" + zh}
}

// noTable is the error for a file that begins like none of ours and no text, or nil.
func noTable(head []byte) error {
	for _, f := range notTables {
		if len(head) < len(f.magic) {
			continue
		}
		start := head[:len(f.magic)]
		if string(start) != f.magic && !(f.anyCase && bytes.EqualFold(start, []byte(f.magic))) || !bytes.Contains(head, []byte(f.inWithin)) {
			continue
		}
		return aihub.Errorf(aihub.Contract, aihub.Text{EN: "the file is no table: it is " + f.what.EN, ZH: "文件不是数据表：它是" + f.what.ZH}).WithHint(f.next)
	}
	return nil
}
