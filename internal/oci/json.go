package oci

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"aihub"
)

// strictJSON decodes one JSON document into v. It refuses what two readers could
// understand differently: bytes after the document, a key twice in one object
// (also in another case, because encoding/json does not tell them apart), text
// that is not UTF-8; and nesting deeper than maxJSONDepth. It adds the first such
// fault of part to fs and reports whether v is good.
func strictJSON(data []byte, v any, part string, fs *faults) bool {
	bad := func(t aihub.Text) bool { fs.add(codeJSON, part, "", t); return false }
	if !utf8.Valid(data) {
		return bad(text("is not UTF-8", "不是 UTF-8 编码"))
	}
	type level struct {
		keys    map[string]struct{} // nil in an array
		wantKey bool
	}
	var open []level
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	for seen := false; ; {
		tok, err := dec.Token()
		if err == io.EOF && seen && len(open) == 0 {
			break
		}
		if err != nil {
			return bad(text("is not JSON: %[2]s (byte %[1]d)", "不是 JSON：%[2]s（第 %[1]d 字节）", dec.InputOffset(), err))
		}
		seen = true
		var top *level
		if len(open) > 0 {
			top = &open[len(open)-1]
		}
		if d, ok := tok.(json.Delim); ok && (d == '}' || d == ']') {
			open = open[:len(open)-1]
			continue
		}
		if top != nil && top.keys != nil && top.wantKey {
			key, _ := tok.(string)
			if _, twice := top.keys[fold(key)]; twice {
				return bad(text("has the key %s twice (byte %d)", "键 %s 重复（第 %d 字节）", show(key), dec.InputOffset()))
			}
			top.keys[fold(key)] = struct{}{}
			top.wantKey = false
			continue
		}
		if top != nil {
			top.wantKey = true
		}
		switch tok {
		case json.Delim('{'):
			open = append(open, level{keys: map[string]struct{}{}, wantKey: true})
		case json.Delim('['):
			open = append(open, level{})
		}
		if len(open) > maxJSONDepth {
			return bad(text("is nested deeper than %d", "嵌套超过 %d 层", maxJSONDepth))
		}
	}
	if err := json.Unmarshal(data, v); err != nil {
		var te *json.UnmarshalTypeError
		if errors.As(err, &te) && te.Field != "" {
			return bad(text("has a %[2]s where %[1]s stands", "%[1]s 处不应为 %[2]s", te.Field, te.Value))
		}
		return bad(text("does not read: %v", "无法读取：%v", err))
	}
	return true
}

// fold maps strings that are equal under Unicode case folding to one string.
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		least := r
		for x := unicode.SimpleFold(r); x != r; x = unicode.SimpleFold(x) {
			least = min(least, x)
		}
		return least
	}, s)
}
