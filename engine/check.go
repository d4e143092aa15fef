package engine

import (
	"errors"
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/oklog/ulid/v2"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/schema"
)

// Check holds every message of every target against what Asterisk would
// refuse, cut short or silently change, and reports it where it is written.
func Check(cfg *schema.Config) hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, j := range cfg.Jobs {
		_, more := prepareJob(j)
		diags = append(diags, more...)
	}
	return diags
}

// prepared is all that is known of what a job would send.
type prepared struct {
	first     Sent     // what the first target would get
	messages  []string // digest of each target's message, in the order of the targets
	revisions []string // of the change trigger, likewise; nil without one
}

// prepareJob evaluates and checks the message of each target. A user event is
// prepared as one delivery whose target is the PBX.
func prepareJob(j *schema.Job) (prepared, hcl.Diagnostics) {
	var diags hcl.Diagnostics
	var p prepared
	trigger := changeTrigger(j)
	problems := problems{job: j}

	if j.Type == schema.UserEvent {
		e, more := j.Event()
		diags = append(diags, more...)
		if e == nil || more.HasErrors() {
			return p, diags
		}
		if e.Unknown() {
			problems.add(nil, channelOf(e))
			return p, append(diags, problems.diagnostics()...)
		}
		problems.add(nil, eventAction(e, ActionID(ulid.Zero.String(), 0, 1)).Check())
		p.first = sentEvent(j, e)
		p.messages = []string{e.Digest()}
		if trigger != nil {
			rev, more := j.Revision(schema.Target{})
			diags = append(diags, more...)
			p.revisions = []string{onPBX(j, rev)}
		}
		return p, append(diags, problems.diagnostics()...)
	}

	p.messages = make([]string, 0, len(j.Targets))
	var last *schema.Message
	var lastDigest string
	for i, t := range j.Targets {
		m, more := j.Message(t)
		diags = append(diags, more...)
		if m == nil || more.HasErrors() || m.Unknown() {
			return p, append(diags, problems.diagnostics()...)
		}
		problems.add(&t, notifyAction(t, m).Check())
		if i == 0 {
			p.first = sentNotify(t, m)
		}
		if m != last {
			last, lastDigest = m, m.Digest()
		}
		p.messages = append(p.messages, lastDigest)
		if trigger == nil || trigger.OfMessage {
			continue
		}
		rev, more := j.Revision(t)
		diags = append(diags, more...)
		if more.HasErrors() {
			return p, diags
		}
		p.revisions = append(p.revisions, rev)
	}
	if trigger != nil && trigger.OfMessage {
		p.revisions = slices.Clone(p.messages)
	}
	var before, own string // most have the same
	for i, rev := range p.revisions {
		if rev != before {
			before, own = rev, onPBX(j, rev)
		}
		p.revisions[i] = own
	}
	return p, append(diags, problems.diagnostics()...)
}

// channelOf checks the channel of a user event of which the rest is not known yet.
func channelOf(e *schema.Event) error {
	if e.Channel.IsUnknown() || e.Channel.IsEmpty() {
		return nil
	}
	return eventAction(&schema.Event{Name: schema.Plain("x"), Channel: e.Channel}, "").Check()
}

// Revisions gives for each target of a job the revision that its change trigger
// asks for now. It is nil for a job without one.
func Revisions(j *schema.Job) (map[string]string, hcl.Diagnostics) {
	if changeTrigger(j) == nil {
		return nil, nil
	}
	p, diags := prepareJob(j)
	revisions := make(map[string]string, len(p.revisions))
	for i, name := range targetNames(j) {
		if i < len(p.revisions) {
			revisions[name] = p.revisions[i]
		}
	}
	return revisions, diags
}

// onPBX is a revision of a job as its PBX's phones have it: PJSIP/1001 of
// another PBX is another phone, so a job that moves there begins anew.
func onPBX(j *schema.Job, revision string) string { return digest(j.PBX.Address, revision) }

func changeTrigger(j *schema.Job) *schema.ChangeTrigger {
	for _, t := range j.Triggers {
		if c, ok := t.(*schema.ChangeTrigger); ok {
			return c
		}
	}
	return nil
}

// problems gathers what the AMI layer has against a job's actions: one
// diagnostic for each kind of problem, however many phones have it.
type problems struct {
	job   *schema.Job
	order []problem
	count map[problem]int
	first map[problem]*schema.Target
}

type problem struct{ field, header, reason, advice string }

func (p *problems) add(t *schema.Target, err error) {
	if err == nil {
		return
	}
	for _, fe := range fieldErrors(err) {
		k := problem{fieldName(fe.Field), fe.Name, fe.Reason, fe.Advice}
		if p.count == nil {
			p.count = map[problem]int{}
			p.first = map[problem]*schema.Target{}
		}
		if p.count[k]++; p.count[k] == 1 {
			p.order = append(p.order, k)
			p.first[k] = t
		}
	}
}

func (p *problems) diagnostics() hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, k := range p.order {
		advice := k.advice
		if n := p.count[k] - 1; n > 0 {
			advice = fmt.Sprintf("%s The same holds for %d more of its targets.", advice, n)
		}
		diags = append(diags, p.job.Diagnose(p.first[k], k.field, k.header, k.reason, advice))
	}
	return diags
}

// fieldErrors takes an error of amiclient.Action.Check apart.
func fieldErrors(err error) []*amiclient.FieldError {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []*amiclient.FieldError
		for _, e := range joined.Unwrap() {
			all = append(all, fieldErrors(e)...)
		}
		return all
	}
	var fe *amiclient.FieldError
	if errors.As(err, &fe) {
		return []*amiclient.FieldError{fe}
	}
	return []*amiclient.FieldError{{Field: amiclient.FieldMessage, Reason: err.Error()}}
}

// fieldName is the configuration's word for a field of an action.
func fieldName(f amiclient.Field) string {
	switch f {
	case amiclient.FieldTarget:
		return "target"
	case amiclient.FieldEvent:
		return "event"
	case amiclient.FieldHeader:
		return "header"
	case amiclient.FieldContentType:
		return "content_type"
	case amiclient.FieldContent:
		return "content"
	case amiclient.FieldOption:
		return "option"
	case amiclient.FieldCallID:
		return "call_id"
	case amiclient.FieldChannel:
		return "channel"
	case amiclient.FieldName:
		return "name"
	case amiclient.FieldBody:
		return "body"
	}
	return "message"
}
