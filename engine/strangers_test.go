package engine

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/notifyrun/notifyrun/schema"
)

const (
	yealink = "Yealink SIP-T46S 66.86.0.15"
	polycom = "PolycomVVX-VVX_450-UA/6.4.3.5018"
	zoiper  = "Zoiper rv2.10.8.2"
)

// mixed is a configuration of one job over phones 0, 1, … of these User-Agents.
func mixed(t testing.TB, lines string, userAgents ...string) *schema.Config {
	t.Helper()
	return configure(t, mixedText(lines, userAgents...))
}

func mixedText(lines string, userAgents ...string) string {
	var targets strings.Builder
	for i, a := range userAgents {
		fmt.Fprintf(&targets, "{ target = \"PJSIP/%d\", user_agent = %q },\n", i, a)
	}
	return fmt.Sprintf(`
		pbx "hq" {
		  simulator {}
		}
		sip_notify "reboot" {
		  pbx     = pbx.hq
		  targets = [%s]
		  message = preset_for(target.user_agent, "reboot")
		  %s
		}`, targets.String(), lines)
}

const onChange = "trigger \"change\" {\n on = \"1\"\n }\n"

// Unless the job says otherwise, a phone that no preset knows is a mistake: one,
// however many there are.
func TestPlan_unknownPhone_error(t *testing.T) {
	cfg := mixed(t, onChange, yealink, zoiper, polycom, "")
	_, diags := NewPlan(cfg, &State{}, start, Options{})
	if len(diags) != 1 || diags[0].Summary != "Unknown phone" || diags[0].Subject == nil {
		t.Fatalf("diagnostics: %v", diags)
	}
	for _, want := range []string{
		"3 of the 4 targets of sip_notify.reboot",
		`PJSIP/1: no vendor is known by the User-Agent "Zoiper rv2.10.8.2"`,
		`PJSIP/2: Polycom and Poly phones, such as "PolycomVVX-VVX_450-UA/6.4.3.5018", have no preset "reboot". There is "check_sync"`,
		"PJSIP/3: the phone has not told a User-Agent",
		`unknown_phone = "skip"`,
	} {
		if !strings.Contains(diags[0].Detail, want) {
			t.Errorf("it does not say %q:\n%s", want, diags[0].Detail)
		}
	}
	cfg = mixed(t, onChange, slices.Repeat([]string{zoiper}, 100)...)
	if diags := Check(cfg); len(diags) != 1 || !strings.Contains(diags[0].Detail, "and 95 more") || strings.Count(diags[0].Detail, "PJSIP/") != 5 {
		t.Errorf("diagnostics of a hundred: %v", diags)
	}
}

// With "skip" the others are sent to; the strangers are on record with the run, and
// never make a run by themselves.
func TestPlan_unknownPhone_skip(t *testing.T) {
	const lines = "unknown_phone = \"skip\"\n" + onChange
	p := plan(t, mixed(t, lines, zoiper, yealink, polycom), &State{})
	jp := p.Jobs[0]
	if got := fired(p); !slices.Equal(got, []string{"PJSIP/1"}) || len(jp.Fire.Skips) != 2 {
		t.Errorf("fires for %v", got)
	}
	if jp.Fire.First.Target != "PJSIP/1" || jp.First.Target != "PJSIP/1" {
		t.Errorf("the first is %s, of the job %s", jp.Fire.First.Target, jp.First.Target)
	}
	if c := p.Counts(); c.Phones != 1 || c.Fire != 1 {
		t.Errorf("counts: %+v", c)
	}
	want := []Skip{
		{"PJSIP/0", `unknown phone: no vendor is known by the User-Agent "Zoiper rv2.10.8.2"`},
		{"PJSIP/2", `unknown phone: Polycom and Poly phones, such as "PolycomVVX-VVX_450-UA/6.4.3.5018", have no preset "reboot". There is "check_sync"`},
	}
	if diff := cmp.Diff(want, jp.Skips); diff != "" {
		t.Errorf("skips (-want +got):\n%s", diff)
	}
	pub, works := p.Publication(start, []byte("{}"))
	if len(pub.Runs) != 1 || len(pub.Runs[0].Messages) != 1 || len(pub.Runs[0].Deliveries) != 3 || len(pub.Recorded) != 0 {
		t.Fatalf("publishes %+v", pub.Runs)
	}
	for _, d := range works[0].Deliveries {
		if (d.Skip != "") != (d.Target != "PJSIP/1") || d.Skip != "" && d.Message+d.Revision != "" {
			t.Errorf("delivery: %+v", d)
		}
	}

	// A state in which the one has had it.
	s := &State{Serial: 1, Jobs: map[string]AppliedJob{}, Delivered: map[string]map[string]Delivered{"sip_notify.reboot": {
		"PJSIP/1": {works[0].Deliveries[0].Revision, Accepted, works[0].ID},
	}}}
	for _, j := range pub.Jobs {
		s.Jobs[j.Address] = j
	}
	p = plan(t, mixed(t, lines, zoiper, yealink, polycom), s)
	if !p.Empty() || len(p.Jobs[0].Skips) != 2 {
		t.Errorf("after the apply: empty %v, skips %v", p.Empty(), p.Jobs[0].Skips)
	}

	// Its User-Agent becomes known: then it gets what it never had, and it alone.
	p = plan(t, mixed(t, lines, yealink, yealink, polycom), s)
	if got := p.Jobs[0].Fire.Deliveries; len(got) != 1 || got[0].Target != "PJSIP/0" {
		t.Errorf("once it is known: %+v", got)
	}
}

// What counts as delivered when a job is new does not count so for a stranger.
func TestPlan_unknownPhone_record(t *testing.T) {
	const lines = "unknown_phone = \"skip\"\ntrigger \"change\" {\n on = \"1\"\n initial = \"record\"\n }\n"
	p := plan(t, mixed(t, lines, zoiper, yealink), &State{})
	if r := p.Jobs[0].Recorded; len(r) != 1 || r[0].Target != "PJSIP/1" || p.Jobs[0].Fire != nil {
		t.Errorf("recorded: %v", r)
	}
	s := after(t, p, 0)
	if p := plan(t, mixed(t, lines, yealink, yealink), s); !slices.Equal(fired(p), []string{"PJSIP/0"}) {
		t.Errorf("once it is known: %v", fired(p))
	}
}

// A message that is the revision itself: a stranger has none.
func TestPlan_unknownPhone_ofMessage(t *testing.T) {
	const lines = "unknown_phone = \"skip\"\ntrigger \"change\" {}\n"
	p := plan(t, mixed(t, lines, yealink, zoiper), &State{})
	_, works := p.Publication(start, nil)
	d := works[0].Deliveries
	if len(d) != 2 || d[0].Revision == "" || d[1].Revision != "" || d[1].Skip == "" {
		t.Errorf("deliveries: %+v", d)
	}
}

// All phones unknown: there is a job, and nothing to send.
func TestPlan_unknownPhone_all(t *testing.T) {
	const lines = "unknown_phone = \"skip\"\n" + onChange
	p := plan(t, mixed(t, lines, zoiper, ""), &State{})
	if jp := p.Jobs[0]; jp.Op != Add || jp.Fire != nil || len(jp.Skips) != 2 {
		t.Errorf("plan: %+v", jp)
	}
	if !slices.ContainsFunc(p.Jobs[0].Attrs, func(a Attr) bool { return a.Value == "none, since no phone is known" }) {
		t.Errorf("attributes: %+v", p.Jobs[0].Attrs)
	}
	_, _, err := NewFire(mixed(t, lines, zoiper, ""), &State{}, start, "sip_notify.reboot", nil)
	if err == nil || !strings.Contains(err.Error(), "nothing is to be sent to PJSIP/0: unknown phone: no vendor is known") {
		t.Errorf("fired by hand: %v", err)
	}
}

// The presets of a mixed fleet, with how many phones each is for: of all targets,
// or of those that are sent to now.
func TestPlan_effects(t *testing.T) {
	effects := func(jp *JobPlan) map[string]int {
		got := map[string]int{}
		for _, e := range jp.Effects {
			if got[e.Vendor.ID+"."+e.Preset.Action] = e.Phones; e.Maybe {
				got[e.Vendor.ID+"."+e.Preset.Action] *= -1
			}
		}
		return got
	}
	fleet := []string{yealink, yealink, "snom370/8.7.5.48", "OBIHAI/OBi202-3.2.2.5921"}
	p := plan(t, mixed(t, "", fleet...), &State{})
	if diff := cmp.Diff(map[string]int{"yealink.reboot": 2, "snom.reboot": 1, "obihai.resync": 1}, effects(p.Jobs[0])); diff != "" {
		t.Errorf("of all (-want +got):\n%s", diff)
	}
	p, _, err := NewFire(mixed(t, "", fleet...), &State{}, start, "sip_notify.reboot", []string{"PJSIP/1", "PJSIP/2"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]int{"yealink.reboot": 1, "snom.reboot": 1}, effects(p.Jobs[0])); diff != "" {
		t.Errorf("of two (-want +got):\n%s", diff)
	}
	for message, want := range map[string]map[string]int{
		`preset.yealink.reboot`: {"yealink.reboot": 3},
		`message.own`:           {"snom.check_sync": 3},
		`message.plain`:         {},
		`target.n == 0 ? preset.cisco_spa.resync : preset.yealink.check_sync`: {"cisco_spa.resync": 1, "yealink.check_sync": 2},
		`target.n == 0 ? preset.snom.reboot : preset.yealink.reboot`:          {"snom.reboot": 1, "yealink.reboot": 2}, // though they send the same
		`message.either`: {"snom.reboot": -3, "yealink.reboot": -3},
		`local.reboot`:   {"snom.reboot": 3},
		`target.message`: {"snom.reboot": 1, "yealink.reboot": 2},
		`merge(preset.snom.reboot, { headers = [] })`:                                       {"snom.reboot": 3},
		`merge(preset.snom.reboot, { event = "own" })`:                                      {},
		`try(preset_for(target.n == 0 ? "snom370/8" : "", "reboot"), preset.obihai.reboot)`: {"snom.reboot": 1, "obihai.resync": 2},
	} {
		p := plan(t, configure(t, fmt.Sprintf(`
			pbx "hq" {
			  simulator {}
			}
			message "own" {
			  event   = preset.snom.check_sync.event
			  headers = { X-Site = "hq" }
			}
			message "plain" {
			  event = "check-sync"
			}
			message "either" {
			  event = target.n == 0 ? preset.snom.reboot.event : preset.yealink.reboot.event
			}
			locals {
			  reboot = preset.snom.reboot
			}
			sip_notify "x" {
			  pbx     = pbx.hq
			  targets = [for n in range(3) : { target = "PJSIP/${n}", n = n, message = preset_for(n == 0 ? "snom370/8" : %q, "reboot") }]
			  message = %s
			}`, yealink, message)), &State{})
		if diff := cmp.Diff(want, effects(p.Jobs[0])); diff != "" {
			t.Errorf("%s (-want +got):\n%s", message, diff)
		}
	}
}

// A runner ends strangers without sending them; the PBX hears nothing of them.
func TestRunner_unknownPhone(t *testing.T) {
	other := job(t, 1, "")
	for name, agents := range map[string][]string{"first": {zoiper, polycom, yealink, yealink}, "last": {yealink, zoiper, polycom}, "all": {"", zoiper}} {
		t.Run(name, func(t *testing.T) {
			cfg := mixed(t, "unknown_phone = \"skip\"\n", agents...)
			known := strings.Count(strings.Join(agents, " "), "Yealink")
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, other)
				prep, diags := prepareJob(cfg.Jobs[0])
				if diags.HasErrors() {
					t.Fatal(diags)
				}
				_, b.work = newRun(cfg.Jobs[0], prep, Cause{Kind: "schedule"}, nil, start)
				r := b.run(t, t.Context())
				if r.Runs[0].Outcomes[Skipped] != 2 || r.Runs[0].Outcomes[Accepted] != known || len(b.pbx.sent) != known || r.Runs[0].Left != 0 {
					t.Errorf("%+v, %d sent", r.Runs[0], len(b.pbx.sent))
				}
				if got := b.journal.ended(); !slices.Equal(got, []string{b.work.ID}) {
					t.Errorf("ended: %v", got)
				}
				for _, batch := range b.journal.batches {
					for _, a := range batch.Attempts {
						if a.Outcome == Skipped && (a.N != 0 || !strings.HasPrefix(a.Text, "unknown phone: ")) {
							t.Errorf("attempt: %+v", a)
						}
					}
				}
				if r.Complete() {
					t.Error("the run is complete")
				}
			})
		})
	}
}

// A crash after the run was recorded and before the strangers were: the next one
// that drives the run leaves them out too, unless they are known by then.
func TestPlan_unknownPhone_resumed(t *testing.T) {
	const lines = "unknown_phone = \"skip\"\n" + onChange
	p := plan(t, mixed(t, lines, yealink, zoiper, polycom), &State{})
	s := after(t, p, 0)
	for i := range s.Open[0].Deliveries {
		s.Open[0].Deliveries[i].Outcome, s.Open[0].Deliveries[i].Attempts = Pending, 0
		s.Open[0].Deliveries[i].Skip = "" // it is not on record
	}
	s.Delivered = nil
	p = plan(t, mixed(t, lines, yealink, zoiper, polycom), s)
	got := map[string]bool{}
	for _, d := range p.Jobs[0].Resume[0].Deliveries {
		got[d.Target] = d.Skip != ""
	}
	if want := map[string]bool{"PJSIP/0": false, "PJSIP/1": true, "PJSIP/2": true}; !maps.Equal(got, want) || p.Jobs[0].Fire != nil {
		t.Errorf("goes on with %v, fires %v", got, fired(p))
	}
	p = plan(t, mixed(t, lines, yealink, yealink, polycom), s)
	if jp := p.Jobs[0]; len(jp.Cancel) != 1 || jp.Cancel[0].Deliveries[0].Target != "PJSIP/1" || len(jp.Fire.Deliveries) != 1 {
		t.Errorf("once one of them is known: cancels %+v, fires %v", jp.Cancel, fired(p))
	}
}

// The daemon's schedules: with "skip" the run goes to the others, and with "error"
// a configuration that has a stranger is never applied.
func TestDaemon_unknownPhone(t *testing.T) {
	const everyMinute = "trigger \"schedule\" {\n  cron = \"* * * * *\"\n}\n"
	text := strings.NewReplacer("simulator {}", "address = \"pbx.example.net\"\nusername = \"n\"\nsecret = \"s\"", "PJSIP/", "SIP/").
		Replace(mixedText("unknown_phone = \"skip\"\n"+everyMinute, zoiper, yealink))
	bubble(t, func(s *stage) {
		s.apply(configure(t, text))
		s.begin()
		s.sleep(time.Minute)
		s.end()
		outcomes := map[Outcome]int{}
		for _, r := range s.order {
			for o, n := range r.outcomes {
				outcomes[o] += n
			}
		}
		if diff := cmp.Diff(map[Outcome]int{Accepted: 1, Skipped: 1}, outcomes); diff != "" || len(s.order) != 1 || len(s.open) != 0 {
			t.Errorf("%d runs, %d open, outcomes (-want +got):\n%s", len(s.order), len(s.open), diff)
		}
	})
}

// An event tells the User-Agent: a stranger is skipped when it comes, or refused.
func TestDaemon_unknownPhone_event(t *testing.T) {
	for policy, want := range map[string]map[Outcome]int{"skip": {Skipped: 1}, "error": nil} {
		t.Run(policy, func(t *testing.T) {
			cfg := configure(t, fmt.Sprintf(`
				pbx "hq" {
				  simulator {}
				}
				sip_notify "one" {
				  pbx           = pbx.hq
				  targets       = ["PJSIP/${trigger.event.Device}"]
				  message       = preset_for(trigger.event.Agent, "reboot")
				  unknown_phone = %q
				  trigger "event" {
				    name = "UserEvent"
				  }
				}`, policy))
			j := cfg.Jobs[0]
			fired := schema.Fired{Kind: "event", Event: schema.EventHeaders{{Name: "Device", Value: "7"}, {Name: "Agent", Value: zoiper}}}
			when, prep, err := prepareFired(j, fired)
			if want == nil {
				if err == nil || !strings.Contains(err.Error(), "Zoiper") {
					t.Errorf("refused with %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			run, work := newRun(when, prep, Cause{Kind: "event", Fired: &fired}, nil, start)
			if len(run.Messages) != 0 || len(work.Deliveries) != 1 || work.Deliveries[0].Skip == "" {
				t.Errorf("run: %+v", run)
			}
		})
	}
}
