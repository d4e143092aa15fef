package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/notifyrun/notifyrun/amiclient/amitest"
)

// execute runs the program in this process.
func execute(t *testing.T, stdin string, environ []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	lookup := func(name string) (string, bool) {
		for _, e := range environ {
			if value, ok := strings.CutPrefix(e, name+"="); ok {
				return value, true
			}
		}
		return "", false
	}
	var out, errs bytes.Buffer
	code = run(t.Context(), args, lookup, environ, strings.NewReader(stdin), &out, &errs)
	return code, out.String(), errs.String()
}

// TestAsterisk_Thousand applies a job of 1,000 targets to real servers: the
// phone hears each of them once, with the values as written, and the history
// has 1,000 accepted attempts.
func TestAsterisk_Thousand(t *testing.T) {
	for _, c := range []struct {
		major int
		tech  string
	}{{16, "SIP"}, {16, "PJSIP"}, {22, "PJSIP"}} {
		t.Run(fmt.Sprintf("%s on %d", c.tech, c.major), func(t *testing.T) {
			const n = 1000
			phone := amitest.StartPhone(t)
			server := amitest.StartAsterisk(t, c.major, amitest.AsteriskConfig{Phone: phone.Addr(), Endpoints: n})
			dir := t.TempDir()
			// What Asterisk would take apart if it were not escaped.
			const odd = `a,b=(c)[d]"e"\f;g%h $${i} {j}`
			config := fmt.Sprintf(`
pbx "rig" {
  address    = %q
  username   = %q
  secret     = var.secret
  rate_limit = "unlimited"
}
variable "secret" {
  type      = string
  sensitive = true
}
sip_notify "reboot" {
  pbx     = pbx.rig
  targets = [for n in range(%d) : { target = "%s/${1001 + n}", number = n }]
  message {
    event        = "check-sync;reboot=true"
    headers      = { X-Odd = %s, X-Number = "no ${target.number}" }
    content_type = "text/plain"
    content      = "first line\nsecond, (line)"
  }
  trigger "change" {
    on = "1"
  }
}
`, server.Addr, amitest.UserMinimal, n, c.tech, strings.ReplaceAll(fmt.Sprintf("%q", odd), "$${", "$${"))
			write(t, dir, "main.hcl", config)
			environ := []string{"NOTIFYRUN_VAR_secret=" + amitest.Secret}
			code, out, errs := execute(t, "", environ, "apply", "-auto-approve", dir)
			if code != exitOK {
				t.Fatalf("apply: exit code %d\n%s%s", code, out, errs)
			}
			if !strings.Contains(out, "1 to fire (1,000 phones on 1 PBX)") || !strings.Contains(out, "1,000 accepted") {
				t.Errorf("apply says\n%s", out)
			}

			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			requests, err := phone.Wait(ctx, n)
			if err != nil {
				t.Fatalf("the phone got %d of %d NOTIFYs: %v", phone.Count(), n, err)
			}
			numbers := map[string]int{}
			for _, r := range requests {
				number, _ := r.Get("X-Number")
				numbers[number]++
				if event, _ := r.Get("Event"); event != "check-sync;reboot=true" {
					t.Errorf("Event: %s", event)
				}
				if value, _ := r.Get("X-Odd"); value != strings.ReplaceAll(odd, "$${", "${") {
					t.Errorf("X-Odd: %s", value)
				}
				if body := string(r.Body); body != "first line\r\nsecond, (line)" {
					t.Errorf("body: %q", body)
				}
			}
			for i := range n {
				if got := numbers[fmt.Sprintf("no %d", i)]; got != 1 {
					t.Errorf("phone %d got %d NOTIFYs", i, got)
				}
			}

			code, out, errs = execute(t, "", environ, "history", "-json", dir)
			if code != exitOK {
				t.Fatalf("history: exit code %d\n%s", code, errs)
			}
			accepted := 0
			for line := range strings.Lines(out) {
				var a attemptJSON
				if err := json.Unmarshal([]byte(line), &a); err != nil {
					t.Fatal(err)
				}
				if a.Outcome == "accepted" {
					accepted++
				}
			}
			if accepted != n {
				t.Errorf("history has %d accepted attempts, want %d", accepted, n)
			}
			code, out, _ = execute(t, "", environ, "plan", "-detailed-exitcode", dir)
			if code != exitOK || !strings.Contains(out, "No changes.") {
				t.Errorf("plan after the apply: exit code %d\n%s", code, out)
			}
			if phone.Count() != n {
				t.Errorf("the phone got %d NOTIFYs in all", phone.Count())
			}
		})
	}
}

// TestAsterisk_Refusals shows what real servers refuse, and what they would
// accept and never send.
func TestAsterisk_Refusals(t *testing.T) {
	for _, major := range []int{16, 22} {
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			phone := amitest.StartPhone(t)
			server := amitest.StartAsterisk(t, major, amitest.AsteriskConfig{Phone: phone.Addr(), Endpoints: 3})
			dir := t.TempDir()
			config := fmt.Sprintf(`
pbx "rig" {
  address  = %q
  username = var.user
  secret   = var.secret
}
variable "user" { default = %q }
variable "secret" { sensitive = true }
variable "more" {
  type    = list(string)
  default = []
}
sip_notify "x" {
  pbx     = pbx.rig
  targets = concat(["PJSIP/1001", "PJSIP/%s", "PJSIP/nobody"], var.more)
  message {
    event = "check-sync"
  }
  trigger "change" {}
}
`, server.Addr, amitest.UserMinimal, amitest.EndpointAbsent)
			write(t, dir, "main.hcl", config)
			environ := []string{"NOTIFYRUN_VAR_secret=" + amitest.Secret}
			sent, more, rejected := 0, "[]", 1
			if server.ChanSIP {
				more, rejected = `["SIP/nobody"]`, 2
			}
			// Each of these sends nothing and leaves no state.
			for _, c := range []struct{ name, env, arg, want string }{
				{"wrong secret", "NOTIFYRUN_VAR_secret=wrong", "-var=user=notifyrun", "authentication failed"},
				{"no rights", environ[0], "-var=user=" + amitest.UserNothing, "write = system"},
				{"no chan_sip", environ[0], `-var=more=["SIP/1001"]`, "removed in Asterisk 21"},
			} {
				if c.name == "no chan_sip" && server.ChanSIP {
					continue
				}
				code, out, errs := execute(t, "", []string{c.env}, "apply", "-auto-approve", c.arg, dir)
				if code != exitError || !strings.Contains(strings.ToLower(errs), strings.ToLower(c.want)) {
					t.Errorf("%s: exit code %d, does not say %q\n%s%s", c.name, code, c.want, out, errs)
				}
				if _, err := os.Stat(filepath.Join(dir, "notifyrun.db")); err == nil {
					t.Errorf("%s: left a state", c.name)
				}
				if sent = phone.Count(); sent > 0 {
					t.Errorf("%s: sent %d NOTIFYs", c.name, sent)
				}
			}

			code, out, errs := execute(t, "", environ, "apply", "-auto-approve", "-var=more="+more, dir)
			if code != exitIncomplete {
				t.Errorf("exit code %d\n%s", code, errs)
			}
			want := []string{fmt.Sprintf("1 accepted, %d rejected, 1 skipped", rejected), "Unable to retrieve endpoint", "no contact is registered"}
			if server.ChanSIP {
				want = append(want, "Could not create address")
			}
			for _, w := range want {
				if !strings.Contains(out, w) {
					t.Errorf("apply does not say %q:\n%s", w, out)
				}
			}
		})
	}
}

// TestAsterisk_TLS applies over TLS, with the server's certificate given by
// ca_file and without it, and to sip: URIs and to an endpoint of two contacts.
func TestAsterisk_TLS(t *testing.T) {
	for _, major := range []int{16, 22} {
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			phone := amitest.StartPhone(t)
			server := amitest.StartAsterisk(t, major, amitest.AsteriskConfig{Phone: phone.Addr()})
			dir := t.TempDir()
			write := func(name, text string) {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			write("ca.pem", string(server.Certificate(t)))
			config := fmt.Sprintf(`
pbx "rig" {
  address  = %q
  username = %q
  secret   = var.secret
  tls {
    ca_file = "ca.pem"
  }
}
variable "secret" {
  sensitive = true
}
sip_notify "x" {
  pbx     = pbx.rig
  targets = ["PJSIP/1001", "PJSIP/%s", "sip:someone@%s"]
  message {
    event        = "x"
    content_type = "text/plain"
    content      = join("\n", [for n in split(",", "a,b,c,d,e,f,g,h") : format("%%0200s", n)])
  }
  trigger "change" {}
}
`, server.TLSAddr, amitest.UserMinimal, amitest.EndpointTwin, phone.Addr())
			write("main.hcl", config)
			environ := []string{"NOTIFYRUN_VAR_secret=" + amitest.Secret}
			code, out, errs := execute(t, "", environ, "apply", "-auto-approve", dir)
			if code != exitOK || !strings.Contains(out, "3 accepted") {
				t.Fatalf("exit code %d\n%s%s", code, out, errs)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			requests, err := phone.Wait(ctx, 4) // the endpoint "twin" has two contacts
			if err != nil {
				t.Fatalf("the phone got %d NOTIFYs: %v", phone.Count(), err)
			}
			users := map[string]int{}
			for _, r := range requests {
				users[r.User()]++
				if len(r.Body) != 8*200+7*2 {
					t.Errorf("a body of %d bytes", len(r.Body))
				}
			}
			if users["someone"] != 1 || len(users) != 4 {
				t.Errorf("heard by %v", users)
			}

			write("main.hcl", strings.Replace(config, `ca_file = "ca.pem"`, "", 1))
			code, _, errs = execute(t, "", environ, "fire", "sip_notify.x", dir)
			if code != exitError || !strings.Contains(errs, "certificate") {
				t.Errorf("an unknown certificate: exit code %d\n%s", code, errs)
			}
		})
	}
}
