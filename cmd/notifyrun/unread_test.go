package main

import (
	"strings"
	"testing"

	"github.com/notifyrun/notifyrun/amiclient/amisim"
)

// A site that is down keeps no other from its notifies: what is done with some of
// the jobs needs only the data of these.
func TestUnread_elsewhere(t *testing.T) {
	dir := t.TempDir()
	north, south := startPBX(t, amisim.Config{}), startPBX(t, amisim.Config{})
	config := filePBX(t, dir, "north", north.Addr(), north.Users()[0]) + filePBX(t, dir, "south", south.Addr(), south.Users()[0])
	for _, site := range []string{"north", "south"} {
		config += strings.NewReplacer("pbx.hq", "pbx."+site, "contacts.hq", "contacts."+site, `"hq"`, `"`+site+`"`, "reboot", site).Replace(registeredConfig)
	}
	write(t, dir, "main.hcl", config)
	run := func(want int, args ...string) string {
		t.Helper()
		code, out, errs := execute(t, "", nil, append(args, dir)...)
		if code != want {
			t.Errorf("%v: exit code %d, want %d\n%s%s", args, code, want, out, errs)
		}
		return strings.Join(strings.Fields(out+errs), " ")
	}
	says := func(text string, want ...string) {
		t.Helper()
		for _, w := range want {
			if !strings.Contains(text, w) {
				t.Errorf("it does not say %q:\n%s", w, text)
			}
		}
	}
	south.Close()
	const unread = "data.pjsip_contacts.south could not be read of pbx.south at "
	says(run(exitError, "plan", "-target", "sip_notify.north"), "Error: Data not read", unread, "Nor is there all of it from before.", "data.pjsip_contacts.south was not read before. Until it can be read, take the data block out, and what depends on it.")
	says(run(exitError, "plan"), "To go on with jobs that do not depend on it: -target or -exclude. Both need that it was read once.")
	south = startPBX(t, amisim.Config{Listen: south.Addr(), Users: south.Users()})
	north.Unregister("1002")
	north.Unregister("1003")
	run(exitOK, "apply", "-auto-approve")
	south.Close()
	north.Register("1002")
	sent := north.Count()

	says(run(exitError, "plan"), "Error: Data not read", unread, "To go by what was last read: -refresh=false.")
	for _, narrow := range [][]string{{"-target", "sip_notify.north"}, {"-exclude", "sip_notify.south"}} {
		says(run(exitOK, append([]string{"plan"}, narrow...)...), "Warning: Data not read", unread, "It is as it was read ", "No job of this plan depends on it.", "PJSIP/1002")
	}
	says(run(exitError, "plan", "-target", "sip_notify.south"), "Error: Data not read", unread)
	says(run(exitError, "fire", "sip_notify.south"), "Error: Data not read", unread, "To go by what was last read: -refresh=false.")
	says(run(exitError, "plan", "-target", "sip_notify.norht"), "Warning: Data not read", unread, `Did you mean sip_notify.north?`)
	says(run(exitOK, "apply", "-auto-approve", "-target", "sip_notify.north"), "Warning: Data not read", "1 accepted")
	if n := north.Count() - sent; n != 1 {
		t.Errorf("%d NOTIFYs, want one to the phone that has registered", n)
	}
	north.Register("1001") // those that were told are rebooting
	says(run(exitOK, "fire", "sip_notify.north"), "Warning: Data not read", "accepted")
	says(run(exitOK, "plan", "-json", "-target", "sip_notify.north"), `"address":"data.pjsip_contacts.south","pbx":"pbx.south"`, `"live":false`, `"live":true`)

	// What is new of a PBX that is down is named, and not what was read of it before.
	write(t, dir, "main.hcl", config+"data \"pbx_info\" \"south\" {\n  pbx = pbx.south\n}\n")
	text := run(exitError, "plan", "-target", "sip_notify.north")
	says(text, "Error: Data never read", "data.pbx_info.south was not read before.")
	if strings.Contains(text, "contacts.south was not read before") {
		t.Errorf("it was:\n%s", text)
	}
	write(t, dir, "main.hcl", config)

	north.Register("1003")
	out := dir + "/saved"
	run(exitOK, "plan", "-target", "sip_notify.north", "-out", out)
	if code, text, errs := execute(t, "", nil, "apply", out); code != exitOK || !strings.Contains(text, "1 accepted") || !strings.Contains(errs, "Data not read") {
		t.Errorf("%d\n%s%s", code, text, errs)
	}
}
