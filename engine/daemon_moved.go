package engine

import (
	"maps"
	"slices"
	"time"

	"github.com/notifyrun/notifyrun/schema"
)

// movedSince gives the present address, by the one of after the publication with
// that serial, of the jobs that were moved by a later one.
func movedSince(all []Moved, serial uint64) map[string]string {
	to, from := map[string]string{}, map[string]string{}
	for _, m := range all {
		if m.Serial <= serial {
			continue
		}
		first := m.From
		if f, ok := from[m.From]; ok {
			first = f
			delete(from, m.From)
		}
		to[first], from[m.To] = m.To, first
	}
	maps.DeleteFunc(to, func(a, b string) bool { return a == b })
	return to
}

// renamedJob is a job as it is once it and others have moved: it has its present
// address, and so have those that it follows.
func renamedJob(j *schema.Job, to map[string]string) *schema.Job {
	address, moved := to[j.Address]
	present := func(jobs []string) []string {
		jobs = slices.Clone(jobs)
		for i, job := range jobs {
			if now, ok := to[job]; ok {
				jobs[i] = now
			}
		}
		slices.Sort(jobs)
		return jobs
	}
	concerned := func(jobs []string) bool {
		return slices.ContainsFunc(jobs, func(job string) bool { return to[job] != "" })
	}
	now := *j
	if moved {
		now.Address = address
	}
	if concerned(j.DependsOn) {
		now.DependsOn, moved = present(j.DependsOn), true
	}
	for i, t := range j.Triggers {
		after, ok := t.(*schema.AfterTrigger)
		if !ok || !concerned(after.Jobs) {
			continue
		}
		follows := *after
		follows.Jobs = present(after.Jobs)
		if !moved || &now.Triggers[0] == &j.Triggers[0] {
			now.Triggers = slices.Clone(j.Triggers)
		}
		now.Triggers[i], moved = &follows, true
	}
	if !moved {
		return j
	}
	return &now
}

// renamed is the same configuration once jobs have moved by publications up to one
// that cannot be evaluated: what is in force goes on under the present addresses,
// or all that it does would be recorded of jobs that are no more.
func (s *Serving) renamed(to map[string]string, serial uint64) *Serving {
	now := *s
	now.renames = serial
	now.then = map[string]string{}
	now.Jobs, now.prep = make(map[string]*schema.Job, len(s.Jobs)), make(map[string]prepared, len(s.prep))
	for address, j := range s.Jobs {
		j = renamedJob(j, to)
		now.Jobs[j.Address], now.prep[j.Address] = j, s.prep[address]
		if then := presentName(s.then, address); then != j.Address {
			now.then[j.Address] = then
		}
	}
	now.connect()
	return &now
}

// rename has all that the loop remembers of jobs go by their present addresses.
func (l *loop) rename(to map[string]string) {
	for job, now := range l.moved {
		if next, ok := to[now]; ok {
			l.moved[job] = next
		}
	}
	maps.Copy(l.moved, to)
	for _, now := range to {
		delete(l.moved, now)
	}
	open := l.open
	l.open = make(map[string]map[string]bool, len(open))
	for job, runs := range open {
		for run := range runs {
			l.opened(presentName(to, job), run)
		}
	}
	l.debounce.rename(to)
	for i, a := range l.arrivals {
		l.arrivals[i].key.Job = presentName(to, a.key.Job)
	}
	misses := l.misses
	l.misses = map[missKey]*Missed{}
	for _, m := range misses {
		m.Job = presentName(to, m.Job)
		add(l.misses, *m)
	}
}

func presentName(to map[string]string, job string) string {
	if now, ok := to[job]; ok {
		return now
	}
	return job
}

// present is the key of a trigger that was found by an earlier configuration.
func (l *loop) present(key TriggerKey) TriggerKey {
	if l.serving != nil && l.serving.Jobs[key.Job] == nil {
		key.Job = presentName(l.moved, key.Job)
	}
	return key
}

// jobOf is the present address of the job of a run whose driver knows it by an
// earlier one.
func (l *loop) jobOf(r *RunReport) string {
	if l.open[r.Job][r.ID] || len(l.moved) == 0 {
		return r.Job
	}
	for job, runs := range l.open {
		if runs[r.ID] {
			return job
		}
	}
	return r.Job
}

// rename has what waits and what is throttled go by the present addresses of the
// jobs.
func (d *debouncer) rename(to map[string]string) {
	next := make(map[groupKey]time.Time, len(d.next))
	for key, until := range d.next {
		key.Job = presentName(to, key.Job)
		next[key] = until
	}
	waiting := make(map[groupKey]*putOff, len(d.waiting))
	for key, p := range d.waiting {
		key.Job = presentName(to, key.Job)
		p.key.Job = key.Job
		waiting[key] = p
	}
	if d.waiting != nil {
		d.next, d.waiting = next, waiting
	}
}

// eased is how much later than its grace a due time may fire that was waited for
// when its job moved: its share of the jitter was longer under the old address.
type eased struct {
	by    time.Duration
	until time.Time // of the due times that are meant
}

// ease says so of a schedule of a job that has moved.
func (l *loop) ease(key TriggerKey, was string, t *schema.ScheduleTrigger, now time.Time) {
	if by := jitterShare(was, t.Jitter) - jitterShare(key.Job, t.Jitter); by > 0 {
		l.eased[key] = eased{by, now}
	}
}
