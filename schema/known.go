package schema

import (
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"
)

// Unknown tells whether anything of the message is known only when its job
// fires.
func (m *Message) Unknown() bool {
	return m.HeadersUnknown || m.Content != nil && m.Content.IsUnknown() ||
		m.Event.IsUnknown() || m.ContentType.IsUnknown() || m.Option.IsUnknown() || m.CallID.IsUnknown() || m.Channel.IsUnknown() || anyUnknown(m.Headers)
}

// Unknown tells whether anything of the event is known only when its job fires.
func (e *Event) Unknown() bool {
	return e.BodyUnknown || e.Name.IsUnknown() || e.Channel.IsUnknown() || anyUnknown(e.Body)
}

func anyUnknown(headers []Header) bool {
	return slices.ContainsFunc(headers, func(h Header) bool { return h.Value.IsUnknown() })
}

// ChangeDetail says in a line what the job's change trigger waits for, as in
// firmware = "1.2.3": for plans and histories. Sensitive values are redacted. It
// is empty where the job has no such trigger, where it waits for the message
// itself, and where its value differs by target.
func (j *Job) ChangeDetail() string {
	on := j.eval.on()
	if on == nil || j.eval.onVaries() {
		return ""
	}
	var c collector
	v, ok := c.eval(on, j.eval.ctx)
	if !ok {
		return ""
	}
	v = shortNumbers(v)
	if ty := v.Type(); v.IsMarked() || v.IsNull() || !v.IsKnown() || !ty.IsObjectType() && !ty.IsMapType() {
		return oneLine(v)
	}
	var parts []string
	for name, value := range v.Elements() {
		parts = append(parts, name.AsString()+" = "+oneLine(value))
	}
	return strings.Join(parts, ", ")
}

func oneLine(v cty.Value) string { return strings.Join(strings.Fields(FormatValue(v)), " ") }
