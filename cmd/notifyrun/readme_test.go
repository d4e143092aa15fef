package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"html"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

var update = flag.Bool("update", false, "write docs/quickstart.svg anew")

func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestReadme_commands holds the command blocks of the README against the
// program: what can be run here is run, the rest is named.
func TestReadme_commands(t *testing.T) {
	text := readme(t)
	console := codeBlocks(text, "console")
	if len(console) != 2 {
		t.Fatalf("the README has %d commands with their output, want 2", len(console))
	}
	command, shown, _ := strings.Cut(console[0], "\n")
	if command != "$ "+quickstart {
		t.Errorf("the first command is %q", command)
	}
	printed := string(timeless([]byte(runQuickstart(t))))
	for line := range strings.Lines(string(timeless([]byte(shown)))) {
		if line != "…\n" && !strings.Contains(printed, line) {
			t.Errorf("the quickstart does not print %q", line)
		}
	}
	command, shown, _ = strings.Cut(console[1], "\n")
	if command != "$ go test ./..." {
		t.Errorf("the second command is %q", command)
	}
	packages, err := exec.Command("go", "list", "github.com/notifyrun/notifyrun/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	var ok strings.Builder
	for p := range strings.Lines(string(packages)) {
		ok.WriteString("ok  \t" + strings.TrimSpace(p) + "\tTIME\n")
	}
	if got := regexp.MustCompile(`[0-9.]+s\n`).ReplaceAllString(shown, "TIME\n"); got != ok.String() {
		t.Errorf("go test has other packages:\n%swant\n%s", got, ok.String())
	}
	ci, err := os.ReadFile(filepath.Join("..", "..", ".ci", "run"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(ci), "\nstep go test ./...\n") {
		t.Error(".ci/run does not run the README's test command")
	}
	for _, block := range codeBlocks(text, "sh") {
		for line := range strings.Lines(block) {
			command, _, _ := strings.Cut(strings.TrimSpace(line), "#")
			words := strings.Fields(command)
			switch {
			case words[0] == "export", strings.HasPrefix(command, "go install "+"github.com/notifyrun/notifyrun/cmd/notifyrun@"):
			case words[0] == "notifyrun":
				name := words[1]
				if code, out, errs := execute(t, "", nil, "help", name); code != exitOK {
					t.Errorf("%s: %s%s", command, out, errs)
				}
			default:
				t.Errorf("nobody has tried %q", command)
			}
		}
	}
	for _, link := range regexp.MustCompile(`\]\(([^)]+)\)`).FindAllStringSubmatch(text, -1) {
		if _, err := os.Stat(filepath.Join("..", "..", link[1])); err != nil {
			t.Errorf("dead link: %v", err)
		}
	}
}

// TestReadme_configuration plans the configuration that the README shows in two
// parts, and the one that reads a PBX with a simulated one.
func TestReadme_configuration(t *testing.T) {
	blocks := codeBlocks(readme(t), "hcl")
	if len(blocks) != 3 {
		t.Fatalf("%d configurations in the README", len(blocks))
	}
	dir := t.TempDir()
	write(t, dir, "main.hcl", blocks[0]+"\n"+blocks[1])
	code, out, errs := execute(t, "", []string{"NOTIFYRUN_VAR_hq_secret=x"}, "plan", dir)
	if code != exitOK || !strings.Contains(out, "Plan: 4 to add, 0 to change, 0 to remove; 1 to fire (3 phones on 1 PBX)") ||
		strings.Count(out, " fires on event ")+strings.Count(out, " fires after ") != 2 {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
	if code, out, _ := execute(t, "", nil, "fmt", "-check", dir); code != exitOK {
		t.Errorf("it is not in canonical form: %s", out)
	}

	dir = t.TempDir()
	write(t, dir, "main.hcl", blocks[2]+"\npbx \"hq\" {\n  simulator {}\n}\n")
	code, out, errs = execute(t, "", nil, "plan", dir)
	if code != exitOK || !strings.Contains(out, "Plan: 1 to add, 0 to change, 0 to remove; 0 to fire.") || !strings.Contains(out, "window.nights") {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
	if code, out, _ := execute(t, "", nil, "fmt", "-check", dir); code != exitOK {
		t.Errorf("it is not in canonical form: %s", out)
	}
}

// TestReadme_outcomes wants every outcome that a delivery can end with in the
// README's table.
func TestReadme_outcomes(t *testing.T) {
	text := readme(t)
	for _, o := range []string{"accepted", "answered", "rejected", "skipped", "unknown", "canceled"} {
		if !strings.Contains(text, "| `"+o+"` |") {
			t.Errorf("the README does not explain %s", o)
		}
	}
}

// TestReadme_picture compares the picture with what the quickstart really
// prints; -update draws it anew.
func TestReadme_picture(t *testing.T) {
	file, err := filepath.Abs(filepath.Join("..", "..", "docs", "quickstart.svg"))
	if err != nil {
		t.Fatal(err)
	}
	out := runQuickstart(t)
	got := picture("$ " + quickstart + "\n" + out)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	drawn, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(timeless(got), timeless(drawn)) {
		t.Errorf("docs/quickstart.svg shows another output than the quickstart prints now; draw it anew with: go test ./cmd/notifyrun -run Readme_picture -update\n%s", out)
	}
}

const quickstart = "go run ./cmd/notifyrun apply -auto-approve examples/quickstart.hcl"

// runQuickstart runs the README's first command in a fresh copy of examples.
func runQuickstart(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "examples"), os.DirFS(filepath.Join("..", "..", "examples"))); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "examples", "quickstart.db")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	back, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chdir(dir); err != nil {
		t.Fatal(err)
	}
	defer os.Chdir(back)
	args := strings.Fields(strings.TrimPrefix(quickstart, "go run ./cmd/notifyrun "))
	code, out, errs := execute(t, "", nil, args...)
	if code != exitOK {
		t.Fatalf("exit code %d\n%s", code, errs)
	}
	return out
}

// timeless takes out of an output what differs from run to run.
func timeless(b []byte) []byte {
	for _, r := range []struct{ pattern, with string }{
		{`[0-9A-HJKMNP-TV-Z]{26}`, "RUN"},
		{`in [0-9.]+m?s`, "in TIME"},
		{`[A-Z][a-z]{2} \d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d\d:\d\d`, "DUE"},
	} {
		b = regexp.MustCompile(r.pattern).ReplaceAll(b, []byte(r.with))
	}
	return b
}

// picture draws the lines of a terminal as SVG.
func picture(text string) []byte {
	const charWidth, lineHeight, margin = 7.8, 18, 14
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	columns := 80
	for _, l := range lines {
		columns = max(columns, utf8.RuneCountInString(l))
	}
	var b bytes.Buffer
	width, height := int(float64(columns)*charWidth)+2*margin, len(lines)*lineHeight+2*margin
	fmt.Fprintf(&b, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\">\n", width, height, width, height)
	fmt.Fprintf(&b, "<rect width=\"100%%\" height=\"100%%\" rx=\"6\" fill=\"#1c2128\"/>\n<g font-family=\"ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace\" font-size=\"13\" fill=\"#cdd9e5\" xml:space=\"preserve\">\n")
	for i, l := range lines {
		fill := ""
		switch {
		case strings.HasPrefix(l, "$ "):
			fill = ` fill="#768390"`
		case strings.HasPrefix(l, "  + "):
			fill = ` fill="#6bc46d"`
		case strings.HasPrefix(l, "Plan:"), strings.HasPrefix(l, "Complete:"):
			fill = ` font-weight="bold"`
		}
		fmt.Fprintf(&b, "<text x=\"%d\" y=\"%d\"%s>%s</text>\n", margin, margin+lineHeight*i+13, fill, html.EscapeString(l))
	}
	b.WriteString("</g>\n</svg>\n")
	return b.Bytes()
}
