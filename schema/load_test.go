package schema

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// writeFiles makes a directory with files, given as name, content, name, content.
func writeFiles(t testing.TB, files ...string) string {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i < len(files); i += 2 {
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
