package engine

import (
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/notifyrun/notifyrun/schema"
)

// fleet is a configuration of one job over phones 0 to n-1.
func fleet(t testing.TB, n int, firmware, lines string) *schema.Config {
	t.Helper()
	return configure(t, fmt.Sprintf(`
		pbx "hq" {
		  simulator {}
		}
		sip_notify "firmware" {
		  pbx     = pbx.hq
		  targets = [for n in range(%d) : "PJSIP/${n}"]
		  message {
		    event = "check-sync"
		  }
		  trigger "change" {
		    on = { firmware = %q }
		    %s
		  }
		}`, n, firmware, lines))
}

func plan(t testing.TB, cfg *schema.Config, s *State) *Plan {
	t.Helper()
	p, diags := NewPlan(cfg, s, start, Options{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return p
}

// after is the state that an apply of p leaves, where the first `accepted`
// deliveries of each run are accepted, the next one unknown and the rest are
// still pending.
func after(t testing.TB, p *Plan, accepted int) *State {
	t.Helper()
	pub, _ := p.Publication(start, []byte("{}"))
	s := &State{Lineage: "l", Serial: p.State.Serial + 1, Jobs: map[string]AppliedJob{}, Delivered: map[string]map[string]Delivered{}}
	for a, j := range p.State.Jobs { // as moved already
		s.Jobs[a] = j
	}
	for a, had := range p.State.Delivered {
		s.Delivered[a] = map[string]Delivered{}
		for target, d := range had {
			s.Delivered[a][target] = d
		}
	}
	for _, j := range pub.Jobs {
		s.Jobs[j.Address] = j
	}
	for _, a := range pub.Removed {
		delete(s.Jobs, a)
		delete(s.Delivered, a)
	}
	deliver := func(job, target string, d Delivered) {
		if s.Delivered[job] == nil {
			s.Delivered[job] = map[string]Delivered{}
		}
		s.Delivered[job][target] = d
	}
	for _, r := range pub.Recorded {
		deliver(r.Job, r.Target, Delivered{Revision: r.Revision, Outcome: Accepted})
	}
	for _, r := range pub.Runs {
		open := OpenRun{RunHeader: r.RunHeader}
		for i, d := range r.Deliveries {
			state := DeliveryState{Delivery: d, Outcome: Pending}
			switch {
			case i < accepted:
				state.Outcome, state.Attempts = Accepted, 1
			case i == accepted:
				state.Outcome, state.Attempts = Unknown, 1
			}
			if state.Outcome.Reached() && d.Revision != "" {
				deliver(r.Job, d.Target, Delivered{d.Revision, state.Outcome, r.ID})
			}
			open.Deliveries = append(open.Deliveries, state)
		}
		if accepted < len(r.Deliveries) {
			s.Open = append(s.Open, open)
		}
	}
	return s
}

func fired(p *Plan) []string {
	var names []string
	for _, jp := range p.Jobs {
		if jp.Fire != nil {
			for _, d := range jp.Fire.Deliveries {
				names = append(names, d.Target)
			}
		}
	}
	return names
}

func TestPlan_FirstApply(t *testing.T) {
	p := plan(t, fleet(t, 3, "1.2.3", ""), &State{})
	want := Counts{Add: 1, Fire: 1, Phones: 3, PBXs: 1}
	if got := p.Counts(); got != want {
		t.Errorf("counts %+v, want %+v", got, want)
	}
	f := p.Jobs[0].Fire
	if f.Cause != (Cause{Kind: "change", Detail: `firmware = "1.2.3"`}) || !f.Initial {
		t.Errorf("fires for %+v, initial %v", f.Cause, f.Initial)
	}
	if got, want := f.First.Action+" "+f.First.Target+" "+f.First.Headers[0].Value.String(), "PJSIPNotify PJSIP/0 check-sync"; got != want {
		t.Errorf("first message %q, want %q", got, want)
	}
}

func TestPlan_NothingAfterApply(t *testing.T) {
	cfg := fleet(t, 3, "1.2.3", "")
	p := plan(t, cfg, after(t, plan(t, cfg, &State{}), 3))
	if !p.Empty() || p.Counts() != (Counts{}) {
		t.Errorf("after an apply: %+v", p.Counts())
	}
}

func TestPlan_NewValueFiresForAll(t *testing.T) {
	s := after(t, plan(t, fleet(t, 3, "1.2.3", ""), &State{}), 3)
	p := plan(t, fleet(t, 3, "1.2.4", ""), s)
	if got := len(fired(p)); got != 3 || p.Jobs[0].Fire.Initial {
		t.Errorf("fires for %d, initial %v", got, p.Jobs[0].Fire.Initial)
	}
}

// PJSIP/1 of another PBX is another phone.
func TestPlan_MovedToAnotherPBX(t *testing.T) {
	on := func(pbx string) *schema.Config {
		return configure(t, fmt.Sprintf(`
			pbx "hq" {
			  simulator {}
			}
			pbx "branch" {
			  simulator {}
			}
			sip_notify "x" {
			  pbx     = pbx.%s
			  targets = ["PJSIP/1", "PJSIP/2"]
			  message {
			    event = "a"
			  }
			  trigger "change" {}
			}`, pbx))
	}
	s := after(t, plan(t, on("hq"), &State{}), 2)
	if p := plan(t, on("hq"), s); !p.Empty() {
		t.Errorf("on the same PBX it fires for %v", fired(p))
	}
	if p := plan(t, on("branch"), s); len(fired(p)) != 2 || p.Jobs[0].Op != Change {
		t.Errorf("on another PBX it fires for %v, op %s", fired(p), p.Jobs[0].Op)
	}
}

func TestPlan_NewPhoneAlone(t *testing.T) {
	s := after(t, plan(t, fleet(t, 3, "1.2.3", ""), &State{}), 3)
	p := plan(t, fleet(t, 5, "1.2.3", ""), s)
	if got := fired(p); !slices.Equal(got, []string{"PJSIP/3", "PJSIP/4"}) {
		t.Errorf("fires for %v", got)
	}
	if p.Jobs[0].Op != Change || p.Jobs[0].Changes[0].Name != "targets" {
		t.Errorf("op %s, changes %+v", p.Jobs[0].Op, p.Jobs[0].Changes)
	}
}

// After a half-done apply the next one goes on with the run, leaves alone what
// is unknown, and sends nothing twice.
func TestPlan_Resumes(t *testing.T) {
	cfg := fleet(t, 5, "1.2.3", "")
	p := plan(t, cfg, after(t, plan(t, cfg, &State{}), 2))
	jp := p.Jobs[0]
	if jp.Fire != nil || len(jp.Resume) != 1 {
		t.Fatalf("fires %+v, resumes %+v", jp.Fire, jp.Resume)
	}
	var left []string
	for _, d := range jp.Resume[0].Deliveries {
		left = append(left, d.Target)
	}
	if !slices.Equal(left, []string{"PJSIP/3", "PJSIP/4"}) || !slices.Equal(jp.Held, []string{"PJSIP/2"}) {
		t.Errorf("resumes for %v, holds %v", left, jp.Held)
	}
	if got, want := p.Counts(), (Counts{Fire: 1, Phones: 2, PBXs: 1}); got != want {
		t.Errorf("counts %+v, want %+v", got, want)
	}
}

// Under on_unknown = "resend" the unknown one is part of the rest.
func TestPlan_ResendsUnknown(t *testing.T) {
	cfg := job(t, 3, "on_unknown = \"resend\"\n trigger \"change\" {}")
	p := plan(t, cfg, after(t, plan(t, cfg, &State{}), 1))
	if n := len(p.Jobs[0].Resume[0].Deliveries); n != 2 || p.Jobs[0].Fire != nil || p.Jobs[0].Held != nil {
		t.Errorf("resumes %d deliveries, fires %+v, holds %v", n, p.Jobs[0].Fire, p.Jobs[0].Held)
	}
}

// A new value while a run is open: what is left of the old one is canceled,
// and every phone gets the new one.
func TestPlan_NewValueEndsOldRun(t *testing.T) {
	s := after(t, plan(t, fleet(t, 5, "1.2.3", ""), &State{}), 2)
	cfg := configure(t, `
		pbx "hq" {
		  simulator {}
		}
		sip_notify "firmware" {
		  pbx     = pbx.hq
		  targets = [for n in range(5) : "PJSIP/${n}"]
		  message {
		    event = "resync"
		  }
		  trigger "change" {
		    on = { firmware = "1.2.4" }
		  }
		}`)
	p := plan(t, cfg, s)
	jp := p.Jobs[0]
	if len(jp.Cancel) != 1 || len(jp.Cancel[0].Deliveries) != 2 || !jp.Cancel[0].Ends || len(fired(p)) != 5 {
		t.Errorf("cancels %+v, fires for %v", jp.Cancel, fired(p))
	}
	pub, works := p.Publication(start, nil)
	if len(pub.Canceled) != 2 || len(pub.Ended) != 1 || len(works) != 1 {
		t.Errorf("publication cancels %d, ends %v, %d works", len(pub.Canceled), pub.Ended, len(works))
	}
}

// A new value whose message is the same: the old run must not go on beside the
// new one, or a phone would be told twice.
func TestPlan_NewValueSameMessage(t *testing.T) {
	s := after(t, plan(t, fleet(t, 5, "1.2.3", ""), &State{}), 2)
	p := plan(t, fleet(t, 5, "1.2.4", ""), s)
	jp := p.Jobs[0]
	if len(jp.Resume) != 0 || len(jp.Cancel) != 1 || !jp.Cancel[0].Ends || len(fired(p)) != 5 {
		t.Errorf("resumes %+v, cancels %+v, fires for %v", jp.Resume, jp.Cancel, fired(p))
	}
}

// A firing by hand takes over what an interrupted one has left.
func TestFire_TakesOver(t *testing.T) {
	cfg := job(t, 5, "")
	fire := func(s *State, only ...string) *Plan {
		t.Helper()
		p, diags, err := NewFire(cfg, s, start, "sip_notify.x", only)
		if err != nil || diags.HasErrors() {
			t.Fatal(err, diags)
		}
		return p
	}
	s := after(t, fire(&State{}), 2) // 0 and 1 accepted, 2 unknown, 3 and 4 pending
	p := fire(s)
	if c := p.Jobs[0].Cancel; len(c) != 1 || len(c[0].Deliveries) != 2 || !c[0].Ends {
		t.Errorf("cancels %+v", c)
	}
	pub, works := p.Publication(start, nil)
	if len(pub.Canceled) != 2 || len(pub.Ended) != 1 || len(works) != 1 || len(works[0].Deliveries) != 5 {
		t.Errorf("canceled %d, ended %v, works %d", len(pub.Canceled), pub.Ended, len(works))
	}
	if c := fire(s, "PJSIP/3").Jobs[0].Cancel; len(c) != 1 || len(c[0].Deliveries) != 1 || c[0].Ends {
		t.Errorf("with -only it cancels %+v", c)
	}
	if c := fire(s, "PJSIP/0").Jobs[0].Cancel; c != nil {
		t.Errorf("what is final is canceled: %+v", c)
	}
}

func TestFindJob(t *testing.T) {
	cfg := configure(t, `
		pbx "hq" {
		  simulator {}
		}
		user_event "site" {
		  for_each = toset(["north", "south"])
		  pbx      = pbx.hq
		}
		user_event "night" {
		  pbx = pbx.hq
		}`)
	for address, want := range map[string]string{
		"user_event.night":          "",
		"user_event.nigth":          "there is no such job. Did you mean user_event.night?",
		"user_event.siet":           "there is no such job. Did you mean user_event.site?",
		"user_event.site":           `it has instances; name one of them: user_event.site["north"], user_event.site["south"]`,
		"sip_notify.something_else": "there is no such job",
	} {
		j, err := FindJob(cfg, address)
		switch {
		case want == "" && (err != nil || j.Address != address):
			t.Errorf("%s: %v, %v", address, j, err)
		case want != "" && (err == nil || err.Error() != want):
			t.Errorf("%s: %v, want %s", address, err, want)
		}
	}
}

func TestFindJobs(t *testing.T) {
	cfg := configure(t, `
		pbx "hq" {
		  simulator {}
		}
		user_event "site" {
		  for_each = toset(["x", "y"])
		  pbx      = pbx.hq
		}
		user_event "main" {
		  pbx = pbx.hq
		}`)
	s := &State{Jobs: map[string]AppliedJob{"user_event.old": {}}, Pauses: map[string]Pause{"user_event.gone": {}}}
	for address, want := range map[string][]string{
		"user_event.site":        {`user_event.site["x"]`, `user_event.site["y"]`},
		`user_event.site["y"]`:   {`user_event.site["y"]`},
		"user_event.old":         {"user_event.old"},
		"user_event.gone":        {"user_event.gone"},
		"user_event.mein":        nil,
		"user_event.sit":         nil,
		`user_event.site["zzz"]`: nil,
	} {
		if got, err := FindJobs(cfg, s, address); !slices.Equal(got, want) || (err == nil) != (want != nil) {
			t.Errorf("%s: %v, %v", address, got, err)
		}
	}
	for address, want := range map[string]string{"user_event.mein": "user_event.main", "user_event.sit": "user_event.site"} {
		if _, err := FindJobs(cfg, s, address); err == nil || !strings.Contains(err.Error(), "Did you mean "+want+"?") {
			t.Errorf("%s: %v", address, err)
		}
	}
	if got, err := FindJobs(nil, s, "user_event.old"); len(got) != 1 || err != nil {
		t.Errorf("without a configuration: %v, %v", got, err)
	}
}

func TestPlan_RemovedJob(t *testing.T) {
	s := after(t, plan(t, fleet(t, 5, "1.2.3", ""), &State{}), 2)
	p := plan(t, configure(t, `locals { nothing = 1 }`), s)
	jp := p.Jobs[0]
	if jp.Op != Remove || len(jp.Cancel) != 1 || len(jp.Cancel[0].Deliveries) != 2 || p.Counts() != (Counts{Remove: 1}) {
		t.Errorf("%+v, counts %+v", jp, p.Counts())
	}
}

func TestPlan_Record(t *testing.T) {
	cfg := fleet(t, 3, "1.2.3", `initial = "record"`)
	first := plan(t, cfg, &State{})
	if first.Jobs[0].Fire != nil || len(first.Jobs[0].Recorded) != 3 {
		t.Fatalf("fires %+v, records %v", first.Jobs[0].Fire, first.Jobs[0].Recorded)
	}
	s := after(t, first, 0)
	if p := plan(t, cfg, s); !p.Empty() {
		t.Errorf("after recording: %+v", p.Counts())
	}
	// From then on it is a trigger like any other.
	if p := plan(t, fleet(t, 4, "1.2.3", `initial = "record"`), s); !slices.Equal(fired(p), []string{"PJSIP/3"}) {
		t.Errorf("a new phone: fires for %v", fired(p))
	}
	if p := plan(t, fleet(t, 3, "1.2.4", `initial = "record"`), s); len(fired(p)) != 3 {
		t.Errorf("a new value: fires for %v", fired(p))
	}
}

func TestPlan_Disabled(t *testing.T) {
	cfg := job(t, 3, "enabled = false\n trigger \"change\" {}\n trigger \"schedule\" {\n cron = \"@daily\"\n }")
	p := plan(t, cfg, &State{})
	if jp := p.Jobs[0]; jp.Fire != nil || jp.Due != nil || jp.Op != Add {
		t.Errorf("%+v", jp)
	}
}

func TestPlan_Options(t *testing.T) {
	cfg := configure(t, `
		pbx "hq" {
		  simulator {}
		}
		user_event "a" {
		  for_each = toset(["x", "y"])
		  pbx      = pbx.hq
		}
		user_event "b" {
		  pbx = pbx.hq
		}`)
	for _, c := range []struct {
		opts Options
		want []string
	}{
		{Options{}, []string{`user_event.a["x"]`, `user_event.a["y"]`, "user_event.b"}},
		{Options{Target: []string{"user_event.a"}}, []string{`user_event.a["x"]`, `user_event.a["y"]`}},
		{Options{Target: []string{`user_event.a["x"]`}}, []string{`user_event.a["x"]`}},
		{Options{Exclude: []string{"user_event.a"}}, []string{"user_event.b"}},
		{Options{Target: []string{"user_event.a"}, Exclude: []string{`user_event.a["x"]`}}, []string{`user_event.a["y"]`}},
	} {
		p, diags := NewPlan(cfg, &State{}, start, c.opts)
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		var got []string
		for _, jp := range p.Jobs {
			got = append(got, jp.Address)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%+v selects %v, want %v", c.opts, got, c.want)
		}
	}
	for pattern, want := range map[string]string{
		"user_event.a":     "",
		"user_event.bc":    "there is no such job. Did you mean user_event.b?",
		"user_event.aa":    "there is no such job. Did you mean user_event.a?",
		"sip_notify.night": "there is no such job",
	} {
		for _, opts := range []Options{{Target: []string{pattern}}, {Exclude: []string{pattern}}} {
			err := opts.Validate(cfg, &State{})
			if want == "" && err != nil || want != "" && (err == nil || err.Error() != "select "+pattern+": "+want) {
				t.Errorf("%+v: %v, want %s", opts, err, want)
			}
		}
	}
}

// What Asterisk would refuse is found before anything is sent, once for all
// phones that have it.
func TestPlan_RefusesWhatAsteriskWould(t *testing.T) {
	cfg := configure(t, `
		pbx "hq" {
		  simulator {}
		}
		sip_notify "x" {
		  pbx     = pbx.hq
		  targets = [for n in range(100) : { target = "PJSIP/${n}", type = "text" }]
		  message {
		    event        = "a"
		    content_type = target.type
		    content      = "body"
		  }
		}`)
	_, diags := NewPlan(cfg, &State{}, start, Options{})
	if len(diags) != 1 || diags[0].Subject == nil || diags[0].Subject.Start.Line != 10 {
		t.Fatalf("diagnostics: %v", diags)
	}
	for _, want := range []string{"PJSIP/0", "99 more"} {
		if !strings.Contains(diags[0].Detail, want) {
			t.Errorf("it does not say %q: %s", want, diags[0].Detail)
		}
	}
}

func TestDiffAttrs(t *testing.T) {
	p := func(s string) *string { return &s }
	old := []Attr{{Name: "a", Value: "1"}, {Name: "X", Value: "1"}, {Name: "X", Value: "2"}, {Name: "gone", Value: "g"}, {Name: "s", Value: schema.Redacted, Digest: "1"}}
	now := []Attr{{Name: "a", Value: "2"}, {Name: "X", Value: "1"}, {Name: "X", Value: "3"}, {Name: "new", Value: "n"}, {Name: "s", Value: schema.Redacted, Digest: "2"}}
	want := []AttrChange{
		{"a", p("1"), p("2")}, {"X", p("2"), p("3")}, {"new", nil, p("n")},
		{"s", p(schema.Redacted), p(schema.Redacted)}, {"gone", p("g"), nil},
	}
	if diff := cmp.Diff(want, diffAttrs(old, now)); diff != "" {
		t.Error(diff)
	}
}

func TestPlan_SameDigestForSamePlan(t *testing.T) {
	a, b := plan(t, fleet(t, 9, "1", ""), &State{}), plan(t, fleet(t, 9, "1", ""), &State{})
	b.Now = b.Now.Add(time.Hour)
	if a.Digest() != b.Digest() {
		t.Error("two equal plans differ")
	}
	if other := plan(t, fleet(t, 10, "1", ""), &State{}); a.Digest() == other.Digest() {
		t.Error("two different plans do not differ")
	}
}

// The plan of a sensitive message tells apart what it does not show.
func TestPlan_Sensitive(t *testing.T) {
	config := func(secret string) *schema.Config {
		return configure(t, fmt.Sprintf(`
			variable "pin" {
			  sensitive = true
			  default   = %q
			}
			pbx "hq" {
			  simulator {}
			}
			sip_notify "x" {
			  pbx     = pbx.hq
			  targets = ["PJSIP/1"]
			  message {
			    event   = "a"
			    headers = { X-Pin = var.pin }
			  }
			  trigger "change" {}
			}`, secret))
	}
	first := plan(t, config("canary-1"), &State{})
	second := plan(t, config("canary-2"), after(t, first, 1))
	if second.Jobs[0].Op != Change || len(fired(second)) != 1 {
		t.Errorf("op %s, fires %v", second.Jobs[0].Op, fired(second))
	}
	pub, _ := second.Publication(start, nil)
	text, err := json.Marshal(pub)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "canary") {
		t.Errorf("the secret would be stored: %s", text)
	}
}

// BenchmarkPlan plans what the bar names: 10,000 jobs, and one job with
// 100,000 targets whose message differs by target. Load is part of it.
func BenchmarkPlan(b *testing.B) {
	var many strings.Builder
	many.WriteString("pbx \"hq\" {\n  simulator {}\n}\n")
	for i := range 10_000 {
		fmt.Fprintf(&many, "sip_notify \"j%d\" {\n  pbx     = pbx.hq\n  targets = [\"PJSIP/%d\"]\n  message {\n    event = \"check-sync\"\n  }\n  trigger \"change\" {\n    on = %d\n  }\n}\n", i, i, i)
	}
	var numbers []string
	for n := range 100_000 {
		numbers = append(numbers, fmt.Sprint(n))
	}
	for _, c := range []struct{ name, config string }{
		{"10000 jobs", many.String()},
		{"100000 targets", `
			pbx "hq" {
			  simulator {}
			}
			sip_notify "lamps" {
			  pbx     = pbx.hq
			  targets = [for n in split(",", "@NUMBERS@") : { target = "PJSIP/${n}", new = n }]
			  message {
			    message_summary {
			      account = "sip:${target.target}@pbx.example.net"
			      new     = target.new
			    }
			  }
			  trigger "change" {}
			}`},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			var most uint64
			for b.Loop() {
				p := plan(b, configure(b, strings.ReplaceAll(c.config, "@NUMBERS@", strings.Join(numbers, ","))), &State{})
				if p.Empty() {
					b.Fatal("nothing to do")
				}
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				most = max(most, m.HeapSys)
			}
			b.ReportMetric(float64(most)/1e6, "heap-MB")
		})
	}
}

// Of open runs of a schedule that cancels the previous one, an apply without a
// daemon goes on with the last, as the daemon would.
func TestNewPlan_cancelPrevious(t *testing.T) {
	cfg := configure(t, `
pbx "sim" {
  simulator {}
}
sip_notify "x" {
  pbx     = pbx.sim
  targets = ["PJSIP/1001", "PJSIP/1002"]
  message { event = "ping" }
  trigger "schedule" {
    cron    = "* * * * *"
    overlap = "cancel_previous"
  }
}
`)
	prep, diags := prepareJob(cfg.Jobs[0])
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	state := &State{Jobs: map[string]AppliedJob{}}
	for _, id := range []string{"first", "second"} {
		r := OpenRun{RunHeader: RunHeader{ID: id, Job: "sip_notify.x", PBX: "pbx.sim", Cause: Cause{Kind: "schedule"}}}
		for _, d := range prep.deliveries(cfg.Jobs[0]) {
			r.Deliveries = append(r.Deliveries, DeliveryState{Delivery: d, Outcome: Pending})
		}
		state.Open = append(state.Open, r)
	}
	state.Open[0].Deliveries[0].Outcome = Accepted
	p, diags := NewPlan(cfg, state, start, Options{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	jp := p.Jobs[0]
	if len(jp.Resume) != 1 || jp.Resume[0].Run.ID != "second" || len(jp.Resume[0].Deliveries) != 2 {
		t.Errorf("it goes on with %+v", jp.Resume)
	}
	if len(jp.Cancel) != 1 || jp.Cancel[0].Run.ID != "first" || len(jp.Cancel[0].Deliveries) != 1 || !jp.Cancel[0].Ends || jp.Cancel[0].Reason != supersededReason {
		t.Errorf("it cancels %+v", jp.Cancel)
	}
}
