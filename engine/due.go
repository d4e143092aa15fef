package engine

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/notifyrun/notifyrun/schema"
)

// DueTimes tells when a schedule trigger makes its job due. It depends on the
// trigger and the job's address alone, never on the clock, the machine or what
// fired before, so that a preview shows what the daemon will do and a restart
// changes nothing. Equal DueTimes give equal answers. It may be used by several
// goroutines.
//
// The syntax is robfig/cron's, the treatment of clock changes is ISC cron's
// (cron.c: main, find_jobs; entry.c: load_entry):
//
//   - A schedule whose minute or hour field begins with a star, and @hourly,
//     follows real time: it is due whenever the clock shows a matching time, in
//     both passes of a repeated hour, and not for times that the clock skips.
//   - Any other schedule names times of day, and none of them is lost or
//     repeated. A time that the clock skips is due at the first instant after
//     the gap, once for all the times in it. A time that the clock shows twice
//     is due at the first.
//
// ISC cron takes a change of three hours or more for a correction of the clock
// and drops what lies between. Here the zone's rules are known, so that every
// gap is treated alike, even the days which islands skip to change sides of
// the date line.
//
// @every D is due at the multiples of D since 1970-01-01T00:00:00Z in real
// time, and thus at the same instants everywhere and after every restart.
type DueTimes struct {
	times    cronTimes
	every    int64 // seconds; of @every alone
	realTime bool
	zone     *time.Location
	share    time.Duration
}

// Due is one due time. The zero Due means never.
type Due struct {
	// At is the due time, a whole second in the trigger's zone.
	At time.Time

	// Fires is when the job fires: At and the job's share of the jitter.
	Fires time.Time

	// Meant is what the schedule says where a clock change has moved the due
	// time, the first of them if there are several. No clock in the zone ever
	// shows it, so it is given as if in UTC: only its date and its time of day
	// have a meaning. It is zero unless Moved.
	Meant time.Time
}

// IsZero tells whether there is no due time.
func (d Due) IsZero() bool { return d.At.IsZero() }

// Moved tells whether a clock change has moved the due time.
func (d Due) Moved() bool { return !d.Meant.IsZero() }

// NewDueTimes gives the due times of a trigger of the job with the given
// address. They are in the trigger's zone, UTC if it has none, whatever zone
// the schedule itself may hold.
func NewDueTimes(trigger *schema.ScheduleTrigger, address string) DueTimes {
	d := DueTimes{zone: trigger.Zone, share: jitterShare(address, trigger.Jitter)}
	if d.zone == nil {
		d.zone = time.UTC
	}
	switch s := trigger.Schedule.(type) {
	case *cron.SpecSchedule:
		d.times = newCronTimes(s)
		d.realTime = followsRealTime(trigger.Cron, s)
	case cron.ConstantDelaySchedule:
		d.every = max(1, int64(s.Delay/time.Second))
	default:
		panic(fmt.Sprintf("engine: schedule of unknown type %T", s))
	}
	return d
}

// Next is the first due time later than after. Due times, not firings, are
// compared with it: passing At of the last one walks through them all. The
// result is zero where nothing is due within forty years.
func (d *DueTimes) Next(after time.Time) Due {
	now := after.Unix()
	switch {
	case d.every > 0:
		since := now % d.every
		if since < 0 {
			since += d.every
		}
		return d.due(now - since + d.every)
	case d.realTime:
		return d.nextShown(now)
	default:
		return d.nextReached(now)
	}
}

// nextShown finds the first second after now at which the clock shows one of
// the times.
func (d *DueTimes) nextShown(now int64) Due {
	from := now + 1
	last := from + searchYears*366*secondsPerDay
	for s := spanAt(now, d.zone); from < last; s = spanAt(from, d.zone) {
		wall, ok := d.times.next(from + s.offset)
		if !ok {
			break
		}
		if at := wall - s.offset; at < s.end {
			return d.due(at)
		}
		from = s.end // the clock changes before it gets there
	}
	return Due{}
}

// nextReached finds the first second after now at which the clock reaches or
// passes one of the times that it had not reached before. What the clock has
// reached never goes back, unlike the clock; ISC cron calls it virtual time.
func (d *DueTimes) nextReached(now int64) Due {
	s := spanAt(now, d.zone)
	wall, ok := d.times.next(reached(now, s, d.zone) + 1)
	if !ok {
		return Due{}
	}
	at, shown := reaches(wall, s, d.zone)
	due := d.due(at)
	if !shown {
		due.Meant = time.Unix(wall, 0).UTC()
	}
	return due
}

// reached is the latest that the clock has shown up to now, which lies in s.
func reached(now int64, s span, zone *time.Location) int64 {
	latest := now + s.offset
	// In the second pass of a repeated hour, the first has come further. No
	// change sets a clock back by more than longestChange, after which it has
	// caught up.
	for now-s.start < longestChange {
		s = spanAt(s.start-1, zone)
		latest = max(latest, s.end-1+s.offset)
	}
	return latest
}

// reaches finds the first second at which the clock reaches or passes a time
// that it has not reached before, nor in s up to now. If it does not show the
// time, that lies in a gap, and the second is the first after it.
func reaches(wall int64, s span, zone *time.Location) (at int64, shown bool) {
	if wall-s.offset >= s.end {
		// Far ahead: no clock is a day ahead of UTC, so none gets there
		// more than a day before UTC does.
		s = spanAt(max(s.end, wall-secondsPerDay), zone)
		for wall-s.offset >= s.end {
			s = spanAt(s.end, zone)
		}
	}
	if at = wall - s.offset; at >= s.start {
		return at, true
	}
	return s.start, false // it lies in the gap before this span
}

func (d *DueTimes) due(unix int64) Due {
	at := time.Unix(unix, 0).In(d.zone)
	return Due{At: at, Fires: at.Add(d.share)}
}

// jitterShare is the part of a jitter that falls to a job: from zero up to but
// not including the jitter, in whole milliseconds, evenly spread over
// addresses and always the same for one of them.
func jitterShare(address string, jitter time.Duration) time.Duration {
	steps := uint64(max(0, jitter) / time.Millisecond)
	if steps == 0 {
		return 0
	}
	sum := sha256.Sum256([]byte(address))
	return time.Duration(binary.BigEndian.Uint64(sum[:])%steps) * time.Millisecond
}

const (
	secondsPerDay = 24 * 60 * 60

	// longestChange is more than any clock was ever changed by: a day, in
	// Manila, Alaska, Samoa and Kiribati.
	longestChange = 2 * secondsPerDay
)

// span is a time in which a zone's clock runs evenly: from start up to but not
// including end, in Unix seconds. What the clock shows, read as if in UTC, is
// offset seconds more than Unix time.
type span struct{ start, end, offset int64 }

func spanAt(unix int64, zone *time.Location) span {
	t := time.Unix(unix, 0).In(zone)
	_, offset := t.Zone()
	s := span{-1 << 60, 1 << 60, int64(offset)}
	start, end := t.ZoneBounds()
	if !start.IsZero() {
		s.start = start.Unix()
	}
	if !end.IsZero() {
		s.end = end.Unix()
	}
	if s.end <= unix {
		// Beyond the table of changes package time takes a year for 365 days
		// (time/zoneinfo.go: tzset), so that on the last of 366 the end given
		// is over. The next change is not before the new year, in UTC.
		s.end = unix - unix%secondsPerDay + secondsPerDay
	}
	return s
}
