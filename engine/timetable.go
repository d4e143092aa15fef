package engine

import (
	"cmp"
	"iter"
	"time"
	"unique"
)

// TriggerKey names a schedule trigger: the address of its job and its index
// among the job's triggers.
type TriggerKey struct {
	Job   string
	Index int
}

func (k TriggerKey) compare(other TriggerKey) int {
	return cmp.Or(cmp.Compare(k.Job, other.Job), cmp.Compare(k.Index, other.Index))
}

// Timetable holds the next due time of each of many schedule triggers, and
// tells which of them fire next. The zero Timetable is empty and ready to use.
//
// It is pure but for its own memory: it starts no timer and reads no clock. Who
// keeps one sleeps until Wake, and looks at the clock from time to time while
// it sleeps, since wall clocks are set and machines are suspended; then it
// ranges over Fire. Whatever the clock does, a due time that was given out does
// not come again, and none is left out but those that Fire says.
//
// Set, Remove and each step of Fire cost O(log n). A million entries take some
// 200 MB with their keys, as equal schedules share their tables. It must not be
// used by several goroutines at once.
type Timetable struct {
	entries map[TriggerKey]*tableEntry
	queue   []tableSlot // a heap in the order of slot.before
}

// tableEntry is one trigger. Its due time follows from when it fires, which
// stands in the queue.
type tableEntry struct {
	key   TriggerKey
	times unique.Handle[DueTimes] // without its share
	share time.Duration
	place int // in the queue
}

// tableSlot is a place in the queue.
type tableSlot struct {
	fires int64 // Unix milliseconds; due times and shares have nothing finer
	entry *tableEntry
}

func (s tableSlot) before(other tableSlot) bool {
	if s.fires != other.fires {
		return s.fires < other.fires
	}
	return s.entry.key.compare(other.entry.key) < 0
}

// grow makes room for n triggers at once, where the table is empty.
func (t *Timetable) grow(n int) {
	if len(t.entries) == 0 && n > 0 {
		t.entries, t.queue = make(map[TriggerKey]*tableEntry, n), make([]tableSlot, 0, n)
	}
}

// Set puts a trigger's due times later than after in the table, in place of
// what it had for the key. A schedule that is never due after that is not
// kept.
func (t *Timetable) Set(key TriggerKey, times DueTimes, after time.Time) {
	due := times.Next(after)
	if due.IsZero() {
		t.Remove(key)
		return
	}
	e := t.entries[key]
	if e == nil {
		e = &tableEntry{key: key, place: len(t.queue)}
		if t.entries == nil {
			t.entries = map[TriggerKey]*tableEntry{}
		}
		t.entries[key] = e
		t.queue = append(t.queue, tableSlot{})
	}
	e.share, times.share = times.share, 0
	e.times = unique.Make(times)
	t.place(e.place, tableSlot{due.Fires.UnixMilli(), e})
}

// Remove takes a trigger out of the table, if it is there.
func (t *Timetable) Remove(key TriggerKey) {
	e := t.entries[key]
	if e == nil {
		return
	}
	delete(t.entries, key)
	end := len(t.queue) - 1
	last := t.queue[end]
	t.queue[end] = tableSlot{}
	t.queue = t.queue[:end]
	if last.entry != e {
		t.place(e.place, last)
	}
}

// Len is the number of triggers in the table.
func (t *Timetable) Len() int { return len(t.queue) }

// Wake is when the next trigger fires, in UTC, and zero if none ever does.
func (t *Timetable) Wake() time.Time {
	if len(t.queue) == 0 {
		return time.Time{}
	}
	return time.UnixMilli(t.queue[0].fires).UTC()
}

// Fire gives the triggers that fire at now or should have before, in the order
// of Fires and then of the keys, each once, with the first due time that waits.
// Each goes on with the first due time that fires after now. If more have
// passed, because nobody looked for long, they come no more: DueTimes.Settle
// tells how many, and what is to be done with them. The loop may end early and
// leave the others for the next time. Its body may call Set and Remove.
func (t *Timetable) Fire(now time.Time) iter.Seq2[TriggerKey, Due] {
	return func(yield func(TriggerKey, Due) bool) {
		for until := now.UnixMilli(); len(t.queue) > 0 && t.queue[0].fires <= until; {
			fires, e := t.queue[0].fires, t.queue[0].entry
			times := e.times.Value()
			times.share = e.share
			due := times.Next(time.UnixMilli(fires).Add(-e.share - 1))
			if next := times.Next(now.Add(-e.share)); next.IsZero() {
				t.Remove(e.key)
			} else {
				t.place(0, tableSlot{next.Fires.UnixMilli(), e})
			}
			if !yield(e.key, due) {
				return
			}
		}
	}
}

// place puts a slot in the queue in place of the one at i, and moves it to
// where it belongs. It goes down to the end first, since what has just fired
// mostly belongs there, and each step down then costs one comparison.
func (t *Timetable) place(i int, s tableSlot) {
	for {
		child := 2*i + 1
		if child >= len(t.queue) {
			break
		}
		if right := child + 1; right < len(t.queue) && t.queue[right].before(t.queue[child]) {
			child = right
		}
		t.put(i, t.queue[child])
		i = child
	}
	for i > 0 {
		parent := (i - 1) / 2
		if !s.before(t.queue[parent]) {
			break
		}
		t.put(i, t.queue[parent])
		i = parent
	}
	t.put(i, s)
}

func (t *Timetable) put(i int, s tableSlot) {
	t.queue[i] = s
	s.entry.place = i
}
