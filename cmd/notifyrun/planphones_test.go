package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/notifyrun/notifyrun/amiclient/amisim"
	"github.com/notifyrun/notifyrun/engine"
)

const mixedFleet = `
pbx "hq" {
  simulator {
    phones = 4
  }
}
sip_notify "restart" {
  pbx = pbx.hq
  targets = [
    { target = "PJSIP/1001", user_agent = "Zoiper rv2.10.8.2" },
    { target = "PJSIP/1002", user_agent = "Yealink SIP-T46S 66.86.0.15" },
    { target = "PJSIP/1003", user_agent = "Yealink SIP-T46S 66.86.0.5" },
    { target = "PJSIP/1004", user_agent = "" },
  ]
  message       = preset_for(target.user_agent, "reboot")
  unknown_phone = "skip"
  trigger "change" {
    on = "1"
  }
}
`

// A plan says what presets do and whom a job skips, to people and to programs, and
// goes on saying so when nothing else is left to say.
func TestPlanPhones(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "main.hcl", mixedFleet)
	skips := `PJSIP/1001 (no vendor is known by the User-Agent "Zoiper rv2.10.8.2"), PJSIP/1004 (the phone has not told a User-Agent, so that its vendor is not known)`
	run := func(want int, args ...string) string {
		t.Helper()
		code, out, errs := execute(t, "", nil, append(args, dir)...)
		if code != want {
			t.Errorf("%v: exit code %d\n%s%s", args, code, out, errs)
		}
		return out
	}
	contains := func(out string, want ...string) {
		t.Helper()
		for _, w := range want {
			if !strings.Contains(out, w) {
				t.Errorf("it does not say %q:\n%s", w, out)
			}
		}
	}
	contains(run(exitOK, "plan"),
		"\n      Yealink, 2 phones: each reboots at once; with the setting",
		"\n      skips 2 unknown phones: "+skips+"\n",
		"fires now for 2 phones: never sent before\n      to PJSIP/1002, PJSIP/1003\n      PJSIPNotify PJSIP/1002\n",
		"1 to fire (2 phones on 1 PBX).",
	)

	type job struct {
		Skipped []skipJSON
		Presets []presetJSON
		Fire    struct{ Deliveries []deliveryJSON }
	}
	var plan struct{ Jobs []job }
	if err := json.Unmarshal([]byte(run(exitOK, "plan", "-json")), &plan); err != nil {
		t.Fatal(err)
	}
	want := job{
		Skipped: []skipJSON{
			{"PJSIP/1001", `unknown phone: no vendor is known by the User-Agent "Zoiper rv2.10.8.2"`},
			{"PJSIP/1004", "unknown phone: the phone has not told a User-Agent, so that its vendor is not known"},
		},
		Presets: []presetJSON{{Vendor: "yealink", Action: "reboot", Phones: 2, Does: "reboots at once; with the setting sip.notify_reboot_enable = 2 it does nothing"}},
	}
	if n := len(plan.Jobs[0].Fire.Deliveries); n != 2 {
		t.Errorf("%d deliveries", n)
	}
	plan.Jobs[0].Fire.Deliveries = nil
	if diff := cmp.Diff(want, plan.Jobs[0]); diff != "" {
		t.Errorf("plan -json (-want +got):\n%s", diff)
	}

	out := run(exitIncomplete, "apply", "-auto-approve")
	contains(out, "2 accepted, 2 skipped", "unknown phone: no vendor is known by the User-Agent \"Zoiper rv2.10.8.2\"\n    PJSIP/1001")
	if strings.Contains(out, "To send") {
		t.Errorf("it offers to send again:\n%s", out)
	}
	contains(run(exitOK, "plan", "-detailed-exitcode"), "Skipped: 2 unknown phones of sip_notify.restart:\n  "+skips, "No changes.")
	contains(run(exitOK, "history", "-outcome", "skipped"), "PJSIP/1001", "unknown phone: ")

	// A reason that all have is said once.
	alike := strings.Replace(mixedFleet, `"Zoiper rv2.10.8.2"`, `""`, 1)
	write := func(config string) {
		t.Helper()
		write(t, dir, "main.hcl", config)
	}
	write(alike)
	contains(run(exitOK, "plan"),
		"2 unknown phones of sip_notify.restart (the phone has not told a User-Agent, so that its vendor is not known):\n  PJSIP/1001, PJSIP/1004\n")
	write(strings.Replace(alike, `on = "1"`, `on = "2"`, 1))
	contains(run(exitOK, "plan"),
		"skips 2 unknown phones (the phone has not told a User-Agent, so that its vendor is not known): PJSIP/1001, PJSIP/1004\n")
}

// A contact that cannot be sent to is no unknown phone, and is not offered to be
// sent to again.
func TestPlanPhones_oddContact(t *testing.T) {
	dir := t.TempDir()
	sim := startPBX(t, amisim.Config{DefaultOutbound: "1001"})
	const fine, odd = "sip:1001@192.0.2.1", `sip:1001@192.0.2.2;x="y"`
	sim.Register("1001", fine, odd)
	write(t, dir, "main.hcl", filePBX(t, dir, "hq", sim.Addr(), sim.Users()[0])+registeredConfig)
	code, plan, errs := execute(t, "", nil, "plan", dir)
	if want := "skips 1 phone: PJSIP/1001/" + odd + " (the URI of the contact cannot be sent to: "; code != exitOK || !strings.Contains(plan, want) || strings.Contains(plan, engine.UnknownPhone) {
		t.Errorf("%d, it does not say %q:\n%s%s", code, want, plan, errs)
	}
	code, out, errs := execute(t, "", nil, "apply", "-auto-approve", dir)
	if code != exitIncomplete || !strings.Contains(out, "5 accepted, 1 skipped") || strings.Contains(out, "To send") {
		t.Errorf("%d\n%s%s", code, out, errs)
	}
}

// What a preset does is said in full on any terminal, and where a job has only one
// line of an overview it begins with that.
func TestPlanPhones_effects(t *testing.T) {
	jp := planOf(t, `
pbx "hq" {
  simulator {}
}
sip_notify "reboot" {
  pbx     = pbx.hq
  targets = ["PJSIP/1001"]
  message = preset.snom.reboot
  trigger "change" {}
}
`, &engine.State{}).Jobs[0]
	does := jp.Effects[0].Preset
	var b bytes.Buffer
	v := planView{screen: screen{w: &b, width: 60}}
	v.says(jp)
	if text := strings.Join(strings.Fields(b.String()), " "); len(does.Does) < 60 || !strings.Contains(text, "Snom, 1 phone: each "+does.Does+"; needs "+does.Needs) {
		t.Errorf("it does not say %q in full:\n%s", does.Does, &b)
	}
	b.Reset()
	v.width = 80
	v.briefly(group{traitsOf(jp, 0)})
	if !strings.Contains(b.String(), "sends to 1 phone; Snom, 1 phone: each reboots") {
		t.Errorf("in a line it says: %s", &b)
	}
}
