package catalog

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aihub"
	"aihub/internal/keys"
	"aihub/internal/pages"
	"aihub/internal/table"
)

const visitsManifest = `
name: visits
title: {zh: 办事, en: Visits}
description: {zh: 办事, en: Visits}
license: CC-BY-4.0
key: id
truth: [paid]
split: {sample: 0.2, train: 0.3, test: 0.3, final: 0.2}
mask:
  columns:
    id: {use: pseudonym}
    phone: {use: phone, on_invalid: missing}
    name: {use: name}
    home: {use: address}
    born: {use: date, to: 5years}
    age: {use: band, width: 10}
    fee: {use: round, width: 5}
    score: {use: clip, min: 0.1, max: 0.9}
    seen: {use: date, to: month}
    paid: {use: keep}
    ward: {use: suppress, values: ["7"]}
`

const visitsRisk = `risk:
  quasi: [born, home]
  k: 5
  max_suppression: 0.1
  sensitive: [paid]
  l: 2
`

// visits writes rows of visits as Parquet and returns the file and what of its
// values must stand nowhere in a masked one.
func visits(t testing.TB, rows int) (path string, secrets [][]byte) {
	t.Helper()
	fields := []table.Field{{Name: "id", Type: table.String}, {Name: "phone", Type: table.String}, {Name: "name", Type: table.String}, {Name: "home", Type: table.String},
		{Name: "born", Type: table.Date}, {Name: "age", Type: table.Int64}, {Name: "fee", Type: table.Int64}, {Name: "score", Type: table.Float64},
		{Name: "seen", Type: table.Timestamp}, {Name: "paid", Type: table.Bool}, {Name: "ward", Type: table.Int64}}
	path = filepath.Join(t.TempDir(), "visits.parquet")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := table.NewParquetWriter(f, fields)
	if err != nil {
		t.Fatal(err)
	}
	b := table.NewBatch(fields, rows)
	rng := rand.New(rand.NewPCG(5, 6))
	cities := []string{"广东省深圳市福田区", "广东省深圳市南山区", "浙江省杭州市西湖区"}
	for i := range rows {
		id, home := fmt.Sprintf("CASE-%09d", i*7919), fmt.Sprintf("%s莲花路%d号", cities[rng.IntN(3)], 100+rng.IntN(900))
		if i%1000 == 999 { // an address that few share
			home = fmt.Sprintf("西藏自治区拉萨市城关区八廓街%d号", i)
		}
		phone, name := fmt.Sprintf("138%08d", rng.IntN(1e8)), "欧阳"+string(rune(0x5000+i%3000))
		b.Cols[0].AppendStr(id)
		switch i % 50 {
		case 7:
			b.Cols[1].AppendNull()
		case 8:
			b.Cols[1].AppendStr("没有电话")
		default:
			b.Cols[1].AppendStr(phone)
		}
		b.Cols[2].AppendStr(name)
		b.Cols[3].AppendStr(home)
		born := int64(rng.IntN(12000))
		if i%1000 == 999 {
			born = int64(i / 1000 % 7 * 1826)
		}
		b.Cols[4].AppendInt(born)
		b.Cols[5].AppendInt(int64(rng.IntN(100)))
		b.Cols[6].AppendInt(int64(rng.IntN(500)))
		b.Cols[7].AppendFlt(rng.Float64())
		b.Cols[8].AppendInt(1.7e15 + int64(rng.IntN(1e9))*3600)
		b.Cols[9].AppendBool(rng.IntN(3) == 0)
		b.Cols[10].AppendInt(int64(i % 8))
		if i%3 == 0 || i%1000 == 999 {
			secrets = append(secrets, []byte(id), []byte(name), []byte(home[strings.Index(home, "区")+3:]))
			if i%30 == 0 && !b.Cols[1].Null(i) { // few: one may by chance be another's masked one
				secrets = append(secrets, []byte(b.Cols[1].Str[i]))
			}
		}
	}
	b.Rows = rows
	if err := errors.Join(w.Write(b), w.Close()); err != nil {
		t.Fatal(err)
	}
	return path, secrets
}

func testRing(t testing.TB) *keys.Ring {
	t.Helper()
	path := filepath.Join(t.TempDir(), "root")
	if err := os.WriteFile(path, bytes.Repeat([]byte{4}, keys.Size), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := keys.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func maskVisits(t testing.TB, manifest, in string) (out string, rec MaskRecord) {
	t.Helper()
	out = filepath.Join(t.TempDir(), "masked.parquet")
	rec, err := maskTable(t, t.Context(), []byte(manifest), in, out, func(string, int64, int64) {})
	if err != nil {
		t.Fatal(err)
	}
	return out, rec
}

// rowsOf reads a file whole, each row as text.
func rowsOf(t testing.TB, path string) (out []string) {
	t.Helper()
	r, err := table.Open(path, table.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for {
		b, err := r.Next()
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		for i := range b.Rows {
			out = append(out, rowAsText(b, i))
		}
	}
}

func rowAsText(b *table.Batch, i int) string {
	var s []string
	for c := range b.Cols {
		v, ok := b.Cols[c].Text(i)
		if !ok {
			v = "-"
		}
		s = append(s, b.Cols[c].Name+"="+v)
	}
	return strings.Join(s, " ")
}

// What the pages say is what the general path makes of the rows, in their order
// where the plan keeps it and in another where it does not; nothing of a masked
// value is in the file or its record.
func TestMaskTable(t *testing.T) {
	in, secrets := visits(t, 8_000)
	plain := strings.Replace(visitsManifest, "mask:\n", "mask:\n  order: keep\n", 1)
	out, rec := maskVisits(t, plain, in)
	m, err := ParseManifest([]byte(plain))
	if err != nil {
		t.Fatal(err)
	}
	r, err := table.Open(in, table.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	masking, err := m.Mask.Compile(r.Schema(), testRing(t).Derive("mask", "visits"))
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for {
		b, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		masked := masking.Apply(b)
		for i := range masked.Rows {
			want = append(want, rowAsText(masked, i))
		}
	}
	got := rowsOf(t, out)
	if len(got) != len(want) {
		t.Fatalf("%d rows of %d", len(got), len(want))
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("row %d\n%s\nnot\n%s", i, got[i], want[i])
		}
	}
	if rec.Rows != 8_000 || rec.Risk != nil || len(rec.Columns) != 11 || rec.Utility == nil || rec.Raw == rec.Content {
		t.Errorf("%+v", rec)
	}
	noSecrets(t, out, secrets)

	keyed, _ := maskVisits(t, visitsManifest, in)
	other := rowsOf(t, keyed)
	if slices.Equal(got, other) {
		t.Error("rows kept their order")
	}
	// The same rows under another plan stand in other places.
	again, _ := maskVisits(t, strings.Replace(visitsManifest, `values: ["7"]`, `values: ["8"]`, 1), in)
	first := func(rows []string) (ids []string) {
		for _, r := range rows {
			ids = append(ids, r[:32])
		}
		return ids
	}
	ids, others := first(other), first(rowsOf(t, again))
	same := 0
	for i := range ids {
		if ids[i] == others[i] {
			same++
		}
	}
	if same > 20 { // one in the mean
		t.Errorf("under another plan %d of %d rows have the same place", same, len(ids))
	}
	slices.Sort(ids)
	if slices.Sort(others); !slices.Equal(ids, others) {
		t.Error("under another plan there are other ids")
	}
	slices.Sort(got)
	slices.Sort(other)
	if !slices.Equal(got, other) {
		t.Error("another order has other rows")
	}
	noSecrets(t, keyed, secrets)
}

func noSecrets(t testing.TB, out string, secrets [][]byte) {
	t.Helper()
	for _, name := range []string{out, out + ".json"} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if name == out {
			leaks, err := pages.Audit(bytes.NewReader(b), int64(len(b)), secrets)
			if err != nil || len(leaks) > 0 {
				t.Errorf("%d raw values are left: %+v; %v", len(leaks), leaks, err)
			}
			continue
		}
		for _, s := range secrets {
			if bytes.Contains(b, s) {
				t.Fatalf("the record has %q", s)
			}
		}
	}
}

// Values that suppress names and no row has are told to the steward, and counted in
// the record: whether the column is only masked or its classes are counted, too.
func TestMaskTableUnmet(t *testing.T) {
	in, _ := visits(t, 2*pairRows+1000) // every other row is sampled besides, and ward 7 in none of these
	manifest := strings.NewReplacer(`values: ["7"]`, `values: ["7", "4711", "-7"]`,
		"{use: phone, on_invalid: missing}", "{use: drop}").Replace(visitsManifest) // of so many numbers some are another's masked one
	for _, risk := range []string{"", "risk: {quasi: [ward], k: 5}\n"} {
		out, rec := maskVisits(t, manifest+risk, in)
		if d := cmp.Diff(map[string][]string{"ward": {"-7", "4711"}}, rec.Unmet); d != "" {
			t.Errorf("risk %q: %s", risk, d)
		}
		b, err := os.ReadFile(out + ".json")
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(b, []byte(`"unmet": 2`)) || bytes.Contains(b, []byte("4711")) {
			t.Errorf("risk %q: the record says %s", risk, b)
		}
	}
}

// Rows that hide among too few are left out, and the record says what is left.
func TestMaskTableGate(t *testing.T) {
	in, secrets := visits(t, 8_000)
	out, rec := maskVisits(t, visitsManifest+visitsRisk, in)
	rows := rowsOf(t, out)
	if rec.Suppressed != 8 || len(rows) != 7_992 || rec.Rows != 7_992 || slices.ContainsFunc(rows, func(r string) bool { return strings.Contains(r, "城关区") }) {
		t.Errorf("%d rows, %d left out", len(rows), rec.Suppressed)
	}
	classes := map[string]int{}
	for _, r := range rows {
		cells := strings.Fields(r)
		classes[cells[3]+cells[4]]++
	}
	least := len(rows)
	for _, n := range classes {
		least = min(least, n)
	}
	risk := rec.Risk
	if risk == nil || risk.After.K != least || risk.After.Classes != len(classes) || risk.After.Rows != 7_992 || len(risk.Sensitive) != 1 || risk.Linkage == nil ||
		risk.Attack == nil || risk.Attack.Prosecutor != 1/float64(least) || risk.Attack.Rows != 7_992 {
		t.Errorf("k %d of %d classes, the record says %+v", least, len(classes), risk)
	}
	if u := rec.Utility; u == nil || len(u.Baseline) != 1 {
		t.Errorf("%+v", u)
	}
	noSecrets(t, out, secrets)
	var read MaskRecord
	b, err := os.ReadFile(out + ".json")
	if err != nil || json.Unmarshal(b, &read) != nil || read.Content != rec.Content {
		t.Error("the record is not beside the file", err)
	}

	refused := func(manifest, in string, kind aihub.Kind, want string) {
		t.Helper()
		out := filepath.Join(t.TempDir(), "masked.parquet")
		_, err := maskTable(t, t.Context(), []byte(manifest), in, out, func(string, int64, int64) {})
		var e *aihub.Error
		if !errors.As(err, &e) || e.Kind != kind || !strings.Contains(fmt.Sprint(e, e.Faults), want) {
			t.Errorf("%v does not say %q", err, want)
		}
		if left, err := filepath.Glob(out + "*"); err != nil || len(left) > 0 {
			t.Errorf("%v is left, %v", left, err)
		}
	}
	change := func(old, new string) string {
		t.Helper()
		s := visitsManifest + visitsRisk
		if !strings.Contains(s, old) {
			t.Fatal(old)
		}
		return strings.Replace(s, old, new, 1)
	}
	refused(change("phone: {use: phone, on_invalid: missing}", "phone: {use: keep}"), in, aihub.Refused, "phone")
	refused(change("max_suppression: 0.1", "max_suppression: 0.0001"), in, aihub.Refused, "at most 0 may be dropped")
	refused(change("  l: 2", "  max_linkage: 0.00001"), in, aihub.Refused, "the limit")
	refused(change(", on_invalid: missing", ""), in, aihub.Contract, "phone cannot mask text")
	refused(change("use: round, width: 5", "use: noise, by: id, scale: 1"), in, aihub.Contract, "aihub dataset publish")
	refused(change("mask:\n", "mask:\n  order: some\n"), in, aihub.Contract, "order")
	refused(change("quasi: [born, home]", "quasi: [born, hom]"), in, aihub.Contract, "hom")
	text := filepath.Join(t.TempDir(), "a.csv")
	if err := os.WriteFile(text, []byte("id,a\n1,2\n3,4\n5,6\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	refused(visitsManifest, text, aihub.Contract, "PAR1")
	if _, err := maskTable(t, t.Context(), []byte(visitsManifest), in, in, nil); aihub.KindOf(err) != aihub.Invalid {
		t.Error("a file that is there was written over:", err)
	}
}

// A call that ends early leaves what it has done to the next one, and neither
// that nor the number of cores changes a byte.
func TestMaskTableGoesOn(t *testing.T) {
	in, _ := visits(t, 3<<16)
	manifest := []byte(strings.NewReplacer("mask:\n", "mask:\n  order: keep\n", `["7"]`, `["7", "77"]`).Replace(visitsManifest))
	run := func(ctx context.Context, out string, report func(string, int64, int64)) (MaskRecord, error) {
		return maskTable(t, ctx, manifest, in, out, report)
	}
	none := func(string, int64, int64) {}
	dir := t.TempDir()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	want, err := run(t.Context(), filepath.Join(dir, "a"), none)
	if err != nil {
		t.Fatal(err)
	}
	runtime.GOMAXPROCS(4)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	b := filepath.Join(dir, "b")
	if _, err := run(ctx, b, func(stage string, done, _ int64) {
		if stage == "mask" && done > 0 {
			stop()
		}
	}); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if _, err := os.Stat(b); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal("half a file is there")
	}
	first := int64(-1)
	got, err := run(t.Context(), b, func(stage string, done, _ int64) {
		if stage == "mask" && first < 0 {
			first = done
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if got.Content != want.Content || got.Rows != 3<<16 || !cmp.Equal(got.Unmet, want.Unmet) {
		t.Errorf("%+v, not %+v", got, want)
	}
	if first == 1<<16 {
		t.Error("it began anew")
	}
	if left, _ := filepath.Glob(b + ".[pj]*"); len(left) != 1 { // the record
		t.Errorf("%v", left)
	}
}

// A file of another tool: nested columns, pages of version 2, dictionaries and
// each codec that DuckDB writes.
func TestMaskTableOfAnotherTool(t *testing.T) {
	for _, codec := range []string{"zstd", "lz4_raw", "snappy", "gzip", "brotli", "uncompressed"} {
		in := "../internal/pages/testdata/duckdb-v2-" + codec + ".parquet"
		manifest := `{name: other, title: {zh: a, en: a}, description: {zh: a, en: a}, license: CC0, key: u, truth: [b], split: {sample: 0.5, test: 0.5},
mask: {order: keep, default: keep, columns: {u: {use: pseudonym}, s: {use: pseudonym}, id: {use: drop}, l: {use: band, width: 1000}}}}`
		out, rec := maskVisits(t, manifest, in)
		b, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		var secrets [][]byte
		for i := range 400 {
			secrets = append(secrets, fmt.Appendf(nil, "person-%d", i*37), fmt.Appendf(nil, "value-%05d", i%13))
		}
		leaks, err := pages.Audit(bytes.NewReader(b), int64(len(b)), secrets)
		if err != nil || len(leaks) > 0 || rec.Rows != 400 {
			t.Errorf("%s: %d rows, %v left, %v", codec, rec.Rows, leaks, err)
		}
		f, err := pages.Open(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		if f.Leaf("id") >= 0 || f.Leaf("n.list.element") < 0 && f.Leaf("n.element") < 0 {
			var names []string
			for _, l := range f.Leaves() {
				names = append(names, l.Name())
			}
			t.Errorf("%s: %v", codec, names)
		}
	}
}

// Two calls never write one file: the second says so, and what the first makes is
// whole. A refusal leaves nothing behind, and a part that nobody has is taken over.
func TestMaskTableAlone(t *testing.T) {
	in, _ := visits(t, 1<<16)
	out := filepath.Join(t.TempDir(), "out")
	run := func(manifest string, report func(string, int64, int64)) error {
		_, err := maskTable(t, t.Context(), []byte(manifest), in, out, report)
		return err
	}
	none := func(string, int64, int64) {}
	var second error
	if err := run(visitsManifest, func(stage string, _, _ int64) {
		if stage == "mask" {
			second = run(visitsManifest, none)
		}
	}); err != nil {
		t.Fatal(err)
	}
	if aihub.KindOf(second) != aihub.Conflict {
		t.Errorf("a second call beside the first: %v", second)
	}
	if err := run(visitsManifest, none); aihub.KindOf(err) != aihub.Invalid {
		t.Errorf("onto a file that is there: %v", err)
	}
	if err := errors.Join(os.Remove(out), os.Remove(out+".json")); err != nil {
		t.Fatal(err)
	}
	if err := run(visitsManifest+"risk: {quasi: [id], k: 5}\n", none); aihub.KindOf(err) != aihub.Refused {
		t.Errorf("classes of one row: %v", err)
	}
	if left, _ := filepath.Glob(out + "*"); len(left) > 0 {
		t.Errorf("a refusal left %v", left)
	}
	if err := os.WriteFile(out+".part", []byte("of another time"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run(visitsManifest, none); err != nil {
		t.Error(err)
	}
}

// A process that is killed, wherever it is, leaves what the next one goes on
// from; the file is the same in the end.
func TestMaskTableKilled(t *testing.T) {
	if dir := os.Getenv("AIHUB_TEST_MASK"); dir != "" {
		maskAndTell(t, dir)
		return
	}
	in, _ := visits(t, 4<<16)
	dir := t.TempDir()
	if err := os.Rename(in, filepath.Join(dir, "in")); err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(20, 26))
	want := ""
	for round := range 4 {
		var said []string
		for turn := 0; ; turn++ {
			// The first round is left alone; later ones are killed up to three times.
			after, late := -1, time.Duration(0)
			if round > 0 && turn < 3 {
				after = rng.IntN(9)
				if rng.IntN(2) == 0 {
					late = time.Duration(rng.IntN(20)) * time.Millisecond
				}
			}
			lines, killed := maskUntil(t, dir, after, late)
			said = append(said, lines...)
			if !killed {
				break
			}
			if _, err := os.Stat(filepath.Join(dir, "out")); err == nil {
				break // killed behind the end
			}
		}
		digest := digestOf(t, filepath.Join(dir, "out"))
		if round == 0 {
			want = digest
		}
		if digest != want {
			t.Fatalf("round %d: another file after %q", round, said)
		}
		// A unit that was said to be finished is not done twice.
		done := int64(0)
		for _, line := range said {
			if at, ok := strings.CutPrefix(line, "mask "); ok {
				rows, _ := strconv.ParseInt(at, 10, 64)
				if rows <= done {
					t.Fatalf("round %d began anew: %q", round, said)
				}
				done = rows
			}
		}
		left, _ := filepath.Glob(filepath.Join(dir, "out*"))
		for _, name := range left {
			if base := filepath.Base(name); base != "out" && base != "out.json" {
				t.Errorf("round %d left %s", round, base)
			}
			if err := os.Remove(name); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// maskAndTell masks and says each step on standard output before it goes on,
// when it is told to.
func maskAndTell(t *testing.T, dir string) {
	manifest := strings.Replace(visitsManifest, "mask:\n", "mask:\n  order: keep\n", 1)
	var ack [1]byte
	if _, err := maskTable(t, t.Context(), []byte(manifest), filepath.Join(dir, "in"), filepath.Join(dir, "out"), func(stage string, done, _ int64) {
		fmt.Fprintln(os.Stderr, "step", stage, done)
		if _, err := os.Stdin.Read(ack[:]); err != nil {
			t.Error(err)
		}
	}); err != nil {
		t.Fatal(err)
	}
}

// maskUntil runs maskAndTell in a process of its own and kills it that long after
// the step of a number; below 0 it is let run. It returns the steps.
func maskUntil(t *testing.T, dir string, after int, late time.Duration) (lines []string, killed bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestMaskTableKilled$")
	// What the child makes for itself goes with the parent's directory: a child that
	// is killed cleans nothing up.
	c.Env = append(os.Environ(), "AIHUB_TEST_MASK="+dir, "TMPDIR="+dir, "TMP="+dir, "TEMP="+dir)
	in, err1 := c.StdinPipe()
	steps, err2 := c.StderrPipe()
	if err := errors.Join(err1, err2, c.Start()); err != nil {
		t.Fatal(err)
	}
	var other []string
	for s := bufio.NewScanner(steps); s.Scan(); {
		line, ok := strings.CutPrefix(s.Text(), "step ")
		if !ok {
			other = append(other, s.Text())
			continue
		}
		if killed {
			continue
		}
		lines = append(lines, line)
		if len(lines) == after+1 {
			if killed = true; late > 0 {
				io.WriteString(in, "..........")
				time.Sleep(late)
			}
			c.Process.Kill()
			continue
		}
		io.WriteString(in, ".")
	}
	if err := c.Wait(); err != nil && !killed {
		t.Fatalf("%v after %q\n%s", err, lines, strings.Join(other, "\n"))
	}
	return lines, killed
}

func digestOf(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(aihub.DigestOf(b))
}

// Where a column says whose a row is, page by page as whole: classes count people.
func TestMaskTableCountsPeople(t *testing.T) {
	t.Parallel()
	in, _ := visits(t, 8_000)
	manifest := visitsManifest + "risk: {quasi: [age, home], k: 6, max_suppression: 0.3, subject: ward}\n"
	manifest = strings.Replace(manifest, `ward: {use: suppress, values: ["7"]}`, "ward: {use: drop}", 1) // whose a row is need not be published
	_, rec := maskVisits(t, manifest, in)
	w := newWorld(t)
	v, err := w.Publish(w.ctx, w.steward, []byte(manifest), in, nil)
	w.must(err)
	got, want := rec.Risk, w.profile(v).Risk
	if got == nil || got.After.K < 6 || got.After.Largest > 8 || got.After.People == 0 || got.Suppressed == 0 {
		t.Fatalf("%+v", got)
	}
	got.Attack, got.InTrain, got.Linkage, got.Policy = want.Attack, want.InTrain, want.Linkage, want.Policy
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if v.Risk.Subject != "ward" || v.Risk.Limits[0].Measured != float64(got.After.K) {
		t.Errorf("%+v", v.Risk)
	}
	for lang, says := range map[aihub.Lang]string{aihub.EN: "count people, different values of `ward`", aihub.ZH: "计的是人（`ward` 的不同取值）"} {
		if card := CardIn(string(w.blobs()[v.Card]), lang); !strings.Contains(card, says) {
			t.Error(card)
		}
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(in), ".people-*")); err != nil || len(left) > 0 {
		t.Errorf("%v is left, %v", left, err)
	}
	_, err = maskTable(t, t.Context(), []byte(strings.Replace(manifest, "subject: ward", "subject: wart", 1)), in, filepath.Join(t.TempDir(), "out"), func(string, int64, int64) {})
	if aihub.KindOf(err) != aihub.Contract || !strings.Contains(err.Error(), `no column "wart"`) {
		t.Error(err)
	}
}
