package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/notifyrun/notifyrun/schema"
)

// TestLanguage_events tries the conditions of the page on the events that they
// are said to be true for, and on one that has none of their headers; and it has
// the attributes of trigger that there are.
func TestLanguage_events(t *testing.T) {
	body := readPage(t, "language.md").section(t, "Event triggers")
	dir := docDir(t)
	frame := argumentFrames["sip_notify trigger event"]
	rows := tables(body, "| condition | true for |")
	if len(rows) < 5 {
		t.Fatalf("%d conditions", len(rows))
	}
	for _, row := range rows {
		cfg, diags := examine(t, dir, fmt.Sprintf(frame, "name = \"UserEvent\"\nwhere = "+code(t, row[0])))
		if diags.HasErrors() {
			t.Errorf("%s: %v", row[0], diags)
			continue
		}
		trigger := cfg.Jobs[0].Triggers[0].(*schema.EventTrigger)
		name, value, _ := strings.Cut(code(t, row[1]), ": ")
		if fits, diags := trigger.Matches(schema.EventHeaders{{Name: name, Value: value}}); !fits {
			t.Errorf("%s is not true for %s: %v", row[0], row[1], diags)
		}
		if fits, _ := trigger.Matches(schema.EventHeaders{{Name: "Other", Value: "x"}}); fits {
			t.Errorf("%s is true for an event without the header", row[0])
		}
	}
	var attributes []string
	for _, row := range tables(body, "| attribute | is |") {
		attributes = append(attributes, code(t, row[0]))
	}
	event := argumentFrames["user_event"]
	_, diags := examine(t, dir, fmt.Sprintf(event, "pbx = pbx.hq\nbody = { A = trigger.x }"))
	for _, a := range attributes {
		if name := strings.TrimPrefix(a, "trigger."); !strings.Contains(allOf(diags), `"`+name+`"`) {
			t.Errorf("trigger has no attribute %s", name)
		}
	}
	if n := strings.Count(allOf(diags), `"`)/2 - 2; n != len(attributes) { // but "trigger" and "x"
		t.Errorf("the page has %d attributes of trigger, the program %d: %v", len(attributes), n, diags)
	}
}
