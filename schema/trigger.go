package schema

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/robfig/cron/v3"
)

const defaultGrace = time.Minute

// maxTime bounds jitter, grace and the like, to keep typing errors out.
const maxTime = 10 * 365 * 24 * time.Hour

// maxSpan bounds what is given in days and weeks.
const maxSpan = 10 * maxTime

var (
	changeType = &blockType{
		name:     "change",
		optional: []string{"on", "initial"},
		scopes:   map[string]scope{"on": inTarget},
		repeats:  true, // told below, with advice
	}
	scheduleType = &blockType{
		name:     "schedule",
		required: []string{"cron"},
		optional: []string{"timezone", "jitter", "missed", "grace", "overlap"},
		repeats:  true,
	}
	triggerType = &blockType{name: "trigger", labels: []string{"type"}, kinds: []*blockType{changeType, scheduleType, eventType, afterType}}
)

// evalTriggers evaluates the triggers of a job.
func (l *loader) evalTriggers(j *jobBlock, job *Job, ctx *hcl.EvalContext) []Trigger {
	var out []Trigger
	for _, b := range j.triggers {
		switch b.typ {
		case changeType:
			t := &ChangeTrigger{OfMessage: b.args["on"] == nil, DeclRange: b.rng}
			if s, ok := choice(l.collector, b.args["initial"], ctx, "fire", "record"); ok {
				t.Record = s == "record"
			}
			out = append(out, t)
		case scheduleType:
			if t := l.evalSchedule(b, ctx); t != nil {
				out = append(out, t)
			}
		case eventType:
			out = append(out, l.evalEventTrigger(b, job, j, ctx))
		case afterType:
			if t := l.evalAfter(b, ctx); t != nil {
				out = append(out, t)
			}
		}
	}
	return out
}

func (l *loader) evalSchedule(b *block, ctx *hcl.EvalContext) *ScheduleTrigger {
	t := &ScheduleTrigger{Zone: l.evalZone(b.args["timezone"], ctx), Missed: MissedSkip, Grace: defaultGrace, Overlap: OverlapSkip, DeclRange: b.rng}
	if d, ok := l.duration(b.args["jitter"], ctx, 0); ok {
		t.Jitter = min(d, maxTime)
	}
	if d, ok := l.duration(b.args["grace"], ctx, 0); ok {
		t.Grace = min(d, maxTime)
	}
	if m, ok := choice(l.collector, b.args["missed"], ctx, MissedSkip, MissedOnce); ok {
		t.Missed = m
	}
	if o, ok := choice(l.collector, b.args["overlap"], ctx, OverlapSkip, OverlapQueue, OverlapCancelPrevious); ok {
		t.Overlap = o
	}
	a := b.args["cron"]
	s, ok := l.text(a, ctx)
	if !ok {
		return nil
	}
	schedule, err := parseCron(s, t.Zone)
	if err != nil {
		l.failIn(ctx, a, "Invalid cron expression", "%s cannot be used: %s. Write five fields (minute, hour, day of month, month, day of week), such as \"0 4 * * *\", or six with seconds first, or \"@daily\" or \"@every 10m\".", excerpt(s), err)
		return nil
	}
	// Any five years have every date that the calendar has, but for leap days
	// around 2100; so whether it fires ever does not depend on now.
	if schedule.Next(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		l.failIn(ctx, a, "Schedule that never fires", "No date satisfies %s, so that the job would never run. Check the day of the month against the month.", excerpt(s))
		return nil
	}
	t.Cron, t.Schedule = s, schedule
	return t
}

// zone finds a time zone by its IANA name, once.
func (l *loader) zone(name string) (*time.Location, error) {
	if z := l.zones[name]; z != nil {
		return z, nil
	}
	zone, err := loadZone(name)
	if err != nil {
		return nil, err
	}
	l.zones[name] = zone
	return zone, nil
}

var cronParser = cron.NewParser(cron.SecondOptional | cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor)

// parseCron parses a cron expression for a zone.
func parseCron(s string, zone *time.Location) (cron.Schedule, error) {
	s = strings.TrimSpace(s)
	if strings.Contains(s, "TZ=") {
		return nil, fmt.Errorf("the zone is given by the argument \"timezone\", not inside")
	}
	if every, ok := strings.CutPrefix(s, "@every "); ok {
		if d, err := time.ParseDuration(every); err == nil && (d < time.Second || d > maxTime || d%time.Second != 0) {
			return nil, fmt.Errorf("%s is not a whole number of seconds from 1s up", every)
		}
	}
	schedule, err := cronParser.Parse(s)
	if err != nil {
		return nil, cronMistake(s, err)
	}
	if spec, ok := schedule.(*cron.SpecSchedule); ok {
		spec.Location = zone
	}
	return schedule, nil
}

// cronMistake words what the parser of cron expressions says.
func cronMistake(s string, err error) error {
	var from, to, found, number, limit int
	said := err.Error()
	scan := func(form string, values ...any) bool {
		n, _ := fmt.Sscanf(said, form, values...)
		return n == len(values)
	}
	_, part, _ := strings.Cut(said, ": ")
	switch {
	case s == "":
		return errors.New("it is empty")
	case scan("expected %d to %d fields, found %d", &from, &to, &found):
		return fmt.Errorf("this is %s", counted("a text", found, "field"))
	case scan("beginning of range (%d) below minimum (%d)", &number, &limit):
		return fmt.Errorf("in %s, %d is too low; this field begins with %d", excerpt(part), number, limit)
	case scan("end of range (%d) above maximum (%d)", &number, &limit):
		return fmt.Errorf("in %s, %d is too high; this field ends with %d", excerpt(part), number, limit)
	case scan("beginning of range (%d) beyond end of range (%d)", &from, &to):
		return fmt.Errorf("%s goes from %d down to %d", excerpt(part), from, to)
	case strings.HasPrefix(said, "step of range"):
		return fmt.Errorf("the step of %s is 0", excerpt(part))
	case strings.HasPrefix(said, "too many "):
		return fmt.Errorf("%s has one dash or slash too many", excerpt(part))
	case strings.HasPrefix(said, "failed to parse int from "):
		word, _, _ := strings.Cut(strings.TrimPrefix(said, "failed to parse int from "), ": ")
		return fmt.Errorf("%s is no number, nor the name of a day, as MON, or of a month, as JAN", excerpt(word))
	case strings.HasPrefix(said, "failed to parse duration "):
		return errors.New("behind \"@every\" comes a duration, such as 10m")
	case strings.HasPrefix(said, "unrecognized descriptor"):
		if best := guess(s, []string{"@yearly", "@monthly", "@weekly", "@daily", "@hourly"}); best != "" {
			return fmt.Errorf("there is no %s; perhaps %q is meant", excerpt(s), best)
		}
		return fmt.Errorf("there is no %s", excerpt(s))
	}
	return err
}

// changeTrigger returns the change trigger among blocks, or nil.
func changeTrigger(blocks []*block) *block {
	i := slices.IndexFunc(blocks, func(b *block) bool { return b.typ == changeType })
	if i < 0 {
		return nil
	}
	return blocks[i]
}
