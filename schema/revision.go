package schema

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"
)

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
		more, diags := varyingMessages([]*arg{on}, ctx)
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
		c.failIn(ctx, on, "Value not known yet", "The argument \"on\" must be known before anything is sent: a change of it is what makes the job fire.")
		return "", c.diags
	}
	v = shortNumbers(unnamed(v))
	b, err := ctyjson.Marshal(v, v.Type())
	if err != nil {
		c.failIn(ctx, on, "Wrong type of value", "The argument \"on\" cannot take this value: %s.", err)
		return "", c.diags
	}
	return shortDigest(b), c.diags
}
