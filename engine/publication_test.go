package engine

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/notifyrun/notifyrun/schema"
)

// rota is a configuration of one job with the given lines and one that follows
// it.
func rota(t testing.TB, lines string) *schema.Config {
	t.Helper()
	return configure(t, fmt.Sprintf(`
		pbx "hq" {
		  simulator {}
		}
		user_event "a" {
		  pbx  = pbx.hq
		  %s
		}
		user_event "b" {
		  pbx = pbx.hq
		  trigger "after" {
		    job = user_event.a
		  }
		}
		user_event "off" {
		  enabled = false
		  pbx     = pbx.hq
		  trigger "after" {
		    job = user_event.a
		  }
		}`, lines))
}

const (
	nightly = "trigger \"schedule\" {\n cron = \"0 2 * * *\"\n }\n"
	hourly  = "trigger \"schedule\" {\n cron = \"0 * * * *\"\n }\n"
)

// A schedule that is new, or due at other times than before, has missed nothing
// so far; one that stays keeps what is settled.
func TestPublication_settled(t *testing.T) {
	for _, c := range []struct {
		name, was, is string
		want          []int
	}{
		{"new", "", nightly, []int{0}},
		{"the same", nightly, nightly, nil},
		{"the same, with another message", nightly, nightly + "name = \"x\"\n", nil},
		{"other times", nightly, hourly, []int{0}},
		{"another zone", nightly, "trigger \"schedule\" {\n cron = \"0 2 * * *\"\n timezone = \"Europe/Berlin\"\n }\n", []int{0}},
		{"another jitter", nightly, "trigger \"schedule\" {\n cron = \"0 2 * * *\"\n jitter = \"1m\"\n }\n", nil},
		{"the same, with a body that looks like one disabled", nightly + "body = { enabled = \"false\" }\n", nightly + "body = { enabled = \"false\" }\nname = \"x\"\n", nil},
		{"one more", nightly, nightly + hourly, []int{1}},
		{"another place", nightly, "trigger \"change\" {}\n" + nightly, []int{1}},
		{"two that change places", nightly + hourly, hourly + nightly, []int{0, 1}},
		{"enabled", "enabled = false\n" + nightly, nightly, []int{0}},
		{"disabled", nightly, "enabled = false\n" + nightly, nil},
		{"gone", nightly, "", nil},
		{"a header called as a trigger", "body = { schedule = \"x\", after = \"y\" }\n" + nightly, "body = { after = \"y\" }\n" + nightly, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := after(t, plan(t, rota(t, c.was), &State{}), 1)
			pub, _ := plan(t, rota(t, c.is), s).Publication(start, []byte("{}"))
			var want []Settled
			for _, i := range c.want {
				want = append(want, Settled{TriggerKey{"user_event.a", i}, start})
			}
			if diff := cmp.Diff(want, pub.Settled); diff != "" {
				t.Errorf("settled (-want +got):\n%s", diff)
			}
		})
	}
}

// A narrowed plan moves only its own jobs to the new configuration.
func TestPublication_selected(t *testing.T) {
	cfg := rota(t, "")
	for _, c := range []struct {
		opts Options
		want []string
	}{
		{Options{}, nil},
		{Options{Target: []string{"user_event.b"}}, []string{"user_event.b"}},
		{Options{Exclude: []string{"user_event.b"}}, []string{"user_event.a", "user_event.off"}},
		{Options{Target: []string{"user_event.gone"}}, []string{}},
	} {
		s := after(t, plan(t, cfg, &State{}), 1)
		s.Jobs["user_event.gone"] = AppliedJob{Address: "user_event.gone"}
		p, diags := NewPlan(cfg, s, start, c.opts)
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		pub, _ := p.Publication(start, []byte("{}"))
		if diff := cmp.Diff(c.want, pub.Selected); diff != "" {
			t.Errorf("%+v selects (-want +got):\n%s", c.opts, diff)
		}
		// What it adds is selected too, as a Ledger may expect.
		p, diags = NewPlan(cfg, &State{Jobs: map[string]AppliedJob{"user_event.gone": {}}}, start, c.opts)
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		pub, _ = p.Publication(start, []byte("{}"))
		for _, j := range pub.Jobs {
			if c.want != nil && !slices.Contains(c.want, j.Address) {
				t.Errorf("%+v records %s and selects %v", c.opts, j.Address, pub.Selected)
			}
		}
		if diff := cmp.Diff(c.want, pub.Selected); diff != "" {
			t.Errorf("%+v selects of new jobs (-want +got):\n%s", c.opts, diff)
		}
	}
}

// A run that an apply or a fire begins is owed to the after triggers of jobs
// that are enabled.
func TestPublication_followers(t *testing.T) {
	want := []TriggerKey{{"user_event.b", 0}}
	cfg := rota(t, "trigger \"change\" {}")
	pub, _ := plan(t, cfg, &State{}).Publication(start, []byte("{}"))
	if diff := cmp.Diff(want, pub.Runs[0].Followers); diff != "" {
		t.Errorf("followers after an apply (-want +got):\n%s", diff)
	}
	p, _, err := NewFire(cfg, &State{}, start, "user_event.a", nil)
	if err != nil {
		t.Fatal(err)
	}
	pub, _ = p.Publication(start, nil)
	if diff := cmp.Diff(want, pub.Runs[0].Followers); diff != "" {
		t.Errorf("followers after a fire (-want +got):\n%s", diff)
	}
	if pub.Selected != nil || pub.Settled != nil {
		t.Errorf("a fire publishes %v, %v", pub.Selected, pub.Settled)
	}
}

// What a paused job would send waits, and is sent by the apply after the pause.
func TestPlan_Paused(t *testing.T) {
	pauses := map[string]Pause{"sip_notify.firmware": {Job: "sip_notify.firmware", Reason: "fair", By: "ann@pbx", Since: start}}
	s := &State{Pauses: pauses}
	p := plan(t, fleet(t, 3, "1", ""), s)
	jp := p.Jobs[0]
	if jp.Op != Add || jp.Fire != nil || len(jp.Waiting) != 3 || jp.Paused == nil || jp.Paused.Reason != "fair" {
		t.Errorf("a paused job that is new: %+v", jp)
	}
	if pub, works := p.Publication(start, nil); len(pub.Jobs) != 1 || len(pub.Runs)+len(works) != 0 {
		t.Errorf("publishes %d jobs, %d runs, %d works", len(pub.Jobs), len(pub.Runs), len(works))
	}
	s = after(t, p, 0)
	if p := plan(t, fleet(t, 3, "1", ""), s); len(fired(p)) != 3 {
		t.Errorf("after the pause: fires for %v", fired(p))
	}

	s = after(t, plan(t, fleet(t, 3, "1", ""), &State{}), 1) // 0 accepted, 1 unknown, 2 pending
	s.Pauses = pauses
	if p := plan(t, fleet(t, 3, "1", ""), s); !p.Empty() || !cmp.Equal(p.Jobs[0].Waiting, []string{"PJSIP/2"}) {
		t.Errorf("an open run of a paused job: %v wait, empty %v", p.Jobs[0].Waiting, p.Empty())
	}
	s.Pauses = nil
	if p := plan(t, fleet(t, 3, "1", ""), s); len(p.Jobs[0].Resume) != 1 {
		t.Errorf("after the pause: %+v", p.Jobs[0].Resume)
	}

	// What counts as delivered does so during a pause too: later it would be sent.
	p = plan(t, fleet(t, 3, "1", `initial = "record"`), &State{Pauses: pauses})
	if len(p.Jobs[0].Recorded) != 3 || len(p.Jobs[0].Waiting) != 0 {
		t.Errorf("initial = record: %+v", p.Jobs[0])
	}
	_, _, err := NewFire(fleet(t, 3, "1", ""), &State{Pauses: pauses}, start, "sip_notify.firmware", nil)
	if want := "fire sip_notify.firmware: it is paused by ann@pbx since " + start.UTC().Format(time.RFC3339) + ` (fair); notifyrun resume lets it go on`; err == nil || err.Error() != want {
		t.Errorf("fire: %v, want %s", err, want)
	}
}

// Beside a daemon an apply leaves it the open runs, those of removed jobs too,
// and a fire cancels nothing of them: they move on while the plan is shown.
func TestPlan_Served(t *testing.T) {
	s := after(t, plan(t, fleet(t, 3, "1", ""), &State{}), 1)
	s.Served = true
	if p := plan(t, fleet(t, 3, "1", ""), s); !p.Empty() {
		t.Errorf("not empty: %+v", p.Jobs[0])
	}
	p := plan(t, fleet(t, 3, "2", ""), s)
	if jp := p.Jobs[0]; len(fired(p)) != 3 || len(jp.Cancel) != 0 {
		t.Errorf("a new value: fires for %v, cancels %v", fired(p), jp.Cancel)
	}
	p = plan(t, configure(t, `locals { nothing = 1 }`), s)
	if jp := p.Jobs[0]; len(p.Jobs) != 1 || jp.Op != Remove || len(jp.Cancel) != 0 {
		t.Errorf("a removed job: %+v", jp)
	}
	p, _, err := NewFire(fleet(t, 3, "1", ""), s, start, "sip_notify.firmware", nil)
	if err != nil || len(p.Jobs[0].Cancel) != 0 {
		t.Errorf("a fire cancels %v, %v", p.Jobs[0].Cancel, err)
	}
	for want, cfg := range map[string]*schema.Config{
		"it has been changed and not applied": fleet(t, 3, "2", ""),
		"it was never applied":                configure(t, "pbx \"hq\" {\n simulator {}\n}\nuser_event \"new\" {\n pbx = pbx.hq\n}\n"),
	} {
		if _, _, err := NewFire(cfg, s, start, cfg.Jobs[0].Address, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("a fire of what the daemon does not know: %v, want that %s", err, want)
		}
	}
}

// A run that an event has fired goes on with the targets and the message of then.
func TestPlan_ResumesWhatAnEventFired(t *testing.T) {
	cfg := configure(t, `
		pbx "hq" {
		  simulator {}
		}
		sip_notify "one" {
		  pbx     = pbx.hq
		  targets = ["PJSIP/${trigger.event.Device}"]
		  message {
		    event = "check-sync"
		  }
		  trigger "event" {
		    name = "UserEvent"
		  }
		}`)
	f := schema.Fired{Kind: "event", Event: schema.EventHeaders{{Name: "Event", Value: "UserEvent"}, {Name: "Device", Value: "1001"}}}
	_, prep, err := prepareFired(cfg.Jobs[0], f)
	if err != nil {
		t.Fatal(err)
	}
	open := func(f schema.Fired) *State {
		return &State{
			Jobs: map[string]AppliedJob{"sip_notify.one": plan(t, cfg, &State{}).Jobs[0].applied},
			Open: []OpenRun{{
				RunHeader:  RunHeader{ID: "r", Job: "sip_notify.one", PBX: "pbx.hq", Cause: Cause{Kind: "event", Fired: &f}},
				Deliveries: []DeliveryState{{Delivery: Delivery{Target: "PJSIP/1001", Message: prep.messages[0]}, Outcome: Pending}},
			}},
		}
	}
	p := plan(t, cfg, open(f))
	if jp := p.Jobs[0]; len(jp.Resume) != 1 || len(jp.Cancel) != 0 {
		t.Fatalf("resumes %+v, cancels %+v", jp.Resume, jp.Cancel)
	}
	_, works := p.Publication(start, nil)
	if m, diags := works[0].Job.Message(works[0].Job.Targets[0]); diags.HasErrors() || m.Event.Reveal() != "check-sync" {
		t.Errorf("the work has the message %+v, %v", m, diags)
	}
	f.Event[1].Value = "10\r\n01" // a newer version may refuse what an older one took
	if jp := plan(t, cfg, open(f)).Jobs[0]; len(jp.Resume) != 0 || len(jp.Cancel) != 1 || !jp.Cancel[0].Ends {
		t.Errorf("what cannot be sent: resumes %+v, cancels %+v", jp.Resume, jp.Cancel)
	}
}
