package engine

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/schema"
)

// configure evaluates a configuration.
func configure(t testing.TB, text string) *schema.Config { return configureWith(t, text, nil) }

// configureWith does so where data sources say this.
func configureWith(t testing.TB, text string, data map[string]*schema.Data) *schema.Config {
	t.Helper()
	file := filepath.Join(t.TempDir(), "main.hcl")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	src, diags := schema.Open(file)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	cfg, diags := schema.Load(src, schema.Values{Version: "0.1.0", Data: data})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return cfg
}

// journal is a Ledger of which a runner uses only Commit.
type journal struct {
	Ledger
	mu      sync.Mutex
	batches []Batch
	claimed map[string]bool // by action id
	full    bool
	earlier map[Outcome]int // of all runs, by an earlier process
}

func (j *journal) Commit(_ context.Context, b Batch) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.full {
		return errors.New("disk full")
	}
	j.batches = append(j.batches, b)
	for _, c := range b.Claims {
		for seq := c.First; seq <= c.Last; seq++ {
			j.claimed[ActionID(c.Run, seq, c.N)] = true
		}
	}
	return nil
}

// Runs tells how the attempts of a run have ended.
func (j *journal) Runs(_ context.Context, q RunQuery) ([]RunSummary, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	s := RunSummary{RunHeader: RunHeader{ID: q.ID}, Outcomes: maps.Clone(j.earlier)}
	if s.Outcomes == nil {
		s.Outcomes = map[Outcome]int{}
	}
	for _, b := range j.batches {
		for _, a := range b.Attempts {
			if a.Run == q.ID && a.Outcome.Final() {
				s.Outcomes[a.Outcome]++
			}
		}
	}
	return []RunSummary{s}, nil
}

func (j *journal) has(actionID string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.claimed[actionID]
}

func (j *journal) attempts() map[Outcome]int {
	m := map[Outcome]int{}
	for _, b := range j.batches {
		for _, a := range b.Attempts {
			m[a.Outcome]++
		}
	}
	return m
}

func (j *journal) ended() (ids []string) {
	for _, b := range j.batches {
		ids = append(ids, b.Ended...)
	}
	return ids
}

// fakePBX is a Sender whose answers a test decides. It fails the test if
// anything is sent before its claim is on record.
type fakePBX struct {
	t        *testing.T
	journal  *journal
	contacts map[string]int

	reachable  map[string]bool
	unreadable error  // of the device states
	unshown    string // an endpoint that the server cannot show
	garbles    error  // what comes of being asked for any; nil: an answer
	outbound   string // the default outbound endpoint; "-": the rights do not suffice to ask

	answer func(n int) error // to the n-th action; nil: Success
	ping   func() error
	delay  time.Duration
	shows  time.Duration // how long it takes to show an endpoint

	mu       sync.Mutex
	sent     []string // action ids
	inFlight int
	most     int // in flight at once

	lists map[string]int // how often each was asked for
}

func (p *fakePBX) Do(_ context.Context, a amiclient.Action) (*amiclient.Message, error) {
	if a.Name == "Command" {
		if p.outbound == "-" {
			return nil, &amiclient.ResponseError{Action: a.Name, Kind: amiclient.ErrPermission}
		}
		return amiclient.NewMessage(amiclient.Header{Name: "Response", Value: "Success"}, amiclient.Header{Name: "Output", Value: "default_outbound_endpoint : " + p.outbound}), nil
	}
	if p.ping != nil {
		return nil, p.ping()
	}
	return &amiclient.Message{}, nil
}

func (p *fakePBX) Go(_ context.Context, id string, _ amiclient.Action, done func(*amiclient.Message, error)) error {
	if !p.journal.has(id) {
		p.t.Errorf("%s is sent before its claim is on record", id)
	}
	p.mu.Lock()
	n := len(p.sent)
	p.sent = append(p.sent, id)
	p.mu.Unlock()
	p.flies()
	time.AfterFunc(p.delay+time.Millisecond, func() {
		p.lands()
		if p.answer != nil {
			if err := p.answer(n); err != nil {
				done(nil, err)
				return
			}
		}
		done(amiclient.NewMessage(amiclient.Header{Name: "Message", Value: "NOTIFY sent"}), nil)
	})
	return nil
}

func (p *fakePBX) flies() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.inFlight++
	p.most = max(p.most, p.inFlight)
}

func (p *fakePBX) lands() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.inFlight--
}

// List answers as a server does whose endpoints have these contacts; one that it
// is asked for by name and does not know has one.
func (p *fakePBX) List(_ context.Context, a amiclient.Action) iter.Seq2[*amiclient.Message, error] {
	return func(yield func(*amiclient.Message, error) bool) {
		p.mu.Lock()
		if p.lists == nil {
			p.lists = map[string]int{}
		}
		p.lists[a.Name]++
		p.mu.Unlock()
		switch a.Name {
		case "PJSIPShowEndpoint":
			p.flies()
			time.Sleep(p.shows)
			p.lands()
			if p.garbles != nil {
				yield(nil, p.garbles)
				return
			}
			if a.Headers[0].Value == p.unshown {
				yield(nil, &amiclient.ResponseError{Action: a.Name, Text: "Unable to retrieve transport nope"})
				return
			}
			n, ok := p.contacts[a.Headers[0].Value]
			if !ok {
				n = 1
			}
			if !yield(listEvent("EndpointDetail"), nil) {
				return
			}
			for i := range n {
				if !yield(listEvent("ContactStatusDetail", amiclient.Header{Name: "URI", Value: fmt.Sprintf("sip:%s@%d", a.Headers[0].Value, i)}), nil) {
					return
				}
			}
		case "PJSIPShowEndpoints":
			for name, n := range p.contacts {
				var uris string
				for i := range n {
					uris += fmt.Sprintf("%s/sip:%[1]s@%d,", name, i)
				}
				if !yield(listEvent("EndpointList", amiclient.Header{Name: "ObjectName", Value: name}, amiclient.Header{Name: "Contacts", Value: uris}), nil) {
					return
				}
			}
		case "DeviceStateList":
			if p.unreadable != nil {
				yield(nil, p.unreadable)
				return
			}
			for name := range p.reachable {
				if !yield(listEvent("DeviceStateChange", amiclient.Header{Name: "Device", Value: "PJSIP/" + name}, amiclient.Header{Name: "State", Value: "NOT_INUSE"}), nil) {
					return
				}
			}
		}
	}
}

func listEvent(name string, headers ...amiclient.Header) *amiclient.Message {
	return amiclient.NewMessage(append([]amiclient.Header{{Name: "Event", Value: name}}, headers...)...)
}

// bench is a runner with one PBX and one run.
type bench struct {
	*Runner
	pbx     *fakePBX
	journal *journal
	work    *Work
}

func newBench(t *testing.T, cfg *schema.Config) *bench {
	t.Helper()
	p, diags, err := NewFire(cfg, &State{}, start, cfg.Jobs[0].Address, nil)
	if err != nil || diags.HasErrors() {
		t.Fatal(err, diags)
	}
	_, works := p.Publication(start, nil)
	j := &journal{claimed: map[string]bool{}}
	pbx := &fakePBX{t: t, journal: j}
	return &bench{pbx: pbx, journal: j, work: works[0], Runner: &Runner{
		Ledger: j, Senders: map[string]Sender{"pbx.hq": pbx},
		Log: slog.New(slog.DiscardHandler), Patience: time.Minute,
	}}
}

// job is a configuration of one job over n phones.
func job(t testing.TB, n int, lines string) *schema.Config {
	t.Helper()
	return configure(t, fmt.Sprintf(`
		pbx "hq" {
		  simulator {}
		  rate_limit    = "unlimited"
		  max_in_flight = 16
		}
		sip_notify "x" {
		  pbx     = pbx.hq
		  targets = [for n in range(%d) : "PJSIP/${n}"]
		  message {
		    event = "check-sync"
		  }
		  %s
		}`, n, lines))
}

func (b *bench) run(t *testing.T, ctx context.Context) *Report {
	t.Helper()
	report, err := b.Run(ctx, []*Work{b.work})
	if err != nil {
		t.Fatal(err)
	}
	return report
}

var (
	errNotWritten = &amiclient.ConnError{Op: "PJSIPNotify", Err: errors.New("connection reset")}
	errWritten    = &amiclient.ConnError{Op: "PJSIPNotify", Written: true, Err: errors.New("connection reset")}
	errRefused    = &amiclient.ResponseError{Action: "PJSIPNotify", Text: "Unable to retrieve endpoint 3", Kind: amiclient.ErrUnknownEndpoint}
	errBusy       = &amiclient.ResponseError{Action: "PJSIPNotify", Text: "Unable to push NOTIFY task", Kind: amiclient.ErrBusyServer}
)

func TestRunner_All(t *testing.T) {
	cfg := job(t, 1000, "")
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, cfg)
		r := b.run(t, t.Context())
		if !r.Complete() || r.Runs[0].Outcomes[Accepted] != 1000 {
			t.Errorf("report: %+v", r.Runs[0])
		}
		if len(b.pbx.sent) != 1000 || b.pbx.most != 16 {
			t.Errorf("%d sent, at most %d in flight", len(b.pbx.sent), b.pbx.most)
		}
		if got := b.journal.ended(); !slices.Equal(got, []string{b.work.ID}) {
			t.Errorf("ended: %v", got)
		}
		if p := b.Progress(); p.Done != 1000 || p.Total != 1000 {
			t.Errorf("progress: %+v", p)
		}
	})
}

func TestRunner_Rejected(t *testing.T) {
	cfg := job(t, 5, "")
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, cfg)
		b.pbx.answer = func(n int) error {
			if n == 3 {
				return errRefused
			}
			return nil
		}
		r := b.run(t, t.Context())
		if got := b.journal.attempts(); got[Accepted] != 4 || got[Rejected] != 1 {
			t.Errorf("attempts: %v", got)
		}
		f := r.Runs[0].Failures
		if len(f) != 1 || !slices.Equal(f[0].Targets, []string{"PJSIP/3"}) {
			t.Errorf("failures: %+v", f)
		}
	})
}

// What Asterisk cannot have seen is sent again, with the job's patience.
func TestRunner_RetriesWhatWasNotSent(t *testing.T) {
	cfg := job(t, 1, "retry {\n attempts = 3\n backoff = \"30s\"\n }")
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, cfg)
		b.pbx.answer = func(n int) error { return []error{errNotWritten, errBusy, nil}[n] }
		began := time.Now()
		r := b.run(t, t.Context())
		if got := b.journal.attempts(); got[NotSent] != 2 || got[Accepted] != 1 || !r.Complete() {
			t.Errorf("attempts: %v, report %+v", got, r.Runs[0])
		}
		if took := time.Since(began); took < 90*time.Second || took > 92*time.Second {
			t.Errorf("took %v, want 30 s and 60 s of backoff", took)
		}
	})
}

func TestRunner_BusyServerAtLast(t *testing.T) {
	cfg := job(t, 1, "retry {\n attempts = 2\n backoff = \"1s\"\n }")
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, cfg)
		b.pbx.answer = func(int) error { return errBusy }
		r := b.run(t, t.Context())
		if got := b.journal.attempts(); got[NotSent] != 1 || got[Rejected] != 1 || r.Runs[0].Left != 0 {
			t.Errorf("attempts: %v, report %+v", got, r.Runs[0])
		}
	})
}

// What Asterisk may have seen is left alone, unless the job says otherwise.
func TestRunner_Unknown(t *testing.T) {
	for _, c := range []struct {
		policy string
		want   map[Outcome]int
	}{
		{"hold", map[Outcome]int{Unknown: 1}},
		{"resend", map[Outcome]int{Unknown: 1, Accepted: 1}},
	} {
		t.Run(c.policy, func(t *testing.T) {
			cfg := job(t, 1, fmt.Sprintf("on_unknown = %q", c.policy))
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, cfg)
				b.pbx.answer = func(n int) error {
					if n == 0 {
						return errWritten
					}
					return nil
				}
				b.run(t, t.Context())
				if got := b.journal.attempts(); fmt.Sprint(got) != fmt.Sprint(c.want) {
					t.Errorf("attempts: %v, want %v", got, c.want)
				}
			})
		})
	}
}

func TestRunner_SkipsWithoutContact(t *testing.T) {
	for _, c := range []struct {
		name      string
		phones    int
		reachable bool // the device states may be read, and settle the rest
		lists     map[string]int
	}{
		{"one by one", 3, false, map[string]int{"PJSIPShowEndpoint": 3}},
		{"many one by one", 100, false, map[string]int{"DeviceStateList": 1, "PJSIPShowEndpoint": 100}},
		{"as a list", 1001, false, map[string]int{"DeviceStateList": 1, "PJSIPShowEndpoints": 1}},
		{"by device state", 1001, true, map[string]int{"DeviceStateList": 1, "PJSIPShowEndpoint": 5}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := job(t, c.phones, "")
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, cfg)
				b.pbx.contacts = map[string]int{"0": 2, "1": 0}
				b.pbx.unreadable = &amiclient.ResponseError{Action: "DeviceStateList", Kind: amiclient.ErrPermission}
				if c.reachable {
					b.pbx.unreadable, b.pbx.reachable = nil, map[string]bool{}
					for n := 5; n < c.phones; n++ {
						b.pbx.reachable[fmt.Sprint(n)] = true
					}
				}
				r := b.run(t, t.Context())
				if r.Runs[0].Outcomes[Skipped] != 1 || r.Runs[0].Outcomes[Accepted] != c.phones-1 || len(b.pbx.sent) != c.phones-1 || !maps.Equal(b.pbx.lists, c.lists) {
					t.Errorf("%+v, %d sent, asked for %v", r.Runs[0], len(b.pbx.sent), b.pbx.lists)
				}
			})
		})
	}
}

// One endpoint that Asterisk cannot show is sent to, and the others are looked at
// all the same.
func TestRunner_LooksPastAnEndpoint(t *testing.T) {
	cfg := job(t, 10, "")
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, cfg)
		b.pbx.contacts, b.pbx.unshown = map[string]int{"1": 0, "7": 0}, "4"
		r := b.run(t, t.Context())
		if r.Runs[0].Outcomes[Skipped] != 2 || r.Runs[0].Outcomes[Accepted] != 8 || len(b.pbx.sent) != 8 {
			t.Errorf("%+v, %d sent", r.Runs[0], len(b.pbx.sent))
		}
	})
}

// Endpoints are looked at side by side, as many at a time as may be in flight.
func TestRunner_LooksSideBySide(t *testing.T) {
	cfg := job(t, 48, "")
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, cfg)
		b.pbx.shows = time.Second
		began := time.Now()
		b.run(t, t.Context())
		if took := time.Since(began); took > 4*time.Second || b.pbx.most != 16 {
			t.Errorf("took %v, %d in flight; want 3 s for the look, with 16 in flight", took, b.pbx.most)
		}
	})
}

// A server that lives and does not say who is there, or not in a way to be used, is
// asked no further: to connect again would not help, and would not end.
func TestRunner_LooksInVain(t *testing.T) {
	cfg := job(t, 48, "")
	for name, err := range map[string]error{
		"forbidden": &amiclient.ResponseError{Action: "PJSIPShowEndpoint", Kind: amiclient.ErrPermission},
		"unusable":  fmt.Errorf("%w: a part of it", amiclient.ErrProtocol),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, cfg)
				b.pbx.garbles = err
				if run := b.run(t, t.Context()).Runs[0]; run.Outcomes[Accepted] != 48 || b.pbx.lists["PJSIPShowEndpoint"] > 16 {
					t.Errorf("%v after %d questions", run.Outcomes, b.pbx.lists["PJSIPShowEndpoint"])
				}
			})
		})
	}
}

// What goes to a URI is heard only by a default outbound endpoint, and one contact
// of an endpoint only while the endpoint has it. Of these, 3 is no endpoint any
// more, and 4 is one that no list has.
func TestRunner_SkipsContactsNobodyHas(t *testing.T) {
	const none, gone = "default_outbound_endpoint", "no longer has this contact"
	for _, c := range []struct {
		name     string
		phones   int // beside those of which one contact is meant
		outbound string
		want     map[string]string // of the run's failures, the targets by a part of the cause
	}{
		{"one by one", 0, "out", map[string]string{gone: "PJSIP/2/sip:2@7 PJSIP/3/sip:3@0"}},
		{"as a list", 1000, "out", map[string]string{gone: "PJSIP/2/sip:2@7 PJSIP/3/sip:3@0"}},
		{"without default outbound endpoint", 0, "", map[string]string{none: "PJSIP/2/sip:2@1 PJSIP/2/sip:2@7 PJSIP/3/sip:3@0 PJSIP/4/sip:4@0 sip:x@192.0.2.1"}},
		{"without the right to ask", 0, "-", map[string]string{gone: "PJSIP/2/sip:2@7 PJSIP/3/sip:3@0"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := configure(t, fmt.Sprintf(`
				pbx "hq" {
				  simulator {}
				}
				sip_notify "x" {
				  pbx     = pbx.hq
				  targets = concat(
				    [{ endpoint = "2", uri = "sip:2@1" }, { endpoint = "2", uri = "sip:2@7" }, { endpoint = "3", uri = "sip:3@0" }, { endpoint = "4", uri = "sip:4@0" }, "sip:x@192.0.2.1", "PJSIP/2"],
				    [for n in range(%d) : "PJSIP/${1000 + n}"],
				  )
				  message { event = "check-sync" }
				}`, c.phones))
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, cfg)
				b.pbx.contacts, b.pbx.outbound, b.pbx.unshown = map[string]int{"2": 2}, c.outbound, "3"
				for n := range c.phones {
					b.pbx.contacts[fmt.Sprint(1000+n)] = 1
				}
				run := b.run(t, t.Context()).Runs[0]
				got := map[string]string{}
				for _, f := range run.Failures {
					for _, part := range []string{none, gone} {
						if f.Outcome == Skipped && strings.Contains(f.Cause, part) {
							got[part] = strings.Join(slices.Sorted(slices.Values(f.Targets)), " ")
						}
					}
				}
				if diff := cmp.Diff(c.want, got); diff != "" || run.Outcomes[Accepted] != 6+c.phones-run.Outcomes[Skipped] {
					t.Errorf("%+v, skipped (-want +got):\n%s", run, diff)
				}
			})
		})
	}
}

// In the dialog of a call no contact is needed.
func TestRunner_ChannelNeedsNoContact(t *testing.T) {
	cfg := configure(t, `
		pbx "hq" {
		  simulator {}
		}
		sip_notify "x" {
		  pbx     = pbx.hq
		  targets = [{ target = "PJSIP/1", channel = "PJSIP/1-00000001" }, { target = "PJSIP/2", channel = null }]
		  message {
		    event   = "talk"
		    channel = target.channel
		  }
		}`)
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, cfg)
		b.pbx.contacts = map[string]int{"1": 0, "2": 0}
		r := b.run(t, t.Context())
		if r.Runs[0].Outcomes[Accepted] != 1 || r.Runs[0].Outcomes[Skipped] != 1 {
			t.Errorf("%+v", r.Runs[0])
		}
	})
}

// The gap between two NOTIFYs to one phone is none between user events.
func TestRunner_UserEventsNeedNoGap(t *testing.T) {
	cfg := configure(t, `
		pbx "hq" {
		  simulator {}
		  rate_limit = "unlimited"
		}
		user_event "x" {
		  count = 20
		  pbx   = pbx.hq
		}`)
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, cfg)
		var works []*Work
		for _, j := range cfg.Jobs {
			p, _, err := NewFire(cfg, &State{}, start, j.Address, nil)
			if err != nil {
				t.Fatal(err)
			}
			_, w := p.Publication(start, nil)
			works = append(works, w...)
		}
		began := time.Now()
		r, err := b.Run(t.Context(), works)
		if err != nil || !r.Complete() || time.Since(began) > 100*time.Millisecond {
			t.Errorf("%v, complete %v, after %v", err, r.Complete(), time.Since(began))
		}
	})
}

// A ledger that fails for a while keeps what is known: it is written when it
// works again.
func TestRunner_LedgerRecovers(t *testing.T) {
	cfg := job(t, 1000, "")
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, cfg)
		b.pbx.delay = 100 * time.Millisecond
		set := func(full bool) {
			b.journal.mu.Lock()
			defer b.journal.mu.Unlock()
			b.journal.full = full
		}
		time.AfterFunc(350*time.Millisecond, func() { set(true) })
		time.AfterFunc(450*time.Millisecond, func() { set(false) }) // before the last answers come
		if _, err := b.Run(t.Context(), []*Work{b.work}); err == nil {
			t.Error("no error")
		}
		if sent, known := len(b.pbx.sent), b.journal.attempts(); known[Accepted] != sent || sent == 1000 {
			t.Errorf("%d sent, recorded %v", sent, known)
		}
	})
}

// A PBX that stays away leaves the rest pending, and the run open.
func TestRunner_PBXLost(t *testing.T) {
	cfg := job(t, 100, "")
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, cfg)
		b.pbx.ping = func() error { return errNotWritten }
		b.pbx.answer = func(n int) error {
			if n < 10 {
				return nil
			}
			return errNotWritten
		}
		began := time.Now()
		r := b.run(t, t.Context())
		run := r.Runs[0]
		if run.Outcomes[Accepted] != 10 || run.Left != 90 || r.Lost["pbx.hq"] == nil || len(b.journal.ended()) != 0 {
			t.Errorf("report: %+v, lost %v, ended %v", run, r.Lost, b.journal.ended())
		}
		if took := time.Since(began); took < time.Minute || took > 70*time.Second {
			t.Errorf("gave up after %v, want a minute", took)
		}
	})
}

// A wrong secret does not become right by waiting.
func TestRunner_PBXRefusesLogin(t *testing.T) {
	cfg := job(t, 1, "")
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, cfg)
		b.pbx.answer = func(int) error { return &amiclient.ConnError{Op: "log in", Err: amiclient.ErrAuth} }
		began := time.Now()
		r := b.run(t, t.Context())
		if r.Lost["pbx.hq"] == nil || r.Runs[0].Left != 1 || time.Since(began) > time.Second {
			t.Errorf("lost %v, left %d, after %v", r.Lost, r.Runs[0].Left, time.Since(began))
		}
	})
}

func TestRunner_PBXComesBack(t *testing.T) {
	cfg := job(t, 100, "")
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, cfg)
		back := time.Now().Add(20 * time.Second)
		down := func() bool { return time.Now().After(back.Add(-19*time.Second)) && time.Now().Before(back) }
		b.pbx.delay = 200 * time.Millisecond // the cut comes in the middle
		b.pbx.ping = func() error {
			if down() {
				return errNotWritten
			}
			return nil
		}
		b.pbx.answer = func(int) error {
			if down() {
				return errNotWritten
			}
			return nil
		}
		r := b.run(t, t.Context())
		if !r.Complete() || r.Runs[0].Outcomes[Accepted] != 100 || b.journal.attempts()[NotSent] == 0 {
			t.Errorf("report: %+v, attempts %v", r.Runs[0], b.journal.attempts())
		}
	})
}

// Ctrl-C: nothing more is sent, what was sent is recorded.
func TestRunner_Interrupted(t *testing.T) {
	cfg := job(t, 1000, "")
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, cfg)
		b.pbx.delay = time.Second
		ctx, cancel := context.WithTimeout(t.Context(), 2500*time.Millisecond)
		defer cancel()
		r := b.run(t, ctx)
		sent := len(b.pbx.sent)
		if !r.Interrupted || sent != 48 || b.journal.attempts()[Accepted] != sent || r.Runs[0].Left != 1000-sent {
			t.Errorf("interrupted %v, %d sent, attempts %v, %d left", r.Interrupted, sent, b.journal.attempts(), r.Runs[0].Left)
		}
		if len(b.journal.ended()) != 0 {
			t.Error("the run was ended")
		}
	})
}

// When nothing can be recorded, nothing is sent.
func TestRunner_LedgerFails(t *testing.T) {
	cfg := job(t, 1000, "")
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, cfg)
		b.pbx.answer = func(n int) error {
			if n == 40 {
				b.journal.mu.Lock()
				b.journal.full = true
				b.journal.mu.Unlock()
			}
			return nil
		}
		_, err := b.Run(t.Context(), []*Work{b.work})
		if err == nil || err.Error() != "disk full" {
			t.Errorf("error: %v", err)
		}
		if sent := len(b.pbx.sent); sent > 40+2*16 {
			t.Errorf("%d sent after the ledger failed at 40", sent)
		}
	})
}
