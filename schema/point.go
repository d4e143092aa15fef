package schema

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

// FieldRange tells where in the configuration a field of the job stands, for a
// problem that is found later: "target", "event", "header" (with its name),
// "content_type", "content", "option", "call_id", "channel", "name", "body" or
// "message". What does not stand anywhere by itself is at the message, or at the
// job.
func (j *Job) FieldRange(field, header string) hcl.Range {
	b := j.eval.block
	if field == "target" {
		return b.rangeOf("targets")
	}
	if j.Type == UserEvent {
		if field == "header" || field == "body" {
			if a := b.args["body"]; a != nil {
				if r, ok := headerRange(a.expr, header); ok {
					return r
				}
			}
			return b.rangeOf("body")
		}
		return b.rangeOf(field)
	}
	m := b.message
	if field != "header" {
		return m.rangeOf(field)
	}
	if m.block != nil && m.block.args["headers"] != nil {
		if r, ok := headerRange(m.block.args["headers"].expr, header); ok {
			return r
		}
	}
	return m.rangeOf("headers")
}

// Diagnose words a problem that was found with what the job sends: reason is a
// clause that says what is wrong and why that matters, advice a sentence that
// says what to do. header is the name of the header that it is about, and t the
// target for which it arose, if it is about one.
func (j *Job) Diagnose(t *Target, field, header, reason, advice string) *hcl.Diagnostic {
	what, part := "message", "Header"
	if j.Type == UserEvent {
		what, part = "user event", "Body header"
	}
	if header != "" {
		reason = fmt.Sprintf("%s %s: %s", part, excerpt(header), reason)
	}
	detail := sentence(reason)
	if advice != "" {
		detail += " " + sentence(advice)
	}
	rng := j.FieldRange(field, header)
	d := problem(&rng, "Asterisk would not accept this "+what, "%s", detail)
	if t != nil && (field == "target" || j.MessageVaries()) {
		d = appended(d, "The job is %s, the target %s.", j.Address, excerpt(t.String()))
	}
	return of(j.Address, d)
}

// sentence gives a clause its capital and full stop.
func sentence(clause string) string {
	clause = strings.TrimSpace(clause)
	if clause == "" {
		return ""
	}
	if c := clause[0]; c >= 'a' && c <= 'z' {
		clause = strings.ToUpper(clause[:1]) + clause[1:]
	}
	if !strings.ContainsAny(clause[len(clause)-1:], ".!?") {
		clause += "."
	}
	return clause
}
