package schema

import (
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// EventTrigger fires a job when an AMI event comes.
type EventTrigger struct {
	PBX         *PBX          // whose events; the job's own unless given
	Name        string        // of the event, as Asterisk writes it
	Where       string        // the condition as written; empty: every event of the name
	KeyBy       string        // the expression of the key as written; empty: all events are of one key
	Debounce    time.Duration // how long it must be quiet before the last event of a key fires; 0: each fires at once
	Throttle    Rate          // firings of one key; 0: unlimited
	OwnEvents   OwnEvents     // whether what notifyrun itself has caused fires
	OnReconnect bool          // fires once, without an event, when events may have been missed
	DeclRange   hcl.Range

	where, key *eventExpr // nil: not given
	needs      []need     // what an event must have for where to be true
	digest     string     // of what where and key refer to
}

// OwnEvents says what becomes of events that our own actions have caused.
type OwnEvents string

const (
	OwnIgnore OwnEvents = "ignore" // the default
	OwnFire   OwnEvents = "fire"   // up to a chain of five
)

// maxKey bounds the length of a key, since who counts by keys keeps them.
const maxKey = 200

var eventType = &blockType{
	name:     "event",
	required: []string{"name"},
	optional: []string{"where", "key", "debounce", "throttle", "own_events", "on_reconnect", "pbx"},
	scopes:   map[string]scope{"where": inEvent, "key": inEvent},
	repeats:  true,
}

func (l *loader) evalEventTrigger(b *block, job *Job, j *jobBlock, ctx *hcl.EvalContext) *EventTrigger {
	t := &EventTrigger{PBX: job.PBX, OwnEvents: OwnIgnore, DeclRange: b.rng}
	if v, ok := l.value(b.args["name"], ctx, cty.String); ok {
		t.Name = v.AsString()
		l.checkEventName(t.Name, b.args["name"].rng)
	} else if v != cty.NilVal && v.IsKnown() && v.IsNull() {
		l.fail(b.args["name"].rng, "Missing required argument", "The argument \"name\" is null, but an event trigger needs the name of the event that it waits for.")
	}
	if a := b.args["pbx"]; a != nil {
		if p := l.pbxOf(a, ctx); p != nil {
			t.PBX = p
		}
	}
	if v, ok := l.eval(b.args["where"], ctx); ok && !v.IsNull() {
		t.setWhere(l, b.args["where"], v, ctx)
	}
	if v, ok := l.eval(b.args["key"], ctx); ok && !v.IsNull() {
		t.setKey(l, b.args["key"], v, ctx)
	}
	if d, ok := l.duration(b.args["debounce"], ctx, 0); ok {
		t.Debounce = min(d, maxTime)
	}
	if a := b.args["throttle"]; a != nil {
		if s, ok := l.text(a, ctx); ok {
			rate, err := parseRate(s)
			if err != nil {
				l.failIn(ctx, a, "Invalid rate", "%s is not a rate: %s. Use a form such as \"6/m\" or \"1/h\", or \"unlimited\".", excerpt(s), err)
			}
			t.Throttle = rate
		}
	}
	if a := b.args["key"]; a != nil && b.args["debounce"] == nil && b.args["throttle"] == nil {
		l.failIn(ctx, a, "Key without effect", "The argument \"key\" tells for which events \"debounce\" and \"throttle\" count together, but the trigger has neither. Give one of them, or take the key out.")
	}
	if o, ok := choice(l.collector, b.args["own_events"], ctx, OwnIgnore, OwnFire); ok {
		t.OwnEvents = o
	}
	if s, ok := choice(l.collector, b.args["on_reconnect"], ctx, "ignore", "fire"); ok {
		t.OnReconnect = s == "fire"
		if at := j.fired.at; t.OnReconnect && j.fired.named {
			l.fail(b.args["on_reconnect"].rng, "No event after a reconnect",
				"With on_reconnect = \"fire\" the job fires without an event, but what it sends depends on trigger.event, at %s. Use a job of its own for the catch-up, one that does not need to know the event.", at)
		}
	}
	return t
}

// setWhere takes the condition, whose value is v as far as it is known before
// any event.
func (t *EventTrigger) setWhere(l *loader, a *arg, v cty.Value, ctx *hcl.EvalContext) {
	if _, err := asBool(v); err != nil {
		l.failIn(ctx, a, "Wrong type of value", "The argument \"where\" must be true or false: %s.", err)
		return
	}
	t.Where = l.src.written(a)
	t.where = newEventExpr(a, v, ctx)
	t.needs = needsOf(a.expr, ctx)
	t.digest = shortDigest(framed(nil).string(t.digest).string(l.src.digestOf([]*arg{a}, ctx)))
}

func (t *EventTrigger) setKey(l *loader, a *arg, v cty.Value, ctx *hcl.EvalContext) {
	_, err := asText(v)
	switch {
	case hasSensitive(v):
		l.failIn(ctx, a, "Sensitive value not allowed", "The key is sensitive, but keys are shown and kept. If it is no secret, wrap it in nonsensitive(…).")
		return
	case err != nil:
		l.failIn(ctx, a, "Wrong type of value", "The argument \"key\" must be a text: %s. To tell events apart by several headers, put them into one text: \"${event.Device} ${event.Exten}\".", err)
		return
	}
	t.KeyBy = l.src.written(a)
	t.key = newEventExpr(a, v, ctx)
	t.digest = shortDigest(framed(nil).string(t.digest).string(l.src.digestOf([]*arg{a}, ctx)))
}

// Matches tells whether an event of the trigger's name fires it. It may be
// called by several goroutines. The diagnostics say why the condition has no
// value for this event, which does not fire then.
func (t *EventTrigger) Matches(h EventHeaders) (bool, hcl.Diagnostics) {
	if t.where == nil {
		return true, nil
	}
	for _, n := range t.needs {
		if !n.perhaps(h) {
			return false, nil
		}
	}
	v, diags := t.where.eval(h)
	if diags.HasErrors() {
		return false, diags
	}
	b, err := asBool(v)
	if err == nil && b.IsNull() {
		err = fmt.Errorf("it is null for this event")
	}
	if err == nil && !b.IsKnown() {
		err = fmt.Errorf("it has no value for this event")
	}
	if err != nil {
		return false, bounded(failf(&t.where.arg.rng, "Invalid condition", "The argument \"where\" must be true or false: %s.", err))
	}
	return b.True(), nil
}

// Key tells events of one trigger apart for debounce and throttle. It is empty
// where the trigger has no key, and where its key is null for this event.
func (t *EventTrigger) Key(h EventHeaders) (string, hcl.Diagnostics) {
	if t.key == nil {
		return "", nil
	}
	v, diags := t.key.eval(h)
	if diags.HasErrors() {
		return "", diags
	}
	s, err := asText(v)
	if err == nil && !s.IsKnown() {
		err = fmt.Errorf("it has no value for this event")
	}
	if err != nil {
		return "", bounded(failf(&t.key.arg.rng, "Invalid key", "The argument \"key\" must be a text: %s.", err))
	}
	if s.IsNull() {
		return "", nil
	}
	key := s.AsString()
	if len(key) > maxKey {
		key = strings.ToValidUTF8(key[:maxKey/2], "") + "…" + shortDigest([]byte(key))
	}
	return key, nil
}

// Digest identifies what the condition and the key refer to beside the event, so
// that a change there shows, too. It is empty where the trigger has neither.
func (t *EventTrigger) Digest() string { return t.digest }

// String says in a few words what the trigger waits for.
func (t *EventTrigger) String() string {
	s := "event " + t.Name + " of " + t.PBX.Address
	if t.Where != "" {
		s += " where " + t.Where
	}
	if t.Debounce > 0 {
		s += ", once it is quiet for " + shortTime(t.Debounce)
	}
	return s
}
