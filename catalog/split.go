package catalog

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash"
	"slices"
	"strconv"

	"aihub"
	"aihub/catalog/mask"
	"aihub/internal/table"
)

// dealer says which part each row goes to and where it stands there: by a keyed
// hash of its raw key, which says nothing. What is masked has no part in it: under
// another plan or a rotated mask key a hidden row stays where it was.
type dealer struct {
	s   Split
	h   hash.Hash
	buf []byte
}

// newDealer returns the dealer of a dataset's scope.
func newDealer(s Split, key []byte) *dealer { return &dealer{s: s, h: hmac.New(sha256.New, key)} }

// deal returns the place and the part (an index of aihub.Parts) of rows: of those
// with the given raw keys or, where keys is nil, of those numbered from first on.
// rule is the part that the split column names, -1 for none.
func (d *dealer) deal(keys *table.Column, first int64, rule []int8) (order []uint64, part []uint8) {
	order, part = make([]uint64, len(rule)), make([]uint8, len(rule))
	var sum [sha256.Size]byte
	for r := range rule {
		d.h.Reset()
		d.buf = append(strconv.AppendInt(d.buf[:0], d.s.Seed, 10), ' ')
		if keys == nil {
			d.buf = strconv.AppendInt(append(d.buf, "row "...), first+int64(r), 10)
		} else {
			name, _ := keys.Text(r)
			d.buf = append(d.buf, name...)
		}
		d.h.Write(d.buf)
		d.h.Sum(sum[:0])
		order[r] = binary.BigEndian.Uint64(sum[8:])
		if rule[r] >= 0 {
			part[r] = uint8(rule[r])
		} else {
			part[r] = d.s.deal(binary.BigEndian.Uint64(sum[:]))
		}
	}
	return order, part
}

// dealing is the digest of all that says where a row of the same raw bytes goes,
// in the mask scope of an organisation: as what the bytes are read, too. Of rows
// that follow those of kin their parent's rule says it, whichever version has it.
func (m *Manifest) dealing(scope string, columns []table.Field, kin *family) (aihub.Digest, error) {
	rule := struct {
		Scope, Key, Parent string
		Split              Split
		Read               []table.Field
		Suppressed         map[string]mask.Rule // of records that are numbered: the numbers count what is left
		Missing            table.Missing        `json:",omitempty"` // of the columns read
	}{Scope: scope, Key: m.Key, Parent: " ", Split: m.Split}
	if kin != nil {
		rule.Parent = m.Parent.Column + " " + kin.rule
	}
	for _, f := range columns {
		if f.Name == m.Key || f.Name == m.Split.Column || f.Name == m.Parent.Column {
			rule.Read = append(rule.Read, f)
			if texts := m.Missing.Of(f.Name); len(texts) > 0 {
				if rule.Missing == nil {
					rule.Missing = table.Missing{}
				}
				rule.Missing[f.Name] = texts
			}
		}
	}
	if m.KeyFrom == "rows" {
		rule.Key, rule.Suppressed = "", map[string]mask.Rule{}
		for n, r := range m.Mask.Columns {
			if r.Record {
				rule.Suppressed[n] = r
			}
		}
	}
	b, err := json.Marshal(rule)
	return aihub.DigestOf(b), err
}

// fill says that a part that should have rows has none, when that is so.
func (s Split) fill(rows map[aihub.Part]int64) error {
	for _, p := range aihub.Parts {
		_, ranged := s.Ranges[p]
		if rows[p] == 0 && (s.share(p) > 0 || ranged || len(s.Values[p]) > 0) {
			return aihub.Errorf(aihub.Contract, aihub.Text{
				EN: fmt.Sprintf("the %s part would have no rows", p), ZH: fmt.Sprintf("%s 分区将没有数据", p)}).
				WithHint(aihub.Text{EN: "give it a larger share, a wider range, or publish more rows", ZH: "请增大占比、放宽范围，或提供更多数据"})
		}
	}
	return nil
}

// deal turns 64 random bits into a part, by the shares.
func (s Split) deal(x uint64) (part uint8) {
	at := float64(x>>11) / (1 << 53) // 0 to 1, exact
	sum, last := 0.0, uint8(0)
	for i, p := range aihub.Parts {
		if v := s.share(p); v > 0 {
			if sum += v; at < sum {
				return uint8(i)
			}
			last = uint8(i)
		}
	}
	return last // the shares add up to a hair less than 1
}

// badKeys refuses keys that are missing or not unique. Places are counted, not
// shown: rows are named by the raw file's order, from 0.
func badKeys(key string, missing, repeated, first int64) error {
	return aihub.Errorf(aihub.Contract, aihub.Text{EN: "the key does not name each row", ZH: "主键不能唯一标识每一行"}).
		WithFaults([]aihub.Fault{{Code: "key", Where: fmt.Sprintf("row %d, column %s", first+1, key), Count: missing + repeated, Message: aihub.Text{
			EN: fmt.Sprintf("%d rows have no key, %d repeat one; the first is here", missing, repeated),
			ZH: fmt.Sprintf("%d 行缺少主键，%d 行主键重复；首个在此", missing, repeated)}}}).
		WithHint(aihub.Text{EN: "mend the column, or number the rows with key_from: rows and a new key", ZH: "请修正该列，或用新的 key 与 key_from: rows 为行编号"})
}

// sides returns the input columns (key first) and the truth columns (key first)
// of the masked table.
func (m *Manifest) sides(schema []table.Field) (input, truth []int) {
	input, truth = []int{0}, []int{0}
	for i := 1; i < len(schema); i++ {
		if slices.Contains(m.Truth, schema[i].Name) {
			truth = append(truth, i)
		} else {
			input = append(input, i)
		}
	}
	return input, truth
}
