package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/notifyrun/notifyrun/amiclient/amisim"
)

// registeredConfig notifies who is registered at the PBX hq, the user agent as it
// is in each message.
const registeredConfig = `
data "pjsip_contacts" "hq" {
  pbx = pbx.hq
}
sip_notify "reboot" {
  pbx     = pbx.hq
  targets = data.pjsip_contacts.hq.contacts
  message {
    event = "check-sync"
  }
  trigger "change" {
    on = 1
  }
}
`

// TestRefresh_savedPlan: a saved plan that is applied later goes on only if what
// it would send is the same, and names who has come and gone.
func TestRefresh_savedPlan(t *testing.T) {
	dir := t.TempDir()
	sim := startPBX(t, amisim.Config{})
	write(t, dir, "main.hcl", filePBX(t, dir, "hq", sim.Addr(), sim.Users()[0])+registeredConfig)
	save := func() {
		t.Helper()
		if out, err := program(dir, "plan", "-out", "saved").CombinedOutput(); err != nil {
			t.Fatalf("plan: %v\n%s", err, out)
		}
	}
	save()
	sim.Unregister("1002")
	sim.Unregister("1004")
	out, err := program(dir, "apply", "saved").CombinedOutput()
	if want := "apply saved: the plan is stale: the targets have moved since it was made: sip_notify.reboot has no longer PJSIP/1002 and 1 other; plan again"; err == nil || !strings.Contains(string(out), want) {
		t.Errorf("%v: %s\nwant %s", err, out, want)
	}
	save()
	sim.Register("1002")
	out, err = program(dir, "apply", "saved").CombinedOutput()
	if want := "sip_notify.reboot now has PJSIP/1002; plan again"; err == nil || !strings.Contains(string(out), want) {
		t.Errorf("%v: %s\nwant %s", err, out, want)
	}
	if sim.Count() != 0 {
		t.Errorf("%d NOTIFYs", sim.Count())
	}
	// As it was when the plan was made, by choice.
	out, err = program(dir, "apply", "-refresh=false", "saved").CombinedOutput()
	if !regexp.MustCompile(`(?m)^Note: no PBX was asked: data\.pjsip_contacts\.hq is as it was read `).Match(out) || !strings.Contains(string(out), "Complete: 3 accepted") {
		t.Errorf("%v: %s", err, out)
	}
	// What does not matter for what is sent makes no difference.
	save()
	sim.SetState("1001", "INUSE")
	if out, err := program(dir, "apply", "saved").CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}
