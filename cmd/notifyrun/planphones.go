package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/notifyrun/notifyrun/engine"
)

// phoneNotes are what a plan says of the phones of a job beside the message: what
// the presets do, a line for each, and whom the job leaves out.
func phoneNotes(jp *engine.JobPlan) []note {
	all := effectNotes(jp)
	if n := len(jp.Skips); n > 0 {
		const says = "skips %s"
		noun := skipNoun(jp.Skips)
		names, why := skipsOf(jp)
		all = append(all, note{text: fmt.Sprintf(says, count(n, noun)) + why, names: names, many: says, noun: noun, n: n})
	}
	return all
}

// effectNotes are what the presets do to the phones of a job.
func effectNotes(jp *engine.JobPlan) []note {
	var all []note
	for _, e := range jp.Effects {
		says := effectText(e)
		all = append(all, note{text: strings.Replace(says, "%s", count(e.Phones, "phone"), 1), many: says, noun: "phone", n: e.Phones})
	}
	return all
}

// effectText says what a preset does; its %s stands for the number of phones.
func effectText(e engine.Effect) string {
	text := e.Vendor.Name + ", %s"
	if e.Maybe {
		text = e.Vendor.Name + ", up to %s"
	}
	text += ": each " + e.Preset.Does
	if e.Preset.Needs != "" {
		text += "; needs " + e.Preset.Needs
	}
	return text
}

// skipNoun is what the phones are that are skipped: unknown, if all of them are.
func skipNoun(skips []engine.Skip) string {
	if slices.ContainsFunc(skips, func(s engine.Skip) bool { return !strings.HasPrefix(s.Reason, engine.UnknownPhone+":") }) {
		return "phone"
	}
	return engine.UnknownPhone
}

// skipsOf names the phones that a job skips, each with why, unless it is the
// same of several: then it is said once.
func skipsOf(jp *engine.JobPlan) (names []string, why string) {
	noun := skipNoun(jp.Skips)
	reason := func(s engine.Skip) string { return " (" + strings.TrimPrefix(s.Reason, noun+": ") + ")" }
	first := jp.Skips[0]
	alike := len(jp.Skips) > 1 && !slices.ContainsFunc(jp.Skips, func(s engine.Skip) bool { return s.Reason != first.Reason })
	if alike {
		why = reason(first)
	}
	for _, s := range jp.Skips {
		name := s.Target
		if !alike {
			name += reason(s)
		}
		names = append(names, name)
	}
	return names, why
}

// skips lists whom jobs skip of which nothing else is to be said.
func (v planView) skips(p *engine.Plan) {
	for _, jp := range p.Jobs {
		if n := len(jp.Skips); n > 0 && !shown(jp) {
			names, why := skipsOf(jp)
			v.printf("%s %s of %s%s:\n", v.style.yellow("Skipped:"), count(n, skipNoun(jp.Skips)), printable(jp.Address), printable(why))
			v.line("  %s", few(names, itself, v.room(2)))
			v.printf("\n")
		}
	}
}

// skipJSON is a phone that a job skips.
type skipJSON struct {
	Target string `json:"target"`
	Reason string `json:"reason"`
}

// presetJSON is what a preset does to how many phones.
type presetJSON struct {
	Vendor string `json:"vendor"`
	Action string `json:"action"`
	Phones int    `json:"phones"`
	Maybe  bool   `json:"maybe,omitempty"`
	Does   string `json:"does"`
	Needs  string `json:"needs,omitempty"`
}

func newPhonesJSON(jp *engine.JobPlan) (skipped []skipJSON, presets []presetJSON) {
	for _, s := range jp.Skips {
		skipped = append(skipped, skipJSON(s))
	}
	for _, e := range jp.Effects {
		presets = append(presets, presetJSON{e.Vendor.ID, e.Preset.Action, e.Phones, e.Maybe, e.Preset.Does, e.Preset.Needs})
	}
	return skipped, presets
}
