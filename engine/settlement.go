package engine

import (
	"time"

	"github.com/notifyrun/notifyrun/schema"
)

// leastGrace is what a grace is taken for if it is less: even a program that
// is up and waits for a due time comes a little late.
const leastGrace = time.Second

// Settlement is what becomes of the due times of a schedule trigger that have
// passed and are not settled yet.
type Settlement struct {
	// Fire is the due time that the job fires for now, always the last that
	// has passed. It is the zero Due if the job does not fire.
	Fire Due

	// Missed are the due times that the job will not fire for any more.
	Missed DueRange

	// Settled is up to when due times are settled with this, for the state and
	// for Timetable.Set. It never goes back.
	Settled time.Time
}

// Settle decides what becomes of the due times that have passed at now. Those
// up to settled, by their At, are left alone; it comes from the state, where
// it was written last
//
//   - with a run or the record of missed due times, as the Settlement says, or
//   - by an apply that has made the schedule or changed when it is due, as the
//     time of that apply: the new schedule has missed nothing before.
//
// The zero settled means that there is no such record. Then nothing is missed,
// and the due times after now count. The result is to be recorded even so: or
// what is missed until the next start would not be noticed then either.
//
// A due time has passed once it Fires, so that jitter makes nobody late. One
// run is enough for all that have passed: the job fires for the last of them,
// and the others are missed. It fires for none if the last is late by grace or
// more, unless missed is MissedOnce. A grace of less than a second is a second.
//
// A clock that is set forward makes due times late like any pause. After a
// clock was set back, settled is later than now and nothing is due until the
// clock is there again: what was settled is never settled twice. If that is
// far ahead, because the clock had been very wrong, an apply that changes the
// schedule settles it anew.
func (d *DueTimes) Settle(settled, now time.Time, missed schema.Missed, grace time.Duration) Settlement {
	if settled.IsZero() {
		return Settlement{Settled: now}
	}
	passed := d.Between(settled, now.Add(-d.share))
	if passed.N == 0 {
		return Settlement{Settled: settled}
	}
	last := passed.Last
	if missed != schema.MissedOnce && now.Sub(last.Fires) >= max(grace, leastGrace) {
		return Settlement{Missed: passed, Settled: last.At}
	}
	s := Settlement{Fire: last, Settled: last.At}
	if passed.N > 1 {
		s.Missed = d.Between(settled, last.At.Add(-time.Second))
	}
	return s
}
