package schema

import (
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// messageFields are the arguments of a message block and the attributes of its
// value, in the order of messageValues.
var messageFields = [...]string{"event", "headers", "content_type", "content", "option", "call_id", "channel"}

const (
	fieldEvent = iota
	fieldHeaders
	fieldContentType
	fieldContent
	fieldOption
	fieldCallID
	fieldChannel
	fieldPreset // of a value alone, which preset it is
)

// messageValues are the evaluated arguments of a message; NilVal where absent.
type messageValues [fieldPreset + 1]cty.Value

const inMessage = inTarget | inTrigger

// messageType is a message block at the top level; inlineMessageType is one in
// a job.
var (
	messageType       = &blockType{name: "message", labels: []string{"name"}, optional: messageFields[:], nested: []*blockType{summaryType}, scope: inMessage}
	inlineMessageType = &blockType{name: "message", optional: messageFields[:], nested: []*blockType{summaryType}, scope: inMessage}
)

// message is what a job says: a block, inline or referred to, or an expression
// that gives a message value.
type message struct {
	block  *block
	arg    *arg
	uses   scope
	nested bool // it refers to message blocks that vary

	// base is the scope of a block that is referred to; nil: that of the job.
	base *hcl.EvalContext
	// fixed is the message of such a block, if it is the same for all.
	fixed *Message

	presets presetRefs
}

// args returns all that the message is evaluated from.
func (m *message) args() []*arg {
	if m.block != nil {
		return argsOf(m.block)
	}
	args := []*arg{m.arg}
	for _, r := range m.arg.refs {
		if r.message != nil && r.varies != 0 {
			args = append(args, r.message.args()...)
		}
	}
	return args
}

// own returns the arguments that stand in the message itself.
func (m *message) own() []*arg {
	if m.block != nil {
		return argsOf(m.block)
	}
	return []*arg{m.arg}
}

// allArgs returns the arguments of the message and of all messages that it
// refers to, near or far.
func (m *message) allArgs() []*arg {
	var args []*arg
	seen := make(map[*message]bool)
	var walk func(m *message)
	walk = func(m *message) {
		if seen[m] {
			return
		}
		seen[m] = true
		for _, a := range m.own() {
			args = append(args, a)
			for _, r := range a.refs {
				if r.message != nil {
					walk(r.message)
				}
			}
		}
	}
	walk(m)
	return args
}

// vary finds out with what a message block varies: with that with which what it
// refers to does. done are those where it is known, or being found out.
func (n *node) vary(done map[*node]bool) {
	if done[n] {
		return
	}
	done[n] = true
	for _, a := range n.args {
		for _, r := range a.refs {
			if r.message != nil {
				r.vary(done)
				a.uses |= r.varies
			}
		}
		n.varies |= a.uses
	}
	n.message.uses = n.varies
	n.message.nested = refersToVarying(n.args)
}

// refersToVarying tells whether arguments refer to a message block that varies.
func refersToVarying(args []*arg) bool {
	return slices.ContainsFunc(args, func(a *arg) bool {
		return slices.ContainsFunc(a.refs, func(r *node) bool { return r.message != nil && r.varies != 0 })
	})
}

// usable tells whether all that the message refers to has a value.
func (m *message) usable() bool {
	for _, a := range m.args() {
		if !a.usable() {
			return false
		}
	}
	return true
}

// readsFiles tells whether evaluating the arguments may read files.
func readsFiles(args []*arg) bool {
	reads := false
	for _, a := range args {
		if expr, ok := a.expr.(hclsyntax.Node); ok {
			hclsyntax.VisitAll(expr, func(n hclsyntax.Node) hcl.Diagnostics {
				if call, ok := n.(*hclsyntax.FunctionCallExpr); ok && fileFunctions[call.Name] {
					reads = true
				}
				return nil
			})
		}
	}
	return reads
}

// rangeOf gives the range of an argument of the message.
func (m *message) rangeOf(field string) hcl.Range {
	if m.block == nil {
		return m.arg.rng
	}
	if s := m.block.child("message_summary"); s != nil && (field == "content" || field == "event" || field == "content_type") {
		return s.rng
	}
	return m.block.rangeOf(field)
}

// evaluate makes the message in a scope.
func (m *message) evaluate(ctx *hcl.EvalContext) (*Message, hcl.Diagnostics) {
	var c collector
	values, ok := m.values(&c, ctx)
	if !ok && m.block == nil {
		return nil, c.diags
	}
	msg := m.build(&c, values)
	if !ok || c.diags.HasErrors() {
		return nil, c.diags
	}
	return msg, c.diags
}

// values evaluates the arguments. After a mistake, those of a block that are
// right can be checked further: the others are unknown.
func (m *message) values(c *collector, ctx *hcl.EvalContext) (messageValues, bool) {
	if m.block == nil {
		v, ok := c.eval(m.arg, ctx)
		if !ok {
			return messageValues{}, false
		}
		return m.taken(c, v)
	}
	var values messageValues
	ok := true
	for i, name := range messageFields {
		a := m.block.args[name]
		if a == nil {
			continue
		}
		v, valid := c.eval(a, ctx)
		if values[i] = v; !valid {
			values[i], ok = cty.DynamicVal, false
		}
	}
	if s := m.block.child("message_summary"); s != nil {
		for _, i := range []int{fieldEvent, fieldContentType, fieldContent, fieldOption} {
			if values[i] != cty.NilVal {
				c.fail(m.block.rangeOf(messageFields[i]), "Conflicting arguments",
					"The argument %q cannot be used together with a message_summary block, which makes event, content_type and content itself.", messageFields[i])
				ok = false
			}
		}
		body, valid := evalSummary(c, s, ctx)
		ok = ok && valid
		values[fieldEvent] = cty.StringVal("message-summary")
		values[fieldContentType] = cty.StringVal("application/simple-message-summary")
		values[fieldContent] = body
	}
	return values, ok
}

// taken reads a message value, as message.NAME is one.
func (m *message) taken(c *collector, v cty.Value) (messageValues, bool) {
	var values messageValues
	v, marks := v.Unmark()
	ty := v.Type()
	switch {
	case !v.IsKnown():
		for i := range values {
			values[i] = cty.UnknownVal(cty.String).WithMarks(marks)
		}
		values[fieldOption], values[fieldCallID], values[fieldChannel] = cty.NilVal, cty.NilVal, cty.NilVal
		return values, true
	case v.IsNull() || !ty.IsObjectType():
		what := "null"
		if !v.IsNull() {
			what = "a " + ty.FriendlyName()
		}
		c.fail(m.arg.rng, "Invalid message", "The argument \"message\" must be a message, such as message.NAME of a message block, not %s.", what)
		return values, false
	}
	ok := true
	for _, name := range attributeNames(ty) {
		i := slices.Index(messageFields[:], name)
		if name == "preset" {
			i = fieldPreset
		}
		if i < 0 {
			c.fail(m.arg.rng, "Invalid message", "A message has no attribute %q.%s", name, suggestOrList(name, messageFields[:]))
			ok = false
			continue
		}
		values[i] = v.GetAttr(name).WithMarks(marks)
	}
	return values, ok
}

// value is what other expressions see of a message block: an object that is of
// the same type for every message.
func (m *Message) value() cty.Value {
	text := func(t Text) cty.Value {
		switch {
		case t.unknown && t.sensitive:
			return cty.UnknownVal(cty.String).Mark(sensitive)
		case t.unknown:
			return cty.UnknownVal(cty.String)
		case t.sensitive:
			return cty.StringVal(t.value).Mark(sensitive)
		case t.value == "":
			return cty.NullVal(cty.String)
		}
		return cty.StringVal(t.value)
	}
	header := cty.Object(map[string]cty.Type{"name": cty.String, "value": cty.String})
	headers := cty.ListValEmpty(header)
	switch {
	case m.HeadersUnknown:
		headers = cty.UnknownVal(cty.List(header))
	case len(m.Headers) > 0:
		list := make([]cty.Value, len(m.Headers))
		for i, h := range m.Headers {
			value := text(h.Value)
			if value.IsNull() {
				value = cty.StringVal("")
			}
			list[i] = cty.ObjectVal(map[string]cty.Value{"name": cty.StringVal(h.Name), "value": value})
		}
		headers = cty.ListVal(list)
	}
	content := cty.NullVal(cty.String)
	if m.Content != nil {
		if content = text(*m.Content); content.IsNull() {
			content = cty.StringVal("")
		}
	}
	preset := cty.NullVal(cty.String)
	if len(m.Presets) == 1 {
		preset = cty.StringVal(m.Presets[0].name())
	}
	return cty.ObjectVal(map[string]cty.Value{
		"preset": preset, "event": text(m.Event), "headers": headers, "content_type": text(m.ContentType), "content": content,
		"option": text(m.Option), "call_id": text(m.CallID), "channel": text(m.Channel),
	})
}

// hasHeader tells whether one of the headers has this name, in any case.
func (m *Message) hasHeader(name string) bool {
	return slices.ContainsFunc(m.Headers, func(h Header) bool { return strings.EqualFold(h.Name, name) })
}

// build checks the arguments against each other and makes the message.
func (m *message) build(c *collector, values messageValues) *Message {
	var texts [len(messageFields)]*Text
	for i := range messageFields {
		v := values[i]
		if i == fieldHeaders || v == cty.NilVal || v.IsNull() {
			continue
		}
		if v.Type() != cty.String {
			s, err := textFrom(v)
			if err != nil {
				c.fail(m.rangeOf(messageFields[i]), "Wrong type of value", "The argument %q cannot take this value: %s.", messageFields[i], err)
				continue
			}
			v = s
		}
		t := textOf(v)
		texts[i] = &t
	}
	at := func(i int) Text {
		if texts[i] == nil {
			return Text{}
		}
		return *texts[i]
	}
	msg := &Message{
		Event: at(fieldEvent), ContentType: at(fieldContentType), Content: texts[fieldContent],
		Option: at(fieldOption), CallID: at(fieldCallID), Channel: at(fieldChannel),
	}
	if u := presetOf(values[fieldPreset]); u != nil && !msg.Event.IsSensitive() && u.Preset.Event == msg.Event.Reveal() { // or another event was put in
		msg.Presets = []PresetUse{*u}
	}
	if h := values[fieldHeaders]; h != cty.NilVal && !h.IsNull() {
		msg.Headers, msg.HeadersUnknown = headersOf(c, h, "headers", m.rangeOf("headers"))
	}
	if c.diags.HasErrors() {
		return nil
	}
	if !msg.Option.IsEmpty() {
		if msg.Option.IsSensitive() {
			c.fail(m.rangeOf(messageFields[fieldOption]), "Sensitive value not allowed",
				"The argument \"option\" is sensitive, but it is the name of a section, and Asterisk repeats it in its answers, which are shown and kept. If it is no secret, wrap it in nonsensitive(…).")
		}
		for i, t := range texts {
			given := t != nil && !t.IsEmpty()
			if i == fieldHeaders {
				given = len(msg.Headers) > 0 || msg.HeadersUnknown
			}
			if given && i != fieldOption {
				c.fail(m.rangeOf(messageFields[i]), "Conflicting arguments",
					"The argument %q cannot be used together with \"option\": that sends a section of pjsip_notify.conf as the server has it, and nothing else.", messageFields[i])
			}
		}
		return msg
	}
	if msg.Event.IsEmpty() && !msg.hasHeader("Event") && (m.block == nil || !m.block.flawed) { // not after "evnt"
		c.fail(m.rangeOf("event"), "Message without event",
			"A message needs the argument \"event\", the name of a SIP event package such as \"check-sync\", or \"option\", a section that the server has, or a message_summary block.")
	}
	if !msg.CallID.IsEmpty() && !msg.Channel.IsEmpty() {
		c.fail(m.rangeOf("channel"), "Conflicting arguments",
			"The arguments \"call_id\" and \"channel\" exclude each other: the one is for peers of chan_sip, the other for chan_pjsip.")
	}
	return msg
}
