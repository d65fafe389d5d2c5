package catalog

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"aihub"
	"aihub/internal/table"
	"aihub/policies"
)

// Parent says that the rows of this table belong to rows of another dataset's
// (参照完整性): a column holds its key. Both are masked in one scope and domain, so
// the pseudonyms are the same; a row goes to the part of its parent, and goes
// nowhere when the parent was dropped or never there.
type Parent struct {
	Column  string `yaml:"column"`
	Dataset string `yaml:"dataset"` // name@N, of the same organisation
}

// maxParents bounds the keys of a parent that are held in memory, 17 bytes each
// and a map's room.
const maxParents = 20_000_000

func (p Parent) declared() bool { return p != Parent{} }

func (m *Manifest) lintParent(l *linter) {
	p := m.Parent
	if !p.declared() {
		m.Split.lint(l)
		return
	}
	if _, err := aihub.ParseRef(p.Dataset); err != nil {
		l.add("parent", "parent.dataset", "parent.dataset is the version that the rows belong to, name@N", "parent.dataset 应为所属的数据集版本，名称@N")
	}
	if r, ok := m.Mask.Of(p.Column); p.Column == "" || !ok || r.Use != "pseudonym" {
		l.add("parent", "parent.column", "parent.column is a column masked with use: pseudonym, in the domain of the parent's key", "parent.column 应为以 use: pseudonym 脱敏的列，且与上级主键同域")
	}
	s := m.Split
	if s.Sample+s.Train+s.Test+s.Final != 0 || s.Column != "" || s.Ranges != nil || s.Values != nil {
		l.add("parent", "split", "leave split out: every row goes where its parent went", "请去掉 split：每行随其上级划分")
	}
}

// family is which part each row of the parent is in, by its masked key.
type family struct {
	parts   map[[16]byte]uint8
	orphans int64  // rows without a parent, which are left out
	rule    string // that the parent's rows were dealt by, see inherited
}

// family reads the keys of the parent; nil when there is none.
func (c *Catalog) family(ctx context.Context, actor aihub.Actor, m *Manifest, maskKey string) (*family, error) {
	if !m.Parent.declared() {
		return nil, nil
	}
	ref, err := aihub.ParseRef(m.Parent.Dataset)
	if err != nil {
		return nil, err
	}
	v, err := c.DB.Dataset(ctx, policies.ScopeOf(actor), ref)
	if err != nil {
		return nil, err
	}
	if v.State == aihub.DatasetRejected || v.State == aihub.DatasetWithdrawn {
		zh := map[aihub.DatasetState]string{aihub.DatasetRejected: "驳回", aihub.DatasetWithdrawn: "撤回"}[v.State]
		return nil, aihub.Errorf(aihub.Conflict, aihub.Text{
			EN: fmt.Sprintf("%s was %s: no rows can follow it any more", ref, v.State), ZH: fmt.Sprintf("%s 已%s，不能再作为上级", ref, zh),
		}).WithHint(aihub.Text{EN: "write a version of it that is in use; one of the same rows under the same split leaves these rows in their parts", ZH: "请改用仍有效的版本；数据与 split 相同的版本不会改变这些行的分区"})
	}
	plan, err := c.plan(ctx, v)
	if err != nil {
		return nil, err
	}
	ours, _ := m.Mask.Of(m.Parent.Column)
	theirs, ok := plan.Of(v.Key)
	same := func(a, b string) bool { return a == b || a == "" && b == "aes" || a == "aes" && b == "" }
	if v.Org != actor.Org || v.MaskKey != maskKey || !ok || theirs.Use != "pseudonym" || theirs.Domain != ours.Domain || !same(plan.Crypto, m.Mask.Crypto) {
		return nil, aihub.Errorf(aihub.Contract, aihub.Text{
			EN: fmt.Sprintf("column %q would not have the pseudonyms of %s: it has mask key %s and domain %q, %s has %s and %q", m.Parent.Column, ref, maskKey, ours.Domain, ref, v.MaskKey, theirs.Domain),
			ZH: fmt.Sprintf("列 %q 与 %s 的假名将不一致：密钥 %s、域 %q，而 %s 为 %s、%q", m.Parent.Column, ref, maskKey, ours.Domain, ref, v.MaskKey, theirs.Domain),
		}).WithHint(aihub.Text{EN: "write the parent's mask.scope and crypto, and the domain of its key; where the scope's key was rotated since, publish the parent's rows again and name that version",
			ZH: "请写入与上级相同的 mask.scope、crypto 与主键的 domain；若该 scope 的密钥此后已轮换，请重新发布上级数据并引用新版本"})
	}
	f := &family{parts: map[[16]byte]uint8{}}
	if f.rule, err = c.inherited(ctx, v); err != nil {
		return nil, err
	}
	for _, p := range v.Parts {
		part := uint8(slices.Index(aihub.Parts, p.Part))
		err := c.readPart(ctx, p.Input, []string{v.Key}, func(b *table.Batch) error {
			for _, k := range b.Col(v.Key).Str {
				var key [16]byte
				if n, err := hex.Decode(key[:], []byte(k)); err != nil || n != 16 {
					return fmt.Errorf("catalog: %s has a key that is no pseudonym", ref)
				}
				f.parts[key] = part
			}
			if len(f.parts) > maxParents {
				return aihub.Errorf(aihub.Quota, aihub.Text{EN: fmt.Sprintf("%s has more than %d rows to refer to", ref, maxParents), ZH: fmt.Sprintf("%s 超过 %d 行，无法作为上级", ref, maxParents)})
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return f, nil
}

// inherited is all that says in which part of v a row with a given raw key is: by
// it a version made from the same rows is as good a parent, and one that would move
// rows is not. Where the keyed hash of the key alone says so, the rule does. Where a
// column of v's rows has a say, or a parent of their own, so have their bytes.
func (c *Catalog) inherited(ctx context.Context, v aihub.DatasetVersion) (string, error) {
	if v.Split == "" { // of an earlier release, which noted no rule
		return v.Ref.String(), nil
	}
	var p Profile
	r, err := c.Blobs.Open(ctx, v.Profile)
	if err != nil {
		return "", err
	}
	defer r.Close()
	if err := json.NewDecoder(io.LimitReader(r, 64<<20)).Decode(&p); err != nil {
		return "", err
	}
	if s := p.Split; s.Column == "" && s.Sample+s.Train+s.Test+s.Final > 0 {
		return string(v.Split), nil
	}
	return string(v.Split) + " " + string(v.Raw), nil
}

// follow returns the rows whose value in c is a parent's key, and the part of
// each as Split.named has it; it counts the others.
func (f *family) follow(c *table.Column) (keep []int, part []int8) {
	for r := range c.Len() {
		var key [16]byte
		if !c.Null(r) {
			if n, err := hex.Decode(key[:], []byte(c.Str[r])); err == nil && n == 16 {
				if p, ok := f.parts[key]; ok {
					keep, part = append(keep, r), append(part, int8(p))
					continue
				}
			}
		}
		f.orphans++
	}
	return keep, part
}
