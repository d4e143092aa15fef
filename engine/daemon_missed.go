package engine

import "time"

// miss gathers what did not fire, so that a flood of events is one line.
func (l *loop) miss(a arrival, reason MissedReason, detail string, now time.Time) {
	l.gather(Missed{TriggerKey: a.key, Reason: reason, Count: 1, First: a.at, Last: a.at, Detail: detail}, now)
}

func (l *loop) gather(m Missed, now time.Time) {
	m.TriggerKey = l.present(m.TriggerKey)
	if len(l.misses) == 0 {
		l.missDue = now.Add(missEvery)
	}
	add(l.misses, m)
}

// maxReasons is how many reasons for refusing events are told apart at a time:
// they hold what strangers have written.
const maxReasons = 50

// add puts what was missed with what is of its kind.
func add(all map[missKey]*Missed, m Missed) {
	key := missKey{TriggerKey: m.TriggerKey, pbx: m.PBX, reason: m.Reason}
	if m.Reason == MissedRefused && len(all) < maxReasons {
		key.detail = m.Detail
	}
	if was := all[key]; was != nil {
		was.Count += m.Count
		if m.First.Before(was.First) {
			was.First = m.First
		}
		was.Last = latest(was.Last, m.Last)
		return
	}
	all[key] = &m
}
