package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/notifyrun/notifyrun/schema"
)

// whoIsThere is what the data source of a stage says, and how it is read.
type whoIsThere struct {
	mu    sync.Mutex
	names []string
	takes time.Duration
	err   error
	calls []string    // the jobs of each reading
	began []time.Time // of each
	texts map[uint64]string
}

func (p *whoIsThere) set(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
}

// load evaluates a configuration with these phones.
func load(t testing.TB, text string, names []string) *schema.Config {
	t.Helper()
	var contacts []schema.PJSIPContact
	for _, name := range names {
		contacts = append(contacts, schema.PJSIPContact{Endpoint: name, AOR: name, URI: "sip:" + name + "@192.0.2.7", ContactCount: 1})
	}
	return reading(t, text, contacts...)
}

// refresh is the daemon's hook.
func (p *whoIsThere) refresh(t testing.TB) func(context.Context, Refreshment) (map[string]*schema.Job, error) {
	return func(ctx context.Context, r Refreshment) (map[string]*schema.Job, error) {
		p.mu.Lock()
		names, takes, err, text := slices.Clone(p.names), p.takes, p.err, p.texts[r.Serial]
		p.calls, p.began = append(p.calls, strings.Join(r.Jobs, " ")), append(p.began, time.Now())
		p.mu.Unlock()
		if age := time.Since(r.Since); age != 0 || !slices.Equal(r.Data, []string{"data.pjsip_contacts.hq"}) {
			t.Errorf("%q are to be read since %s", r.Data, r.Since)
		}
		select {
		case <-time.After(takes):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if err != nil {
			return nil, err
		}
		found := map[string]*schema.Job{}
		for _, j := range load(t, text, names).Jobs {
			if slices.Contains(r.Jobs, j.Address) {
				found[j.Address] = j
			}
		}
		return found, nil
	}
}

const registered = `
pbx "hq" {
  address    = "pbx.example.net"
  username   = "n"
  secret     = "s"
  rate_limit = "unlimited"
}
data "pjsip_contacts" "hq" {
  pbx = pbx.hq
}
`

// toAll is a job for whoever is registered.
func toAll(name, lines string) string {
	return fmt.Sprintf("sip_notify %q {\n  pbx = pbx.hq\n  targets = [for c in data.pjsip_contacts.hq.contacts : \"SIP/${c.endpoint}\"]\n  message {\n    event = \"x\"\n  }\n  %s\n}\n", name, lines)
}

// toNine is one that depends on no data.
func toNine(name, lines string) string {
	return fmt.Sprintf("sip_notify %q {\n  pbx = pbx.hq\n  targets = [\"SIP/9\"]\n  message {\n    event = \"x\"\n  }\n  %s\n}\n", name, lines)
}

func eachMinute(lines string) string {
	return fmt.Sprintf("trigger \"schedule\" {\n  cron = \"* * * * *\"\n  %s\n}", lines)
}

// applyWith applies a configuration as it is with these phones.
func (s *stage) applyWith(p *whoIsThere, text string, names ...string) {
	s.Helper()
	state, _ := s.State(context.Background())
	p.set(func() {
		if p.texts == nil {
			p.texts = map[uint64]string{}
		}
		p.texts[state.Serial+1], p.names = text, names
	})
	s.apply(load(s, text, names))
}

// refreshed runs a test of a stage whose jobs depend on data.
func refreshed(t *testing.T, f func(*stage, *whoIsThere)) {
	t.Helper()
	bubble(t, func(s *stage) {
		p := &whoIsThere{}
		s.refresh = p.refresh(t)
		f(s, p)
	})
}

func targetsOf(r *memoryRun) string {
	var all []string
	for _, d := range r.Deliveries {
		all = append(all, d.Target)
	}
	return strings.Join(all, " ")
}

var errAway = errors.New("data.pjsip_contacts.hq could not be read: away")

// A schedule fires for those who are registered when it is due, once they are
// known; others do not wait for that.
func TestDaemon_Refresh(t *testing.T) {
	refreshed(t, func(s *stage, p *whoIsThere) {
		s.applyWith(p, registered+toAll("a", eachMinute(""))+toAll("b", eachMinute(""))+toNine("plain", eachMinute("")), "1001", "1002")
		s.begin()
		p.set(func() { p.names, p.takes = []string{"1002", "1003"}, 3*time.Second })
		s.sleep(31 * time.Second)
		if n := len(s.runsOf("sip_notify.plain")); n != 1 {
			t.Errorf("%d runs of the job without data", n)
		}
		if n := len(s.runsOf("sip_notify.a")); n != 0 {
			t.Errorf("%d runs before the data were read", n)
		}
		s.sleep(3 * time.Second)
		for _, job := range []string{"sip_notify.a", "sip_notify.b"} {
			runs := s.runsOf(job)
			if len(runs) != 1 || targetsOf(runs[0]) != "SIP/1002 SIP/1003" || runs[0].outcomes[Accepted] != 2 {
				t.Fatalf("%s: %d runs: %+v", job, len(runs), runs)
			}
			if due := runs[0].Cause.Fired.Due; !due.Equal(start.Add(time.Minute)) {
				t.Errorf("due %s", due)
			}
		}
		if want := []string{"sip_notify.a sip_notify.b"}; !slices.Equal(p.calls, want) {
			t.Errorf("read for %q, want %q", p.calls, want)
		}
		// Nobody is there: a run of nothing.
		p.set(func() { p.names, p.takes = nil, 0 })
		s.sleep(time.Minute)
		if runs := s.runsOf("sip_notify.a"); len(runs) != 2 || len(runs[1].Deliveries) != 0 {
			t.Errorf("%d runs", len(runs))
		}
		if len(s.missedOf("sip_notify.a")) != 0 {
			t.Errorf("missed %+v", s.missedOf("sip_notify.a"))
		}
		s.end()
	})
}

// What cannot be read is tried again until the grace is over, and then recorded.
func TestDaemon_RefreshFails(t *testing.T) {
	refreshed(t, func(s *stage, p *whoIsThere) {
		s.applyWith(p, registered+toAll("a", eachMinute("")), "1001")
		s.begin()
		p.set(func() { p.err = errAway })
		s.sleep(30*time.Second + 20*time.Second) // it is due, and a third of a minute over
		p.set(func() { p.err = nil })
		s.sleep(6 * time.Second)
		if runs := s.runsOf("sip_notify.a"); len(runs) != 1 || !runs[0].Cause.Fired.Due.Equal(start.Add(time.Minute)) {
			t.Fatalf("%d runs after it could be read", len(runs))
		}
		p.set(func() { p.err, p.calls = errAway, nil })
		s.sleep(10 * time.Minute)
		if n := len(s.runsOf("sip_notify.a")); n != 1 {
			t.Errorf("%d runs", n)
		}
		got := s.reasons("sip_notify.a")
		if n := got[MissedUnread]; n < 9 || n > 10 || len(got) != 1 {
			t.Errorf("missed %v", got)
		}
		if m := s.missedOf("sip_notify.a"); m[0].Detail != errAway.Error() {
			t.Errorf("%+v", m[0])
		}
		if n := len(p.calls); n < 60 || n > 125 {
			t.Errorf("%d times tried in ten minutes", n)
		}
		p.set(func() { p.err = nil })
		s.sleep(2 * time.Minute)
		if n := len(s.runsOf("sip_notify.a")); n < 2 {
			t.Errorf("%d runs", n)
		}
		s.end()
		s.accounted("sip_notify.a")
	})
}

// accounted checks that each due time of a job has one run, or is missed, once.
func (s *stage) accounted(job string) {
	s.Helper()
	had := map[int64]int{}
	var first, last int64
	note := func(at time.Time, n int) {
		had[at.Unix()] += n
		if first == 0 || at.Unix() < first {
			first = at.Unix()
		}
		last = max(last, at.Unix())
	}
	for _, r := range s.runsOf(job) {
		note(r.Cause.Fired.Due, 1)
	}
	for _, m := range s.missedOf(job) {
		n := int64(0)
		for at := m.First; !at.After(m.Last); at = at.Add(time.Minute) {
			note(at, 1)
			n++
		}
		if n != m.Count {
			s.Errorf("%d missed from %s to %s", m.Count, m.First, m.Last)
		}
	}
	for at := first; at <= last; at += 60 {
		if had[at] != 1 {
			s.Errorf("due at %s: %d times", time.Unix(at, 0).UTC(), had[at])
		}
	}
}

// With missed = "once" it fires, however late.
func TestDaemon_RefreshOnce(t *testing.T) {
	refreshed(t, func(s *stage, p *whoIsThere) {
		s.applyWith(p, registered+toAll("a", eachMinute(`missed = "once"`)), "1001")
		s.begin()
		p.set(func() { p.err = errAway })
		s.sleep(5 * time.Minute)
		p.set(func() { p.err = nil })
		s.sleep(6 * time.Second)
		if runs := s.runsOf("sip_notify.a"); len(runs) != 1 || !runs[0].Cause.Fired.Due.Equal(start.Add(5*time.Minute)) {
			t.Errorf("%d runs", len(runs))
		}
		if got := s.reasons("sip_notify.a"); got[MissedUnread] != 4 {
			t.Errorf("missed %v", got)
		}
		s.end()
		s.accounted("sip_notify.a")
	})
}

// A daemon that ends, or dies, while it reads has lost nothing.
func TestDaemon_RefreshEnds(t *testing.T) {
	refreshed(t, func(s *stage, p *whoIsThere) {
		s.applyWith(p, registered+toAll("a", eachMinute("")), "1001")
		s.begin()
		p.set(func() { p.takes = time.Hour })
		s.sleep(40 * time.Second) // it reads since ten seconds
		s.end()
		if n := len(s.runsOf("sip_notify.a")) + len(s.missedOf("sip_notify.a")); n != 0 {
			t.Errorf("%d runs or misses", n)
		}
		p.set(func() { p.takes = time.Second })
		s.begin()
		s.sleep(5 * time.Second)
		if runs := s.runsOf("sip_notify.a"); len(runs) != 1 || !runs[0].Cause.Fired.Due.Equal(start.Add(time.Minute)) {
			t.Errorf("%d runs", len(runs))
		}
		s.end()
	})
}

// Events that come while it is read are read for anew, and are not listened past
// before they are on record.
func TestDaemon_RefreshEvents(t *testing.T) {
	refreshed(t, func(s *stage, p *whoIsThere) {
		s.applyWith(p, registered+toAll("a", "trigger \"event\" {\n  name = \"Hangup\"\n}"), "1001")
		s.begin()
		s.sleep(2 * time.Second)
		p.set(func() { p.takes = 15 * time.Second })
		began := time.Now()
		s.link().raise("Hangup", "Text", "x")
		s.sleep(5 * time.Second)
		p.set(func() { p.names = []string{"1001", "1002"} })
		s.link().raise("Hangup", "Text", "x")
		s.link().raise("Hangup", "Text", "x")
		s.sleep(11 * time.Second)
		if runs := s.runsOf("sip_notify.a"); len(runs) != 1 || targetsOf(runs[0]) != "SIP/1001" {
			t.Fatalf("%d runs", len(runs))
		}
		if until, _ := s.Listened(context.Background()); until["pbx.hq"].After(began.Add(5 * time.Second)) {
			t.Errorf("listened until %s, while an event of %s waits", until["pbx.hq"], began.Add(5*time.Second))
		}
		s.sleep(15 * time.Second)
		if runs := s.runsOf("sip_notify.a"); len(runs) != 3 || targetsOf(runs[2]) != "SIP/1001 SIP/1002" {
			t.Fatalf("%d runs", len(runs))
		}
		if len(p.calls) != 2 {
			t.Errorf("read %d times", len(p.calls))
		}
		// What cannot be read within a minute fires nothing.
		p.set(func() { p.takes, p.err = time.Second, errAway })
		s.link().raise("Hangup", "Text", "x")
		s.sleep(55 * time.Second)
		if n := len(s.missedOf("sip_notify.a")); n != 0 {
			t.Errorf("%d missed before a minute is over", n)
		}
		s.sleep(15 * time.Second)
		if got := s.reasons("sip_notify.a"); got[MissedUnread] != 1 || len(s.runsOf("sip_notify.a")) != 3 {
			t.Errorf("missed %v", got)
		}
		// At the end, what waits is on record, too.
		p.set(func() { p.takes, p.err = time.Hour, nil })
		s.link().raise("Hangup", "Text", "x")
		s.sleep(time.Second)
		s.end()
		if got := s.reasons("sip_notify.a"); got[MissedUnread] != 2 {
			t.Errorf("missed %v", got)
		}
	})
}

// A due time that is not late since its job has another share of the jitter under
// its new name is read for again, too.
func TestDaemon_RefreshMovedJitter(t *testing.T) {
	refreshed(t, func(s *stage, p *whoIsThere) {
		hourly := "trigger \"schedule\" {\n  cron = \"0 * * * *\"\n  jitter = \"40m\"\n  grace = \"1s\"\n}"
		early, late := earlyAndLate("sip_notify.")
		s.applyWith(p, registered+toAll(late, hourly), "1001")
		s.begin()
		s.sleep(time.Until(time.Now().Truncate(time.Hour).Add(time.Hour + 20*time.Minute)))
		p.set(func() { p.err = errAway })
		s.applyWith(p, registered+toAll(early, hourly)+move("sip_notify."+late, "sip_notify."+early), "1001")
		s.sleep(10 * time.Second)
		p.set(func() { p.err = nil })
		s.sleep(10 * time.Second)
		if runs, missed := s.runsOf("sip_notify."+early), s.missedOf("sip_notify."+early); len(runs) != 1 || len(missed) != 0 || len(p.calls) < 2 {
			t.Errorf("%d runs, missed %+v, read %d times", len(runs), missed, len(p.calls))
		}
		s.end()
	})
}

// An event that is put off until it is quiet when the daemon ends, and fires nothing
// then, is on record.
func TestDaemon_RefreshEventsAtEnd(t *testing.T) {
	for _, paused := range []bool{false, true} {
		refreshed(t, func(s *stage, p *whoIsThere) {
			s.applyWith(p, registered+toAll("a", "trigger \"event\" {\n  name = \"Hangup\"\n  debounce = \"10s\"\n}"), "1001")
			want := MissedUnread
			if paused {
				want = MissedPaused
				if err := s.Pause(context.Background(), Pause{Job: "sip_notify.a", Reason: "fair", By: "me", Since: time.Now()}); err != nil {
					t.Fatal(err)
				}
			}
			s.begin()
			s.sleep(2 * time.Second)
			s.link().raise("Hangup", "Text", "x")
			s.sleep(time.Second)
			s.end()
			if got := s.reasons("sip_notify.a"); got[want] != 1 || len(s.runsOf("sip_notify.a")) != 0 {
				t.Errorf("missed %v", got)
			}
		})
	}
}

// The debt to an after trigger is paid once it is known who is there.
func TestDaemon_RefreshAfter(t *testing.T) {
	refreshed(t, func(s *stage, p *whoIsThere) {
		s.applyWith(p, registered+toNine("first", eachMinute(""))+toAll("then", "trigger \"after\" {\n  job = sip_notify.first\n  grace = \"30s\"\n}"), "1001")
		s.begin()
		p.set(func() { p.names, p.takes = []string{"1002"}, 5*time.Second })
		s.sleep(33 * time.Second)
		if owed, _ := s.Owed(context.Background()); len(owed) != 1 || len(s.runsOf("sip_notify.then")) != 0 {
			t.Errorf("owed %+v", owed)
		}
		s.sleep(5 * time.Second)
		if runs := s.runsOf("sip_notify.then"); len(runs) != 1 || targetsOf(runs[0]) != "SIP/1002" || len(p.calls) != 1 {
			t.Errorf("%d runs, read %d times", len(runs), len(p.calls))
		}
		if owed, _ := s.Owed(context.Background()); len(owed) != 0 {
			t.Errorf("owed %+v", owed)
		}
		p.set(func() { p.err, p.takes = errAway, 0 })
		s.sleep(92 * time.Second)
		if owed, _ := s.Owed(context.Background()); len(owed) != 0 || s.reasons("sip_notify.then")[MissedUnread] != 1 {
			t.Errorf("owed %+v, missed %v", owed, s.reasons("sip_notify.then"))
		}
		s.end()
	})
}

// What follows a run is not late because it takes long to read who is there, if
// that was begun in time, whatever else ends meanwhile.
func TestDaemon_RefreshAfterSlowly(t *testing.T) {
	refreshed(t, func(s *stage, p *whoIsThere) {
		s.applyWith(p, registered+toNine("first", eachMinute(""))+toAll("then", "trigger \"after\" {\n  job = sip_notify.first\n  grace = \"30s\"\n}")+
			toNine("tick", "trigger \"schedule\" {\n  cron = \"*/10 * * * * *\"\n}")+toNine("tock", "trigger \"after\" {\n  job = sip_notify.tick\n}"), "1001")
		s.begin()
		p.set(func() { p.takes = 45 * time.Second })
		s.sleep(30*time.Second + 50*time.Second)
		if runs := s.runsOf("sip_notify.then"); len(runs) != 1 || len(s.missedOf("sip_notify.then")) != 0 || len(s.runsOf("sip_notify.tock")) < 4 {
			t.Errorf("%d runs, missed %+v", len(runs), s.missedOf("sip_notify.then"))
		}
		s.end()
	})
}

// An instance that what was read has no more does not fire.
func TestDaemon_RefreshGone(t *testing.T) {
	refreshed(t, func(s *stage, p *whoIsThere) {
		each := "sip_notify \"each\" {\n  for_each = toset([for c in data.pjsip_contacts.hq.contacts : c.endpoint])\n  pbx = pbx.hq\n  targets = [\"SIP/${each.key}\"]\n  message {\n    event = \"x\"\n  }\n  " + eachMinute("") + "\n}\n"
		s.applyWith(p, registered+each, "1001", "1002")
		s.begin()
		p.set(func() { p.names = []string{"1002", "1003"} })
		s.sleep(31 * time.Second)
		if n, got := len(s.runsOf(`sip_notify.each["1001"]`)), s.reasons(`sip_notify.each["1001"]`); n != 0 || got[MissedGone] != 1 {
			t.Errorf("%d runs, missed %v", n, got)
		}
		if n := len(s.runsOf(`sip_notify.each["1002"]`)); n != 1 || len(p.calls) != 1 {
			t.Errorf("%d runs, read %d times", n, len(p.calls))
		}
		s.end()
	})
}

// What is paused does not fire, whether it was paused before or while it is read,
// and nothing is read for what is paused.
func TestDaemon_RefreshPaused(t *testing.T) {
	refreshed(t, func(s *stage, p *whoIsThere) {
		s.applyWith(p, registered+toAll("a", eachMinute("")), "1001")
		s.begin()
		p.set(func() { p.takes = 10 * time.Second })
		s.sleep(35 * time.Second)
		if err := s.Pause(context.Background(), Pause{Job: "sip_notify.a", Reason: "fair", By: "me", Since: time.Now()}); err != nil {
			t.Fatal(err)
		}
		s.sleep(70 * time.Second)
		if got := s.reasons("sip_notify.a"); got[MissedPaused] != 2 || len(s.runsOf("sip_notify.a")) != 0 || len(p.calls) != 1 {
			t.Errorf("missed %v, read %d times", got, len(p.calls))
		}
		s.end()
	})
}

// A new configuration has it read anew.
func TestDaemon_RefreshSwap(t *testing.T) {
	refreshed(t, func(s *stage, p *whoIsThere) {
		s.applyWith(p, registered+toAll("a", eachMinute("")), "1001")
		s.begin()
		p.set(func() { p.takes = 20 * time.Second })
		s.sleep(35 * time.Second) // it is read since five seconds
		p.set(func() { p.takes = time.Second })
		s.applyWith(p, registered+toAll("a", eachMinute(`overlap = "queue"`)), "1001", "1002")
		s.sleep(3 * time.Second)
		if runs := s.runsOf("sip_notify.a"); len(runs) != 1 || targetsOf(runs[0]) != "SIP/1001 SIP/1002" || !runs[0].Cause.Fired.Due.Equal(start.Add(time.Minute)) {
			t.Fatalf("%d runs", len(runs))
		}
		s.sleep(20 * time.Second)
		if n := len(s.runsOf("sip_notify.a")); n != 1 {
			t.Errorf("%d runs", n)
		}
		s.end()
	})
}

// Runs that are open when a daemon begins go on once it is known to whom they
// still go, and wait until then.
func TestDaemon_RefreshOpen(t *testing.T) {
	refreshed(t, func(s *stage, p *whoIsThere) {
		s.applyWith(p, registered+toAll("a", eachMinute("")), "1001")
		s.begin()
		p.set(func() { p.names = []string{"1001", "1002", "1003"} })
		s.mute(true)
		s.sleep(40 * time.Second)
		runs := s.runsOf("sip_notify.a")
		if len(runs) != 1 || !runs[0].ended.IsZero() {
			t.Fatalf("%d runs", len(runs))
		}
		s.end()
		s.sleep(time.Hour)
		p.set(func() { p.err = errAway })
		s.mute(false)
		s.begin()
		s.sleep(20 * time.Second)
		if run := s.runsOf("sip_notify.a")[0]; !run.ended.IsZero() || len(run.outcomes) != 0 {
			t.Errorf("ended %s, %v, before the data could be read", run.ended, run.outcomes)
		}
		p.set(func() { p.err, p.names = nil, []string{"1003", "1002"} })
		s.sleep(6 * time.Second)
		if run := s.runsOf("sip_notify.a")[0]; run.ended.IsZero() || run.outcomes[Accepted] != 2 || run.outcomes[Canceled] != 1 {
			t.Errorf("ended %s, %v", run.ended, run.outcomes)
		}
		s.end()
	})
}

// While the state cannot be written nothing is lost, and what was read is not used
// when it is old.
func TestDaemon_RefreshUnwritten(t *testing.T) {
	refreshed(t, func(s *stage, p *whoIsThere) {
		s.applyWith(p, registered+toAll("a", eachMinute("")), "1001")
		s.begin()
		s.sleep(25 * time.Second)
		s.fillUp(20 * time.Second)
		s.sleep(19 * time.Second)
		if n := len(s.runsOf("sip_notify.a")); n != 0 {
			t.Errorf("%d runs", n)
		}
		p.set(func() { p.names = []string{"1002"} })
		s.sleep(5 * time.Second)
		if runs := s.runsOf("sip_notify.a"); len(runs) != 1 || targetsOf(runs[0]) != "SIP/1002" {
			t.Errorf("%d runs", len(runs))
		}
		s.end()
	})
}
