package schema

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestValues_precedence gives one variable a value from everywhere, and takes
// the strongest away one by one.
func TestValues_precedence(t *testing.T) {
	dir := writeFiles(t, "main.hcl", "variable \"v\" {\n  default = \"default\"\n}\n",
		"notifyrun.hclvars", "v = \"standard\"\n", "a.auto.hclvars", "v = \"auto a\"\n", "b.auto.hclvars", "v = \"auto b\"\n",
		"given.hclvars", "v = \"given\"\n")
	values := Values{
		Environ: []string{"NOTIFYRUN_VAR_v=environment"},
		Assignments: []Assignment{
			{Name: "v", Value: "first"},
			{File: filepath.Join(dir, "given.hclvars")},
			{Name: "v", Value: "last"},
		},
	}
	check := func(want string) {
		t.Helper()
		_, cfg := load(t, dir, values)
		v, _ := cfg.Scope().Eval("var.v")
		if got := v.AsString(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	remove := func(name string) {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	check("last")
	values.Assignments = values.Assignments[:2]
	check("given")
	values.Assignments = values.Assignments[:1]
	check("first")
	values.Assignments = nil
	check("auto b")
	remove("b.auto.hclvars")
	check("auto a")
	remove("a.auto.hclvars")
	check("standard")
	remove("notifyrun.hclvars")
	check("environment")
	values.Environ = nil
	check("default")
}

// TestValues_types reads values from the command line as Terraform does.
func TestValues_types(t *testing.T) {
	dir := writeFiles(t, "main.hcl", `
variable "text" { type = string }
variable "number" { type = number }
variable "bool" { type = bool }
variable "list" { type = list(string) }
variable "any" { type = any }
variable "untyped" {}
variable "object" {
  type = object({ name = string, port = optional(number, 5038), tags = optional(list(string), []) })
}
variable "null" {
  type     = string
  nullable = false
  default  = "fallback"
}
`, "notifyrun.hclvars", "null = null\n")
	_, cfg := load(t, dir, Values{Environ: []string{
		"NOTIFYRUN_VAR_text=[1]", "NOTIFYRUN_VAR_number=12", "NOTIFYRUN_VAR_bool=true", `NOTIFYRUN_VAR_list=["a", "b"]`,
		`NOTIFYRUN_VAR_any={ a = 1 }`, "NOTIFYRUN_VAR_untyped=[1]", `NOTIFYRUN_VAR_object={ name = "x" }`, "PATH=/bin", "NOTIFYRUN_VAR_other=1",
	}})
	for name, want := range map[string]string{
		"text": `"[1]"`, "number": "12", "bool": "true", "list": "tolist([\n  \"a\",\n  \"b\",\n])",
		"any": "{\n  \"a\" = 1\n}", "untyped": `"[1]"`, "null": `"fallback"`,
		"object": "{\n  \"name\" = \"x\"\n  \"port\" = 5038\n  \"tags\" = tolist([])\n}",
	} {
		v, diags := cfg.Scope().Eval("var." + name)
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		if got := FormatValue(v); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}

func TestSource_StatePath(t *testing.T) {
	dir := writeFiles(t, "a.hcl", "notifyrun {\n  state \"sqlite\" { path = \"sub/x.db\" }\n}\n")
	src, cfg := load(t, dir, Values{})
	for _, test := range []struct {
		name, got, want string
	}{
		{"block", src.StatePath(cfg), filepath.Join(dir, "sub", "x.db")},
		{"directory", src.StatePath(nil), filepath.Join(dir, "notifyrun.db")},
	} {
		if test.got != test.want {
			t.Errorf("%s: got %s, want %s", test.name, test.got, test.want)
		}
	}
	single, diags := Open(filepath.Join(dir, "a.hcl"))
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	if got, want := single.StatePath(nil), filepath.Join(dir, "a.db"); got != want {
		t.Errorf("single: got %s, want %s", got, want)
	}
}

// Variable files of programs are JSON; their place among the others is Terraform's.
func TestValues_json(t *testing.T) {
	dir := writeFiles(t,
		"main.hcl", `
variable "a" {}
variable "b" {}
variable "c" {}
variable "d" { type = object({ n = number, list = optional(list(string), ["x"]) }) }
variable "pin" {
  type      = string
  sensitive = true
}
pbx "hq" {
  simulator {}
}
user_event "x" {
  pbx  = pbx.hq
  body = { All = jsonencode([var.a, var.b, var.c, var.d]) }
}
`,
		"notifyrun.hclvars", `
a = "hclvars"
b = "hclvars"
c = "hclvars"
`,
		"notifyrun.hclvars.json", `{"b": "json", "c": "json", "d": {"n": 1e2}, "pin": "hunter2"}`,
		"x.auto.hclvars.json", `{"c": "auto ${var.a} \u00e4"}`,
	)
	_, cfg := load(t, dir, Values{})
	event, _ := cfg.Jobs[0].Event()
	if got, want := event.Body[0].Value.Reveal(), `["hclvars","json","auto ${var.a} ä",{"list":["x"],"n":100}]`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}

	for _, bad := range []string{
		`{"a": `, `[1]`, `"x"`, `{"a": 1e99999}`, strings.Repeat(`[`, 2000), `{"a": {"b": ` + strings.Repeat(`[`, 1001) + strings.Repeat(`]`, 1001) + `}}`, "\xff", "",
	} {
		if err := os.WriteFile(filepath.Join(dir, "y.auto.hclvars.json"), []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		src, diags := Open(dir)
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		if _, diags := Load(src, Values{}); !diags.HasErrors() {
			t.Errorf("%.20q is taken", bad)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "y.auto.hclvars.json"), []byte(`{"pin": "hunter2", "d": 5}`), 0o600); err != nil {
		t.Fatal(err)
	}
	src, _ := Open(dir)
	_, diags := Load(src, Values{})
	var out bytes.Buffer
	if err := WriteDiagnostics(&out, src.Files(), diags, 80, false); err != nil || !diags.HasErrors() || strings.Contains(out.String(), "hunter2") {
		t.Errorf("%v\n%s", err, out.String())
	}
}
