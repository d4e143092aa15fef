package schema

import (
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// Event evaluates what a user_event says. A sip_notify has none, and gets nil.
func (j *Job) Event() (*Event, hcl.Diagnostics) { return j.eval.event, nil }

func (e *jobEval) evalEvent() (*Event, hcl.Diagnostics) {
	var c collector
	event, usable := &Event{Name: Plain(e.block.label())}, true
	ctx := e.varied(e.ctx, nil)
	if a := e.block.args["name"]; a != nil {
		if v, ok := c.eval(a, ctx); !ok {
			usable = false
		} else if s, err := textFrom(v); err != nil {
			c.failIn(ctx, a, "Wrong type of value", "The argument \"name\" cannot take this value: %s.", err)
		} else if !s.IsNull() {
			event.Name = textOf(s)
		}
	}
	if a := e.block.args["body"]; a != nil {
		v, ok := c.eval(a, ctx)
		switch {
		case !ok:
			usable = false
		case v.IsNull():
		case v.Type() == cty.String:
			event.Body, event.BodyUnknown = splitBody(&c, v, a.rng)
		default:
			event.Body, event.BodyUnknown = headersOf(&c, v, "body", a.rng)
		}
	}
	usable = e.evalVia(&c, event, ctx) && usable
	if !usable || c.diags.HasErrors() {
		return nil, c.diags
	}
	return event, c.diags
}

// evalVia evaluates in which way the event is raised.
func (e *jobEval) evalVia(c *collector, event *Event, ctx *hcl.EvalContext) bool {
	given, a := e.block.args["via"], e.block.args["channel"]
	via := "action"
	if s, ok := choice(c, given, ctx, "action", "dialplan"); ok {
		via = s
	} else if given != nil && (c.diags.HasErrors() || !given.usable()) {
		return false
	}
	v := cty.NullVal(cty.String)
	if a != nil {
		var ok bool
		if v, ok = c.eval(a, ctx); !ok {
			return false
		}
	}
	v, err := textFrom(v)
	switch {
	case err != nil:
		c.failIn(ctx, a, "Wrong type of value", "The argument \"channel\" cannot take this value: %s.", err)
	case via == "action" && !v.IsNull():
		c.failIn(ctx, a, "Conflicting arguments", "The argument \"channel\" is for a user event that the dialplan raises: add via = \"dialplan\". An AMI action, as with via = \"action\", needs no channel.")
	case via == "dialplan" && (v.IsNull() || textOf(v).IsEmpty()):
		c.fail(e.block.rangeOf("channel"), "Missing required argument", "With via = \"dialplan\" the application UserEvent() runs on a new channel, and the argument \"channel\" must say on which, as in channel = \"Local/s@notify\".")
	default:
		event.Channel = textOf(v)
	}
	return !c.diags.HasErrors()
}

// splitBody reads the body as the dialplan application UserEvent does
// (apps/app_userevent.c: userevent_exec): items between commas, each a key and a
// value around its first colon. Blanks around a value are removed. What Asterisk
// would drop without a word, or make another name of, is a mistake.
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
		switch {
		case !ok || strings.TrimSpace(key) == "":
			c.fail(rng, "Invalid body", "Item %d between the commas of \"body\" is not of the form Key:Value. Asterisk drops such an item without a word.", i+1)
			continue
		case strings.TrimSpace(key) != key:
			c.fail(rng, "Invalid body", "Item %d between the commas of \"body\" has a blank before or after its key, which Asterisk keeps as part of the name: no receiver would find it. Take the blank out.", i+1)
			continue
		}
		value = strings.TrimFunc(value, func(r rune) bool { return r <= ' ' }) // as ast_strip does
		body = append(body, Header{Name: key, Value: textOf(cty.StringVal(value).WithMarks(marks))})
	}
	return body, false
}

// separate splits at commas as Asterisk does (main/app.c:
// __ast_app_separate_args): quotes, brackets and a backslash protect them, and
// brackets count inside quotes too. Quotes and backslashes go.
func separate(s string) []string {
	var items []string
	var item strings.Builder
	round, square, quoted := 0, 0, false
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '\\':
			if i++; i < len(s) {
				item.WriteByte(s[i])
			}
			continue
		case c == '"':
			quoted = !quoted
			continue
		case c == '(':
			round++
		case c == ')' && round > 0:
			round--
		case c == '[':
			square++
		case c == ']' && square > 0:
			square--
		case c == ',' && !quoted && round == 0 && square == 0:
			items = append(items, item.String())
			item.Reset()
			continue
		}
		item.WriteByte(c)
	}
	return append(items, item.String())
}
