package engine

import (
	"fmt"
	"maps"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/notifyrun/notifyrun/schema"
)

// UnknownPhone begins the reason for which a delivery is skipped whose phone
// preset_for does not know.
const UnknownPhone = "unknown phone"

// strangers gathers the targets of a job for which preset_for has nothing.
type strangers struct {
	reasons map[int]string // by the place of the target
	order   []stranger
	at      *hcl.Range // where the first of them arose
}

// stranger is one of them, with why.
type stranger struct{ target, reason string }

func (s *strangers) add(i int, t schema.Target, reason string, diags hcl.Diagnostics) {
	if s.reasons == nil {
		s.reasons = map[int]string{}
		s.at = diags.Errs()[0].(*hcl.Diagnostic).Subject
	}
	s.reasons[i] = UnknownPhone + ": " + reason
	s.order = append(s.order, stranger{t.String(), reason})
}

// join adds those of targets further on.
func (s *strangers) join(more strangers) {
	if len(more.order) == 0 {
		return
	}
	if s.reasons == nil {
		*s = more
		return
	}
	maps.Copy(s.reasons, more.reasons)
	s.order = append(s.order, more.order...)
}

// skipped are the reasons for which they are skipped, if that is what the job asks for.
func (s *strangers) skipped(j *schema.Job) map[int]string {
	if j.UnknownPhone != schema.UnknownSkipped {
		return nil
	}
	return s.reasons
}

// diagnostics has one error for all of them, if they are not skipped.
func (s *strangers) diagnostics(j *schema.Job) hcl.Diagnostics {
	const named = 5
	if len(s.order) == 0 || j.UnknownPhone == schema.UnknownSkipped {
		return nil
	}
	var b strings.Builder
	if len(s.order) == 1 {
		fmt.Fprintf(&b, "preset_for has nothing to send to one target of %s:\n", j.Address)
	} else {
		fmt.Fprintf(&b, "preset_for has nothing to send to %d of the %d targets of %s:\n", len(s.order), len(j.Targets), j.Address)
	}
	for i, one := range s.order {
		if i == named {
			fmt.Fprintf(&b, "\n  and %d more", len(s.order)-named)
			break
		}
		fmt.Fprintf(&b, "\n  %s: %s", one.target, one.reason)
	}
	b.WriteString("\n\nTo send to the others and leave these out, give the job unknown_phone = \"skip\". To send something else to them, give preset_for more actions, or write try(preset_for(…), message.NAME). Else take them out of the targets.")
	return hcl.Diagnostics{{Severity: hcl.DiagError, Summary: "Unknown phone", Detail: b.String(), Subject: s.at}}
}

// uses adds the presets that the messages of some targets were made of.
func (p *prepared) uses(presets map[int][]schema.PresetUse) {
	if len(presets) == 0 {
		return
	}
	if p.presets == nil {
		p.presets = map[int][]schema.PresetUse{}
	}
	maps.Copy(p.presets, presets)
}

// Skip is a phone that a run leaves out.
type Skip struct{ Target, Reason string }

// skips lists the strangers among the targets of a job.
func (p prepared) skips(j *schema.Job) []Skip {
	if len(p.strangers) == 0 {
		return nil
	}
	var all []Skip
	for i, t := range j.Targets {
		if reason := p.strangers[i]; reason != "" {
			all = append(all, Skip{t.String(), reason})
		}
	}
	return all
}

// Effect is what a preset does, beside its message, with how many phones.
type Effect struct {
	schema.PresetUse
	Phones int  // of those that it is for
	Maybe  bool // for some of them it may be another preset that sends the same
}

// effects sums up which presets the messages to some targets were made of.
func (p prepared) effects(j *schema.Job, to func(target string) bool) []Effect {
	var all []Effect
	at := map[schema.PresetUse]int{}
	for i, t := range j.Targets {
		if len(p.presets[i]) == 0 || !to(t.String()) {
			continue
		}
		for _, u := range p.presets[i] {
			k, ok := at[u]
			if !ok {
				k = len(all)
				at[u] = k
				all = append(all, Effect{PresetUse: u})
			}
			all[k].Phones++
			all[k].Maybe = all[k].Maybe || len(p.presets[i]) > 1
		}
	}
	return all
}

// tell has the plan say of whom preset_for knows nothing, and what the presets do.
func (jp *JobPlan) tell(prep prepared) {
	jp.Skips = prep.skips(jp.Job)
	if len(prep.presets) == 0 {
		return
	}
	to := func(string) bool { return true }
	if jp.Fire != nil {
		now := map[string]bool{}
		for _, d := range jp.Fire.Deliveries {
			now[d.Target] = true
		}
		to = func(target string) bool { return now[target] }
	}
	jp.Effects = prep.effects(jp.Job, to)
}
