package store

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"aihub"
	"aihub/policies"
)

// CatalogueQuery narrows a search of the catalogue; zero fields do not.
type CatalogueQuery struct {
	Words   string // all of them must be found in name, titles or descriptions, both languages
	Kind    string // scenario, dataset
	Org     aihub.OrgID
	Field   string // of scenarios
	Area    string
	License string // of datasets
	State   string

	Offset, Limit int // of the entries returned; Limit 0: all
}

// CatalogueEntry is a scenario or a dataset version in an answer.
type CatalogueEntry struct {
	Kind    string      `json:"kind" doc:"scenario or dataset"`
	Ref     aihub.Ref   `json:"ref"`
	Org     aihub.OrgID `json:"org"`
	State   string      `json:"state"`
	Title   aihub.Text  `json:"title"`
	Summary aihub.Text  `json:"summary"`
	Field   string      `json:"field,omitempty"`
	Area    string      `json:"area,omitempty"`
	License string      `json:"license,omitempty"`
	At      time.Time   `json:"at" doc:"when it was published or proposed"`
}

// CataloguePage is a part of an answer.
type CataloguePage struct {
	Total   int              `json:"total" doc:"entries that match"`
	Entries []CatalogueEntry `json:"entries"`
}

// Prefixes of what is in the index beside words: a colon is in no word.
const (
	inTitle = "title:"
	byName  = "name:"
	byState = "state:"
)

// Search lists what matches: first the thing whose name was asked for, then those
// that have every word in their title, then the others; the newest first in each.
func (db *DB) Search(ctx context.Context, s policies.Scope, q CatalogueQuery) (page CataloguePage, err error) {
	page.Entries = []CatalogueEntry{}
	err = db.read(ctx, func(t *tx) error {
		var numbers []int64
		if page.Total, numbers, err = t.matching(s, q); err != nil {
			return err
		}
		page.Entries, err = t.catalogueEntries(numbers)
		return err
	})
	return page, err
}

// matching returns how many entries match, and the numbers of those between
// q.Offset and q.Limit, best first.
func (t *tx) matching(s policies.Scope, q CatalogueQuery) (int, []int64, error) {
	if err := bounded(500, "the search", q.Words, "kind", q.Kind, "org", string(q.Org), "field", q.Field, "area", q.Area,
		"license", q.License, "state", q.State); err != nil {
		return 0, nil, err
	}
	words := asked(q.Words)
	if len(words) == 0 && folded(q.Words) != "" {
		return 0, nil, nil // signs alone are found nowhere
	}
	slices.Sort(words)
	words = slices.Compact(words)
	// The filters first: they are cheap, and often leave less.
	hits := found{}
	states := []string{string(aihub.ScenarioOpen), string(aihub.ScenarioClosed), string(aihub.DatasetPublished)}
	if s.All() {
		states = append(states, string(aihub.DatasetProposed), string(aihub.DatasetRejected), string(aihub.DatasetWithdrawn))
	}
	for _, state := range states {
		if q.State == "" || q.State == state {
			f, err := t.having(byState + state)
			if err != nil {
				return 0, nil, err
			}
			hits.or(f)
		}
	}
	for _, c := range [][2]string{{"kind:", q.Kind}, {"org:", string(q.Org)}, {"field:", q.Field}, {"area:", q.Area}, {"license:", folded(q.License)}} {
		if c[1] != "" {
			words = append(words, c[0]+c[1])
		}
	}
	title := hits.clone()
	for _, w := range words {
		if len(hits) == 0 {
			return 0, nil, nil
		}
		f, err := t.having(w)
		if err != nil {
			return 0, nil, err
		}
		hits.and(f)
		if !strings.Contains(w, ":") && len(title) > 0 {
			if f, err = t.having(inTitle + w); err != nil {
				return 0, nil, err
			}
		}
		title.and(f)
	}
	named := found{}
	if name := folded(q.Words); name != "" {
		f, err := t.having(byName + name)
		if err != nil {
			return 0, nil, err
		}
		named = hits.clone()
		named.and(f)
	}
	total, skip, out := hits.count(), max(q.Offset, 0), []int64{}
	for _, f := range []found{named, title.without(named), hits.without(title).without(named)} {
		if n := f.count(); n <= skip {
			skip -= n
			continue
		}
		f.newest(func(n int64) bool {
			if skip > 0 {
				skip--
				return true
			}
			out = append(out, n)
			return q.Limit <= 0 || len(out) < q.Limit
		})
		if q.Limit > 0 && len(out) == q.Limit {
			break
		}
	}
	return total, out, nil
}

// having returns the entries that have a word.
func (t *tx) having(word string) (found, error) {
	f := found{}
	_, err := all(t, func(s scanner) (struct{}, error) {
		var block int64
		var text string
		err := s.Scan(&block, &text)
		m := new(marks)
		m.decode(text)
		f[block] = m
		return struct{}{}, err
	}, "SELECT block, marks FROM words WHERE word = ?", word)
	return f, err
}

// entryBatch bounds the parameters of one statement.
const entryBatch = 500

// catalogueEntries reads entries in the order of their numbers as given.
func (t *tx) catalogueEntries(numbers []int64) ([]CatalogueEntry, error) {
	out := make([]CatalogueEntry, 0, len(numbers))
	for chunk := range slices.Chunk(numbers, entryBatch) {
		type thing struct {
			number        int64
			kind, subject string
		}
		things, err := all(t, func(s scanner) (v thing, err error) {
			err = s.Scan(&v.number, &v.kind, &v.subject)
			return v, err
		}, "SELECT number, kind, subject FROM entries WHERE number IN ("+places(len(chunk))+")", anys(chunk)...)
		if err != nil {
			return nil, err
		}
		got := map[string]CatalogueEntry{}
		for _, q := range [][2]string{
			{"scenario", "id, org, state, title_zh, title_en, summary_zh, summary_en, field, area, '', published_at FROM scenarios"},
			{"dataset", "id, org, state, title_zh, title_en, description_zh, description_en, '', '', license, created_at FROM datasets"},
		} {
			var ids []string
			for _, v := range things {
				if v.kind == q[0] {
					ids = append(ids, v.subject)
				}
			}
			if len(ids) == 0 {
				continue
			}
			list, err := all(t, func(s scanner) (e CatalogueEntry, err error) {
				err = s.Scan(ref{&e.Ref}, &e.Org, &e.State, &e.Title.ZH, &e.Title.EN, &e.Summary.ZH, &e.Summary.EN, &e.Field, &e.Area, &e.License, at{&e.At})
				return e, err
			}, "SELECT "+q[1]+" WHERE id IN ("+places(len(ids))+")", anys(ids)...)
			if err != nil {
				return nil, err
			}
			for _, e := range list {
				e.Kind = q[0]
				got[q[0]+" "+e.Ref.String()] = e
			}
		}
		byNumber := map[int64]string{}
		for _, v := range things {
			byNumber[v.number] = v.kind + " " + v.subject
		}
		for _, n := range chunk {
			if e, ok := got[byNumber[n]]; ok {
				out = append(out, e)
			}
		}
	}
	return out, nil
}

func places(n int) string { return "?" + strings.Repeat(", ?", n-1) }

func anys[T any](list []T) []any {
	out := make([]any, len(list))
	for i, v := range list {
		out[i] = v
	}
	return out
}

// searchText is how much of a description is searched: characters.
const searchText = 8000

func clip(s string) string {
	if r := []rune(s); len(r) > searchText {
		return string(r[:searchText])
	}
	return s
}

// scenarioWords returns what a scenario is found by.
func scenarioWords(sc aihub.Scenario, more ...string) map[string]bool {
	set := map[string]bool{
		"kind:scenario": true, byName + folded(sc.Ref.Name): true, byState + string(sc.State): true,
		"org:" + string(sc.Org): true, "field:" + sc.Field: true, "area:" + sc.Area: true,
	}
	entryWords(set, []string{sc.Ref.Name, sc.Title.ZH, sc.Title.EN}, append(more, sc.Summary.ZH, sc.Summary.EN))
	return set
}

// datasetWords returns what a dataset version is found by: its columns too.
func datasetWords(v aihub.DatasetVersion) map[string]bool {
	set := map[string]bool{
		"kind:dataset": true, byName + folded(v.Ref.Name): true, byState + string(v.State): true,
		"org:" + string(v.Org): true, "license:" + folded(v.License): true,
	}
	more := []string{v.Description.ZH, v.Description.EN}
	for _, c := range v.Columns {
		more = append(more, c.Name, c.Note.ZH, c.Note.EN)
	}
	entryWords(set, []string{v.Ref.Name, v.Title.ZH, v.Title.EN}, more)
	return set
}

func entryWords(set map[string]bool, title, more []string) {
	for _, s := range title {
		said(set, "", clip(s))
		said(set, inTitle, clip(s))
	}
	for _, s := range more {
		said(set, "", clip(s))
	}
}

// index adds an entry. Numbers grow with time.
func (t *tx) index(kind, subject string, words map[string]bool) error {
	n, _, err := one(t, value[int64], "SELECT COALESCE(MAX(number), -1) + 1 FROM entries")
	if err != nil {
		return err
	}
	if err := t.insert("entries", "number, kind, subject", n, kind, subject); err != nil {
		return err
	}
	for _, w := range slices.Sorted(maps.Keys(words)) {
		if err := t.mark(w, n, true); err != nil {
			return err
		}
	}
	return nil
}

// mark says that an entry has a word, or has it no longer.
func (t *tx) mark(word string, number int64, has bool) error {
	block := number / blockSize
	old, _, err := one(t, value[string], "SELECT marks FROM words WHERE word = ? AND block = ?", word, block)
	if err != nil {
		return err
	}
	var m marks
	m.decode(old)
	if has {
		m.set(number % blockSize)
	} else {
		m.clear(number % blockSize)
	}
	return t.putMarks(word, block, &m)
}

func (t *tx) putMarks(word string, block int64, m *marks) error {
	return t.exec("INSERT INTO words (word, block, marks) VALUES (?, ?, ?) ON CONFLICT (word, block) DO UPDATE SET marks = excluded.marks",
		word, block, m.encode())
}

// restate says in the index that a thing went from one state to another.
func (t *tx) restate(kind, subject, from, to string) error {
	n, ok, err := one(t, value[int64], "SELECT number FROM entries WHERE kind = ? AND subject = ?", kind, subject)
	if err != nil || !ok {
		return err
	}
	if err := t.mark(byState+from, n, false); err != nil {
		return err
	}
	return t.mark(byState+to, n, true)
}

// reindex makes the index anew when entries are missing: after an upgrade.
func (db *DB) reindex(ctx context.Context) error {
	behind := false
	const counts = "SELECT (SELECT count(*) FROM scenarios) + (SELECT count(*) FROM datasets) - (SELECT count(*) FROM entries)"
	if err := db.read(ctx, func(t *tx) error {
		n, _, err := one(t, value[int64], counts)
		behind = n != 0
		return err
	}); err != nil || !behind {
		return err
	}
	return db.write(ctx, func(t *tx) error {
		if n, _, err := one(t, value[int64], counts); err != nil || n == 0 {
			return err // another process did it
		}
		for _, table := range []string{"words", "entries"} {
			if err := t.exec("DELETE FROM " + table); err != nil {
				return err
			}
		}
		type thing struct {
			kind, id string
			at       int64
		}
		things, err := all(t, func(s scanner) (v thing, err error) {
			err = s.Scan(&v.kind, &v.id, &v.at)
			return v, err
		}, "SELECT 'scenario', id, published_at FROM scenarios UNION ALL SELECT 'dataset', id, created_at FROM datasets")
		if err != nil {
			return err
		}
		slices.SortFunc(things, func(a, b thing) int {
			return cmp.Or(cmp.Compare(a.at, b.at), strings.Compare(a.kind, b.kind), strings.Compare(a.id, b.id))
		})
		for b := int64(0); b*blockSize < int64(len(things)); b++ {
			block := things[b*blockSize : min((b+1)*blockSize, int64(len(things)))]
			words := map[string]*marks{}
			for i, v := range block {
				if err := t.insert("entries", "number, kind, subject", b*blockSize+int64(i), v.kind, v.id); err != nil {
					return err
				}
				set, err := t.wordsOf(v.kind, v.id)
				if err != nil {
					return err
				}
				for w := range set {
					if words[w] == nil {
						words[w] = new(marks)
					}
					words[w].set(int64(i))
				}
			}
			for _, w := range slices.Sorted(maps.Keys(words)) {
				if err := t.putMarks(w, b, words[w]); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// wordsOf reads a thing and returns what it is found by.
func (t *tx) wordsOf(kind, id string) (map[string]bool, error) {
	r, err := aihub.ParseRef(id)
	if err != nil {
		return nil, err
	}
	if kind == "dataset" {
		v, err := t.dataset(r)
		return datasetWords(v), err
	}
	sc, err := t.scenario(r)
	if err != nil {
		return nil, err
	}
	m, err := termsOf(sc.Spec)
	return scenarioWords(sc.Scenario, m.Description.ZH, m.Description.EN), err
}
