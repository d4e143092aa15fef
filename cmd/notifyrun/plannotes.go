package main

import (
	"fmt"

	"github.com/notifyrun/notifyrun/engine"
	"github.com/notifyrun/notifyrun/schema"
)

// note is a line about a job beside its attributes and its firing. Whatever else
// a plan is to say of a job is one: what is shown of many jobs adds up those
// that say the same.
type note struct {
	text  string   // of this job
	names []string // the targets that it is about, where they are to be named
	many  string   // of several: the first %s stands for how many of the noun there are
	noun  string
	n     int
}

func notes(jp *engine.JobPlan) []note {
	var all []note
	phones := func(targets []string, says string) {
		if n := len(targets); n > 0 {
			all = append(all, note{text: fmt.Sprintf(says, count(n, "phone")), names: targets, many: says, noun: "phone", n: n})
		}
	}
	if now := phonesNow(jp); jp.Op != engine.NoOp && jp.Fire == nil {
		phones(now, "%s at present")
	}
	phones(jp.New, "%s of these never had any revision")
	phones(jp.Gone, "%s that had one are targets no longer")
	phones(jp.NoContact, "%s without contact will be skipped")
	if n := len(jp.Recorded); n > 0 {
		const says = "takes today's value as delivered for %s (initial = \"record\")"
		all = append(all, note{text: fmt.Sprintf(says, count(n, "phone")), many: says, noun: "phone", n: n})
	}
	for _, c := range jp.Cancel {
		if n := len(c.Deliveries); n > 0 {
			all = append(all, note{
				text: fmt.Sprintf("cancels %s of run %s: %s", count(n, "delivery"), c.Run.ID, c.Reason),
				many: "cancels %s of open runs: " + c.Reason, noun: "delivery", n: n,
			})
		}
	}
	for _, r := range jp.Resume {
		n, noun := len(r.Deliveries), "phone"
		if jp.Job.Type == schema.UserEvent {
			noun = "user event"
		}
		all = append(all, note{
			text: fmt.Sprintf("goes on with run %s: %s left%s", r.Run.ID, count(n, noun), lasting(jp.Job, n)),
			many: "goes on with open runs: %s left", noun: noun, n: n,
		})
	}
	all = append(all, waitsNote(jp)...)
	if held := jp.Window.Held(); held != nil && (jp.Fire != nil || len(jp.Resume) > 0) {
		all = append(all, note{text: heldText(held), many: "%s " + heldText(held), noun: "delivery", n: len(jp.Window.Targets)})
	}
	return append(all, phoneNotes(jp)...)
}

// phonesNow are the targets of a job that are read again when it fires.
func phonesNow(jp *engine.JobPlan) []string {
	if jp.Job == nil || len(jp.Job.TargetsData()) == 0 {
		return nil
	}
	names := make([]string, len(jp.Job.Targets))
	for i, t := range jp.Job.Targets {
		names[i] = t.String()
	}
	return names
}
