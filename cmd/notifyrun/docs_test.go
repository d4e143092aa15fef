package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/notifyrun/notifyrun/engine"
)

// cliReference gives docs/cli.md by its second-level headings.
func cliReference(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "cli.md"))
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string]string{}
	for _, s := range strings.Split("\n"+string(text), "\n## ")[1:] {
		name, body, _ := strings.Cut(s, "\n")
		sections[name] = body
	}
	return sections
}

// TestReference_flags holds the flag tables of docs/cli.md against the program.
func TestReference_flags(t *testing.T) {
	sections := cliReference(t)
	for _, c := range commands {
		t.Run(c.name, func(t *testing.T) {
			body, ok := sections[c.name]
			if !ok {
				t.Fatalf("docs/cli.md has no section for the command")
			}
			if usage := strings.TrimSpace("notifyrun " + c.name + " " + c.args); !strings.Contains(body, "\n    "+usage+"\n") {
				t.Errorf("docs/cli.md does not have the line %q", usage)
			}
			want := flagTable(t, c)
			if got := tableUnder(body, "| flag |"); got != want {
				t.Errorf("docs/cli.md (-) has other flags than the program (+):\n%s", cmp.Diff(got, want))
			}
		})
	}
}

// flagTable writes the flags of a command as docs/cli.md has them.
func flagTable(t *testing.T, c *command) string {
	var b strings.Builder
	b.WriteString("| flag | default | meaning |\n|---|---|---|\n")
	for _, f := range c.describe(t.Context(), &app{stdout: io.Discard, stderr: io.Discard, lookupEnv: os.LookupEnv}).Flags {
		value := ""
		if f.Default != "" {
			value = "`" + f.Default + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", f.form(), value, f.Usage)
	}
	return b.String()
}

// tableUnder gives the first table whose header begins so.
func tableUnder(body, header string) string {
	i := strings.Index(body, header)
	if i < 0 {
		return ""
	}
	var b strings.Builder
	for line := range strings.Lines(body[i:]) {
		if !strings.HasPrefix(line, "|") {
			break
		}
		b.WriteString(line)
	}
	return b.String()
}

// generated holds what a page has behind a heading, to its end, against what the
// program has of that; -update writes it anew.
func generated(t *testing.T, name, heading, want string) {
	t.Helper()
	file := filepath.Join("..", "..", "docs", name)
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	heading = "\n## " + heading + "\n"
	before, got, ok := strings.Cut(string(page), heading)
	if !ok {
		t.Fatalf("docs/%s has no section %q", name, strings.TrimSpace(heading))
	}
	if *update {
		if err := os.WriteFile(file, []byte(before+heading+want), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("docs/%s (-) differs from the program (+); write it anew with: go test ./cmd/notifyrun -run '^%s$' -update\n%s", name, t.Name(), diff)
	}
}

// TestReference_exitCodes holds the table of exit codes against the program.
func TestReference_exitCodes(t *testing.T) {
	want := "| code | meaning |\n|---|---|\n"
	for _, e := range exitCodes {
		want += fmt.Sprintf("| %d | %s |\n", e.code, e.short)
	}
	if got := tableUnder(cliReference(t)["Exit codes"], "| code |"); got != want {
		t.Errorf("docs/cli.md (-) has other exit codes than the program (+):\n%s", cmp.Diff(got, want))
	}
	codes := map[int]bool{}
	for _, e := range exitCodes {
		codes[e.code] = true
	}
	for _, code := range []int{exitOK, exitError, exitChanges, exitIncomplete, exitInterrupted} {
		if !codes[code] {
			t.Errorf("exit code %d is not listed", code)
		}
	}
}

// TestReference_environment holds the table of environment variables against
// the program.
func TestReference_environment(t *testing.T) {
	want := "| name | meaning |\n|---|---|\n"
	for _, e := range environment {
		want += fmt.Sprintf("| `%s` | %s |\n", e.name, e.short)
	}
	if got := tableUnder(cliReference(t)["Environment"], "| name |"); got != want {
		t.Errorf("docs/cli.md (-) has other variables than the program (+):\n%s", cmp.Diff(got, want))
	}
}

// TestReference_fields finds every field of every JSON form in the section of
// its command, or among those that all commands share.
func TestReference_fields(t *testing.T) {
	sections := cliReference(t)
	forms := map[string][]any{
		"JSON":          {diagnosticsJSON{}, engine.Sent{}, engine.Attr{}},
		"init":          {initJSON{}},
		"fmt":           {formatJSON{}},
		"convert":       {convertJSON{}},
		"check":         {checkJSON{}},
		"plan":          {planJSON{}},
		"apply":         {progressJSON{}, reportJSON{}},
		"runs":          {runJSON{}, missedJSON{}},
		"pause":         {pausesJSON{}},
		"resume":        {pausesJSON{}},
		"show":          {shownRunJSON{}, shownJobsJSON{}},
		"history":       {historyJSON{}},
		"schedule":      {dueJSON{}},
		"history prune": {prunedJSON{}},
		"state backup":  {stateBackupJSON{}},
		"state check":   {stateCheckJSON{}},
		"serve":         {readyJSON{}},
		"console":       {valueJSON{}},
		"help":          {commandJSON{}, flagJSON{}},
		"version":       {versionJSON{}},
		"validate":      {diagnosticsJSON{}},
		"fire":          {progressJSON{}, reportJSON{}},
		"graph":         {graphJSON{}},
		"state list":    {stateListJSON{}},
		"state show":    {stateShowJSON{}},
		"state mv":      {stateMvJSON{}},
		"state rm":      {stateRmJSON{}},
		"completion":    {completionJSON{}},
	}
	for _, c := range commands {
		if forms[c.name] == nil {
			t.Errorf("the test has no form for %s", c.name)
		}
	}
	for name, v := range forms {
		t.Run(name, func(t *testing.T) {
			body := sections[name] + sections["JSON"]
			if name == "show" {
				body += sections["runs"] + sections["plan"] + sections["schedule"] + sections["pause"]
			}
			if name == "plan" {
				body += sections["schedule"] + sections["pause"]
			}
			if name == "pause" || name == "resume" {
				body += sections["pause"] + sections["resume"]
			}
			if name == "fire" {
				body += sections["apply"]
			}
			if name == "state show" {
				body += sections["plan"] + sections["pause"]
			}
			var fields []string
			for _, v := range v {
				fields = jsonFields(reflect.TypeOf(v), fields)
			}
			for _, f := range fields {
				if !strings.Contains(body, "`"+f+"`") {
					t.Errorf("docs/cli.md does not describe the field %q", f)
				}
			}
		})
	}
}

// jsonFields adds the names of the fields of t, and of what they consist of.
func jsonFields(t reflect.Type, names []string) []string {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		return jsonFields(t.Elem(), names)
	case reflect.Struct:
	default:
		return names
	}
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" || name == "" && !f.Anonymous {
			continue
		}
		if name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
		names = jsonFields(f.Type, names)
	}
	return names
}
