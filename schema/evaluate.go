package schema

import (
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	ctyjson "github.com/zclconf/go-cty/cty/json"
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
}

// prepare evaluates what does not vary, and tries the rest on the first target,
// so that Load finds the mistakes in it.
func (j *Job) prepare() (diags hcl.Diagnostics) {
	e := j.eval
	if j.Type == UserEvent {
		event, more := e.evalEvent()
		if diags = append(diags, more...); diags.HasErrors() {
			return diags
		}
		e.event = event
	} else {
		if !e.block.message.usable() {
			return nil // reported there
		}
		if diags = append(diags, e.prepareMessage()...); diags.HasErrors() {
			return diags
		}
	}
	if change := changeTrigger(e.block.triggers); change != nil {
		on := change.args["on"]
		if on != nil && !on.usable() {
			return diags
		}
		if on == nil && e.triggerUsed() {
			return append(diags, problem(&change.rng, "Change trigger without known value",
				"The job sends something that is known only when it fires, so that a change of it cannot be seen. Give the trigger an argument \"on\", or take the reference to trigger out."))
		}
		if e.onVaries() {
			targets := j.Targets
			if len(targets) > 1 && (on == nil || !readsFiles([]*arg{on})) {
				targets = targets[:1]
			}
			for _, t := range targets {
				if _, more := j.Revision(t); more.HasErrors() {
					return append(diags, more...)
				}
			}
			return diags
		}
		revision, more := e.evalRevision(Target{})
		diags = append(diags, more...)
		e.revision = revision
	}
	return diags
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
	// Files that a message reads must be read now: the snapshot has them.
	targets := j.Targets
	if len(targets) > 1 && !readsFiles(m.args()) {
		targets = targets[:1]
	}
	for _, t := range targets {
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

// Event evaluates what a user_event says. A sip_notify has none, and gets nil.
func (j *Job) Event() (*Event, hcl.Diagnostics) { return j.eval.event, nil }

func (e *jobEval) evalEvent() (*Event, hcl.Diagnostics) {
	var c collector
	event := &Event{Name: Plain(e.block.label())}
	if a := e.block.args["name"]; a != nil {
		v, ok := c.eval(a, e.ctx)
		if !ok {
			return nil, c.diags
		}
		s, err := convert.Convert(v, cty.String)
		switch {
		case err != nil:
			c.fail(a.rng, "Wrong type of value", "The argument \"name\" cannot take this value: %s.", err)
		case !s.IsNull():
			event.Name = textOf(s)
		}
	}
	if a := e.block.args["body"]; a != nil {
		v, ok := c.eval(a, e.ctx)
		if !ok {
			return nil, c.diags
		}
		switch {
		case v.IsNull():
		case v.Type() == cty.String:
			event.Body, event.BodyUnknown = splitBody(&c, v, a.rng)
		default:
			event.Body, event.BodyUnknown = headersOf(&c, v, "body", a.rng)
		}
	}
	if c.diags.HasErrors() {
		return nil, c.diags
	}
	return event, c.diags
}

// splitBody reads the body as the dialplan application UserEvent does
// (apps/app_userevent.c: userevent_exec): items between commas, each a key and a
// value around its first colon. Quotes, brackets and a backslash protect commas
// (main/app.c: __ast_app_separate_args). Blanks around both are removed; an item
// without a colon, which Asterisk drops in silence, is a mistake.
func splitBody(c *collector, v cty.Value, rng hcl.Range) (body []Header, unknown bool) {
	v, marks := v.Unmark()
	if !v.IsKnown() {
		return nil, true
	}
	if v.AsString() == "" {
		return nil, false
	}
	for i, item := range separate(v.AsString()) {
		key, value, ok := strings.Cut(item, ":")
		if !ok || strings.TrimSpace(key) == "" {
			c.fail(rng, "Invalid body", "Item %d between the commas of \"body\" is not of the form Key:Value. Asterisk drops such an item without a word.", i+1)
			continue
		}
		value = strings.TrimSpace(value)
		body = append(body, Header{Name: strings.TrimSpace(key), Value: textOf(cty.StringVal(value).WithMarks(marks))})
	}
	return body, false
}

// separate splits at commas as Asterisk does.
func separate(s string) []string {
	var items []string
	var item strings.Builder
	round, square, quoted := 0, 0, false
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '\\' && i+1 < len(s):
			i++
			item.WriteByte(s[i])
			continue
		case c == '"':
			quoted = !quoted
			continue
		case quoted:
		case c == '(':
			round++
		case c == ')' && round > 0:
			round--
		case c == '[':
			square++
		case c == ']' && square > 0:
			square--
		case c == ',' && round == 0 && square == 0:
			items = append(items, item.String())
			item.Reset()
			continue
		}
		item.WriteByte(c)
	}
	return append(items, item.String())
}

// Revision identifies what the change trigger of the job waits for, as it is
// for one target: the value of `on`, or else the message. It is the hexadecimal
// first half of a SHA-256. A list and a tuple, or a map and an object, of the
// same elements have the same revision, so that rewriting an expression reboots
// no one.
func (j *Job) Revision(t Target) (string, hcl.Diagnostics) {
	e := j.eval
	if e.revision != "" {
		return e.revision, nil
	}
	return e.evalRevision(t)
}

func (e *jobEval) on() *arg {
	if change := changeTrigger(e.block.triggers); change != nil {
		return change.args["on"]
	}
	return nil
}

func (e *jobEval) onVaries() bool {
	if on := e.on(); on != nil {
		return on.uses&inTarget != 0
	}
	return e.job.MessageVaries()
}

// triggerUsed tells whether what is sent depends on the trigger.
func (e *jobEval) triggerUsed() bool {
	if m := e.block.message; m != nil {
		return m.uses&inTrigger != 0
	}
	for _, name := range []string{"name", "body"} {
		if a := e.block.args[name]; a != nil && a.uses&inTrigger != 0 {
			return true
		}
	}
	return false
}

func (e *jobEval) evalRevision(t Target) (string, hcl.Diagnostics) {
	on := e.on()
	if on == nil {
		if e.job.Type == UserEvent {
			return e.event.Digest(), nil
		}
		msg, diags := e.job.Message(t)
		if diags.HasErrors() {
			return "", diags
		}
		return msg.Digest(), diags
	}
	ctx := e.ctx
	if on.uses&inTarget != 0 {
		ctx = e.ctx.NewChild()
		ctx.Variables = map[string]cty.Value{"target": t.object()}
		more, diags := varyingMessages(on, ctx)
		if diags.HasErrors() {
			return "", e.forTarget(diags, t)
		}
		ctx = more
	}
	var c collector
	v, ok := c.eval(on, ctx)
	if !ok {
		if on.uses&inTarget != 0 {
			return "", e.forTarget(c.diags, t)
		}
		return "", c.diags
	}
	v, _ = v.UnmarkDeep()
	if !v.IsWhollyKnown() {
		c.fail(on.rng, "Value not known yet", "The argument \"on\" must be known before anything is sent: a change of it is what makes the job fire.")
		return "", c.diags
	}
	b, err := ctyjson.Marshal(v, v.Type())
	if err != nil {
		c.fail(on.rng, "Wrong type of value", "The argument \"on\" cannot take this value: %s.", err)
		return "", c.diags
	}
	return shortDigest(b), c.diags
}
