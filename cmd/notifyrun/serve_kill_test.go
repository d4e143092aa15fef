package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/notifyrun/notifyrun/amiclient/amisim"
	"github.com/notifyrun/notifyrun/engine"
	"github.com/notifyrun/notifyrun/schema"
)

var kills = flag.Int("kills", 10, "how often TestServe_Kill kills the daemon")

// busyDaemon is a configuration in which something is always going on: each of
// its jobs has phones of its own.
func busyDaemon(sim *amisim.Server) string {
	user := sim.Users()[0]
	pbx := func(name, rate string) string {
		return fmt.Sprintf("pbx %q {\n  address = %q\n  username = %q\n  secret = var.secret\n  rate_limit = %q\n  max_in_flight = 16\n}\n",
			name, sim.Addr(), user.Name, rate)
	}
	return pbx("sim", "unlimited") + pbx("slow", "40/s") + `
variable "secret" {
  type      = string
  sensitive = true
}
variable "revision" {
  type    = string
  default = "0"
}
sip_notify "skips" {
  pbx     = pbx.sim
  targets = ["PJSIP/1001", "PJSIP/1002"]
  message { event = "ping" }
  trigger "schedule" {
    cron  = "* * * * * *"
    grace = "1s"
  }
}
sip_notify "once" {
  pbx     = pbx.sim
  targets = ["PJSIP/1003"]
  message { event = "ping" }
  trigger "schedule" {
    cron    = "*/2 * * * * *"
    missed  = "once"
    overlap = "queue"
    jitter  = "1500ms"
  }
}
sip_notify "cancels" {
  pbx     = pbx.slow
  targets = [for n in range(30) : "PJSIP/${1010 + n}"]
  message { event = "ping" }
  trigger "schedule" {
    cron    = "*/2 * * * * *"
    overlap = "cancel_previous"
  }
}
sip_notify "told" {
  pbx     = pbx.sim
  targets = ["PJSIP/${1100 + tonumber(trigger.event.Number) % 100}"]
  message {
    event   = "ping"
    headers = { X-Number = trigger.event.Number }
  }
  trigger "event" {
    name  = "UserEvent"
    where = event.UserEvent == "Count"
  }
}
sip_notify "then" {
  pbx        = pbx.sim
  targets    = ["PJSIP/1050"]
  on_unknown = "resend"
  message { event = "ping" }
  trigger "after" {
    job = sip_notify.skips
    on  = "done"
  }
}
user_event "last" {
  pbx  = pbx.sim
  body = { After = trigger.run }
  trigger "after" {
    job   = sip_notify.then
    on    = "done"
    delay = "1s"
  }
}
sip_notify "long" {
  pbx        = pbx.slow
  targets    = [for n in range(60) : "PJSIP/${1200 + n}"]
  on_unknown = "resend"
  message { event = "ping" }
  trigger "change" { on = var.revision }
}
`
}

// everyDue is the time between the due times of its schedules.
var everyDue = map[string]time.Duration{"sip_notify.skips": time.Second, "sip_notify.once": 2 * time.Second, "sip_notify.cancels": 2 * time.Second}

// life is one process of the daemon.
type life struct{ from, until time.Time }

// TestServe_Kill kills a busy daemon again and again, at any moment of its life,
// while others apply and fire beside it. Then the record and what the phones
// got are held against each other and against the clock: each due time has fired
// or is missed, no run is lost, none was started twice, nothing was sent twice.
func TestServe_Kill(t *testing.T) {
	times := *kills
	if testing.Short() {
		times = min(times, 4)
	}
	handsets := amisim.Phones(300)
	for i := range handsets {
		handsets[i].Reboot = amisim.RebootNever
	}
	sim, err := amisim.Start(amisim.Config{Phones: handsets})
	if err != nil {
		t.Fatal(err)
	}
	defer sim.Close()
	t.Setenv("NOTIFYRUN_VAR_secret", sim.Users()[0].Secret)
	// A server that takes a moment for each answer, so that the kills strike while some are due.
	sim.Inject(amisim.Fault{Kind: amisim.Late, Action: "PJSIPNotify", Times: -1, Delay: 3 * time.Millisecond})
	dir := applyNew(t, busyDaemon(sim))
	record := recordOf(t, dir)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))

	counting, stopCounting := context.WithCancel(t.Context())
	var others sync.WaitGroup
	raised := 0
	others.Go(func() {
		tick := time.NewTicker(15 * time.Millisecond)
		defer tick.Stop()
		for counting.Err() == nil {
			<-tick.C
			raised++
			sim.Emit("UserEvent", "user", []amisim.Header{{Name: "UserEvent", Value: "Count"}, {Name: "Number", Value: strconv.Itoa(raised)}})
		}
	})
	// Those beside the daemon end as they may: when it dies under their hands, by
	// their own kill, or because somebody else has applied.
	beside := func(args ...string) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(500+rng.IntN(2500))*time.Millisecond)
		cmd := program(dir, args...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		others.Go(func() {
			defer cancel()
			done := make(chan error, 1)
			go func() { done <- cmd.Wait() }()
			select {
			case <-done:
			case <-ctx.Done():
				cmd.Process.Kill()
				<-done
			}
		})
	}

	var lives []life
	for n := range times {
		cmd, log := daemonOf(t, dir)
		l := life{from: time.Now()}
		alive := time.Duration(rng.IntN(2200)) * time.Millisecond
		if rng.IntN(4) == 0 {
			alive /= 8 // while it starts
		}
		switch at := time.Duration(rng.Int64N(int64(alive) + 1)); n % 4 {
		case 1:
			time.Sleep(at)
			alive -= at
			beside("apply", "-auto-approve", fmt.Sprintf("-var=revision=%d", n))
		case 3:
			time.Sleep(at)
			alive -= at
			beside("fire", "sip_notify.once")
		}
		time.Sleep(alive)
		cmd.Process.Kill()
		cmd.Wait()
		l.until = time.Now()
		lives = append(lives, l)
		if code := cmd.ProcessState.ExitCode(); code != -1 {
			t.Fatalf("notifyrun serve ended by itself with %d:\n%s", code, log())
		}
		if rng.IntN(3) == 0 {
			time.Sleep(time.Duration(rng.IntN(2500)) * time.Millisecond) // down for a while
		}
	}
	lastStart := time.Now()
	s := startServer(t, dir)
	s.wait("msg=serving")
	s.wait("run ended") // it has looked at the clock
	left := func() (open []engine.RunSummary) {
		return slices.DeleteFunc(record.runs(""), func(r engine.RunSummary) bool { return !r.Ended.IsZero() || !r.Created.Before(lastStart) })
	}
	defer func() {
		if !t.Failed() {
			return
		}
		for _, r := range left() {
			t.Logf("run %s of %s, of %s, has not ended: %v", r.ID, r.Job, r.Created, r.Outcomes)
		}
	}()
	eventually(t, time.Minute, "the runs of the lives before end", func() bool { return len(left()) == 0 })
	eventually(t, 30*time.Second, "what fell due before the last start is settled", func() bool {
		settled, err := record.led.Settled(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for job := range everyDue {
			if settled[engine.TriggerKey{Job: job}].Before(lastStart) {
				return false
			}
		}
		return true
	})
	stopCounting()
	others.Wait()
	s.stop()
	lives = append(lives, life{lastStart, time.Now()})

	k := killed{t: t, record: record, sim: sim, lives: lives, raised: raised}
	k.runsAre()
	k.dueTimes()
	k.events()
	k.chain()
	k.sent()
}

// daemonOf starts a daemon whose log is kept in a file.
func daemonOf(t *testing.T, dir string) (cmd *exec.Cmd, log func() string) {
	t.Helper()
	file, err := os.Create(filepath.Join(dir, "serve.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	cmd = program(dir, "serve")
	cmd.Stdout, cmd.Stderr = file, file
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, func() string {
		text, _ := os.ReadFile(file.Name())
		return string(text)
	}
}

// killed is what is left when all is over.
type killed struct {
	t      *testing.T
	record record
	sim    *amisim.Server
	lives  []life
	raised int

	byJob map[string][]engine.RunSummary
}

// runsAre looks that every run has come to its end, but for those of the last
// moments.
func (k *killed) runsAre() {
	k.byJob = map[string][]engine.RunSummary{}
	last := k.lives[len(k.lives)-1].from
	open := 0
	for _, r := range k.record.runs("") {
		k.byJob[r.Job] = append(k.byJob[r.Job], r)
		if !r.Ended.IsZero() {
			continue
		}
		open++
		if r.Created.Before(last) || r.Outcomes[engine.InFlight] > 0 {
			k.t.Errorf("run %s of %s, of %s, is open: %v", r.ID, r.Job, r.Created, r.Outcomes)
		}
	}
	counts := map[string]int{}
	for job, runs := range k.byJob {
		counts[job] = len(runs)
	}
	k.t.Logf("%d lives; runs: %v, of which %d are open", len(k.lives), counts, open)
}

// dueTimes looks that each due time of the schedules is on record once.
func (k *killed) dueTimes() {
	settled, err := k.record.led.Settled(k.t.Context())
	if err != nil {
		k.t.Fatal(err)
	}
	for job, every := range everyDue {
		begin := k.applied()
		until := settled[engine.TriggerKey{Job: job}]
		account := map[int64][]string{}
		for _, r := range k.byJob[job] {
			if r.Cause.Kind == "schedule" {
				account[r.Cause.Fired.Due.Unix()] = append(account[r.Cause.Fired.Due.Unix()], "run "+r.ID)
			}
		}
		reasons := map[engine.MissedReason]int64{}
		for m, err := range k.record.led.Missed(k.t.Context(), engine.MissedQuery{Job: job}) {
			if err != nil {
				k.t.Fatal(err)
			}
			n := int64(0)
			for at := m.First; !at.After(m.Last); at = at.Add(every) {
				account[at.Unix()] = append(account[at.Unix()], "missed: "+string(m.Reason))
				n++
			}
			if n != m.Count {
				k.t.Errorf("%s: %d missed from %s to %s, want %d", job, m.Count, m.First, m.Last, n)
			}
			reasons[m.Reason] += n
		}
		fired, all := 0, 0
		for at := begin.Truncate(every).Add(every); !at.After(until); at = at.Add(every) {
			all++
			if len(account[at.Unix()]) != 1 {
				k.t.Errorf("%s, due at %s: %v", job, at, account[at.Unix()])
			}
			delete(account, at.Unix())
		}
		for at, what := range account {
			k.t.Errorf("%s was not due at %s: %v", job, time.Unix(at, 0), what)
		}
		for _, r := range k.byJob[job] {
			if r.Cause.Kind == "schedule" {
				fired++
			}
		}
		if fired == 0 || reasons[engine.MissedLate] == 0 && job == "sip_notify.skips" && len(k.lives) > 50 { // few kills may meet no due time
			k.t.Errorf("%s fired %d times of %d, missed %v: there was nothing to see", job, fired, all, reasons)
		}
		k.t.Logf("%s: %d due times, %d fired, missed %v", job, all, fired, reasons)
	}
}

// applied is when the schedules began: by the first run, which the first apply
// has started.
func (k *killed) applied() time.Time {
	first := k.byJob["sip_notify.long"]
	if len(first) == 0 {
		k.t.Fatal("the first apply has started no run")
	}
	return first[0].Created
}

// events looks that no event has fired twice, that within a life none is left
// out between others, and that what is left out is within a time of which the
// record says so.
func (k *killed) events() {
	type firing struct {
		number  int
		created time.Time
	}
	var firings []firing
	seen := map[int]string{}
	for _, r := range k.byJob["sip_notify.told"] {
		headers := r.Cause.Fired.Event
		i := slices.IndexFunc(headers, func(h schema.EventHeader) bool { return h.Name == "Number" })
		if i < 0 {
			k.t.Fatalf("run %s has no event: %v", r.ID, headers)
		}
		n, err := strconv.Atoi(headers[i].Value)
		if err != nil {
			k.t.Fatal(err)
		}
		if was := seen[n]; was != "" {
			k.t.Errorf("event %d has fired %s and %s", n, was, r.ID)
		}
		seen[n] = r.ID
		firings = append(firings, firing{n, r.Created})
	}
	var windows []engine.Missed
	for _, m := range k.record.missed(engine.MissedDisconnected) {
		if m.PBX == "pbx.sim" {
			windows = append(windows, m)
		}
	}
	covered := func(at time.Time) bool {
		return slices.ContainsFunc(windows, func(m engine.Missed) bool { return !at.Before(m.First) && !at.After(m.Last) })
	}
	lost, heard := 0, 0
	for i, f := range firings {
		if i == 0 || f.number == firings[i-1].number+1 {
			continue
		}
		before := firings[i-1]
		lost += f.number - before.number - 1
		for _, l := range k.lives {
			if !before.created.Before(l.from) && !f.created.After(l.until) {
				k.t.Errorf("between events %d and %d others are left out within one life", before.number, f.number)
			}
		}
		if !covered(before.created.Add(time.Millisecond)) || !covered(f.created.Add(-10*time.Millisecond)) && !covered(f.created.Add(-time.Second)) {
			k.t.Errorf("the record does not say that events may be missing between %s and %s", before.created, f.created)
		}
	}
	for _, l := range k.lives {
		if slices.ContainsFunc(firings, func(f firing) bool { return !f.created.Before(l.from) && !f.created.After(l.until) }) {
			heard++
		}
	}
	if len(firings) == 0 || heard < 2 {
		k.t.Errorf("%d events fired, in %d lives: there was nothing to see", len(firings), heard)
	}
	k.t.Logf("%d events raised, %d fired in %d lives, %d fell into %d recorded windows", k.raised, len(firings), heard, lost, len(windows))
}

// chain looks that each run that has ended led to exactly one of each job that
// follows it, or is owed still.
func (k *killed) chain() {
	owed, err := k.record.led.Owed(k.t.Context())
	if err != nil {
		k.t.Fatal(err)
	}
	waits := map[string]bool{}
	for _, o := range owed {
		waits[o.Run] = true
	}
	for of, by := range map[string]string{"sip_notify.skips": "sip_notify.then", "sip_notify.then": "user_event.last"} {
		led := map[string]int{}
		for _, r := range k.byJob[by] {
			if r.Cause.Kind == "after" {
				led[r.Cause.Fired.Run]++
			}
		}
		for _, r := range k.byJob[of] {
			want := 1
			if waits[r.ID] {
				want = 0
			}
			if led[r.ID] != want {
				k.t.Errorf("run %s of %s led to %d runs of %s, want %d", r.ID, of, led[r.ID], by, want)
			}
		}
		if len(led) == 0 {
			k.t.Errorf("no run of %s led to any of %s", of, by)
		}
	}
}

// sent holds what the phones got against the record.
func (k *killed) sent() {
	arrived := map[string]int{}
	for _, n := range k.sim.Notifies() {
		arrived[n.ActionID]++
	}
	for _, e := range k.sim.UserEvents() {
		if e.ActionID != "" {
			arrived[e.ActionID]++
		}
	}
	type delivery struct{ run, target string }
	ends := map[delivery]map[engine.Outcome]int{}
	outcomes := map[engine.Outcome]int{}
	recorded := map[string]bool{}
	for _, a := range k.record.attempts("") {
		outcomes[a.Outcome]++
		n := arrived[a.ActionID]
		if a.Attempt > 0 && recorded[a.ActionID] {
			k.t.Errorf("%s is on record twice", a.ActionID)
		}
		recorded[a.ActionID] = true
		switch a.Outcome {
		case engine.Accepted, engine.Answered:
			if n != 1 {
				k.t.Errorf("%s to %s is %s and arrived %d times", a.ActionID, a.Target, a.Outcome, n)
			}
		case engine.Unknown:
			if n > 1 {
				k.t.Errorf("%s to %s arrived %d times", a.ActionID, a.Target, n)
			}
		case engine.InFlight:
			k.t.Errorf("%s to %s is in flight", a.ActionID, a.Target)
		default:
			if a.Attempt > 0 && n != 0 {
				k.t.Errorf("%s to %s is %s and arrived %d times", a.ActionID, a.Target, a.Outcome, n)
			}
		}
		d := delivery{a.Run, a.Target}
		if ends[d] == nil {
			ends[d] = map[engine.Outcome]int{}
		}
		ends[d][a.Outcome]++
	}
	for id := range arrived {
		if !recorded[id] {
			k.t.Errorf("%s arrived and is not on record", id)
		}
	}
	resends := map[string]bool{"sip_notify.then": true, "sip_notify.long": true}
	jobs := map[string]string{}
	for job, runs := range k.byJob {
		for _, r := range runs {
			jobs[r.ID] = job
		}
	}
	for d, by := range ends {
		good := by[engine.Accepted] + by[engine.Answered]
		if maybe := good + by[engine.Unknown]; maybe > 1 && !resends[jobs[d.run]] || good > 1 {
			k.t.Errorf("%s of run %s of %s: %v", d.target, d.run, jobs[d.run], by)
		}
	}
	k.t.Logf("%d NOTIFYs and user events arrived; attempts: %v", len(arrived), outcomes)
}
