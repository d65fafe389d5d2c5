package source

import (
	"context"
	"crypto/tls"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"aihub/internal/table"
)

// mysqlTypes are the types whose text is a column's, as the driver names them.
var mysqlTypes = map[string]table.Type{
	"TINYINT": table.Int64, "SMALLINT": table.Int64, "MEDIUMINT": table.Int64, "INT": table.Int64, "BIGINT": table.Int64, "YEAR": table.Int64,
	"UNSIGNED TINYINT": table.Int64, "UNSIGNED SMALLINT": table.Int64, "UNSIGNED MEDIUMINT": table.Int64, "UNSIGNED INT": table.Int64, "UNSIGNED BIGINT": table.Int64,
	"FLOAT": table.Float64, "DOUBLE": table.Float64,
	"DATE": table.Date, "DATETIME": table.Timestamp, "TIMESTAMP": table.Timestamp,
	"CHAR": table.String, "VARCHAR": table.String, "TINYTEXT": table.String, "TEXT": table.String, "MEDIUMTEXT": table.String, "LONGTEXT": table.String,
	"ENUM": table.String, "SET": table.String, "JSON": table.String,
}

// mysqlConfig reads mysql://user:password@host:port/database?tls=true.
func mysqlConfig(address string) (*mysql.Config, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User == nil || strings.Trim(u.Path, "/") == "" {
		return nil, failed(nil, "")
	}
	c := mysql.NewConfig()
	c.Net, c.Addr, c.DBName = "tcp", u.Host, strings.TrimPrefix(u.Path, "/")
	if u.Port() == "" {
		c.Addr = u.Hostname() + ":3306"
	}
	c.User = u.User.Username()
	c.Passwd, _ = u.User.Password()
	if u.Query().Get("tls") == "true" {
		c.TLS = &tls.Config{ServerName: u.Hostname(), MinVersion: tls.VersionTLS12}
	}
	c.Params = map[string]string{"time_zone": "'+00:00'", "sql_mode": "'ANSI_QUOTES'"}
	c.Collation, c.Timeout = "utf8mb4_general_ci", 30*time.Second
	c.Logger = &mysql.NopLogger{}
	return c, nil
}

func fetchMySQL(ctx context.Context, address string, f io.Writer, o Options) error {
	c, err := mysqlConfig(address)
	if err != nil {
		return err
	}
	connector, err := mysql.NewConnector(c)
	if err != nil {
		return mysqlFailed(err)
	}
	db := sql.OpenDB(connector)
	defer db.Close()
	tx, err := db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return mysqlFailed(err)
	}
	defer tx.Rollback() // a reader has nothing to commit
	rows, err := tx.QueryContext(ctx, wrap(o.Query, o.MaxRows))
	if err != nil {
		return mysqlFailed(err)
	}
	defer rows.Close()
	types, err := rows.ColumnTypes()
	if err != nil {
		return mysqlFailed(err)
	}
	names := make([]string, len(types))
	for i, t := range types {
		names[i] = t.Name()
	}
	fields, err := columns(names, func(i int) (table.Type, string, bool) {
		called := types[i].DatabaseTypeName()
		t, ok := mysqlTypes[called]
		if precision, scale, is := types[i].DecimalSize(); called == "DECIMAL" {
			if t, ok = table.String, true; is {
				if scale > 0 {
					precision++ // the driver takes one off for a sign, which an unsigned column has not
				}
				t = decimal(precision, scale) // a whole number too large is refused, none is rounded
			}
		}
		return t, strings.ToLower(called), ok
	})
	if err != nil {
		return err
	}
	raw, to := make([]sql.RawBytes, len(fields)), make([]any, len(fields))
	for i := range raw {
		to[i] = &raw[i]
	}
	values := make([][]byte, len(fields))
	return answer{fields, func() ([][]byte, error) {
		if !rows.Next() {
			if err := rows.Err(); err != nil {
				return nil, mysqlFailed(err)
			}
			return nil, io.EOF
		}
		if err := rows.Scan(to...); err != nil {
			return nil, mysqlFailed(err)
		}
		for i, v := range raw {
			values[i] = v
		}
		return values, nil
	}}.write(f, o)
}

func mysqlFailed(err error) error {
	var said *mysql.MySQLError
	if errors.As(err, &said) && said.Number != 1045 && said.Number != 1044 && said.Number != 1049 { // refused sign-ins
		return failed(err, fmt.Sprintf("%s (%d)", said.Message, said.Number))
	}
	return failed(err, "")
}
