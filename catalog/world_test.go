package catalog

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aihub"
	"aihub/catalog/detect"
	"aihub/internal/blob"
	"aihub/internal/keys"
	"aihub/internal/store"
	"aihub/internal/table"
	"aihub/policies"
)

// world is a platform with two cities and their people, on a real database and
// real blobs.
type world struct {
	testing.TB
	*Catalog
	ctx                      context.Context
	dir                      string
	operator, steward, other aihub.Actor
	reviewer, vendor         aihub.Actor
}

// newWorld makes one whose root key depends on the test's name alone: among
// thousands of masked phones one may by chance be another's raw one, and a test
// should see that always or never.
func newWorld(t testing.TB) *world { return newWorldKeyed(t, t.Name()) }

func newWorldKeyed(t testing.TB, key string) *world {
	t.Helper()
	return openWorld(t, key, t.TempDir())
}

// openWorld is newWorldKeyed in a directory, which may hold that world already.
func openWorld(t testing.TB, key, dir string) *world {
	t.Helper()
	w := &world{TB: t, ctx: context.Background(), dir: dir}
	_, err := os.Stat(filepath.Join(dir, "keys"))
	old := err == nil
	root := sha256.Sum256([]byte(key))
	w.must(os.MkdirAll(filepath.Join(w.dir, "keys"), 0o700))
	w.must(os.WriteFile(filepath.Join(w.dir, "keys", "root"), root[:], 0o600))
	ring, err := keys.Open(filepath.Join(w.dir, "keys", "root"))
	w.must(err)
	now := func() time.Time { return time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC) }
	db, err := store.Open(w.ctx, store.Options{DSN: filepath.Join(w.dir, "aihub.db"), Signer: ring.Signer(), Now: now})
	w.must(err)
	t.Cleanup(func() { db.Close() })
	engine, err := policies.New()
	w.must(err)
	local, err := blob.OpenLocal(filepath.Join(w.dir, "blobs"))
	w.must(err)
	t.Cleanup(func() { local.Close() })
	w.Catalog = &Catalog{DB: db, Policies: engine, Blobs: &blob.Vault{Store: local, Find: db.SealOf, Key: ring.Derive("vault", "")}, Keys: ring, Dir: filepath.Join(w.dir, "tmp"), Now: now}

	w.operator = aihub.Actor{User: "ops", Org: "platform", Roles: []aihub.Role{aihub.Operator}}
	if old {
		w.steward = aihub.Actor{User: "stew", Org: "futian", Roles: []aihub.Role{aihub.Steward}}
		return w
	}
	w.must(db.Bootstrap(w.ctx, aihub.Org{ID: "platform"}, aihub.User{ID: "ops", Roles: w.operator.Roles}, "hash"))
	person := func(user aihub.UserID, org aihub.OrgID, role aihub.Role) aihub.Actor {
		a := aihub.Actor{User: user, Org: org, Roles: []aihub.Role{role}}
		p := w.permit(w.operator, policies.UserCreate, policies.Object{Kind: "user", ID: string(user)})
		w.must(db.CreateUser(w.ctx, p, aihub.User{ID: user, Org: org, Roles: a.Roles}, "hash"))
		return a
	}
	for _, org := range []aihub.OrgID{"futian", "nanshan", "acme"} {
		w.must(db.CreateOrg(w.ctx, w.permit(w.operator, policies.OrgCreate, policies.Object{Kind: "org", ID: string(org)}), aihub.Org{ID: org}))
	}
	w.steward = person("stew", "futian", aihub.Steward)
	w.other = person("ned", "nanshan", aihub.Steward)
	w.reviewer = person("rita", "platform", aihub.Reviewer)
	w.vendor = person("vera", "acme", aihub.Vendor)
	return w
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) permit(a aihub.Actor, action policies.Action, o policies.Object) policies.Permit {
	w.Helper()
	p, err := w.Policies.Authorize(w.ctx, a, action, o)
	w.must(err)
	return p
}

// publish proposes raw text as the manifest says.
func (w *world) publish(manifest, raw string) (aihub.DatasetVersion, error) {
	w.Helper()
	path := filepath.Join(w.TempDir(), "raw")
	w.must(os.WriteFile(path, []byte(raw), 0o600))
	return w.Publish(w.ctx, w.steward, []byte(manifest), path, nil)
}

func (w *world) approve(v aihub.DatasetVersion) {
	w.Helper()
	p := w.permit(w.reviewer, policies.DatasetApprove, policies.Object{Kind: "dataset", ID: v.Ref.String(), Org: v.Org, Author: v.Author})
	w.must(w.DB.DecideDataset(w.ctx, p, v.Ref, true, false, "looks right"))
}

// opened are the files of every version's parts as they are when they are read.
func (w *world) opened() map[aihub.Digest][]byte {
	w.Helper()
	out := map[aihub.Digest][]byte{}
	vs, err := w.DB.Datasets(w.ctx, policies.ScopeOf(policies.Platform()))
	w.must(err)
	for _, v := range vs {
		for _, f := range v.Parts {
			for _, d := range []aihub.Digest{f.Input, f.Truth, f.Files} {
				if d == "" {
					continue
				}
				r, err := w.Blobs.Open(w.ctx, d)
				w.must(err)
				out[d], err = io.ReadAll(r)
				w.must(errors.Join(err, r.Close()))
			}
		}
	}
	return out
}

// blobs returns every blob by digest, as it lies in the store.
func (w *world) blobs() map[aihub.Digest][]byte {
	w.Helper()
	out := map[aihub.Digest][]byte{}
	w.must(w.Blobs.Walk(w.ctx, func(d aihub.Digest, _ int64) error {
		r, err := w.Blobs.Open(w.ctx, d)
		if err != nil {
			return err
		}
		defer r.Close()
		out[d], err = io.ReadAll(r)
		return err
	}))
	return out
}

// part reads one file of a version.
func (w *world) part(d aihub.Digest) *table.Batch {
	w.Helper()
	path := filepath.Join(w.TempDir(), "part")
	w.must(blob.Fetch(w.ctx, w.Blobs, d, path))
	r, err := table.OpenParquet(path, nil)
	w.must(err)
	defer r.Close()
	b, err := table.ReadAll(r, 1<<20)
	w.must(err)
	return b
}

func (w *world) profile(v aihub.DatasetVersion) (p Profile) {
	w.Helper()
	w.must(json.Unmarshal(w.blobs()[v.Profile], &p))
	return p
}

// nothingLeft fails when a publish left a blob, a dataset or a temporary file.
func (w *world) nothingLeft() {
	w.Helper()
	w.nothingStored()
	w.noTemp()
}

// nothingStored fails when a publish left a blob or a dataset.
func (w *world) nothingStored() {
	w.Helper()
	if n := len(w.blobs()); n != 0 {
		w.Errorf("%d blobs are left", n)
	}
	vs, err := w.DB.Datasets(w.ctx, policies.ScopeOf(policies.Platform()))
	w.must(err)
	if len(vs) != 0 {
		w.Errorf("%d datasets are left", len(vs))
	}
}

func (w *world) noTemp() {
	w.Helper()
	filepath.WalkDir(w.Dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && path != w.Dir {
			w.Errorf("%s is left", path)
		}
		return nil
	})
}

// citizens are made-up raw records: their names use characters that no
// replacement has, so that a raw name cannot come back by chance.
type citizens struct {
	csv string
	ids []string // every raw identifying value
}

func people(n int, seed uint64) citizens {
	rng := rand.New(rand.NewPCG(seed, 1))
	var b strings.Builder
	var out citizens
	b.WriteString("case_no,name,id_card,mobile,address,born,sex,income,note,outcome\n")
	for i := range n {
		name := string([]rune("覃谭翁辛柴鲍")[rng.IntN(6)]) + string(rune(0x9B42+rng.IntN(40))) + string(rune(0x9F80+rng.IntN(30)))
		year, month, day := 1950+rng.IntN(50), 1+rng.IntN(12), 1+rng.IntN(28)
		body := fmt.Sprintf("4403%02d%04d%02d%02d%03d", 3+rng.IntN(6), year, month, day, rng.IntN(1000))
		id := body + string(detect.ResidentCheck(body))
		mobile := fmt.Sprintf("1%d%09d", 3+rng.IntN(7), rng.IntN(1_000_000_000))
		road := fmt.Sprintf("%s路%d号", []string{"莲花", "景田", "福强", "梅林"}[rng.IntN(4)], 100+rng.IntN(9000))
		district := []string{"福田区", "南山区", "罗湖区"}[rng.IntN(3)]
		address := "广东省深圳市" + district + road
		caseNo := fmt.Sprintf("SZ-%08d", rng.IntN(100_000_000))
		outcome := []string{"受理", "转办", "不予受理"}[rng.IntN(3)]
		note := []string{
			fmt.Sprintf("市民%s来电（%s），%s门前积水", name, mobile, address),
			fmt.Sprintf("身份证%s，姓名：%s，要求%s", id, name, []string{"退费", "回电"}[i%2]),
			fmt.Sprintf("%s本人到场，住%s，电话 %s-%s-%s", name, road, mobile[:3], mobile[3:7], mobile[7:]),
			"路灯不亮",
		}[rng.IntN(4)]
		fmt.Fprintf(&b, "%s,%s,%s,%s,%s,%04d-%02d-%02d,%s,%d,%s,%s\n", caseNo, name, id, mobile, address, year, month, day,
			[]string{"男", "女"}[rng.IntN(2)], 3000+rng.IntN(20000), note, outcome)
		out.ids = append(out.ids, name, id, mobile, road, caseNo, mobile[:3]+"-"+mobile[3:7]+"-"+mobile[7:])
	}
	out.csv = b.String()
	return out
}

const peopleManifest = `
name: cases
title: {zh: 诉求, en: Cases}
description: {zh: 测试数据, en: Test data}
license: CC-BY-4.0
key: case_no
types: {born: date}
mask:
  columns:
    case_no: {use: pseudonym}
    name: {use: name}
    id_card: {use: resident, area: keep}
    mobile: {use: phone}
    address: {use: address}
    born: {use: date, to: 5years}
    sex: {use: keep}
    income: {use: band, width: 5000, max: 20000}
    note: {use: redact}
    outcome: {use: keep}
truth: [outcome]
split: {sample: 0.2, train: 0.3, test: 0.3, final: 0.2, seed: 7}
notes:
  income: {zh: 月收入（元）, en: Income a month}
`

// without returns the manifest with the line that contains s replaced.
func replaceLine(t testing.TB, manifest, s, by string) string {
	t.Helper()
	lines := strings.Split(manifest, "\n")
	for i, l := range lines {
		if strings.Contains(l, s) {
			lines[i] = by
			return strings.Join(lines, "\n")
		}
	}
	t.Fatalf("no line with %q", s)
	return ""
}

// holds returns one of the values that stands in b, or "". It looks at every
// window of b of each length that a value has: thousands of values at once.
func holds(b []byte, values []string) string {
	sets := map[int]map[string]bool{}
	for _, v := range values {
		if sets[len(v)] == nil {
			sets[len(v)] = map[string]bool{}
		}
		sets[len(v)][v] = true
	}
	for n, set := range sets {
		for i := 0; i+n <= len(b); i++ {
			if n > 0 && set[string(b[i:i+n])] {
				return string(b[i : i+n])
			}
		}
	}
	return ""
}
