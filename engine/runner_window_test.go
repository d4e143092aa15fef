package engine

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/schema"
)

// Bubbles begin at midnight UTC, on Saturday 2000-01-01.

// windowed is a configuration of one job over n phones with a window.
func windowed(t testing.TB, n int, start, end, lines string) *schema.Config {
	t.Helper()
	cfg := job(t, n, "window = window.x\n"+lines+"\n}\nwindow \"x\" {\nstart = \""+start+"\"\nend = \""+end+"\"\n")
	if cfg.Jobs[0].Window == nil {
		t.Fatal("the job has no window")
	}
	return cfg
}

// within is a window that opens so much later, at a whole second, and stays open
// so long.
func within(opens, length time.Duration) (start, end string) {
	at := time.Now().UTC().Add(opens)
	return at.Format(time.TimeOnly), at.Add(length).Format(time.TimeOnly)
}

// A window that opens within the runner's patience is waited for, to the
// instant; one that opens later is left for later and said.
func TestRunner_window(t *testing.T) {
	for _, opens := range []time.Duration{30 * time.Second, time.Minute, time.Minute + time.Second, 10 * time.Hour} {
		t.Run(opens.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				from, to := within(opens, time.Hour)
				b := newBench(t, windowed(t, 40, from, to, ""))
				began := time.Now()
				r := b.run(t, t.Context())
				run := r.Runs[0]
				if opens > b.Patience {
					held := run.Held
					if r.Complete() || run.Left != 40 || held == nil || held.Window != "window.x" || !held.Until.Equal(began.Add(opens)) {
						t.Errorf("complete %v, %d left, held %+v", r.Complete(), run.Left, held)
					}
					if len(b.pbx.sent) > 0 || len(b.journal.batches) > 0 || time.Since(began) > 0 {
						t.Errorf("%d were sent in %s, %d batches", len(b.pbx.sent), time.Since(began), len(b.journal.batches))
					}
					return
				}
				if !r.Complete() || run.Held != nil || len(b.pbx.sent) != 40 {
					t.Errorf("complete %v, held %+v, %d sent", r.Complete(), run.Held, len(b.pbx.sent))
				}
				if first := b.journal.batches[0].Claims[0].At; !first.Equal(began.Add(opens)) {
					t.Errorf("the first claim comes %s after the opening", first.Sub(began.Add(opens)))
				}
			})
		})
	}
}

// When the window closes nothing more is claimed, and what was claimed and not
// sent is taken back; what is in flight ends.
func TestRunner_windowCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from, to := within(0, 10*time.Second)
		b := newBench(t, windowed(t, 1000, from, to, ""))
		b.pbx.delay = 1500 * time.Millisecond // sixteen are in flight at a time
		began := time.Now()
		r := b.run(t, t.Context())
		closing := began.Add(10 * time.Second)
		for _, batch := range b.journal.batches {
			for _, c := range batch.Claims {
				if !c.At.Before(closing) {
					t.Errorf("claim at %s", c.At)
				}
			}
			for _, a := range batch.Attempts {
				if a.Outcome == Accepted && !a.Started.Before(closing) {
					t.Errorf("sent at %s", a.Started)
				}
				if a.Outcome == NotSent && !strings.Contains(a.Text, "window.x closed before") {
					t.Errorf("not sent: %s", a.Text)
				}
			}
		}
		got, run := b.journal.attempts(), r.Runs[0]
		if sent := len(b.pbx.sent); sent != 7*16 || got[Accepted] != sent || run.Left != 1000-sent || got[NotSent] != 16 {
			t.Errorf("%d sent, %v, %d left", len(b.pbx.sent), got, run.Left)
		}
		if run.Held == nil || !run.Held.Until.Equal(began.Add(24*time.Hour)) {
			t.Errorf("held %+v", run.Held)
		}
	})
}

// A delivery that is tried again waits for the window like any other.
func TestRunner_windowAndRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from, to := within(0, 10*time.Second)
		b := newBench(t, windowed(t, 1, from, to, "retry {\n backoff = \"30s\"\n}"))
		b.pbx.answer = func(int) error { return errBusy }
		r := b.run(t, t.Context())
		if run := r.Runs[0]; len(b.pbx.sent) != 1 || run.Left != 1 || run.Held == nil {
			t.Errorf("%d sent, %d left, held %+v", len(b.pbx.sent), run.Left, run.Held)
		}
	})
}

// Ctrl-C ends the wait for a window.
func TestRunner_windowInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from, to := within(30*time.Second, time.Hour)
		b := newBench(t, windowed(t, 5, from, to, ""))
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if r := b.run(t, ctx); !r.Interrupted || r.Runs[0].Left != 5 || len(b.pbx.sent) > 0 {
			t.Errorf("interrupted %v, %d left, %d sent", r.Interrupted, r.Runs[0].Left, len(b.pbx.sent))
		}
	})
}

// A daemon holds a run until its window opens, whatever has begun it, and to the
// instant; it goes on in the next opening.
func TestDaemon_window(t *testing.T) {
	const job = `
		sip_notify "x" {
		  pbx     = pbx.hq
		  window  = window.nights
		  targets = [for n in range(100) : "SIP/${1000 + n}"]
		  message { event = "check-sync" }
		  %s
		}
		sip_notify "day" {
		  pbx     = pbx.hq
		  targets = ["SIP/1"]
		  message { event = "check-sync" }
		  trigger "schedule" { cron = "30 0 * * *" }
		}
		window "nights" {
		  start = "01:00"
		  end   = "01:01"
		}`
	for _, c := range []struct{ cause, lines string }{
		{"change", `trigger "change" {}`},
		{"schedule", `trigger "schedule" { cron = "30 0 1 * *" }`},
		{"event", `trigger "event" { name = "UserEvent" }`},
		{"after", `trigger "after" { job = sip_notify.day }`},
	} {
		t.Run(c.cause, func(t *testing.T) {
			cfg := configure(t, `pbx "hq" {
			  simulator {}
			  rate_limit = "1/s"
			}`+fmt.Sprintf(job, c.lines))
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t)
				s.slow = 60 // or nearly all of the test is looking at the clock
				s.begin()
				s.apply(cfg)
				s.sleep(40 * time.Minute)
				if c.cause == "event" {
					s.link().raise("UserEvent", "UserEvent", "X")
				}
				s.sleep(19 * time.Minute)
				runs := s.runsOf("sip_notify.x")
				if len(runs) != 1 || runs[0].Cause.Kind != c.cause || len(runs[0].attempts) > 0 {
					t.Fatalf("before the opening: %d runs, %+v", len(runs), runs)
				}
				if lane := s.daemon.Now().Lanes[0]; lane.Waiting != 100 || lane.Held != 100 {
					t.Errorf("%d wait, %d are held", lane.Waiting, lane.Held)
				}
				sent := func() int {
					l := s.link()
					l.mu.Lock()
					defer l.mu.Unlock()
					n := 0
					for _, id := range l.sent {
						if strings.Contains(id, runs[0].ID) {
							n++
						}
					}
					return n
				}
				s.sleep(time.Minute - time.Millisecond)
				if n := sent(); n > 0 {
					t.Fatalf("%d are sent before it opens", n)
				}
				s.sleep(2 * time.Millisecond)
				if n := sent(); n == 0 {
					t.Error("nothing is sent when it opens")
				}
				s.sleep(23 * time.Hour)
				if n := sent(); n < 58 || n > 62 {
					t.Errorf("%d are sent in a minute, at one a second", n)
				}
				s.sleep(time.Hour + 2*time.Minute) // the next night
				if n := sent(); n != 100 {
					t.Errorf("%d are sent after the second opening", n)
				}
				s.end()
				if runs := s.runsOf("sip_notify.x"); runs[0].ended.IsZero() {
					t.Error("the run has not ended")
				}
			})
		})
	}
}

// An apply that changes the window of a job, or takes it away, is gone by, and
// so is a window after a restart.
func TestDaemon_windowChanges(t *testing.T) {
	config := func(window string) *schema.Config {
		return configure(t, `
		pbx "hq" {
		  simulator {}
		}
		sip_notify "x" {
		  pbx     = pbx.hq
		  `+window+`
		  targets = ["SIP/1001"]
		  message { event = "check-sync" }
		  trigger "change" {}
		}
		window "nights" {
		  start = "22:00"
		  end   = "23:00"
		}
		window "noon" {
		  start = "12:00"
		  end   = "13:00"
		}`)
	}
	for _, c := range []struct {
		name, window string
		within       time.Duration // of the apply at 10:00
	}{
		{"another", "window = window.noon", 2*time.Hour + time.Second},
		{"none", "", 2 * time.Second},
		{"the same", "window = window.nights", 12*time.Hour + time.Second},
	} {
		for _, restart := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s restart=%v", c.name, restart), func(t *testing.T) {
				before, after := config("window = window.nights"), config(c.window)
				synctest.Test(t, func(t *testing.T) {
					s := newStage(t)
					s.begin()
					s.apply(before)
					s.sleep(10 * time.Hour)
					if restart {
						s.end()
					}
					s.apply(after)
					if restart {
						s.begin()
					}
					s.sleep(c.within - 2*time.Second)
					if n := len(s.runsOf("sip_notify.x")[0].attempts); n > 0 && c.window != "" {
						t.Errorf("it was sent early")
					}
					s.sleep(4 * time.Second)
					runs := s.runsOf("sip_notify.x")
					if len(runs) != 1 || runs[0].states[0].Outcome != Accepted {
						t.Errorf("%d runs, %+v", len(runs), runs[0].states)
					}
					s.end()
				})
			})
		}
	}
}

// What is held is canceled by overlap = "cancel_previous", and keeps its place with "queue".
func TestDaemon_windowAndOverlap(t *testing.T) {
	for overlap, want := range map[string]string{
		"skip":            "accepted",
		"queue":           "accepted accepted",
		"cancel_previous": "canceled canceled canceled accepted",
	} {
		t.Run(overlap, func(t *testing.T) {
			cfg := configure(t, `
			pbx "hq" {
			  simulator {}
			}
			user_event "x" {
			  pbx    = pbx.hq
			  window = window.nights
			  trigger "schedule" {
			    cron    = "30 8,10,12,14 1 1 *"
			    overlap = "`+overlap+`"
			  }
			}
			window "nights" {
			  start = "22:00"
			  end   = "23:00"
			}`)
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t)
				s.answers(func(string, string, amiclient.Action) (time.Duration, error) { return time.Millisecond, nil })
				s.begin()
				s.apply(cfg)
				s.sleep(23 * time.Hour)
				s.end()
				var got []string
				for _, r := range s.runsOf("user_event.x") {
					got = append(got, string(r.states[0].Outcome))
				}
				if strings.Join(got, " ") != want {
					t.Errorf("got %v, want %s", got, want)
				}
			})
		})
	}
}

// What is taken back when the window closes is sent the next time, as an attempt
// of its own; the ledger has nothing to complain of.
func TestDaemon_windowRecalls(t *testing.T) {
	cfg := configure(t, `
		pbx "hq" {
		  simulator {}
		  rate_limit    = "unlimited"
		  max_in_flight = 16
		}
		sip_notify "x" {
		  pbx     = pbx.hq
		  window  = window.brief
		  targets = [for n in range(150) : "SIP/${n}"]
		  message { event = "check-sync" }
		  trigger "change" {}
		}
		window "brief" {
		  start = "00:10"
		  end   = "00:10:10"
		}`)
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.slow = 60
		s.answers(slowly(1500 * time.Millisecond))
		s.begin()
		s.apply(cfg)
		s.sleep(time.Hour)
		count := func() map[Outcome]int {
			outcomes := map[Outcome]int{}
			for _, a := range s.runsOf("sip_notify.x")[0].attempts {
				outcomes[a.Outcome]++
				if at := a.Started.UTC(); a.Outcome == Accepted && (at.Minute() != 10 || at.Second() >= 10) {
					t.Errorf("sent at %s", at)
				}
			}
			return outcomes
		}
		if got := count(); got[Accepted] != 7*16 || got[NotSent] != 16 {
			t.Errorf("the first night: %v", got)
		}
		s.sleep(24 * time.Hour)
		if got := count(); got[Accepted] != 150 || got[NotSent] != 16 {
			t.Errorf("after the second night: %v", got)
		}
		s.end()
	})
}
