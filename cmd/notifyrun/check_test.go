package main

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/notifyrun/notifyrun/amiclient/amitest"
)

// TestAsterisk_Check asks real servers what they lack: an action that a
// version has not, rights that a user has not. The phone hears nothing of it.
func TestAsterisk_Check(t *testing.T) {
	for _, major := range []int{16, 22} {
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			phone := amitest.StartPhone(t)
			server := amitest.StartAsterisk(t, major, amitest.AsteriskConfig{Phone: phone.Addr(), Endpoints: 3})
			dir := t.TempDir()
			config := fmt.Sprintf(`
variable "user" {}
pbx "rig" {
  address  = %q
  username = var.user
  secret   = %q
}
sip_notify "x" {
  pbx     = pbx.rig
  targets = concat(["SIP/1001"], [for n in range(200) : "PJSIP/${n}"])
  message { event = "check-sync" }
}
user_event "y" {
  pbx = pbx.rig
}
`, server.Addr, amitest.Secret)
			write(t, dir, "main.hcl", config)
			sip := "ok"
			if !server.ChanSIP {
				sip = "missing"
			}
			for _, c := range []struct {
				user string
				code int
				want map[string]string
			}{
				{amitest.UserMinimal, map[string]int{"ok": exitOK, "missing": exitError}[sip], map[string]string{
					"SIPnotify": sip, "PJSIPNotify": "ok", "PJSIPShowEndpoint": "ok", "PJSIPShowEndpoints": "ok",
					"DeviceStateList": "ok", "UserEvent": "ok",
				}},
				{amitest.UserNothing, exitError, map[string]string{
					"SIPnotify": map[string]string{"ok": "forbidden", "missing": "missing"}[sip], "PJSIPNotify": "forbidden",
					"PJSIPShowEndpoint": "forbidden", "PJSIPShowEndpoints": "forbidden", "DeviceStateList": "forbidden", "UserEvent": "forbidden",
				}},
			} {
				code, out, errs := execute(t, "", nil, "check", "-json", "-var=user="+c.user, dir)
				if code != c.code {
					t.Errorf("%s: exit code %d, want %d\n%s%s", c.user, code, c.code, out, errs)
				}
				var found checkJSON
				if err := json.Unmarshal([]byte(out), &found); err != nil || len(found.PBXs) != 1 {
					t.Fatalf("%s: %v\n%s", c.user, err, out)
				}
				got := map[string]string{}
				for _, a := range found.PBXs[0].Actions {
					got[a.Action] = a.Status
				}
				if diff := cmp.Diff(c.want, got); diff != "" {
					t.Errorf("%s: actions (-want +got):\n%s", c.user, diff)
				}
				const conf = "[nothing]\nsecret = … ; as pbx.rig has it\nwrite = reporting,system,user ; no blanks in the list\n"
				if c.user == amitest.UserNothing && found.PBXs[0].ManagerConf != conf {
					t.Errorf("manager.conf:\n%s\nwant:\n%s", found.PBXs[0].ManagerConf, conf)
				}
			}
			if n := phone.Count(); n > 0 {
				t.Errorf("the phone heard %d NOTIFYs", n)
			}
		})
	}
}
