package meta

import (
	"fmt"
	"maps"
	"strings"
	"time"

	"aihub"
)

// version is the number of a reference in the form that Croissant recommends.
func version(r aihub.Ref) string { return fmt.Sprintf("%d.0.0", r.Version) }

func bytesOf(n int64) string { return fmt.Sprintf("%d B", n) }

// urn names a thing by its digest.
func urn(d aihub.Digest) string { return "urn:" + string(d) }

// tagged is a text in both languages as JSON-LD values.
func tagged(t aihub.Text) []any {
	var out []any
	if t.EN != "" {
		out = append(out, object{"@language": "en", "@value": t.EN})
	}
	if t.ZH != "" {
		out = append(out, object{"@language": "zh", "@value": t.ZH})
	}
	return out
}

func dcatContext() object {
	return object{
		"dcat": "http://www.w3.org/ns/dcat#", "dct": "http://purl.org/dc/terms/", "foaf": "http://xmlns.com/foaf/0.1/",
		"prov": "http://www.w3.org/ns/prov#", "adms": "http://www.w3.org/ns/adms#", "spdx": "http://spdx.org/rdf/terms#", "xsd": "http://www.w3.org/2001/XMLSchema#",
	}
}

// DCAT is e as a dcat:Dataset with the sample as its distribution.
func DCAT(e Entry) any {
	d := dcat(e)
	d["@context"] = dcatContext()
	return d
}

func dcat(e Entry) object {
	date := func(t time.Time) object {
		return object{"@type": "xsd:dateTime", "@value": t.UTC().Format(time.RFC3339)}
	}
	d := object{
		"@id": e.page(), "@type": "dcat:Dataset",
		"dct:title": tagged(e.Title), "dct:description": tagged(e.Description),
		"dct:identifier": e.Ref.String(), "dcat:version": version(e.Ref),
		"dct:publisher":       object{"@type": "foaf:Agent", "foaf:name": tagged(e.Agency)},
		"dct:license":         license(e.License),
		"dct:issued":          date(e.published()),
		"dct:created":         date(e.CreatedAt),
		"dct:language":        []any{object{"@id": "http://id.loc.gov/vocabulary/iso639-1/zh"}, object{"@id": "http://id.loc.gov/vocabulary/iso639-1/en"}},
		"dct:accessRights":    tagged(e.parts()),
		"dcat:landingPage":    object{"@id": e.page()},
		"prov:wasDerivedFrom": object{"@id": urn(e.Raw)},
		"dcat:distribution":   e.distributions(),
	}
	if e.withdrawn() {
		delete(d, "dcat:distribution")
		d["adms:status"] = object{"@id": "http://purl.org/adms/status/Withdrawn"}
		maps.Copy(d, e.invalidated())
	}
	return d
}

// license is a document: by its address, or by what it is called.
func license(name string) object {
	if strings.HasPrefix(name, "https://") || strings.HasPrefix(name, "http://") {
		return object{"@id": name}
	}
	return object{"@type": "dct:LicenseDocument", "dct:title": name}
}

func (e Entry) distributions() []any {
	out := []any{e.distribution()}
	if e.Files.SHA256 != "" {
		out = append(out, object{
			"@id": e.filesURL(), "@type": "dcat:Distribution",
			"dct:title":        tagged(aihub.Text{EN: "The pictures and recordings of the public sample", ZH: "公开样本的图片与录音"}),
			"dcat:downloadURL": object{"@id": e.filesURL()}, "dcat:accessURL": object{"@id": e.page()},
			"dcat:mediaType": object{"@id": "https://www.iana.org/assignments/media-types/application/x-tar"},
			"dcat:byteSize":  object{"@type": "xsd:nonNegativeInteger", "@value": fmt.Sprint(e.Files.Bytes)},
			"spdx:checksum":  object{"@type": "spdx:Checksum", "spdx:algorithm": object{"@id": "spdx:checksumAlgorithm_sha256"}, "spdx:checksumValue": e.Files.SHA256},
		})
	}
	return out
}

// distribution is the sample. An entry of a catalogue of many comes without its
// measures.
func (e Entry) distribution() object {
	d := object{
		"@id": e.sampleURL(), "@type": "dcat:Distribution",
		"dct:title":        tagged(aihub.Text{EN: "The public sample", ZH: "公开样本"}),
		"dcat:downloadURL": object{"@id": e.sampleURL()},
		"dcat:accessURL":   object{"@id": e.page()},
		"dcat:mediaType":   object{"@id": "https://www.iana.org/assignments/media-types/text/csv"},
		"dct:conformsTo":   object{"@id": "https://www.rfc-editor.org/rfc/rfc4180"},
	}
	if e.Sample.SHA256 != "" {
		d["dcat:byteSize"] = object{"@type": "xsd:nonNegativeInteger", "@value": fmt.Sprint(e.Sample.Bytes)}
		d["spdx:checksum"] = object{"@type": "spdx:Checksum", "spdx:algorithm": object{"@id": "spdx:checksumAlgorithm_sha256"}, "spdx:checksumValue": e.Sample.SHA256}
	}
	return d
}

// Catalog is every entry as one dcat:Catalog.
func Catalog(base string, title aihub.Text, entries []Entry) any {
	var all []any
	for _, e := range entries {
		all = append(all, dcat(e))
	}
	return object{
		"@context": dcatContext(), "@id": base + "/datasets", "@type": "dcat:Catalog",
		"dct:title": tagged(title), "dcat:dataset": all,
	}
}

// kinds are the Table Schema types of our columns.
var kinds = map[string]string{
	"string": "string", "int64": "integer", "float64": "number", "bool": "boolean", "date": "date", "timestamp": "datetime",
}

// DataPackage is e as a Frictionless datapackage.json with the sample as its resource.
func DataPackage(e Entry) any {
	var fields []any
	for _, c := range e.Columns {
		f := object{"name": c.Name, "type": kinds[c.Type], "description": sentence(noted(c))}
		if c.Name == e.Key {
			f["constraints"] = object{"required": true, "unique": true}
		}
		fields = append(fields, f)
	}
	license := object{"title": e.License, "name": slug(e.License)}
	if strings.HasPrefix(e.License, "https://") {
		license["path"] = e.License
	}
	return object{
		"$schema": "https://datapackage.org/profiles/2.0/datapackage.json",
		"name":    e.Ref.Name, "id": string(e.Content), "version": version(e.Ref),
		"title": sentence(e.Title), "description": sentence(e.Description), "homepage": e.page(),
		"created":      e.CreatedAt.UTC().Format(time.RFC3339),
		"licenses":     []any{license},
		"contributors": []any{object{"title": sentence(e.Agency), "roles": []any{"publisher"}, "role": "publisher"}},
		"sources":      []any{object{"title": "raw table " + string(e.Raw) + ", masked by plan " + string(e.Plan)}},
		"resources": e.resources(object{
			"$schema": "https://datapackage.org/profiles/2.0/dataresource.json",
			"name":    "sample", "path": e.sampleURL(), "title": "public sample / 公开样本", "type": "table",
			"format": "csv", "mediatype": "text/csv", "encoding": "utf-8",
			"bytes": e.Sample.Bytes, "hash": "sha256:" + e.Sample.SHA256,
			"schema": object{"fields": fields, "primaryKey": e.Key},
		}),
	}
}

// resources are the sample, and the archive of its rows' files.
func (e Entry) resources(sample object) []any {
	if e.Files.SHA256 == "" {
		return []any{sample}
	}
	return []any{sample, object{
		"$schema": "https://datapackage.org/profiles/2.0/dataresource.json",
		"name":    "sample-files", "path": e.filesURL(), "title": "pictures and recordings of the sample / 样本的图片与录音",
		"format": "tar", "mediatype": "application/x-tar", "bytes": e.Files.Bytes, "hash": "sha256:" + e.Files.SHA256,
	}}
}

// slug is a license's name as the identifier that a data package takes.
func slug(s string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(s) {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-', r == '_', r == '.':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	if s := strings.Trim(b.String(), "-"); s != "" {
		return s
	}
	return "notspecified"
}
