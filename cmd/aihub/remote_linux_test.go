package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aihub/catalog/source/sourcetest"
	"aihub/internal/blob/s3test"

	"github.com/jackc/pgx/v5"
	"github.com/rogpeppe/go-internal/testscript"
)

// TestRemote walks from a table in a database and from an object of the same rows to
// their published cards.
func TestRemote(t *testing.T) {
	owner, database := sourcetest.Postgres(t)
	rows := bytes.NewBufferString("case_no,phone,town,born,fee\n")
	var values [][]any
	for i := range 600 {
		phone := fmt.Sprintf("138%08d", 10_000_000+i*7919)
		born := fmt.Sprintf("%d-%02d-11", 1950+i%5*10, 1+i%12)
		town := []string{"福田", "南山", "罗湖"}[i%3]
		fmt.Fprintf(rows, "C%05d,%s,%s,%s,%d.5\n", i, phone, town, born, i%40)
		values = append(values, []any{fmt.Sprintf("C%05d", i), phone, town, born, float64(i%40) + .5})
	}
	ctx := context.Background()
	if _, err := owner.Exec(ctx, "CREATE TABLE cases (case_no text, phone text, town text, born text, fee float8)"); err != nil {
		t.Fatal(err)
	}
	if _, err := owner.CopyFrom(ctx, pgx.Identifier{"cases"}, []string{"case_no", "phone", "town", "born", "fee"}, pgx.CopyFromRows(values)); err != nil {
		t.Fatal(err)
	}
	s3 := s3test.Start(t)
	if err := os.Mkdir(filepath.Join(s3.Dir, "raw"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s3.Dir, "raw", "cases.csv"), rows.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	p := script()
	p.Files = []string{"testdata/remote.txtar"}
	setup := p.Setup
	p.Setup = func(e *testscript.Env) error {
		e.Setenv("DATABASE", database)
		e.Setenv("SECRET", s3.SecretKey)
		e.Setenv("GONE", strings.Replace(s3.URL("raw"), "?", "/gone.csv?", 1))
		e.Setenv("OBJECT", strings.Replace(s3.URL("raw"), "?", "/cases.csv?", 1))
		return setup(e)
	}
	testscript.Run(t, p)
}
