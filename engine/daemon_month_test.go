package engine

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// monthJob is a job of the month: what its configuration says, and what a
// person with a watch makes of it.
type monthJob struct {
	name  string
	cron  string // as configured
	plain string // in plain numbers, for the watch; seconds of an @every
	zone  string
	slow  bool // a run takes half an hour
	skip  bool // enabled = false

	jitter  time.Duration
	grace   time.Duration // 0: a minute
	once    bool
	overlap string
}

func (j monthJob) address() string { return "sip_notify." + j.name }

func (j monthJob) hcl() string {
	var extra strings.Builder
	if j.jitter > 0 {
		fmt.Fprintf(&extra, "    jitter = %q\n", j.jitter)
	}
	if j.grace > 0 {
		fmt.Fprintf(&extra, "    grace = %q\n", j.grace)
	}
	if j.once {
		extra.WriteString("    missed = \"once\"\n")
	}
	if j.overlap != "" {
		fmt.Fprintf(&extra, "    overlap = %q\n", j.overlap)
	}
	pbx := "hq"
	switch {
	case j.slow:
		pbx = j.name
	case j.overlap == "cancel_previous":
		pbx = "narrow"
	}
	return fmt.Sprintf(`
sip_notify %q {
  pbx     = pbx.%s
  enabled = %t
  targets = ["SIP/%s-1", "SIP/%s-2", "SIP/%s-3"]
  message {
    event = "check-sync"
  }
  trigger "schedule" {
    cron     = %q
    timezone = %q
%s  }
}
`, j.name, pbx, !j.skip, j.name, j.name, j.name, j.cron, j.zone, &extra)
}

// share is the job's part of its jitter, as docs/schedules.md has it.
func (j monthJob) share() time.Duration {
	if j.jitter == 0 {
		return 0
	}
	sum := sha256.Sum256([]byte(j.address()))
	return time.Duration(binary.BigEndian.Uint64(sum[:])%uint64(j.jitter.Milliseconds())) * time.Millisecond
}

// due walks through a time with a watch.
func (j monthJob) due(tb testing.TB, watches map[string]watch, from, to time.Time) (list []time.Time) {
	if strings.HasPrefix(j.cron, "@every") {
		every := int64(number(tb, j.plain))
		for unix := from.Unix() + 1; unix <= to.Unix(); unix++ {
			if unix%every == 0 {
				list = append(list, time.Unix(unix, 0))
			}
		}
		return list
	}
	for _, d := range watches[j.zone].fire(tb, j.plain) {
		if d.At.After(from) && !d.At.After(to) {
			list = append(list, d.At)
		}
	}
	return list
}

// promise is a time in which a job's schedule held: due times after from and up
// to until are to be accounted for.
type promise struct {
	monthJob
	from, until time.Time
}

// outage is a time in which nothing can fire, and what ended it.
type outage struct{ from, until time.Time }

// monthOf plays the month.
type monthOf struct {
	*stage
	watches  map[string]watch
	jobs     map[string]monthJob
	promises []promise
	since    map[string]time.Time // of the promises that hold
	outages  []outage
	pauses   []pausedFor
	byJob    map[string][]*memoryRun
}

type pausedFor struct {
	job         string
	from, until time.Time
}

// configure applies a set of jobs now.
func (m *monthOf) configure(jobs ...monthJob) {
	m.Helper()
	text := strings.Builder{}
	for pbx, rate := range map[string]string{"hq": "unlimited", "narrow": "20/h", "skips": "4/h", "queues": "4/h"} {
		fmt.Fprintf(&text, "pbx %q {\n  address = \"pbx.example.net:5038\"\n  username = \"n\"\n  secret = \"s\"\n  rate_limit = %q\n}\n", pbx, rate)
	}
	next := map[string]monthJob{}
	for _, j := range jobs {
		next[j.name] = j
		text.WriteString(j.hcl())
	}
	now := time.Now()
	for name, was := range m.jobs {
		is, stays := next[name]
		if stays && is.cron == was.cron && is.zone == was.zone && is.skip == was.skip {
			continue
		}
		if !was.skip {
			m.promises = append(m.promises, promise{was, m.since[name], now})
		}
		delete(m.since, name)
	}
	for name, j := range next {
		if _, holds := m.since[name]; !holds && !j.skip {
			m.since[name] = now
		}
	}
	m.jobs = next
	m.apply(configure(m.T, text.String()))
}

// slowMonth is how much more rarely the daemon looks at clock and state in the
// month.
const slowMonth = 30

// settleDown lets the daemon take what was changed.
func (m *monthOf) settleDown() { m.sleep(slowMonth*followEvery + time.Second) }

func (m *monthOf) start() {
	m.begin()
}

// until sleeps to an instant of the month.
func (m *monthOf) until(day, hour, minute, second int) {
	m.Helper()
	at := time.Date(2026, 10, day, hour, minute, second, 300e6, time.UTC)
	if d := time.Until(at); d < 0 {
		m.Fatalf("the script goes back to %s", at)
	}
	m.sleep(time.Until(at))
}

// A month of a daemon, with changes of the clock in many zones, restarts,
// pauses, applies and a full disk. Each due time that a person with a watch sees
// has fired exactly once, or is on record as missed for the right reason.
func TestDaemon_month(t *testing.T) {
	zones := []string{
		"UTC", "Europe/Berlin", "America/New_York", "America/Havana", "Australia/Lord_Howe", "America/Santiago", "Asia/Kathmandu", "Pacific/Chatham",
	}
	var jobs []monthJob
	exprs := [][2]string{
		{"30 2 * * *", "30 2 * * *"}, {"30 1 * * *", "30 1 * * *"}, {"0 * * * *", "0 * * * *"}, {"0 0-23 * * *", "0 0-23 * * *"},
		{"*/15 2 * * *", "*/15 2 * * *"}, {"15,45 8-18/2 * OCT,NOV MON-FRI", "15,45 8-18/2 * 10,11 1-5"},
		{"0 9 13 * FRI", "0 9 13 * 5"}, {"20 0 */2 nov sun", "20 0 */2 11 0"}, {"10,50 5 1 * * *", "10,50 5 1 * * *"},
		{"@daily", "0 0 * * *"}, {"@hourly", "0 * * * *"}, {"@weekly", "0 0 * * 0"}, {"@monthly", "0 0 1 * *"},
		{"@every 97m", "5820"}, {"@every 24h", "86400"}, {"0 12 29 2 *", "0 12 29 2 *"},
	}
	for i, zone := range zones {
		for n, e := range exprs {
			j := monthJob{name: fmt.Sprintf("z%d_%d", i, n), cron: e[0], plain: e[1], zone: zone}
			j.jitter = []time.Duration{0, 0, 10 * time.Minute, 45 * time.Minute}[(i+n)%4]
			j.grace = []time.Duration{0, 20 * time.Minute, 0, 3 * time.Hour, 0}[(i+2*n)%5]
			j.once = (3*i+n)%3 == 0
			jobs = append(jobs, j)
		}
	}
	jobs = append(jobs,
		monthJob{name: "seconds", cron: "7,37 */5 3-5 * * *", plain: "7,37 */5 3-5 * * *", zone: "Europe/Berlin"},
		monthJob{name: "often", cron: "*/10 * * * *", plain: "*/10 * * * *", zone: "UTC", once: true},
		monthJob{name: "skips", cron: "*/20 * * * *", plain: "*/20 * * * *", zone: "UTC", slow: true, overlap: "skip"},
		monthJob{name: "queues", cron: "3/20 * * * *", plain: "3-59/20 * * * *", zone: "UTC", slow: true, overlap: "queue"},
		monthJob{name: "cancels", cron: "*/5 * * * *", plain: "*/5 * * * *", zone: "UTC", overlap: "cancel_previous"},
		monthJob{name: "paused", cron: "*/30 * * * *", plain: "*/30 * * * *", zone: "America/New_York"},
		monthJob{name: "disabled", cron: "*/5 * * * *", plain: "*/5 * * * *", zone: "UTC", skip: true},
	)
	changed := slices.Clone(jobs)
	alter := func(name string, f func(*monthJob)) {
		i := slices.IndexFunc(changed, func(j monthJob) bool { return j.name == name })
		f(&changed[i])
	}
	alter("z0_0", func(j *monthJob) { j.cron, j.plain = "40 2 * * *", "40 2 * * *" })
	alter("z1_2", func(j *monthJob) { j.zone = "Pacific/Chatham" })
	alter("z2_9", func(j *monthJob) { j.skip = true })
	alter("disabled", func(j *monthJob) { j.skip = false })
	changed = append(changed[5:], monthJob{name: "late", cron: "11 */3 * * *", plain: "11 */3 * * *", zone: "America/Havana", once: true})

	synctest.Test(t, func(t *testing.T) {
		begin := time.Date(2026, 10, 1, 9, 2, 30, 0, time.UTC)
		end := begin.AddDate(0, 0, 35)
		m := &monthOf{stage: newStage(t), watches: map[string]watch{}, since: map[string]time.Time{}}
		m.stage.slow = slowMonth
		for _, zone := range zones {
			m.watches[zone] = watchMinutes(loadZone(t, zone), begin.Add(-time.Hour).Truncate(time.Minute), end.Add(time.Hour))
		}
		m.answers(slowly(40 * time.Millisecond))
		failFor := func(d time.Duration) {
			m.outages = append(m.outages, outage{time.Now(), time.Now().Add(d)})
			m.fillUp(d)
		}
		down := func(d time.Duration) {
			from := time.Now()
			m.end()
			m.sleep(d)
			m.outages = append(m.outages, outage{from, time.Now()})
			m.start()
		}

		time.Sleep(time.Until(begin))
		m.configure(jobs...)
		m.start()
		m.settleDown()
		m.until(6, 7, 1, 20)
		failFor(4 * time.Minute)
		m.until(9, 22, 4, 0)
		pause := func(job string, until func()) {
			m.Pause(t.Context(), Pause{Job: job, Reason: "works on the line"})
			p := pausedFor{job: job, from: time.Now()}
			until()
			m.Unpause(t.Context(), job)
			p.until = time.Now()
			m.pauses = append(m.pauses, p)
			m.settleDown()
		}
		pause("sip_notify.paused", func() { m.until(10, 14, 12, 0) })
		m.until(12, 1, 59, 50)
		down(40 * time.Second)
		m.until(14, 12, 31, 0)
		down(49 * time.Hour)
		m.until(17, 20, 22, 11)
		failFor(3 * time.Hour)
		m.until(18, 0, 2, 0) // the clock was changed in Chatham and Santiago, and is in Lord Howe soon
		m.until(20, 10, 1, 30)
		m.configure(changed...)
		m.settleDown()
		m.until(22, 10, 1, 30)
		pause("sip_notify.paused", func() { m.until(22, 16, 33, 0); down(2 * time.Hour); m.until(22, 20, 12, 0) })
		m.until(24, 23, 30, 10)
		down(3 * time.Hour) // over the change in Berlin
		m.until(31, 23, 0, 10)
		failFor(90 * time.Minute)
		m.sleep(time.Until(end))
		for name, j := range m.jobs {
			if !j.skip {
				m.promises = append(m.promises, promise{j, m.since[name], end})
			}
		}
		m.end()
		m.hold()
	})
}

// handled is what became of one due time.
type handled struct {
	run    *memoryRun
	missed *Missed
}

// hold holds what is on record against what was promised.
func (m *monthOf) hold() {
	m.Helper()
	if m.said != nil && strings.Contains(m.said.String(), "ERROR") {
		for line := range strings.Lines(m.said.String()) {
			if strings.Contains(line, "ERROR") && !strings.Contains(line, errDiskFull.Error()) {
				m.Errorf("the daemon said: %s", line)
			}
		}
	}
	fired := map[string]map[int64][]*memoryRun{}
	m.byJob = map[string][]*memoryRun{}
	for _, r := range m.order {
		if r.Cause.Kind != "schedule" {
			m.Errorf("run %s of %s is caused by %s", r.ID, r.Job, r.Cause.Kind)
			continue
		}
		if fired[r.Job] == nil {
			fired[r.Job] = map[int64][]*memoryRun{}
		}
		m.byJob[r.Job] = append(m.byJob[r.Job], r)
		at := r.Cause.Fired.Due.Unix()
		fired[r.Job][at] = append(fired[r.Job][at], r)
	}
	missed := map[string][]*Missed{}
	for i := range m.missed {
		missed[m.missed[i].Job] = append(missed[m.missed[i].Job], &m.missed[i])
	}
	total, counts := 0, map[string]int{}
	accounted := map[string]int64{} // due times by job
	for _, p := range m.promises {
		dues := p.due(m.T, m.watches, p.from, p.until.Add(-p.share()))
		total += len(dues)
		accounted[p.address()] += int64(len(dues))
		for i, at := range dues {
			var h handled
			n := 0
			for _, r := range fired[p.address()][at.Unix()] {
				h.run = r
				n++
			}
			for _, miss := range missed[p.address()] {
				if !at.Before(miss.First) && !at.After(miss.Last) {
					h.missed = miss
					n++
				}
			}
			if n != 1 {
				m.Errorf("%s, %q in %s: due at %s is accounted for %d times", p.name, p.cron, p.zone, at.UTC(), n)
				return
			}
			counts[m.check(p, dues, i, h)]++
		}
	}
	// And nothing beside that.
	for job, byTime := range fired {
		for _, runs := range byTime {
			accounted[job] -= int64(len(runs))
		}
	}
	for job, all := range missed {
		for _, miss := range all {
			accounted[job] -= miss.Count
		}
	}
	for job, n := range accounted {
		if n != 0 {
			m.Errorf("%s: %d due times more than what is on record", job, n)
		}
	}
	for _, what := range []string{"fired", "late", "overlap", "paused"} {
		if counts[what] < 20 {
			m.Errorf("only %d %s", counts[what], what)
		}
	}
	m.Logf("%d due times: %v", total, counts)
	if total < 50_000 {
		m.Errorf("only %d due times", total)
	}
}

// failing tells whether a run of that time may have met an outage.
func (m *monthOf) failing(at time.Time) bool {
	return slices.ContainsFunc(m.outages, func(o outage) bool {
		return at.After(o.from.Add(-2*time.Second)) && at.Before(o.until.Add(2*time.Second))
	})
}

// check holds what became of a due time against the rules, and names it.
func (m *monthOf) check(p promise, dues []time.Time, i int, h handled) string {
	m.Helper()
	const soon = 20 * time.Millisecond // a turn of the loop
	at := dues[i]
	fires := at.Add(p.share())
	when, reason := time.Time{}, "fired"
	if h.run != nil {
		when = h.run.fired
	} else {
		when, reason = h.missed.At, string(h.missed.Reason)
	}
	looked := outage{fires, fires.Add(soon)} // when it must have been decided
	last := true                             // of those that were decided then
	for _, o := range m.outages {
		if !fires.Before(o.from.Add(-soon)) && fires.Before(o.until) {
			looked = outage{o.until, o.until.Add(commitAgain + soon)}
			last = i+1 == len(dues) || dues[i+1].Add(p.share()).After(when)
			if fires.Before(o.from) && when.Before(o.from.Add(soon)) {
				looked, last = outage{fires, fires.Add(soon)}, true // just before
			}
		}
	}
	if when.Before(looked.from) || when.After(looked.until) {
		m.Errorf("%s, %q in %s: due at %s is %s at %s, want from %s to %s", p.name, p.cron, p.zone, fires, reason, when, looked.from, looked.until)
	}
	want := "fired"
	grace := p.grace
	if grace == 0 {
		grace = time.Minute
	}
	open := 0
	if p.overlap != "cancel_previous" {
		// Those that began before and were open still, of which there are few.
		runs := m.byJob[p.address()]
		n, _ := slices.BinarySearchFunc(runs, when, func(r *memoryRun, at time.Time) int { return r.fired.Compare(at) })
		for _, r := range runs[max(0, n-8):n] {
			if r.ended.IsZero() || r.ended.After(when) {
				open++
			}
		}
	}
	paused := slices.ContainsFunc(m.pauses, func(f pausedFor) bool {
		return f.job == p.address() && when.After(f.from) && when.Before(f.until.Add(slowMonth*followEvery))
	})
	switch {
	case !last || !p.once && when.Sub(fires) >= grace:
		want = "late"
	case paused:
		want = "paused"
	case p.overlap != "cancel_previous" && p.overlap != "queue" && open > 0, p.overlap == "queue" && open > 1:
		want = "overlap"
	}
	if reason != want {
		m.Errorf("%s, %q in %s: due at %s is %s, want %s (decided at %s, %d open)", p.name, p.cron, p.zone, fires, reason, want, when, open)
	}
	if h.run != nil && p.overlap == "" && !p.slow {
		if took := h.run.ended.Sub(h.run.fired); h.run.ended.IsZero() || took > 2*time.Second && !m.failing(h.run.fired) {
			m.Errorf("%s: the run of %s took %s", p.name, fires, took)
		}
	}
	return reason
}
