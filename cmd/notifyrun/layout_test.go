package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// mayImport is which of our packages each package may import, docs/design.md
// says why. Data flows one way: so do imports.
var mayImport = map[string][]string{
	"schema":                   nil,
	"amiclient":                {"amiclient/internal/value"},
	"amiclient/amievent":       {"amiclient", "amiclient/internal/value"},
	"amiclient/amisim":         nil,
	"amiclient/amitest":        {"amiclient"},
	"amiclient/internal/value": nil,
	"astconf":                  nil,
	"engine":                   {"schema", "amiclient", "amiclient/amievent"},
	"engine/ledger":            {"engine"},
	"engine/refresh":           {"amiclient", "schema"},
	"cmd/notifyrun":            {"schema", "engine", "engine/ledger", "engine/refresh", "amiclient", "amiclient/amisim", "astconf"},
}

// standardOnly are the packages that import nothing but the standard library
// and what mayImport names.
var standardOnly = []string{"amiclient", "amiclient/amievent", "amiclient/amisim", "amiclient/amitest", "amiclient/internal/value", "astconf"}

// notIn are packages of the standard library that a package must do without.
var notIn = map[string][]string{
	"schema":           {"net/http", "os/exec"},
	"engine":           {"net", "os", "flag", "database/sql"},
	"amiclient/amisim": {"testing"},
	"astconf":          {"os/exec"},
}

func TestImportDirections(t *testing.T) {
	const module = "github.com/notifyrun/notifyrun/"
	out, err := exec.Command("go", "list", "-f", "{{.ImportPath}}\t{{join .Imports \" \"}}", module+"...").CombinedOutput()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, out)
	}
	seen := 0
	for line := range strings.Lines(string(out)) {
		path, imports, ok := strings.Cut(strings.TrimSpace(line), "\t")
		if !ok {
			continue
		}
		pkg := strings.TrimPrefix(path, module)
		allowed, known := mayImport[pkg]
		if !known {
			t.Errorf("package %s has no place in the layout: give it one in mayImport and docs/design.md", pkg)
			continue
		}
		seen++
		for imp := range strings.FieldsSeq(imports) {
			own, ours := strings.CutPrefix(imp, module)
			switch {
			case ours && !slices.Contains(allowed, own):
				t.Errorf("%s must not import %s", pkg, own)
			case !ours && slices.Contains(standardOnly, pkg) && strings.Contains(strings.Split(imp, "/")[0], "."):
				t.Errorf("%s must not import %s: standard library only", pkg, imp)
			case slices.Contains(notIn[pkg], imp):
				t.Errorf("%s must do without %s", pkg, imp)
			}
		}
	}
	if seen != len(mayImport) {
		t.Errorf("go list knows %d of the %d packages", seen, len(mayImport))
	}
}
