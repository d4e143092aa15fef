package main

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/notifyrun/notifyrun/amiclient/amitest"
	"github.com/notifyrun/notifyrun/engine"
)

// bySecond is a job that tells a phone something each second, by the
// schedule, of which every header X-Due is another.
func bySecond(job, pbx, target, more string) string {
	return fmt.Sprintf(`
sip_notify %q {
  pbx     = pbx.%s
  targets = [%q]
  message {
    event   = "check-sync"
    headers = { X-Due = coalesce(trigger.due, "none") }
  }
%s
  trigger "schedule" {
    cron    = "* * * * * *"
    overlap = "queue"
    missed  = "once"
  }
}
`, job, pbx, target, more)
}

// reconnected is a job that fires when a daemon hears events again.
const reconnected = `
sip_notify "reconnected" {
  pbx     = pbx.rig
  targets = ["PJSIP/1002"]
  message {
    event = "check-sync"
  }
  trigger "event" {
    name         = "UserEvent"
    where        = event.UserEvent == "Never"
    on_reconnect = "fire"
  }
}
`

// listensAgain waits until that job has fired so often. A server that is about to
// end may still take a login, which is a time more.
func listensAgain(t *testing.T, phone *amitest.Phone, times int) {
	t.Helper()
	eventually(t, 60*time.Second, "the daemon listens again", func() bool {
		n := 0
		for _, r := range phone.Requests() {
			if r.User() == "1002" {
				n++
			}
		}
		return n >= times
	})
}

// audited holds what a phone has heard of a schedule against the ledger: what is
// accepted was heard once, what is unknown at most once, all else not at all.
func audited(t *testing.T, r record, phone *amitest.Phone, job string) map[engine.Outcome]int {
	t.Helper()
	atPhone := map[string]int{}
	for _, request := range phone.Requests() {
		if due, ok := request.Get("X-Due"); ok {
			atPhone[due]++
		}
	}
	outcomes := map[engine.Outcome]int{}
	for _, run := range r.runs(job) {
		due := run.Cause.Fired.Due.UTC().Format(time.RFC3339)
		n := atPhone[due]
		delete(atPhone, due)
		for o, c := range run.Outcomes {
			outcomes[o] += c
		}
		switch {
		case run.Outcomes[engine.Accepted] == 1:
			if n != 1 {
				t.Errorf("%s is accepted and was heard %d times", due, n)
			}
		case run.Outcomes[engine.Unknown] == 1:
			if n > 1 {
				t.Errorf("%s is unknown and was heard %d times", due, n)
			}
		case n != 0:
			t.Errorf("%s is %v and was heard %d times", due, run.Outcomes, n)
		}
	}
	for due, n := range atPhone {
		t.Errorf("%s was heard %d times and is no run", due, n)
	}
	return outcomes
}

// documented are the messages that operations.md promises of a restart, with
// their levels.
func documented(t *testing.T) []string {
	t.Helper()
	page, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, block, _ := strings.Cut(string(page), "<!-- a PBX restarts -->\n```text\n")
	block, _, _ = strings.Cut(block, "```")
	all := regexp.MustCompile(`level=\w+ msg="[^"]+" pbx=pbx\.`).FindAllString(block, -1)
	if len(all) < 4 {
		t.Fatalf("docs/operations.md has only %q", all)
	}
	return all
}

// warnings is how many lines of a log want to be read.
func warnings(log string) int {
	return strings.Count(log, "level=WARN") + strings.Count(log, "level=ERROR")
}

// soon waits for so many more NOTIFYs.
func soon(t *testing.T, phone *amitest.Phone, more int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	if _, err := phone.Wait(ctx, phone.Count()+more); err != nil {
		t.Fatal(err)
	}
}

// TestServeAsterisk_Restart restarts real servers, and kills them, under a daemon
// that sends by the second and listens to events.
func TestServeAsterisk_Restart(t *testing.T) {
	t.Parallel()
	for _, major := range []int{16, 22} {
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			t.Parallel()
			phone, other := amitest.StartPhone(t), amitest.StartPhone(t)
			server := amitest.StartAsterisk(t, major, amitest.AsteriskConfig{Phone: phone.Addr()})
			register := func() {
				t.Helper()
				if err := other.Register(t.Context(), server.SIPAddr, amitest.EndpointDynamic, "pw", "life", 600); err != nil {
					t.Fatal(err)
				}
			}
			register()
			dir := applyNew(t, realPBX(t, "rig", server.Addr, "")+bySecond("tick", "rig", "PJSIP/1001", "")+reconnected+`
sip_notify "asked" {
  pbx     = pbx.rig
  targets = ["PJSIP/dynamic"]
  message {
    event = "check-sync"
  }
  trigger "event" {
    name  = "UserEvent"
    where = event.UserEvent == "Ask"
  }
}
`)
			daemon := startServer(t, dir)
			state := recordOf(t, dir)
			soon(t, phone, 2)
			type window struct{ from, until time.Time }
			var away []window

			from := time.Now()
			server.CLI(t, "core restart now")
			listensAgain(t, phone, 1)
			away = append(away, window{from, time.Now()})
			soon(t, phone, 2)
			newStranger(t, server.Addr, amitest.UserFull).raise("Ask")
			heard(t, other, amitest.EndpointDynamic, 1) // the registration has outlived the restart

			from = time.Now()
			server.Kill(t)
			state.pending("sip_notify.tick")
			server.StartAgain(t)
			register()
			listensAgain(t, phone, 2)
			away = append(away, window{from, time.Now()})
			soon(t, phone, 2)
			newStranger(t, server.Addr, amitest.UserFull).raise("Ask")
			heard(t, other, amitest.EndpointDynamic, 2)

			daemon.stop()
			log := daemon.text()
			outcomes := audited(t, state, phone, "sip_notify.tick")
			t.Logf("outcomes: %v", outcomes)
			if outcomes[engine.Accepted] < 6 || outcomes[engine.Unknown] > 2 || outcomes[engine.Rejected]+outcomes[engine.Skipped] > 0 {
				t.Errorf("outcomes: %v", outcomes)
			}
			missed := state.missed(engine.MissedDisconnected)
			for _, w := range away {
				if !slices.ContainsFunc(missed, func(m engine.Missed) bool { return !m.First.After(w.from) && m.Last.After(w.from) }) {
					t.Errorf("no events from %s until %s, the ledger says %+v", w.from, w.until, missed)
				}
			}
			for _, m := range missed {
				if m.PBX != "pbx.rig" || !slices.ContainsFunc(away, func(w window) bool { return m.Last.After(w.from) && m.Last.Before(w.until) }) {
					t.Errorf("the ledger says %+v, and there were no events in %+v", m, away)
				}
			}
			for _, line := range documented(t) {
				if !strings.Contains(log, line) {
					t.Errorf("docs/operations.md says that %s is in the log:\n%s", line, log)
				}
			}
			if n := warnings(log); n > 20 {
				t.Errorf("%d warnings of two outages:\n%s", n, log)
			}
		})
	}
}

// pending waits until something of a job is due and not sent.
func (r record) pending(job string) {
	r.t.Helper()
	eventually(r.t, 30*time.Second, "a delivery waits", func() bool {
		runs := r.runs(job)
		return runs[len(runs)-1].Outcomes[engine.Pending] > 0
	})
}

// TestServeAsterisk_Stalled stops the process of a real server for longer than
// the timeout: it neither answers nor ends. Another PBX is not to feel it.
func TestServeAsterisk_Stalled(t *testing.T) {
	t.Parallel()
	phone, otherPhone := amitest.StartPhone(t), amitest.StartPhone(t)
	server := amitest.StartAsterisk(t, 16, amitest.AsteriskConfig{Phone: phone.Addr()})
	other := amitest.StartAsterisk(t, 22, amitest.AsteriskConfig{Phone: otherPhone.Addr()})
	const timeout = "  timeout = \"2s\"\n"
	dir := applyNew(t, realPBX(t, "rig", server.Addr, timeout)+realPBX(t, "other", other.Addr, timeout)+
		bySecond("tick", "rig", "PJSIP/1001", "")+bySecond("elsewhere", "other", "PJSIP/1001", ""))
	daemon := startServer(t, dir)
	state := recordOf(t, dir)
	soon(t, phone, 2)
	stop := func(sig syscall.Signal) {
		t.Helper()
		if err := syscall.Kill(server.Pid(), sig); err != nil {
			t.Fatal(err)
		}
	}
	stop(syscall.SIGSTOP)
	defer syscall.Kill(server.Pid(), syscall.SIGCONT)
	eventually(t, 30*time.Second, "what was sent is unknown", func() bool {
		runs := state.runs("sip_notify.tick")
		return slices.ContainsFunc(runs, func(r engine.RunSummary) bool { return r.Outcomes[engine.Unknown] > 0 })
	})
	soon(t, otherPhone, 2)
	stop(syscall.SIGCONT)
	begun := len(state.runs("sip_notify.tick"))
	eventually(t, 60*time.Second, "what comes later is sent", func() bool {
		runs := state.runs("sip_notify.tick")
		return len(runs) > begun+2 && runs[begun+2].Outcomes[engine.Accepted] > 0
	})
	daemon.stop()
	log := daemon.text()
	outcomes := audited(t, state, phone, "sip_notify.tick")
	t.Logf("outcomes: %v", outcomes)
	if outcomes[engine.Unknown] != 1 || outcomes[engine.Rejected]+outcomes[engine.Skipped] > 0 {
		t.Errorf("outcomes: %v", outcomes)
	}
	if strings.Contains(log, "answers no action") {
		t.Errorf("a late answer met somebody:\n%s", log)
	}
	// Nothing of the other PBX was late by more than a busy machine makes it.
	for o, n := range audited(t, state, otherPhone, "sip_notify.elsewhere") {
		if o != engine.Accepted && o != engine.Pending || o == engine.Pending && n > 1 {
			t.Errorf("elsewhere: %d %s", n, o)
		}
	}
	for _, m := range state.missed(engine.MissedOverlap) {
		if m.Job == "sip_notify.elsewhere" {
			t.Errorf("elsewhere missed %+v", m)
		}
	}
}

// TestServeAsterisk_Unreachable has a network swallow all packets between daemon
// and server for a while: nobody says that the connection is gone.
func TestServeAsterisk_Unreachable(t *testing.T) {
	t.Parallel()
	phone := amitest.StartPhone(t)
	server := amitest.StartAsterisk(t, 22, amitest.AsteriskConfig{Phone: phone.Addr()})
	network := newNetwork(t, server.Addr)
	dir := applyNew(t, realPBX(t, "rig", network.address, "  timeout = \"3s\"\n")+bySecond("tick", "rig", "PJSIP/1001", "  retry {\n    attempts = 1\n  }\n")+reconnected)
	daemon := runServer(t, network.program(dir, "serve"))
	state := recordOf(t, dir)
	soon(t, phone, 2)
	network.swallow(true)
	from := time.Now()
	time.Sleep(30 * time.Second) // the outage itself, and nothing that is waited for
	until := time.Now()
	network.swallow(false)
	soon(t, phone, 1)
	back := time.Since(until)
	listensAgain(t, phone, 1)
	listens := time.Since(until)
	soon(t, phone, 3)
	daemon.stop()
	log := daemon.text()
	outcomes := audited(t, state, phone, "sip_notify.tick")
	t.Logf("outcomes: %v; the first NOTIFY came %s after the network, events %s", outcomes, back, listens)
	if outcomes[engine.Unknown] != 1 || outcomes[engine.Rejected]+outcomes[engine.Skipped] > 0 {
		t.Errorf("outcomes: %v", outcomes)
	}
	if n := warnings(log); n > 12 {
		t.Errorf("%d warnings of one outage:\n%s", n, log)
	}
	missed := state.missed(engine.MissedDisconnected)
	if len(missed) != 1 || missed[0].First.After(from) || missed[0].Last.Before(until) {
		t.Errorf("no events from %s until %s, the ledger says %+v", from, until, missed)
	}
}
