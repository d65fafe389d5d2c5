// Package meta describes what the catalogue holds in the words of others: a
// dataset version as Croissant 1.1 with its RAI vocabulary and PROV-O lineage,
// as a DCAT-3 dataset and as a Frictionless data package, and a scenario, its
// submissions and their released scores as Croissant tasks. Each is a projection (a pure function of what is published):
// nothing is kept, and nothing of hidden parts is told but that they exist.
//
//	Croissant  https://docs.mlcommons.org/croissant/docs/croissant-spec-1.1.html
//	RAI        https://docs.mlcommons.org/croissant/docs/croissant-rai-spec.html
//	DCAT-3     https://www.w3.org/TR/vocab-dcat-3/
//	package    https://datapackage.org/standard/data-package/
package meta

import (
	"fmt"
	"strings"
	"time"

	"aihub"
)

// Formats are the projections of a dataset version, by the name in a request.
var Formats = []string{"croissant", "dcat", "datapackage"}

// Entry is a published dataset version with what its description needs beside.
type Entry struct {
	aihub.DatasetVersion
	Agency aihub.Text // who publishes it
	Base   string     // address of the platform, without a slash at its end
	Sample File       // the public sample as a CSV file
	Files  File       // archive of the pictures and recordings of its rows; zero: a table alone
}

// File is a file that anyone may download.
type File struct {
	SHA256 string // hex
	Bytes  int64
	Rows   int64
}

// object is a JSON object; it is written with its members sorted.
type object = map[string]any

// Render returns e in one of Formats.
func Render(e Entry, format string) (any, error) {
	if format == "datapackage" && e.withdrawn() {
		return nil, aihub.Errorf(aihub.Refused, aihub.Text{
			EN: e.Ref.String() + " was withdrawn: a data package is of files, and it has none any more", ZH: e.Ref.String() + " 已撤回：数据包描述的是文件，而该版本已不再提供文件",
		}).WithHint(aihub.Text{EN: "format croissant or dcat tells when and why", ZH: "格式 croissant 与 dcat 说明撤回时间与理由"})
	}
	switch format {
	case "croissant":
		return Croissant(e), nil
	case "dcat":
		return DCAT(e), nil
	case "datapackage":
		return DataPackage(e), nil
	}
	return nil, aihub.Errorf(aihub.Invalid, aihub.Text{
		EN: "format: " + strings.Join(Formats, ", "), ZH: "format 应为 " + strings.Join(Formats, "、"),
	})
}

// withdrawn reports whether e is out of use: its sample is served no more.
func (e Entry) withdrawn() bool { return e.State == aihub.DatasetWithdrawn }

// invalidated is what PROV-O says of e, when it is out of use: since when, and by
// what act, with the reason of who took it back.
func (e Entry) invalidated() object {
	act := object{"@type": "prov:Activity", "prov:label": "withdrawal"}
	if e.Reason != "" {
		act["dct:description"] = e.Reason
	}
	return object{
		"prov:invalidatedAtTime": object{"@type": "http://www.w3.org/2001/XMLSchema#dateTime", "@value": e.DecidedAt.UTC().Format(time.RFC3339)},
		"prov:wasInvalidatedBy":  act,
	}
}

// measured says which limits of disclosure risk were declared, and what was
// measured against each.
func (e Entry) measured() aihub.Text {
	if len(e.Risk.Limits) == 0 {
		return aihub.Text{EN: "No limit of disclosure risk was declared, and none was measured.", ZH: "未声明泄露风险限值，亦未测量。"}
	}
	var all []string
	for _, l := range e.Risk.Limits {
		all = append(all, fmt.Sprintf("%s %s %.4g (%.4g)", l.Key, l.Rule, l.Limit, l.Measured))
	}
	list, over := strings.Join(all, "; "), strings.Join(e.Risk.Quasi, ", ")
	unit := aihub.Text{EN: "rows are counted", ZH: "按行计"}
	if who := e.Risk.Subject; who != "" {
		unit = aihub.Text{EN: fmt.Sprintf("people are counted, different values of %s", who), ZH: fmt.Sprintf("按人计（%s 的不同取值）", who)}
	}
	return aihub.Text{
		EN: fmt.Sprintf("Disclosure risk over %s, limits and in brackets what was measured (%s): %s; %d rows published, %d left out.", over, unit.EN, list, e.Risk.Rows, e.Risk.Suppressed),
		ZH: fmt.Sprintf("准标识符 %s 上的泄露风险，限值及括号内的实测值（%s）：%s；发布 %d 行，舍弃 %d 行。", over, unit.ZH, list, e.Risk.Rows, e.Risk.Suppressed),
	}
}

// page is the address of the dataset's page, api of a resource below it.
func (e Entry) page() string { return e.Base + "/datasets/" + e.Ref.String() }

func (e Entry) api(rest string) string {
	return e.Base + "/api/v1/datasets/" + e.Ref.String() + rest
}

func (e Entry) sampleURL() string { return e.api("/sample?format=csv") }

func (e Entry) filesURL() string { return e.api("/sample?format=files") }

func (e Entry) filesName() string {
	return fmt.Sprintf("%s-%d-sample-files.tar", e.Ref.Name, e.Ref.Version)
}

// mediaTypes are those of the files of an archive.
var mediaTypes = []any{"image/jpeg", "image/png", "audio/wav"}

// sampleName is the name of the sample's file.
func (e Entry) sampleName() string {
	return fmt.Sprintf("%s-%d-sample.csv", e.Ref.Name, e.Ref.Version)
}

// both is a text in both languages as a JSON-LD language map.
func both(t aihub.Text) object {
	out := object{}
	if t.EN != "" {
		out["en"] = t.EN
	}
	if t.ZH != "" {
		out["zh"] = t.ZH
	}
	return out
}

// sentence is a text in both languages where a format takes one string.
func sentence(t aihub.Text) string {
	if t.EN == "" || t.ZH == "" || t.EN == t.ZH {
		return t.EN + strings.TrimPrefix(t.ZH, t.EN)
	}
	return t.EN + " / " + t.ZH
}

// parts says which parts there are, and who may see them.
func (e Entry) parts() aihub.Text {
	var en, zh []string
	for _, p := range e.Parts {
		words := map[aihub.Part]aihub.Text{
			aihub.Sample: {EN: "public", ZH: "公开"},
			aihub.Train:  {EN: "seen only inside a sandbox", ZH: "仅在沙箱内可见"},
			aihub.Test:   {EN: "hidden, scored by the platform", ZH: "隐藏，由平台评测"},
			aihub.Final:  {EN: "hidden, scored once", ZH: "隐藏，仅评测一次"},
		}[p.Part]
		en = append(en, fmt.Sprintf("%s: %d rows, %s", p.Part, p.Rows, words.EN))
		zh = append(zh, fmt.Sprintf("%s：%d 行，%s", p.Part, p.Rows, words.ZH))
	}
	return aihub.Text{EN: strings.Join(en, "; "), ZH: strings.Join(zh, "；")}
}
