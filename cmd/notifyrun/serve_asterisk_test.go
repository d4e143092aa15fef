package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/notifyrun/notifyrun/amiclient/amitest"
	"github.com/notifyrun/notifyrun/engine"
)

// realPBX declares a real server as pbx.NAME.
func realPBX(t *testing.T, name, address, more string) string {
	t.Helper()
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte(amitest.Secret), 0o600); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("pbx %q {\n  address     = %q\n  username    = %q\n  secret_file = %q\n%s}\n", name, address, amitest.UserFull, secret, more)
}

// applyNew applies a configuration in a directory of its own.
func applyNew(t *testing.T, config string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	applies(t, dir, config)
	return dir
}

// stranger is another AMI session, which raises user events of any text.
type stranger struct {
	t    *testing.T
	conn net.Conn
}

func newStranger(t *testing.T, address, user string) *stranger {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	s := &stranger{t, conn}
	s.write("Action: Login", "Username: "+user, "Secret: "+amitest.Secret, "Events: off")
	return s
}

func (s *stranger) write(lines ...string) {
	s.t.Helper()
	if _, err := s.conn.Write([]byte(strings.Join(lines, "\r\n") + "\r\n\r\n")); err != nil {
		s.t.Fatal(err)
	}
}

// raise raises a user event.
func (s *stranger) raise(name string, headers ...string) {
	s.t.Helper()
	s.write(append([]string{"Action: UserEvent", "UserEvent: " + name}, headers...)...)
}

// dial raises a user event by the dialplan.
func (s *stranger) dial(data string) {
	s.t.Helper()
	s.write("Action: Originate", "Channel: Local/hold@default/n", "Application: UserEvent", "Data: "+data, "Async: true")
}

// heard waits until a phone has had so many NOTIFYs for a user, and no other.
func heard(t *testing.T, phone *amitest.Phone, user string, n int) {
	t.Helper()
	count := func() (c int) {
		for _, r := range phone.Requests() {
			if r.User() == user {
				c++
			}
		}
		return c
	}
	eventually(t, 30*time.Second, fmt.Sprintf("%d NOTIFYs at %s", n, user), func() bool { return count() >= n })
	if got := count(); got != n {
		t.Errorf("%s has had %d NOTIFYs, want %d", user, got, n)
	}
}

// listens waits until a daemon receives the events of a PBX, and is seen to.
func listens(t *testing.T, r record, s *stranger, phone *amitest.Phone, job string) {
	t.Helper()
	for try := 0; ; try++ {
		s.raise("Provision", "Device: 1010", fmt.Sprint("Try: ", try))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		_, err := phone.Wait(ctx, 1)
		cancel()
		if err == nil {
			break
		}
		if try == 30 {
			t.Fatal("the daemon does not hear events")
		}
	}
	eventually(t, 10*time.Second, "the runs of the first events end", func() bool {
		runs := r.runs(job)
		return !slices.ContainsFunc(runs, func(s engine.RunSummary) bool { return s.Ended.IsZero() })
	})
}

// TestServeAsterisk_Events has real servers raise events, by the dialplan and by
// AMI, and holds what the phones hear and the ledger says against them.
func TestServeAsterisk_Events(t *testing.T) {
	t.Parallel()
	for _, major := range []int{16, 22} {
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			t.Parallel()
			phone := amitest.StartPhone(t)
			server := amitest.StartAsterisk(t, major, amitest.AsteriskConfig{Phone: phone.Addr()})
			dir := applyNew(t, realPBX(t, "rig", server.Addr, "")+`
sip_notify "resync_one" {
  pbx     = pbx.rig
  targets = ["PJSIP/${trigger.event.Device}"]
  message {
    event   = "check-sync"
    headers = { X-Asked-By = coalesce(trigger.event.Operator, "nobody") }
  }
  trigger "event" {
    name  = "UserEvent"
    where = event.UserEvent == "Provision"
  }
}
sip_notify "quiet_one" {
  pbx     = pbx.rig
  targets = ["PJSIP/${trigger.event.Device}"]
  message {
    event   = "check-sync"
    headers = { X-Last = trigger.event.N }
  }
  trigger "event" {
    name     = "UserEvent"
    where    = event.UserEvent == "Quiet"
    key      = event.Device
    debounce = "400ms"
  }
}
user_event "tick" {
  pbx  = pbx.rig
  name = "Provision"
  body = { Device = "1009" }
  trigger "event" {
    name  = "UserEvent"
    where = event.UserEvent == "RaiseOurOwn"
  }
}
user_event "chain" {
  pbx  = pbx.rig
  name = "Chain"
  trigger "event" {
    name       = "UserEvent"
    where      = event.UserEvent == "Chain"
    own_events = "fire"
  }
}
user_event "dialled" {
  pbx     = pbx.rig
  via     = "dialplan"
  name    = "Provision"
  channel = "Local/hold@default/n"
  body    = { Device = "1009" }
}
user_event "nobody" {
  pbx     = pbx.rig
  via     = "dialplan"
  channel = "Local/no-such-extension@default/n"
}
`)
			daemon := startServer(t, dir)
			state := recordOf(t, dir)
			other := newStranger(t, server.Addr, amitest.UserFull)
			listens(t, state, other, phone, "sip_notify.resync_one")
			begun := len(state.runs("sip_notify.resync_one"))
			phone.Reset()

			// By the dialplan, and by AMI.
			other.dial("Provision,Device: 1001,Operator: alice")
			heard(t, phone, "1001", 1)
			other.raise("Provision", "Device: 1002", "Operator: bob")
			heard(t, phone, "1002", 1)
			for _, r := range phone.Requests() {
				want := map[string]string{"1001": "alice", "1002": "bob"}[r.User()]
				if by, _ := r.Get("X-Asked-By"); by != want {
					t.Errorf("%s was asked by %q, want %q", r.User(), by, want)
				}
			}

			// One for each key, by its last event.
			for n := range 5 {
				other.raise("Quiet", "Device: 1003", fmt.Sprint("N: ", n))
				other.raise("Quiet", "Device: 1004", fmt.Sprint("N: ", 10+n))
			}
			heard(t, phone, "1003", 1)
			heard(t, phone, "1004", 1)
			for _, r := range phone.Requests() {
				if last, there := r.Get("X-Last"); there && last != map[string]string{"1003": "4", "1004": "14"}[r.User()] {
					t.Errorf("%s is told of event %s", r.User(), last)
				}
			}

			// What would be another phone, another header, or no phone at all.
			hostile := []string{
				`10"01`, "1001\x01", "1001&PJSIP/1002", "sip:1001@192.0.2.1", "1001/sip:x@192.0.2.1", "1001\xff", "1001 ", " ", "",
				"1001\tX", "${trigger.kind}", "1001\x7f", strings.Repeat("1", 900), "100\u202e1", "1001,1002", "1001;x=y", "..",
			}
			for _, device := range hostile {
				other.raise("Provision", "Device: "+device)
			}
			dialled := []string{"1001&PJSIP/1002", `"1001"x`, "10\x0101", "${CHANNEL}", "sip:1001@192.0.2.1"}
			for _, device := range dialled {
				other.dial("Provision,Device: " + device)
			}
			other.raise("Provision", "Device: 1005") // and it goes on
			heard(t, phone, "1005", 1)

			// What it causes itself fires nothing, and what is asked to fire is cut.
			other.raise("RaiseOurOwn")
			if r := state.ended("user_event.tick", 1)[0]; r.Outcomes[engine.Answered] != 1 {
				t.Errorf("our own event: %v", r.Outcomes)
			}
			other.raise("Chain")
			eventually(t, 20*time.Second, "a chain is cut", func() bool { return len(state.missed(engine.MissedDepth)) > 0 })
			chain := state.ended("user_event.chain", 6)
			for i, r := range chain {
				if r.Cause.Depth != i || r.Outcomes[engine.Answered] != 1 {
					t.Errorf("run %d of the chain: depth %d, %v", i, r.Cause.Depth, r.Outcomes)
				}
			}
			if m := state.missed(engine.MissedDepth); len(m) != 1 || m[0].Count != 1 || !strings.Contains(m[0].Detail, chain[5].ID) {
				t.Errorf("the end of the chain: %+v", m)
			}

			// By the dialplan.
			out, err := program(dir, "fire", "user_event.dialled").CombinedOutput()
			if err != nil || !strings.Contains(string(out), "1 answered") {
				t.Errorf("a user event by the dialplan: %v\n%s", err, out)
			}
			out, err = program(dir, "fire", "user_event.nobody").CombinedOutput()
			if err == nil || !strings.Contains(string(out), "1 rejected") {
				t.Errorf("a user event on a channel that nobody answers: %v\n%s", err, out)
			}
			other.raise("Provision", "Device: 1006")
			heard(t, phone, "1006", 1)
			for _, r := range phone.Requests() {
				if r.User() == "1009" {
					t.Error("an event of our own has fired a job")
				}
			}
			want := map[string]int{"1001": 1, "1002": 1, "1003": 1, "1004": 1, "1005": 1, "1006": 1}
			for _, r := range phone.Requests() {
				want[r.User()]--
			}
			for user, n := range want { // 1009 would be an event of our own
				if n != 0 {
					t.Errorf("%s has had %d NOTIFYs too many", user, -n)
				}
			}
			// Each of the hostile ones is refused by us, and recorded so, or by Asterisk.
			refused := func() (n int) {
				for _, m := range state.missed(engine.MissedRefused) {
					n += int(m.Count)
				}
				for _, r := range state.runs("sip_notify.resync_one")[begun:] {
					n += r.Outcomes[engine.Rejected]
				}
				return n
			}
			eventually(t, 10*time.Second, "what was refused is recorded", func() bool { return refused() >= len(hostile)+len(dialled) })
			if n := refused(); n != len(hostile)+len(dialled) {
				t.Errorf("%d firings were refused, want %d", n, len(hostile)+len(dialled))
			}
			daemon.stop()
			if log := server.Log(); strings.Contains(log, "ERROR") {
				t.Errorf("errors in Asterisk's log:\n%s", log)
			}
		})
	}
}
