package main

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/notifyrun/notifyrun/amiclient/amitest"
)

// TestAsterisk_Contacts sends to one contact of endpoints that have two, as the
// data source has them, registered and static: the other phone hears nothing. An
// endpoint without contact, and a contact of a server without default outbound
// endpoint, are skipped, though Asterisk would say Success.
func TestAsterisk_Contacts(t *testing.T) {
	for _, major := range []int{16, 22} {
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			phone, other := amitest.StartPhone(t), amitest.StartPhone(t)
			server := amitest.StartAsterisk(t, major, amitest.AsteriskConfig{Phone: phone.Addr(), Endpoints: 2})
			mute := amitest.StartAsterisk(t, major, amitest.AsteriskConfig{Phone: phone.Addr(), Endpoints: 2, NoOutbound: true})
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			for call, p := range map[string]*amitest.Phone{"first": phone, "second": other} {
				if err := p.Register(ctx, server.SIPAddr, amitest.EndpointDynamic, "pw", call, 600); err != nil {
					t.Fatal(err)
				}
			}
			dir := t.TempDir()
			write(t, dir, "main.hcl", fmt.Sprintf(`
variable "secret" {
  type      = string
  sensitive = true
}
pbx "rig" {
  for_each = { loud = %q, mute = %q }
  address  = each.value
  username = %q
  secret   = var.secret
}
data "pjsip_contacts" "all" {
  for_each = toset(["loud", "mute"])
  pbx      = pbx.rig[each.key]
}
data "pjsip_endpoints" "all" {
  pbx = pbx.rig["loud"]
}
message "hello" {
  event   = "check-sync"
  headers = { X-Contact = target.uri }
}
sip_notify "registered" {
  pbx     = pbx.rig["loud"]
  targets = [for c in data.pjsip_contacts.all["loud"].contacts : c if c.endpoint == %q && strcontains(c.uri, %q)]
  message = message.hello
}
sip_notify "static" {
  pbx     = pbx.rig["loud"]
  targets = [for c in data.pjsip_contacts.all["loud"].contacts : c if c.endpoint == "twin" && c.static && strcontains(c.uri, "twin-a")]
  message = message.hello
}
sip_notify "mute" {
  pbx     = pbx.rig["mute"]
  targets = [for c in data.pjsip_contacts.all["mute"].contacts : c if c.contact_count == 2]
  message = message.hello
}
sip_notify "silent" {
  pbx     = pbx.rig["loud"]
  targets = [for e in data.pjsip_endpoints.all.endpoints : e if e.contacts != 1]
  exclude = ["PJSIP/twin", "PJSIP/dynamic"]
  message {
    event = "check-sync"
  }
}
`, server.Addr, mute.Addr, amitest.UserFull, amitest.EndpointDynamic, port(other.Addr())))
			environ := []string{"NOTIFYRUN_VAR_secret=" + amitest.Secret}
			apply := func(want int, args ...string) string {
				t.Helper()
				code, out, errs := execute(t, "", environ, append(args, dir)...)
				if code != want {
					t.Fatalf("%v: exit code %d\n%s%s", args, code, out, errs)
				}
				return out
			}
			heard := func(p *amitest.Phone, n int) []*amitest.Request {
				t.Helper()
				requests, err := p.Wait(ctx, n)
				if err != nil {
					t.Fatalf("%d of %d NOTIFYs: %v", p.Count(), n, err)
				}
				return requests
			}
			out := apply(exitOK, "plan")
			if want := "PJSIP/dynamic/sip:"; !strings.Contains(out, want) || !strings.Contains(out, "PJSIP/twin/sip:twin-a@") {
				t.Errorf("the plan does not name the contacts:\n%s", out)
			}
			apply(exitOK, "apply", "-auto-approve")

			apply(exitOK, "fire", "sip_notify.registered")
			if uri, _ := heard(other, 1)[0].Get("X-Contact"); !strings.Contains(uri, port(other.Addr())) {
				t.Errorf("X-Contact: %s", uri)
			}
			apply(exitOK, "fire", "sip_notify.static")
			if user := heard(phone, 1)[0].User(); user != "twin-a" {
				t.Errorf("it went to %s", user)
			}
			out = apply(exitIncomplete, "fire", "sip_notify.mute")
			if !strings.Contains(out, "2 skipped") || !strings.Contains(out, "default_outbound_endpoint") {
				t.Errorf("without default outbound endpoint:\n%s", out)
			}
			out = apply(exitIncomplete, "fire", "sip_notify.silent")
			if !strings.Contains(out, "PJSIP/"+amitest.EndpointAbsent) || !strings.Contains(out, "1 skipped") {
				t.Errorf("without contact:\n%s", out)
			}
			// Whoever else should not have heard would have by now: the servers have
			// answered several actions since.
			if n, m := phone.Count(), other.Count(); n != 1 || m != 1 {
				t.Errorf("the phones heard %d and %d NOTIFYs", n, m)
			}
		})
	}
}

func port(addr string) string { return addr[strings.LastIndexByte(addr, ':'):] }
