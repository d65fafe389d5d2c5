// Package yamlx reads the YAML that people write: specs, manifests,
// configuration. It is strict, and it reports every fault of a document at
// once, each with "line L, column C" and a message in both languages.
//
// A document is one YAML document of mappings, sequences and scalars. What
// could mean two things, or cost more than it weighs, is refused: anchors,
// aliases, merge keys, tags, directives, a second document, non-string keys,
// unknown and duplicate keys, numbers that are not decimal. Text that YAML
// would read as a number or a boolean needs quotes.
//
// A path names a place in a document the way people write it: "rounds[0].quota".
package yamlx

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"aihub"
)

// Limits bound a document. Keys has its own bound because the YAML parser
// takes quadratic time in the keys of one mapping (10,000: about 0.2 s).
type Limits struct {
	Bytes int // of the file
	Depth int // of nested mappings and sequences
	Keys  int // mapping entries in the whole document
	Nodes int // tokens in the whole document
}

// Default is what Decode uses.
var Default = Limits{Bytes: 1 << 20, Depth: 32, Keys: 10_000, Nodes: 100_000}

// maxFaults bounds the list of one document; a last fault says that more were found.
const maxFaults = 100

// Decode reads data into a pointer to a struct, map or slice under the Default
// limits. It returns nil when the document is sound; otherwise every fault,
// and *into holds what could be read.
func Decode(data []byte, into any) []aihub.Fault {
	doc, faults := Parse(data, Default)
	if faults != nil {
		return faults
	}
	return doc.Decode(into)
}

// Doc is a parsed document: it decodes, and it remembers where things stand.
type Doc struct {
	root   *node
	places map[string]place
	bad    map[string]bool // paths with a fault
	faults []aihub.Fault   // found while building the tree: duplicate keys, wrong keys
	more   int             // faults beyond maxFaults
}

type place struct{ line, col int }

func (p place) String() string { return fmt.Sprintf("line %d, column %d", p.line, p.col) }

// kind is what a node is.
type kind int

const (
	mapping kind = iota
	sequence
	text
	integer
	float
	boolean
	null
	odd // a number or text in a form that is refused wherever it stands
)

// node is one value of the document.
type node struct {
	kind    kind
	path    string
	at      place
	raw     string // of a scalar: text as meant, numbers as written
	entries []entry
	items   []*node
}

type entry struct {
	key   string
	at    place
	value *node
}

// Parse checks the form of data: encoding, bounds, features and syntax. A nil
// list means that the document can be decoded; its duplicate keys and the like
// are reported by Decode together with the rest.
func Parse(data []byte, lim Limits) (*Doc, []aihub.Fault) {
	if len(data) > lim.Bytes {
		return nil, one("yaml_size", place{}, aihub.Text{
			EN: fmt.Sprintf("the file has %d bytes; at most %d are read", len(data), lim.Bytes),
			ZH: fmt.Sprintf("文件有 %d 字节，最多读取 %d 字节", len(data), lim.Bytes),
		})
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if f := checkBytes(data); f != nil {
		return nil, f
	}
	src := strings.ReplaceAll(strings.ReplaceAll(string(data), "\r\n", "\n"), "\r", "\n")

	body, f := parse(src, lim)
	if f != nil {
		return nil, f
	}
	d := &Doc{places: map[string]place{}, bad: map[string]bool{}}
	if body == nil {
		d.root = &node{kind: mapping, at: place{1, 1}}
	} else {
		d.root = d.build(body, "", 0, lim.Depth)
	}
	d.places[""] = place{1, 1}
	return d, nil
}

// parse runs the YAML library under guard: it has known cases of panic on
// mutated input, and a foreign file must never end the process.
func parse(src string, lim Limits) (body ast.Node, faults []aihub.Fault) {
	defer func() {
		if r := recover(); r != nil {
			body, faults = nil, one("yaml_syntax", place{}, aihub.Text{
				EN: "the file is not valid YAML, and the place cannot be told",
				ZH: "文件不是合法的 YAML，且无法指出位置",
			})
		}
	}()
	tokens := lexer.Tokenize(src)
	if f := checkTokens(tokens, lim); f != nil {
		return nil, f
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, []aihub.Fault{syntaxFault(err)}
	}
	for i, doc := range file.Docs {
		if i > 0 && doc.Body != nil {
			return nil, one("yaml_feature", at(doc.Body), aihub.Text{
				EN: "a second document starts here: keep one document in a file",
				ZH: "此处开始了第二个文档：一个文件只写一个文档",
			})
		}
	}
	if len(file.Docs) == 0 {
		return nil, nil
	}
	return file.Docs[0].Body, nil
}

// checkBytes refuses what is not text: invalid UTF-8 and control characters.
func checkBytes(data []byte) []aihub.Fault {
	line, col := 1, 1
	for i := 0; i < len(data); {
		r, n := utf8.DecodeRune(data[i:])
		p := place{line, col}
		switch {
		case r == utf8.RuneError && n == 1:
			return one("yaml_utf8", p, aihub.Text{
				EN: fmt.Sprintf("byte 0x%02x is not UTF-8: save the file as UTF-8", data[i]),
				ZH: fmt.Sprintf("字节 0x%02x 不是 UTF-8：请将文件另存为 UTF-8 编码", data[i]),
			})
		case r < 0x20 && r != '\t' && r != '\n' && r != '\r', r == 0x7f:
			return one("yaml_utf8", p, aihub.Text{
				EN: fmt.Sprintf("control character U+%04X: remove it", r),
				ZH: fmt.Sprintf("含控制字符 U+%04X：请删除", r),
			})
		}
		i += n
		col++
		if r == '\n' || r == '\r' && (i == len(data) || data[i] != '\n') {
			line, col = line+1, 1
		}
	}
	return nil
}

// checkTokens bounds what the parser will recurse into, and finds every use of
// a refused feature, before the parser runs.
func checkTokens(tokens token.Tokens, lim Limits) []aihub.Fault {
	if len(tokens) > lim.Nodes {
		return one("yaml_size", tokenPlace(tokens[lim.Nodes]), aihub.Text{
			EN: fmt.Sprintf("the document has more than %d words and signs", lim.Nodes),
			ZH: fmt.Sprintf("文档超过 %d 个词法单元", lim.Nodes),
		})
	}
	var faults []aihub.Fault
	keys, flow := 0, 0
	var block []int // columns of the open block collections
	for i, tk := range tokens {
		switch tk.Type {
		case token.AnchorType, token.AliasType, token.MergeKeyType:
			faults = append(faults, fault("yaml_feature", tokenPlace(tk), aihub.Text{
				EN: "anchors, aliases and merge keys are not read: write the value out",
				ZH: "不支持锚点、别名和合并键：请直接写出内容",
			}))
		case token.TagType:
			faults = append(faults, fault("yaml_feature", tokenPlace(tk), aihub.Text{
				EN: "tags (!…) are not read: remove it", ZH: "不支持标签（!…）：请删除",
			}))
		case token.DirectiveType:
			faults = append(faults, fault("yaml_feature", tokenPlace(tk), aihub.Text{
				EN: "directives (%…) are not read: remove the line", ZH: "不支持指令（%…）：请删除该行",
			}))
		case token.MappingStartType, token.SequenceStartType:
			flow++
		case token.MappingEndType, token.SequenceEndType:
			flow = max(0, flow-1)
		case token.MappingValueType:
			keys++
			if flow == 0 && i > 0 {
				block = push(block, tokens[i-1].Position.Column)
			}
		case token.SequenceEntryType, token.MappingKeyType:
			if flow == 0 {
				block = push(block, tk.Position.Column)
			}
		}
		if len(faults) == maxFaults {
			return faults
		}
		if keys > lim.Keys {
			return one("yaml_size", tokenPlace(tk), aihub.Text{
				EN: fmt.Sprintf("the document has more than %d keys", lim.Keys),
				ZH: fmt.Sprintf("文档的键超过 %d 个", lim.Keys),
			})
		}
		if flow+len(block) > 2*lim.Depth {
			return one("yaml_depth", tokenPlace(tk), depthText(lim.Depth))
		}
	}
	return faults
}

// push opens a block collection at column col, which closes those to its right.
func push(cols []int, col int) []int {
	for len(cols) > 0 && cols[len(cols)-1] >= col {
		cols = cols[:len(cols)-1]
	}
	return append(cols, col)
}

func depthText(depth int) aihub.Text {
	return aihub.Text{
		EN: fmt.Sprintf("nested deeper than %d levels", depth),
		ZH: fmt.Sprintf("嵌套超过 %d 层", depth),
	}
}

// syntaxFault words the parser's own message. The common ones are translated;
// the others keep the English detail.
func syntaxFault(err error) aihub.Fault {
	var e interface {
		GetToken() *token.Token
		GetMessage() string
	}
	if !errors.As(err, &e) {
		return fault("yaml_syntax", place{}, aihub.Text{EN: "not valid YAML: " + err.Error(), ZH: "不是合法的 YAML：" + err.Error()})
	}
	msg := e.GetMessage()
	t := aihub.Text{EN: msg, ZH: msg}
	for _, c := range syntaxTexts {
		if strings.Contains(msg, c.has) {
			t = c.text
			break
		}
	}
	p := place{}
	if tk := e.GetToken(); tk != nil && tk.Position != nil {
		p = tokenPlace(tk)
	}
	return fault("yaml_syntax", p, aihub.Text{EN: "not valid YAML: " + t.EN, ZH: "不是合法的 YAML：" + t.ZH})
}

var syntaxTexts = []struct {
	has  string
	text aihub.Text
}{
	{"'\t' that cannot start", aihub.Text{EN: "a tab is used to indent; use spaces", ZH: "使用了制表符缩进，请改用空格"}},
	{"end character of", aihub.Text{EN: "a quote is opened and not closed", ZH: "引号没有闭合"}},
	{"end token ']'", aihub.Text{EN: "'[' is not closed by ']'", ZH: "“[” 没有用 “]” 闭合"}},
	{"end token '}'", aihub.Text{EN: "'{' is not closed by '}'", ZH: "“{” 没有用 “}” 闭合"}},
	{"corresponding to", aihub.Text{EN: "a bracket is closed that was not opened", ZH: "括号多了一个右边"}},
	{"reserved character", aihub.Text{EN: "text cannot start with this character; put it in quotes", ZH: "文字不能以该字符开头，请加引号"}},
	{"unknown escape character", aihub.Text{EN: "unknown escape in double quotes; use single quotes or write \\\\", ZH: "双引号内有未知转义，请改用单引号或写成 \\\\"}},
	{"mapping value is not allowed", aihub.Text{EN: "a key is not expected here: check the indentation, or put text that has ': ' in quotes", ZH: "此处不应出现键：请检查缩进；含 “: ” 的文字请加引号"}},
	{"value is not allowed", aihub.Text{EN: "a value is not expected here: check the indentation", ZH: "此处不应出现值：请检查缩进"}},
	{"invalid key", aihub.Text{EN: "a key must be plain text", ZH: "键必须是普通文字"}},
	{"unexpected key name", aihub.Text{EN: "a key without ':' after it", ZH: "键后缺少 “:”"}},
}

func at(n ast.Node) place {
	if tk := n.GetToken(); tk != nil {
		return tokenPlace(tk)
	}
	return place{1, 1}
}

func tokenPlace(tk *token.Token) place {
	return place{tk.Position.Line, max(1, tk.Position.Column)}
}

func fault(code string, p place, t aihub.Text) aihub.Fault {
	f := aihub.Fault{Code: code, Message: t}
	if p.line > 0 {
		f.Where = p.String()
	}
	return f
}

func one(code string, p place, t aihub.Text) []aihub.Fault { return []aihub.Fault{fault(code, p, t)} }

// clip bounds a foreign string before it is quoted in a message.
func clip(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return s
}
