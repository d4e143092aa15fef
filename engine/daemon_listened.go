package engine

import (
	"fmt"
	"time"

	"github.com/notifyrun/notifyrun/amiclient"
)

// missed notes that events of the PBX may not have been received, and fires the
// jobs that want to catch up then.
func (n *listening) missed(err *amiclient.MissedError, at time.Time) {
	if err.Lost > 0 {
		n.loop.observer.Dropped(n.pbx, err.Lost)
	}
	n.loop.post(func(now time.Time) { n.loop.disconnected(n.pbx, err, at, now) })
}

func (l *loop) disconnected(pbx string, err *amiclient.MissedError, at, now time.Time) {
	m := Missed{PBX: pbx, Reason: MissedOverrun, Count: int64(err.Lost), First: at, Last: at, Detail: err.Error()}
	detail := fmt.Sprintf("%d events of %s were lost", err.Lost, pbx)
	if err.Cause != nil {
		from, known := l.listened[pbx]
		if !known {
			l.listened[pbx] = at // for the first time: nothing is missed that anybody was promised
			delete(l.severed, pbx)
			l.noted = time.Time{} // from now on it is
			return
		}
		if !err.Since.IsZero() { // from was noted while the connection only seemed to be there
			from = err.Since
		}
		m.Reason, m.First, m.Count, m.Detail = MissedDisconnected, from, 0, err.Cause.Error()
		detail = fmt.Sprintf("events of %s may have been missed since %s", pbx, from.UTC().Format(time.RFC3339))
	}
	l.gather(m, now)
	if err.Cause != nil {
		l.listened[pbx] = at
		delete(l.severed, pbx)
		l.missDue, l.noted = now, time.Time{} // both at once, as the one says from when the other counts
	}
	switch last := l.caught[pbx]; {
	case last.After(now): // they will be caught up with then
	case now.Before(last.Add(catchUpEvery)):
		l.caught[pbx] = last.Add(catchUpEvery)
		l.later(l.caught[pbx].Sub(now), func(time.Time) { l.catchUp(pbx, detail, at) })
	default:
		l.caught[pbx] = now
		l.Log.Warn("events may have been missed", "pbx", pbx, "from", m.First, "until", at, "reason", err.Error())
		l.catchUp(pbx, detail, at)
	}
}

// catchUpEvery is how long there is at least between two times at which jobs catch
// up with the events of a PBX. Where more come than can be taken, some are lost
// again and again.
const catchUpEvery = 10 * time.Second

// catchUp fires the jobs that want it when events of a PBX may have been missed.
func (l *loop) catchUp(pbx, detail string, at time.Time) {
	for _, all := range l.serving.listeners[pbx] {
		for _, li := range all {
			if li.trigger.OnReconnect {
				l.arrivals = append(l.arrivals, arrival{listener: li, at: at, detail: detail})
			}
		}
	}
}

// noteListened records until when the events of each PBX were received and are
// on record, for the next start. What is only in memory, since its group is not
// quiet yet, would be lost with the process, and counts as not received.
func (l *loop) noteListened(d *decision, now time.Time) {
	l.noted = now
	var unrecorded map[string]time.Time // the oldest event, by PBX
	for address, lane := range l.lanes {
		until, known := l.listened[address]
		if lane.listening == nil || !known {
			continue
		}
		if _, up := lane.link.Connected(); !up {
			l.severed[address] = true
		}
		if l.severed[address] {
			continue
		}
		if heard := now.Add(-heardLate); heard.After(until) {
			until = heard
			l.listened[address] = until
		}
		if unrecorded == nil {
			unrecorded = l.unrecorded()
		}
		if oldest, ok := unrecorded[address]; ok && oldest.Before(until) {
			until = oldest
		}
		if d.Listened == nil {
			d.Listened = map[string]time.Time{}
		}
		d.Listened[address] = until
	}
}

// unrecorded gives the time of the oldest event of each PBX that is nowhere but
// in memory.
func (l *loop) unrecorded() map[string]time.Time {
	oldest := map[string]time.Time{}
	note := func(pbx string, at time.Time) {
		if was, ok := oldest[pbx]; !ok || at.Before(was) {
			oldest[pbx] = at
		}
	}
	for _, p := range l.debounce.waiting {
		note(p.trigger.PBX.Address, p.first)
	}
	for _, a := range l.arrivals {
		note(a.trigger.PBX.Address, a.at)
	}
	for _, w := range l.dataWaits() {
		for _, a := range w.arrivals {
			note(a.trigger.PBX.Address, a.at)
		}
	}
	for _, m := range l.misses {
		if m.PBX != "" {
			note(m.PBX, m.First)
		} else if t := l.serving.event(m.TriggerKey); t != nil {
			note(t.PBX.Address, m.First)
		}
	}
	return oldest
}
