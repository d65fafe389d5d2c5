// Package risk measures how well the rows of a masked table hide among each
// other, and refuses what does not reach a policy. Rows that agree on the
// quasi-identifiers (准标识符, what an outsider may know of a person: age, sex,
// district) form a class (等价类); k is the size of the smallest. A row alone in
// its class is a sample unique, the one easiest to find. A sensitive attribute
// (敏感属性) is what must not be learnt of a person whose class is known.
//
// Everything is counted, not estimated, except how many people would be unique
// in a population that nobody has, and the linkage test, which looks for a
// sample of the rows.
package risk

import (
	"context"
	"fmt"
	"math/bits"
	"strings"

	"aihub"
	"aihub/catalog/risk/classes"
	"aihub/internal/table"
)

// Numbers are the class counts of one table.
type Numbers struct {
	Rows    int     `json:"rows"`
	People  int     `json:"people,omitempty"` // where the policy has a subject: how many stand in the classes, each once in a class; the sizes below count them
	Classes int     `json:"classes"`
	K       int     `json:"k"`       // size of the smallest class; 0 for an empty table
	Below   int     `json:"below_k"` // rows in classes smaller than the policy's k
	Unique  int     `json:"uniques"` // rows, or people, alone in their class
	Largest int     `json:"largest"` // size of the largest class
	Risk    float64 `json:"risk"`    // highest chance to pick the right one for a known person: 1/K
	Average float64 `json:"average"` // the same over all: classes a row, or a person
}

// Report is what a gate found and did.
type Report struct {
	Policy     Policy         `json:"policy"`
	Before     Numbers        `json:"before"`            // of the masked table
	After      Numbers        `json:"after"`             // of what is published
	Suppressed int            `json:"suppressed"`        // rows dropped
	Cells      []Cells        `json:"cells,omitempty"`   // what local suppression took out of the rows that are published
	Diverse    int            `json:"not_diverse"`       // of them, rows in classes large enough that break l or t
	Without    map[string]int `json:"without,omitempty"` // rows below k, were this column left out
	Sizes      []Band         `json:"sizes,omitempty"`   // of what is published
	Sensitive  []Diversity    `json:"sensitive,omitempty"`
	Uniques    *Uniqueness    `json:"population_uniques,omitempty"`

	// About the public sample, when it is cut.
	Attack  *Attack  `json:"attack,omitempty"`
	Linkage *Linkage `json:"linkage,omitempty"`
	InTrain *Share   `json:"sample_in_train,omitempty"`
}

// Band counts the classes of From to To rows, or people.
type Band struct {
	From    int64 `json:"from"`
	To      int64 `json:"to"`
	Classes int64 `json:"classes"`
	Rows    int64 `json:"rows"`
}

// Share is a number of rows of a whole.
type Share struct {
	Rows    int64 `json:"rows"`              // whose class the other part has too
	Certain int64 `json:"certain,omitempty"` // of them, alone in their class in both
	Of      int64 `json:"of"`
}

// count returns the numbers of a histogram for classes of at least k.
func count(h classes.Histogram, k int) Numbers {
	n := Numbers{Rows: int(h.Rows()), Classes: int(h.Classes()), Below: int(h.Below(int64(k))), Unique: int(h.Of(1))}
	if len(h) > 0 {
		n.K, n.Largest = int(h[0].Size), int(h[len(h)-1].Size)
		n.Risk, n.Average = 1/float64(n.K), float64(n.Classes)/float64(n.Rows)
	}
	return n
}

// bands puts class sizes into bands that double: 1, 2-3, 4-7, 8-15, …
func bands(h classes.Histogram) (out []Band) {
	for _, b := range h {
		from := int64(1) << (bits.Len64(uint64(b.Size)) - 1)
		if len(out) == 0 || out[len(out)-1].From != from {
			out = append(out, Band{From: from, To: 2*from - 1})
		}
		last := &out[len(out)-1]
		last.Classes += b.Classes
		last.Rows += b.Size * b.Classes
	}
	return out
}

// Gate applies the policy to the masked table b, all of whose rows belong
// together, under a policy without a subject. keep says for every row whether it may be published. For a table
// that does not fit the memory, and for what its parts tell of each other, there
// is Meter.
func Gate(b *table.Batch, p Policy) (rep Report, keep []bool, err error) {
	m := NewMeter(p, b.Schema())
	if err := m.Add(b, nil, nil, nil); err != nil {
		return rep, nil, err
	}
	if rep, err = m.Gate(context.Background(), nil); err != nil {
		return rep, nil, err
	}
	return rep, m.Keep(b, nil), nil
}

// refusal is the error for a table of whose rows more than allowed would be dropped.
// tooFew are the hints of an l that is out of reach: to generalise does not help it.
func refusal(rep Report, allowed int, tooFew []aihub.Text) error {
	p, n := rep.Policy, rep.Before
	en, zh := []string{}, []string{}
	for _, q := range p.Quasi {
		if w, ok := rep.Without[q]; ok {
			en, zh = append(en, fmt.Sprintf("without %s: %d", q, w)), append(zh, fmt.Sprintf("去掉 %s：%d", q, w))
		}
	}
	hint := aihub.Text{
		EN: "generalise a quasi-identifier further (a wider band, a higher level of its hierarchy, a year for a day)",
		ZH: "请进一步泛化准标识符（更宽的区间、更高的层级、以年代日）",
	}
	if len(en) > 0 {
		hint.EN += fmt.Sprintf("; rows in classes below %d, were one column dropped: %s", p.K, strings.Join(en, ", "))
		hint.ZH += fmt.Sprintf("；若去掉某列，小于 %d 的等价类所含行数：%s", p.K, strings.Join(zh, "，"))
	}
	if len(tooFew) > 0 && n.Below <= allowed {
		hint = aihub.Text{}
	}
	for i := len(tooFew) - 1; i >= 0; i-- {
		hint.EN = strings.TrimSuffix(tooFew[i].EN+"; "+hint.EN, "; ")
		hint.ZH = strings.TrimSuffix(tooFew[i].ZH+"；"+hint.ZH, "；")
	}
	text := aihub.Text{
		EN: fmt.Sprintf("%d of %d rows are in classes smaller than %d over %s (%d are unique)",
			n.Below, n.Rows, p.K, strings.Join(p.Quasi, ", "), n.Unique),
		ZH: fmt.Sprintf("按 %[3]s 划分，%[2]d 行中有 %[1]d 行所在等价类小于 %[4]d（其中 %[5]d 行唯一）",
			n.Below, n.Rows, strings.Join(p.Quasi, "、"), p.K, n.Unique),
	}
	if p.Subject != "" {
		text = aihub.Text{
			EN: fmt.Sprintf("%d of %d rows are in classes of fewer than %d different %s over %s (%d are alone in one)",
				n.Below, n.Rows, p.K, p.Subject, strings.Join(p.Quasi, ", "), n.Unique),
			ZH: fmt.Sprintf("按 %[3]s 划分，%[2]d 行中有 %[1]d 行所在等价类的不同 %[6]s 少于 %[4]d 个（其中 %[5]d 个唯一）",
				n.Below, n.Rows, strings.Join(p.Quasi, "、"), p.K, n.Unique, p.Subject),
		}
	}
	if helped := n.Below - (rep.Suppressed - rep.Diverse); len(p.Cells) > 0 {
		text.EN += fmt.Sprintf(", of which suppressing cells of %s helps %d", strings.Join(p.Cells, ", "), helped)
		text.ZH += fmt.Sprintf("，隐藏 %s 的单元格可使其中 %d 行达标", strings.Join(p.Cells, "、"), helped)
	}
	if rep.Diverse > 0 {
		text.EN += fmt.Sprintf(", and %d more in classes whose %s are too much alike (l, t)", rep.Diverse, strings.Join(p.Sensitive, ", "))
		text.ZH += fmt.Sprintf("，另有 %d 行所在等价类的 %s 过于集中（l、t）", rep.Diverse, strings.Join(p.Sensitive, "、"))
	}
	text.EN += fmt.Sprintf("; at most %d may be dropped", allowed)
	text.ZH += fmt.Sprintf("；最多可舍弃 %d 行", allowed)
	return aihub.Errorf(aihub.Refused, text).WithHint(hint)
}

// Limits returns every limit that the policy declares beside what was measured.
func (rep *Report) Limits() (out []aihub.RiskLimit) {
	p := rep.Policy
	if !p.Declared() {
		return nil
	}
	add := func(key, rule string, limit, value float64, measured bool) {
		out = append(out, aihub.RiskLimit{Key: key, Rule: rule, Limit: limit, Measured: value, Unmeasured: !measured})
	}
	add("k", ">=", float64(p.K), float64(rep.After.K), rep.After.Rows > 0)
	add("max_suppression", "<=", p.allowance(), rep.share(), rep.Before.Rows > 0)
	if len(p.Cells) > 0 {
		add("max_cells", "<=", p.MaxCells, rep.cellShare(), true)
	}
	for _, d := range rep.Sensitive {
		switch {
		case p.L == 0:
		case p.Diversity == "entropy":
			add("l", ">=", p.L, d.Entropy, true)
		case p.Diversity == "recursive":
			add("c", "<", p.C, d.Recursive, d.Recursive > 0)
		default:
			add("l", ">=", p.L, float64(d.Distinct), true)
		}
		switch {
		case p.T == nil:
		case p.Distance == "ordered":
			add("t", "<=", *p.T, d.Ordered, true)
		default:
			add("t", "<=", *p.T, d.Equal, true)
		}
	}
	most := func(key string, limit *float64, measured bool, value func() float64) {
		if limit != nil {
			v := 0.0
			if measured {
				v = value()
			}
			add(key, "<=", *limit, v, measured)
		}
	}
	most("max_risk", p.MaxRisk, rep.After.Rows > 0, func() float64 { return rep.After.Average })
	most("max_uniques", p.MaxUniques, rep.Uniques != nil, func() float64 { return rep.Uniques.Share })
	most("max_presence", p.MaxPresence, rep.Attack != nil, func() float64 { return rep.Attack.PresenceMost })
	most("max_linkage", p.MaxLinkage, rep.Linkage != nil, func() float64 { return rep.Linkage.Linked })
	return out
}

// allowance is the share of rows that may be left out.
func (p Policy) allowance() float64 {
	if p.Action == "refuse" {
		return 0
	}
	return p.MaxSuppression
}

// share is the share of rows that are left out.
func (rep *Report) share() float64 {
	if rep.Before.Rows == 0 {
		return 0
	}
	return float64(rep.Suppressed) / float64(rep.Before.Rows)
}

// cellShare is the share of the cells of the policy's columns that are suppressed.
func (rep *Report) cellShare() float64 {
	n := 0.0
	for _, c := range rep.Cells {
		n += float64(c.Rows)
	}
	return n / float64(max(1, rep.After.Rows*len(rep.Cells)))
}

// limitNames say what is measured against a limit.
var limitNames = map[string]aihub.Text{
	"k":               {EN: "the size of the smallest class", ZH: "最小等价类的大小"},
	"max_suppression": {EN: "the share of rows left out", ZH: "舍弃行的占比"},
	"max_cells":       {EN: "the share of cells suppressed", ZH: "隐藏单元格的占比"},
	"l":               {EN: "the diversity of a class's sensitive values", ZH: "等价类敏感取值的多样性"},
	"c":               {EN: "the recursive diversity (c) of a class's sensitive values", ZH: "等价类敏感取值的递归多样性（c）"},
	"t":               {EN: "the distance of a class's sensitive values from the table's", ZH: "等价类敏感取值与全表分布的距离"},
	"max_risk":        {EN: "the average chance to name a published row", ZH: "平均重识别概率"},
	"max_uniques":     {EN: "the estimated share of the population that is unique", ZH: "总体中估计的唯一者占比"},
	"max_presence":    {EN: "how sure one can be that a person is in the public sample", ZH: "可判定某人在公开样本中的最大把握"},
	"max_linkage":     {EN: "the share of raw rows that the linkage test finds again", ZH: "链接测试中被找回的原始行占比"},
}

// Exceeded returns a fault for every limit of the policy that the report breaks.
// Where is a path below the policy.
func (rep *Report) Exceeded() (fs []aihub.Fault) {
	for _, l := range rep.Limits() {
		if l.Held() {
			continue
		}
		name := limitNames[l.Key]
		if l.Key == "k" && rep.Policy.Subject != "" {
			name = aihub.Text{EN: fmt.Sprintf("the number of different %s in the smallest class", rep.Policy.Subject), ZH: fmt.Sprintf("最小等价类中不同 %s 的个数", rep.Policy.Subject)}
		}
		text := aihub.Text{EN: fmt.Sprintf("%s is %.4g, the limit %g", name.EN, l.Measured, l.Limit), ZH: fmt.Sprintf("%s为 %.4g，上限为 %g", name.ZH, l.Measured, l.Limit)}
		if l.Rule == ">=" {
			text.ZH = fmt.Sprintf("%s为 %.4g，下限为 %g", name.ZH, l.Measured, l.Limit)
		}
		if l.Unmeasured {
			text = aihub.Text{EN: fmt.Sprintf("%s could not be measured, and has a limit of %g", name.EN, l.Limit), ZH: fmt.Sprintf("%s无法测量，而其上限为 %g", name.ZH, l.Limit)}
		}
		fs = append(fs, aihub.Fault{Code: "risk", Where: l.Key, Message: text})
	}
	return fs
}
