package pages_test

import (
	"context"
	"fmt"
	"io"
	"os"

	"aihub/internal/pages"
)

// Publishing: one pass over the raw file masks it and deals its rows to a file a
// part. A column's function comes from its technique (mask.Kernel.Bytes fits
// Texts); the parts from whatever decided them before, by row of the raw file.
func ExampleTranscode() {
	raw, err := os.Open("testdata/arrow-v1-snappy.parquet")
	if err != nil {
		panic(err)
	}
	defer raw.Close()
	info, err := raw.Stat()
	if err != nil {
		panic(err)
	}
	src, err := pages.Open(raw, info.Size())
	if err != nil {
		panic(err)
	}
	plan := pages.Plan{
		Columns: make([]pages.Column, len(src.Leaves())), // Copy
		Shuffle: []byte("a key of this dataset"),
		ID:      "digest of the mask plan and key id",
	}
	plan.Columns[src.Leaf("u")] = pages.Column{Op: pages.Map, New: pages.Texts(func(data []byte, ends []uint32, values [][]byte) ([]byte, []uint32, []int) {
		for _, v := range values {
			data = fmt.Appendf(data, "p%d", len(v))
			ends = append(ends, uint32(len(data)))
		}
		return data, ends, nil
	}, nil)}
	plan.Columns[src.Leaf("d")] = pages.Column{Op: pages.Drop}
	part := make([]uint8, src.Rows())
	for row := range part {
		switch {
		case row%100 == 0:
			part[row] = pages.Suppress
		case row%4 == 0:
			part[row] = 1
		}
	}
	plan.Deal = func(u pages.Unit, dst []uint8) error {
		copy(dst, part[u.First:])
		return nil
	}
	var outs []pages.Output
	for p := range uint8(2) {
		f, err := os.CreateTemp("", "part")
		if err != nil {
			panic(err)
		}
		defer os.Remove(f.Name())
		defer f.Close()
		outs = append(outs, pages.Output{File: f, Part: p})
	}
	if err := pages.Transcode(context.Background(), src, plan, outs...); err != nil {
		panic(err)
	}
	for _, o := range outs {
		info, err := o.File.Stat()
		if err != nil {
			panic(err)
		}
		f, err := pages.Open(o.File, info.Size())
		if err != nil {
			panic(err)
		}
		fmt.Println("part", o.Part, "rows", f.Rows(), "columns", len(f.Leaves()))
	}
	// Output:
	// part 0 rows 300 columns 10
	// part 1 rows 96 columns 10
}

func ExampleFile_Scan() {
	in, err := os.Open("testdata/arrow-v1-snappy.parquet")
	if err != nil {
		panic(err)
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		panic(err)
	}
	f, err := pages.Open(in, info.Size())
	if err != nil {
		panic(err)
	}
	scan, err := f.Scan(f.Leaf("id"), f.Leaf("d"))
	if err != nil {
		panic(err) // errors.Is(err, pages.ErrUnsupported): use internal/table
	}
	var ids int64
	var sum float64
	missing := 0
	for {
		runs, err := scan.Next(4096)
		if err == io.EOF {
			break
		}
		if err != nil {
			panic(err)
		}
		for _, id := range runs[0].Values.Int64s() {
			ids += id
		}
		for _, v := range runs[1].Values.Doubles() {
			sum += v
		}
		missing += runs[1].N - runs[1].Values.Len()
	}
	fmt.Println(ids, sum, missing)
	// Output: 79800 7502.625 58
}
