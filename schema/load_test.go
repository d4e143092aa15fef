package schema

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// writeFiles makes a directory with files, given as name, content, name, content.
func writeFiles(t testing.TB, files ...string) string {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i < len(files); i += 2 {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, files[i])), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, files[i]), []byte(files[i+1]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// load loads the configuration at path, and fails the test if it has mistakes.
func load(t testing.TB, path string, values Values) (*Source, *Config) {
	t.Helper()
	src, diags := Open(path)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	cfg, diags := Load(src, values)
	if diags.HasErrors() {
		var out bytes.Buffer
		if err := WriteDiagnostics(&out, src.Files(), diags, 80, false); err != nil {
			t.Fatal(err)
		}
		t.Fatal(out.String())
	}
	return src, cfg
}

// TestLoad_besideErrors wants the jobs that can be checked further, and none that
// has a mistake anywhere.
func TestLoad_besideErrors(t *testing.T) {
	dir := writeFiles(t, "main.hcl", `
variable "missing" {}
pbx "hq" {
  simulator {}
}
pbx "typo" {
  simulator {}
  adress = "x"
}
message "reboot" { event = "check-sync" }
message "typo" {
  event   = "x"
  contnet = "y"
}
locals {
  broken = var.missing
  copy   = merge(message.typo, {})
}
sip_notify "fine" {
  pbx     = pbx.hq
  targets = ["PJSIP/1"]
  message = message.reboot
}
sip_notify "each" {
  for_each = { a = "PJSIP/1", b = "1", c = "PJSIP/3" }
  pbx      = pbx.hq
  targets  = [each.value]
  message  = message.reboot
}
sip_notify "typo_in_pbx" {
  pbx     = pbx.typo
  targets = ["PJSIP/1"]
  message = message.reboot
}
sip_notify "typo_in_message" {
  pbx     = pbx.hq
  targets = ["PJSIP/1"]
  message = message.typo
}
sip_notify "typo_beyond_a_local" {
  pbx     = pbx.hq
  targets = ["PJSIP/1"]
  message = local.copy
}
sip_notify "typo" {
  pbx     = pbx.hq
  targets = ["PJSIP/1"]
  message = message.reboot
  enabld  = false
}
sip_notify "no_pbx" {
  targets = ["PJSIP/1"]
  message = message.reboot
}
sip_notify "bad_pbx" {
  pbx     = local.broken
  targets = ["PJSIP/1"]
  message = message.reboot
}
sip_notify "no_message" {
  pbx     = pbx.hq
  targets = ["PJSIP/1"]
  trigger "change" { on = 1 }
}
sip_notify "bad_targets" {
  pbx     = pbx.hq
  targets = local.broken
  message = message.reboot
}
user_event "fine" {
  pbx = pbx.hq
}
user_event "bad_body" {
  pbx  = pbx.hq
  body = local.broken
  trigger "change" {}
}
`)
	src, _ := Open(dir)
	cfg, diags := Load(src, Values{})
	if !diags.HasErrors() || cfg.Snapshot != nil || cfg.Scope() != nil {
		t.Error("a mistake was not seen")
	}
	var got []string
	for _, j := range cfg.Jobs {
		got = append(got, j.Address)
	}
	want := []string{"sip_notify.fine", `sip_notify.each["a"]`, `sip_notify.each["c"]`, "user_event.fine"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("jobs (-want +got):\n%s\n%v", diff, diags)
	}
}

const smoke = `
notifyrun {
  required_version = ">= 0.1"
}
variable "hq_secret" {
  type      = string
  sensitive = true
}
variable "firmware" {
  type    = string
  default = "1.2.3"
}
pbx "hq" {
  address  = "pbx.example.net"
  username = "notifyrun"
  secret   = var.hq_secret
  rate_limit = "200/s"
}
message "reboot" { event = "check-sync;reboot=true" }
locals {
  phones = [for n in range(1001, 1004) : "PJSIP/${n}"]
}
sip_notify "firmware" {
  pbx     = pbx.hq
  targets = local.phones
  message = message.reboot
  trigger "change" {
    on = { firmware = var.firmware }
  }
  retry {
    attempts = 5
    backoff  = "30s"
  }
}
sip_notify "lamps" {
  pbx     = pbx.hq
  targets = csvdecode(file("mailboxes.csv"))
  message {
    message_summary {
      account = "sip:${target.mailbox}@pbx.example.net"
      new     = target.new
      old     = target.old
    }
  }
  trigger "schedule" {
    cron     = "*/15 * * * *"
    timezone = "Europe/Berlin"
    missed   = "once"
  }
}
user_event "maintenance" {
  for_each = toset(["hq", "lab"])
  pbx      = pbx.hq
  name     = "MaintenanceStarts"
  body     = { Site = each.key, Firmware = var.firmware }
  trigger "schedule" { cron = "55 21 * * MON-FRI" }
}
`

func TestLoad(t *testing.T) {
	dir := writeFiles(t, "main.hcl", smoke, "mailboxes.csv", "target,mailbox,new,old\nPJSIP/1,101,2,3\nSIP/2,102,0,1\n")
	_, cfg := load(t, dir, Values{Environ: []string{"NOTIFYRUN_VAR_hq_secret=hunter2"}, Version: "0.1.0"})
	if len(cfg.Jobs) != 4 {
		t.Fatalf("got %d jobs", len(cfg.Jobs))
	}
	lamps := cfg.Jobs[1]
	m, diags := lamps.Message(lamps.Targets[1])
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	want := "Messages-Waiting: no\r\nMessage-Account: sip:102@pbx.example.net\r\nVoice-Message: 0/1 (0/0)\r\n"
	if got := m.Content.Reveal(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
