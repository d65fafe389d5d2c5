package pages

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"aihub/internal/table"
)

// TestMakeBillion writes a table of AIHUB_BILLION_ROWS rows (10^9) to the file
// AIHUB_BILLION, for `make bench-billion`: visits of people to offices, nine
// columns, in row groups of 2^20 rows. Each of sixteen row groups is made once and
// then repeated as it is, so that the file costs what it weighs.
func TestMakeBillion(t *testing.T) {
	path := os.Getenv("AIHUB_BILLION")
	if path == "" {
		t.Skip("AIHUB_BILLION names no file to write")
	}
	rows, err := strconv.ParseInt(os.Getenv("AIHUB_BILLION_ROWS"), 10, 64)
	if err != nil {
		rows = 1e9
	}
	const group, kinds = 1 << 20, 16
	small := create(t)
	writeVisits(t, small, kinds*group)
	unitRows = group
	large := create(t)
	src := openFile(t, small)
	if err := Transcode(t.Context(), src, Plan{Columns: make([]Column, len(src.leaves)),
		Deal: func(Unit, []uint8) error { return nil }}, Output{File: large}); err != nil {
		t.Fatal(err)
	}
	out, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	repeat(t, openFile(t, large), out, rows)
	st, err := out.Stat()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d rows, %d bytes", openFile(t, out).Rows(), st.Size())
}

func openFile(t *testing.T, f *os.File) *File {
	t.Helper()
	st, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	p, err := Open(f, st.Size())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// repeat writes the row groups of src again and again until there are rows.
func repeat(t *testing.T, src *File, out *os.File, rows int64) {
	j := &job{f: src, p: &Plan{Columns: make([]Column, len(src.leaves))}}
	o := &output{Output: Output{File: out}, has: make([]bool, len(src.leaves)), end: 4}
	for i := range src.leaves {
		o.has[i] = true
		j.leaf = append(j.leaf, i)
	}
	j.outs = []*output{o}
	if _, err := out.WriteAt([]byte("PAR1"), 0); err != nil {
		t.Fatal(err)
	}
	k := newWorker(j)
	for n, done := 0, int64(0); done < rows; n++ {
		g := n % src.RowGroups()
		group := outGroup{Rows: src.GroupRows(g), Start: o.end}
		for leaf := range src.leaves {
			w, err := k.copyChunk(g, leaf, false)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := k.copyRaw(out, o.end, w.raw[0].span, 0, false); err != nil {
				t.Fatal(err)
			}
			o.end += w.size()
			w.meta.Pages, w.meta.ColumnIndex = nil, nil
			group.Chunks = append(group.Chunks, w.meta)
		}
		o.groups = append(o.groups, group)
		done += group.Rows
	}
	if err := j.close(o); err != nil {
		t.Fatal(err)
	}
}

// writeVisits writes rows of visits: 512 people for every 2^20 rows, each eight
// times in a row.
func writeVisits(t *testing.T, f *os.File, rows int) {
	fields := []table.Field{{Name: "id", Type: table.String}, {Name: "phone", Type: table.String}, {Name: "name", Type: table.String},
		{Name: "address", Type: table.String}, {Name: "birth", Type: table.Date}, {Name: "sex", Type: table.String},
		{Name: "amount", Type: table.Int64}, {Name: "region", Type: table.Int64}, {Name: "note", Type: table.String}}
	w, err := table.NewParquetWriter(f, fields)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	cities := []string{"广东省广州市天河区", "广东省深圳市南山区", "浙江省杭州市西湖区", "四川省成都市武侯区", "湖北省武汉市洪山区", "江苏省南京市鼓楼区"}
	family, given := []rune("王李张刘陈杨黄赵吴周徐孙"), []string{"伟", "芳", "敏", "静", "磊", "丽", "建国", "桂英", "志强", "海燕"}
	for at := 0; at < rows; {
		b := table.NewBatch(fields, 1<<16)
		for range 1 << 16 / 8 {
			p := uint64(at>>20)<<9 + rng.Uint64N(512)
			r := rand.New(rand.NewPCG(p, 3))
			id, phone := fmt.Sprintf("C%017d", p*7919%1000000007), fmt.Sprintf("13%09d", r.IntN(1e9))
			name := string(family[r.IntN(len(family))]) + given[r.IntN(len(given))]
			address := fmt.Sprintf("%s人民路%d号%d栋", cities[r.IntN(len(cities))], r.IntN(2000), r.IntN(30))
			birth, sex := int64(-10957+r.IntN(25000)), []string{"男", "女"}[r.IntN(2)]
			for range 8 {
				b.Cols[0].AppendStr(id)
				b.Cols[1].AppendStr(phone)
				b.Cols[2].AppendStr(name)
				b.Cols[3].AppendStr(address)
				b.Cols[4].AppendInt(birth)
				b.Cols[5].AppendStr(sex)
				b.Cols[6].AppendInt(int64(rng.IntN(100) * 5))
				b.Cols[7].AppendInt(int64(rng.IntN(128)))
				b.Cols[8].AppendStr(fmt.Sprintf("窗口%d受理，材料已核验，待复核", rng.IntN(32)))
			}
		}
		b.Rows = 1 << 16
		at += b.Rows
		if err := w.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}
