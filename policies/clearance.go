package policies

import (
	"fmt"
	"strings"

	"aihub"
)

// Clearance says that a content was measured and keeps every limit declared for
// it. Only Clear makes one, the store proposes no dataset version without it, and
// only the catalogue's risk gate calls Clear (a test holds it to that). Its zero
// value clears nothing.
type Clearance struct{ r aihub.RiskRecord }

// Clear returns the clearance of a record. The error is Refused when the record
// speaks of no content, names quasi-identifiers without a k, or breaks a limit.
func Clear(r aihub.RiskRecord) (Clearance, error) {
	no := func(en, zh string) (Clearance, error) {
		return Clearance{}, aihub.Errorf(aihub.Refused, aihub.Text{EN: en, ZH: zh}).
			WithHint(aihub.Text{EN: "publish the data again: the risk gate measures them and writes the record", ZH: "请重新发布数据：风险闸门会重新测量并写入记录"})
	}
	if r.Content == "" {
		return no("there is no risk record of this content", "该内容没有风险记录")
	}
	k := false
	for _, l := range r.Limits {
		k = k || l.Key == "k" && l.Rule == ">=" && l.Limit >= 2
	}
	if len(r.Quasi) > 0 != k {
		return no("the risk record names no k for its quasi-identifiers", "风险记录未给出准标识符的 k")
	}
	if broken := r.Broken(); broken != nil {
		var keys []string
		for _, l := range broken {
			keys = append(keys, fmt.Sprintf("%s (%.4g, limit %g)", l.Key, l.Measured, l.Limit))
		}
		list := strings.Join(keys, ", ")
		return no("the risk record is above its limits: "+list, "风险记录超过其上限："+list)
	}
	return Clearance{r}, nil
}

// Check returns nil when c speaks of content.
func (c Clearance) Check(content aihub.Digest) error {
	if c.r.Content != "" && c.r.Content == content {
		return nil
	}
	return aihub.Errorf(aihub.Refused, aihub.Text{
		EN: "this clearance of the risk gate is about another content", ZH: "该风险放行针对的是其他内容"})
}

// Record returns what was measured.
func (c Clearance) Record() aihub.RiskRecord { return c.r }
