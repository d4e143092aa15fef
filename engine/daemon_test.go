package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/notifyrun/notifyrun/amiclient"
)

// minutes is a configuration with jobs that are due each minute.
func minutes(t testing.TB, lines string, jobs ...string) *stageConfig {
	t.Helper()
	c := &stageConfig{TB: t, text: "pbx \"hq\" {\n  address = \"pbx.example.net\"\n  username = \"n\"\n  secret = \"s\"\n  rate_limit = \"unlimited\"\n}\n"}
	for _, name := range jobs {
		c.job(name, fmt.Sprintf("trigger \"schedule\" {\n  cron = \"* * * * *\"\n  %s\n}", lines))
	}
	return c
}

// stageConfig gathers the text of a configuration.
type stageConfig struct {
	testing.TB
	text string
}

func (c *stageConfig) job(name, lines string) *stageConfig {
	c.text += fmt.Sprintf("sip_notify %q {\n  pbx = pbx.hq\n  targets = [\"SIP/%s\"]\n  message {\n    event = \"x\"\n  }\n  %s\n}\n", name, name, lines)
	return c
}

func (c *stageConfig) more(text string) *stageConfig {
	c.text += text
	return c
}

// on applies the configuration.
func (c *stageConfig) on(s *stage) { s.apply(configure(c.TB, c.text)) }

// reasons counts what was missed of a job by reason.
func (s *stage) reasons(job string) map[MissedReason]int64 {
	m := map[MissedReason]int64{}
	for _, missed := range s.missedOf(job) {
		m[missed.Reason] += missed.Count
	}
	return m
}

// bubble runs a test of a stage at half past a minute.
func bubble(t *testing.T, f func(*stage)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		time.Sleep(time.Until(start.Add(30 * time.Second)))
		f(s)
	})
}

// What an earlier daemon has left open counts for overlap from the first moment
// on, before the lanes have begun.
func TestDaemon_OverlapAtStart(t *testing.T) {
	bubble(t, func(s *stage) {
		minutes(t, `missed = "once"`, "a").on(s)
		s.begin()
		s.mute(true)
		s.sleep(time.Minute)
		s.end()
		s.sleep(10 * time.Minute)
		s.begin()
		s.sleep(time.Second)
		if n := len(s.runsOf("sip_notify.a")); n != 1 {
			t.Errorf("%d runs, although the first one was open", n)
		}
		if got := s.reasons("sip_notify.a"); got[MissedOverlap] != 1 || got[MissedLate] != 9 {
			t.Errorf("missed %v", got)
		}
		s.end()
	})
}

// A job that was removed while it had open runs, and comes back, is not held
// up by them for ever.
func TestDaemon_RemovedAndBack(t *testing.T) {
	bubble(t, func(s *stage) {
		minutes(t, "", "a", "b").on(s)
		s.begin()
		s.mute(true)
		s.sleep(time.Minute) // both wait for a server that is away
		minutes(t, "", "b").on(s)
		s.sleep(2 * time.Second)
		if r := s.runsOf("sip_notify.a")[0]; r.ended.IsZero() || r.outcomes[Canceled] != 1 {
			t.Fatalf("the run of a removed job: ended %s, %v", r.ended, r.outcomes)
		}
		s.mute(false)
		minutes(t, "", "a", "b").on(s)
		s.sleep(2 * time.Minute)
		if n := len(s.runsOf("sip_notify.a")); n != 3 {
			t.Errorf("%d runs, want 3; missed %v", n, s.reasons("sip_notify.a"))
		}
		s.end()
	})
}

// A PBX that goes from the configuration with deliveries in flight: their answers
// are waited for, then what is left of its runs is canceled.
func TestDaemon_PBXGoes(t *testing.T) {
	bubble(t, func(s *stage) {
		other := "pbx \"other\" {\n  address = \"other.example.net\"\n  username = \"n\"\n  secret = \"s\"\n  max_in_flight = 1\n}\n"
		gone := "sip_notify \"gone\" {\n  pbx = pbx.other\n  targets = [for n in range(10) : \"SIP/${n}\"]\n  message {\n    event = \"x\"\n  }\n  trigger \"schedule\" {\n    cron = \"* * * * *\"\n  }\n}\n"
		minutes(t, "", "a").more(other + gone).on(s)
		s.answers(func(pbx, _ string, _ amiclient.Action) (time.Duration, error) {
			if pbx == "pbx.other" {
				return 8 * time.Second, nil
			}
			return 0, nil
		})
		s.begin()
		s.sleep(35 * time.Second) // one is in flight, one is claimed
		minutes(t, "", "a").on(s)
		s.sleep(2 * time.Second)
		if r := s.runsOf("sip_notify.gone")[0]; !r.ended.IsZero() {
			t.Errorf("its run has ended although an answer is due: %v", r.outcomes)
		}
		s.sleep(20 * time.Second)
		r := s.runsOf("sip_notify.gone")[0]
		if r.ended.IsZero() || r.outcomes[Accepted] != 1 || r.outcomes[Canceled] != 9 {
			t.Errorf("ended %s, %v, want 1 accepted and 9 canceled\n%s", r.ended, r.outcomes, s.said)
		}
		if !s.links["pbx.other"].closed {
			t.Error("its link is open")
		}
		s.end()
	})
}

// A PBX that comes back before its lane has ended starts when it has.
func TestDaemon_PBXComesBack(t *testing.T) {
	bubble(t, func(s *stage) {
		one := minutes(t, "", "a")
		one.on(s)
		s.answers(slowly(9 * time.Second))
		s.begin()
		s.sleep(31 * time.Second)
		first := s.link()
		s.apply(configure(t, "pbx \"hq\" {\n  address = \"pbx.example.net\"\n  username = \"n\"\n  secret = \"s\"\n}\n"))
		s.sleep(time.Second)
		minutes(t, "", "a").on(s)
		s.sleep(time.Second)
		if s.link() != first {
			t.Error("there is a second link while answers come by the first")
		}
		s.sleep(75 * time.Second)
		if s.link() == first || !first.closed {
			t.Error("the first link is in use still")
		}
		for i, r := range s.runsOf("sip_notify.a") {
			if r.outcomes[Accepted] != 1 {
				t.Errorf("run %d: %v", i, r.outcomes)
			}
		}
		s.end()
	})
}

// The ledger fails while answers come and a new configuration is taken: what
// they said is recorded when it can be, nothing is sent twice, and the lane goes on.
func TestDaemon_LedgerFailsInRestart(t *testing.T) {
	for _, policy := range []string{"hold", "resend"} {
		bubble(t, func(s *stage) {
			lines := "on_unknown = \"" + policy + "\"\n  trigger \"schedule\" {\n    cron = \"* * * * *\"\n  }"
			minutes(t, "").job("a", lines).on(s)
			s.answers(slowly(3 * time.Second))
			s.begin()
			s.sleep(31 * time.Second)
			minutes(t, "", "b").job("a", lines).on(s)
			s.fillUp(20 * time.Second)
			s.sleep(15 * time.Second)
			if r := s.runsOf("sip_notify.a")[0]; !r.ended.IsZero() {
				t.Fatal("the record could be written")
			}
			s.sleep(2 * time.Minute)
			for _, job := range []string{"sip_notify.a", "sip_notify.b"} {
				for i, r := range s.runsOf(job) {
					if len(r.attempts) != 1 || r.ended.IsZero() || r.outcomes[Accepted] != 1 {
						t.Errorf("%s: run %d of %s: %v, ended %s", policy, i, job, r.attempts, r.ended)
					}
				}
			}
			if a, b := len(s.runsOf("sip_notify.a")), len(s.runsOf("sip_notify.b")); a != 3 || b != 2 {
				t.Errorf("%s: %d and %d runs", policy, a, b)
			}
			s.once()
			s.end()
		})
	}
}

// The ledger fails for a while in the middle of a run: it goes on after that,
// with nothing lost and nothing doubled.
func TestDaemon_LedgerFailsInRun(t *testing.T) {
	bubble(t, func(s *stage) {
		minutes(t, "").more("sip_notify \"many\" {\n  pbx = pbx.hq\n  targets = [for n in range(200) : \"SIP/${n}\"]\n  message {\n    event = \"x\"\n  }\n  trigger \"schedule\" {\n    cron = \"* * * * *\"\n    overlap = \"queue\"\n  }\n}\n").on(s)
		n := 0
		s.answers(func(string, string, amiclient.Action) (time.Duration, error) {
			if n++; n%50 == 0 {
				s.fillUp(time.Duration(n) * time.Second / 20)
			}
			return time.Duration(n%7) * 300 * time.Millisecond, nil
		})
		s.begin()
		s.sleep(5 * time.Minute)
		s.answers(nil)
		s.sleep(5*time.Minute + 20*time.Second)
		for i, r := range s.runsOf("sip_notify.many") {
			if r.outcomes[Accepted] != 200 || len(r.attempts) != 200 {
				t.Errorf("run %d: %v, %d attempts, ended %s", i, r.outcomes, len(r.attempts), r.ended)
			}
		}
		s.once()
		s.end()
	})
}

// once fails if anything was sent twice or was sent and is not on record.
func (s *stage) once() {
	s.Helper()
	sent := map[string]int{}
	s.memory.mu.Lock()
	defer s.memory.mu.Unlock()
	for _, l := range s.every {
		for _, id := range l.sent {
			if sent[id]++; sent[id] > 1 {
				s.Errorf("%s was sent %d times", id, sent[id])
			}
		}
	}
	for _, r := range s.order {
		for key, a := range r.attempts {
			if id := ActionID(r.ID, key[0], key[1]); a.Outcome != NotSent && key[1] > 0 && sent[id] != 1 {
				s.Errorf("%s is %s and was sent %d times", id, a.Outcome, sent[id])
			}
		}
	}
}

// Runs that a fire beside the daemon publishes are driven, also while others run.
func TestDaemon_FireBeside(t *testing.T) {
	bubble(t, func(s *stage) {
		c := minutes(t, "", "a").job("hand", "")
		c.on(s)
		s.answers(slowly(700 * time.Millisecond))
		s.begin()
		for range 20 {
			s.sleep(4 * time.Second)
			state, _ := s.State(t.Context())
			p, diags, err := NewFire(configure(t, c.text), state, time.Now(), "sip_notify.hand", nil)
			if err != nil || diags.HasErrors() {
				t.Fatal(err, diags)
			}
			pub, _ := p.Publication(time.Now(), nil)
			pub.Canceled, pub.Ended = nil, nil
			if err := s.Publish(t.Context(), pub); err != nil {
				t.Fatal(err)
			}
		}
		s.sleep(15 * time.Second)
		for _, job := range []string{"sip_notify.hand", "sip_notify.a"} {
			for i, r := range s.runsOf(job) {
				if r.outcomes[Accepted] != 1 || len(r.attempts) != 1 {
					t.Errorf("run %d of %s: %v", i, job, r.attempts)
				}
			}
		}
		if n := len(s.runsOf("sip_notify.hand")); n != 20 {
			t.Errorf("%d runs", n)
		}
		s.once()
		s.end()
	})
}

// cancel_previous ends what is pending of the runs before, also where the lane
// is being restarted when the later run begins, and never the last one.
func TestDaemon_CancelPrevious(t *testing.T) {
	for restart := range 12 {
		bubble(t, func(s *stage) {
			job := func(extra string) *stageConfig {
				return (&stageConfig{TB: t, text: "pbx \"hq\" {\n  address = \"pbx.example.net\"\n  username = \"n\"\n  secret = \"s\"\n  rate_limit = \"1/s\"\n}\n"}).more(
					"sip_notify \"c\" {\n  pbx = pbx.hq\n  targets = [for n in range(20) : \"SIP/${n}\"]\n  message {\n    event = \"x\"\n  }\n  trigger \"schedule\" {\n    cron = \"*/10 * * * * *\"\n    overlap = \"cancel_previous\"\n  }\n}\n" + extra)
			}
			job("").on(s)
			s.answers(slowly(2500 * time.Millisecond))
			s.begin()
			s.sleep(18*time.Second + time.Duration(restart)*250*time.Millisecond)
			job("sip_notify \"d\" {\n  pbx = pbx.hq\n  targets = [\"SIP/d\"]\n  message {\n    event = \"x\"\n  }\n}\n").on(s)
			s.sleep(time.Until(start.Add(116 * time.Second)))
			runs := s.runsOf("sip_notify.c")
			for i, r := range runs {
				last := i == len(runs)-1
				if last != r.ended.IsZero() || !last && (r.outcomes[Canceled] < 5 || r.outcomes[Accepted] < 5 || r.outcomes[Canceled]+r.outcomes[Accepted] != 20) {
					t.Errorf("restart %d: run %d of %d: %v, ended %s", restart, i, len(runs), r.outcomes, r.ended)
				}
			}
			if len(runs) < 7 {
				t.Errorf("%d runs", len(runs))
			}
			s.once()
			s.end()
		})
	}
}

// listens is a job that fires for each event Alarm, with a line more.
func listens(c *stageConfig, lines string) *stageConfig {
	return c.job("heard", "trigger \"event\" {\n  name = \"Alarm\"\n  "+lines+"\n}")
}

// What waits until it is quiet is nowhere but in memory: after a crash, the
// record says that it may be missing. What has fired by then counts as received.
func TestDaemon_ListenedWithWhatWaits(t *testing.T) {
	bubble(t, func(s *stage) {
		listens(minutes(t, ""), `debounce = "5m"`).on(s)
		s.begin()
		first := &amiclient.MissedError{Cause: errDiskFull}
		s.link().lose(first) // the first word on a connection
		s.sleep(2 * time.Minute)
		raised := time.Now()
		s.link().raise("Alarm")
		s.sleep(3 * time.Minute)
		if at := s.heard(); at.After(raised) {
			t.Errorf("events are received up to %s, and that of %s would be lost now", at, raised)
		}
		s.sleep(3 * time.Minute)
		if at := s.heard(); len(s.runsOf("sip_notify.heard")) != 1 || time.Since(at) > heardLate+noteEvery+time.Second {
			t.Errorf("events are received up to %s only, at %s", at, time.Now())
		}
		s.end()
	})
}

// A time without connection is on record from when events were surely heard,
// and fires those that want to catch up; the very first connection does not.
func TestDaemon_Disconnected(t *testing.T) {
	bubble(t, func(s *stage) {
		listens(minutes(t, ""), `on_reconnect = "fire"`).on(s)
		s.begin()
		s.link().lose(&amiclient.MissedError{Cause: errDiskFull})
		s.sleep(time.Minute)
		if n := len(s.runsOf("sip_notify.heard")) + len(s.missedOf("")); n > 0 {
			t.Errorf("%d runs and windows after the first connection", n)
		}
		s.link().raise("Alarm")
		s.sleep(time.Second)
		lost := time.Now()
		s.mute(true)
		s.sleep(90 * time.Second)
		s.mute(false)
		s.sleep(30 * time.Second) // it is back, and nobody has said so yet: it does not count
		s.link().lose(&amiclient.MissedError{Cause: errDiskFull})
		back := time.Now()
		s.sleep(2 * time.Second)
		windows := s.missedOf("")
		if len(windows) != 1 || windows[0].Reason != MissedDisconnected || windows[0].First.After(lost) || lost.Sub(windows[0].First) > heardLate+noteEvery || windows[0].Last.Before(back) {
			t.Errorf("lost from %s to %s: %+v", lost, back, windows)
		}
		if n := len(s.runsOf("sip_notify.heard")); n != 2 {
			t.Errorf("%d runs, want one by the event and one to catch up", n)
		}
		s.end()

		s.sleep(time.Hour)
		s.begin()
		s.link().lose(&amiclient.MissedError{Cause: errDiskFull})
		s.sleep(2 * time.Second)
		if windows := s.missedOf(""); len(windows) != 2 || time.Since(windows[1].First) < time.Hour || len(s.runsOf("sip_notify.heard")) != 3 {
			t.Errorf("after an hour: %+v", windows)
		}
		s.end()
	})
}

// A flood while the ledger fails is kept, fires in order when it can, and what
// a paused job misses is counted once.
func TestDaemon_EventsWhileLedgerFails(t *testing.T) {
	bubble(t, func(s *stage) {
		c := listens(minutes(t, ""), "")
		c.text += strings.ReplaceAll(c.text[strings.Index(c.text, "sip_notify"):], "heard", "held")
		c.on(s)
		s.Pause(t.Context(), Pause{Job: "sip_notify.held", Reason: "works"})
		s.begin()
		s.fillUp(10 * time.Second)
		for range 50 {
			s.link().raise("Alarm")
			s.sleep(100 * time.Millisecond)
		}
		if n := len(s.runsOf("sip_notify.heard")); n != 0 {
			t.Fatalf("%d runs are on record", n)
		}
		s.sleep(2 * time.Minute)
		runs := s.runsOf("sip_notify.heard")
		if len(runs) != 50 || slices.ContainsFunc(runs, func(r *memoryRun) bool { return r.outcomes[Accepted] != 1 }) {
			t.Errorf("%d runs", len(runs))
		}
		if got := s.reasons("sip_notify.held"); got[MissedPaused] != 50 || len(got) != 1 {
			t.Errorf("missed %v", got)
		}
		s.once()
		s.end()
	})
}

// A trigger that is gone from the configuration does not fire for what has
// waited for it.
func TestDaemon_TriggerGoes(t *testing.T) {
	bubble(t, func(s *stage) {
		listens(minutes(t, ""), `debounce = "10s"`).on(s)
		s.begin()
		s.link().raise("Alarm")
		s.sleep(5 * time.Second)
		minutes(t, "", "heard").on(s)
		s.sleep(10 * time.Second)
		if n := len(s.runsOf("sip_notify.heard")); n != 0 {
			t.Errorf("%d runs", n)
		}
		s.end()
	})
}

// heard is until when the events of pbx.hq are on record.
func (s *stage) heard() time.Time {
	l, _ := s.Listened(s.Context())
	return l["pbx.hq"]
}

// What should have followed a run while nobody was there follows it within the
// grace, and is missed beyond: nothing of the night happens by day.
func TestDaemon_AfterLate(t *testing.T) {
	for _, test := range []struct {
		down time.Duration
		runs int
		late int64
	}{{30 * time.Minute, 1, 0}, {2 * time.Hour, 0, 1}} {
		bubble(t, func(s *stage) {
			minutes(t, "", "a").job("then", "trigger \"after\" {\n  job = sip_notify.a\n  delay = \"10s\"\n}").on(s)
			s.begin()
			s.sleep(31 * time.Second) // the first run of a has ended
			s.end()
			s.sleep(test.down)
			s.begin()
			s.sleep(5 * time.Second)
			s.end()
			if n, late := len(s.runsOf("sip_notify.then")), s.reasons("sip_notify.then")[MissedLate]; n != test.runs || late != test.late {
				t.Errorf("down for %s: %d runs, %d missed as late", test.down, n, late)
			}
		})
	}
}

// A delivery that is in flight while a later run cancels its own, and comes back
// unsent, is not tried again.
func TestDriver_supersededInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := configure(t, minutes(t, "", "a").text)
		b := newBench(t, cfg)
		b.pbx.delay = time.Second
		b.pbx.answer = func(int) error {
			return &amiclient.ResponseError{Action: "SIPnotify", Text: "no", Kind: amiclient.ErrBusyServer}
		}
		c := newCommitter(b.Ledger, unobserved{}, 1)
		go c.run(t.Context())
		d := newDriver(b.Runner, c, cfg.PBXs[0], b.pbx, []*Work{b.work}, 1)
		d.serve, d.ended = true, func(*RunReport) {}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { d.run(ctx, t.Context()); close(done) }()
		time.Sleep(500 * time.Millisecond)
		d.report(event{cancel: &cancellation{b.work.RunHeader.Job, "another", supersededReason}})
		time.Sleep(time.Minute)
		cancel()
		<-done
		close(c.queue)
		if got := b.journal.attempts(); got[NotSent] != 1 || got[Canceled] != 1 || len(b.pbx.sent) != 1 {
			t.Errorf("attempts %v, %d sent", got, len(b.pbx.sent))
		}
	})
}
