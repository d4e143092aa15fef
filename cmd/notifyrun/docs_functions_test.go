package main

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/notifyrun/notifyrun/schema"
)

// TestFunctions_page holds docs/functions.md against the program: it has each
// function, with its signature, a sentence, and examples that call it and give
// what they say; and each of Terraform's that is refused.
func TestFunctions_page(t *testing.T) {
	p := readPage(t, "functions.md")
	rows := tables(p.text, "| function | what it gives | example | result |")
	evaluateRows(t, rows)
	evaluateRows(t, tables(p.text, "| expression | result |"))
	var names []string
	for _, row := range rows {
		name := ""
		if row[0] != "" { // else another example of the same
			signature := code(t, row[0])
			name, _, _ = strings.Cut(signature, "(")
			names = append(names, name)
			if want := schema.Signature(name); signature != want {
				t.Errorf("the page has %s, the program %s", signature, want)
			}
			if !strings.HasSuffix(row[1], ".") {
				t.Errorf("%s: %q is no sentence", name, row[1])
			}
		}
		if last := names[len(names)-1]; !strings.Contains(row[2], last+"(") {
			t.Errorf("%s does not call %s", row[2], last)
		}
	}
	if want := schema.Functions(); !slices.Equal(slices.Sorted(slices.Values(names)), want) {
		t.Errorf("the page (-) has other functions than the program (+):\n%s", cmp.Diff(slices.Sorted(slices.Values(names)), want))
	}

	dir := docDir(t)
	write(t, dir, "main.hcl", "")
	var refused []string
	for _, row := range tables(p.section(t, "What there is not"), "| of Terraform | instead |") {
		call := regexp.MustCompile(`\(.*\)`).ReplaceAllString(code(t, row[0]), "(1)")
		_, out, errs := execute(t, "["+call+"]\n", nil, "console", dir)
		if !strings.Contains(errs+out, "Function not available") {
			t.Errorf("%s is not refused: %s%s", call, out, errs)
		}
		refused = append(refused, strings.TrimSuffix(call, "(1)"))
	}
	if want := schema.RefusedFunctions(); !slices.Equal(refused, want) {
		t.Errorf("the page (-) says of other functions that they are refused than the program (+):\n%s", cmp.Diff(refused, want))
	}
}
