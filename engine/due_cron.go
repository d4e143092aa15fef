package engine

import (
	"math/bits"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// cronTimes is the set of wall-clock times that a cron expression names. Bit n
// of a field stands for the value n.
type cronTimes struct {
	second, minute uint64
	hour, dom      uint32
	month          uint16
	dow            uint8

	// bothDays: the day of the month and the day of the week must both match,
	// as one of them is a star. Otherwise one of them is enough.
	bothDays bool
}

// searchYears is how far ahead a time is looked for: the 29th of February
// falls on a given day of the week every 28 years, but for the century years
// without one, around which it takes 40.
const searchYears = 40

// starBit is what robfig/cron (parser.go: starBit) sets in a field that has a star.
const starBit = 1 << 63

func newCronTimes(s *cron.SpecSchedule) cronTimes {
	c := cronTimes{
		second:   s.Second & (1<<60 - 1),
		minute:   s.Minute & (1<<60 - 1),
		hour:     uint32(s.Hour & (1<<24 - 1)),
		dom:      uint32(s.Dom & (1<<32 - 2)),
		month:    uint16(s.Month & (1<<13 - 2)),
		dow:      uint8(s.Dow & (1<<7 - 1)),
		bothDays: (s.Dom|s.Dow)&starBit != 0, // as spec.go: dayMatches
	}
	if c.second == 0 || c.minute == 0 || c.hour == 0 {
		c.month = 0 // an empty field, such as the parser makes of ",": never
	}
	return c
}

// followsRealTime tells whether the minute or the hour begins with a star, as
// ISC cron asks (entry.c: MIN_STAR, HR_STAR). It looks at the text, since the
// parser keeps no star for "*/2"; descriptors have only bits.
func followsRealTime(text string, s *cron.SpecSchedule) bool {
	fields := strings.Fields(text)
	if len(fields) < 5 {
		return (s.Minute|s.Hour)&starBit != 0
	}
	for _, field := range fields[len(fields)-5 : len(fields)-3] { // the seconds, if any, come first
		if field[0] == '*' || field[0] == '?' { // the parser takes both alike
			return true
		}
	}
	return false
}

// next finds the first of the times not before from, both in seconds as if the
// wall clock showed UTC. It goes field by field, so that it costs the same for
// any time within the month, and little for each month passed over.
func (c *cronTimes) next(from int64) (int64, bool) {
	start := time.Unix(from, 0).UTC()
	year, month, day := start.Date()
	if days, first := c.days(year, month); days>>day&1 != 0 {
		if clock, ok := c.clock(start.Clock()); ok {
			return first + int64(day-1)*secondsPerDay + clock, true
		}
	}
	// Nothing more on that day: the first time of a later one.
	day++
	for last := year + searchYears; year <= last; {
		days, first := c.days(year, month)
		if later := days >> day << day; later != 0 {
			clock, _ := c.clock(0, 0, 0)
			return first + int64(bits.TrailingZeros32(later)-1)*secondsPerDay + clock, true
		}
		day = 1
		later := c.month >> (month + 1) << (month + 1)
		if later == 0 {
			year++
			later = c.month
		}
		month = time.Month(bits.TrailingZeros16(later))
	}
	return 0, false
}

// days gives the matching days of a month, and when it begins. Bit n stands
// for the nth.
func (c *cronTimes) days(year int, month time.Month) (days uint32, first int64) {
	if c.month>>month&1 == 0 {
		return 0, 0
	}
	begin := time.Date(year, month, 1, 0, 0, 0, 0, time.UTC)

	// The week as it lies in this month, from bit 1 on, five times over.
	weekday := begin.Weekday()
	week := uint64(c.dow>>weekday|c.dow<<(7-weekday)) & (1<<7 - 1)
	dow := uint32(week * (1<<1 | 1<<8 | 1<<15 | 1<<22 | 1<<29))

	if c.bothDays {
		days = c.dom & dow
	} else {
		days = c.dom | dow
	}
	return days & (1<<(daysIn(year, month)+1) - 1), begin.Unix()
}

func daysIn(year int, month time.Month) int {
	switch month {
	case time.February:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case time.April, time.June, time.September, time.November:
		return 30
	}
	return 31
}

// clock finds the first matching time of day not before the given one, in
// seconds since midnight.
func (c *cronTimes) clock(hour, minute, second int) (int64, bool) {
	if c.hour>>hour&1 != 0 {
		if c.minute>>minute&1 != 0 {
			if later := c.second >> second << second; later != 0 {
				return clockSeconds(hour, minute, bits.TrailingZeros64(later)), true
			}
		}
		if later := c.minute >> (minute + 1) << (minute + 1); later != 0 {
			return clockSeconds(hour, bits.TrailingZeros64(later), bits.TrailingZeros64(c.second)), true
		}
	}
	if later := c.hour >> (hour + 1) << (hour + 1); later != 0 {
		return clockSeconds(bits.TrailingZeros32(later), bits.TrailingZeros64(c.minute), bits.TrailingZeros64(c.second)), true
	}
	return 0, false
}

func clockSeconds(hour, minute, second int) int64 {
	return int64(hour*3600 + minute*60 + second)
}
