package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/notifyrun/notifyrun/amiclient/amisim"
	"github.com/notifyrun/notifyrun/engine"
)

// closedWindow opens on another day of the week than any on which a test can
// run that begins now; until is when.
func closedWindow() (lines string, until time.Time) {
	now := time.Now().UTC()
	until = time.Date(now.Year(), now.Month(), now.Day()+3, 22, 0, 0, 0, time.UTC)
	return fmt.Sprintf("start = \"22:00\"\n  end   = \"23:00\"\n  days  = [%q]", strings.ToLower(until.Format("Mon"))), until
}

const openWindow = "start = \"00:00\"\n  end   = \"24:00\""

// windowConfig is a job of three phones with a window.
func windowConfig(pbx, window string) string {
	return fmt.Sprintf(`%s
sip_notify "night" {
  pbx     = pbx.hq
  window  = window.nights
  targets = ["PJSIP/1001", "PJSIP/1002", "PJSIP/1003"]
  message {
    event = "check-sync"
  }
  trigger "change" {}
}
window "nights" {
  %s
}
`, pbx, window)
}

// What a closed window holds is told wherever somebody may ask, and sent once
// it is open.
func TestWindow(t *testing.T) {
	dir := t.TempDir()
	pbx := "pbx \"hq\" {\n  simulator {}\n}\n"
	lines, until := closedWindow()
	write(t, dir, "main.hcl", windowConfig(pbx, lines))
	held := "held by window.nights until " + until.Format("2006-01-02 15:04") + " UTC"
	hours := "22:00–23:00 " + strings.ToLower(until.Format("Mon")) + " UTC"
	expect := func(want int, args []string, says ...string) string {
		t.Helper()
		code, out, errs := execute(t, "", nil, append(args, dir)...)
		if code != want {
			t.Fatalf("%v: exit code %d, not %d\n%s%s", args, code, want, out, errs)
		}
		for _, text := range says {
			if !strings.Contains(out, text) {
				t.Errorf("%v does not say %q:\n%s", args, text, out)
			}
		}
		return out
	}
	json3 := fmt.Sprintf(`"window":{"window":"window.nights","hours":%q,"open":false,"until":%q,"targets":["PJSIP/1001","PJSIP/1002","PJSIP/1003"],"done":`, hours, until.Format("2006-01-02T15:04:05.000000Z"))
	heldJSON := fmt.Sprintf(`"held":{"window":"window.nights","until":%q}`, until.Format("2006-01-02T15:04:05.000000Z"))

	expect(exitOK, []string{"plan"}, "      "+held+"\n", "Held back: sip_notify.night, by "+strings.TrimPrefix(held, "held by ")+"\n  It is open "+hours+". Waiting for that: 3 phones (PJSIP/1001, PJSIP/1002, PJSIP/1003)\n", "1 to fire (3 phones on 1 PBX)")
	expect(exitOK, []string{"plan", "-json"}, json3)
	began := time.Now()
	out := expect(exitIncomplete, []string{"apply", "-auto-approve"}, "sip_notify.night: 3 pending; "+held, "Held back: 3 pending in", "notifyrun serve would send then what it holds back, but none runs on this state.", "To send it by hand once it is open: notifyrun apply")
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("apply waited for %s", took)
	}
	id := regexp.MustCompile(`Run (\w+) `).FindStringSubmatch(out)[1]
	expect(exitOK, []string{"runs"}, "sip_notify.night is "+held+"\n", "3 pending")
	expect(exitOK, []string{"runs", "-json"}, heldJSON)
	expect(exitOK, []string{"show", id}, "  held      by window.nights until ")
	expect(exitOK, []string{"show", "-json", id}, heldJSON)
	expect(exitOK, []string{"show", "sip_notify.night"}, "  "+held+"\n      waiting for it to open: 3 phones (PJSIP/1001,")
	expect(exitOK, []string{"show", "-json", "sip_notify.night"}, json3)
	if out := expect(exitOK, []string{"history"}); !strings.Contains(out, "No attempts are recorded") {
		t.Errorf("something was sent:\n%s", out)
	}

	// The next apply goes on with the same run, and a firing by hand is held too.
	expect(exitIncomplete, []string{"apply", "-auto-approve"}, "goes on with run "+id, held)
	expect(exitIncomplete, []string{"fire", "-only", "PJSIP/1001", "sip_notify.night"}, held, "Held back: 1 pending")
	report := expect(exitIncomplete, []string{"apply", "-auto-approve", "-json"})
	var last struct {
		Type string
		Runs []struct {
			Pending int
			Held    *struct{ Window, Until string }
		}
	}
	all := strings.Split(strings.TrimSpace(report), "\n")
	if err := json.Unmarshal([]byte(all[len(all)-1]), &last); err != nil || last.Type != "report" || len(last.Runs) != 2 || last.Runs[0].Held == nil || last.Runs[0].Held.Window != "window.nights" || last.Runs[0].Pending != 2 {
		t.Errorf("report %+v, %v", last, err)
	}

	// A window that is open lets go what the one before held.
	write(t, dir, "main.hcl", windowConfig(pbx, openWindow))
	expect(exitOK, []string{"apply", "-auto-approve"}, "window = window.nights (22:00–23:00", "Complete: 3 accepted")
	if out := expect(exitOK, []string{"runs"}); strings.Contains(out, "held") {
		t.Errorf("held still:\n%s", out)
	}
	expect(exitOK, []string{"plan"}, "No changes.")
}

// Beside a daemon, apply leaves what is held to it, and it goes by the window of
// the next apply.
func TestServe_Window(t *testing.T) {
	sim := startPBX(t, amisim.Config{})
	dir := t.TempDir()
	pbx := filePBX(t, dir, "hq", sim.Addr(), sim.Users()[0])
	lines, until := closedWindow()
	write(t, dir, "main.hcl", windowConfig(pbx, lines))
	s := serve(t, dir, nil, "-http", "127.0.0.1:0")
	s.says("notifyrun serves")
	held := "held by window.nights until " + until.Format("2006-01-02 15:04") + " UTC"
	began := time.Now()
	code, out, errs := execute(t, "", nil, "apply", "-auto-approve", dir)
	if code != exitIncomplete || !strings.Contains(out, held) || !strings.Contains(out, "Held back: 3 pending") || !strings.Contains(out, "notifyrun serve goes on with the rest") {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("apply waited for %s", took)
	}
	eventually(t, 20*time.Second, "the daemon holds three", func() bool {
		_, metrics := s.get("/metrics", "")
		_, ready := s.get("/readyz", "application/json")
		return strings.Contains(metrics, "notifyrun_deliveries_held{pbx=\"pbx.hq\"} 3\n") && strings.Contains(ready, `"waiting":3,"held":3`)
	})
	if code, out, _ := execute(t, "", nil, "plan", dir); code != exitOK || !strings.Contains(out, "Held back: sip_notify.night") || !strings.Contains(out, "No changes.") {
		t.Errorf("plan: exit code %d\n%s", code, out)
	}
	if code, out, errs := execute(t, "", nil, "fire", "-only", "PJSIP/1001", "sip_notify.night", dir); code != exitIncomplete || !strings.Contains(out, held) {
		t.Errorf("fire: exit code %d\n%s%s", code, out, errs)
	}
	write(t, dir, "main.hcl", windowConfig(pbx, openWindow))
	if code, out, errs := execute(t, "", nil, "apply", "-auto-approve", dir); code != exitOK {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
	eventually(t, 20*time.Second, "all is sent", func() bool {
		_, out, _ := execute(t, "", nil, "runs", dir)
		return strings.Contains(out, "3 accepted") && strings.Contains(out, "1 accepted") && !strings.Contains(out, "pending")
	})
	s.stop()
}

// A plan says how long a window holds what it sends, and what will not be done
// before it closes; of many jobs it sums that up.
func TestPlanView_windows(t *testing.T) {
	const config = hq + `
window "nights" {
  start    = "22:00"
  end      = "05:00"
  timezone = "Europe/Berlin"
}
window "noon" {
  start    = "13:00"
  end      = "13:02:30"
  timezone = "Europe/Berlin"
}
pbx "slow" {
  simulator {}
  rate_limit = "1/s"
}
sip_notify "night" {
  count   = %d
  pbx     = pbx.slow
  window  = window.nights
  targets = [for n in range(1000) : "PJSIP/${n}"]
  message {
    event = "check-sync"
  }
  trigger "change" {}
}
sip_notify "noon" {
  pbx     = pbx.slow
  window  = window.noon
  targets = [for n in range(1000) : "PJSIP/${n}"]
  message {
    event = "check-sync"
  }
  trigger "change" {}
}
user_event "noon" {
  pbx    = pbx.hq
  window = window.noon
  trigger "change" {}
  trigger "schedule" { cron = "0 12,18 * * *" }
}
`
	show := func(p *engine.Plan, width int) string {
		var out strings.Builder
		planView{screen: screen{w: &out, width: width}, full: width == 0}.write(p)
		return out.String()
	}
	text := show(planOf(t, fmt.Sprintf(config, 1), &engine.State{}), 0)
	for _, want := range []string{
		"Held back: sip_notify.night[0], by window.nights until 2026-11-22 22:00 CET\n  It is open 22:00–05:00 Europe/Berlin. Waiting for that: 1,000 phones (PJSIP/0, PJSIP/1, PJSIP/2, PJSIP/3, PJSIP/4 and 995 more)\n  At the rate of the PBX all of it is sent by 2026-11-22 22:16:40 CET.\n",
		"Not done in time: sip_notify.noon, by window.noon, which closes at 2026-11-22 13:02:30 CET\n  It is open 13:00–13:02:30 Europe/Berlin. What is left of 1,000 phones (PJSIP/0, PJSIP/1, PJSIP/2, PJSIP/3, PJSIP/4 and 995 more) then goes on when it opens next.\n  At the rate of the PBX all of it is sent by 2026-11-28 13:01:40 CET.\n",
		"      held by window.nights until 2026-11-22 22:00 CET\n",
		"user_event.noon  held by window.noon until 2026-11-23 13:00 CET\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the plan does not say %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, "user_event.noon, by") {
		t.Errorf("what is sent at once is said to wait:\n%s", text)
	}
	text = show(planOf(t, fmt.Sprintf(config, 40), &engine.State{}), 100)
	for _, want := range []string{
		"Held by windows: 40,000 deliveries",
		"Held back: 40,000 deliveries of 40 jobs, by window.nights until 2026-11-22 22:00 CET\n  It is open 22:00–05:00 Europe/Berlin.\nNot done in time: 1,000 deliveries of 1 job, by window.noon, which closes at 2026-11-22 13:02:30 CET\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the overview does not say %q:\n%s", want, text)
		}
	}
}
