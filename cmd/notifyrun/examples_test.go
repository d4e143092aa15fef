package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// exampleCommands are what each example is good for, in order, what it prints
// and its exit code. An example without a line here fails.
var exampleCommands = map[string][]struct {
	command, prints string
	code            int
}{
	"quickstart.hcl": {
		{"plan", "Plan: 3 to add, 0 to change, 0 to remove; 2 to fire (25 phones on 1 PBX).", exitOK},
		{"apply -auto-approve", "Complete: 1 answered, 25 accepted", exitOK},
		{"plan -detailed-exitcode", "No changes.", exitOK},
		{"plan -var firmware=1.2.4", "2 to fire (25 phones on 1 PBX).", exitOK},
		{"schedule", "sip_notify.lamps", exitOK},
	},
	"reboot.hcl": {
		{"apply -auto-approve", "Complete: 40 accepted", exitOK},
		{"plan -var firmware=1.2.4", "2 to fire (40 phones on 1 PBX).", exitOK},
	},
	"window.hcl": {
		{"plan", "window       = window.nights (22:00–05:00 mon–fri Europe/Berlin, except on 2026-12-24, 2026-12-25)", exitOK},
		{"apply -auto-approve -var urgent=true", "Complete: 40 accepted", exitOK}, // at whatever time the test runs
		{"plan", "window = window.nights (22:00–05:00 mon–fri", exitOK},
	},
	"mwi.hcl": {
		{"plan", "Voice-Message: 2/5 (0/0)", exitOK},
		{"apply -auto-approve", "Complete: 3 accepted", exitOK},
	},
	"user_event.hcl": {
		{"apply -auto-approve", "3 to add", exitOK},
		{`fire user_event.site["north"]`, "Complete: 1 answered", exitOK},
	},
	"events.hcl": {
		{"validate", "", exitOK},
		{"plan", `sip_notify.one fires on event UserEvent of pbx.hq where event.UserEvent == "Provision" && event.Device != null, once it is quiet for 10s`, exitOK},
		{"plan", "user_event.resynced fires after sip_notify.all succeeds, 10m later", exitOK},
		{"plan -json", `"waits":[{"after":["sip_notify.all"],"on":"success","delay":"10m0s"}]`, exitOK},
		{"apply -auto-approve", "4 to add", exitOK},
		{"fire sip_notify.all", "Complete: 4 accepted", exitOK},
	},
	"mixed_fleet.hcl": {
		{"plan", "Polycom and Poly, 1 phone: each reboots only if files on the provisioning server have changed", exitOK},
		{"plan", `skips 1 unknown phone: PJSIP/1006 (no vendor is known by the User-Agent "Zoiper rv2.10.8.2")`, exitOK},
		{"apply -auto-approve", "1 to add", exitOK},
		{"fire sip_notify.restart", "5 accepted, 1 skipped", exitIncomplete},
	},
	"firmware_rollout.hcl": {
		{"apply -auto-approve", "Complete: 2 accepted", exitOK},
		{"plan -detailed-exitcode", "No changes.", exitOK},
		// One has come back with the new version, then the other.
		{`plan -var updated=["1001"]`, "0 to fire.", exitOK},
		{`apply -auto-approve -var updated=["1001","1002"]`, "nothing was to be sent", exitOK},
		{`plan -detailed-exitcode -var updated=["1001","1002"]`, "No changes.", exitOK},
		// The next version: all that are known to be older, once more.
		{"plan -var firmware=66.86.0.20", "1 to fire (3 phones on 1 PBX).", exitOK},
	},
	"sites": {
		{"plan", "Plan: 2 to add, 0 to change, 0 to remove; 2 to fire (19 phones on 2 PBXs).", exitOK},
		{"apply -auto-approve -target module.site[\"north\"]", "Complete: 11 accepted", exitOK},
		{"apply -auto-approve", "Complete: 8 accepted", exitOK},
		{"plan -detailed-exitcode", "No changes.", exitOK},
		{"plan -var firmware=1.2.4", "2 to fire (19 phones on 2 PBXs).", exitOK},
		{`plan -var sites={north={phones=0}}`, "", exitError}, // a simulator has a phone
		{`plan -var sites={north={phones=2,exclude=["PJSIP/1002"]}}`, "1 phone at present: PJSIP/1001", exitOK},
	},
	"sip_call_id.hcl": {
		{"plan", "(in the dialog of Call-ID: 8f1e9c3a@192.0.2.1)", exitOK},
		{"apply -auto-approve", "1 to add", exitOK},
		{"fire sip_notify.talk", "Call-ID not found", exitIncomplete}, // the simulator has no calls
	},
}

func TestExamples(t *testing.T) {
	files, err := filepath.Glob("../../examples/*")
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if filepath.Ext(name) != ".hcl" && !info.IsDir() {
			continue // a state that somebody's apply has left
		}
		t.Run(name, func(t *testing.T) {
			copied := filepath.Join(t.TempDir(), name)
			if info.IsDir() {
				if err := os.CopyFS(copied, os.DirFS(file)); err != nil {
					t.Fatal(err)
				}
			} else {
				text, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(copied, text, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if code, out, _ := execute(t, "", nil, "fmt", "-check", "-recursive", copied); code != exitOK {
				t.Errorf("it is not in canonical form: %s", out)
			}
			if len(exampleCommands[name]) == 0 {
				t.Error("no test runs it")
			}
			for _, c := range exampleCommands[name] {
				code, out, errs := execute(t, "", nil, append(strings.Fields(c.command), copied)...)
				if code != c.code || !strings.Contains(out, c.prints) {
					t.Errorf("%s: exit code %d, does not print %q\n%s%s", c.command, code, c.prints, out, errs)
				}
			}
		})
	}
}
