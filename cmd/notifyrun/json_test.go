package main

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
)

// diagnosticsShape is what `terraform validate -json` prints: the type of each
// field, where it may be absent with "?", and "null" where it may be that. It is
// from Terraform's documentation of the command; its own reader and those of
// plugins of editors go by the same.
var diagnosticsShape = map[string]string{
	"format_version":                             "string",
	"valid":                                      "bool",
	"error_count":                                "number",
	"warning_count":                              "number",
	"diagnostics":                                "list",
	"diagnostics.severity":                       "string",
	"diagnostics.summary":                        "string",
	"diagnostics.detail":                         "string",
	"diagnostics.address":                        "string?",
	"diagnostics.range":                          "object?",
	"diagnostics.range.filename":                 "string",
	"diagnostics.range.start":                    "object",
	"diagnostics.range.start.line":               "number",
	"diagnostics.range.start.column":             "number",
	"diagnostics.range.start.byte":               "number",
	"diagnostics.range.end":                      "object",
	"diagnostics.range.end.line":                 "number",
	"diagnostics.range.end.column":               "number",
	"diagnostics.range.end.byte":                 "number",
	"diagnostics.snippet":                        "object?",
	"diagnostics.snippet.context":                "string null",
	"diagnostics.snippet.code":                   "string",
	"diagnostics.snippet.start_line":             "number",
	"diagnostics.snippet.highlight_start_offset": "number",
	"diagnostics.snippet.highlight_end_offset":   "number",
	"diagnostics.snippet.values":                 "list",
	"diagnostics.snippet.values.traversal":       "string",
	"diagnostics.snippet.values.statement":       "string",
}

// TestDiagnosticsJSON holds the JSON of mistakes of all sorts against the shape,
// and their snippets against the source.
func TestDiagnosticsJSON(t *testing.T) {
	t.Chdir(t.TempDir())
	const source = `variable "site" { default = "hq" }
variable "token" {
  default   = "hunter2"
  sensitive = true
}
pbx "demo" {
  simulator {}
  secret = "hunter2" + 1
}
locals {
  ünïcode = "häuser 電話" + var.site
  hidden  = [for t in [var.token] : parseint(t, 10)]
  both    = parseint("${var.site}${var.token}", 10)
}
sip_notify "x" {
  for_each   = toset([var.site])
  pbx        = pbx.demo
  on_unknown = "dro${each.key}p"
  targets    = ["PJSIP/${each.vale}", data]
  message { event = "check-sync" }
  trigger "schedule" {
    cron = <<EOT
* *
* * * * * * *
EOT
  }
}
nonsense "y" {}
`
	if err := os.WriteFile("main.hcl", []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]bool)
	out := printed(t, "validate", "-json")
	checkShape(t, "", out, seen)
	for path, kind := range diagnosticsShape {
		if !seen[path] {
			t.Errorf("nothing has the field %s, so that this test shows nothing of it (%s)", path, kind)
		}
	}
	var shown diagnosticsJSON
	if err := json.Unmarshal(out, &shown); err != nil {
		t.Fatal(err)
	}
	if shown.ErrorCount < 8 || shown.Valid || len(shown.Diagnostics) != shown.ErrorCount+shown.WarningCount {
		t.Errorf("%d errors and %d warnings of %d", shown.ErrorCount, shown.WarningCount, len(shown.Diagnostics))
	}
	for _, d := range shown.Diagnostics {
		s, r := d.Snippet, d.Range
		if s == nil || r == nil {
			t.Fatalf("no snippet: %+v", d)
		}
		blanked := strings.ReplaceAll(source, "hunter2", "*******")
		if got, want := s.Code[s.HighlightStartOffset:s.HighlightEndOffset], blanked[r.Start.Byte:r.End.Byte]; got != want && !strings.Contains(got, "*") {
			t.Errorf("%s: what is meant is %q, but the range is %q", d.Summary, got, want)
		}
		if lines := strings.SplitAfter(blanked, "\n"); !strings.HasPrefix(strings.Join(lines[s.StartLine-1:], ""), s.Code) && !strings.Contains(s.Code, "*") {
			t.Errorf("%s: line %d does not begin %q", d.Summary, s.StartLine, s.Code)
		}
	}
	if bytes.Contains(out, []byte("hunter2")) {
		t.Errorf("a secret is shown:\n%s", out)
	}
	byLine := make(map[int]diagnosticJSON)
	for _, d := range shown.Diagnostics {
		byLine[d.Range.Start.Line] = d
	}
	if d := byLine[18]; d.Address != `sip_notify.x["hq"]` || !slices.Contains(d.Snippet.Values, statedJSON{"each.key", `is "hq"`}) {
		t.Errorf("on_unknown: %+v %+v", d, d.Snippet)
	}
	if d := byLine[13]; !slices.Equal(d.Snippet.Values, []statedJSON{{"var.site", `is "hq"`}}) {
		t.Errorf("both: %+v %+v", d, d.Snippet)
	}
	if c := byLine[13].Snippet.Context; c == nil || *c != "locals" {
		t.Errorf("context %v", c)
	}
}

// printed runs the program and gives what it prints.
func printed(t *testing.T, args ...string) []byte {
	t.Helper()
	var out, errs bytes.Buffer
	run(t.Context(), args, func(string) (string, bool) { return "", false }, nil, strings.NewReader(""), &out, &errs)
	if errs.Len() > 0 {
		t.Errorf("on stderr: %s", &errs)
	}
	return out.Bytes()
}

// checkShape compares a JSON value with diagnosticsShape, and notes the fields
// that it has.
func checkShape(t *testing.T, path string, raw json.RawMessage, seen map[string]bool) {
	t.Helper()
	var fields map[string]json.RawMessage
	var list []json.RawMessage
	switch {
	case json.Unmarshal(raw, &list) == nil && list != nil:
		for _, e := range list {
			checkShape(t, path, e, seen)
		}
		return
	case json.Unmarshal(raw, &fields) != nil || fields == nil:
		return
	}
	for name, value := range fields {
		at := strings.TrimPrefix(path+"."+name, ".")
		kind, known := diagnosticsShape[at]
		if !known {
			t.Errorf("Terraform has no field %s", at)
		}
		seen[at] = true
		if got := kindOf(value); !slices.Contains(strings.Fields(strings.TrimSuffix(kind, "?")), got) {
			t.Errorf("%s is a %s, not a %s: %s", at, got, kind, value)
		}
		checkShape(t, at, value, seen)
	}
	for at, kind := range diagnosticsShape {
		name, ok := strings.CutPrefix(at, strings.TrimPrefix(path+".", "."))
		if _, has := fields[name]; ok && !strings.Contains(name, ".") && !has && !strings.HasSuffix(kind, "?") {
			t.Errorf("%s lacks %s", raw, at)
		}
	}
}

func kindOf(raw json.RawMessage) string {
	switch raw[0] {
	case '{':
		return "object"
	case '[':
		return "list"
	case '"':
		return "string"
	case 't', 'f':
		return "bool"
	case 'n':
		return "null"
	}
	return "number"
}
