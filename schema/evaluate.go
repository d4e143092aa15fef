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

	message  *Message // nil: varies with the target
	event    *Event
	revision string // "": varies with the target, or the job has no change trigger
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
	case on == nil && e.triggerUsed():
		return failf(&change.rng, "Change trigger without known value",
			"The job sends something that is known only when it fires, so that a change of it cannot be seen. Give the trigger an argument \"on\", or take the reference to trigger out.")
	case !e.job.TargetsKnown && e.job.Type == SIPNotify:
		return failf(&change.rng, "Change trigger without known targets",
			"The targets of the job are known only when it fires, so that it cannot be seen which of them have had a change. List the targets, or take the change trigger out.")
	case !e.onVaries():
		revision, diags := e.evalRevision(Target{})
		e.revision = revision
		return diags
	}
	var args []*arg
	if on != nil {
		args = []*arg{on}
	}
	for _, t := range e.tried(args) {
		if _, diags := e.job.Revision(t); diags.HasErrors() {
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
			if msg, diags = m.evaluate(e.context(nil)); diags.HasErrors() {
				return diags
			}
		}
		e.message = msg
		for _, t := range j.Targets {
			if d := e.suits(t, msg); d != nil {
				return append(diags, d)
			}
		}
		return diags
	}
	if len(j.Targets) == 0 {
		_, diags := m.evaluate(e.context(nil))
		return diags
	}
	for _, t := range e.tried(m.args()) {
		if _, diags := j.Message(t); diags.HasErrors() {
			return diags
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
	m := e.block.message
	ctx := e.ctx
	if m.base != nil {
		ctx = m.base
	}
	if t == nil {
		return ctx
	}
	ctx = ctx.NewChild()
	ctx.Variables = map[string]cty.Value{"target": t.object()}
	return ctx
}

// MessageVaries tells whether the message depends on the target. Otherwise
// Message gives the same pointer for all of them.
func (j *Job) MessageVaries() bool {
	return j.Type == SIPNotify && j.eval.block.message.uses&inTarget != 0
}

// Message evaluates what is sent to one of the job's targets. A user_event has
// none, and gets nil. What depends on the trigger is unknown in it.
func (j *Job) Message(t Target) (*Message, hcl.Diagnostics) {
	e := j.eval
	if e.message != nil || j.Type != SIPNotify {
		return e.message, nil
	}
	ctx := e.context(&t)
	m := e.block.message
	if m.arg != nil {
		more, diags := varyingMessages(m.arg, ctx)
		if diags.HasErrors() {
			return nil, e.forTarget(diags, t)
		}
		ctx = more
	}
	msg, diags := m.evaluate(ctx)
	if diags.HasErrors() {
		return nil, e.forTarget(diags, t)
	}
	if d := e.suits(t, msg); d != nil {
		return nil, append(diags, d)
	}
	return msg, diags
}

// varyingMessages puts the values that the referenced messages have for the
// target of ctx over those that they have for any.
func varyingMessages(a *arg, ctx *hcl.EvalContext) (*hcl.EvalContext, hcl.Diagnostics) {
	var values map[string]cty.Value
	for _, r := range a.refs {
		if r.root != "message" || r.varies == 0 {
			continue
		}
		m := r.message
		msg, diags := m.evaluate(ctx)
		if diags.HasErrors() {
			return nil, diags
		}
		if values == nil {
			values = make(map[string]cty.Value)
			for _, r := range a.refs {
				if r.root == "message" {
					values[r.name] = r.value
				}
			}
		}
		values[r.name] = msg.value()
	}
	if values == nil {
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
