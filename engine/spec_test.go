package engine

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const waitingJobs = `
pbx "hq" {
  simulator {}
}
pbx "lab" {
  simulator {}
}
locals {
  who = "1001"
}
user_event "first" {
  pbx = pbx.hq
}
sip_notify "one" {
  pbx     = pbx.hq
  targets = ["PJSIP/${trigger.event.Device}"]
  message {
    event   = "check-sync"
    headers = { X-By = trigger.event.By, X-Who = local.who }
  }
  trigger "event" {
    name         = "UserEvent"
    where        = event.UserEvent == local.who
    key          = event.Device
    debounce     = "10s"
    throttle     = "6/m"
    own_events   = "fire"
    pbx          = pbx.lab
  }
  trigger "after" {
    job   = user_event.first
    on    = "done"
    delay = "5m"
  }
}
user_event "told" {
  pbx     = pbx.hq
  via     = "dialplan"
  channel = "Local/s@notify"
  trigger "event" {
    name         = "Hangup"
    on_reconnect = "fire"
  }
}
`

// A plan shows what event and after triggers wait for.
func TestNewPlan_waitingJobs(t *testing.T) {
	want := map[string]string{
		"sip_notify.one": `pbx = pbx.hq (simulated)
targets = (known when triggered)
message = (known when triggered)
event = UserEvent of pbx.lab
where = event.UserEvent == local.who
key = event.Device
debounce = 10s
throttle = 6/m
own_events = fire
after = user_event.first
after on = done
delay = 5m0s
`,
		"user_event.told": `pbx = pbx.hq (simulated)
via = dialplan
UserEvent = told
channel = Local/s@notify
event = Hangup
on_reconnect = fire
`,
	}
	p, diags := NewPlan(configure(t, waitingJobs), &State{}, time.Unix(0, 0), Options{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	for _, jp := range p.Jobs {
		var got strings.Builder
		for _, a := range jp.Attrs {
			got.WriteString(a.Name + " = " + a.Value + "\n")
		}
		if text, ok := want[jp.Address]; ok && got.String() != text {
			t.Errorf("%s (-want +got):\n%s", jp.Address, cmp.Diff(text, got.String()))
		}
	}
}

// A plan sees changes in triggers and in what is known only at firing.
func TestNewPlan_waitingJobsChange(t *testing.T) {
	for _, c := range []struct{ old, new, want string }{
		{"", "", ""},
		{`"check-sync"`, `"reboot"`, "targets message"},
		{`who = "1001"`, `who = "1002"`, "targets message where key"},
		{`X-By = trigger.event.By`, `X-By = trigger.event.Operator`, "targets message"},
		{"event.UserEvent ==", "event.Exten ==", "where key"},
		{"key          = event.Device", "key = event.Exten", "where key"},
		{`throttle     = "6/m"`, `throttle = "6/h"`, "throttle"},
		{`own_events   = "fire"`, ``, "own_events"},
		{`pbx          = pbx.lab`, ``, "event"},
		{`"done"`, `"success"`, "after on"},
		{`"5m"`, `"6m"`, "delay"},
		{`on_reconnect = "fire"`, ``, "on_reconnect"},
		{"Local/s@notify", "Local/t@notify", "channel"},
	} {
		before, diags := NewPlan(configure(t, waitingJobs), &State{}, time.Unix(0, 0), Options{})
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		state := &State{Jobs: map[string]AppliedJob{}}
		for _, jp := range before.Jobs {
			state.Jobs[jp.Address] = jp.applied
		}
		after, diags := NewPlan(configure(t, strings.Replace(waitingJobs, c.old, c.new, 1)), state, time.Unix(0, 0), Options{})
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		var names []string
		for _, jp := range after.Jobs {
			for _, change := range jp.Changes {
				names = append(names, change.Name)
			}
		}
		if got := strings.Join(names, " "); got != c.want {
			t.Errorf("%s → %s: %q changes, not %q", c.old, c.new, got, c.want)
		}
	}
}

func TestRateText(t *testing.T) {
	for _, text := range []string{"6/m", "1/s", "200/s", "1/h", "100/h", "7/m", "0.5/h"} {
		cfg := configure(t, strings.Replace(waitingJobs, "6/m", text, 1))
		p, _ := NewPlan(cfg, &State{}, time.Unix(0, 0), Options{})
		for _, a := range p.Jobs[1].Attrs {
			if a.Name == "throttle" && a.Value != text {
				t.Errorf("%s shows as %s", text, a.Value)
			}
		}
	}
}
