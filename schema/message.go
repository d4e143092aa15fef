package schema

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
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
)

// messageValues are the evaluated arguments of a message; NilVal where absent.
type messageValues [len(messageFields)]cty.Value

const inMessage = inTarget | inTrigger

var summaryType = &blockType{
	name:     "message_summary",
	optional: []string{"account", "new", "old", "urgent_new", "urgent_old"},
}

// messageType is a message block at the top level; inlineMessageType is one in
// a job.
var (
	messageType       = &blockType{name: "message", labels: []string{"name"}, optional: messageFields[:], nested: []*blockType{summaryType}, scope: inMessage}
	inlineMessageType = &blockType{name: "message", optional: messageFields[:], nested: []*blockType{summaryType}, scope: inMessage}
)

// message is what a job says: a block, inline or referred to, or an expression
// that gives a message value.
type message struct {
	block *block
	arg   *arg
	uses  scope

	// base is the scope of a block that is referred to; nil: that of the job.
	base *hcl.EvalContext
	// fixed is the message of such a block, if it is the same for all.
	fixed *Message
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
	if !ok {
		return nil, c.diags
	}
	msg := m.build(&c, values)
	if c.diags.HasErrors() {
		return nil, c.diags
	}
	return msg, c.diags
}

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
		ok = ok && valid
		values[i] = v
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
	return cty.ObjectVal(map[string]cty.Value{
		"event": text(m.Event), "headers": headers, "content_type": text(m.ContentType), "content": content,
		"option": text(m.Option), "call_id": text(m.CallID), "channel": text(m.Channel),
	})
}

// build checks the arguments against each other and makes the message.
func (m *message) build(c *collector, values messageValues) *Message {
	var texts [len(messageFields)]*Text
	for i, v := range values {
		if i == fieldHeaders || v == cty.NilVal || v.IsNull() {
			continue
		}
		if v.Type() != cty.String {
			s, err := convert.Convert(v, cty.String)
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
	if h := values[fieldHeaders]; h != cty.NilVal && !h.IsNull() {
		msg.Headers, msg.HeadersUnknown = headersOf(c, h, "headers", m.rangeOf("headers"))
	}
	if c.diags.HasErrors() {
		return nil
	}
	if !msg.Option.IsEmpty() {
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
	if msg.Event.IsEmpty() {
		c.fail(m.rangeOf("event"), "Message without event",
			"A message needs the argument \"event\", the name of a SIP event package such as \"check-sync\", or \"option\", a section that the server has, or a message_summary block.")
	}
	if !msg.CallID.IsEmpty() && !msg.Channel.IsEmpty() {
		c.fail(m.rangeOf("channel"), "Conflicting arguments",
			"The arguments \"call_id\" and \"channel\" exclude each other: the one is for peers of chan_sip, the other for chan_pjsip.")
	}
	return msg
}

// headersOf reads a map of headers, in the order of their names, or a list of
// objects with name and value, in its own order. unknown says that the list
// itself is not known yet.
func headersOf(c *collector, v cty.Value, argument string, rng hcl.Range) (headers []Header, unknown bool) {
	v, marks := v.Unmark()
	if !v.IsKnown() {
		return nil, true
	}
	ty := v.Type()
	bad := func(format string, args ...any) {
		c.fail(rng, "Invalid headers", "The argument %q takes a map of names to values, or a list of objects with the attributes \"name\" and \"value\": %s", argument, fmt.Sprintf(format, args...))
	}
	add := func(name string, value cty.Value) {
		if value.IsNull() {
			return // as if it were not there
		}
		s, err := convert.Convert(value, cty.String)
		if err != nil {
			bad("the value of %s is not text: %s.", excerpt(name), err)
			return
		}
		headers = append(headers, Header{Name: name, Value: textOf(s.WithMarks(marks))})
	}
	switch {
	case ty.IsObjectType() || ty.IsMapType():
		for it := v.ElementIterator(); it.Next(); {
			k, value := it.Element()
			name, _ := k.Unmark()
			add(name.AsString(), value)
		}
	case ty.IsTupleType() || ty.IsListType():
		index := -1
		for it := v.ElementIterator(); it.Next(); {
			index++
			_, e := it.Element()
			e, elementMarks := e.Unmark()
			if !e.IsKnown() {
				return nil, true
			}
			if e.IsNull() || !e.Type().IsObjectType() || !e.Type().HasAttribute("name") || !e.Type().HasAttribute("value") || len(e.Type().AttributeTypes()) != 2 {
				bad("element %d of the list has not just these.", index)
				continue
			}
			name := e.GetAttr("name")
			switch {
			case name.IsMarked() || len(elementMarks) > 0:
				bad("the name in element %d is sensitive, but names are shown.", index)
				continue
			case !name.IsKnown():
				return nil, true
			case name.IsNull() || name.Type() != cty.String:
				bad("the name in element %d is not text.", index)
				continue
			}
			add(name.AsString(), e.GetAttr("value"))
		}
	default:
		bad("this is a %s.", ty.FriendlyName())
	}
	return headers, false
}

// evalSummary makes the body of RFC 3842, as Asterisk writes it
// (res/res_pjsip_mwi_body_generator.c: mwi_to_string).
func evalSummary(c *collector, b *block, ctx *hcl.EvalContext) (cty.Value, bool) {
	var marks cty.ValueMarks
	unknown, ok := false, true
	get := func(name string, want cty.Type) cty.Value {
		a := b.args[name]
		if a == nil {
			return cty.NullVal(want)
		}
		v, valid := c.eval(a, ctx)
		if !valid {
			ok = false
			return cty.NullVal(want)
		}
		if v.IsMarked() {
			var m cty.ValueMarks
			v, m = v.Unmark()
			marks = cty.NewValueMarks(marks, m)
		}
		if v.Type() == cty.String && v.IsKnown() && !v.IsNull() && (want == cty.String || plainCount(v.AsString())) {
			return v
		}
		v, err := convert.Convert(v, want)
		if err != nil {
			c.fail(a.rng, "Wrong type of value", "The argument %q cannot take this value: %s.", name, err)
			ok = false
			return cty.NullVal(want)
		}
		unknown = unknown || !v.IsKnown()
		return v
	}
	count := func(name string) string {
		v := get(name, cty.Number)
		switch {
		case v.IsNull() || !v.IsKnown():
			return "0"
		case v.Type() == cty.String:
			return v.AsString()
		}
		f := v.AsBigFloat()
		if !f.IsInt() || f.Sign() < 0 || f.MantExp(nil) > 32 {
			c.fail(b.args[name].rng, "Number out of range", "The argument %q is a number of messages: a whole number, and not negative.", name)
			ok = false
			return "0"
		}
		return f.Text('f', 0)
	}
	account := get("account", cty.String)
	if account.IsKnown() && !account.IsNull() && strings.ContainsFunc(account.AsString(), unicode.IsControl) {
		c.fail(b.args["account"].rng, "Invalid account", "The argument \"account\" has a line end or another control character, which would change the lines after it.")
		ok = false
	}
	fresh, old, urgentFresh, urgentOld := count("new"), count("old"), count("urgent_new"), count("urgent_old")
	if unknown || !ok {
		return cty.UnknownVal(cty.String).WithMarks(marks), ok
	}
	waiting := "no"
	if fresh != "0" || urgentFresh != "0" {
		waiting = "yes"
	}
	body := "Messages-Waiting: " + waiting + "\r\n"
	if !account.IsNull() && account.AsString() != "" {
		body += "Message-Account: " + account.AsString() + "\r\n"
	}
	body += "Voice-Message: " + fresh + "/" + old + " (" + urgentFresh + "/" + urgentOld + ")\r\n"
	return cty.StringVal(body).WithMarks(marks), true
}

// plainCount tells whether a text is a number as it would be written out: lists
// of mailboxes come from files, and their numbers as text.
func plainCount(s string) bool {
	if s == "" || len(s) > 9 || s[0] == '0' && s != "0" {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// headerRange points at one header in the expression of a headers argument.
func headerRange(expr hcl.Expression, name string) (hcl.Range, bool) {
	switch expr := expr.(type) {
	case *hclsyntax.ObjectConsExpr:
		for _, item := range expr.Items {
			if key, diags := item.KeyExpr.Value(nil); !diags.HasErrors() && isText(key, name) {
				return hcl.RangeBetween(item.KeyExpr.Range(), item.ValueExpr.Range()), true
			}
		}
	case *hclsyntax.TupleConsExpr:
		for _, e := range expr.Exprs {
			object, ok := e.(*hclsyntax.ObjectConsExpr)
			if !ok {
				continue
			}
			for _, item := range object.Items {
				key, _ := item.KeyExpr.Value(nil)
				value, diags := item.ValueExpr.Value(nil)
				if !diags.HasErrors() && isText(key, "name") && isText(value, name) {
					return object.Range(), true
				}
			}
		}
	}
	return hcl.Range{}, false
}

func isText(v cty.Value, s string) bool {
	return v != cty.NilVal && v.Type() == cty.String && v.IsKnown() && !v.IsNull() && !v.IsMarked() && v.AsString() == s
}
