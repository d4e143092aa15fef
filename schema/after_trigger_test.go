package schema

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAfterTrigger(t *testing.T) {
	cfg := one(t, `
user_event "a" {
  pbx = pbx.hq
}
user_event "site" {
  for_each = toset(["north", "south", "address"])
  pbx      = pbx.hq
}
user_event "row" {
  count = 2
  pbx   = pbx.hq
  trigger "after" { job = user_event.a }
}
user_event "x" {
  pbx = pbx.hq
  trigger "after" { job = user_event.a }
  trigger "after" {
    job   = [user_event.site["south"], user_event.a, user_event.row[1], user_event.a]
    on    = "failure"
    delay = "90s"
  }
  trigger "after" {
    job = [user_event.site, user_event.row]
    on  = "done"
  }
}
`)
	x := firedJob(t, cfg, "user_event.x")
	var got []string
	for _, trigger := range x.Triggers {
		after := trigger.(*AfterTrigger)
		got = append(got, fmt.Sprintf("%v %s %s", after.Jobs, after.On, after.Delay), after.String())
		if !slices.IsSorted(after.Jobs) {
			t.Errorf("not sorted: %v", after.Jobs)
		}
	}
	want := []string{
		"[user_event.a] success 0s", "after user_event.a succeeds",
		`[user_event.a user_event.row[1] user_event.site["south"]] failure 1m30s`,
		`after user_event.a, user_event.row[1], user_event.site["south"] have all failed, 1m30s later`,
		`[user_event.row[0] user_event.row[1] user_event.site["address"] user_event.site["north"] user_event.site["south"]] done 0s`,
		`after user_event.row[0], user_event.row[1], user_event.site["address"], user_event.site["north"], user_event.site["south"] have all ended`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("after triggers (-want +got):\n%s", diff)
	}
}

// Instances of one block may wait for each other, as long as it ends somewhere.
func TestAfterTrigger_instances(t *testing.T) {
	cfg := one(t, `
user_event "row" {
  for_each = { a = null, b = "a", c = "b" }
  pbx      = pbx.hq
  trigger "after" {
    job = each.value == null ? user_event.first : user_event.row[each.value]
  }
}
user_event "first" {
  pbx = pbx.hq
}
`)
	if got := firedJob(t, cfg, `user_event.row["c"]`).Triggers[0].(*AfterTrigger).Jobs; !slices.Equal(got, []string{`user_event.row["b"]`}) {
		t.Errorf("got %v", got)
	}
}

// Many jobs that each wait for many take no more than the sum.
func TestAfterTrigger_many(t *testing.T) {
	const body = `
user_event "a" {
  count = 4000
  pbx   = pbx.hq
}
user_event "b" {
  count = 4000
  pbx   = pbx.hq
  trigger "after" { job = user_event.a }
}
user_event "c" {
  count = 4000
  pbx   = pbx.hq
  trigger "after" { job = [user_event.b, user_event.a] }
}
`
	cfg := one(t, body)
	b := firedJob(t, cfg, "user_event.b[7]").Triggers[0].(*AfterTrigger)
	c := firedJob(t, cfg, "user_event.b[8]").Triggers[0].(*AfterTrigger)
	if len(b.Jobs) != 4000 || &b.Jobs[0] != &c.Jobs[0] {
		t.Errorf("%d jobs, not one list for all", len(b.Jobs))
	}
	// And a circle through all of them is found just as soon, and told once.
	src, diags := Open(writeFiles(t, "main.hcl", "pbx \"hq\" {\n  simulator {}\n}\n"+strings.Replace(body, "  pbx   = pbx.hq\n}", "  pbx   = pbx.hq\n  trigger \"after\" { job = user_event.c }\n}", 1)))
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	_, diags = Load(src, Values{})
	if len(diags) != 1 || diags[0].Summary != "Circle of triggers" {
		t.Errorf("got %d diagnostics: %.1000v", len(diags), diags)
	}
}

func TestSettings_retention(t *testing.T) {
	day := 24 * time.Hour
	for text, want := range map[string]time.Duration{
		"90d": 90 * day, "1d": day, "2w": 14 * day, "1w1d12h": 8*day + 12*time.Hour, "36h": 36 * time.Hour, "1h": time.Hour,
		"99999999999999999999d": maxSpan, "5000000w9999999d400000h": maxSpan,
	} {
		cfg := one(t, "notifyrun {\n  retention = \""+text+"\"\n}\n")
		if cfg.Settings.Retention != want {
			t.Errorf("%s is %s, not %s", text, cfg.Settings.Retention, want)
		}
	}
	for _, text := range []string{"", "d", "1", "1d1w", "1.5d", "-1d", "1d-1h", "1d 2h", "soon", "1y"} {
		if d, ok := ParseSpan(text); ok && d >= time.Hour {
			t.Errorf("%q is %s", text, d)
		}
	}
}

func TestSettings_overlap(t *testing.T) {
	cfg := one(t, "user_event \"x\" {\n  pbx = pbx.hq\n  trigger \"schedule\" {\n    cron    = \"@daily\"\n    overlap = \"cancel_previous\"\n  }\n  trigger \"schedule\" {\n    cron = \"@hourly\"\n  }\n}\n")
	if got := cfg.Jobs[0].Triggers[0].(*ScheduleTrigger).Overlap; got != OverlapCancelPrevious || len(cfg.Jobs[0].Triggers) != 2 {
		t.Errorf("overlap %q", got)
	}
}
