// Package source fetches a raw table from where it lives into a local file: an
// object of an S3 bucket as it is, or the answer of one query to a foreign
// database as Parquet. A database is only read: the query runs inside a read-only
// transaction that sees one state of the data, is streamed, and is bounded in
// rows. Nothing here repeats an address, because it holds a password.
package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"aihub"
	"aihub/internal/blob"
	"aihub/internal/table"
)

// Options say what to fetch.
type Options struct {
	Query   string                  // one SELECT, for a database
	MaxRows int64                   // an answer of more rows is refused; 0: 2^31
	Report  func(done, total int64) // bytes of an object, rows of an answer; may be nil
}

// Remote reports whether an address names something to be fetched, and whether
// that is a database. Anything else is a path.
func Remote(address string) (remote, database bool) {
	scheme, _, ok := strings.Cut(address, "://")
	if !ok {
		return false, false
	}
	switch scheme {
	case "s3":
		return true, false
	case "postgres", "postgresql", "mysql":
		return true, true
	}
	return false, false
}

// Fetch writes what the address names to the new file path:
//
//	s3://key:secret@host:port/bucket/object   as blob.Object reads it
//	postgres://user:password@host:port/database?sslmode=…
//	mysql://user:password@host:port/database?tls=true
//
// When it fails, nothing is left at path.
func Fetch(ctx context.Context, address, path string, o Options) (err error) {
	if o.MaxRows == 0 {
		o.MaxRows = 1 << 31
	}
	if o.Report == nil {
		o.Report = func(int64, int64) {}
	}
	remote, database := Remote(address)
	if !remote {
		return aihub.Errorf(aihub.Invalid, aihub.Text{EN: "not an address that can be fetched: use s3://, postgres:// or mysql://", ZH: "无法获取该地址：请使用 s3://、postgres:// 或 mysql://"})
	}
	if o.Query = strings.TrimRight(strings.TrimSpace(o.Query), "; \n\t"); (o.Query != "") != database {
		return aihub.Errorf(aihub.Invalid, aihub.Text{EN: "a database needs a query, and nothing else takes one", ZH: "数据库需要查询语句，其他来源不需要"}).
			WithHint(aihub.Text{EN: `add --query "SELECT … FROM …"`, ZH: `请加上 --query "SELECT … FROM …"`})
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err = errors.Join(err, f.Close()); err != nil {
			err = errors.Join(err, os.Remove(path))
		}
	}()
	switch {
	case !database:
		return fetchObject(ctx, address, f, o)
	case strings.HasPrefix(address, "mysql"):
		return fetchMySQL(ctx, address, f, o)
	}
	return fetchPostgres(ctx, address, f, o)
}

func fetchObject(ctx context.Context, address string, f io.Writer, o Options) error {
	r, size, err := blob.Object(ctx, address)
	if err != nil {
		return err
	}
	defer r.Close()
	for done := int64(0); done < size; {
		n, err := io.CopyN(f, r, min(8<<20, size-done))
		done += n
		if o.Report(done, size); err != nil {
			return aihub.Errorf(aihub.Unavailable, aihub.Text{EN: fmt.Sprintf("the object broke off at byte %d of %d, or was replaced while it was read", done, size), ZH: fmt.Sprintf("对象在第 %d / %d 字节处中断，或在读取时被替换", done, size)}).
				WithHint(aihub.Text{EN: "try again", ZH: "请重试"}).Because(err)
		}
	}
	return nil
}

// answer is the streamed answer to a query: values as text.
type answer struct {
	fields []table.Field
	next   func() (values [][]byte, err error) // nil is null; io.EOF at the end
}

// write writes an answer as Parquet.
func (a answer) write(f io.Writer, o Options) error {
	w, err := table.NewParquetWriter(f, a.fields)
	if err != nil {
		return err
	}
	b := table.NewBatch(a.fields, 4096)
	rows := int64(0)
	for {
		values, err := a.next()
		if err != nil && err != io.EOF {
			return err
		}
		if err == io.EOF || b.Rows == 4096 {
			if werr := w.Write(b); werr != nil {
				return werr
			}
			o.Report(rows, 0)
			b.Reset()
		}
		if err == io.EOF {
			return w.Close()
		}
		if rows++; rows > o.MaxRows {
			return aihub.Errorf(aihub.Quota, aihub.Text{EN: fmt.Sprintf("the query answers more than %d rows", o.MaxRows), ZH: fmt.Sprintf("查询结果超过 %d 行", o.MaxRows)}).
				WithHint(aihub.Text{EN: "ask for fewer, with WHERE or LIMIT", ZH: "请用 WHERE 或 LIMIT 减少行数"})
		}
		for i, v := range values {
			c := &b.Cols[i]
			switch {
			case v == nil:
				c.AppendNull()
			case c.Type == table.String:
				c.AppendStr(string(v))
			case len(v) == 0 || !c.ParseText(string(v)):
				return aihub.Errorf(aihub.Contract, aihub.Text{
					EN: fmt.Sprintf("row %d, column %s: a %s that looks like %q cannot be kept", rows, c.Name, c.Type, table.Shape(string(v))),
					ZH: fmt.Sprintf("第 %d 行，列 %s：形如 %q 的 %s 无法保存", rows, c.Name, table.Shape(string(v)), c.Type)}).
					WithHint(aihub.Text{EN: "cast the column to text in the query, or leave the row out", ZH: "请在查询中将该列转换为文本，或排除该行"})
			}
		}
		b.Rows++
	}
}

// columns checks what a query answers: names and kinds. kind returns the type of
// column i, false when its values cannot be a column.
func columns(names []string, kind func(i int) (table.Type, string, bool)) ([]table.Field, error) {
	var fields []table.Field
	var fs []aihub.Fault
	seen := map[string]bool{}
	for i, n := range names {
		t, called, ok := kind(i)
		if !ok {
			fs = append(fs, aihub.Fault{Code: "unsupported_column", Where: "column " + n, Message: aihub.Text{
				EN: "type " + called + " is no column of a flat table: leave it out or cast it to text in the query", ZH: "类型 " + called + " 不能作为平面表的列：请在查询中去掉或转换为文本"}})
		}
		switch {
		case seen[n]:
			fs = append(fs, aihub.Fault{Code: "duplicate_column", Where: fmt.Sprintf("column %d", i+1), Message: aihub.Text{
				EN: fmt.Sprintf("another column is named %q too: give it another name with AS", n), ZH: fmt.Sprintf("另有一列也名为 %q：请用 AS 改名", n)}})
		case n == "" || n == "?column?":
			fs = append(fs, aihub.Fault{Code: "column_name", Where: fmt.Sprintf("column %d", i+1), Message: aihub.Text{
				EN: "the column has no name of its own: give it one with AS", ZH: "该列没有唯一的列名：请用 AS 命名"}})
		}
		seen[n] = true
		fields = append(fields, table.Field{Name: n, Type: t})
	}
	if fs != nil {
		return nil, aihub.Errorf(aihub.Contract, aihub.Text{EN: "the query's answer is not a flat table", ZH: "查询结果不是平面表"}).WithFaults(fs)
	}
	return fields, nil
}

// wrap makes a SELECT of a query: what is not one query that answers rows is a
// syntax error then.
func wrap(query string, most int64) string {
	return fmt.Sprintf("SELECT * FROM (%s\n) AS aihub_source LIMIT %d", query, most+1)
}

// failed is the error of a database. said is its own message, which may name
// columns but holds no address.
func failed(err error, said string) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if said == "" {
		return aihub.Errorf(aihub.Unavailable, aihub.Text{EN: "the database cannot be reached, or refuses the sign-in", ZH: "无法连接数据库，或登录被拒绝"}).
			WithHint(aihub.Text{EN: "check host, port, database, user and password in the address, percent-encoded where special", ZH: "请检查地址中的主机、端口、库名、用户与密码（特殊字符需百分号编码）"})
	}
	return aihub.Errorf(aihub.Contract, aihub.Text{EN: "the database refuses the query: " + said, ZH: "数据库拒绝该查询：" + said}).
		WithHint(aihub.Text{EN: "one SELECT, by a user who may read the tables; nothing is written", ZH: "应为一条 SELECT，且用户有读取权限；不写入任何内容"})
}

// decimal is the type of a decimal number that loses no digit of it: a float keeps
// 15. What has more is a text; a query may cast it.
func decimal(precision, scale int64) table.Type {
	switch {
	case scale == 0 && precision <= 18:
		return table.Int64
	case precision <= 15 && scale > 0 && scale < 0x400: // a scale below 0 stands there as a large one
		return table.Float64
	}
	return table.String
}
