package schema

import (
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// Fired is what made a job fire: what trigger.* is in its targets and its
// message. It is plain data, so that the state can keep it with the run.
type Fired struct {
	Kind  string       `json:"kind"`            // "change", "schedule", "event", "after" or "fire"
	Due   time.Time    `json:"due,omitzero"`    // trigger.due: the due time of a schedule
	Event EventHeaders `json:"event,omitempty"` // trigger.event, or as much of it as the job uses
	Job   string       `json:"job,omitempty"`   // trigger.job: the address of the job after which this one fires
	Run   string       `json:"run,omitempty"`   // trigger.run: the id of its run
}

// triggerAttributes are those of trigger.
var triggerAttributes = []string{"kind", "due", "event", "job", "run"}

// value is what trigger is, with the headers of the event that are referred to.
func (f Fired) value(refs headerRefs) cty.Value {
	text := func(s string) cty.Value {
		if s == "" {
			return cty.NullVal(cty.String)
		}
		return cty.StringVal(printableText(s))
	}
	due := cty.NullVal(cty.String)
	if !f.Due.IsZero() {
		due = cty.StringVal(f.Due.Format(time.RFC3339))
	}
	return cty.ObjectVal(map[string]cty.Value{
		"kind": cty.StringVal(printableText(f.Kind)), "due": due, "job": text(f.Job), "run": text(f.Run),
		"event": f.Event.object(refs),
	})
}

// firedRefs are a job's references to what makes it fire.
type firedRefs struct {
	uses  bool       // there are any
	named bool       // some are to trigger.event
	at    hcl.Range  // of the first of those
	event headerRefs // to which headers of it
}

// firedArgs are the arguments in which trigger can stand: to whom the job sends,
// and what.
func (j *jobBlock) firedArgs() []*arg {
	var args []*arg
	for _, name := range []string{"targets", "exclude", "name", "body", "channel"} {
		if a := j.args[name]; a != nil {
			args = append(args, a)
		}
	}
	if j.message != nil {
		args = append(args, j.message.allArgs()...)
	}
	return args
}

// firedRefs finds what of the trigger the job refers to.
func (j *jobBlock) firedRefs() firedRefs {
	var refs firedRefs
	for _, a := range j.firedArgs() {
		if a.uses&inTrigger == 0 {
			continue
		}
		refs.uses = true
		for _, t := range a.expr.Variables() {
			if t.RootName() != "trigger" || len(t) < 2 {
				continue
			}
			if attr, ok := t[1].(hcl.TraverseAttr); ok && attr.Name == "event" {
				if !refs.named {
					refs.named, refs.at = true, t.SourceRange()
				}
				refs.event.add(t[2:])
			}
		}
	}
	return refs
}

// saysTrigger tells whether what the job says depends on the trigger.
func (j *jobBlock) saysTrigger() bool {
	if j.message != nil {
		return j.message.uses&inTrigger != 0
	}
	return slices.ContainsFunc(j.firedArgs(), func(a *arg) bool { return a.uses&inTrigger != 0 })
}

// When returns the job as it is when that fires it: its targets, its message
// and its user event evaluated with trigger.*. It is the job itself where
// nothing in it depends on the trigger, and nil where a diagnostic is an error:
// they say what cannot be sent, such as a header of the event that is missing.
// What differs by target is evaluated by Message.
func (j *Job) When(f Fired) (*Job, hcl.Diagnostics) {
	b := j.eval.block
	if !b.fired.uses {
		return j, nil
	}
	now := *j
	e := &jobEval{
		job: &now, block: b, ctx: j.eval.ctx, src: j.eval.src, revision: j.eval.revision,
		trigger: f.value(b.fired.event), missing: f.missing(b.fired.event),
	}
	now.eval = e
	if name, found := f.Event.garbled(b.fired.event); found && b.fired.named {
		return nil, bounded(failf(&b.fired.at, "Header of the event cannot be used", "The header %s of the event is not UTF-8, so that it cannot be sent as it is. The job is %s.", excerpt(name), j.Address))
	}
	var c collector
	if a := b.args["targets"]; a != nil && (a.uses|usesOf(b.args["exclude"]))&inTrigger != 0 {
		now.Targets, now.TargetsKnown = c.targetsOf(b, e.varied(e.ctx, nil))
		if !now.TargetsKnown {
			c.fail(a.rng, "Value not known yet", "The targets of the job are not known even when it fires.")
		}
	}
	var more hcl.Diagnostics
	switch {
	case j.Type == UserEvent:
		e.event, more = e.evalEvent()
	case j.MessageVaries():
	case !b.saysTrigger():
		e.message = j.eval.message
		more = e.suitAll()
	default:
		more = e.prepareMessage()
	}
	c.add(more...)
	if c.diags.HasErrors() {
		return nil, e.whenFired(c.diags)
	}
	return &now, bounded(c.diags)
}

func usesOf(a *arg) scope {
	if a == nil {
		return 0
	}
	return a.uses
}

// UsesTrigger tells whether anything of the job, its targets or what it sends,
// depends on what makes it fire.
func (j *Job) UsesTrigger() bool { return j.eval.block.fired.uses }

// HeadersUsed are those headers of an event to which the job's targets and what
// it sends refer: none where they do not depend on the event, all where it cannot
// be told to which. When makes the same of them as of all. Who keeps an event need
// keep no more, and it is text of strangers.
func (j *Job) HeadersUsed(h EventHeaders) EventHeaders {
	refs := j.eval.block.fired.event
	if refs.whole {
		return h
	}
	var used EventHeaders
	for _, header := range h {
		if refs.has(header.Name) {
			used = append(used, header)
		}
	}
	return used
}

// missing are the headers that are referred to and that the event has not.
func (f Fired) missing(refs headerRefs) []string {
	var missing []string
	for _, name := range refs.names {
		if !f.Event.has(name) {
			missing = append(missing, name)
		}
	}
	return missing
}

// whenFired makes the diagnostics of a firing fit to be kept, and says what the
// event lacks, which is the most likely cause.
func (e *jobEval) whenFired(diags hcl.Diagnostics) hcl.Diagnostics {
	if e.trigger == cty.NilVal {
		return diags
	}
	out := bounded(diags)
	const most = 10
	names := e.missing[:min(len(e.missing), most)]
	for i, d := range out {
		switch kind := e.trigger.GetAttr("kind").AsString(); {
		case d.Severity != hcl.DiagError || len(names) == 0 || !strings.Contains(d.Detail, "null"):
			// What the event lacks has not led to it.
		case kind != "event":
			out[i] = appended(d, "No event has fired the job (but %s), so that trigger.event has no headers.", excerpt(kind))
		case len(names) == 1:
			out[i] = appended(d, "The event has no header %s.", enumerate(names))
		default:
			out[i] = appended(d, "The event has none of the headers %s.", enumerate(names))
		}
	}
	return out
}
