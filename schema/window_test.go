package schema

import (
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
)

func TestWindow(t *testing.T) {
	cfg := one(t, `
locals {
  weekdays = toset(["mon", "tue", "wed", "thu", "FRI"])
  zone     = "Europe/Berlin"
}
window "nights" {
  start    = "22:00"
  end      = "05:00"
  days     = local.weekdays
  timezone = local.zone
  except   = ["2026-12-31", "2026-12-24"]
}
window "long" {
  start  = "6:30:15"
  end    = "24:00"
  days   = ["sun", "wed", "thu"]
  except = ["2026-01-01", "2026-01-02", "2026-01-03", "2026-01-04"]
}
window "always" {
  start = window.nights.start
  end   = window.nights.start
}
user_event "a" {
  pbx    = pbx.hq
  window = window.nights
}
user_event "b" {
  for_each = { north = window.always, south = window.long, east = null }
  pbx      = pbx.hq
  window   = each.value
}
user_event "c" {
  pbx    = pbx.hq
  window = local.zone == "UTC" ? window.nights : window.long
}
user_event "d" {
  pbx  = pbx.hq
  body = { When = "${window.nights.start} ${window.nights.end} ${join(",", window.nights.days)} ${window.nights.timezone} ${window.nights.except[0]} ${window.nights.name}" }
}
`)
	got := map[string]string{}
	for _, w := range cfg.Windows {
		got[w.Address] = w.String()
	}
	for _, j := range cfg.Jobs {
		got[j.Address] = ""
		if j.Window != nil {
			got[j.Address] = j.Window.Address
		}
	}
	e, diags := firedJob(t, cfg, "user_event.d").Event()
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	got["said"] = e.Body[0].Value.String()
	if diff := cmp.Diff(map[string]string{
		"window.nights":         "22:00–05:00 mon–fri Europe/Berlin, except on 2026-12-24, 2026-12-31",
		"window.long":           "06:30:15–24:00 wed thu sun UTC, except on 4 dates",
		"window.always":         "22:00–22:00 UTC",
		"user_event.a":          "window.nights",
		`user_event.b["north"]`: "window.always",
		`user_event.b["south"]`: "window.long",
		`user_event.b["east"]`:  "",
		"user_event.c":          "window.long",
		"user_event.d":          "",
		"said":                  "22:00 05:00 mon,tue,wed,thu,fri Europe/Berlin 2026-12-24 nights",
	}, got); diff != "" {
		t.Errorf("windows (-want +got):\n%s", diff)
	}
	w := cfg.Windows[1]
	if w.Start != 6*time.Hour+30*time.Minute+15*time.Second || w.End != 24*time.Hour || w.Days != [7]bool{true, false, false, true, true, false, false} || w.Zone != time.UTC {
		t.Errorf("got %+v", w)
	}
}

// What a window is written as is read back, all of it.
func TestWindow_text(t *testing.T) {
	for _, lines := range []string{
		"days = [\"mon\", \"sun\"]\ntimezone = \"America/Argentina/Buenos_Aires\"\nexcept = [\"2026-12-24\", \"2026-12-25\"]",
		"days = [\"wed\"]",
		"",
	} {
		w := one(t, "window \"a_b-c\" {\nstart = \"22:00:30\"\nend = \"24:00\"\n"+lines+"\n}\nuser_event \"a\" {\npbx = pbx.hq\nwindow = window.a_b-c\n}\n").Windows[0]
		text, err := w.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		var read Window
		if err := read.UnmarshalText(text); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		want := *w
		want.DeclRange = hcl.Range{}
		want.Address = `module.site["a b"].window.x`
		if text, err = want.MarshalText(); err != nil {
			t.Fatal(err)
		}
		if err := read.UnmarshalText(text); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if !reflect.DeepEqual(want, read) {
			t.Errorf("%s is read as %+v, not %+v", text, read, want)
		}
	}
	for _, text := range []string{"", "a", "22:00 05:00 mon UTC w", "x 05:00 mon UTC  w", "22:00 x mon UTC  w", "22:00 05:00 x UTC  w", "22:00 05:00 mon Nowhere  w", "22:00 05:00 mon UTC x w"} {
		if err := new(Window).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is read", text)
		}
	}
}
