package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/notifyrun/notifyrun/amiclient/amisim"
)

// TestAMIClient_program runs the first program of docs/amiclient.md.
func TestAMIClient_program(t *testing.T) {
	p := readPage(t, "amiclient.md")
	program := codeBlocks(p.section(t, "A first program"), "go")[0]
	want := strings.TrimPrefix(codeBlocks(p.section(t, "A first program"), "console")[0], "$ go run .\n")
	file := filepath.Join(t.TempDir(), "main.go")
	if err := os.WriteFile(file, []byte(program), 0o600); err != nil {
		t.Fatal(err)
	}
	phones := amisim.Phones(5)
	phones[2].Unregistered = true
	server, err := amisim.Start(amisim.Config{Phones: phones})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	user := server.Users()[0]
	run := exec.Command("go", "run", file)
	run.Env = append(os.Environ(), "AMI_ADDRESS="+server.Addr(), "AMI_USERNAME="+user.Name, "AMI_SECRET="+user.Secret)
	if out, err := run.CombinedOutput(); err != nil || string(out) != want {
		t.Errorf("%v: it prints\n%s\nthe page says\n%s", err, out, want)
	}
}

// TestAMIClient_examples finds all other Go of docs/amiclient.md in the examples
// of the packages, which are run. A line … stands for what is left out.
func TestAMIClient_examples(t *testing.T) {
	var examples []string
	for _, dir := range []string{"", "amievent", "amisim"} {
		files, err := filepath.Glob(filepath.Join("..", "..", "amiclient", dir, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			source, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			set := token.NewFileSet()
			f, err := parser.ParseFile(set, name, source, 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range f.Decls {
				if d, ok := d.(*ast.FuncDecl); ok && strings.HasPrefix(d.Name.Name, "Example") {
					examples = append(examples, flush(string(source[set.Position(d.Body.Lbrace).Offset+1:set.Position(d.Body.Rbrace).Offset])))
				}
			}
		}
	}
	blocks := codeBlocks(readPage(t, "amiclient.md").text, "go")
	if len(blocks) < 2 {
		t.Fatalf("%d blocks of Go", len(blocks))
	}
	for _, block := range blocks[1:] {
		pieces := strings.Split(flush(block), "…\n")
		if !slices.ContainsFunc(examples, func(body string) bool {
			for _, piece := range pieces {
				_, rest, found := strings.Cut(body, "\n"+piece)
				if !found {
					return false
				}
				body = "\n" + rest
			}
			return true
		}) {
			t.Errorf("no example has\n%s", block)
		}
	}
}

// flush takes the indentation off each line.
func flush(text string) string { return regexp.MustCompile(`(?m)^\t+`).ReplaceAllString(text, "") }

// TestAMIClient_figures finds the benchmarks of docs/amiclient.md, each with a
// command that runs it.
func TestAMIClient_figures(t *testing.T) {
	body := readPage(t, "amiclient.md").section(t, "Figures")
	rows := tables(body, "| what | measured | by |")
	if len(rows) == 0 {
		t.Fatal("no figures")
	}
	for _, row := range rows {
		name := code(t, row[2])
		command := regexp.MustCompile(`(?m)^go test .*-bench '` + name + `\$' .*?\./(\S+)$`).FindStringSubmatch(body)
		if command == nil {
			t.Errorf("no command for %s", name)
			continue
		}
		files, err := filepath.Glob(filepath.Join("..", "..", command[1], "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(files, func(file string) bool {
			source, err := os.ReadFile(file)
			return err == nil && strings.Contains(string(source), "func "+name+"(b *testing.B)")
		}) {
			t.Errorf("%s has no %s", command[1], name)
		}
	}
}
