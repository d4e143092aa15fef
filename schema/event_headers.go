package schema

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// EventHeaders are the headers of an event: what event.* and trigger.event.*
// are. They come from outside and are not to be trusted.
type EventHeaders []EventHeader

// EventHeader is one header of an event.
type EventHeader struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// headerRefs are the headers of an event to which an expression refers.
type headerRefs struct {
	names []string // as spelt there
	whole bool     // it refers to the event in a way that does not tell which
}

// add notes one reference: what follows the event itself in a traversal.
func (r *headerRefs) add(rest hcl.Traversal) {
	name := ""
	if len(rest) > 0 {
		switch step := rest[0].(type) {
		case hcl.TraverseAttr:
			name = step.Name
		case hcl.TraverseIndex:
			if step.Key.Type() == cty.String && step.Key.IsKnown() && !step.Key.IsNull() {
				name = step.Key.AsString()
			}
		}
	}
	switch {
	case name == "":
		r.whole = true
	case !slices.Contains(r.names, name):
		r.names = append(r.names, name)
	}
}

// has tells whether there may be a reference to a header.
func (r *headerRefs) has(name string) bool {
	return r.whole || slices.ContainsFunc(r.names, func(n string) bool { return strings.EqualFold(n, name) })
}

// object is the event as expressions see it: the headers to which they refer, as
// they spell them, null where the event has none. Where it cannot be told to
// which they refer it has all of them, as the event spells them.
func (h EventHeaders) object(refs headerRefs) cty.Value {
	attrs := make(map[string]cty.Value, len(refs.names))
	if refs.whole {
		folded := make(map[string]bool, len(h))
		for _, header := range h {
			if name := strings.ToLower(header.Name); !folded[name] {
				folded[name] = true
				attrs[printableText(header.Name)] = h.value(header.Name)
			}
		}
	}
	for _, name := range refs.names {
		attrs[name] = h.value(name)
	}
	return cty.ObjectVal(attrs)
}

// value is one header: a text, a list of them if it is repeated, or null.
func (h EventHeaders) value(name string) cty.Value {
	var first cty.Value
	var all []cty.Value
	for _, header := range h {
		if !strings.EqualFold(header.Name, name) {
			continue
		}
		v := cty.StringVal(printableText(header.Value))
		switch {
		case first == cty.NilVal:
			first = v
		case all == nil:
			all = []cty.Value{first, v}
		default:
			all = append(all, v)
		}
	}
	switch {
	case all != nil:
		return cty.ListVal(all)
	case first == cty.NilVal:
		return cty.NullVal(cty.String)
	}
	return first
}

// has tells whether there is a header of a name.
func (h EventHeaders) has(name string) bool {
	return slices.ContainsFunc(h, func(header EventHeader) bool { return strings.EqualFold(header.Name, name) })
}

// garbled finds a header among those referred to that is not UTF-8, so that
// expressions see it with replacement characters.
func (h EventHeaders) garbled(refs headerRefs) (name string, found bool) {
	for _, header := range h {
		if refs.has(header.Name) && !utf8.ValidString(header.Value) {
			return header.Name, true
		}
	}
	return "", false
}

// printableText replaces what is not UTF-8, as values must be.
func printableText(s string) string { return strings.ToValidUTF8(s, "\ufffd") }

// bounded makes diagnostics about values from outside fit to be kept: without
// the values themselves, which may be long, and without control characters.
func bounded(diags hcl.Diagnostics) hcl.Diagnostics {
	const begin, end = 700, 300
	out := make(hcl.Diagnostics, len(diags))
	for i, d := range diags {
		less := *d
		less.Expression, less.EvalContext, less.Extra = nil, nil, nil
		if reason, ok := Stranger(hcl.Diagnostics{d}); ok {
			less.Extra = strangerReason(reason)
		}
		if n := len(less.Detail); n > begin+end {
			less.Detail = strings.ToValidUTF8(less.Detail[:begin]+"…"+less.Detail[n-end:], "")
		}
		less.Detail = harmless(less.Detail)
		out[i] = &less
	}
	return out
}
