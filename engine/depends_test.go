package engine

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/schema"
)

// chain is a configuration of jobs on two PBXs that depend on each other: b on a,
// c on b, and d on nothing. The lines are for each by its name.
func chain(t testing.TB, lines map[string]string) *schema.Config {
	t.Helper()
	text := `
		window "later" {
		  start = "22:00"
		  end   = "23:00"
		}`
	for _, pbx := range []string{"one", "two"} {
		text += fmt.Sprintf("\npbx %q {\n simulator {}\n rate_limit = \"unlimited\"\n}\n", pbx)
	}
	for _, j := range []struct{ name, pbx, depends string }{
		{"c", "one", "depends_on = [sip_notify.b]"}, {"b", "two", "depends_on = [sip_notify.a]"}, {"a", "one", ""}, {"d", "two", ""},
	} {
		text += fmt.Sprintf(`
		sip_notify %[1]q {
		  pbx     = pbx.%[2]s
		  targets = [for n in range(3) : "SIP/%[1]s${n}"]
		  message { event = "check-sync" }
		  trigger "change" { on = local.on.%[1]s }
		  %[3]s
		  %[4]s
		}`, j.name, j.pbx, j.depends, lines[j.name])
	}
	on := lines["on"]
	if on == "" {
		on = `{ a = 1, b = 1, c = 1, d = 1 }`
	}
	return configure(t, text+"\nlocals {\n on = "+on+"\n}\n")
}

// waitsIn is what each job that fires waits for.
func waitsIn(p *Plan) string {
	var all []string
	for _, jp := range p.Jobs {
		if jp.Fire != nil {
			all = append(all, fmt.Sprint(jp.Job.Name, jp.After))
		}
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

func TestNewPlan_dependsOn(t *testing.T) {
	cfg := chain(t, nil)
	first, diags := NewPlan(cfg, &State{}, start, Options{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	if got, want := waitsIn(first), "a[] b[sip_notify.a] c[sip_notify.b] d[]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	pub, works := first.Publication(start, nil)
	jobs := map[string]string{}
	for _, r := range pub.Runs {
		jobs[r.ID] = r.Job
	}
	for _, w := range works {
		var ids, names []string
		for _, on := range w.Waits {
			ids, names = append(ids, on.Run), append(names, on.Job)
			if jobs[on.Run] != on.Job || on.Ended {
				t.Errorf("%s waits for %+v", w.RunHeader.Job, on)
			}
		}
		i := slices.IndexFunc(pub.Runs, func(r NewRun) bool { return r.ID == w.ID })
		if !slices.Equal(pub.Runs[i].Waits, ids) || strings.Join(names, " ") != map[string]string{"sip_notify.b": "sip_notify.a", "sip_notify.c": "sip_notify.b"}[w.RunHeader.Job] {
			t.Errorf("%s waits for %v, its run for %v", w.RunHeader.Job, names, pub.Runs[i].Waits)
		}
	}

	// What does not fire is waited for by nobody, but what that depends on is.
	state := applyAll(t, first, pub, func(Delivery) Outcome { return Accepted })
	for on, want := range map[string]string{
		`{ a = 2, b = 1, c = 2, d = 1 }`: "a[] c[sip_notify.a]",
		`{ a = 1, b = 2, c = 2, d = 2 }`: "b[] c[sip_notify.b] d[]",
		`{ a = 1, b = 1, c = 2, d = 2 }`: "c[] d[]",
	} {
		p, diags := NewPlan(chain(t, map[string]string{"on": on}), state, start, Options{})
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		if got := waitsIn(p); got != want {
			t.Errorf("%s: got %s, want %s", on, got, want)
		}
	}
	p, _ := NewPlan(chain(t, map[string]string{"on": `{ a = 2, b = 2, c = 2, d = 2 }`}), state, start, Options{Target: []string{"sip_notify.c"}})
	if got := waitsIn(p); got != "c[]" {
		t.Errorf("alone: %s", got)
	}
	if left := p.LeftOut(); len(left) != 1 || left[0].Job.Address != "sip_notify.c" || left[0].On != "sip_notify.b" {
		t.Errorf("alone: it leaves out %+v", left)
	}
	for on, target := range map[string]string{
		`{ a = 2, b = 2, c = 1, d = 1 }`: "sip_notify.c", // which does not fire
		`{ a = 2, b = 2, c = 1, d = 2 }`: "sip_notify.a", // which depends on none
	} {
		p, _ := NewPlan(chain(t, map[string]string{"on": on}), state, start, Options{Target: []string{target}})
		if left := p.LeftOut(); left != nil {
			t.Errorf("%s alone leaves out %+v", target, left)
		}
	}
}

// applyAll is the state that an apply leaves; with an outcome that is not final
// its run is open.
func applyAll(t *testing.T, p *Plan, pub Publication, outcome func(Delivery) Outcome) *State {
	t.Helper()
	s := &State{Serial: 1, Jobs: map[string]AppliedJob{}, Delivered: map[string]map[string]Delivered{}}
	for _, j := range pub.Jobs {
		s.Jobs[j.Address] = j
	}
	ended, good := map[string]bool{}, map[string]bool{}
	for _, r := range pub.Runs {
		had := map[string]Delivered{}
		ended[r.ID], good[r.ID] = true, true
		for _, d := range r.Deliveries {
			o := outcome(d)
			if o.Reached() {
				had[d.Target] = Delivered{Revision: d.Revision, Outcome: o, Run: r.ID}
			}
			ended[r.ID], good[r.ID] = ended[r.ID] && o.Final(), good[r.ID] && o.Good()
		}
		s.Delivered[r.Job] = had
	}
	for _, r := range pub.Runs {
		if ended[r.ID] {
			continue
		}
		open := OpenRun{RunHeader: r.RunHeader, Serial: 1}
		for _, d := range r.Deliveries {
			open.Deliveries = append(open.Deliveries, DeliveryState{Delivery: d, Outcome: outcome(d)})
		}
		for _, id := range r.Waits {
			if !good[id] {
				job := ""
				for _, on := range pub.Runs {
					if on.ID == id {
						job = on.Job
					}
				}
				open.Waits = append(open.Waits, Waited{id, job, ended[id]})
			}
		}
		s.Open = append(s.Open, open)
	}
	return s
}

// A run that waits goes on as it is in the next plan; one whose run has failed is
// canceled there, and what it was to bring is sent by a new one.
func TestNewPlan_dependsOnOpen(t *testing.T) {
	cfg := chain(t, nil)
	first, _ := NewPlan(cfg, &State{}, start, Options{})
	pub, _ := first.Publication(start, nil)
	of := func(outcomes map[byte]Outcome) *Plan {
		state := applyAll(t, first, pub, func(d Delivery) Outcome { return outcomes[d.Target[len("SIP/")]] })
		p, diags := NewPlan(cfg, state, start, Options{})
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		return p
	}
	job := func(p *Plan, name string) *JobPlan {
		return p.Jobs[slices.IndexFunc(p.Jobs, func(jp *JobPlan) bool { return jp.Job.Name == name })]
	}

	p := of(map[byte]Outcome{'a': Pending, 'b': Pending, 'c': Pending, 'd': Accepted})
	_, works := p.Publication(start, nil)
	var got []string
	for _, w := range works {
		got = append(got, fmt.Sprint(w.Job.Name, len(w.Waits)))
	}
	if slices.Sort(got); !slices.Equal(got, []string{"a0", "b1", "c1"}) {
		t.Errorf("it goes on with %v", got)
	}

	p = of(map[byte]Outcome{'a': Rejected, 'b': Pending, 'c': Pending, 'd': Accepted})
	b := job(p, "b")
	if len(b.Cancel) != 1 || !b.Cancel[0].Ends || len(b.Cancel[0].Deliveries) != 3 || !strings.Contains(b.Cancel[0].Reason, "sip_notify.a, on which it depends, has not succeeded (run ") {
		t.Errorf("b: %+v", b.Cancel)
	}
	if got := waitsIn(p); got != "a[] b[sip_notify.a] c[sip_notify.b]" {
		t.Errorf("what fires again: %s", got)
	}

	// So it is where the plan itself cancels what is waited for.
	state := applyAll(t, first, pub, func(d Delivery) Outcome { return Pending })
	var diags hcl.Diagnostics
	p, diags = NewPlan(chain(t, map[string]string{"on": `{ a = 2, b = 1, c = 1, d = 1 }`}), state, start, Options{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	if c := job(p, "c"); len(c.Cancel) != 1 || len(c.Resume) > 0 || waitsIn(p) != "a[] b[sip_notify.a] c[sip_notify.b]" {
		t.Errorf("c: %+v, %s", c.Cancel, waitsIn(p))
	}
	if d := job(p, "d"); len(d.Cancel) > 0 || len(d.Resume) != 1 {
		t.Errorf("d: %+v", d)
	}
	state.Served = true // a daemon cancels them
	p, _ = NewPlan(chain(t, map[string]string{"on": `{ a = 2, b = 1, c = 1, d = 1 }`}), state, start, Options{})
	if c := job(p, "c"); len(c.Cancel)+len(c.Resume) > 0 || waitsIn(p) != "a[] b[sip_notify.a] c[sip_notify.b]" {
		t.Errorf("beside a daemon: %+v, %s", c, waitsIn(p))
	}

	// Beside a daemon new runs wait for those that it drives.
	state = applyAll(t, first, pub, func(d Delivery) Outcome {
		return map[byte]Outcome{'a': Pending, 'b': Accepted, 'c': Accepted, 'd': Accepted}[d.Target[4]]
	})
	state.Served = true
	p, _ = NewPlan(chain(t, map[string]string{"on": `{ a = 1, b = 2, c = 1, d = 1 }`}), state, start, Options{})
	second, _ := p.Publication(start, nil)
	if len(second.Runs) != 1 || len(second.Runs[0].Waits) != 1 || second.Runs[0].Waits[0] != pub.Runs[slices.IndexFunc(pub.Runs, func(r NewRun) bool { return r.Job == "sip_notify.a" })].ID {
		t.Errorf("runs: %+v", second.Runs)
	}
}

// chained runs the jobs of a chain.
type chained struct {
	*Runner
	journal  *journal
	one, two *fakePBX
	works    []*Work
	names    map[string]string // of jobs, by the ids of their runs
}

func newChained(t *testing.T, cfg *schema.Config) *chained {
	t.Helper()
	p, diags := NewPlan(cfg, &State{}, time.Now(), Options{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	_, works := p.Publication(time.Now(), nil)
	j := &journal{claimed: map[string]bool{}}
	c := &chained{journal: j, one: &fakePBX{t: t, journal: j}, two: &fakePBX{t: t, journal: j}, works: works, names: map[string]string{}}
	c.Runner = &Runner{Ledger: j, Senders: map[string]Sender{"pbx.one": c.one, "pbx.two": c.two}, Log: slog.New(slog.DiscardHandler), Patience: time.Minute}
	for _, w := range works {
		c.names[w.ID] = w.Job.Name
	}
	return c
}

// run gives what came of each job.
func (c *chained) run(t *testing.T, ctx context.Context) (map[string]string, *Report) {
	t.Helper()
	r, err := c.Run(ctx, c.works)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, run := range r.Runs {
		text := fmt.Sprint(run.Outcomes, run.Left)
		for _, w := range run.Waits {
			text += " " + c.names[w.Run]
		}
		got[c.names[run.ID]] = text
	}
	return got, r
}

// began tells when the first of a run was claimed, and the last of it ended.
func (c *chained) times(name string) (began, ended time.Time) {
	for _, b := range c.journal.batches {
		for _, claim := range b.Claims {
			if c.names[claim.Run] == name && (began.IsZero() || claim.At.Before(began)) {
				began = claim.At
			}
		}
		for _, a := range b.Attempts {
			if c.names[a.Run] == name && a.Finished.After(ended) {
				ended = a.Finished
			}
		}
	}
	return began, ended
}

func checkAll(t *testing.T, got map[string]string, want map[string]string) {
	t.Helper()
	for name, w := range want {
		if got[name] != w {
			t.Errorf("%s: %s, want %s", name, got[name], w)
		}
	}
}

// Jobs are sent one after the other where they depend on each other, over PBXs,
// and at once where they do not.
func TestRunner_dependsOn(t *testing.T) {
	cfg := chain(t, nil)
	synctest.Test(t, func(t *testing.T) {
		c := newChained(t, cfg)
		c.one.delay, c.two.delay = 10*time.Second, 3*time.Second
		began := time.Now()
		got, r := c.run(t, t.Context())
		checkAll(t, got, map[string]string{"a": "map[accepted:3] 0", "b": "map[accepted:3] 0", "c": "map[accepted:3] 0", "d": "map[accepted:3] 0"})
		if !r.Complete() {
			t.Errorf("%+v", r)
		}
		a, aEnded := c.times("a")
		b, bEnded := c.times("b")
		cc, _ := c.times("c")
		d, _ := c.times("d")
		if !a.Equal(began) || !d.Equal(began) || b.Before(aEnded) || cc.Before(bEnded) || b.Sub(aEnded) > time.Second || cc.Sub(bEnded) > time.Second {
			t.Errorf("a from %s to %s, b from %s to %s, c from %s, d from %s", a, aEnded, b, bEnded, cc, d)
		}
	})
}

// What depends on a run that has not succeeded is canceled, and so is what depends
// on that; the rest goes on.
func TestRunner_dependsOnFailed(t *testing.T) {
	for name, err := range map[string]error{"rejected": errRefused, "unknown": errWritten} {
		t.Run(name, func(t *testing.T) {
			cfg := chain(t, nil)
			synctest.Test(t, func(t *testing.T) {
				c := newChained(t, cfg)
				c.one.answer = func(n int) error {
					if n == 1 {
						return err
					}
					return nil
				}
				got, r := c.run(t, t.Context())
				checkAll(t, got, map[string]string{"a": fmt.Sprintf("map[accepted:2 %s:1] 0", name), "b": "map[canceled:3] 0", "c": "map[canceled:3] 0", "d": "map[accepted:3] 0"})
				for _, run := range r.Runs {
					if f := run.Failures; c.names[run.ID] == "b" && (len(f) != 1 || !strings.HasPrefix(f[0].Cause, "sip_notify.a, on which it depends, has not succeeded (run ")) {
						t.Errorf("%+v", f)
					}
				}
				if len(c.journal.ended()) != 4 || c.Progress().Done != 12 {
					t.Errorf("ended %v, progress %+v", c.journal.ended(), c.Progress())
				}
			})
		})
	}
}

// What an earlier process has sent of a run counts.
func TestRunner_dependsOnEarlier(t *testing.T) {
	cfg := chain(t, nil)
	synctest.Test(t, func(t *testing.T) {
		c := newChained(t, cfg)
		c.journal.earlier = map[Outcome]int{Rejected: 1}
		got, _ := c.run(t, t.Context())
		checkAll(t, got, map[string]string{"a": "map[accepted:3] 0", "b": "map[canceled:3] 0"})
	})
}

// What depends on a run that does not end stays as it is: on one that is
// interrupted, whose PBX is lost, or that its window holds.
func TestRunner_dependsOnOpen(t *testing.T) {
	const interval = 10 * time.Second
	t.Run("interrupted", func(t *testing.T) {
		cfg := chain(t, nil)
		synctest.Test(t, func(t *testing.T) {
			c := newChained(t, cfg)
			c.one.answer = func(int) error { return errBusy }
			for _, w := range c.works {
				w.Job.Retry = schema.Retry{Attempts: 100, Backoff: time.Minute}
			}
			ctx, cancel := context.WithTimeout(t.Context(), interval)
			defer cancel()
			got, r := c.run(t, ctx)
			checkAll(t, got, map[string]string{"a": "map[] 3", "b": "map[] 3 a", "c": "map[] 3 b", "d": "map[accepted:3] 0"})
			if !r.Interrupted {
				t.Error("it is not interrupted")
			}
		})
	})
	t.Run("lost", func(t *testing.T) {
		cfg := chain(t, nil)
		synctest.Test(t, func(t *testing.T) {
			c := newChained(t, cfg)
			c.one.answer = func(int) error { return errNotWritten }
			c.one.ping = func() error { return errNotWritten }
			got, r := c.run(t, t.Context())
			checkAll(t, got, map[string]string{"a": "map[] 3", "b": "map[] 3 a", "c": "map[] 3 b", "d": "map[accepted:3] 0"})
			if len(r.Lost) != 1 {
				t.Errorf("lost %v", r.Lost)
			}
		})
	})
	t.Run("held", func(t *testing.T) {
		cfg := chain(t, map[string]string{"a": "window = window.later", "d": "window = window.later"})
		synctest.Test(t, func(t *testing.T) {
			c := newChained(t, cfg)
			got, r := c.run(t, t.Context())
			checkAll(t, got, map[string]string{"a": "map[] 3", "b": "map[] 3 a", "c": "map[] 3 b", "d": "map[] 3"})
			for _, run := range r.Runs {
				if held := c.names[run.ID] == "a" || c.names[run.ID] == "d"; held != (run.Held != nil) {
					t.Errorf("%s: held %+v", c.names[run.ID], run.Held)
				}
			}
		})
	})
	// The last lane rests for a long time, while the window of what another one
	// waits for opens.
	t.Run("held for a while", func(t *testing.T) {
		cfg := chain(t, map[string]string{"a": "window = window.later"})
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(21*time.Hour + 50*time.Minute)
			c := newChained(t, cfg)
			c.two.delay = 20 * time.Minute // of d
			got, _ := c.run(t, t.Context())
			checkAll(t, got, map[string]string{"a": "map[accepted:3] 0", "b": "map[accepted:3] 0", "c": "map[accepted:3] 0", "d": "map[accepted:3] 0"})
		})
	})
	// A run that is not driven here is waited for in vain.
	t.Run("elsewhere", func(t *testing.T) {
		cfg := chain(t, nil)
		synctest.Test(t, func(t *testing.T) {
			c := newChained(t, cfg)
			c.works = slices.DeleteFunc(c.works, func(w *Work) bool { return w.Job.Name == "a" })
			got, _ := c.run(t, t.Context())
			checkAll(t, got, map[string]string{"b": "map[] 3 a", "c": "map[] 3 b", "d": "map[accepted:3] 0"})
		})
	})
}

// A daemon drives them in the same order, however often it is restarted.
func TestDaemon_dependsOn(t *testing.T) {
	for _, c := range []struct {
		name    string
		fails   string // the target that is refused
		restart bool
		want    string
	}{
		{"success", "", false, "accepted accepted accepted accepted"},
		{"success, restarted", "", true, "accepted accepted accepted accepted"},
		{"failure", "SIP/a1", false, "rejected canceled canceled accepted"},
		{"failure, restarted", "SIP/a1", true, "rejected canceled canceled accepted"},
		{"later failure", "SIP/b1", false, "accepted rejected canceled accepted"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := chain(t, nil)
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t)
				s.drain = time.Minute
				s.answers(func(_, _ string, a amiclient.Action) (time.Duration, error) {
					for _, h := range a.Headers {
						if h.Name == "Channel" && c.fails != "" && strings.Contains(c.fails, h.Value) {
							return 5 * time.Second, errRefused
						}
					}
					return 5 * time.Second, nil
				})
				s.begin()
				s.apply(cfg)
				for range 20 {
					s.sleep(1700 * time.Millisecond)
					if c.restart {
						s.end()
						s.begin()
					}
				}
				s.end()
				var got []string
				var ended time.Time
				for _, name := range []string{"a", "b", "c", "d"} {
					runs := s.runsOf("sip_notify." + name)
					if len(runs) != 1 || runs[0].ended.IsZero() {
						t.Fatalf("%s: %d runs, %+v", name, len(runs), runs)
					}
					got = append(got, string(runs[0].states[1].Outcome))
					if name == "d" {
						continue
					}
					for _, a := range runs[0].attempts {
						if a.N > 0 && a.Started.Before(ended) {
							t.Errorf("%s is sent at %s, before %s", name, a.Started, ended)
						}
					}
					ended = runs[0].ended
				}
				if strings.Join(got, " ") != c.want {
					t.Errorf("got %v, want %s", got, c.want)
				}
				if c.fails == "" {
					return
				}
				// The next apply sends what was not.
				s.answers(nil)
				s.begin()
				s.apply(cfg)
				s.sleep(10 * time.Second)
				s.end()
				for _, name := range []string{"a", "b", "c"} {
					runs := s.runsOf("sip_notify." + name)
					if last := runs[len(runs)-1]; slices.ContainsFunc(last.states, func(d DeliveryState) bool { return d.Outcome != Accepted }) {
						t.Errorf("%s is not sent by the next apply: %d runs, %+v", name, len(runs), last.states)
					}
				}
			})
		})
	}
}

// An apply beside a daemon that revises what others wait for has all of it sent
// anew, in order.
func TestDaemon_dependsOnRevised(t *testing.T) {
	before, revised := chain(t, map[string]string{"a": "window = window.later"}), chain(t, map[string]string{"on": `{ a = 2, b = 1, c = 1, d = 1 }`})
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.begin()
		s.apply(before)
		s.sleep(10 * time.Second)
		s.apply(revised)
		s.sleep(10 * time.Second)
		s.end()
		var got []string
		for _, name := range []string{"a", "b", "c", "d"} {
			for _, r := range s.runsOf("sip_notify." + name) {
				got = append(got, name, string(r.states[0].Outcome))
			}
		}
		if want := "a canceled a accepted b canceled b accepted c canceled c accepted d accepted"; strings.Join(got, " ") != want {
			t.Errorf("got %v, want %s", got, want)
		}
	})
}

// A long chain costs what it is long.
func BenchmarkNewPlan_chain(b *testing.B) {
	cfg := configure(b, "pbx \"hq\" {\n simulator {}\n}\nuser_event \"x0\" {\n pbx = pbx.hq\n}\n")
	first := cfg.Jobs[0]
	first.Triggers = []schema.Trigger{&schema.ChangeTrigger{OfMessage: true}}
	for i := range 10_000 {
		j := *first
		j.Address, j.DependsOn = fmt.Sprintf("user_event.x%d", i+1), []string{fmt.Sprintf("user_event.x%d", i)}
		cfg.Jobs = append(cfg.Jobs, &j)
	}
	for b.Loop() {
		p, diags := NewPlan(cfg, &State{}, start, Options{})
		if diags.HasErrors() || len(p.Jobs) != 10_001 || len(p.Jobs[10_000].After) != 1 {
			b.Fatal(diags)
		}
	}
}
