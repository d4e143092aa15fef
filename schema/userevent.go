package schema

import (
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// Event evaluates what a user_event says. A sip_notify has none, and gets nil.
func (j *Job) Event() (*Event, hcl.Diagnostics) { return j.eval.event, nil }

func (e *jobEval) evalEvent() (*Event, hcl.Diagnostics) {
	var c collector
	event, usable := &Event{Name: Plain(e.block.label())}, true
	if a := e.block.args["name"]; a != nil {
		if v, ok := c.eval(a, e.ctx); !ok {
			usable = false
		} else if s, err := convert.Convert(v, cty.String); err != nil {
			c.fail(a.rng, "Wrong type of value", "The argument \"name\" cannot take this value: %s.", err)
		} else if !s.IsNull() {
			event.Name = textOf(s)
		}
	}
	if a := e.block.args["body"]; a != nil {
		v, ok := c.eval(a, e.ctx)
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
	if !usable || c.diags.HasErrors() {
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
