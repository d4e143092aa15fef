package schema

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// Window is when the deliveries of a job may be sent: from Start o'clock on each
// of its days until End o'clock, on that day if End is later, or else on the
// next one.
type Window struct {
	Address   string        // in the configuration: window.nights
	Start     time.Duration // since midnight, as clocks show it: whole seconds below 24h
	End       time.Duration // likewise, or 24h; equal to Start: a whole day long
	Days      [7]bool       // by time.Weekday: those on which it opens
	Zone      *time.Location
	Except    []time.Time // sorted dates on which it does not open; each the midnight in UTC at which it begins
	DeclRange hcl.Range
}

// String says when the window is open: 22:00–05:00 mon–fri Europe/Berlin,
// except on 2026-12-24.
func (w *Window) String() string {
	s := clockText(w.Start) + "–" + clockText(w.End)
	if days := w.daysText(); days != "" {
		s += " " + days
	}
	s += " " + w.Zone.String()
	switch n := len(w.Except); {
	case n > 3:
		s += fmt.Sprintf(", except on %d dates", n)
	case n > 0:
		dates := make([]string, n)
		for i, d := range w.Except {
			dates[i] = d.Format(time.DateOnly)
		}
		s += ", except on " + strings.Join(dates, ", ")
	}
	return s
}

// MarshalText writes all of the window but its place in a file, for the state:
// 22:00 05:00 mon,fri Europe/Berlin 2026-12-24 window.nights. The address comes last,
// since keys of modules may have blanks.
func (w *Window) MarshalText() ([]byte, error) {
	var days, except []string
	for i, open := range w.Days {
		if open {
			days = append(days, dayNames[i])
		}
	}
	for _, d := range w.Except {
		except = append(except, d.Format(time.DateOnly))
	}
	return fmt.Appendf(nil, "%s %s %s %s %s %s", clockText(w.Start), clockText(w.End), strings.Join(days, ","), w.Zone, strings.Join(except, ","), w.Address), nil
}

// UnmarshalText reads what MarshalText has written.
func (w *Window) UnmarshalText(text []byte) error {
	fields := strings.SplitN(string(text), " ", 6)
	if len(fields) != 6 {
		return fmt.Errorf("read window: it has %d fields, not 6", len(fields))
	}
	read := Window{Address: fields[5]}
	var ok, ok2 bool
	read.Start, ok = parseClock(fields[0])
	read.End, ok2 = parseClock(fields[1])
	if !ok || !ok2 {
		return fmt.Errorf("read window: %q or %q is no time of day", fields[0], fields[1])
	}
	for _, name := range strings.Split(fields[2], ",") {
		i := slices.Index(dayNames[:], name)
		if i < 0 {
			return fmt.Errorf("read window: %q is no day", name)
		}
		read.Days[i] = true
	}
	var err error
	if read.Zone, err = loadZone(fields[3]); err != nil {
		return fmt.Errorf("read window: zone %s: %w", fields[3], err)
	}
	for _, date := range strings.FieldsFunc(fields[4], func(r rune) bool { return r == ',' }) {
		d, err := time.Parse(time.DateOnly, date)
		if err != nil {
			return fmt.Errorf("read window: %w", err)
		}
		read.Except = append(read.Except, d)
	}
	*w = read
	return nil
}

func clockText(d time.Duration) string {
	s := fmt.Sprintf("%02d:%02d", int(d.Hours()), int(d.Minutes())%60)
	if seconds := d % time.Minute / time.Second; seconds != 0 {
		s += fmt.Sprintf(":%02d", seconds)
	}
	return s
}

// daysText names the days from Monday on, of three and more that follow each
// other the first and the last. It is empty for all days.
func (w *Window) daysText() string {
	var parts []string
	for i := 0; i < 7; i++ {
		if !w.Days[(i+1)%7] {
			continue
		}
		last := i
		for last+1 < 7 && w.Days[(last+2)%7] {
			last++
		}
		switch first := dayNames[(i+1)%7]; {
		case last-i == 6:
			return ""
		case last-i >= 2:
			parts = append(parts, first+"–"+dayNames[(last+1)%7])
			i = last
		default:
			parts = append(parts, first)
		}
	}
	return strings.Join(parts, " ")
}

// dayNames are cron's, by time.Weekday.
var dayNames = [7]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

var windowType = &blockType{
	name: "window", labels: []string{"name"}, repeats: true,
	required: []string{"start", "end"},
	optional: []string{"days", "timezone", "except"},
}

func (m *module) declareWindow(b *block) {
	m.declare(&node{root: "window", name: b.label(), rng: b.rng, flawed: b.flawed, args: argsOf(b), compute: func(ctx *hcl.EvalContext) (cty.Value, bool) {
		before := len(m.diags)
		w := m.evalWindow(b, m.path+"window."+b.label(), ctx)
		if m.diags[before:].HasErrors() || b.args["start"] == nil || b.args["end"] == nil {
			return cty.NilVal, false
		}
		m.windows[w.Address] = w
		return w.value(b.label()), true
	}})
}

// value is what other expressions see of the window.
func (w *Window) value(name string) cty.Value {
	var days, except []cty.Value
	for i, open := range w.Days {
		if open {
			days = append(days, cty.StringVal(dayNames[i]))
		}
	}
	for _, d := range w.Except {
		except = append(except, cty.StringVal(d.Format(time.DateOnly)))
	}
	list := func(v []cty.Value) cty.Value {
		if len(v) == 0 {
			return cty.ListValEmpty(cty.String)
		}
		return cty.ListVal(v)
	}
	return cty.ObjectVal(map[string]cty.Value{
		"id":       cty.StringVal(w.Address),
		"name":     cty.StringVal(name),
		"start":    cty.StringVal(clockText(w.Start)),
		"end":      cty.StringVal(clockText(w.End)),
		"days":     list(days),
		"timezone": cty.StringVal(w.Zone.String()),
		"except":   list(except),
	})
}

func (l *loader) evalWindow(b *block, address string, ctx *hcl.EvalContext) *Window {
	w := &Window{Address: address, DeclRange: b.rng}
	w.Start = l.clock(b.args["start"], ctx, false)
	w.End = l.clock(b.args["end"], ctx, true)
	w.Zone = l.evalZone(b.args["timezone"], ctx)
	w.Days = [7]bool{true, true, true, true, true, true, true}
	if a := b.args["days"]; a != nil {
		if days, ok := l.texts(a, ctx); ok {
			w.Days = l.days(a, days)
		}
	}
	if a := b.args["except"]; a != nil {
		if dates, ok := l.texts(a, ctx); ok {
			w.Except = l.dates(a, dates)
		}
	}
	return w
}

// clock evaluates a time of day, such as "22:00" or "05:30:15".
func (l *loader) clock(a *arg, ctx *hcl.EvalContext, midnight bool) time.Duration {
	v, ok := l.value(a, ctx, cty.String)
	if !ok {
		if v != cty.NilVal && v.IsKnown() && v.IsNull() {
			l.fail(a.rng, "Missing required argument", "The argument %q is null, but a window needs a beginning and an end.", a.name)
		}
		return 0
	}
	s := v.AsString()
	d, ok := parseClock(s)
	if !ok || d > 24*time.Hour || d == 24*time.Hour && !midnight {
		hint := ""
		if midnight {
			hint = ", or \"24:00\" for the end of the day"
		}
		l.fail(a.rng, "Invalid time of day", "%s is not a time of day. Use a form such as \"22:00\" or \"05:30:15\"%s; hours go from 00 to 23.", excerpt(s), hint)
		return 0
	}
	return d
}

func parseClock(s string) (time.Duration, bool) {
	parts := strings.Split(s, ":")
	if len(parts) != 2 && len(parts) != 3 {
		return 0, false
	}
	var d time.Duration
	for i, most := range []int{24, 59, 59}[:len(parts)] {
		p := parts[i]
		n, err := strconv.ParseUint(p, 10, 8)
		if err != nil || int(n) > most || len(p) > 2 || i > 0 && len(p) != 2 {
			return 0, false
		}
		d += time.Duration(n) * []time.Duration{time.Hour, time.Minute, time.Second}[i]
	}
	return d, true
}

// texts evaluates a list of texts.
func (c *collector) texts(a *arg, ctx *hcl.EvalContext) ([]string, bool) {
	v, ok := c.value(a, ctx, cty.List(cty.String))
	if !ok {
		return nil, false
	}
	out := make([]string, 0, v.LengthInt())
	for _, e := range v.AsValueSlice() {
		if e.IsNull() {
			c.fail(a.rng, "Wrong type of value", "The argument %q has an element that is null.", a.name)
			return nil, false
		}
		out = append(out, e.AsString())
	}
	return out, true
}

func (l *loader) days(a *arg, names []string) (days [7]bool) {
	if len(names) == 0 {
		l.fail(a.rng, "Window that never opens", "The argument \"days\" names no day, so that nothing could ever be sent. For all days leave the argument out.")
	}
	for _, name := range names {
		i := slices.Index(dayNames[:], strings.ToLower(name))
		if i < 0 {
			l.fail(a.rng, "Unknown day", "%s is no day of the week: the days are \"mon\", \"tue\", \"wed\", \"thu\", \"fri\", \"sat\" and \"sun\".%s", excerpt(name), dayHint(name))
			continue
		}
		if days[i] {
			l.twice(a, "day", name)
		}
		days[i] = true
	}
	return days
}

// dayHint says what was most likely meant.
func dayHint(name string) string {
	name = strings.ToLower(strings.TrimSpace(name))
	first, last, isRange := strings.Cut(strings.ReplaceAll(name, "–", "-"), "-")
	if i, j := slices.Index(dayNames[:], first), slices.Index(dayNames[:], last); isRange && i >= 0 && j >= 0 {
		names := []string{dayNames[i]}
		for ; i != j; i = (i + 1) % 7 {
			names = append(names, dayNames[(i+1)%7])
		}
		return fmt.Sprintf(" List them one by one: %s.", enumerate(names))
	}
	if len(name) > 3 && slices.Contains(dayNames[:], name[:3]) {
		return fmt.Sprintf(" Did you mean %q?", name[:3])
	}
	return suggest(name, dayNames[:])
}

func (l *loader) dates(a *arg, texts []string) []time.Time {
	var dates []time.Time
	for _, s := range texts {
		d, err := time.Parse(time.DateOnly, s)
		if err != nil {
			l.fail(a.rng, "Invalid date", "%s is not a date. Use a form such as \"2026-12-24\".", excerpt(s))
			continue
		}
		if slices.ContainsFunc(dates, d.Equal) {
			l.twice(a, "date", s)
			continue
		}
		dates = append(dates, d)
	}
	slices.SortFunc(dates, time.Time.Compare)
	return dates
}

// twice warns of an element that is there already.
func (l *loader) twice(a *arg, what, name string) {
	d := problem(&a.rng, "Duplicate "+what, "The argument %q names the %s %s twice. Once is enough.", a.name, what, excerpt(name))
	d.Severity = hcl.DiagWarning
	l.add(d)
}

// evalZone evaluates a time zone, UTC without the argument.
func (l *loader) evalZone(a *arg, ctx *hcl.EvalContext) *time.Location {
	s, ok := l.text(a, ctx)
	if !ok {
		return time.UTC
	}
	zone, err := l.zone(s)
	if err != nil {
		hint := ""
		if errors.Is(err, errNoZone) {
			hint = suggest(s, zoneNames())
		}
		l.fail(a.rng, "Unknown time zone", "%s is not a time zone: %s. Use a name of the IANA database, such as \"Europe/Berlin\" or \"UTC\".%s", excerpt(s), err, hint)
		return time.UTC
	}
	return zone
}

// zoneNames lists the zones of the IANA database.
func zoneNames() []string {
	files, err := zip.NewReader(bytes.NewReader(zoneinfo), int64(len(zoneinfo)))
	if err != nil {
		return nil
	}
	names := []string{"UTC"}
	for _, f := range files.File {
		if !strings.HasSuffix(f.Name, "/") {
			names = append(names, f.Name)
		}
	}
	return names
}

// windowOf finds the window that the value of an expression stands for; nil for
// none.
func (l *loader) windowOf(a *arg, ctx *hcl.EvalContext) *Window {
	id, v, ok := l.idOf(a, ctx)
	if !ok || v.IsKnown() && v.IsNull() {
		return nil
	}
	if w := l.windows[id]; w != nil {
		return w
	}
	l.isNoBlock(a, v, func(address string) bool { return l.windows[address] != nil }, slices.Collect(maps.Keys(l.windows)))
	return nil
}
