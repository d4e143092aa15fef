package engine

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/notifyrun/notifyrun/schema"
)

// Each event that amiclient knows by name, its class or a type of its own, is
// one that schema knows too: it says so of the same name in small letters.
func TestEventNames(t *testing.T) {
	var text strings.Builder
	text.WriteString("pbx \"hq\" {\n  simulator {}\n}\n")
	names := append(literalsIn(t, "../amiclient/class.go", "classOf"), literalsIn(t, "../amiclient/amievent/event.go", "Parse")...)
	slices.Sort(names)
	names = slices.Compact(names)
	if len(names) < 25 {
		t.Fatalf("found only %q", names)
	}
	for i, name := range names {
		fmt.Fprintf(&text, "user_event \"x%d\" {\n  pbx = pbx.hq\n  trigger \"event\" {\n    name = %q\n  }\n}\n", i, strings.ToLower(name))
	}
	file := filepath.Join(t.TempDir(), "main.hcl")
	if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	src, diags := schema.Open(file)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	_, diags = schema.Load(src, schema.Values{})
	var said strings.Builder
	for _, d := range diags {
		said.WriteString(d.Detail + "\n")
	}
	for _, name := range names {
		if !strings.Contains(said.String(), fmt.Sprintf("Did you mean %q?", name)) {
			t.Errorf("schema does not know the event %s", name)
		}
	}
}

// literalsIn finds the texts that are keys, or cases, in what a file declares by
// a name.
func literalsIn(t *testing.T, path, name string) (found []string) {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	add := func(e ast.Expr) {
		if lit, ok := e.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			s, _ := strconv.Unquote(lit.Value)
			found = append(found, s)
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			return n.Name.Name == name
		case *ast.ValueSpec:
			return n.Names[0].Name == name
		case *ast.KeyValueExpr:
			add(n.Key)
		case *ast.CaseClause:
			for _, e := range n.List {
				add(e)
			}
		}
		return true
	})
	if len(found) == 0 {
		t.Fatalf("%s: nothing found in %s", path, name)
	}
	return found
}
