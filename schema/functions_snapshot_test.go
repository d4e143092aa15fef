package schema

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/hcl/v2"
)

// again loads what a snapshot has become after it was stored.
func again(t *testing.T, snap *Snapshot, values Values) (*Config, hcl.Diagnostics) {
	t.Helper()
	text, err := json.Marshal(snap)
	if err != nil {
		t.Fatal(err)
	}
	var kept Snapshot
	if err := json.Unmarshal(text, &kept); err != nil {
		t.Fatal(err)
	}
	return Load(kept.Source(), values)
}

func valueIn(t *testing.T, cfg *Config, expr string) string {
	t.Helper()
	v, diags := cfg.Scope().Eval(expr)
	if diags.HasErrors() {
		return diags.Error()
	}
	return strings.Join(strings.Fields(FormatValue(v)), " ")
}

// The time of the plan is that of the snapshot, whenever it is evaluated, and
// is part of it only where something asks for it.
func TestPlanTimestamp(t *testing.T) {
	now := time.Date(2026, 11, 22, 10, 0, 0, 5, time.FixedZone("", 3600))
	later := now.Add(time.Hour)
	dir := writeFiles(t, "main.hcl", "locals {\n  at = core::plantimestamp()\n}\n")
	_, cfg := load(t, dir, Values{Now: now})
	if got := valueIn(t, cfg, "local.at"); got != `"2026-11-22T09:00:00Z"` {
		t.Errorf("the time of the plan is %s", got)
	}
	kept, diags := again(t, cfg.Snapshot, Values{Now: later})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	if got := valueIn(t, kept, "local.at"); got != `"2026-11-22T09:00:00Z"` {
		t.Errorf("from the snapshot, the time of the plan is %s", got)
	}
	if kept.Snapshot.Digest() != cfg.Snapshot.Digest() {
		t.Error("a snapshot of the snapshot is another")
	}
	_, other := load(t, dir, Values{Now: later})
	if other.Snapshot.Digest() == cfg.Snapshot.Digest() {
		t.Error("snapshots that evaluate to different times have one digest")
	}

	for _, text := range []string{"", "# plantimestamp()\nlocals {\n  a = \"plantimestamp()\"\n}\n"} {
		dir := writeFiles(t, "main.hcl", text)
		_, a := load(t, dir, Values{Now: now})
		_, b := load(t, dir, Values{Now: later})
		if a.Snapshot.Digest() != b.Snapshot.Digest() || !a.Snapshot.PlanTime.IsZero() {
			t.Errorf("%q: the time of the plan is in the snapshot, though nothing asks for it", text)
		}
		// Nothing was kept, so that nothing is made up.
		kept, diags := again(t, a.Snapshot, Values{Now: later})
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		if got := valueIn(t, kept, "plantimestamp()"); !strings.Contains(got, "not known here") {
			t.Errorf("from a snapshot without a time, it is %s", got)
		}
	}
}

// What is evaluated only when a job fires has the time of the plan, too.
func TestPlanTimestamp_fired(t *testing.T) {
	dir := writeFiles(t, "main.hcl", `
pbx "hq" {
  simulator {}
}
sip_notify "a" {
  pbx     = pbx.hq
  targets = ["PJSIP/1"]
  message {
    event   = "check-sync"
    headers = { X-Plan = try(file("${trigger.kind}.txt"), plantimestamp()) }
  }
}
`)
	_, cfg := load(t, dir, Values{Now: time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)})
	kept, diags := again(t, cfg.Snapshot, Values{Now: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	j, diags := kept.Jobs[0].When(Fired{Kind: "fire"})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	m, diags := j.Message(j.Targets[0])
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	for _, h := range m.Headers {
		if h.Value.String() != "2026-11-22T10:00:00Z" {
			t.Errorf("%s: %s", h.Name, h.Value)
		}
	}
}

// What fileset finds is kept with the snapshot, and is the same when there are
// other files.
func TestFileSet_snapshot(t *testing.T) {
	dir := writeFiles(t, "main.hcl", "locals {\n  found = fileset(\".\", \"*.csv\")\n  secret = nonsensitive(length(sensitive(fileset(\".\", \"*.key\"))))\n}\n", "b.csv", "", "a.csv", "", "x.key", "")
	_, cfg := load(t, dir, Values{})
	const want = `toset([ "a.csv", "b.csv", ])`
	if got := valueIn(t, cfg, "local.found"); got != want {
		t.Fatalf("found %s", got)
	}
	if err := os.WriteFile(filepath.Join(dir, "c.csv"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	kept, diags := again(t, cfg.Snapshot, Values{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	if got := valueIn(t, kept, "local.found"); got != want {
		t.Errorf("from the snapshot, found %s", got)
	}
	if got := valueIn(t, kept, `fileset(path.config, "*.csv")`); got != want {
		t.Errorf("under another name of the directory, found %s", got)
	}
	if got := valueIn(t, kept, `fileset(".", "*")`); !strings.Contains(got, "was not") {
		t.Errorf("what was not asked for then: %s", got)
	}
	if kept.Snapshot.Digest() != cfg.Snapshot.Digest() {
		t.Error("a snapshot of the snapshot is another")
	}
	_, changed := load(t, dir, Values{})
	if changed.Snapshot.Digest() == cfg.Snapshot.Digest() {
		t.Error("snapshots with different files have one digest")
	}
	text, err := json.Marshal(cfg.Snapshot)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "x.key") {
		t.Error("the snapshot names files that were found for a secret")
	}
}

// A change in which files there are is a change of a job that is known only when
// it fires.
func TestFileSet_fired(t *testing.T) {
	dir := writeFiles(t, "main.hcl", "pbx \"hq\" {\n  simulator {}\n}\nuser_event \"a\" {\n  pbx  = pbx.hq\n"+
		"  body = { A = \"${trigger.kind} ${join(\",\", fileset(\".\", \"*.csv\"))}\" }\n}\n", "a.csv", "")
	digest := func() string {
		_, cfg := load(t, dir, Values{})
		return cfg.Jobs[0].TriggerDigest()
	}
	before := digest()
	if before == "" || digest() != before {
		t.Fatalf("the digest %q does not stay", before)
	}
	if err := os.WriteFile(filepath.Join(dir, "b.csv"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if digest() == before {
		t.Error("another file has changed nothing")
	}
}

// Links lead around in no circle, and nothing outside is found.
func TestFileSet_bounds(t *testing.T) {
	dir := writeFiles(t, "main.hcl", "")
	for _, d := range []string{"sub", "sub/deep"} {
		if err := os.Mkdir(filepath.Join(dir, filepath.FromSlash(d)), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{"sub/up": "..", "sub/deep/x.csv": "../../main.hcl", "gone.csv": "nowhere", "also": "sub"} {
		if err := os.Symlink(to, filepath.Join(dir, filepath.FromSlash(link))); err != nil {
			t.Skip(err)
		}
	}
	_, cfg := load(t, dir, Values{})
	for expr, want := range map[string]string{
		`fileset(".", "**/*.csv")`:        `toset([ "sub/deep/x.csv", ])`, // not around in a circle
		`fileset(".", "*/deep/*.csv")`:    `toset([ "also/deep/x.csv", "sub/deep/x.csv", ])`,
		`fileset(".", "also/deep/x.*")`:   `toset([ "also/deep/x.csv", ])`,
		`fileset("also", "**")`:           `toset([ "deep/x.csv", ])`,
		`fileset("sub", "/deep/*")`:       `toset([ "deep/x.csv", ])`,
		`fileset("main.hcl", "*")`:        `toset([])`,
		`length(fileset(".", "../*"))`:    "leads out of the directory",
		`length(fileset(".", "a/../.."))`: "leads out of the directory",
	} {
		if got := valueIn(t, cfg, expr); !strings.Contains(got, want) {
			t.Errorf("%s is %s, not %s", expr, got, want)
		}
	}
}

// What comes with an event, or is a target, is never a template.
func TestTemplateString_strangers(t *testing.T) {
	for _, ref := range []string{"trigger.event.Text", "target.text", "message.x.content"} {
		dir := writeFiles(t, "main.hcl", `
pbx "hq" {
  simulator {}
}
message "x" {
  event        = "a"
  content      = "$${1}"
  content_type = "text/plain"
}
sip_notify "a" {
  pbx     = pbx.hq
  targets = [{ target = "PJSIP/1", text = "$${1 + 1}" }]
  message {
    event   = "check-sync"
    headers = { X-A = templatestring(`+ref+`, {}) }
  }
  trigger "event" {
    name = "UserEvent"
  }
}
`)
		src, diags := Open(dir)
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		_, diags = Load(src, Values{})
		if !strings.Contains(allErrors(diags), "a template cannot come from") {
			t.Errorf("%s: %v", ref, diags)
		}
	}
}

// A text that is a template cannot read files, and one in a file cannot call
// another.
func TestTemplates_inside(t *testing.T) {
	dir := writeFiles(t, "main.hcl", "locals {\n  a = \"$${file(\\\"main.hcl\\\")}\"\n  b = \"$${plantimestamp()}\"\n  s = sensitive(\"x$${\")\n}\n", "t.tftpl", "${templatestring(x, {})}")
	_, cfg := load(t, dir, Values{Now: time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)})
	for expr, want := range map[string]string{
		`templatestring(local.a, {})`:              "cannot read files",
		`templatestring(local.b, {})`:              `"2026-11-22T10:00:00Z"`,
		`templatestring(local.s, {})`:              "sensitive",
		`templatefile("t.tftpl", { x = local.a })`: "cannot call another one",
	} {
		if got := valueIn(t, cfg, expr); !strings.Contains(got, want) || strings.Contains(got, "x${") {
			t.Errorf("%s is %s, not %s", expr, got, want)
		}
	}
}

// type is the whole of a line, and shows what Terraform's console shows.
func TestType(t *testing.T) {
	_, cfg := load(t, writeFiles(t, "main.hcl", ""), Values{})
	for expr, want := range map[string]string{
		`type("a")`:                   "string",
		`type(tolist(["a"]))`:         "list(string)",
		`type(toset([1]))`:            "set(number)",
		`type(tomap({ a = [true] }))`: "map(tuple([ bool, ]))",
		`type({ a = 1, "b c" = {} })`: `object({ a: number, "b c": object({}), })`,
		`type(null)`:                  "dynamic",
		`type([])`:                    "tuple([])",
		`type(sensitive("x"))`:        "string",
		`jsonencode(type(1))`:         "Function not available",
		`type(1) == type(2)`:          "Function not available",
		`type(1, 2)`:                  "Function not available",
	} {
		if got := valueIn(t, cfg, expr); !strings.Contains(got, want) {
			t.Errorf("%s is %s, not %s", expr, got, want)
		}
	}
}
