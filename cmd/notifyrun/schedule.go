package main

import (
	"bufio"
	"cmp"
	"container/heap"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/notifyrun/notifyrun/engine"
	"github.com/notifyrun/notifyrun/schema"
)

var scheduleCommand = &command{
	name: "schedule", args: "[PATH]",
	short: "list the next due times of schedules",
	long: `Lists when the jobs with a schedule trigger are due, in the order of time, each
in the zone of its trigger. A due time that a change of the clock moves is
marked with the time that the schedule names, and so are jobs that are paused.
Needs no PBX. With -applied it goes by what notifyrun serve goes by: the applied
configuration, whatever the files say now.`,
	run: (*app).schedule,
}

func (a *app) schedule(ctx context.Context, args []string) error {
	var v values
	var job, from string
	a.flagSet()
	a.valueFlags(&v)
	n := a.flags.Int("count", 5, "list `n` due times of each job")
	a.flags.StringVar(&from, "from", "", "list due times at this `time` or later: RFC 3339, or 2006-01-02 15:04 in UTC; default: now")
	a.flags.StringVar(&job, "job", "", "only the job at this `address`")
	applied := a.flags.Bool("applied", false, "go by the applied configuration, as notifyrun serve does")
	path, err := a.parsePath(args)
	if err != nil {
		return err
	}
	if *n < 1 {
		return errors.New("schedule: -count must be 1 or more")
	}
	start, err := parseFrom(from, time.Now())
	if err != nil {
		return err
	}
	var cfg *schema.Config
	var pauses map[string]engine.Pause
	if *applied {
		cfg, pauses, err = a.appliedJobs(ctx, path, v)
	} else {
		cfg, pauses, err = a.declaredJobs(ctx, path, v)
	}
	if err != nil {
		return err
	}
	jobs := cfg.Jobs
	if job != "" {
		j, err := engine.FindJob(cfg, job)
		if err != nil {
			return fmt.Errorf("schedule of %s: %w", job, err)
		}
		jobs = []*schema.Job{j}
	}
	none := "Nothing is scheduled."
	if job != "" { // others may be
		none = "Nothing of " + printable(job) + " is scheduled."
	}
	err = a.listDue(newDueQueue(jobs, start), *n, pauses, none)
	if errors.Is(err, syscall.EPIPE) {
		return nil // the reader has seen enough
	}
	return err
}

// declaredJobs are those of the files, with what is paused in the state, if there
// is one.
func (a *app) declaredJobs(ctx context.Context, path string, v values) (*schema.Config, map[string]engine.Pause, error) {
	l, err := a.loadKept(ctx, path, v)
	if err != nil {
		return nil, nil, err
	}
	a.warn(l.source, l.diags)
	led, err := a.reader(ctx, l.state)
	if err != nil {
		return nil, nil, err
	}
	defer led.Close()
	pauses, err := led.Pauses(ctx)
	return l.config, pauses, err
}

// appliedJobs are those that notifyrun serve goes by, each of the configuration
// that it was applied with last.
func (a *app) appliedJobs(ctx context.Context, path string, v values) (*schema.Config, map[string]engine.Pause, error) {
	led, _, err := a.stateOf(ctx, path, v)
	if err != nil {
		return nil, nil, err
	}
	defer led.Close()
	applied, err := led.Applied(ctx)
	if err != nil {
		return nil, nil, err
	}
	pauses, err := led.Pauses(ctx)
	if err != nil {
		return nil, nil, err
	}
	configs, err := a.evaluateApplied(applied, directoryOf(path), v)
	if err != nil {
		return nil, nil, fmt.Errorf("evaluate the applied configuration: %w", err)
	}
	cfg := &schema.Config{}
	for _, serial := range slices.Sorted(maps.Keys(configs)) {
		for _, j := range configs[serial].Jobs {
			if applied.Jobs[j.Address] == serial {
				cfg.Jobs = append(cfg.Jobs, j)
			}
		}
	}
	return cfg, pauses, nil
}

// parseFrom reads the time at which a preview begins.
func parseFrom(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return now, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateTime, "2006-01-02 15:04", time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return now, fmt.Errorf("schedule: -from %q is neither a time such as 2006-01-02T15:04:05+01:00 nor one such as \"2006-01-02 15:04\" (UTC)", s)
}

// dueQueue has the next due time of each schedule trigger, earliest first.
type dueQueue []*dueEntry

type dueEntry struct {
	job   string
	of    *schema.Job
	order int // in the configuration
	times engine.DueTimes
	next  engine.Due
}

// newDueQueue starts with what is due at the given time or later.
func newDueQueue(jobs []*schema.Job, from time.Time) *dueQueue {
	var q dueQueue
	for _, j := range jobs {
		if !j.Enabled {
			continue
		}
		for _, t := range j.Triggers {
			if t, ok := t.(*schema.ScheduleTrigger); ok {
				e := &dueEntry{job: j.Address, of: j, order: len(q), times: engine.NewDueTimes(t, j.Address)}
				// Next looks beyond a whole second.
				if e.next = e.times.Next(from.Add(-time.Nanosecond)); !e.next.IsZero() {
					q = append(q, e)
				}
			}
		}
	}
	heap.Init(&q)
	return &q
}

func (q dueQueue) Len() int      { return len(q) }
func (q dueQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *dueQueue) Push(e any)   { *q = append(*q, e.(*dueEntry)) }
func (q dueQueue) Less(i, j int) bool {
	return cmp.Or(q[i].next.At.Compare(q[j].next.At), cmp.Compare(q[i].order, q[j].order)) < 0
}

func (q *dueQueue) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}

// take removes the earliest due time, and puts the next one of its trigger in
// its place unless the job has had enough.
func (q *dueQueue) take(enough bool) {
	first := (*q)[0]
	if !enough {
		first.next = first.times.Next(first.next.At)
	}
	if enough || first.next.IsZero() {
		heap.Pop(q)
		return
	}
	heap.Fix(q, 0)
}

// listDue writes the first n due times of each job, or none if there are none.
func (a *app) listDue(q *dueQueue, n int, pauses map[string]engine.Pause, none string) error {
	w := bufio.NewWriter(a.stdout)
	t := a.newTable(a.stdout, column{title: "DUE", whole: true}, column{title: "ZONE", ends: true}, column{title: "JOB", ends: true}, column{keep: true})
	listed := map[string]int{}
	if q.Len() == 0 && !a.json {
		fmt.Fprintln(w, none)
	}
	for q.Len() > 0 {
		e := (*q)[0]
		if listed[e.job] == n {
			q.take(true) // another trigger of the same job
			continue
		}
		listed[e.job]++
		held := engine.HeldBack(e.of, e.next.Fires)
		p, paused := pauses[e.job]
		var err error
		if a.json {
			due := newDueJSON(e.job, e.next)
			due.Paused, due.Held = paused, newHeldJSON(held)
			err = writeJSON(w, due)
		} else {
			note := dueNote(e.next)
			switch {
			case paused:
				note = "paused: " + p.Reason
			case held != nil:
				note = withNote(note, heldText(held))
			}
			t.add(dueTime(e.next), e.next.At.Location().String(), e.job, note)
			if len(t.rows) == 500 {
				err = t.flush(w)
			}
		}
		if err != nil {
			return err
		}
		q.take(listed[e.job] == n)
	}
	if len(t.rows) > 0 {
		if err := t.flush(w); err != nil {
			return err
		}
	}
	return w.Flush()
}

// dueTime writes a due time, in its zone.
func dueTime(d engine.Due) string { return d.At.Format("Mon 2006-01-02 15:04:05 -07:00") }

// dueNote says what is unusual about a due time.
func dueNote(d engine.Due) string {
	var notes []string
	if d.Moved() {
		notes = append(notes, "moved from "+d.Meant.Format("15:04:05"))
	}
	if d.Fires.After(d.At) {
		notes = append(notes, "+"+d.Fires.Sub(d.At).Round(100*time.Millisecond).String()+" jitter")
	}
	return strings.Join(notes, ", ")
}

// withNote adds a note to others.
func withNote(notes, more string) string {
	if notes == "" {
		return more
	}
	return notes + ", " + more
}
