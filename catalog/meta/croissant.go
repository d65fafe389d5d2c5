package meta

import (
	"maps"
	"time"

	"aihub"
)

// context is the JSON-LD context that Croissant 1.1 prescribes, with PROV-O.
func context() object {
	c := object{
		"@language": "en", "@vocab": "https://schema.org/",
		"sc": "https://schema.org/", "cr": "http://mlcommons.org/croissant/",
		"rai": "http://mlcommons.org/croissant/RAI/", "dct": "http://purl.org/dc/terms/",
		"prov":       "http://www.w3.org/ns/prov#",
		"conformsTo": "dct:conformsTo",
		"data":       object{"@id": "cr:data", "@type": "@json"},
		"dataType":   object{"@id": "cr:dataType", "@type": "@vocab"},
		"examples":   object{"@id": "cr:examples", "@type": "@json"},
		"name":       object{"@container": "@language"}, "description": object{"@container": "@language"},
	}
	for _, term := range []string{
		"arrayShape", "citeAs", "column", "containedIn", "equivalentProperty", "extract", "field", "fileProperty",
		"fileObject", "fileSet", "format", "includes", "isArray", "isLiveDataset", "jsonPath", "key", "md5",
		"parentField", "path", "recordSet", "references", "regex", "repeated", "replace", "samplingRate",
		"separator", "source", "subField", "transform",
	} {
		c[term] = "cr:" + term
	}
	return c
}

// types are the Croissant data types of our columns.
var types = map[string]string{
	"string": "sc:Text", "int64": "sc:Integer", "float64": "sc:Float", "bool": "sc:Boolean",
	"date": "sc:Date", "timestamp": "sc:DateTime",
}

// Croissant is e as a Croissant 1.1 dataset. Only the sample is a file: the
// other parts never leave the platform.
func Croissant(e Entry) any { return croissant(e) }

func croissant(e Entry) object {
	var fields []any
	for _, c := range e.Columns {
		f := object{
			"@type": "cr:Field", "@id": "sample/" + c.Name,
			"name": object{"en": c.Name}, "dataType": types[c.Type],
			"source": object{"fileObject": object{"@id": e.sampleName()}, "extract": object{"column": c.Name}},
		}
		f["description"] = both(noted(c))
		fields = append(fields, f)
	}
	d := object{
		"@context": context(), "@type": "sc:Dataset", "@id": e.page(),
		"conformsTo": []any{"http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"},
		"name":       both(e.Title), "alternateName": e.Ref.Name, "description": both(e.Description),
		"version": version(e.Ref), "license": e.License, "url": e.page(),
		"identifier":  string(e.Content),
		"inLanguage":  []any{"zh", "en"},
		"creator":     object{"@type": "sc:Organization", "name": both(e.Agency), "url": e.Base},
		"publisher":   object{"@type": "sc:Organization", "name": both(e.Agency), "url": e.Base},
		"dateCreated": e.CreatedAt.UTC().Format(time.DateOnly), "datePublished": e.published().Format(time.DateOnly),
		"isAccessibleForFree": true, "isLiveDataset": false,
		"citeAs":       e.Title.EN + ", " + e.Ref.String() + ", " + string(e.Content),
		"distribution": e.files(),
		"recordSet": []any{object{
			"@type": "cr:RecordSet", "@id": "sample", "name": object{"en": "sample", "zh": "公开样本"},
			"description": both(e.parts()), "key": object{"@id": "sample/" + e.Key}, "field": fields,
		}},
		"rai:dataUseCases":                 sentence(aihub.Text{EN: "Developing and testing algorithms for the scenarios that pin this version, inside the platform.", ZH: "为固定引用本版本的应用场景研发和测试算法，仅限平台内使用。"}),
		"rai:dataPreprocessingProtocol":    []any{sentence(aihub.Text{EN: "Masked column by column by the plan " + string(e.Plan) + "; rows dealt to parts by a keyed hash of their key.", ZH: "按脱敏方案 " + string(e.Plan) + " 逐列脱敏；按主键的密钥散列划分数据分区。"})},
		"rai:personalSensitiveInformation": []any{sentence(aihub.Text{EN: "What was done to each column is in its description. A second person approved.", ZH: "各列的处理方式见其描述。由第二人批准。"}), sentence(e.measured())},
		"rai:dataLimitations":              []any{sentence(aihub.Text{EN: "Values are masked: do not infer anything about real persons. Hidden parts: " + e.parts().EN + ".", ZH: "取值已脱敏，不得据此推断真实个人。数据分区：" + e.parts().ZH + "。"})},
		"rai:dataReleaseMaintenancePlan":   sentence(aihub.Text{EN: "A version never changes; a correction is a new version; a version may be withdrawn.", ZH: "版本不可变更；更正以新版本发布；版本可被撤回。"}),
		"prov:wasDerivedFrom":              object{"@type": "prov:Entity", "@id": urn(e.Raw), "prov:label": "the raw table, which never leaves its owner"},
		"prov:wasGeneratedBy": object{
			"@type": "prov:Activity", "prov:label": "masking",
			"prov:used":              []any{object{"@id": urn(e.Raw)}, object{"@id": urn(e.Plan)}},
			"prov:endedAtTime":       e.CreatedAt.UTC().Format(time.RFC3339),
			"prov:wasAssociatedWith": object{"@type": "prov:Agent", "prov:label": string(e.Org)},
			"prov:wasInformedBy":     object{"@type": "prov:Activity", "prov:label": "approval by a second person", "prov:endedAtTime": e.published().Format(time.RFC3339)},
			"prov:atLocation":        object{"@id": e.Base},
		},
	}
	if e.withdrawn() { // the specification wants files, but none is served any more: mlcroissant takes an entry without
		delete(d, "distribution")
		delete(d, "recordSet")
		d["creativeWorkStatus"], d["expires"] = "Withdrawn", e.DecidedAt.UTC().Format(time.DateOnly)
		maps.Copy(d, e.invalidated())
	}
	return d
}

// files are the public sample and, where its rows have some, their pictures and
// recordings.
func (e Entry) files() []any {
	out := []any{object{
		"@type": "cr:FileObject", "@id": e.sampleName(), "name": object{"en": e.sampleName()},
		"description": both(aihub.Text{EN: "The public sample, labels included.", ZH: "公开样本，含标签。"}),
		"contentUrl":  e.sampleURL(), "encodingFormat": "text/csv",
		"contentSize": bytesOf(e.Sample.Bytes), "sha256": e.Sample.SHA256,
	}}
	if e.Files.SHA256 == "" {
		return out
	}
	return append(out, object{
		"@type": "cr:FileObject", "@id": e.filesName(), "name": object{"en": e.filesName()},
		"description": both(aihub.Text{EN: "The masked pictures and recordings of the sample's rows, named by their keys.", ZH: "样本各行的脱敏图片与录音，以主键命名。"}),
		"contentUrl":  e.filesURL(), "encodingFormat": "application/x-tar",
		"contentSize": bytesOf(e.Files.Bytes), "sha256": e.Files.SHA256,
	}, object{
		"@type": "cr:FileSet", "@id": "sample-files", "name": object{"en": "sample-files"}, // one language: mlcroissant wants one text here
		"description": both(aihub.Text{EN: "One file a row.", ZH: "每行一个文件。"}),
		"containedIn": object{"@id": e.filesName()}, "encodingFormat": mediaTypes, "includes": "*",
	})
}

// noted is a column's note; a truth column says so.
func noted(c aihub.Column) aihub.Text {
	t := c.Note
	if t.EN == "" {
		t.EN = c.Name
	}
	if t.ZH == "" {
		t.ZH = c.Name
	}
	if c.Truth {
		t.EN += " (what an algorithm predicts; hidden outside the sample)"
		t.ZH += "（待预测；样本之外不公开）"
	}
	return t
}

// published is when a second person approved e; when it was made before that, and
// after its withdrawal, which is the later decision.
func (e Entry) published() time.Time {
	if e.DecidedAt.IsZero() || e.withdrawn() {
		return e.CreatedAt.UTC()
	}
	return e.DecidedAt.UTC()
}
