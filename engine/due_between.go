package engine

import (
	"math/bits"
	"time"
)

// DueRange is a number of consecutive due times of a schedule, of which it
// knows the first and the last. Both are the zero Due if N is 0.
type DueRange struct {
	N           int64
	First, Last Due
}

// Between gives the due times later than after and not later than until. As
// with Next, their At is compared. It does not walk through them: the work
// grows with the months and clock changes between the two times, and not with
// the number of due times, of which a schedule with seconds has millions in a
// year. After a gap of more than forty years without any, it finds none.
func (d *DueTimes) Between(after, until time.Time) DueRange {
	first := d.Next(after)
	if first.IsZero() || first.At.After(until) {
		return DueRange{}
	}
	if second := d.Next(first.At); second.IsZero() || second.At.After(until) {
		return DueRange{N: 1, First: first, Last: first} // nearly always
	}
	return DueRange{N: d.count(after.Unix(), until.Unix()), First: first, Last: d.last(first, until)}
}

// last finds the last due time not later than until by halving the time in
// which it must lie. A due time not later than until must be given.
func (d *DueTimes) last(found Due, until time.Time) Due {
	for low, high := found.At.Unix(), until.Unix(); low < high; {
		// What is due after middle decides which half it is in.
		middle := low + (high-low)/2
		if due := d.Next(time.Unix(middle, 0)); due.IsZero() || due.At.After(until) {
			high = middle
		} else {
			found, low = due, due.At.Unix()
		}
	}
	return found
}

// count counts the due times later than after and not later than until.
func (d *DueTimes) count(after, until int64) int64 {
	switch {
	case d.every > 0:
		return floorDiv(until, d.every) - floorDiv(after, d.every)
	case d.realTime:
		return d.countShown(after, until)
	default:
		return d.countReached(after, until)
	}
}

// countShown counts as nextShown finds: what the clock shows in each span.
func (d *DueTimes) countShown(after, until int64) (n int64) {
	for from := after + 1; from <= until; {
		s := spanAt(from, d.zone)
		end := min(s.end, until+1)
		n += d.times.count(from+s.offset, end+s.offset)
		from = s.end
	}
	return n
}

// countReached counts as nextReached finds: what the clock reaches for the
// first time in each span, and at the start of a span all that it has skipped
// as one, which is the same as a time that it shows there.
func (d *DueTimes) countReached(after, until int64) (n int64) {
	latest := reached(after, spanAt(after, d.zone), d.zone)
	for from := after + 1; from <= until; {
		s := spanAt(from, d.zone)
		end := min(s.end, until+1)
		shown := from + s.offset
		if d.times.count(latest+1, shown) > 0 && d.times.count(shown, shown+1) == 0 {
			n++
		}
		n += d.times.count(max(latest+1, shown), end+s.offset)
		latest = max(latest, end+s.offset-1)
		from = s.end
	}
	return n
}

// count counts the times from a time up to but not including another, both in
// seconds as if the wall clock showed UTC.
func (c *cronTimes) count(from, to int64) int64 {
	if from >= to {
		return 0
	}
	first, last := time.Unix(from, 0).UTC(), time.Unix(to, 0).UTC()
	n := c.sinceMonth(last) - c.sinceMonth(first)
	year, month, _ := first.Date()
	for endYear, endMonth, _ := last.Date(); year < endYear || month < endMonth; {
		days, _ := c.days(year, month)
		n += int64(bits.OnesCount32(days)) * c.perDay()
		if month++; month > time.December {
			year, month = year+1, time.January
		}
	}
	return n
}

// sinceMonth counts the times from the beginning of its month up to but not
// including t.
func (c *cronTimes) sinceMonth(t time.Time) int64 {
	year, month, day := t.Date()
	days, _ := c.days(year, month)
	n := int64(bits.OnesCount32(days&(1<<day-1))) * c.perDay()
	if days>>day&1 == 0 {
		return n
	}
	hour, minute, second := t.Clock()
	seconds := int64(bits.OnesCount64(c.second))
	minutes := int64(bits.OnesCount64(c.minute))
	n += int64(bits.OnesCount32(c.hour&(1<<hour-1))) * minutes * seconds
	if c.hour>>hour&1 != 0 {
		n += int64(bits.OnesCount64(c.minute&(1<<minute-1))) * seconds
		if c.minute>>minute&1 != 0 {
			n += int64(bits.OnesCount64(c.second & (1<<second - 1)))
		}
	}
	return n
}

// perDay is the number of times on a matching day.
func (c *cronTimes) perDay() int64 {
	return int64(bits.OnesCount32(c.hour)) * int64(bits.OnesCount64(c.minute)) * int64(bits.OnesCount64(c.second))
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
