package evaluator

import (
	"hash/maphash"
	"strings"

	"aihub"
)

// IDs are the row ids that predictions must have, each exactly once. Row i of
// checked predictions is that of the i-th id.
type IDs struct {
	list  []string
	slots []slot // open addressing
	seed  maphash.Seed
}

// slot is an id's place. Most ids that are others are told by their tag, without
// a look at their text.
type slot struct {
	tag uint32 // of the hash
	at  uint32 // 1 + index in list; 0: empty
}

// NewIDs indexes ids. It fails when one is empty or used twice, which is a
// fault of the data, and never says which.
func NewIDs(ids []string) (*IDs, error) { return new(IDs).reset(ids) }

// reset makes s the index of ids, in its memory where that suffices.
func (s *IDs) reset(ids []string) (*IDs, error) {
	size := 16
	for size < 2*len(ids) {
		size *= 2
	}
	s.list, s.slots, s.seed = ids, sized(s.slots, size), maphash.MakeSeed()
	clear(s.slots)
	var empty, twice int64
	for i, id := range ids {
		to, found, tag := s.find(id)
		switch {
		case id == "":
			empty++
		case found:
			twice++
		}
		*to = slot{tag, uint32(i + 1)}
	}
	if empty+twice > 0 {
		return nil, badData(aihub.Fault{Code: "bad_keys", Count: empty + twice, Message: aihub.Text{
			EN: "the key column has empty or repeated values", ZH: "键列存在空值或重复值",
		}})
	}
	return s, nil
}

// Len returns how many there are.
func (s *IDs) Len() int { return len(s.list) }

// find returns the slot of id, or the empty slot where it would go.
func (s *IDs) find(id string) (p *slot, found bool, tag uint32) {
	mask := uint64(len(s.slots) - 1)
	h := maphash.String(s.seed, id)
	tag = uint32(h >> 32)
	for h &= mask; ; h = (h + 1) & mask {
		switch p := &s.slots[h]; {
		case p.at == 0:
			return p, false, tag
		case p.tag == tag && s.list[p.at-1] == id:
			return p, true, tag
		}
	}
}

// index returns the place of id.
func (s *IDs) index(id string) (int, bool) {
	p, ok, _ := s.find(id)
	return int(p.at) - 1, ok
}

// near returns what spoils an id that would be right without it: blanks around
// it, or the case of its letters.
func (s *IDs) near(id string) bool {
	t := strings.TrimSpace(id)
	for _, v := range []string{t, strings.ToLower(t), strings.ToUpper(t)} {
		if _, ok := s.index(v); ok {
			return true
		}
	}
	return false
}

// badData is the error for a part that cannot be scored against.
func badData(faults ...aihub.Fault) *aihub.Error {
	return aihub.Errorf(aihub.Contract, aihub.Text{
		EN: "the labelled data cannot be scored against", ZH: "带标签的数据无法用于评分",
	}).WithFaults(faults).WithHint(aihub.Text{
		EN: "the dataset's owner must publish a version without these faults", ZH: "数据集负责方须发布没有这些问题的新版本",
	})
}
