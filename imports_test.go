package aihub_test

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// level of each room: an import may only point to a lower level, or stay
// inside its own room. Leaves (level 0) are helpers without domain knowledge.
var levels = []struct {
	room  string
	level int
}{
	{"", 1}, // the nouns
	{"internal/i18n", 0}, {"internal/screen", 0}, {"internal/yamlx", 0}, {"internal/table", 0}, {"internal/pages", 0}, {"internal/keys", 0}, {"internal/embedded", 0}, {"internal/archive", 0},
	{"scenarios/packs", 3}, // the built-in scenarios: data for cmd and tests
	{"scenarios", 2}, {"policies", 2}, {"internal/blob", 2}, {"internal/config", 2},
	{"internal/store", 3}, {"internal/oci", 3},
	{"catalog", 4}, {"sandbox", 4}, {"evaluator", 4},
	{"server", 5},
	{"cmd", 6},
}

// only says which one package may import a library, so that a successor is a
// one-package move.
var only = map[string][]string{
	"github.com/apache/arrow-go":    {"internal/table"},
	"github.com/minio/minio-go":     {"internal/blob"},
	"modernc.org/sqlite":            {"internal/store"},
	"github.com/jackc/pgx":          {"internal/store", "catalog/source"},
	"github.com/go-sql-driver":      {"catalog/source"},
	"database/sql":                  {"internal/store", "catalog/source"}, // source reads other people's databases
	"github.com/distribution":       {"server/registry"},
	"github.com/casbin/casbin":      {"policies"},
	"github.com/docker/docker":      {"sandbox/docker"},
	"gvisor.dev/gvisor":             {"sandbox/gvisor", "cmd/runsc", "internal/embedded"},
	"github.com/gin-gonic/gin":      {"server"},
	"github.com/danielgtaylor/huma": {"server"},
	"github.com/spf13/cobra":        {"cmd"},
}

func roomOf(dir string) (string, int, bool) {
	best, level, ok := "", 0, dir == "" || dir == "."
	if ok {
		return "", 1, true
	}
	for _, l := range levels {
		if l.room != "" && (dir == l.room || strings.HasPrefix(dir, l.room+"/")) && len(l.room) > len(best) {
			best, level, ok = l.room, l.level, true
		}
	}
	return best, level, ok
}

// complaint says why a package in dir must not import imp, or "".
func complaint(dir, imp string) string {
	for lib, rooms := range only {
		if imp != lib && !strings.HasPrefix(imp, lib+"/") {
			continue
		}
		if !slices.ContainsFunc(rooms, func(r string) bool { return dir == r || strings.HasPrefix(dir, r+"/") }) {
			return fmt.Sprintf("%s imports %s, which belongs to %s alone, so that its successor is a one-package move: call that package instead", dir, lib, strings.Join(rooms, ", "))
		}
	}
	rest, ours := strings.CutPrefix(imp+"/", "aihub/")
	if !ours {
		return ""
	}
	to := strings.TrimSuffix(rest, "/")
	fromRoom, from, ok1 := roomOf(dir)
	toRoom, target, ok2 := roomOf(to)
	switch {
	case !ok1:
		return fmt.Sprintf("%s is in no room: give it a level in imports_test.go and a line in docs/architecture", dir)
	case !ok2:
		return fmt.Sprintf("%s imports %s, which is in no room", dir, imp)
	case fromRoom == toRoom:
		return ""
	case from == 4 && target == 4:
		return fmt.Sprintf("%s imports %s: catalog, sandbox and evaluator never import one another; let them meet in internal/store, through the nouns", dir, imp)
	case fromRoom == "":
		return fmt.Sprintf("package aihub imports %s: the nouns import the standard library only, so that every room can import them", imp)
	case from == 0 && target > 1, from > 0 && target >= from:
		return fmt.Sprintf("%s imports %s: imports point from cmd down to the nouns (see docs/architecture); move the shared line to a lower room", dir, imp)
	}
	return ""
}

// skipped are folders without rooms: hidden ones, test data, and modules of
// their own, which hold what only benchmarks need.
func skipped(p, name string) bool {
	if p == "." {
		return false
	}
	_, err := os.Stat(filepath.Join(p, "go.mod"))
	return strings.HasPrefix(name, ".") || name == "testdata" || err == nil
}

func TestImports(t *testing.T) {
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && skipped(p, d.Name()) {
			return filepath.SkipDir
		}
		// A test may stand on the rooms below and beside it to act as a person.
		if d.IsDir() || !strings.HasSuffix(p, ".go") || strings.HasSuffix(p, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), p, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		dir := path.Dir(filepath.ToSlash(p))
		if dir == "." {
			dir = ""
			for _, im := range f.Imports {
				if s, _ := strconv.Unquote(im.Path.Value); strings.Contains(strings.Split(s, "/")[0], ".") {
					t.Errorf("%s: package aihub imports %s: the nouns import the standard library only", p, s)
				}
			}
		}
		for _, im := range f.Imports {
			s, _ := strconv.Unquote(im.Path.Value)
			if c := complaint(dir, s); c != "" {
				t.Errorf("%s: %s", p, c)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// The rule itself must be able to fail.
func TestImportRuleComplains(t *testing.T) {
	for _, c := range []struct {
		dir, imp string
		bad      bool
	}{
		{"catalog/mask", "aihub/evaluator/metric", true},
		{"sandbox", "aihub/catalog", true},
		{"evaluator", "aihub/sandbox/gvisor", true},
		{"internal/store", "aihub/catalog", true},
		{"scenarios", "aihub/policies", true},
		{"server/api", "aihub/cmd/aihub", true},
		{"", "aihub/scenarios", true},
		{"catalog", "github.com/apache/arrow-go/v18/arrow", true},
		{"server/api", "database/sql", true},
		{"internal/table", "aihub/policies", true},
		{"nowhere", "aihub", true},
		{"catalog", "aihub/internal/table", false},
		{"server/api", "aihub/catalog", false},
		{"cmd/aihub", "aihub/server", false},
		{"catalog", "aihub/catalog/mask", false},
		{"internal/table", "github.com/apache/arrow-go/v18/arrow", false},
		{"internal/yamlx", "aihub", false},
	} {
		if got := complaint(c.dir, c.imp); (got != "") != c.bad {
			t.Errorf("%q importing %q: complaint %q, want one: %v", c.dir, c.imp, got, c.bad)
		}
	}
}

// Only the catalogue's risk gate says that a content keeps its limits; the store
// asks the same question of what it has stored. A third caller would be a way
// around the gate.
func TestOnlyTheGateClears(t *testing.T) {
	allowed := []string{"catalog/riskgate.go", "internal/store/dataset.go"}
	var callers []string
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && skipped(p, d.Name()) {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(p, ".go") || strings.HasSuffix(p, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(p)
		if strings.Contains(string(text), "policies.Clear(") {
			callers = append(callers, filepath.ToSlash(p))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(callers, allowed) {
		t.Errorf("policies.Clear is called by %v; only %v may: publish through the catalogue instead", callers, allowed)
	}
}

// Every package explains its words in exactly one doc comment.
func TestPackageDocs(t *testing.T) {
	docs := map[string]int{}
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && skipped(p, d.Name()) {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(p, ".go") || strings.HasSuffix(p, "_test.go") || strings.HasSuffix(p, "_templ.go") {
			return nil // templ puts its version where a package comment stands
		}
		f, err := parser.ParseFile(token.NewFileSet(), p, nil, parser.ParseComments|parser.PackageClauseOnly)
		if err != nil {
			return err
		}
		dir := filepath.Dir(p)
		if f.Doc != nil && strings.TrimSpace(f.Doc.Text()) != "" {
			docs[dir]++
		} else {
			docs[dir] += 0
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for dir, n := range docs {
		if n != 1 {
			t.Errorf("package in %s has %d doc comments, want exactly one that explains its words", dir, n)
		}
	}
}
