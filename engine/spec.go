package engine

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/notifyrun/notifyrun/schema"
)

// Attr is one attribute of a job as plans compare and show it. Where Value
// does not say everything, because it is sensitive or only a summary, Digest
// tells two of them apart.
type Attr struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Digest string `json:"digest,omitempty"`
	Detail string `json:"detail,omitempty"` // all of it, for programs, where Value is for people
	Sent   bool   `json:"sent,omitempty"`   // part of the message, as Sent shows it too
}

// targetsName is the attribute that says how many targets a job has.
const targetsName = "targets"

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
	if j.Window != nil {
		attrs = append(attrs, windowAttr(j.Window))
	}
	if j.Type == schema.SIPNotify {
		attrs = append(attrs, targetsAttr(j))
	}
	if e, _ := j.Event(); e != nil && !e.Channel.IsEmpty() {
		add("via", "dialplan", "action")
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
		case *schema.EventTrigger:
			attrs = append(attrs, eventAttrs(j, t)...)
		case *schema.AfterTrigger:
			attrs = append(attrs, afterAttrs(t)...)
		case *schema.ScheduleTrigger:
			add("schedule", scheduleText(t), "")
			add("jitter", t.Jitter.String(), "0s")
			add("missed", string(t.Missed), string(schema.MissedSkip))
			add("grace", t.Grace.String(), "1m0s")
			add("overlap", string(t.Overlap), string(schema.OverlapSkip))
		}
	}
	if j.Type == schema.SIPNotify {
		add("unknown_phone", string(j.UnknownPhone), string(schema.UnknownFails))
	}
	add("on_unknown", string(j.OnUnknown), string(schema.Hold))
	add("retry", fmt.Sprintf("%d attempts, backoff %s", j.Retry.Attempts, j.Retry.Backoff), "3 attempts, backoff 1s")
	return attrs
}

func targetsAttr(j *schema.Job) Attr {
	if data := j.TargetsData(); len(data) > 0 {
		return Attr{Name: targetsName, Value: "read from " + listed(data, "data sources") + " when it fires", Digest: j.TargetsDigest()}
	}
	if !j.TargetsKnown {
		return Attr{Name: targetsName, Value: knownLater, Digest: j.TriggerDigest()}
	}
	names := make([]string, len(j.Targets))
	for i, t := range j.Targets {
		names[i] = t.String()
	}
	return Attr{Name: targetsName, Value: listed(names, "phones"), Digest: digest(names...)}
}

// windowAttr is which window a job has, and what that says: a run goes by the
// window as it was applied.
func windowAttr(w *schema.Window) Attr {
	all, err := w.MarshalText()
	if err != nil { // it never is one
		panic(err)
	}
	return Attr{Name: "window", Value: w.Address + " (" + w.String() + ")", Detail: string(all)}
}

// windowOf reads the window of a job from what it says; nil: it has none.
func windowOf(attrs []Attr) *schema.Window {
	for _, a := range attrs {
		var w schema.Window
		if a.Name == "window" && !a.Sent && w.UnmarshalText([]byte(a.Detail)) == nil {
			return &w
		}
	}
	return nil
}

// listed names a few, or says how many there are.
func listed(names []string, what string) string {
	switch n := len(names); n {
	case 0:
		return "none"
	case 1, 2, 3:
		return strings.Join(names, ", ")
	default:
		return strconv.Itoa(n) + " " + what + ", " + names[0] + " … " + names[n-1]
	}
}

// eventAttrs is what an event trigger says.
func eventAttrs(j *schema.Job, t *schema.EventTrigger) []Attr {
	name := t.Name
	if t.PBX != j.PBX {
		name += " of " + t.PBX.Address
	}
	attrs := []Attr{{Name: "event", Value: name}}
	add := func(name, value, standard, digest string) {
		if value != standard {
			attrs = append(attrs, Attr{Name: name, Value: value, Digest: digest})
		}
	}
	add("where", t.Where, "", t.Digest())
	add("key", t.KeyBy, "", t.Digest())
	add("debounce", t.Debounce.String(), "0s", "")
	if t.Throttle > 0 {
		add("throttle", rateText(t.Throttle), "", "")
	}
	add("own_events", string(t.OwnEvents), string(schema.OwnIgnore), "")
	if t.OnReconnect {
		add("on_reconnect", "fire", "", "")
	}
	return attrs
}

// rateText writes a rate by the unit of time in which it is a whole number.
func rateText(r schema.Rate) string {
	for _, unit := range []struct {
		name    string
		seconds float64
	}{{"s", 1}, {"m", 60}, {"h", 3600}} {
		if n := math.Round(float64(r)*unit.seconds*1e6) / 1e6; n >= 1 && n == math.Trunc(n) || unit.name == "h" {
			return strconv.FormatFloat(n, 'f', -1, 64) + "/" + unit.name
		}
	}
	return ""
}

// afterAttrs is what an after trigger says.
func afterAttrs(t *schema.AfterTrigger) []Attr {
	attrs := []Attr{{Name: "after", Value: listed(t.Jobs, "jobs"), Digest: digest(t.Jobs...)}}
	if t.On != schema.AfterSuccess {
		attrs = append(attrs, Attr{Name: "after on", Value: string(t.On)})
	}
	if t.Delay > 0 {
		attrs = append(attrs, Attr{Name: "delay", Value: t.Delay.String()})
	}
	if t.Grace != time.Hour {
		attrs = append(attrs, Attr{Name: "grace", Value: t.Grace.String()})
	}
	return attrs
}

func sentAttrs(j *schema.Job, s Sent, messages string) []Attr {
	if j.MessageLive() {
		return []Attr{{Name: "message", Value: "read from data sources when it fires", Digest: withTrigger(j.MessageDigest(), j)}}
	}
	if s.Action == "" && len(j.TargetsData()) > 0 { // nobody is there at present
		if m := toAnybody(j); m != nil {
			s = sentNotify(schema.Target{}, m)
		}
	}
	if s.Action == "" && j.UnknownPhone == schema.UnknownSkipped && j.TargetsKnown && len(j.Targets) > 0 && !j.UsesTrigger() {
		return []Attr{{Name: "message", Value: "none, since no phone is known"}}
	}
	if s.Action == "" && j.TargetsKnown && len(j.Targets) == 0 && !j.UsesTrigger() {
		return []Attr{{Name: "message", Value: "none, since there are no targets", Digest: j.TriggerDigest()}}
	}
	if s.Action == "" {
		return []Attr{{Name: "message", Value: knownLater, Digest: j.TriggerDigest()}}
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
		attrs = append(attrs, Attr{Name: "message", Value: "differs by target; the first one is shown", Digest: withTrigger(messages, j)})
	}
	return attrs
}

// withTrigger adds to a digest of the messages what is known of them only when
// the job fires, if there is such.
func withTrigger(messages string, j *schema.Job) string {
	if late := j.TriggerDigest(); late != "" {
		return digest(messages, late)
	}
	return messages
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
