package engine

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/notifyrun/notifyrun/schema"
)

// Attr is one attribute of a job as plans compare and show it. Where Value
// does not say everything, because it is sensitive or only a summary, Digest
// tells two of them apart.
type Attr struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Digest string `json:"digest,omitempty"`
	Sent   bool   `json:"sent,omitempty"` // part of the message, as Sent shows it too
}

// knownLater stands for what is evaluated only when the job fires.
const knownLater = "(known when triggered)"

// spec is what a job says, in a fixed order; what has its default value is left
// out. messages is the digest over the messages of all targets, first the
// message of the first one; both are empty where no target is known.
func spec(j *schema.Job, first Sent, messages string) []Attr {
	pbx := j.PBX.Address
	if j.PBX.Simulator != nil {
		pbx += " (simulated)"
	}
	attrs := []Attr{{Name: "pbx", Value: pbx}}
	add := func(name, value, standard string) {
		if value != standard {
			attrs = append(attrs, Attr{Name: name, Value: value})
		}
	}
	add("enabled", strconv.FormatBool(j.Enabled), "true")
	if j.Type == schema.SIPNotify {
		attrs = append(attrs, targetsAttr(j))
	}
	attrs = append(attrs, sentAttrs(j, first, messages)...)
	for _, t := range j.Triggers {
		switch t := t.(type) {
		case *schema.ChangeTrigger:
			on := "(each value, per phone)"
			if t.OfMessage {
				on = "(the message itself)"
			}
			add(`on change of`, cmp.Or(j.ChangeDetail(), on), "")
			if t.Record {
				add("initial", "record", "")
			}
		case *schema.ScheduleTrigger:
			add("schedule", t.Cron+" "+t.Zone.String(), "")
			add("jitter", t.Jitter.String(), "0s")
			add("missed", string(t.Missed), string(schema.MissedSkip))
			add("grace", t.Grace.String(), "1m0s")
			add("overlap", string(t.Overlap), string(schema.OverlapSkip))
		}
	}
	add("on_unknown", string(j.OnUnknown), string(schema.Hold))
	add("retry", fmt.Sprintf("%d attempts, backoff %s", j.Retry.Attempts, j.Retry.Backoff), "3 attempts, backoff 1s")
	return attrs
}

func targetsAttr(j *schema.Job) Attr {
	if !j.TargetsKnown {
		return Attr{Name: "targets", Value: knownLater}
	}
	names := make([]string, len(j.Targets))
	for i, t := range j.Targets {
		names[i] = t.String()
	}
	a := Attr{Name: "targets", Digest: digest(names...)}
	switch n := len(names); n {
	case 0:
		a.Value = "none"
	case 1, 2, 3:
		a.Value = strings.Join(names, ", ")
	default:
		a.Value = strconv.Itoa(n) + " phones, " + names[0] + " … " + names[n-1]
	}
	return a
}

func sentAttrs(j *schema.Job, s Sent, messages string) []Attr {
	if s.Action == "" {
		return []Attr{{Name: "message", Value: knownLater}}
	}
	var attrs []Attr
	add := func(name string, v schema.Text) {
		a := Attr{Name: name, Value: v.String(), Sent: true}
		if v.IsSensitive() {
			a.Digest = digest(v.Reveal())
		}
		attrs = append(attrs, a)
	}
	if s.Option != "" {
		attrs = append(attrs, Attr{Name: "option", Value: s.Option, Sent: true})
	}
	for _, h := range s.Headers {
		add(h.Name, h.Value)
	}
	for i, line := range s.Content {
		add("content line "+strconv.Itoa(i+1), line)
	}
	if s.CallID != nil {
		add("call_id", *s.CallID)
	}
	if s.Channel != nil {
		add("channel", *s.Channel)
	}
	if j.MessageVaries() {
		attrs = append(attrs, Attr{Name: "message", Value: "differs by target; the first one is shown", Digest: messages})
	}
	return attrs
}

// applied is the form of a spec that the state keeps.
func applied(address string, attrs []Attr) AppliedJob {
	text, err := json.Marshal(attrs)
	if err != nil { // only strings: cannot happen
		panic(err)
	}
	return AppliedJob{Address: address, Digest: digest(string(text)), Spec: text}
}

// AttrChange is one attribute that differs between what was applied and what
// is to be. Old is nil for a new attribute, New for one that goes.
type AttrChange struct {
	Name     string
	Old, New *string
}

// diffAttrs compares two specs by name, in the order of the new one, what is
// gone last. A name that repeats is compared in its order of appearance.
func diffAttrs(old, now []Attr) []AttrChange {
	left := make(map[string][]Attr, len(old))
	for _, a := range old {
		left[a.Name] = append(left[a.Name], a)
	}
	var changes []AttrChange
	for _, a := range now {
		was := left[a.Name]
		if len(was) == 0 {
			changes = append(changes, AttrChange{Name: a.Name, New: &a.Value})
			continue
		}
		left[a.Name] = was[1:]
		if was[0] != a {
			changes = append(changes, AttrChange{Name: a.Name, Old: &was[0].Value, New: &a.Value})
		}
	}
	for _, a := range old {
		if was := left[a.Name]; len(was) > 0 {
			left[a.Name] = was[1:]
			changes = append(changes, AttrChange{Name: a.Name, Old: &was[0].Value})
		}
	}
	return changes
}
