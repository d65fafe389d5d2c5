package store

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"aihub"
	"aihub/policies"
)

// Dataset versions and scenarios are found by words of both languages and by
// filters, each in its own state; what is asked for by name comes first.
func TestSearchCatalogue(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sc := w.scenario("school-places", 1, 1, "policy") // and its dataset, school-places-data
	ds := aihub.Ref{Name: "school-places-data", Version: 1}
	w.clock.pass(time.Second)
	w.dataset("event")
	everyone, stewards := policies.Scope{}, w.scope(w.steward)
	for _, c := range []struct {
		s     policies.Scope
		q     CatalogueQuery
		first string
		total int
	}{
		{everyone, CatalogueQuery{}, "event@1", 3},
		{everyone, CatalogueQuery{Words: "Event"}, "event@1", 3}, // its name, before newer and older titles
		{everyone, CatalogueQuery{Words: "places"}, sc.String(), 2},
		{everyone, CatalogueQuery{Words: "plac"}, sc.String(), 2},
		{everyone, CatalogueQuery{Words: "laces"}, "", 0},
		{everyone, CatalogueQuery{Words: "ＰＬＡＣＥＳ"}, sc.String(), 2},
		{everyone, CatalogueQuery{Words: "事件分拨"}, sc.String(), 1},
		{everyone, CatalogueQuery{Words: "件"}, "event@1", 3},
		{everyone, CatalogueQuery{Words: "上报居民"}, "", 0},         // a pair that is nowhere
		{everyone, CatalogueQuery{Words: "label"}, "event@1", 2}, // a column
		{everyone, CatalogueQuery{Kind: "dataset"}, "event@1", 2},
		{everyone, CatalogueQuery{Kind: "dataset", License: "Internal"}, "event@1", 2},
		{everyone, CatalogueQuery{Area: "governance"}, sc.String(), 1},
		{everyone, CatalogueQuery{Org: "acme"}, "", 0},
		{everyone, CatalogueQuery{State: "published", Offset: 1, Limit: 1}, ds.String(), 2},
		{everyone, CatalogueQuery{State: "proposed"}, "", 0},
		{everyone, CatalogueQuery{Words: "kind:dataset"}, "", 0},
	} {
		page, err := w.Search(w.ctx, c.s, c.q)
		w.must(err)
		first := ""
		if len(page.Entries) > 0 {
			first = page.Entries[0].Ref.String()
		}
		if page.Total != c.total || first != c.first {
			t.Errorf("%+v finds %d, first %q; want %d, %q", c.q, page.Total, first, c.total, c.first)
		}
	}
	w.must(w.WithdrawDataset(w.ctx, w.permit(w.steward, policies.DatasetWithdraw, policies.Object{ID: ds.String(), Org: "city"}), ds, "a mistake"))
	for s, n := range map[*policies.Scope]int{&everyone: 1, &stewards: 2} {
		if page, err := w.Search(w.ctx, *s, CatalogueQuery{Kind: "dataset"}); err != nil || page.Total != n {
			t.Errorf("after a withdrawal %d of %d are found: %v", page.Total, n, err)
		}
	}
	w.sound()
	// An index that is gone, as after an upgrade, is made anew at the start.
	before, err := w.Search(w.ctx, stewards, CatalogueQuery{Words: "事件"})
	w.must(err)
	for _, table := range []string{"entries", "words"} {
		_, err := w.rw.Exec("DELETE FROM " + table)
		w.must(err)
	}
	w.must(w.DB.Close())
	w.open()
	after, err := w.Search(w.ctx, stewards, CatalogueQuery{Words: "事件"})
	if err != nil || fmt.Sprint(before) != fmt.Sprint(after) {
		t.Errorf("the index that was made anew finds %v, before %v (%v)", after, before, err)
	}
}

// vocabulary is what the generated entries are made of.
var vocabulary = strings.Fields("traffic water school hospital district of in emergency 24h camera budget events energy report reports residents " +
	"交通 水务 学校 医院 街道 应急 摄像 预算 事件 能源 居民 上报 福田 深圳 数据 预测 分拨")

// generated inserts n datasets of made-up words without leaves, and indexes them.
func (w *world) generated(n int, seed uint64) []string {
	w.Helper()
	r := rand.New(rand.NewPCG(seed, 1))
	texts := make([]string, n)
	tx, err := w.rw.Begin()
	w.must(err)
	defer tx.Rollback()
	st, err := tx.Prepare(w.d.rebind(`INSERT INTO datasets (id, name, version, org, author, approver, state, title_zh, title_en, description_zh, description_en,
		license, key_column, columns_json, parts_json, content, plan, raw, profile, card, reason, created_at, decided_at)
		SELECT CAST(? AS TEXT), CAST(? AS TEXT), 1, org, author, approver, state, CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), '',
		license, key_column, '[]', parts_json, content, plan, raw, profile, card, reason, CAST(? AS BIGINT), decided_at FROM datasets WHERE id = 'event@1'`))
	w.must(err)
	phrase := func(n int) string {
		var words []string
		for range n {
			words = append(words, vocabulary[int(float64(len(vocabulary))*r.Float64()*r.Float64())])
		}
		return strings.Join(words, []string{" ", "", "，"}[r.IntN(3)])
	}
	for i := range n {
		title, extra, description := phrase(4), fmt.Sprintf("no %d", i), phrase(30)
		texts[i] = strings.Join([]string{fmt.Sprint("gen-", i), title, extra, description}, "\n")
		name := fmt.Sprint("gen-", i)
		_, err := st.Exec(name+"@1", name, title, extra, description, us(openTime)+int64(i)+1e9)
		w.must(err)
	}
	w.must(tx.Commit())
	w.must(w.reindex(w.ctx))
	return texts
}

// The index finds what reading every text finds: whole words of letters or
// their beginnings from three letters on, pairs of neighbouring ideographs.
func TestSearchIsExact(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.dataset("event")
	texts := w.generated(4200, 7) // more than one block
	words := make([][]string, len(texts))
	for i, text := range texts {
		textRuns(text, func(run []rune, _ bool) { words[i] = append(words[i], string(run)) })
	}
	matches := func(words []string, query string) bool {
		for _, q := range asked(query) {
			n := len([]rune(q))
			if !slices.ContainsFunc(words, func(s string) bool {
				if ideograph([]rune(q)[0]) {
					return strings.Contains(s, q)
				}
				return s == q || n >= shortWord && strings.HasPrefix(s, q)
			}) {
				return false
			}
		}
		return true
	}
	r := rand.New(rand.NewPCG(9, 9))
	for range 60 {
		var parts []string
		for range 1 + r.IntN(3) {
			word := []rune(vocabulary[r.IntN(len(vocabulary))])
			if r.IntN(4) == 0 {
				word = word[:1+r.IntN(len(word))]
			}
			parts = append(parts, string(word))
		}
		query := strings.Join(parts, []string{" ", ""}[r.IntN(2)])
		want := map[string]bool{}
		for i := range texts {
			if matches(words[i], query) {
				want[fmt.Sprintf("gen-%d@1", i)] = true
			}
		}
		page, err := w.Search(w.ctx, policies.Scope{}, CatalogueQuery{Words: query, Kind: "dataset"})
		w.must(err)
		got := 0
		for _, e := range page.Entries {
			if e.Ref.Name != "event" {
				got++
				if !want[e.Ref.String()] {
					t.Fatalf("%q finds %s", query, e.Ref)
				}
			}
		}
		if got != len(want) {
			t.Fatalf("%q finds %d, want %d", query, got, len(want))
		}
	}
}

// Marks survive encoding in both forms, and a word that is dropped is not found.
func TestMarks(t *testing.T) {
	for _, n := range []int{0, 1, 255, 256, 257, 4000} {
		var m, back marks
		for _, i := range rand.New(rand.NewPCG(1, uint64(n))).Perm(blockSize)[:n] {
			m.set(int64(i))
		}
		if back.decode(m.encode()); back != m || back.count() != n {
			t.Errorf("%d marks come back as %d", n, back.count())
		}
	}
}

// Foreign bytes in the index are no entries, and no panic.
func FuzzMarks(f *testing.F) {
	f.Add("AAA")
	f.Add(strings.Repeat("/", 683))
	f.Fuzz(func(t *testing.T, s string) {
		var m, back marks
		m.decode(s)
		if back.decode(m.encode()); back != m {
			t.Error("what was read is not written so")
		}
	})
}

// A page of fifty from 100 000 entries, for words that many, few and no entries have.
func BenchmarkSearch(b *testing.B) {
	w := newWorld(b)
	w.dataset("event")
	w.generated(100_000, 3)
	for _, q := range []CatalogueQuery{
		{}, {Words: "traffic"}, {Words: "交通"}, {Words: "traffic water school hospital"}, {Words: "福田分拨"},
		{Words: "no 777"}, {Words: "gen-4711"}, {Words: "reports", Kind: "dataset", Org: "city", License: "internal", Offset: 200}, {Words: "nowhere"},
	} {
		q.Limit = 50
		b.Run(strings.ReplaceAll(fmt.Sprintf("%s%s", q.Words, q.Kind), " ", "_"), func(b *testing.B) {
			n := 0
			for b.Loop() {
				page, err := w.Search(w.ctx, policies.Scope{}, q)
				w.must(err)
				n = page.Total
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/1000, "ms/search")
			b.ReportMetric(float64(n), "found")
		})
	}
}
