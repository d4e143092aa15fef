package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/notifyrun/notifyrun/amiclient/amisim"
)

// TestSecretsNeverShow runs every command with secrets of all kinds and looks
// for them in everything that the program prints and writes.
func TestSecretsNeverShow(t *testing.T) {
	const canary = "canary7Q"
	sim, err := amisim.Start(amisim.Config{Users: []amisim.User{
		{Name: "notifyrun", Secret: canary + "-secret", Read: []string{"all"}, Write: []string{"all"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer sim.Close()
	config := func(secret, inline string) string {
		return fmt.Sprintf(`
variable "secret" {
  type      = string
  sensitive = true
}
variable "pin" {
  type      = string
  sensitive = true
}
variable "defaulted" {
  type      = string
  sensitive = true
  default   = "%s-default"
}
locals {
  url = "https://user:${var.pin}@prov.example.net/"
}
pbx "hq" {
  address  = %q
  username = "notifyrun"
  secret   = %s
}
sip_notify "all" {
  pbx     = pbx.hq
  targets = ["PJSIP/1001", "PJSIP/1002", "PJSIP/nobody"]
  message {
    event        = "check-sync"
    headers      = { X-Pin = var.pin, X-Default = var.defaulted, X-Hash = "v=${%s}" }
    content_type = "text/plain"
    content      = "url=${local.url}"
  }
  trigger "change" {
    on = var.pin
  }
}
user_event "told" {
  pbx  = pbx.hq
  name = "Told"
  body = { Pin = var.pin }
  trigger "schedule" {
    cron = "@daily"
  }
}
`, canary, sim.Addr(), secret, inline)
	}
	for _, c := range []struct{ name, secret, inline string }{
		{"variable", "var.secret", "var.pin"},
		{"literal", fmt.Sprintf("%q", canary+"-secret"), fmt.Sprintf("sensitive(%q)", canary+"-inline")},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			write := func(name, text string) {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			write("main.hcl", config(c.secret, c.inline))
			write("values.hclvars", fmt.Sprintf("pin = %q\n", canary+"-pin")) // by -var-file
			environ := []string{"NOTIFYRUN_VAR_secret=" + canary + "-secret", "NOTIFYRUN_VAR_defaulted=" + canary + "-given"}
			file := "-var-file=" + filepath.Join(dir, "values.hclvars")
			saved := filepath.Join(dir, "saved.plan")

			arrived := 0
			check := func(stdin string, args ...string) {
				t.Helper()
				code, out, errs := execute(t, stdin, environ, args...)
				if strings.Contains(out+errs, canary) {
					t.Errorf("%v shows a secret (exit code %d):\n%s%s", args, code, out, errs)
				}
			}
			for _, as := range [][]string{nil, {"-json"}} {
				with := func(args ...string) []string { return append(append(args, as...), dir) }
				check("", with("validate", file)...)
				check("", with("plan", file)...)
				check("", with("plan", file, "-out", saved)...)
				if c.name == "variable" { // a literal secret cannot be in a saved plan: plan -out refuses
					check("", append(append([]string{"apply", "-log-level=debug", file}, as...), saved)...)
				}
				check("", with("apply", "-auto-approve", "-log-level=debug", "-log-format=json", file, "-var=pin="+canary+"-2")...)
				check("", with("fire", "-log-level=debug", file, "user_event.told")...)
				check("", with("runs", file)...)
				check("", with("history", file)...)
				check("", with("show", file, "sip_notify.all")...)
				check("", with("show", file, "user_event.told")...)
				check("", with("schedule", file)...)
				check("", with("check", file)...)
				check("var.pin\nlocal.url\nupper(var.secret)\n\"${var.pin}x\"\npbx.hq\n{ a = var.pin }\nvar.pin + 1\n[for x in [var.pin] : x.y]\n", with("console", file)...)
				check("", with("validate", file, "-var=pin=[")...)
				check("", with("plan", file, "-var=nosuch="+canary+"-3")...)
			}
			if arrived = sim.Count(); arrived == 0 {
				t.Error("nothing was sent: the test shows nothing")
			}
			// Mistakes right beside the secrets, which snippets would show.
			for _, broken := range []string{
				strings.Replace(config(c.secret, c.inline), "username = ", "usrname = ", 1),
				strings.Replace(config(c.secret, c.inline), "default   = ", "default   = nosuch + ", 1),
				strings.Replace(config(c.secret, c.inline), "secret   = ", "secret   = 1 + ", 1),
				strings.Replace(config(c.secret, c.inline), "X-Pin = var.pin", "X-Pin = regex(\"[\", var.pin)", 1),
				strings.Replace(config(c.secret, c.inline), "X-Pin = var.pin", "Via = var.pin", 1),
				strings.Replace(config(c.secret, c.inline), "content_type = \"text/plain\"", "content_type = var.pin", 1),
				strings.Replace(config(c.secret, c.inline), "event        = \"check-sync\"", "event        = \"check\\nsync${var.pin}\"", 1),
				config(c.secret, c.inline) + "}",
			} {
				write("main.hcl", broken)
				code, out, errs := execute(t, "", environ, "validate", file, dir)
				if code == exitOK {
					t.Errorf("a mistake passes:\n%s", broken)
				}
				if strings.Contains(out+errs, canary) {
					t.Errorf("a diagnostic shows a secret:\n%s%s", out, errs)
				}
				check("", "validate", "-json", file, dir)
			}
			// And everything that the program has written.
			files, err := filepath.Glob(filepath.Join(dir, "*"))
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range files {
				switch filepath.Base(f) {
				case "main.hcl", "values.hclvars":
					continue
				}
				text, err := os.ReadFile(f)
				if err != nil {
					t.Fatal(err)
				}
				for _, form := range forms(canary) {
					if i := bytes.Index(text, form); i >= 0 {
						t.Errorf("%s holds a secret: …%q…", filepath.Base(f), text[max(0, i-80):min(len(text), i+40)])
					}
				}
			}
		})
	}
}

// forms are a word as it stands, and as any base64 text that holds it has it:
// the bytes of a snapshot are kept in base64.
func forms(word string) [][]byte {
	all := [][]byte{[]byte(word)}
	for before := range 3 {
		text := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", before) + word))
		first := (before*8 + 5) / 6 // the first character that depends on the word alone
		last := (before + len(word)) * 8 / 6
		all = append(all, []byte(text[first:last]))
	}
	return all
}

func TestForms(t *testing.T) {
	for before := range 7 {
		text := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("ab", before)[:before] + "canary7Q and more"))
		if !slices.ContainsFunc(forms("canary7Q"), func(f []byte) bool { return strings.Contains(text, string(f)) }) {
			t.Errorf("not found behind %d bytes: %s", before, text)
		}
	}
}
