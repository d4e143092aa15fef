package schema

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// jobEval has what of a job is evaluated after Load, and what was evaluated
// once because it is the same for every target.
type jobEval struct {
	job   *Job
	block *jobBlock
	ctx   *hcl.EvalContext // of the instance
	src   *Source

	message  *Message // nil: varies with the target
	event    *Event
	revision string // "": varies with the target, or the job has no change trigger

	// Of a job that When has made: what trigger is, and what is missing from it.
	trigger cty.Value // NilVal: nothing has fired
	missing []string
}

// prepare evaluates what does not vary, and tries the rest on the first target,
// so that Load finds the mistakes in it.
func (j *Job) prepare() hcl.Diagnostics {
	e := j.eval
	var diags hcl.Diagnostics
	says := false // whether there is something to send
	switch ref := e.block.args["message"]; {
	case j.Type == UserEvent:
		e.event, diags = e.evalEvent()
		says = e.event != nil
	case e.block.message == nil, ref != nil && !ref.usable(), !e.block.message.usable():
		// Reported there.
	default:
		diags = e.prepareMessage()
		says = !diags.HasErrors()
	}
	if change := changeTrigger(e.block.triggers); change != nil && (says || change.args["on"] != nil) {
		diags = append(diags, e.prepareRevision(change)...)
	}
	return diags
}

func (e *jobEval) prepareRevision(change *block) hcl.Diagnostics {
	on := change.args["on"]
	switch {
	case on != nil && !on.usable():
		return nil // reported there
	case on.unread() || e.block.args["targets"].unread():
		return nil
	case on == nil && e.block.saysTrigger():
		return failf(&change.rng, "Change trigger without known value",
			"The job sends something that is known only when it fires, so that a change of it cannot be seen. Give the trigger an argument \"on\", or take the reference to trigger out.")
	case !e.job.TargetsKnown && e.job.Type == SIPNotify:
		return failf(&change.rng, "Change trigger without known targets",
			"The targets of the job are known only when it fires, so that it cannot be seen which of them have had a change. List the targets, or take the change trigger out.")
	case !e.onVaries():
		revision, diags := e.evalRevision(Target{})
		if _, stranger := Stranger(diags); stranger {
			return nil
		}
		e.revision = revision
		return diags
	}
	var args []*arg
	if on != nil {
		args = []*arg{on}
	}
	for _, t := range e.tried(args) {
		_, diags := e.job.Revision(t)
		if _, stranger := Stranger(diags); diags.HasErrors() && !stranger {
			return diags
		}
	}
	return nil
}

// tried are the targets on which Load tries what varies: the first, or all if
// the arguments read files, since the snapshot must have them.
func (e *jobEval) tried(args []*arg) []Target {
	targets := e.job.Targets
	if len(targets) > 1 && !readsFiles(args) {
		targets = targets[:1]
	}
	return targets
}

func (e *jobEval) prepareMessage() (diags hcl.Diagnostics) {
	m, j := e.block.message, e.job
	if !j.MessageVaries() {
		msg := m.fixed
		if msg == nil {
			if msg, diags = e.say(nil); diags.HasErrors() {
				if _, stranger := Stranger(diags); stranger {
					return nil // Message says so of each target
				}
				return diags
			}
		}
		e.message = msg
		return append(diags, e.suitAll()...)
	}
	if len(j.Targets) == 0 {
		_, diags := e.say(nil)
		return diags
	}
	for _, t := range e.tried(m.allArgs()) {
		_, diags := j.Message(t)
		if _, stranger := Stranger(diags); diags.HasErrors() && !stranger {
			return diags
		}
	}
	return nil
}

// suitAll checks the one message of all targets against them.
func (e *jobEval) suitAll() hcl.Diagnostics {
	for _, t := range e.job.Targets {
		if d := e.suits(t, e.message); d != nil {
			return hcl.Diagnostics{d}
		}
	}
	return nil
}

// suits checks what depends on the channel driver of the target.
func (e *jobEval) suits(t Target, m *Message) *hcl.Diagnostic {
	at := func(field string) *hcl.Range { r := e.block.message.rangeOf(field); return &r }
	switch {
	case t.Tech != TechSIP && !m.CallID.IsEmpty():
		return problem(at("call_id"), "Target does not suit the message",
			"The argument \"call_id\" works only for targets SIP/…, since it is an argument of SIPnotify; %s is another. For PJSIP, use \"channel\".", excerpt(t.String()))
	case t.Tech != TechPJSIP && !m.Channel.IsEmpty():
		return problem(at("channel"), "Target does not suit the message",
			"The argument \"channel\" works only for targets PJSIP/…, since it is an argument of PJSIPNotify; %s is another.", excerpt(t.String()))
	case t.Tech == TechSIP && !m.Option.IsEmpty():
		return problem(at("option"), "Target does not suit the message",
			"The argument \"option\" works only through PJSIPNotify: SIPnotify, which serves %s, ignores it and sends a NOTIFY without Event. Write the message out.", excerpt(t.String()))
	}
	return nil
}

// context is the scope of the message for one target; nil: for any.
func (e *jobEval) context(t *Target) *hcl.EvalContext {
	ctx := e.ctx
	if m := e.block.message; m.base != nil {
		ctx = m.base
	}
	return e.varied(ctx, t)
}

// varied puts over a scope what the target is, if there is one, and what the
// trigger is, if it has fired.
func (e *jobEval) varied(ctx *hcl.EvalContext, t *Target) *hcl.EvalContext {
	if t == nil && e.trigger == cty.NilVal {
		return ctx
	}
	inner := ctx.NewChild()
	inner.Variables = make(map[string]cty.Value, 2)
	if t != nil {
		inner.Variables["target"] = t.object()
	}
	if e.trigger != cty.NilVal {
		inner.Variables["trigger"] = e.trigger
	}
	return inner
}

// say evaluates the message for one target; nil: for any.
func (e *jobEval) say(t *Target) (*Message, hcl.Diagnostics) {
	m, ctx := e.block.message, e.context(t)
	ctx, given := m.noting(ctx)
	if m.nested {
		more, diags := varyingMessages(m.own(), ctx)
		if diags.HasErrors() {
			return nil, diags
		}
		ctx = more
	}
	msg, diags := m.evaluate(ctx)
	m.note(msg, given)
	return msg, diags
}

// MessageVaries tells whether the message depends on the target. Otherwise
// Message gives the same pointer for all of them.
func (j *Job) MessageVaries() bool {
	return j.Type == SIPNotify && j.eval.block.message.uses&inTarget != 0
}

// Message evaluates what is sent to one of the job's targets. An error may mean no
// more than that preset_for knows nothing for the phone, see Stranger: what then,
// Job.UnknownPhone says. A user_event has
// none, and gets nil. What depends on the trigger is unknown in it, but in a job
// that When has made.
func (j *Job) Message(t Target) (*Message, hcl.Diagnostics) {
	e := j.eval
	if e.message != nil || j.Type != SIPNotify {
		return e.message, nil
	}
	msg, diags := e.say(&t)
	if diags.HasErrors() {
		return nil, e.forTarget(e.whenFired(diags), t)
	}
	if d := e.suits(t, msg); d != nil {
		return nil, append(diags, d)
	}
	return msg, diags
}

// varyingMessages puts the values that the messages to which args refer have in
// ctx, for its target and its trigger, over those that they have for any.
func varyingMessages(args []*arg, ctx *hcl.EvalContext) (*hcl.EvalContext, hcl.Diagnostics) {
	return messagesIn(args, ctx, make(map[*node]cty.Value))
}

// messagesIn does so, with those that are known already.
func messagesIn(args []*arg, ctx *hcl.EvalContext, known map[*node]cty.Value) (*hcl.EvalContext, hcl.Diagnostics) {
	values := make(map[string]cty.Value)
	for _, a := range args {
		for _, r := range a.refs {
			if r.message == nil {
				continue
			}
			if r.varies == 0 {
				values[r.name] = r.value
				continue
			}
			v, ok := known[r]
			if !ok {
				inner, diags := messagesIn(r.message.own(), ctx, known)
				if diags.HasErrors() {
					return nil, diags
				}
				msg, diags := r.message.evaluate(inner)
				if diags.HasErrors() {
					return nil, diags
				}
				v = msg.value()
				known[r] = v
			}
			values[r.name] = v
		}
	}
	if len(values) == 0 {
		return ctx, nil
	}
	inner := ctx.NewChild()
	inner.Variables = map[string]cty.Value{"message": cty.ObjectVal(values)}
	return inner, nil
}

// forTarget says in diagnostics for which target they arose.
func (e *jobEval) forTarget(diags hcl.Diagnostics, t Target) hcl.Diagnostics {
	out := make(hcl.Diagnostics, len(diags))
	for i, d := range diags {
		out[i] = appended(d, "The target is %s.", excerpt(t.String()))
	}
	return out
}
