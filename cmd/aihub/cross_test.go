package main

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestCross checks the types of the client, and of its tests, for the systems that
// vendors have, which takes seconds, where compiling it with all that it links takes
// minutes (make cross). What the Go compiler refuses beside types, such as an import
// that is not used, this finds too.
func TestCross(t *testing.T) {
	for _, goos := range []string{"windows", "darwin"} {
		t.Run(goos, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command("go", "list", "-deps", "-test", "-json=ImportPath,Dir,GoFiles,ImportMap", "aihub/cmd/aihub")
			cmd.Env = append(os.Environ(), "GOOS="+goos, "GOARCH=arm64", "CGO_ENABLED=0")
			cmd.Stderr = os.Stderr
			out, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			done := map[string]*types.Package{"unsafe": types.Unsafe}
			fset := token.NewFileSet()
			for d := json.NewDecoder(strings.NewReader(string(out))); ; {
				var p listed
				if err := d.Decode(&p); errors.Is(err, io.EOF) {
					break
				} else if err != nil {
					t.Fatal(err)
				}
				if p.ImportPath == "unsafe" || strings.HasSuffix(p.ImportPath, ".test") { // the latter is go test's own
					continue
				}
				ours := p.ImportPath == "aihub" || strings.HasPrefix(p.ImportPath, "aihub/")
				if ours {
					n++
				}
				done[p.ImportPath] = p.check(t, fset, done, ours)
			}
			if n < 30 {
				t.Errorf("only %d packages of ours were checked", n)
			}
		})
	}
}

// listed is a package as go list shows it, after those that it imports.
type listed struct {
	ImportPath, Dir string
	GoFiles         []string
	ImportMap       map[string]string
}

// check checks the whole of our packages, and of others what they declare.
func (p listed) check(t *testing.T, fset *token.FileSet, done map[string]*types.Package, ours bool) *types.Package {
	var files []*ast.File
	for _, name := range p.GoFiles {
		f, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
		if err != nil && ours {
			t.Error(err)
		}
		files = append(files, f)
	}
	conf := types.Config{
		IgnoreFuncBodies: !ours, FakeImportC: true, Sizes: types.SizesFor("gc", "arm64"),
		Importer: importer(func(path string) (*types.Package, error) {
			if to := p.ImportMap[path]; to != "" {
				path = to
			}
			if pkg := done[path]; pkg != nil {
				return pkg, nil
			}
			return nil, errors.New(path + " is not there")
		}),
		Error: func(err error) {
			if ours {
				t.Error(err)
			}
		},
	}
	pkg, _ := conf.Check(p.ImportPath, fset, files, nil) // conf.Error has told
	return pkg
}

type importer func(string) (*types.Package, error)

func (i importer) Import(path string) (*types.Package, error) { return i(path) }
