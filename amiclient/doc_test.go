package amiclient_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestDoc finds every typed action and every error that errors.Is may find in
// the documentation of the package, and no action there that does not exist.
func TestDoc(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var doc string
	var actions, kinds []string
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		doc += f.Doc.Text()
		for _, d := range f.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Recv != nil && d.Name.Name == "Action" {
					actions = append(actions, d.Recv.List[0].Type.(*ast.Ident).Name)
				}
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					if v, ok := spec.(*ast.ValueSpec); ok && strings.HasPrefix(v.Names[0].Name, "Err") {
						kinds = append(kinds, v.Names[0].Name)
					}
				}
			}
		}
	}
	_, section, _ := strings.Cut(doc, "# Actions\n")
	section, _, _ = strings.Cut(section, "\nEvery other action")
	_, table, ok := strings.Cut(section, "\n\tPJSIP ")
	if !ok || len(actions) == 0 || len(kinds) == 0 {
		t.Fatalf("no table of actions in\n%s\nor nothing to be found: %q, %q", section, actions, kinds)
	}
	helpers := []string{"Contacts", "AllContacts", "Reachable"}
	var listed []string
	for _, name := range regexp.MustCompile(`\b[A-Z]\w*[a-z]\w*\b`).FindAllString(table, -1) {
		if !slices.Contains(helpers, name) {
			listed = append(listed, name)
		}
	}
	slices.Sort(actions)
	slices.Sort(listed)
	if !slices.Equal(listed, actions) {
		t.Errorf("the table has\n%q\nthe package has\n%q", listed, actions)
	}
	for _, kind := range kinds {
		if !regexp.MustCompile(`\b` + kind + `\b`).MatchString(doc) {
			t.Errorf("the documentation does not say what to do about %s", kind)
		}
	}
}
