package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/notifyrun/notifyrun/schema"
)

// TestPhones holds the catalogue of docs/phones.md against the program's; -update
// writes it anew.
func TestPhones(t *testing.T) {
	file := filepath.Join("..", "..", "docs", "phones.md")
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	const heading = "\n## The catalogue\n"
	before, got, ok := strings.Cut(string(page), heading)
	if !ok {
		t.Fatalf("docs/phones.md has no section %q", strings.TrimSpace(heading))
	}
	want := phonesPage()
	if *update {
		if err := os.WriteFile(file, []byte(before+heading+want), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("docs/phones.md (-) differs from schema/presets.hcl (+); write it anew with: go test ./cmd/notifyrun -run TestPhones -update\n%s", diff)
	}
}

// TestPhones_configurations plans the configurations of docs/phones.md.
func TestPhones_configurations(t *testing.T) {
	blocks := regexp.MustCompile("(?ms)^```hcl\n(.*?)^```$").FindAllStringSubmatch(readPage(t, "phones.md").text, -1)
	if len(blocks) == 0 {
		t.Fatal("docs/phones.md has no configurations")
	}
	for _, block := range blocks {
		dir := t.TempDir()
		file := filepath.Join(dir, "main.hcl")
		if err := os.WriteFile(file, []byte(block[1]), 0o600); err != nil {
			t.Fatal(err)
		}
		if code, out, errs := execute(t, "", nil, "plan", dir); code != exitOK {
			t.Errorf("exit code %d\n%s\n%s%s", code, block[1], out, errs)
		}
		if code, out, _ := execute(t, "", nil, "fmt", "-check", file); code != exitOK {
			t.Errorf("it is not in canonical form: %s\n%s", out, block[1])
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
			fmt.Fprintf(&b, "| %s | `%s` | %s | %s | %s |\n", names, p.Event, cell(p.Does), either(cell(p.Needs), "–"), known[p.KnownFrom])
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

func either(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
