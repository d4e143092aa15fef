package main

import (
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/notifyrun/notifyrun/amiclient/amisim"
	"github.com/notifyrun/notifyrun/amiclient/amitest"
	"github.com/notifyrun/notifyrun/schema"
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

// TestRefresh_interrupt: who waits for a PBX that does not answer can stop, and
// nothing has happened. Whoever goes on waiting is told which PBX it is.
func TestRefresh_interrupt(t *testing.T) {
	dir := t.TempDir()
	sim := startPBX(t, amisim.Config{})
	sim.Inject(amisim.Fault{Kind: amisim.Stall, Action: "PJSIPShowEndpoints", Times: -1})
	config := filePBX(t, dir, "hq", sim.Addr(), sim.Users()[0]) + registeredConfig
	write(t, dir, "main.hcl", config)
	cmd := program(dir, "apply", "-auto-approve")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, time.Minute, "the list is asked for", func() bool { return sim.Struck("PJSIPShowEndpoints") > 0 })
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != exitInterrupted {
		t.Errorf("exit code %d", code)
	}
	if _, err := os.Stat(filepath.Join(dir, "notifyrun.db")); err == nil || sim.Count() > 0 {
		t.Errorf("there is a state, or the phones got %d NOTIFYs", sim.Count())
	}
	write(t, dir, "main.hcl", strings.Replace(config, "username", "timeout = \"1s\"\n  username", 1))
	out, err := program(dir, "plan").CombinedOutput()
	text := strings.Join(strings.Fields(string(out)), " ")
	if want := "data.pjsip_contacts.hq could not be read of pbx.hq at " + sim.Addr() + ": PJSIPShowEndpoints: sent, but Asterisk answered nothing for 1s."; err == nil || !strings.Contains(text, want) {
		t.Errorf("%v: %s\nwant %s", err, text, want)
	}
}

// TestAsterisk_Refresh: on real servers, those who have registered are told, by
// what they call themselves, and by nobody else's rights than the smallest.
func TestAsterisk_Refresh(t *testing.T) {
	for _, major := range []int{16, 22} {
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			phone := amitest.StartPhone(t)
			server := amitest.StartAsterisk(t, major, amitest.AsteriskConfig{Phone: phone.Addr(), Endpoints: 100})
			dir := t.TempDir()
			write(t, dir, "main.hcl", filePBX(t, dir, "hq", server.Addr, amisim.User{Name: amitest.UserMinimal, Secret: amitest.Secret})+`
data "pjsip_contacts" "hq" {
  pbx = pbx.hq
}
data "pjsip_endpoints" "hq" {
  pbx = pbx.hq
}
data "device_states" "hq" {
  pbx = pbx.hq
}
data "pbx_info" "hq" {
  pbx = pbx.hq
}
sip_notify "reboot" {
  pbx     = pbx.hq
  targets = [for c in data.pjsip_contacts.hq.contacts : { endpoint = c.endpoint, agent = c.user_agent } if c.user_agent != ""]
  message {
    event   = "check-sync"
    headers = { X-Seen = "${target.agent}, ${length(data.pjsip_endpoints.hq.endpoints)}, ${length(data.device_states.hq.devices) >= 100}, ${data.pbx_info.hq.ami_version}" }
  }
}
`)
			fire := func(want string) {
				t.Helper()
				out, err := program(dir, "fire", "sip_notify.reboot").CombinedOutput()
				if !strings.Contains(string(out), want) {
					t.Errorf("%v\n%s", err, out)
				}
			}
			fire("it has no targets")
			if err := phone.Register(t.Context(), server.SIPAddr, amitest.EndpointDynamic, "pw", "refresh", 600); err != nil {
				t.Fatal(err)
			}
			fire("Complete: 1 accepted")
			requests, err := phone.Wait(t.Context(), 1)
			if err != nil {
				t.Fatal(err)
			}
			seen, _ := requests[0].Get("X-Seen")
			if want := "Test Phone 1.0, 103, true, " + map[int]string{16: "5.0.4", 22: "11.0.0"}[major]; seen != want || phone.Count() != 1 {
				t.Errorf("%d NOTIFYs, of %q, want %q", phone.Count(), seen, want)
			}
		})
	}
}

// TestReadPBX_others: what a PBX has told in part only is not read; what it tells
// as a whole is, all the same. With the connection all that is left is lost.
func TestReadPBX_others(t *testing.T) {
	const half = "Response: Success⏎ActionID: {id}⏎EventList: start⏎⏎Event: DeviceStateChange⏎ActionID: {id}⏎Device: PJSIP/1001⏎State: INUSE⏎⏎"
	for _, c := range []struct {
		name, states string
		want         []string // what is read
		unread       string
	}{
		{"an item is missing", half + "Event: DeviceStateListComplete⏎ActionID: {id}⏎EventList: Complete⏎ListItems: 2⏎⏎", []string{"data.voicemail_users.x"},
			"data.device_states.x could not be read of pbx.hq at ADDRESS: DeviceStateList: the list has 2 items by the server's count, of which 1 came"},
		{"the connection is lost", half, nil, "data.device_states.x and 1 other data source could not be read of pbx.hq at ADDRESS: DeviceStateList: sent, but not answered: the server closed the connection: EOF"},
	} {
		t.Run(c.name, func(t *testing.T) {
			address := amitest.Listen(t, func(d *amitest.Dialogue) {
				d.Accept()
				d.Expect("Action: DeviceStateList")
				d.Send(c.states)
				if len(c.want) > 0 {
					d.Expect("Action: VoicemailUsersList")
					d.Send("Response: Success⏎ActionID: {id}⏎Message: There are no voicemail users currently defined.⏎⏎")
					d.Wait()
				}
			})
			pbx := &schema.PBX{Address: "pbx.hq", Dial: address, Username: "u"}
			requests := []*schema.DataRequest{{Address: "data.device_states.x", Type: "device_states", PBX: pbx}, {Address: "data.voicemail_users.x", Type: "voicemail_users", PBX: pbx}}
			a := &app{log: slog.New(slog.DiscardHandler)}
			read, failed := a.readPBX(t.Context(), requests, newReading(requests))
			if got := slices.Collect(maps.Keys(read)); !slices.Equal(got, c.want) {
				t.Errorf("read %q, want %q", got, c.want)
			}
			if want := strings.Replace(c.unread, "ADDRESS", address, 1); len(failed) != 1 || failed[0].text() != want {
				t.Errorf("%d could not be read, %s, want %s", len(failed), failed[0].text(), want)
			}
		})
	}
}
