package engine

import (
	"slices"
	"time"

	"github.com/notifyrun/notifyrun/schema"
)

// add puts the deliveries of a work in the lane.
func (d *driver) add(w *Work) {
	if w.Queued && d.active[w.RunHeader.Job] > 0 {
		d.queued[w.RunHeader.Job] = append(d.queued[w.RunHeader.Job], w)
		return
	}
	d.active[w.RunHeader.Job]++
	d.reports[w.ID] = &RunReport{RunHeader: w.RunHeader, Outcomes: map[Outcome]int{}, Left: len(w.Deliveries)}
	byName := make(map[string]schema.Target, len(w.Job.Targets))
	for _, t := range w.Job.Targets {
		byName[t.String()] = t
	}
	d.targets[w] = byName
	gate := d.lane.gateOf(w.Job.Window)
	items := make([]item, len(w.Deliveries))
	for i, s := range w.Deliveries {
		if s.Skip != "" {
			continue
		}
		items[i] = item{work: w, seq: s.Seq, target: s.Target, phone: s.Target, before: s.Attempts, gate: gate}
		if w.Job.Type == schema.UserEvent {
			items[i].phone = w.ID
		}
		switch t := byName[s.Target]; t.Tech {
		case schema.TechPJSIP:
			items[i].heard = heard{endpoint: t.Name, contact: t.Contact, outbound: t.Contact != ""}
		case schema.TechURI:
			items[i].heard = heard{outbound: true}
		}
		d.lane.add(&items[i])
	}
	now := time.Now()
	for _, s := range w.Deliveries {
		if s.Skip != "" {
			d.end(&item{work: w, seq: s.Seq, target: s.Target}, 0, Skipped, s.Skip, now)
		}
	}
}

// done lets the next work of a job go that waits for this one.
func (d *driver) done(w *Work) {
	delete(d.targets, w)
	job := w.RunHeader.Job
	if d.active[job]--; d.active[job] == 0 {
		delete(d.active, job)
	}
	if waiting := d.queued[job]; len(waiting) > 0 && d.active[job] == 0 {
		if len(waiting) == 1 {
			delete(d.queued, job)
		} else {
			d.queued[job] = waiting[1:]
		}
		d.add(waiting[0])
	}
}

// cancel ends what waits of a job's works. What is in flight gets its answer.
func (d *driver) cancel(c cancellation, now time.Time) {
	for _, w := range d.queued[c.job] {
		if w.ID != c.except {
			d.drop(drop{w, c.reason}, now)
		}
	}
	d.queued[c.job] = slices.DeleteFunc(d.queued[c.job], func(w *Work) bool { return w.ID != c.except })
	for w := range d.targets { // what is in flight may come back unsent
		if w.RunHeader.Job == c.job && w.ID != c.except {
			w.over = c.reason
		}
	}
	for _, it := range d.lane.withdraw(func(it *item) bool {
		return it.work.RunHeader.Job == c.job && it.work.ID != c.except
	}) {
		d.end(it, 0, Canceled, c.reason, now)
	}
}

// drop ends a work that was never begun. Its end needs a report like any other's.
func (d *driver) drop(c drop, now time.Time) {
	w := c.work
	d.active[w.RunHeader.Job]++
	d.reports[w.ID] = &RunReport{RunHeader: w.RunHeader, Outcomes: map[Outcome]int{}, Left: len(w.Deliveries)}
	for _, s := range w.Deliveries {
		d.end(&item{work: w, seq: s.Seq, target: s.Target}, 0, Canceled, c.reason, now)
	}
}
