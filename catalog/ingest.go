package catalog

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"os"

	"aihub"
	"aihub/catalog/detect"
	"aihub/catalog/mask"
	"aihub/internal/table"
)

// progress reports how far a stage is: ingest (bytes), mask, split and store
// (rows). A total of 0 is unknown.
type progress func(stage string, done, total int64)

// ingested is a raw table after its one reading: masked, with what was found.
type ingested struct {
	raw      aihub.Digest
	columns  []table.Field // of the raw table
	table    *table.Batch  // masked; the key column first
	rule     []int8        // part that a row's split column names, as an index of aihub.Parts; -1 for none
	findings []detect.Finding
	nulls    map[string]int64 // of the raw table
	nulled   map[string]int64 // by masking
	blank    int64            // rows without a truth value
}

// digestFile reads a file to its end.
func digestFile(ctx context.Context, path string, p progress) (aihub.Digest, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return "", err
	}
	h := sha256.New()
	for done := int64(0); ; {
		n, err := io.CopyN(h, f, 16<<20)
		done += n
		p("ingest", done, st.Size())
		if err == io.EOF {
			return aihub.Digest("sha256:" + hex.EncodeToString(h.Sum(nil))), nil
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return "", err
		}
	}
}

// openRaw opens a raw table of any format.
func openRaw(path string, m *Manifest) (table.Reader, error) {
	r, err := table.Open(path, m.options())
	if err != nil {
		return nil, err
	}
	if err := m.checkTypes(r.Schema()); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// checkTypes compares declared types with those that a binary file has.
func (m *Manifest) checkTypes(schema []table.Field) error {
	l := &linter{doc: m.doc}
	for _, f := range schema {
		if t, ok := m.Types[f.Name]; ok && t != f.Type {
			l.add("type", "types."+f.Name, fmt.Sprintf("column %q of the file is %s, not %s", f.Name, f.Type, t), fmt.Sprintf("文件的列 %q 类型为 %s，不是 %s", f.Name, f.Type, t))
		}
	}
	if l.fs != nil {
		return badManifest(l.fs)
	}
	return nil
}

// ingest reads the raw table once: every value is looked at by the detectors
// and masked. key belongs to the dataset's mask scope.
func (m *Manifest) ingest(ctx context.Context, path string, key []byte, p progress) (*ingested, error) {
	in := &ingested{nulls: map[string]int64{}}
	var err error
	if in.raw, err = digestFile(ctx, path, p); err != nil {
		return nil, err
	}
	r, err := openRaw(path, m)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	in.columns = r.Schema()
	if fs := m.check(in.columns); len(fs) > 0 {
		return nil, badManifest(fs)
	}
	masking, err := m.Mask.Compile(in.columns, key)
	if err != nil {
		return nil, err
	}
	detectors := make([]*detect.Column, len(in.columns))
	for i, f := range in.columns {
		detectors[i] = detect.NewColumn(f)
	}
	schema := masking.Schema()
	if m.KeyFrom == "rows" {
		schema = append([]table.Field{{Name: m.Key, Type: table.String}}, schema...)
	}
	in.table = table.NewBatch(schema, 0)
	if err := m.observe(ctx, path, masking); err != nil {
		return nil, err
	}
	numbered := hmac.New(sha256.New, key)
	size := 0
	for {
		b, err := r.Next()
		if err == io.EOF {
			break
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, err
		}
		for i := range b.Cols {
			detectors[i].Add(&b.Cols[i])
			in.countNulls(&b.Cols[i])
		}
		b = masking.Records(b)
		in.rule = append(in.rule, m.Split.named(b)...)
		in.blank += m.blank(b)
		masked := masking.Apply(b)
		if m.KeyFrom == "rows" {
			masked.Cols = append([]table.Column{rowKeys(numbered, m.Key, in.raw, in.table.Rows, b.Rows)}, masked.Cols...)
		}
		for i := range masked.Rows {
			in.table.AppendRow(masked, i)
		}
		if size += weigh(masked); size > maxBytes || in.table.Rows > maxRows {
			return nil, aihub.Errorf(aihub.Quota, aihub.Text{
				EN: fmt.Sprintf("the table is larger than %d rows or about %d MiB of values", maxRows, maxBytes>>20),
				ZH: fmt.Sprintf("表格超过 %d 行或约 %d MiB 数据", maxRows, maxBytes>>20)}).
				WithHint(aihub.Text{EN: "drop columns that the scenario does not need, or publish fewer rows", ZH: "请去掉场景不需要的列，或减少行数"})
		}
		p("mask", int64(in.table.Rows), 0)
	}
	for _, d := range detectors {
		in.findings = append(in.findings, d.Findings()...)
	}
	in.nulled = masking.Nulled()
	in.keyFirst(m.Key)
	return in, masking.Err()
}

// observe reads the table once before it is masked, where a technique must know
// the whole column first.
func (m *Manifest) observe(ctx context.Context, path string, masking *mask.Masking) error {
	if !masking.NeedsAll() {
		return nil
	}
	r, err := openRaw(path, m)
	if err != nil {
		return err
	}
	defer r.Close()
	for {
		b, err := r.Next()
		if err == io.EOF {
			masking.Seal()
			return nil
		}
		if err == nil {
			err = cmp.Or(ctx.Err(), masking.Observe(b))
		}
		if err != nil {
			return err
		}
	}
}

func (in *ingested) countNulls(c *table.Column) {
	for i := range c.Len() {
		if c.Null(i) {
			in.nulls[c.Name]++
		}
	}
}

// keyFirst moves the key to the front.
func (in *ingested) keyFirst(key string) {
	cols := in.table.Cols
	for i := range cols {
		if cols[i].Name == key {
			k := cols[i]
			copy(cols[1:i+1], cols[:i])
			cols[0] = k
		}
	}
}

// rowKeys names n rows from number first on by the raw file and their place in it.
func rowKeys(h interface {
	io.Writer
	Sum([]byte) []byte
	Reset()
}, name string, raw aihub.Digest, first, n int) table.Column {
	c := table.NewColumn(table.Field{Name: name, Type: table.String}, n)
	for i := range n {
		h.Reset()
		fmt.Fprintf(h, "row %s %d", raw, first+i)
		c.AppendStr(hex.EncodeToString(h.Sum(nil)[:16]))
	}
	return c
}

// weigh returns about how many bytes the values of b take.
func weigh(b *table.Batch) int {
	n := 0
	for i := range b.Cols {
		c := &b.Cols[i]
		n += 8 * c.Len()
		for _, s := range c.Str {
			n += 8 + len(s)
		}
	}
	return n
}

// blank counts the rows of b whose truth is missing.
func (m *Manifest) blank(b *table.Batch) (n int64) {
	for r := range b.Rows {
		for _, t := range m.Truth {
			c := b.Col(t)
			if c.Null(r) || c.Type == table.Float64 && (math.IsNaN(c.Flt[r]) || math.IsInf(c.Flt[r], 0)) {
				n++
				break
			}
		}
	}
	return n
}

// named returns the part that ranges or values name for each row of b.
func (s Split) named(b *table.Batch) []int8 {
	out := make([]int8, b.Rows)
	for r := range out {
		out[r] = -1
	}
	if s.Column == "" {
		return out
	}
	c := b.Col(s.Column)
	spans := make([]span, len(aihub.Parts))
	values := map[string]int8{}
	for i, p := range aihub.Parts {
		spans[i], _ = s.Ranges[p].days()
		for _, v := range s.Values[p] {
			values[v] = int8(i)
		}
	}
	for r := range out {
		if c.Null(r) {
			continue
		}
		if len(s.Values) > 0 {
			v, _ := c.Text(r)
			if i, ok := values[v]; ok {
				out[r] = i
			}
			continue
		}
		day := c.Int[r]
		if c.Type == table.Timestamp {
			day = floorDiv(day, 86400*1e6)
		}
		for i, p := range aihub.Parts {
			if _, ok := s.Ranges[p]; ok && day >= spans[i].from && day < spans[i].to {
				out[r] = int8(i)
			}
		}
	}
	return out
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// gate refuses a column that identifies people directly and is kept as it is.
func (m *Manifest) gate(in *ingested) error {
	l := &linter{doc: m.doc}
	for _, f := range in.findings {
		r, _ := m.Mask.Of(f.Column)
		if f.Class != detect.Direct || r.Use != "keep" || r.Because != "" {
			continue
		}
		what := kindNames[f.Kind]
		l.add("identifier_kept", "mask.columns."+f.Column,
			fmt.Sprintf("column %q would be kept, but %.3g%% of its values %s %s, such as %q: write %s: {use: %s}, or keep it and say why: {use: keep, because: …}",
				f.Column, 100*f.Share, verb(f, "hold", "are"), what.EN, f.Shape, f.Column, f.Use),
			fmt.Sprintf("列 %q 将被保留，但其 %.3g%% 的值%s%s（形如 %q）：请写 %s: {use: %s}；确需保留请说明理由：{use: keep, because: …}",
				f.Column, 100*f.Share, verb(f, "含有", "为"), what.ZH, f.Shape, f.Column, f.Use))
	}
	if l.fs == nil {
		return nil
	}
	return aihub.Errorf(aihub.Refused, aihub.Text{
		EN: "columns that identify people would be published", ZH: "将发布可直接识别个人的列",
	}).WithHint(aihub.Text{EN: "mask or drop them in the manifest's mask plan and publish again; nothing was stored", ZH: "请在数据清单的脱敏方案中处理或删除这些列后重新发布；未保存任何内容"}).WithFaults(l.fs)
}

func verb(f detect.Finding, inside, whole string) string {
	if f.Inside {
		return inside
	}
	return whole
}

var kindNames = map[detect.Kind]aihub.Text{
	detect.KindResident: {EN: "resident numbers", ZH: "公民身份号码"},
	detect.KindMobile:   {EN: "mobile numbers", ZH: "手机号"},
	detect.KindLandline: {EN: "telephone numbers", ZH: "固定电话号码"},
	detect.KindCard:     {EN: "bank card numbers", ZH: "银行卡号"},
	detect.KindUSCC:     {EN: "unified social credit codes", ZH: "统一社会信用代码"},
	detect.KindEmail:    {EN: "e-mail addresses", ZH: "电子邮箱"},
	detect.KindName:     {EN: "names of people", ZH: "人名"},
	detect.KindAddress:  {EN: "addresses", ZH: "详细地址"},
	detect.KindPlate:    {EN: "vehicle plates", ZH: "车牌号"},
	detect.KindPassport: {EN: "passport numbers", ZH: "护照号"},
	detect.KindIP:       {EN: "IP addresses", ZH: "IP 地址"},
	detect.KindPlace:    {EN: "coordinates", ZH: "坐标"},
}

// maskNote says in words what a rule did; nothing for a column that was kept.
func maskNote(r mask.Rule) aihub.Text {
	switch r.Use {
	case "pseudonym":
		return aihub.Text{EN: "keyed pseudonym", ZH: "带密钥假名"}
	case "phone":
		return aihub.Text{EN: "another mobile number (FF1), operator prefix kept", ZH: "保留号段的保格式加密手机号（FF1）"}
	case "resident":
		return map[string]aihub.Text{
			"any":      {EN: "another resident number (FF1): area, birth date and sequence all changed", ZH: "保格式加密身份号码（FF1），地区、生日与顺序码均已改变"},
			"keep":     {EN: "another resident number (FF1) of the same area", ZH: "保格式加密身份号码（FF1），保留地区"},
			"city":     {EN: "another resident number (FF1) of the same city", ZH: "保格式加密身份号码（FF1），地区保留到市"},
			"province": {EN: "another resident number (FF1) of the same province", ZH: "保格式加密身份号码（FF1），地区保留到省"},
		}[r.Area]
	case "card":
		return aihub.Text{EN: "another bank card number (FF1) of the same issuer", ZH: "保格式加密银行卡号（FF1），保留发卡行"}
	case "uscc":
		return aihub.Text{EN: "another unified social credit code (FF1) of the same area", ZH: "保格式加密统一社会信用代码（FF1），保留地区"}
	case "plate":
		return aihub.Text{EN: "another plate (FF1) of the same city", ZH: "保格式加密车牌（FF1），保留城市"}
	case "round":
		return aihub.Text{EN: "rounded to multiples of " + table.FormatFloat(r.Width), ZH: "取整为 " + table.FormatFloat(r.Width) + " 的倍数"}
	case "clip":
		return aihub.Text{EN: "cut at the ends (top and bottom coding)", ZH: "截断两端（顶底编码）"}
	case "noise":
		return aihub.Text{EN: "keyed noise with standard deviation " + table.FormatFloat(r.Scale), ZH: "加入标准差为 " + table.FormatFloat(r.Scale) + " 的带密钥噪声"}
	case "shift":
		return aihub.Text{EN: fmt.Sprintf("moved by up to %d days, alike for a subject", r.Days), ZH: fmt.Sprintf("平移至多 %d 天，同一主体一致", r.Days)}
	case "permute":
		return aihub.Text{EN: "values dealt to other rows", ZH: "取值在各行间置换"}
	case "aggregate":
		return aihub.Text{EN: fmt.Sprintf("means of groups of at least %d rows", r.K), ZH: fmt.Sprintf("每组至少 %d 行的均值（微聚集）", r.K)}
	case "suppress":
		return aihub.Text{EN: "some values suppressed", ZH: "部分取值已隐藏"}
	case "name":
		return aihub.Text{EN: "replaced by a common name", ZH: "替换为常见姓名"}
	case "band":
		return aihub.Text{EN: "interval of width " + table.FormatFloat(r.Width), ZH: "宽度为 " + table.FormatFloat(r.Width) + " 的区间"}
	case "hierarchy":
		return aihub.Text{EN: fmt.Sprintf("generalised to level %d", r.Level), ZH: fmt.Sprintf("泛化到第 %d 级", r.Level)}
	case "date":
		return map[string]aihub.Text{
			"year":   {EN: "first day of the year", ZH: "截断到年（当年首日）"},
			"month":  {EN: "first day of the month", ZH: "截断到月（当月首日）"},
			"5years": {EN: "first day of five years", ZH: "五年段（首日）"},
		}[r.To]
	case "address":
		if r.To == "city" {
			return aihub.Text{EN: "cut to the city", ZH: "截断到市"}
		}
		return aihub.Text{EN: "cut to the district", ZH: "截断到区县"}
	case "redact":
		return aihub.Text{EN: "identifiers replaced by placeholders", ZH: "其中的标识信息已替换为占位符"}
	}
	return aihub.Text{}
}
