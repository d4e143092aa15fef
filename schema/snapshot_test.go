package schema

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
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
or in the environment as NOTIFYRUN_VAR_hq_secret. A variable, or the secret of a
pbx, may come from a file instead: secret_file.

Error: No value for sensitive variable

  on main.hcl line 6, in variable "token":
   6: variable "token" {

The variable "token" is sensitive, and a saved plan or the state keeps no
sensitive value, nor a sensitive default. Give the value again: with -var
'token=VALUE', with a line token = VALUE in a file named by -var-file, or in the
environment as NOTIFYRUN_VAR_token. A variable, or the secret of a pbx, may come
from a file instead: secret_file.

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

// The names of blocks may stand without quotes, and what one block says is sensitive
// is so of that block alone.
func TestSnapshot_labels(t *testing.T) {
	_, cfg := load(t, writeFiles(t, "main.hcl", `
variable plain { default = "plain" }
output shown {
  value     = var.plain
  sensitive = true
}
variable pin {
  default   = "hunter2"
  sensitive = true
}
pbx hq {
  address  = "x"
  username = "x"
  secret   = "hunter2"
}
module site {
  source = "./site"
  token  = "hunter2"
}
`, "site/site.hcl", `
variable "name" { default = "north" }
variable token { sensitive = true }
output "name" {
  value     = var.name
  sensitive = true
}
`), Values{})
	if diff := cmp.Diff([]string{"main.hcl:14", "main.hcl:18"}, cfg.Snapshot.Missing); diff != "" {
		t.Errorf("missing (-want +got):\n%s", diff)
	}
	for name, want := range map[string]string{"main.hcl": `"plain"`, "site/site.hcl": `"north"`} {
		if got := string(cfg.Snapshot.Files[name]); strings.Contains(got, "hunter2") || !strings.Contains(got, want) {
			t.Errorf("the snapshot has %s:\n%s", name, got)
		}
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

// secretSite is a configuration whose secret and certificates are in files.
func secretSite(t *testing.T) (dir string, certificates [2]string) {
	t.Helper()
	for i := range certificates {
		server := httptest.NewTLSServer(http.NotFoundHandler()) // for its certificate
		block := &pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}
		server.Close()
		certificates[i] = "Number " + strconv.Itoa(i) + "\n" + string(pem.EncodeToMemory(block))
	}
	dir = writeFiles(t, "main.hcl", `
pbx "hq" {
  address     = "192.0.2.1"
  username    = "x"
  secret_file = "hq.secret"
  tls {
    ca_file = "ca.pem"
  }
}
user_event "x" {
  pbx  = pbx.hq
  body = { CA = file("ca.pem") != "" }
}
`, "hq.secret", "hunter2\r\n", "ca.pem", certificates[0])
	return dir, certificates
}

func TestSnapshot_secretFile(t *testing.T) {
	dir, _ := secretSite(t)
	_, cfg := load(t, dir, Values{})
	if got := cfg.PBXs[0].Secret; got.Reveal() != "hunter2" || !got.IsSensitive() {
		t.Errorf("secret %q", got.Reveal())
	}
	if diff := cmp.Diff([]string{"hq.secret"}, cfg.Snapshot.SecretFiles); diff != "" {
		t.Error(diff)
	}
	encoded, err := json.Marshal(cfg.Snapshot)
	if err != nil || bytes.Contains(encoded, []byte("hunter2")) || bytes.Contains(encoded, []byte("aHVudGVyM")) {
		t.Errorf("the snapshot has the secret, or %v", err)
	}
	// The daemon reads it again, and a new one from then on.
	if err := os.WriteFile(filepath.Join(dir, "hq.secret"), []byte("hunter3"), 0o600); err != nil {
		t.Fatal(err)
	}
	again, diags := Load(cfg.Snapshot.Source(), Values{})
	if diags.HasErrors() || again.PBXs[0].Secret.Reveal() != "hunter3" {
		t.Errorf("secret %q, %v", again.PBXs[0].Secret.Reveal(), diags)
	}
	if err := os.Remove(filepath.Join(dir, "hq.secret")); err != nil {
		t.Fatal(err)
	}
	_, diags = Load(cfg.Snapshot.Source(), Values{})
	if len(diags) != 1 || diags[0].Summary != "Secret not readable" || !strings.Contains(diags[0].Detail, "pbx.hq") || !strings.Contains(diags[0].Detail, filepath.Join(dir, "hq.secret")) {
		t.Errorf("without the file: %v", diags)
	}
}

// A renewed certificate counts from the next evaluation on; where there is none
// the one does that was there at the apply.
func TestSnapshot_certificates(t *testing.T) {
	dir, certificates := secretSite(t)
	_, cfg := load(t, dir, Values{})
	snap := cfg.Snapshot
	ca := func(want string) {
		t.Helper()
		again, diags := Load(snap.Source(), Values{})
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		if got := string(again.PBXs[0].TLS.CA); got != want {
			t.Errorf("the certificates are\n%s, not\n%s", got, want)
		}
		if again.Snapshot.Digest() != snap.Digest() {
			t.Error("the snapshot of the snapshot is another")
		}
	}
	ca(certificates[0])
	file := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(file, []byte(certificates[1]), 0o600); err != nil {
		t.Fatal(err)
	}
	ca(certificates[1])
	if err := os.WriteFile(file, []byte("half of a"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, diags := Load(snap.Source(), Values{}); len(diags) != 1 || diags[0].Summary != "Invalid certificate file" {
		t.Errorf("with a broken file: %v", diags)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	ca(certificates[0])
}

// A daemon has another working directory than apply had.
func TestSnapshot_SourceIn(t *testing.T) {
	dir, certificates := secretSite(t)
	t.Chdir(dir)
	text, err := os.ReadFile("main.hcl")
	if err != nil {
		t.Fatal(err)
	}
	absolute := bytes.Replace(text, []byte(`file("ca.pem")`), []byte(`file("`+filepath.Join(dir, "ca.pem")+`")`), 1)
	if err := os.WriteFile("main.hcl", absolute, 0o600); err != nil {
		t.Fatal(err)
	}
	_, cfg := load(t, ".", Values{})
	if cfg.Snapshot.Dir != "." {
		t.Errorf("taken in %q", cfg.Snapshot.Dir)
	}
	elsewhere := t.TempDir()
	t.Chdir(elsewhere)
	if _, diags := Load(cfg.Snapshot.Source(), Values{}); len(diags) != 1 || diags[0].Summary != "Secret not readable" {
		t.Errorf("in another directory: %v", diags)
	}
	for _, in := range []string{dir, cfg.Snapshot.Root} {
		again, diags := Load(cfg.Snapshot.SourceIn(in), Values{})
		if diags.HasErrors() || again.PBXs[0].Secret.Reveal() != "hunter2" || string(again.PBXs[0].TLS.CA) != certificates[0] {
			t.Errorf("in %s: %v", in, diags)
		}
		if again.Snapshot.Digest() != cfg.Snapshot.Digest() {
			t.Errorf("in %s the snapshot is another", in)
		}
	}
	// Moved to another place, all that is its own is found there.
	if err := os.WriteFile("hq.secret", []byte("moved"), 0o600); err != nil {
		t.Fatal(err)
	}
	again, diags := Load(cfg.Snapshot.SourceIn(elsewhere), Values{})
	if diags.HasErrors() || again.PBXs[0].Secret.Reveal() != "moved" {
		t.Errorf("moved: %v", diags)
	}
}

// All that a daemon lacks is told at once.
func TestSnapshot_missing(t *testing.T) {
	dir := writeFiles(t, "main.hcl", `
variable "a" {
  sensitive = true
}
variable "b" {
  sensitive = true
}
pbx "hq" {
  address  = "192.0.2.1"
  username = "x"
  secret   = var.a
}
pbx "lab" {
  address     = "192.0.2.2"
  username    = "x"
  secret_file = "lab.secret"
}
user_event "x" {
  pbx  = pbx.hq
  body = { Token = var.b }
}
`, "lab.secret", "hunter2")
	_, cfg := load(t, dir, Values{Environ: []string{"NOTIFYRUN_VAR_a=1", "NOTIFYRUN_VAR_b=2"}})
	if err := os.Remove(filepath.Join(dir, "lab.secret")); err != nil {
		t.Fatal(err)
	}
	_, diags := Load(cfg.Snapshot.Source(), Values{})
	var all strings.Builder
	for _, d := range diags {
		all.WriteString(d.Detail + "\n")
	}
	for _, want := range []string{"NOTIFYRUN_VAR_a", "NOTIFYRUN_VAR_b", "pbx.lab", "lab.secret", "-var-file", "secret_file"} {
		if !strings.Contains(all.String(), want) {
			t.Errorf("nothing says %q:\n%s", want, all.String())
		}
	}
	if len(diags) != 3 {
		t.Errorf("%d diagnostics: %v", len(diags), diags)
	}
}
