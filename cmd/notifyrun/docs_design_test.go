package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/engine"
)

var codeSpan = regexp.MustCompile("`([^`]+)`")

// spans gives what stands as code in a cell.
func spans(cell string) (all []string) {
	for _, m := range codeSpan.FindAllStringSubmatch(cell, -1) {
		all = append(all, m[1])
	}
	return all
}

// TestDesign_packages holds the table of packages against the rules that
// TestImportDirections enforces.
func TestDesign_packages(t *testing.T) {
	listed, modules := map[string]bool{}, foreignModules(t)
	for _, row := range tables(readPage(t, "design.md").section(t, "Packages"), "| package | imports of ours | beside the standard library | does without | what it is |") {
		pkg := code(t, row[0])
		listed[pkg] = true
		allowed, known := mayImport[pkg]
		if !known {
			t.Errorf("there is no package %s", pkg)
		}
		sorted := slices.Sorted(slices.Values(allowed))
		if got := spans(row[1]); !slices.Equal(got, sorted) || len(got) == 0 && row[1] != "nothing" {
			t.Errorf("%s imports %v, the page says %s", pkg, sorted, row[1])
		}
		if got := spans(row[2]); !slices.Equal(got, modules[pkg]) || len(got) == 0 && row[2] != "nothing" {
			t.Errorf("%s imports from the modules %v, the page says %s", pkg, modules[pkg], row[2])
		}
		if got := spans(row[3]); !slices.Equal(got, notIn[pkg]) {
			t.Errorf("%s does without %v, the page says %v", pkg, notIn[pkg], got)
		}
	}
	for pkg := range mayImport {
		if !listed[pkg] {
			t.Errorf("the page does not have the package %s", pkg)
		}
	}
}

// foreignModules gives the names of the modules, not ours, that each package
// imports from, sorted.
func foreignModules(t *testing.T) map[string][]string {
	t.Helper()
	const ours = "github.com/notifyrun/notifyrun/"
	out, err := exec.Command("go", "list", "-f", "{{.ImportPath}}\t{{join .Imports \" \"}}", ours+"...").CombinedOutput()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, out)
	}
	modules := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		path, imports, _ := strings.Cut(strings.TrimSpace(line), "\t")
		var names []string
		for imp := range strings.FieldsSeq(imports) {
			parts := strings.Split(imp, "/")
			if !strings.Contains(parts[0], ".") || strings.HasPrefix(imp, ours) {
				continue
			}
			// github.com/OWNER/NAME and golang.org/x/NAME, but modernc.org/NAME.
			names = append(names, parts[min(2, len(parts)-1)])
			if parts[0] == "modernc.org" {
				names[len(names)-1] = parts[1]
			}
		}
		slices.Sort(names)
		modules[strings.TrimPrefix(path, ours)] = slices.Compact(names)
	}
	return modules
}

// attemptsLedger keeps the ends of attempts that a runner commits.
type attemptsLedger struct {
	engine.Ledger
	mu       sync.Mutex
	attempts []engine.Attempt
}

func (l *attemptsLedger) Commit(_ context.Context, b engine.Batch) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.attempts = append(l.attempts, b.Attempts...)
	return nil
}

// answering is a PBX that gives every action one and the same answer; a Ping is
// answered well.
type answering struct {
	engine.Sender
	err error
}

func (a answering) Do(context.Context, amiclient.Action) (*amiclient.Message, error) {
	return &amiclient.Message{}, nil
}

func (a answering) Go(_ context.Context, _ string, _ amiclient.Action, done func(*amiclient.Message, error)) error {
	if a.err != nil {
		go done(nil, a.err)
	} else {
		go done(&amiclient.Message{}, nil)
	}
	return nil
}

// TestDesign_errors drives a run of one delivery and two attempts for each error
// of the table, and holds what the table says against what becomes of it.
func TestDesign_errors(t *testing.T) {
	response := func(kind error) error { return &amiclient.ResponseError{Action: "UserEvent", Text: "x", Kind: kind} }
	kinds := map[string]error{
		"Response: Success":         nil,
		"ErrPermission":             response(amiclient.ErrPermission),
		"ErrUnknownAction":          response(amiclient.ErrUnknownAction),
		"ErrUnknownEndpoint":        response(amiclient.ErrUnknownEndpoint),
		"ErrNoAddress":              response(amiclient.ErrNoAddress),
		"ErrNoDialog":               response(amiclient.ErrNoDialog),
		"ErrUnknownOption":          response(amiclient.ErrUnknownOption),
		"Response: Error":           response(nil),
		"FieldError":                &amiclient.FieldError{Field: amiclient.FieldEvent, Reason: "x"},
		"ErrBusyServer":             response(amiclient.ErrBusyServer),
		"ErrShuttingDown":           response(amiclient.ErrShuttingDown),
		"ConnError{Written: false}": &amiclient.ConnError{Op: "x", Err: errors.New("x")},
		"ConnError{Written: true}":  &amiclient.ConnError{Op: "x", Written: true, Err: errors.New("x")},
		"any other error":           errors.New("x"),
	}
	tried := map[string]bool{}
	rows := tables(readPage(t, "design.md").text, "| error | outcome of the attempt | tried again | and in the end |")
	for _, row := range rows {
		names := spans(row[0])
		if len(names) == 0 {
			names = []string{row[0]}
		}
		for _, name := range names {
			err, known := kinds[name]
			if !known {
				t.Errorf("the test does not know %s", name)
				continue
			}
			tried[name] = true
			hold, end := driveOne(t, "hold", err)
			resend, _ := driveOne(t, "resend", err)
			again := "no"
			switch {
			case len(hold) > 1:
				again = "yes"
			case len(resend) > 1:
				again = "with `resend`"
			}
			if got := []string{string(hold[0].Outcome), again, end}; !slices.Equal(got, row[1:]) {
				t.Errorf("%s: %v, the page says %v", name, got, row[1:])
			}
		}
	}
	for name := range kinds {
		if !tried[name] {
			t.Errorf("the page does not have %s", name)
		}
	}
}

// driveOne runs one delivery whose every attempt ends so. It returns the
// attempts, and what the delivery is in the end.
func driveOne(t *testing.T, onUnknown string, err error) (attempts []engine.Attempt, end string) {
	t.Helper()
	cfg, diags := examine(t, t.TempDir(), fmt.Sprintf(`
pbx "hq" {
  simulator {}
}
user_event "x" {
  pbx        = pbx.hq
  on_unknown = %q
  retry {
    attempts = 2
  }
}`, onUnknown))
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	synctest.Test(t, func(t *testing.T) {
		plan, diags, planErr := engine.NewFire(cfg, &engine.State{}, time.Now(), "user_event.x", nil)
		if planErr != nil || diags.HasErrors() {
			t.Fatal(planErr, diags)
		}
		_, works := plan.Publication(time.Now(), nil)
		led := &attemptsLedger{}
		runner := &engine.Runner{Ledger: led, Senders: map[string]engine.Sender{"pbx.hq": answering{err: err}}, Log: slog.New(slog.DiscardHandler), Patience: time.Minute}
		report, runErr := runner.Run(t.Context(), works)
		if runErr != nil {
			t.Fatal(runErr)
		}
		attempts, end = led.attempts, string(engine.Pending)
		for outcome := range report.Runs[0].Outcomes {
			end = string(outcome)
		}
	})
	if len(attempts) == 0 {
		t.Fatalf("%v: no attempt is recorded", err)
	}
	return attempts, end
}

// TestDesign_ledger finds every table of the ledger on the page.
func TestDesign_ledger(t *testing.T) {
	source, err := os.ReadFile("../../engine/ledger/schema.go")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`CREATE TABLE (\w+)`).FindAllStringSubmatch(string(source), -1)
	if len(found) == 0 {
		t.Fatal("no tables")
	}
	named := spans(readPage(t, "design.md").section(t, "The ledger"))
	for _, m := range found {
		if !slices.Contains(named, m[1]) {
			t.Errorf("the page does not have the table %s", m[1])
		}
	}
}

// TestDesign_benchmarks finds each benchmark and its metrics in the tests of its
// package.
func TestDesign_benchmarks(t *testing.T) {
	body := readPage(t, "design.md").section(t, "Benchmarks")
	lines := regexp.MustCompile(`(?m)^go test .*-bench '(Benchmark\w+)\$' .*?(\./\S+)$`).FindAllStringSubmatch(body, -1)
	if n := strings.Count(body, "go test "); n == 0 || n != len(lines) {
		t.Fatalf("%d of %d lines are understood", len(lines), n)
	}
	var all strings.Builder
	for _, l := range lines {
		var sources strings.Builder
		files, err := filepath.Glob(filepath.Join("..", "..", l[2], "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			sources.Write(b)
		}
		if !strings.Contains(sources.String(), "func "+l[1]+"(b *testing.B)") {
			t.Errorf("%s has no %s", l[2], l[1])
		}
		all.WriteString(sources.String())
	}
	for _, name := range spans(regexp.MustCompile("(?s)```.*?```").ReplaceAllString(body, "")) {
		if strings.Contains(name, "-") && !strings.Contains(name, " ") && !strings.Contains(all.String(), `"`+name+`"`) {
			t.Errorf("no benchmark reports %s", name)
		}
	}
}

// Every link from one page to another, or to a heading, leads somewhere.
func TestDocs_links(t *testing.T) {
	anchors := map[string]map[string]bool{}
	for _, name := range []string{"amiclient.md", "cli.md", "data.md", "design.md", "functions.md", "language.md", "operations.md", "phones.md", "schedules.md"} {
		anchors[name] = map[string]bool{}
		for _, s := range readPage(t, name).sections {
			// As GitHub makes them: punctuation goes, blanks become hyphens.
			anchor := regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(s.heading), "")
			anchors[name][strings.ReplaceAll(anchor, " ", "-")] = true
		}
	}
	for name := range anchors {
		text := regexp.MustCompile("(?ms)^```.*?^```$").ReplaceAllString(readPage(t, name).text, "")
		links := regexp.MustCompile(`\]\(([^)#]*)(?:#([^)]*))?\)`).FindAllStringSubmatch(text, -1)
		for _, l := range links {
			target := l[1]
			if strings.Contains(target, "://") {
				continue
			}
			if target == "" {
				target = name
			}
			if found, ok := anchors[target]; !ok || l[2] != "" && !found[l[2]] {
				t.Errorf("docs/%s: the link %s leads nowhere", name, l[0])
			}
		}
	}
}
