package yamlx

import (
	"fmt"
	"regexp"
	"sort"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"aihub"
)

// exponentRE matches the floats of YAML 1.2 that the library takes for text.
var exponentRE = regexp.MustCompile(`^[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$`)

// build turns the library's tree into ours, which is bounded in depth and
// holds only what a document may hold.
func (d *Doc) build(n ast.Node, path string, depth, limit int) *node {
	out := &node{path: path, at: at(n)}
	if depth > limit {
		d.fault("yaml_depth", path, out.at, depthText(limit))
		out.kind = odd
		return out
	}
	switch v := n.(type) {
	case *ast.MappingNode:
		out.kind = mapping
		d.addEntries(out, v.Values, depth, limit)
	case *ast.MappingValueNode:
		out.kind = mapping
		d.addEntries(out, []*ast.MappingValueNode{v}, depth, limit)
	case *ast.SequenceNode:
		out.kind = sequence
		for i, it := range v.Values {
			p := fmt.Sprintf("%s[%d]", path, i)
			c := d.build(it, p, depth+1, limit)
			d.places[p] = c.at
			out.items = append(out.items, c)
		}
	case *ast.StringNode:
		out.kind, out.raw = text, v.Value
		if v.Token.Type == token.StringType && exponentRE.MatchString(v.Value) {
			out.kind = float
		}
	case *ast.LiteralNode:
		out.kind = text
		if v.Value != nil {
			out.raw = v.Value.Value
		}
	case *ast.IntegerNode:
		out.kind, out.raw = integer, v.Token.Value
		if v.Token.Type != token.IntegerType {
			out.kind = odd
			d.fault("wrong_type", path, out.at, aihub.Text{
				EN: fmt.Sprintf("%swrite %s as a decimal number, or in quotes when it is text", label(path, "en"), clip(out.raw)),
				ZH: fmt.Sprintf("%s请把 %s 写成十进制数；若是文字请加引号", label(path, "zh"), clip(out.raw)),
			})
		}
	case *ast.FloatNode:
		out.kind, out.raw = float, v.Token.Value
	case *ast.BoolNode:
		out.kind, out.raw = boolean, v.Token.Value
	case *ast.NullNode:
		out.kind = null
	case *ast.InfinityNode, *ast.NanNode:
		out.kind, out.raw = odd, n.GetToken().Value
		d.fault("wrong_type", path, out.at, aihub.Text{
			EN: label(path, "en") + "infinity and NaN are not numbers here",
			ZH: label(path, "zh") + "此处不接受无穷大和 NaN",
		})
	default:
		out.kind = odd
		d.fault("yaml_feature", path, out.at, aihub.Text{
			EN: fmt.Sprintf("%s%s is not read here", label(path, "en"), n.Type().YAMLName()),
			ZH: fmt.Sprintf("%s此处不支持 %s", label(path, "zh"), n.Type().YAMLName()),
		})
	}
	return out
}

func (d *Doc) addEntries(out *node, values []*ast.MappingValueNode, depth, limit int) {
	seen := map[string]place{}
	for i, mv := range values {
		if i == 0 {
			out.at = at(mv.Key)
		}
		ks, ok := mv.Key.(*ast.StringNode)
		if !ok {
			d.fault("wrong_key", out.path, at(mv.Key), aihub.Text{
				EN: label(out.path, "en") + "a key must be text: put it in quotes",
				ZH: label(out.path, "zh") + "键必须是文字：请加引号",
			})
			continue
		}
		kp := at(mv.Key)
		p := join(out.path, ks.Value)
		if first, dup := seen[ks.Value]; dup {
			d.fault("duplicate_key", p, kp, aihub.Text{
				EN: fmt.Sprintf("%q is written twice; first at %s", clip(ks.Value), first),
				ZH: fmt.Sprintf("键 %q 重复，首次出现在 %s", clip(ks.Value), first),
			})
			continue
		}
		seen[ks.Value] = kp
		c := d.build(mv.Value, p, depth+1, limit)
		d.places[p] = c.at
		if c.kind == mapping || c.kind == sequence || c.kind == null {
			d.places[p] = kp // the key is where a reader looks for a block
		}
		out.entries = append(out.entries, entry{ks.Value, kp, c})
	}
}

// Where returns "line L, column C" of the value at path, or of the nearest
// thing around it when the document has no such value, so that a linter can
// point at a field that is missing.
func (d *Doc) Where(path string) string {
	for {
		if p, ok := d.places[path]; ok {
			return p.String()
		}
		path = parent(path)
	}
}

// Has reports whether the document has a value at path.
func (d *Doc) Has(path string) bool {
	_, ok := d.places[path]
	return ok
}

// Bad reports whether Decode found a fault at path, or above it, or below it:
// a linter then has nothing to add about that field.
func (d *Doc) Bad(path string) bool {
	for b := range d.bad {
		if b == path || within(b, path) || within(path, b) {
			return true
		}
	}
	return false
}

// within reports whether path lies below top.
func within(path, top string) bool {
	if top == "" {
		return false // a wrong key at the top spoils nothing else
	}
	rest, ok := strings.CutPrefix(path, top)
	return ok && rest != "" && (rest[0] == '.' || rest[0] == '[')
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func parent(path string) string {
	if i := strings.LastIndexAny(path, ".["); i > 0 {
		return path[:i]
	}
	return ""
}

func (d *Doc) fault(code, path string, p place, t aihub.Text) {
	d.bad[path] = true
	if len(d.faults) == maxFaults {
		d.more++
		return
	}
	d.faults = append(d.faults, fault(code, p, t))
}

// report returns the faults in the order of the document.
func (d *Doc) report() []aihub.Fault {
	Sort(d.faults)
	if d.more > 0 {
		d.faults = append(d.faults, aihub.Fault{Code: "more", Count: int64(d.more), Message: aihub.Text{
			EN: "more faults were found: mend these first", ZH: "还有更多问题：请先修正以上各项",
		}})
	}
	return d.faults
}

// Sort orders faults by the line and column that their Where begins with;
// faults without a place come last.
func Sort(faults []aihub.Fault) {
	key := func(f aihub.Fault) int {
		var l, c int
		if n, _ := fmt.Sscanf(f.Where, "line %d, column %d", &l, &c); n != 2 {
			return 1 << 60
		}
		return l<<24 + min(c, 1<<24-1)
	}
	sort.SliceStable(faults, func(i, j int) bool { return key(faults[i]) < key(faults[j]) })
}
