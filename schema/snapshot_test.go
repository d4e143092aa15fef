package schema

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const withSecrets = `
variable "hq_secret" {
  type      = string
  sensitive = true
}
variable "token" {
  type      = string
  sensitive = true
  default   = "hunter2-default"
}
variable "site" {
  type = object({ name = string, size = optional(number, 3) })
}
pbx "hq" {
  address  = "pbx.example.net"
  username = "notifyrun"
  secret   = var.hq_secret
}
pbx "lab" {
  address  = "lab.example.net"
  username = "notifyrun"
  secret   = trimspace(file("lab.secret"))
}
locals {
  phones = csvdecode(file("phones.csv"))
  extra  = fileexists("extra.csv") ? csvdecode(file("extra.csv")) : []
}
sip_notify "x" {
  pbx     = pbx.hq
  targets = concat(local.phones, local.extra)
  message {
    event   = "check-sync"
    headers = { X-Site = "${var.site.name} ${var.site.size}", X-Token = var.token }
    content_type = "text/plain"
    content      = templatefile("${target.template}.tpl", { name = target.name })
  }
}
`

// TestSnapshot evaluates a configuration again from what a Load has read, after
// the files are gone, and looks for secrets in that.
func TestSnapshot(t *testing.T) {
	dir := writeFiles(t, "main.hcl", withSecrets,
		"phones.csv", "target,name,template\nPJSIP/1,Anna,a\nPJSIP/2,Bert,b\n",
		"a.tpl", "A ${name}", "b.tpl", "B ${name}",
		"lab.secret", "hunter2-file\n",
		"notifyrun.hclvars", "site = { name = \"hq\" }\nhq_secret = \"hunter2-var\"\n")
	_, cfg := load(t, dir, Values{})

	encoded, err := json.Marshal(cfg.Snapshot)
	if err != nil {
		t.Fatal(err)
	}
	var snap Snapshot
	if err := json.Unmarshal(encoded, &snap); err != nil {
		t.Fatal(err)
	}
	for name, b := range snap.Files {
		if bytes.Contains(b, []byte("hunter2")) {
			t.Errorf("the snapshot has a secret in %s:\n%s", name, b)
		}
	}
	if bytes.Contains(encoded, []byte("hunter2")) {
		t.Error("the snapshot has a secret outside of its files")
	}
	if diff := cmp.Diff([]string{"hq_secret", "token"}, snap.Sensitive); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"lab.secret"}, snap.SecretFiles); diff != "" {
		t.Error(diff)
	}
	if snap.Missing != nil {
		t.Errorf("missing: %q", snap.Missing)
	}
	if _, ok := snap.Files["b.tpl"]; !ok {
		t.Error("the snapshot lacks a file that only the second target reads")
	}

	for _, name := range []string{"main.hcl", "phones.csv", "a.tpl", "b.tpl", "notifyrun.hclvars"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	// What was not there before is not there now.
	if err := os.WriteFile(filepath.Join(dir, "extra.csv"), []byte("target\nPJSIP/3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	values := Values{Environ: []string{"NOTIFYRUN_VAR_hq_secret=other", "NOTIFYRUN_VAR_token=hunter2-default", "NOTIFYRUN_VAR_site={}"}}
	again, diags := Load(snap.Source(), values)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	if again.Snapshot.Digest() != snap.Digest() {
		t.Error("the snapshot of the snapshot is another")
	}
	if got := again.PBXs[0].Secret.Reveal(); got != "other" {
		t.Errorf("secret is %q", got)
	}
	if got := again.PBXs[1].Secret.Reveal(); got != "hunter2-file" {
		t.Errorf("secret is %q", got)
	}
	for i, target := range cfg.Jobs[0].Targets {
		m1, _ := cfg.Jobs[0].Message(target)
		m2, diags := again.Jobs[0].Message(again.Jobs[0].Targets[i])
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		if m1.Digest() != m2.Digest() {
			t.Errorf("target %s: another message", target)
		}
	}

	src := snap.Source()
	_, diags = Load(src, Values{})
	const want = `Error: No value for sensitive variable

  on main.hcl line 2, in variable "hq_secret":
   2: variable "hq_secret" {

The variable "hq_secret" is sensitive, and a saved plan or the state keeps no
sensitive value, nor a sensitive default. Give the value again: with -var
'hq_secret=VALUE', with a line hq_secret = VALUE in a file named by -var-file,
or in the environment as NOTIFYRUN_VAR_hq_secret. The secret of a pbx may come
from a file instead: secret_file.

Error: No value for sensitive variable

  on main.hcl line 6, in variable "token":
   6: variable "token" {

The variable "token" is sensitive, and a saved plan or the state keeps no
sensitive value, nor a sensitive default. Give the value again: with -var
'token=VALUE', with a line token = VALUE in a file named by -var-file, or in the
environment as NOTIFYRUN_VAR_token. The secret of a pbx may come from a file
instead: secret_file.

`
	if diff := cmp.Diff(want, strings.ReplaceAll(render(t, src.Files(), diags), dir+"/", "")); diff != "" {
		t.Errorf("without the sensitive values (-want +got):\n%s", diff)
	}
}

// TestSnapshot_blankedDefault does not hold a default that is blanked against the
// type of its variable.
func TestSnapshot_blankedDefault(t *testing.T) {
	_, cfg := load(t, writeFiles(t, "main.hcl", "variable \"pin\" {\n  type      = number\n  default   = \"4711\"\n  sensitive = true\n}\n"), Values{})
	if _, diags := Load(cfg.Snapshot.Source(), Values{Environ: []string{"NOTIFYRUN_VAR_pin=4711"}}); len(diags) > 0 {
		t.Error(diags)
	}
}

// TestSnapshot_literalSecret keeps a literal secret out of the snapshot, and
// says so when that is to be evaluated.
func TestSnapshot_literalSecret(t *testing.T) {
	dir := writeFiles(t, "main.hcl", "pbx \"hq\" {\n  address  = \"x\"\n  username = \"secret\"\n  secret   = \"hunter2\"\n}\nlocals {\n  a = sensitive(\"hunter2\")\n}\n")
	_, cfg := load(t, dir, Values{})
	if got := cfg.PBXs[0].Secret.Reveal(); got != "hunter2" {
		t.Errorf("secret is %q", got)
	}
	got := string(cfg.Snapshot.Files["main.hcl"])
	if strings.Contains(got, "hunter2") || !strings.Contains(got, `username = "secret"`) {
		t.Errorf("snapshot has %s", got)
	}
	if diff := cmp.Diff([]string{"main.hcl:4", "main.hcl:7"}, cfg.Snapshot.Missing); diff != "" {
		t.Error(diff)
	}
	if _, diags := Load(cfg.Snapshot.Source(), Values{}); !diags.HasErrors() || !strings.Contains(diags.Error(), "main.hcl:4") {
		t.Errorf("got %v", diags)
	}
}

// TestSnapshot_digest does not depend on where the configuration lies.
func TestSnapshot_digest(t *testing.T) {
	_, a := load(t, writeFiles(t, "main.hcl", smoke, "mailboxes.csv", "target,mailbox,new,old\nPJSIP/1,1,1,1\n"), Values{Environ: []string{"NOTIFYRUN_VAR_hq_secret=a"}})
	_, b := load(t, writeFiles(t, "main.hcl", smoke, "mailboxes.csv", "target,mailbox,new,old\nPJSIP/1,1,1,1\n"), Values{Environ: []string{"NOTIFYRUN_VAR_hq_secret=b"}})
	_, c := load(t, writeFiles(t, "main.hcl", smoke, "mailboxes.csv", "target,mailbox,new,old\nPJSIP/1,1,1,2\n"), Values{Environ: []string{"NOTIFYRUN_VAR_hq_secret=a"}})
	if a.Snapshot.Digest() != b.Snapshot.Digest() {
		t.Error("two equal configurations have two digests")
	}
	if a.Snapshot.Digest() == c.Snapshot.Digest() {
		t.Error("two configurations have one digest")
	}
}
