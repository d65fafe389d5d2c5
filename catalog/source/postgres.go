package source

import (
	"context"
	"errors"
	"io"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"aihub/internal/table"
)

// postgresTypes are the types whose text is a column's.
var postgresTypes = map[uint32]table.Type{
	pgtype.BoolOID: table.Bool,
	pgtype.Int2OID: table.Int64, pgtype.Int4OID: table.Int64, pgtype.Int8OID: table.Int64,
	pgtype.Float4OID: table.Float64, pgtype.Float8OID: table.Float64, // numeric: see decimal
	pgtype.DateOID: table.Date, pgtype.TimestampOID: table.Timestamp, pgtype.TimestamptzOID: table.Timestamp,
	pgtype.TextOID: table.String, pgtype.VarcharOID: table.String, pgtype.BPCharOID: table.String, pgtype.NameOID: table.String,
	pgtype.UUIDOID: table.String, pgtype.JSONOID: table.String, pgtype.JSONBOID: table.String, pgtype.InetOID: table.String,
}

func fetchPostgres(ctx context.Context, address string, f io.Writer, o Options) (err error) {
	c, err := pgx.ParseConfig(address)
	if err != nil {
		return failed(nil, "")
	}
	conn, err := pgx.ConnectConfig(ctx, c)
	if err != nil {
		return postgresFailed(err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return postgresFailed(err)
	}
	defer tx.Rollback(context.WithoutCancel(ctx)) // a reader has nothing to commit
	if _, err := tx.Exec(ctx, "SET LOCAL timezone = 'UTC'; SET LOCAL datestyle = 'ISO'", pgx.QueryExecModeSimpleProtocol); err != nil {
		return postgresFailed(err)
	}
	rows, err := tx.Query(ctx, wrap(o.Query, o.MaxRows), pgx.QueryResultFormats{pgx.TextFormatCode})
	if err != nil {
		return postgresFailed(err)
	}
	defer rows.Close()
	desc := rows.FieldDescriptions()
	names := make([]string, len(desc))
	for i, d := range desc {
		names[i] = d.Name
	}
	if len(desc) == 0 { // the error comes with the rows
		rows.Next()
		return postgresFailed(errors.Join(rows.Err(), errors.New("no columns")))
	}
	fields, err := columns(names, func(i int) (table.Type, string, bool) {
		t, ok := postgresTypes[desc[i].DataTypeOID]
		if desc[i].DataTypeOID == pgtype.NumericOID {
			t, ok = table.String, true             // of any number of digits
			if m := desc[i].TypeModifier; m >= 4 { // precision and scale, 4 more
				t = decimal(int64(m-4)>>16, int64(m-4)&0x7ff)
			}
		}
		called := "unknown"
		if p, known := conn.TypeMap().TypeForOID(desc[i].DataTypeOID); known {
			called = p.Name
		}
		return t, called, ok
	})
	if err != nil {
		return err
	}
	return answer{fields, func() ([][]byte, error) {
		if !rows.Next() {
			if err := rows.Err(); err != nil {
				return nil, postgresFailed(err)
			}
			return nil, io.EOF
		}
		values := rows.RawValues()
		for i, v := range values {
			switch {
			case v == nil:
			case fields[i].Type == table.Bool && string(v) == "t":
				values[i] = []byte("true")
			case fields[i].Type == table.Bool:
				values[i] = []byte("false")
			case desc[i].DataTypeOID == pgtype.TimestamptzOID && len(v) > 3 && string(v[len(v)-3:]) == "+00":
				values[i] = append(v[:len(v)-3:len(v)-3], 'Z')
			}
		}
		return values, nil
	}}.write(f, o)
}

func postgresFailed(err error) error {
	var said *pgconn.PgError
	if errors.As(err, &said) && said.Code[:2] != "28" { // 28 is a refused sign-in
		return failed(err, said.Message+" ("+said.Code+")")
	}
	return failed(err, "")
}
