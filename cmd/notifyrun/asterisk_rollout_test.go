package main

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/notifyrun/notifyrun/amiclient/amitest"
)

// TestAsterisk_Rollout brings a mixed fleet to its versions of firmware by what real
// servers say about it, apply after apply: phones with old firmware are told in
// their vendor's way, one that nobody knows is skipped on record, and has its turn
// when it says what it is; when all are up to date there is nothing left to do.
func TestAsterisk_Rollout(t *testing.T) {
	for _, major := range []int{16, 22} {
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			t.Parallel()
			phones := map[string]*amitest.Phone{}
			for _, endpoint := range []string{amitest.EndpointDynamic, amitest.EndpointQualified, amitest.EndpointSingle} {
				phones[endpoint] = amitest.StartPhone(t)
			}
			server := amitest.StartAsterisk(t, major, amitest.AsteriskConfig{Phone: phones[amitest.EndpointDynamic].Addr(), Qualified: true})
			lives := 0
			register := func(endpoint, userAgent string) {
				t.Helper()
				lives++
				phones[endpoint].UserAgent = userAgent
				if err := phones[endpoint].Register(t.Context(), server.SIPAddr, endpoint, "pw", fmt.Sprint("life-", lives), 600); err != nil {
					t.Fatal(err)
				}
			}
			dir := t.TempDir()
			config := fmt.Sprintf(`
pbx "hq" {
  address  = %q
  username = %q
  secret   = var.secret
}
variable "secret" {
  sensitive = true
}
data "pjsip_contacts" "hq" {
  pbx = pbx.hq
}
locals {
  wanted = { yealink = "66.86.0.15", grandstream = "1.0.11.64" }
}
sip_notify "firmware" {
  pbx = pbx.hq
  # Whoever is not known is asked for, and reported.
  targets = [
    for c in data.pjsip_contacts.hq.contacts : c
    if !c.static && try(versioncmp(firmware_of(c.user_agent), local.wanted[vendor_of(c.user_agent)]) < 0, true)
  ]
  message       = preset_for(target.user_agent, "reboot", "check_sync")
  unknown_phone = "skip"
  trigger "change" {
    on = local.wanted
  }
}
`, server.Addr, amitest.UserFull)
			write(t, dir, "main.hcl", config)
			run := func(wantCode int, args ...string) string {
				t.Helper()
				code, out, errs := execute(t, "", []string{"NOTIFYRUN_VAR_secret=" + amitest.Secret}, append(args, dir)...)
				if code != wantCode {
					t.Fatalf("%s: exit code %d, want %d\n%s%s", strings.Join(args, " "), code, wantCode, out, errs)
				}
				return out
			}
			// heard returns the events that each phone has heard since it was asked last.
			heard := func(want map[string]string) {
				t.Helper()
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				for endpoint, phone := range phones {
					event := ""
					if want[endpoint] != "" {
						if _, err := phone.Wait(ctx, 1); err != nil {
							t.Fatalf("%s has heard nothing: %v", endpoint, err)
						}
					}
					for _, r := range phone.Requests() {
						e, _ := r.Get("Event")
						event += e
					}
					if event != want[endpoint] {
						t.Errorf("%s has heard %q, want %q", endpoint, event, want[endpoint])
					}
					phone.Reset()
				}
			}

			register(amitest.EndpointDynamic, "Yealink SIP-T46S 66.86.0.5")
			register(amitest.EndpointQualified, "Zoiper rv2.10.20.4")
			register(amitest.EndpointSingle, "Yealink SIP-T46S 66.86.0.15")
			if out := run(exitIncomplete, "apply", "-auto-approve"); !strings.Contains(out, `"Zoiper rv2.10.20.4"`) {
				t.Errorf("the phone that nobody knows is not named:\n%s", out)
			}
			heard(map[string]string{amitest.EndpointDynamic: "check-sync;reboot=true"})

			// As long as nothing is new nobody is told twice.
			run(exitOK, "apply", "-auto-approve")
			heard(nil)

			// The one comes back with the new firmware, the other says what it is.
			register(amitest.EndpointDynamic, "Yealink SIP-T46S 66.86.0.15")
			register(amitest.EndpointQualified, "Grandstream GXP2160 1.0.9.135")
			run(exitOK, "apply", "-auto-approve")
			heard(map[string]string{amitest.EndpointQualified: "reboot"})

			register(amitest.EndpointQualified, "Grandstream GXP2160 1.0.11.64")
			run(exitOK, "plan", "-detailed-exitcode")
			run(exitOK, "apply", "-auto-approve")
			heard(nil)
		})
	}
}
