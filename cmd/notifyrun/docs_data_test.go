package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/zclconf/go-cty/cty"

	"github.com/notifyrun/notifyrun/engine/refresh"
	"github.com/notifyrun/notifyrun/schema"
)

// TestData_types holds the types of docs/data.md against the program's; -update
// writes them anew.
func TestData_types(t *testing.T) { generated(t, "data.md", "The types", dataPage()) }

// dataPage writes the types of data sources as docs/data.md has them.
func dataPage() string {
	var b strings.Builder
	for _, t := range schema.DataTypes() {
		fmt.Fprintf(&b, "\n### `%s`\n\n%s\n", t.Name, t.Doc)
		if len(t.Arguments) > 0 {
			b.WriteString("\n| argument | type | meaning |\n|---|---|---|\n")
			for _, a := range t.Arguments {
				fmt.Fprintf(&b, "| `%s` | %s | %s |\n", a.Name, typeexpr.TypeString(a.Type), a.Doc)
			}
		}
		b.WriteString("\n| attribute | type | meaning |\n|---|---|---|\n")
		for _, a := range t.Attributes {
			typ := typeexpr.TypeString(a.Type)
			if a.Rows != nil {
				typ = "list of objects"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", a.Name, typ, a.Doc)
			for _, f := range a.Rows {
				fmt.Fprintf(&b, "| … `%s` | %s | %s |\n", f.Name, typeexpr.TypeString(f.Type), f.Doc)
			}
		}
		b.WriteString("\n| AMI action | `write` in `manager.conf` | without it |\n|---|---|---|\n")
		for _, n := range refresh.Needs(schema.DataRequest{Type: t.Name}) {
			without := "an error"
			if n.Why != "" {
				without = n.Why + ": null"
			}
			fmt.Fprintf(&b, "| `%s` | `%s` | %s |\n", n.Action, n.Class, without)
		}
	}
	return b.String()
}

// TestData_configurations plans and applies the configurations of docs/data.md,
// which together have each type, each argument, and find phones.
func TestData_configurations(t *testing.T) {
	text := readPage(t, "data.md").text
	blocks := codeBlocks(text, "hcl")
	all := strings.Join(blocks, "")
	for _, typ := range schema.DataTypes() {
		if !strings.Contains(all, "data \""+typ.Name+"\"") {
			t.Errorf("there is no example of %s", typ.Name)
		}
		for _, a := range typ.Arguments {
			if a.Type != cty.Bool && !strings.Contains(strings.Join(strings.Fields(all), " "), " "+a.Name+" = ") {
				t.Errorf("there is no example of %s in %s", a.Name, typ.Name)
			}
		}
	}
	for _, block := range blocks {
		dir := t.TempDir()
		write(t, dir, "main.hcl", block)
		if code, out, _ := execute(t, "", nil, "fmt", "-check", dir); code != exitOK {
			t.Errorf("it is not in canonical form: %s\n%s", out, block)
		}
		if code, out, errs := execute(t, "", nil, "apply", "-auto-approve", dir); code != exitOK || errs != "" {
			t.Errorf("exit code %d\n%s\n%s%s", code, block, out, errs)
		}
		code, out, errs := execute(t, "", nil, "plan", "-full", "-refresh=false", dir)
		if code != exitOK || !strings.HasPrefix(errs, "Note: no PBX was asked: ") {
			t.Errorf("exit code %d\n%s\n%s%s", code, block, out, errs)
		}
	}
	if !slices.ContainsFunc(blocks, func(b string) bool { return strings.Contains(b, "trigger \"schedule\"") }) {
		t.Error("no example is fired by a schedule")
	}
}
