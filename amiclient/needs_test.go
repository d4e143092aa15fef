package amiclient

import (
	"go/ast"
	"go/parser"
	source "go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Each typed action tells what it needs, so that the errors about it can.
func TestNeeds(t *testing.T) {
	typed := 0
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		file, err := parser.ParseFile(source.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range file.Decls {
			method, ok := decl.(*ast.FuncDecl)
			if !ok || method.Recv == nil || method.Name.Name != "Action" {
				continue
			}
			typed++
			name := actionName(method)
			if name == "" {
				t.Errorf("no name found in %v", method.Recv.List[0].Type)
			} else if _, ok := needs[strings.ToLower(name)]; !ok {
				t.Errorf("what %s needs is not known", name)
			}
		}
	}
	if typed < 15 {
		t.Errorf("only %d typed actions found", typed)
	}
	for action, need := range needs {
		if action != strings.ToLower(action) {
			t.Errorf("%s cannot be found", action)
		}
		for class := range strings.SplitSeq(need.class, " or ") {
			if class != "" && !slices.Contains(classes, class) {
				t.Errorf("%s: %q is no class", action, class)
			}
		}
		if need.module != "" && !strings.HasSuffix(need.module, ".so") {
			t.Errorf("%s: %q is no module", action, need.module)
		}
	}
}

// actionName returns the Name that a method gives its Action, or the type whose
// Action it returns, which has the action's name.
func actionName(method *ast.FuncDecl) (name string) {
	ast.Inspect(method, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.KeyValueExpr:
			key, isName := n.Key.(*ast.Ident)
			value, isText := n.Value.(*ast.BasicLit)
			if isName && isText && key.Name == "Name" && name == "" {
				name, _ = strconv.Unquote(value.Value)
			}
		case *ast.SelectorExpr:
			if of, ok := n.X.(*ast.CompositeLit); ok && n.Sel.Name == "Action" {
				name = of.Type.(*ast.Ident).Name
			}
		}
		return true
	})
	return name
}
