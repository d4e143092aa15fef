package engine

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/notifyrun/notifyrun/schema"
)

// strangers gathers the targets of a job for which preset_for has nothing, where
// that is a mistake.
type strangers struct {
	order []stranger
	at    *hcl.Range // where the first of them arose
}

// stranger is one of them, with why.
type stranger struct{ target, reason string }

func (s *strangers) add(t schema.Target, reason string, diags hcl.Diagnostics) {
	if len(s.order) == 0 {
		s.at = diags.Errs()[0].(*hcl.Diagnostic).Subject
	}
	s.order = append(s.order, stranger{t.String(), reason})
}

// join adds those of targets further on.
func (s *strangers) join(more strangers) {
	if len(s.order) == 0 {
		*s = more
		return
	}
	s.order = append(s.order, more.order...)
}

// diagnostics has one error for all of them.
func (s *strangers) diagnostics(j *schema.Job) hcl.Diagnostics {
	const named = 5
	if len(s.order) == 0 {
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

// tell has the plan say whom the job leaves out, and what the presets do.
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
