package main

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/robfig/cron/v3"

	"github.com/notifyrun/notifyrun/schema"
)

// TestDueQueue takes due times of several jobs, one of them with two triggers,
// in the order of time, and as many of each job as were asked for.
func TestDueQueue(t *testing.T) {
	trigger := func(spec string) *schema.ScheduleTrigger {
		s, err := cron.ParseStandard(spec)
		if err != nil {
			t.Fatal(err)
		}
		return &schema.ScheduleTrigger{Cron: spec, Schedule: s}
	}
	jobs := []*schema.Job{
		{Address: "user_event.off", Triggers: []schema.Trigger{trigger("* * * * *")}},
		{Address: "user_event.two", Enabled: true, Triggers: []schema.Trigger{trigger("0 12 * * *"), trigger("0 6 * * *")}},
		{Address: "user_event.one", Enabled: true, Triggers: []schema.Trigger{trigger("0 12 * * *"), &schema.ChangeTrigger{}}},
	}
	q := newDueQueue(jobs, time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC))
	var got []string
	for range 6 {
		e := (*q)[0]
		got = append(got, e.next.At.Format("02 15:04 ")+e.job)
		q.take(false)
	}
	want := []string{
		"01 12:00 user_event.two", "01 12:00 user_event.one",
		"02 06:00 user_event.two", "02 12:00 user_event.two", "02 12:00 user_event.one",
		"03 06:00 user_event.two",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("due times (-want +got):\n%s", diff)
	}
	for q.Len() > 0 {
		q.take(true)
	}
}

func TestParseSince(t *testing.T) {
	now := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	for in, want := range map[string]time.Time{
		"":                          {},
		"90m":                       now.Add(-90 * time.Minute),
		"2026-01-01T00:00:00+01:00": time.Date(2025, 12, 31, 23, 0, 0, 0, time.UTC),
	} {
		if got, err := parseSince(in, now); err != nil || !got.Equal(want) {
			t.Errorf("parseSince(%q) = %v, %v; want %v", in, got, err, want)
		}
	}
	for _, in := range []string{"-1h", "yesterday", "2026-01-01"} {
		if _, err := parseSince(in, now); err == nil {
			t.Errorf("parseSince(%q) is accepted", in)
		}
	}
}

func TestParseFrom(t *testing.T) {
	now := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	want := time.Date(2026, 3, 29, 1, 30, 0, 0, time.UTC)
	for _, in := range []string{"2026-03-29T01:30:00Z", "2026-03-29T03:30:00+02:00", "2026-03-29 01:30", "2026-03-29 01:30:00"} {
		if got, err := parseFrom(in, now); err != nil || !got.Equal(want) {
			t.Errorf("parseFrom(%q) = %v, %v; want %v", in, got, err, want)
		}
	}
	if got, err := parseFrom("", now); err != nil || got != now {
		t.Errorf("parseFrom of nothing = %v, %v", got, err)
	}
	if _, err := parseFrom("noon", now); err == nil {
		t.Error("parseFrom of noon is accepted")
	}
}
