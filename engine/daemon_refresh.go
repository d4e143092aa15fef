package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/notifyrun/notifyrun/schema"
)

// A job that depends on data sources is not fired as it was applied. When it is to
// fire, what they say is read again beside the loop, and only what comes of that is
// decided and recorded. Until then its due time is not settled, the events that
// fire it are not listened past, and what an after trigger is owed is not paid, so
// that a crash in the meantime loses nothing.

const (
	readAgain   = 5 * time.Second // after data could not be read
	readTakes   = 2 * time.Minute // longer than this no reading takes
	readHolds   = time.Minute     // nor is what was read used later than this
	eventGrace  = time.Minute     // an event whose data cannot be read for so long fires nothing
	unreadAtEnd = "the daemon has ended before the data were read that the job depends on"
)

// dataWait is a job that is to fire, or to go on, once what it depends on has been
// read again.
type dataWait struct {
	job       string
	schedules map[TriggerKey]time.Time // that are due, with what was settled before
	arrivals  []arrival                // events that fire it
	after     bool                     // the end of a run fires it
	goesOn    bool                     // open runs of it are to go on
	since     time.Time                // when it began to be read
	failed    error                    // why it could not be; nil: it was not tried yet
	notBefore time.Time                // when it is tried again
}

// reread is what came of reading again what a job depends on.
type reread struct {
	*dataWait
	serving *Serving // for which it was read
	now     *schema.Job
	prep    prepared
	err     error // why it could not be read, or the job not be evaluated
}

// gone tells whether what was read has no such job: the key of a for_each that it
// was for is not there.
func (r *reread) gone() bool { return r.err == nil && r.now == nil }

// live tells whether a job is fired by what its data sources say then.
func (l *loop) live(j *schema.Job) bool { return l.Refresh != nil && j != nil && len(j.Data) > 0 }

// awaitData has a job's data read again.
func (l *loop) awaitData(job string) *dataWait {
	w := l.awaiting[job]
	if w == nil {
		w = &dataWait{job: job, schedules: map[TriggerKey]time.Time{}}
		l.awaiting[job] = w
	}
	return w
}

// due has a schedule wait.
func (w *dataWait) due(key TriggerKey, settled time.Time) {
	if was, ok := w.schedules[key]; !ok || settled.Before(was) {
		w.schedules[key] = settled
	}
}

// fails puts off what could not be read.
func (w *dataWait) fails(r *reread, now time.Time) {
	w.failed, w.notBefore = r.err, now.Add(readAgain)
}

// awaitsData tells whether a schedule has a due time that waits for data.
func (l *loop) awaitsData(key TriggerKey) bool {
	for _, w := range []*dataWait{l.awaiting[key.Job], l.reading[key.Job]} {
		if w != nil {
			if _, waits := w.schedules[key]; waits {
				return true
			}
		}
	}
	return false
}

// readData begins to read for the jobs that await it, those together that depend on
// the same. What a job is to fire for that comes while its data are being read
// waits for the next reading: it may be about just what has changed since.
func (l *loop) readData(now time.Time) {
	if l.serving == nil || l.ending {
		return
	}
	together := map[string][]*dataWait{}
	for job, w := range l.awaiting {
		if l.reading[job] != nil || w.notBefore.After(now) {
			continue
		}
		delete(l.awaiting, job)
		l.reading[job], w.since = w, now
		key := fmt.Sprint(l.serving.serialOf(job), " ", strings.Join(l.serving.Jobs[job].Data, " "))
		together[key] = append(together[key], w)
	}
	for _, all := range together {
		l.read(all, now)
	}
}

// read reads for jobs that go by one configuration.
func (l *loop) read(all []*dataWait, since time.Time) {
	serving, ctx := l.serving, l.readings
	l.working.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, readTakes)
		defer cancel()
		read := l.reread(ctx, serving, all, since)
		l.post(func(now time.Time) { l.wasRead(read, now) })
	})
}

// reread reads and evaluates.
func (l *loop) reread(ctx context.Context, s *Serving, all []*dataWait, since time.Time) []*reread {
	serial := s.serialOf(all[0].job)
	to := movedSince(s.applied.Moved, serial)
	written := make(map[string]string, len(to)) // the addresses that the configuration has
	for from, now := range to {
		written[now] = from
	}
	address := func(w *dataWait) string { return presentName(written, presentName(s.then, w.job)) }
	jobs := make([]string, len(all))
	for i, w := range all {
		jobs[i] = address(w)
	}
	slices.Sort(jobs)
	found, err := l.Refresh(ctx, Refreshment{s.applied, serial, jobs, s.Jobs[all[0].job].Data, since})
	read := make([]*reread, len(all))
	for i, w := range all {
		r := &reread{dataWait: w, serving: s}
		read[i] = r
		j := found[address(w)]
		if j == nil {
			r.err = err
			continue
		}
		now := *renamedJob(j, to)
		now.Address = w.job
		r.now = &now
		prep, diags := prepareJob(r.now)
		if r.prep = prep; diags.HasErrors() {
			r.err = refusal(diags)
		}
	}
	return read
}

// serialOf is the configuration that a job goes by.
func (s *Serving) serialOf(job string) uint64 { return s.applied.Jobs[presentName(s.then, job)] }

// wasRead takes what was read, for the next decision.
func (l *loop) wasRead(read []*reread, now time.Time) {
	for _, r := range read {
		if l.reading[r.job] != r.dataWait { // it was given up, as for a new configuration
			continue
		}
		delete(l.reading, r.job)
		l.ready = append(l.ready, r)
		if r.err != nil {
			l.Log.Warn("the data that a job depends on cannot be read; it is tried again", "job", r.job, "error", r.err)
		}
	}
}

// takeReady fires what has waited for what was read.
func (l *loop) takeReady(d *decision, now time.Time) {
	ready := l.ready
	l.ready = nil
	for _, r := range ready {
		if now.Sub(r.since) > readTakes+readHolds { // the state could not be written meanwhile
			l.putOff(r.dataWait)
			continue
		}
		for key, settled := range r.schedules {
			l.fireSchedule(d, key, settled, now, r)
		}
		for _, a := range r.arrivals {
			if r.err != nil && now.Sub(a.at) < eventGrace {
				w := l.awaitData(r.job)
				w.arrivals = append(w.arrivals, a)
				w.fails(r, now)
				continue
			}
			d.arrivals = append(d.arrivals, a)
			l.fireEvent(d, a, now, r)
		}
		if r.after {
			l.owed = true
			d.following[r.job] = r
		}
		if r.goesOn {
			l.goOn(r, now)
		}
	}
}

// putOff has all that waits for a reading wait for another one.
func (l *loop) putOff(was *dataWait) {
	w := l.awaitData(was.job)
	for key, settled := range was.schedules {
		w.due(key, settled)
	}
	w.arrivals = append(was.arrivals, w.arrivals...)
	w.after = w.after || was.after
	w.goesOn = w.goesOn || was.goesOn
}

// unreadSchedule records the due times of which the grace is over, since what their
// job depends on cannot be read, and has the last one tried again.
func (l *loop) unreadSchedule(d *decision, key TriggerKey, t *schema.ScheduleTrigger, settled time.Time, grace time.Duration, r *reread, now time.Time) {
	times := NewDueTimes(t, key.Job)
	s := times.Settle(settled, now, schema.MissedOnce, grace)
	if s.Fire.IsZero() {
		return
	}
	miss := func(due DueRange) {
		d.Missed = append(d.Missed, Missed{
			TriggerKey: key, Reason: MissedUnread, Count: due.N, First: due.First.At, Last: due.Last.At, Detail: r.err.Error(), At: now,
		})
	}
	until := settled
	if s.Missed.N > 0 {
		miss(s.Missed)
		until = s.Missed.Last.At
	}
	over := t.Missed != schema.MissedOnce && now.Sub(s.Fire.Fires) >= max(grace, leastGrace)
	if over {
		miss(DueRange{1, s.Fire, s.Fire})
		until = s.Settled
	}
	if !until.Equal(settled) {
		d.taken = append(d.taken, Settled{key, settled})
		d.Settled = append(d.Settled, Settled{key, until})
	}
	if !over {
		w := l.awaitData(key.Job)
		w.due(key, until)
		w.fails(r, now)
	}
}

// goOn has the open runs of a job go on that wait for what it depends on.
func (l *loop) goOn(r *reread, now time.Time) {
	if r.err != nil {
		w := l.awaitData(r.job)
		w.goesOn = true
		w.fails(r, now)
		return
	}
	l.current[r.job] = r
	if j := l.serving.Jobs[r.job]; j != nil && l.lanes[j.PBX.Address] != nil {
		l.restart(l.lanes[j.PBX.Address], false)
	}
}

// asRead parts the open runs of a lane in those that can go on and those that wait
// until what their jobs depend on has been read. What an apply has shown goes on as
// it was shown. The jobs of the others are returned as they are now.
func (l *loop) asRead(open []OpenRun, now time.Time) (ready []OpenRun, jobs map[string]*reread) {
	jobs = map[string]*reread{}
	for _, r := range open {
		j := l.serving.Jobs[r.Job]
		if !l.live(j) || r.Cause.Kind == "change" || len(r.Waits) > 0 {
			ready = append(ready, r)
			continue
		}
		if _, paused := l.pauses[r.Job]; paused {
			ready = append(ready, r) // stays as it is
			continue
		}
		if read := l.current[r.Job]; read != nil && read.serving == l.serving && now.Sub(read.since) <= readTakes+readHolds {
			jobs[r.Job] = read
			ready = append(ready, r)
			continue
		}
		l.awaitData(r.Job).goesOn = true
	}
	for job := range jobs {
		delete(l.current, job)
	}
	return ready, jobs
}

// giveUp ends all readings: what they were for is decided anew, by another
// configuration.
func (l *loop) giveUp() {
	l.endReadings()
	l.readings, l.endReadings = context.WithCancel(context.Background())
	for _, w := range l.dataWaits() {
		for key, settled := range w.schedules {
			if t := l.serving.schedule(key); t != nil {
				l.table.Set(key, NewDueTimes(t, key.Job), settled)
			}
		}
		l.arrivals = append(l.arrivals, w.arrivals...)
		l.owed = l.owed || w.after
	}
	clear(l.awaiting)
	clear(l.reading)
	clear(l.current)
	l.ready = nil
}

// dataWaits are all jobs that await something.
func (l *loop) dataWaits() []*dataWait {
	all := slices.AppendSeq(slices.Collect(maps.Values(l.awaiting)), maps.Values(l.reading))
	for _, r := range l.ready {
		all = append(all, r.dataWait)
	}
	return all
}

// awaitedArrivals is how many events wait for data.
func (l *loop) awaitedArrivals() int {
	n := 0
	for _, w := range l.dataWaits() {
		n += len(w.arrivals)
	}
	return n
}

// endAwaiting ends what awaits data at the end of the daemon. Due times that are
// not settled are found at the next start, and so is what after triggers are owed;
// events would be lost without a word.
func (l *loop) endAwaiting(now time.Time) {
	l.endReadings()
	for _, w := range l.dataWaits() {
		for _, a := range w.arrivals {
			l.miss(a, MissedUnread, unreadAtEnd, now)
		}
	}
	clear(l.awaiting)
	clear(l.reading)
	l.ready = nil
}

// errGone is why a job fires nothing that what was read has no more.
var errGone = errors.New("what was read has no such job any more")
