package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/notifyrun/notifyrun/schema"
)

// TestPhones holds the catalogue of docs/phones.md against the program's; -update
// writes it anew.
func TestPhones(t *testing.T) { generated(t, "phones.md", "The catalogue", phonesPage()) }

// TestPhones_configurations plans the configurations of docs/phones.md.
func TestPhones_configurations(t *testing.T) {
	blocks := codeBlocks(readPage(t, "phones.md").text, "hcl")
	if len(blocks) == 0 {
		t.Fatal("docs/phones.md has no configurations")
	}
	for _, block := range blocks {
		dir := t.TempDir()
		write(t, dir, "main.hcl", block)
		if code, out, errs := execute(t, "", nil, "plan", dir); code != exitOK {
			t.Errorf("exit code %d\n%s\n%s%s", code, block, out, errs)
		}
		if code, out, _ := execute(t, "", nil, "fmt", "-check", dir); code != exitOK {
			t.Errorf("it is not in canonical form: %s\n%s", out, block)
		}
	}
}

// phonesPage writes the catalogue as docs/phones.md has it.
func phonesPage() string {
	known := map[string]string{"vendor": "the vendor", "asterisk": "Asterisk's samples", "others": "others"}
	cell := func(s string) string { return strings.ReplaceAll(s, "|", `\|`) }
	var b strings.Builder
	for _, v := range schema.Vendors() {
		fmt.Fprintf(&b, "\n### %s: `preset.%s`\n\nUser-Agent such as `%s`.\n\n", v.Name, v.ID, v.Example)
		b.WriteString("| preset | Event | such a phone | and needs | known from |\n|---|---|---|---|---|\n")
		var sources []string
		for _, p := range v.Presets {
			names := "`" + strings.Join(append([]string{p.Action}, p.Aliases...), "`, `") + "`"
			fmt.Fprintf(&b, "| %s | `%s` | %s | %s | %s |\n", names, p.Event, cell(p.Does), cmp.Or(cell(p.Needs), "–"), known[p.KnownFrom])
			for _, s := range p.Source {
				if !slices.Contains(sources, s) {
					sources = append(sources, s)
				}
			}
		}
		b.WriteString("\nSources:\n\n")
		for _, s := range sources {
			b.WriteString("- " + s + "\n")
		}
	}
	return b.String()
}
