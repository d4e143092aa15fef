package engine

import (
	"errors"
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/schema"
)

// Check holds every message of every target against what Asterisk would
// refuse, cut short or silently change, and reports it where it is written.
func Check(cfg *schema.Config) hcl.Diagnostics {
	found := make([]hcl.Diagnostics, len(cfg.Jobs))
	inParallel(len(cfg.Jobs), func(i int) {
		_, found[i] = prepareJob(cfg.Jobs[i])
		found[i] = append(found[i], forNobodyYet(cfg.Jobs[i])...)
	})
	return slices.Concat(found...)
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
		if i < len(p.revisions) && p.skip[i] == "" {
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

// join adds what has been gathered of targets that come later.
func (p *problems) join(later problems) {
	for _, k := range later.order {
		if p.count == nil {
			p.count = map[problem]int{}
			p.first = map[problem]*schema.Target{}
		}
		if p.count[k] == 0 {
			p.order = append(p.order, k)
			p.first[k] = later.first[k]
		}
		p.count[k] += later.count[k]
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
