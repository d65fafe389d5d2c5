package catalog

import (
	"fmt"

	"aihub"
	"aihub/catalog/detect"
	"aihub/catalog/mask"
	"aihub/internal/table"
)

// gate refuses a column that identifies people directly and is kept as it is.
func (m *Manifest) gate(in *ingested) error {
	fs := m.identifying(in.findings)
	if fs == nil {
		return nil
	}
	return aihub.Errorf(aihub.Refused, aihub.Text{
		EN: "columns that identify people would be published", ZH: "将发布可直接识别个人的列",
	}).WithHint(aihub.Text{EN: "mask or drop them in the manifest's mask plan and publish again; nothing was stored", ZH: "请在数据清单的脱敏方案中处理或删除这些列后重新发布；未保存任何内容"}).WithFaults(fs)
}

// identifying are the faults of columns that are kept and, by what was found,
// identify people directly.
func (m *Manifest) identifying(findings []detect.Finding) []aihub.Fault {
	l := &linter{doc: m.doc}
	for _, f := range findings {
		r, _ := m.Mask.Of(f.Column)
		if f.Class != detect.Direct || r.Use != "keep" || r.Because != "" {
			continue
		}
		if f.Kind == detect.KindNamed {
			l.add("identifier_kept", "mask.columns."+f.Column,
				fmt.Sprintf("column %q would be kept, but its name says that it identifies people: write %s: {use: %s}, or keep it and say why: {use: keep, because: …}", f.Column, f.Column, f.Use),
				fmt.Sprintf("列 %q 将被保留，但其列名表明它可识别个人：请写 %s: {use: %s}；确需保留请说明理由：{use: keep, because: …}", f.Column, f.Column, f.Use))
			continue
		}
		what := kindNames[f.Kind]
		l.add("identifier_kept", "mask.columns."+f.Column,
			fmt.Sprintf("column %q would be kept, but %.3g%% of its values %s %s, such as %q: write %s: {use: %s}, or keep it and say why: {use: keep, because: …}",
				f.Column, 100*f.Share, verb(f, "hold", "are"), what.EN, f.Shape, f.Column, f.Use),
			fmt.Sprintf("列 %q 将被保留，但其 %.3g%% 的值%s%s（形如 %q）：请写 %s: {use: %s}；确需保留请说明理由：{use: keep, because: …}",
				f.Column, 100*f.Share, verb(f, "含有", "为"), what.ZH, f.Shape, f.Column, f.Use))
	}
	return l.fs
}

func verb(f detect.Finding, inside, whole string) string {
	if f.Inside {
		return inside
	}
	return whole
}

var kindNames = map[detect.Kind]aihub.Text{
	detect.KindResident:   {EN: "resident numbers", ZH: "公民身份号码"},
	detect.KindResident15: {EN: "resident numbers of 15 digits", ZH: "15 位公民身份号码"},
	detect.KindMobile:     {EN: "mobile numbers", ZH: "手机号"},
	detect.KindLandline:   {EN: "telephone numbers", ZH: "固定电话号码"},
	detect.KindCard:       {EN: "bank card numbers", ZH: "银行卡号"},
	detect.KindUSCC:       {EN: "unified social credit codes", ZH: "统一社会信用代码"},
	detect.KindEmail:      {EN: "e-mail addresses", ZH: "电子邮箱"},
	detect.KindName:       {EN: "names of people", ZH: "人名"},
	detect.KindAddress:    {EN: "addresses", ZH: "详细地址"},
	detect.KindPlate:      {EN: "vehicle plates", ZH: "车牌号"},
	detect.KindPassport:   {EN: "passport numbers", ZH: "护照号"},
	detect.KindIP:         {EN: "IP addresses", ZH: "IP 地址"},
	detect.KindPlace:      {EN: "coordinates", ZH: "坐标"},
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
			"quarter": {EN: "first day of the quarter", ZH: "截断到季度（当季首日）"},
			"year":    {EN: "first day of the year", ZH: "截断到年（当年首日）"},
			"month":   {EN: "first day of the month", ZH: "截断到月（当月首日）"},
			"5years":  {EN: "first day of five years", ZH: "五年段（首日）"},
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
