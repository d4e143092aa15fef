package engine

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/notifyrun/notifyrun/schema"
)

// renaming is a configuration of a job by the name, with further lines in it, and
// of further blocks.
func renaming(t *testing.T, name, lines, blocks string) *schema.Config {
	return configure(t, fmt.Sprintf(`
		pbx "hq" {
		  simulator {}
		}
		user_event %q {
		  pbx  = pbx.hq
		  name = "Told"
		  %s
		}
		%s`, name, lines, blocks))
}

const everyMinute = `trigger "schedule" {
  cron = "* * * * *"
}`

// A job with a schedule is renamed at each instant around its due time, while the
// daemon looks for what has changed only now and then: each due time fires once.
func TestDaemon_movedSchedule(t *testing.T) {
	for _, lead := range []time.Duration{0, time.Millisecond, 300 * time.Millisecond, 499 * time.Millisecond, 501 * time.Millisecond, time.Second, 30 * time.Second} {
		t.Run(lead.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t)
				s.apply(renaming(t, "a", everyMinute, ""))
				s.begin()
				minute := time.Now().Truncate(time.Minute).Add(2 * time.Minute)
				s.sleep(time.Until(minute.Add(-lead)))
				s.apply(renaming(t, "b", everyMinute, move("user_event.a", "user_event.b")))
				s.sleep(time.Until(minute.Add(2*time.Minute + 5*time.Second)))
				var due []time.Time
				for _, job := range []string{"user_event.a", "user_event.b"} {
					for _, r := range s.runsOf(job) {
						due = append(due, r.Cause.Fired.Due)
						if r.outcomes[Accepted] != 1 {
							t.Errorf("run for %s of %s has come to %v", r.Cause.Fired.Due, job, r.outcomes)
						}
					}
				}
				for i, at := range due {
					if want := minute.Add(time.Duration(i-1) * time.Minute); !at.Equal(want) {
						t.Errorf("due time %d is %s, want %s", i, at, want)
					}
				}
				if len(due) != 4 || len(s.missedOf("user_event.a"))+len(s.missedOf("user_event.b")) > 0 {
					t.Errorf("fired for %v, missed %v", due, s.missed)
				}
				s.end()
			})
		})
	}
}

// A run that is open while its job is renamed goes on, is in the way of the next
// due time, and is not when it has ended.
func TestDaemon_movedOpenRun(t *testing.T) {
	for _, takes := range []time.Duration{90 * time.Second, 10*time.Second + 250*time.Millisecond, 10*time.Second + 600*time.Millisecond} {
		t.Run(takes.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t)
				s.answers(slowly(takes))
				s.apply(renaming(t, "a", everyMinute, ""))
				s.begin()
				s.sleep(time.Until(time.Now().Truncate(time.Minute).Add(time.Minute + 10*time.Second)))
				s.apply(renaming(t, "b", everyMinute, move("user_event.a", "user_event.b")))
				s.sleep(2 * time.Minute)
				s.answers(nil)
				s.sleep(2 * time.Minute)
				runs := append(s.runsOf("user_event.a"), s.runsOf("user_event.b")...)
				for i, r := range runs {
					if r.ended.IsZero() || r.outcomes[Accepted] != 1 {
						t.Errorf("run %d has come to %v", i, r.outcomes)
					}
					for _, a := range r.attempts {
						if a.N != 1 {
							t.Errorf("run %d: attempt %+v", i, a)
						}
					}
				}
				missed := s.missedOf("user_event.b")
				for _, m := range missed {
					if m.Reason != MissedOverlap {
						t.Errorf("missed: %+v", m)
					}
				}
				if len(runs)+len(missed) != 5 || len(s.missedOf("user_event.a")) > 0 || len(runs) < 3 {
					t.Errorf("%d runs, missed %+v", len(runs), s.missed)
				}
				s.end()
			})
		})
	}
}

// A job is renamed while another waits for some time after its run, and again while
// that one's own name changes: it follows, once.
func TestDaemon_movedAfter(t *testing.T) {
	for _, tt := range []struct{ name, lines, follower, moved string }{
		{"the one that is followed", "b", "c", move("user_event.a", "user_event.b")},
		{"the follower", "a", "d", move("user_event.c", "user_event.d")},
		{"both", "b", "d", move("user_event.a", "user_event.b") + move("user_event.c", "user_event.d")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				after := func(name, job string) string {
					return fmt.Sprintf("user_event %q {\n  pbx = pbx.hq\n  trigger \"after\" {\n    job = user_event.%s\n    delay = \"1m\"\n  }\n}\n", name, job)
				}
				s := newStage(t)
				s.apply(renaming(t, "a", `trigger "change" {}`+"\nbody = { N = \"1\" }", after("c", "a")))
				s.begin()
				s.sleep(20 * time.Second) // the run of a has ended, c waits
				s.apply(renaming(t, tt.lines, `trigger "change" {}`+"\nbody = { N = \"1\" }", after(tt.follower, tt.lines)+tt.moved))
				s.sleep(3 * time.Minute)
				if runs := s.runsOf("user_event." + tt.follower); len(runs) != 1 || runs[0].outcomes[Accepted] != 1 {
					t.Errorf("%d runs of the follower, missed %v", len(runs), s.missed)
				}
				if n := len(s.memory.order); n != 2 {
					t.Errorf("%d runs in all", n)
				}
				if len(s.owed) > 0 {
					t.Errorf("owed is %v", s.owed)
				}
				s.end()
			})
		})
	}
}

// An event that waits until it is quiet fires its job under the name that it has
// then, and what is throttled stays so.
func TestDaemon_movedEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lines := `trigger "event" {
		  name     = "Hangup"
		  debounce = "20s"
		  throttle = "1/h"
		}`
		s := newStage(t)
		s.apply(renaming(t, "a", lines, ""))
		s.begin()
		s.link().raise("Hangup")
		s.sleep(5 * time.Second)
		s.apply(renaming(t, "b", lines, move("user_event.a", "user_event.b")))
		s.sleep(30 * time.Second)
		if runs := s.runsOf("user_event.b"); len(runs) != 1 || runs[0].outcomes[Accepted] != 1 {
			t.Fatalf("%d runs, missed %+v", len(runs), s.missed)
		}
		s.apply(renaming(t, "c", lines, move("user_event.b", "user_event.c")))
		s.sleep(5 * time.Second)
		s.link().raise("Hangup")
		s.sleep(30 * time.Second)
		if missed := s.missedOf("user_event.c"); len(s.memory.order) != 1 || len(missed) != 1 || missed[0].Reason != MissedThrottled {
			t.Errorf("%d runs, missed %+v", len(s.memory.order), s.missed)
		}
		s.end()
	})
}

// The configuration that renames a job cannot be evaluated. What is in force goes
// on, and all that it does is recorded under the name that the job has now.
func TestDaemon_movedUnevaluated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.answers(slowly(40 * time.Second))
		follower := func(job string) string {
			return "user_event \"c\" {\n  pbx = pbx.hq\n  trigger \"after\" {\n    job = user_event." + job + "\n  }\n}\n"
		}
		s.apply(renaming(t, "a", everyMinute, follower("a")))
		s.begin()
		s.sleep(time.Until(time.Now().Truncate(time.Minute).Add(time.Minute + 10*time.Second))) // its run is open
		second := renaming(t, "b", everyMinute, follower("b")+move("user_event.a", "user_event.b"))
		s.apply(second)
		s.memory.mu.Lock()
		s.configs[2] = nil // its secret is missing
		s.memory.mu.Unlock()
		s.sleep(5 * time.Minute)
		if problem := s.daemon.Now().Problem; !strings.Contains(problem, "secret") {
			t.Errorf("the problem is %q", problem)
		}
		s.memory.mu.Lock()
		s.configs[2] = second
		s.memory.mu.Unlock()
		s.reload <- struct{}{}
		s.sleep(3 * time.Minute)
		if n := len(s.runsOf("user_event.a")); n > 0 {
			t.Errorf("%d runs are recorded of a job that is no more", n)
		}
		runs := s.runsOf("user_event.b")
		seen := map[time.Time]bool{}
		for _, r := range runs {
			if seen[r.Cause.Fired.Due] || r.ended.IsZero() && r != runs[len(runs)-1] || r.outcomes[Canceled] > 0 {
				t.Errorf("run for %s, ended %s with %v", r.Cause.Fired.Due, r.ended, r.outcomes)
			}
			seen[r.Cause.Fired.Due] = true
		}
		if len(runs) != 9 || len(s.missed) > 0 {
			t.Errorf("%d runs, missed %+v", len(runs), s.missed)
		}
		if n := len(s.runsOf("user_event.c")); n < 8 {
			t.Errorf("%d runs of what follows it", n)
		}
		s.end()
	})
}

// earlyAndLate are names of jobs by whose share of a jitter of 40 minutes they fire
// soon, and late.
func earlyAndLate(block string) (early, late string) {
	for i := range 100 {
		name := fmt.Sprintf("n%d", i)
		switch share := jitterShare(block+name, 40*time.Minute); {
		case share < 3*time.Minute:
			early = name
		case share > 35*time.Minute:
			late = name
		}
	}
	return early, late
}

// Under its new name the share of the jitter is another: a due time that was still
// waited for is not late by that.
func TestDaemon_movedJitter(t *testing.T) {
	lines := `trigger "schedule" {
	  cron   = "0 * * * *"
	  jitter = "40m"
	  grace  = "1s"
	}`
	early, late := earlyAndLate("user_event.")
	for _, names := range [][2]string{{late, early}, {early, late}} {
		for _, lead := range []time.Duration{20 * time.Minute, time.Minute} {
			t.Run(names[0]+lead.String(), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := newStage(t)
					s.apply(renaming(t, names[0], lines, ""))
					s.begin()
					s.sleep(time.Until(time.Now().Truncate(time.Hour).Add(time.Hour + lead)))
					s.apply(renaming(t, names[1], lines, move("user_event."+names[0], "user_event."+names[1])))
					s.sleep(2 * time.Hour)
					if n := len(s.memory.order); n != 3 && n != 2 || len(s.missed) > 0 {
						t.Errorf("%d runs, missed %+v", n, s.missed)
					}
					for i, r := range s.memory.order {
						if want := s.memory.order[0].Cause.Fired.Due.Add(time.Duration(i) * time.Hour); !r.Cause.Fired.Due.Equal(want) {
							t.Errorf("run %d is for %s, want %s", i, r.Cause.Fired.Due, want)
						}
					}
					s.end()
				})
			})
		}
	}
}

// After an apply with -target, a job that stays with an earlier configuration
// follows, and has, the names that there are now.
func TestNewServing_moved(t *testing.T) {
	first := renaming(t, "a", everyMinute, "user_event \"c\" {\n  pbx = pbx.hq\n  trigger \"after\" {\n    job = [user_event.a, user_event.x]\n  }\n}\nuser_event \"x\" {\n  pbx = pbx.hq\n}\n")
	second := renaming(t, "b", everyMinute, move("user_event.a", "user_event.b"))
	s, diags := NewServing(&Applied{
		Serial: 2, Jobs: map[string]uint64{"user_event.b": 2, "user_event.c": 1, "user_event.y": 1},
		Moved: []Moved{{"user_event.0", "user_event.a", 1}, {"user_event.a", "user_event.b", 2}, {"user_event.x", "user_event.y", 4}},
	}, map[uint64]*schema.Config{1: first, 2: second})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	after := s.after(TriggerKey{"user_event.c", 0})
	if after == nil || strings.Join(after.Jobs, " ") != "user_event.b user_event.y" {
		t.Errorf("c follows %+v", after)
	}
	if j := s.Jobs["user_event.y"]; len(s.Jobs) != 3 || j == nil || j.Address != "user_event.y" {
		t.Errorf("jobs %v", s.Jobs)
	}
	if first.Jobs[1].Triggers[0].(*schema.AfterTrigger).Jobs[0] != "user_event.a" {
		t.Error("the configuration was changed")
	}
	if keys := s.followers["user_event.b"]; len(keys) != 1 || keys[0].Job != "user_event.c" {
		t.Errorf("b is followed by %v", keys)
	}
}

// What of the runs of jobs that were moved a daemon leaves alone that does not know
// of it yet: by what it goes by, these jobs are no more.
func TestServing_known_moved(t *testing.T) {
	s := &Serving{Serial: 2, renames: 2}
	open := []OpenRun{
		{RunHeader: RunHeader{ID: "1", Job: "a"}, Serial: 1},
		{RunHeader: RunHeader{ID: "2", Job: "b", Cause: Cause{Kind: "schedule"}}, Serial: 2},
		{RunHeader: RunHeader{ID: "3", Job: "c"}, Serial: 1},
	}
	moved := []Moved{{"x", "a", 1}, {"y", "z", 3}, {"z", "b", 4}}
	for newest := range uint64(5) {
		var known string
		for _, r := range s.known(open, newest, moved) {
			known += r.ID
		}
		if known != "13" {
			t.Errorf("with the configuration %d it knows of the runs %s", newest, known)
		}
	}
}

// Two jobs move at once, one to where the other was.
func TestDaemon_movedInLine(t *testing.T) {
	for range 20 { // whatever the order of a map is
		l := &loop{moved: map[string]string{"z": "b"}, open: map[string]map[string]bool{"a": {"1": true}, "b": {"2": true}, "e": {"3": true}}}
		l.rename(map[string]string{"a": "b", "b": "c"})
		if diff := cmp.Diff(map[string]map[string]bool{"b": {"1": true}, "c": {"2": true}, "e": {"3": true}}, l.open); diff != "" {
			t.Fatalf("open runs (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(map[string]string{"a": "b", "z": "c"}, l.moved); diff != "" {
			t.Fatalf("present addresses (-want +got):\n%s", diff)
		}
	}
}

// A run that ends while its job is being renamed is no longer open, and its end is
// owed to what follows it.
func TestDaemon_movedWhileEnding(t *testing.T) {
	l := &loop{
		Daemon: &Daemon{Log: slog.New(slog.DiscardHandler)}, moved: map[string]string{}, debounce: debouncer{},
		open:    map[string]map[string]bool{"a": {"1": true, "2": true}, "c": {"3": true}},
		serving: &Serving{followers: map[string][]TriggerKey{"d": {{"f", 0}}}},
	}
	l.rename(map[string]string{"a": "b"})
	l.rename(map[string]string{"b": "d", "c": "a"})
	l.ended(&RunReport{RunHeader: RunHeader{ID: "3", Job: "a"}}, start)
	if l.owed || len(l.open) != 1 {
		t.Errorf("open are %v, owed %v", l.open, l.owed)
	}
	l.ended(&RunReport{RunHeader: RunHeader{ID: "1", Job: "a"}}, start)
	l.ended(&RunReport{RunHeader: RunHeader{ID: "2", Job: "d"}}, start)
	if !l.owed || len(l.open) > 0 {
		t.Errorf("open are %v, owed %v", l.open, l.owed)
	}
}
