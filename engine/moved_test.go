package engine

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/notifyrun/notifyrun/schema"
)

// named is a configuration of a job of three phones for each address, which has a
// change trigger and a schedule, with further blocks.
func named(t *testing.T, blocks string, names ...string) *schema.Config {
	t.Helper()
	text := "pbx \"hq\" {\n  simulator {}\n}\n"
	for _, name := range names {
		name, each, _ := strings.Cut(name, "[")
		if each != "" {
			each = "for_each = toset([" + each + ")"
		}
		text += fmt.Sprintf(`
			sip_notify %q {
			  %s
			  pbx     = pbx.hq
			  targets = ["PJSIP/0", "PJSIP/1", "PJSIP/2"]
			  message {
			    event = "check-sync"
			  }
			  trigger "change" {}
			  trigger "schedule" {
			    cron = "@daily"
			  }
			}`+"\n", name, each)
	}
	return configure(t, text+blocks)
}

func move(from, to string) string {
	return fmt.Sprintf("moved {\n  from = %s\n  to = %s\n}\n", from, to)
}

// ops are what a plan does, a job a word, with what was moved behind it.
func ops(p *Plan) string {
	var all []string
	for _, jp := range p.Jobs {
		s := string(jp.Op) + " " + jp.Address
		if jp.MovedFrom != "" {
			s += " from " + jp.MovedFrom
		}
		if jp.Fire != nil {
			s += fmt.Sprintf(" fires %d", len(jp.Fire.Deliveries))
		}
		if len(jp.Resume) > 0 {
			s += fmt.Sprintf(" resumes %d", len(jp.Resume[0].Deliveries))
		}
		all = append(all, s)
	}
	return strings.Join(all, "; ")
}

func TestPlan_Moved(t *testing.T) {
	one := after(t, plan(t, named(t, "", "a"), &State{}), 3)
	two := after(t, plan(t, named(t, "", "a", "b"), &State{}), 6)
	each := after(t, plan(t, named(t, "", `a["x", "y"]`), &State{}), 6)
	for _, tt := range []struct {
		name  string
		state *State
		cfg   *schema.Config
		opts  Options
		want  string
	}{
		{"not said", one, named(t, "", "b"), Options{}, "add sip_notify.b fires 3; remove sip_notify.a"},
		{"said", one, named(t, move("sip_notify.a", "sip_notify.b"), "b"), Options{}, "no-op sip_notify.b from sip_notify.a"},
		{"in a chain", one, named(t, move("sip_notify.b", "sip_notify.c")+move("sip_notify.a", "sip_notify.b"), "c"), Options{}, "no-op sip_notify.c from sip_notify.a"},
		{"half of a chain", one, named(t, move("sip_notify.z", "sip_notify.a")+move("sip_notify.a", "sip_notify.b"), "b"), Options{}, "no-op sip_notify.b from sip_notify.a"},
		{"to an instance", one, named(t, move("sip_notify.a", `sip_notify.a["x"]`), `a["x", "y"]`), Options{}, `no-op sip_notify.a["x"] from sip_notify.a; add sip_notify.a["y"] fires 3`},
		{"from an instance", each, named(t, move(`sip_notify.a["x"]`, "sip_notify.a"), "a"), Options{}, `no-op sip_notify.a from sip_notify.a["x"]; remove sip_notify.a["y"]`},
		{"a block", each, named(t, move("sip_notify.a", "sip_notify.b"), `b["x", "y"]`), Options{}, `no-op sip_notify.b["x"] from sip_notify.a["x"]; no-op sip_notify.b["y"] from sip_notify.a["y"]`},
		{"a key", each, named(t, move(`sip_notify.a["x"]`, `sip_notify.a["z"]`), `a["y", "z"]`), Options{}, `no-op sip_notify.a["y"]; no-op sip_notify.a["z"] from sip_notify.a["x"]`},
		{"to what is no more", each, named(t, move("sip_notify.a", "sip_notify.b"), `b["x"]`), Options{}, `no-op sip_notify.b["x"] from sip_notify.a["x"]; remove sip_notify.b["y"] from sip_notify.a["y"]`},
		{"to what there is", two, named(t, move("sip_notify.a", "sip_notify.b"), "b"), Options{}, "no-op sip_notify.b; remove sip_notify.a"},
		{"of what was never there", one, named(t, move("sip_notify.x", "sip_notify.b"), "a", "b"), Options{}, "no-op sip_notify.a; add sip_notify.b fires 3"},
		{"selected by the new one", one, named(t, move("sip_notify.a", "sip_notify.b"), "b", "c"), Options{Target: []string{"sip_notify.b"}}, "no-op sip_notify.b from sip_notify.a"},
		{"selected by the old one", one, named(t, move("sip_notify.a", "sip_notify.b"), "b", "c"), Options{Target: []string{"sip_notify.a"}}, "no-op sip_notify.b from sip_notify.a"},
		{"not selected", one, named(t, move("sip_notify.a", "sip_notify.b"), "b", "c"), Options{Target: []string{"sip_notify.c"}}, "add sip_notify.c fires 3"},
		{"the new one excluded", one, named(t, move("sip_notify.a", "sip_notify.b"), "b"), Options{Exclude: []string{"sip_notify.b"}}, ""},
		{"the old one excluded", one, named(t, move("sip_notify.a", "sip_notify.b"), "b"), Options{Exclude: []string{"sip_notify.a"}}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := tt.state.Addresses()
			p, diags := NewPlan(tt.cfg, tt.state, start, tt.opts)
			if diags.HasErrors() {
				t.Fatal(diags)
			}
			if got := ops(p); got != tt.want {
				t.Errorf("the plan: %s\nwant:     %s", got, tt.want)
			}
			if warned := len(diags) > 0; warned != (tt.name == "to what there is") {
				t.Errorf("warned: %v", diags)
			}
			if now := tt.state.Addresses(); !slices.Equal(before, now) {
				t.Errorf("planning has changed the state from %v to %v", before, now)
			}
		})
	}
}

// TestPlan_MovedAlone holds that a plan that only moves changes and sends nothing,
// is not the same as one that does not move, and is over once it was applied.
func TestPlan_MovedAlone(t *testing.T) {
	state := after(t, plan(t, named(t, "", "a"), &State{}), 3)
	cfg := named(t, move("sip_notify.a", "sip_notify.b"), "b")
	p := plan(t, cfg, state)
	if !p.Empty() || p.Counts() != (Counts{}) {
		t.Errorf("a move alone: %+v", p.Counts())
	}
	if still := plan(t, named(t, "", "a"), state); still.Digest() == p.Digest() {
		t.Error("a plan that moves has the digest of one that does not")
	}
	pub, works := p.Publication(start, []byte("{}"))
	if len(works)+len(pub.Runs)+len(pub.Jobs)+len(pub.Removed)+len(pub.Settled) != 0 {
		t.Errorf("a move alone publishes %+v", pub)
	}
	if want := []Moved{{From: "sip_notify.a", To: "sip_notify.b"}}; !slices.Equal(pub.Moved, want) {
		t.Errorf("moved %v, want %v", pub.Moved, want)
	}
	again := plan(t, cfg, after(t, p, 0))
	if len(again.Moved) > 0 || !again.Empty() {
		t.Errorf("after the apply it moves %v: %s", again.Moved, ops(again))
	}
}

// TestPlan_MovedState holds that all that is known of a job goes with it: an open
// run that goes on, a pause, and phones that are held back.
func TestPlan_MovedState(t *testing.T) {
	cfg := named(t, move("sip_notify.a", "sip_notify.b"), "b")
	state := after(t, plan(t, named(t, "", "a"), &State{}), 1) // the second is unknown, the third pending
	p := plan(t, cfg, state)
	if got, want := ops(p), "no-op sip_notify.b from sip_notify.a resumes 1"; got != want {
		t.Errorf("with an open run: %s, want %s", got, want)
	}
	if held := p.Jobs[0].Held; !slices.Equal(held, []string{"PJSIP/1"}) {
		t.Errorf("held are %v", held)
	}
	if _, works := p.Publication(start, []byte("{}")); works[0].RunHeader.Job != "sip_notify.b" {
		t.Errorf("the open run goes on as %s", works[0].RunHeader.Job)
	}

	state.Pauses = map[string]Pause{"sip_notify.a": {Job: "sip_notify.a", Reason: "fair"}}
	p = plan(t, cfg, state)
	if jp := p.Jobs[0]; jp.Paused == nil || jp.Paused.Job != "sip_notify.b" || !slices.Equal(jp.Waiting, []string{"PJSIP/2"}) {
		t.Errorf("of a paused job: %+v, waiting %v", jp.Paused, jp.Waiting)
	}
	if _, _, err := NewFire(cfg, state, start, "sip_notify.b", nil); err == nil || !strings.Contains(err.Error(), "paused") {
		t.Errorf("fire of a job that was paused under its old name: %v", err)
	}
}

// TestPlan_MovedOntoFired holds that a job that was fired by hand or paused under
// its new name before the apply takes over what it had under the old one.
func TestPlan_MovedOntoFired(t *testing.T) {
	cfg := named(t, move("sip_notify.a", "sip_notify.b"), "b")
	state := after(t, plan(t, named(t, "", "a"), &State{}), 3)
	revision := state.Delivered["sip_notify.a"]["PJSIP/0"].Revision
	state.Delivered["sip_notify.b"] = map[string]Delivered{"PJSIP/0": {Revision: revision, Outcome: Accepted, Run: "by hand"}}
	state.Pauses = map[string]Pause{"sip_notify.b": {Job: "sip_notify.b", Reason: "new"}, "sip_notify.a": {Job: "sip_notify.a", Reason: "old"}}
	p := plan(t, cfg, state)
	if got, want := ops(p), "no-op sip_notify.b from sip_notify.a"; got != want {
		t.Errorf("the plan: %s, want %s", got, want)
	}
	if reason := p.Jobs[0].Paused.Reason; reason != "new" {
		t.Errorf("it is paused for the reason %q", reason)
	}
	had := p.State.Delivered["sip_notify.b"]
	if len(had) != 3 || had["PJSIP/0"].Run != "by hand" {
		t.Errorf("it has had %v", had)
	}
	if diff := cmp.Diff([]string{"sip_notify.b"}, slices.Sorted(maps.Keys(p.State.Jobs))); diff != "" {
		t.Errorf("jobs: %s", diff)
	}
}

// TestState_Move holds what can be moved by hand, and what is refused and why.
func TestState_Move(t *testing.T) {
	state := &State{
		Jobs:   map[string]AppliedJob{`sip_notify.a["x"]`: {}, `sip_notify.a["y"]`: {}, "sip_notify.b": {}, "module.m.sip_notify.c": {}, "user_event.open": {}},
		Open:   []OpenRun{{RunHeader: RunHeader{ID: "R", Job: "user_event.open"}}},
		Pauses: map[string]Pause{"sip_notify.paused": {}},
	}
	for _, tt := range []struct{ from, to, want string }{
		{"sip_notify.a", "sip_notify.z", `sip_notify.a["x"] sip_notify.z["x"], sip_notify.a["y"] sip_notify.z["y"]`},
		{`sip_notify.a["x"]`, "sip_notify.z", `sip_notify.a["x"] sip_notify.z`},
		{"module.m", `module.n["k"]`, `module.m.sip_notify.c module.n["k"].sip_notify.c`},
		{"sip_notify.paused", "sip_notify.z", "sip_notify.paused sip_notify.z"},
		{"sip_notify.a", "sip_notify.b", "the state has sip_notify.b already; nothing was moved"},
		{"sip_notify.b", "sip_notify.a", `the state has sip_notify.a["x"] already; nothing was moved`},
		{"sip_notify.b", `sip_notify.a["z"]`, `sip_notify.b sip_notify.a["z"]`},
		{"sip_notify.b", `sip_notify.b["z"]`, `sip_notify.b sip_notify.b["z"]`},
		{`sip_notify.a["x"]`, "sip_notify.b", "the state has sip_notify.b already; nothing was moved"},
		{"sip_notify.b", "sip_notify.paused", "the state has sip_notify.paused already; nothing was moved"},
		{"sip_notify.bb", "sip_notify.z", "there is no such job. Did you mean sip_notify.b?"},
		{"sip_notify.d", "sip_notify.z", "there is no such job. Did you mean sip_notify.a?"},
		{"sip_notify.a", "sip_notify.b[0]", `it has no instance without a key; it has sip_notify.a["x"], sip_notify.a["y"]`},
		{"user_event.open", "user_event.z", "user_event.open has an open run, R; apply goes on with it, or, if the job is no longer declared, ends it"},
	} {
		m, err := schema.ParseMove(tt.from, tt.to)
		if err != nil {
			t.Fatal(err)
		}
		moved, err := state.Move(m)
		var got []string
		for _, m := range moved {
			got = append(got, m.From+" "+m.To)
		}
		if err != nil {
			got = append(got, err.Error())
		}
		if diff := cmp.Diff(tt.want, strings.Join(got, ", ")); diff != "" {
			t.Errorf("%s to %s (-want +got):\n%s", tt.from, tt.to, diff)
		}
	}
}
