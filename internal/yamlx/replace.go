package yamlx

import (
	"fmt"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// Replace returns data with another value at the path of keys, given as YAML. What
// stands beside it, comments too, stays. It fails where data has no such path.
func Replace(data []byte, value string, path ...string) (out []byte, err error) {
	defer func() { // the library has known cases of panic
		if r := recover(); r != nil {
			out, err = nil, fmt.Errorf("yaml: %s cannot be replaced", strings.Join(path, "."))
		}
	}()
	file, err := parser.ParseBytes(data, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	with, err := parser.ParseBytes([]byte(value), 0)
	if err != nil {
		return nil, err
	}
	if len(file.Docs) != 1 || len(with.Docs) != 1 {
		return nil, fmt.Errorf("yaml: one document is expected")
	}
	at := entryOf(file.Docs[0].Body, path[0])
	for _, key := range path[1:] {
		if at == nil {
			break
		}
		at = entryOf(at.Value, key)
	}
	if at == nil {
		return nil, fmt.Errorf("yaml: there is no %s", strings.Join(path, "."))
	}
	comment := at.Value.GetComment()
	if err := at.Replace(with.Docs[0].Body); err != nil {
		return nil, err
	}
	if comment != nil {
		if err := at.Value.SetComment(comment); err != nil {
			return nil, err
		}
	}
	return []byte(strings.TrimRight(file.String(), "\n") + "\n"), nil
}

func entryOf(n ast.Node, key string) *ast.MappingValueNode {
	var values []*ast.MappingValueNode
	switch v := n.(type) {
	case *ast.MappingNode:
		values = v.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{v}
	}
	for _, v := range values {
		if s, ok := v.Key.(*ast.StringNode); ok && s.Value == key {
			return v
		}
	}
	return nil
}
