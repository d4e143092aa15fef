package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/notifyrun/notifyrun/engine"
)

// phoneNotes are what a plan says of the phones of a job beside the message: what
// the presets do, a line for each, and whom preset_for does not know.
func phoneNotes(jp *engine.JobPlan) []note {
	var all []note
	for _, e := range jp.Effects {
		says := effectText(e)
		all = append(all, note{text: fmt.Sprintf(says, count(e.Phones, "phone")), many: says, noun: "phone", n: e.Phones})
	}
	if n := len(jp.Skips); n > 0 {
		const says, noun = "skips %s", engine.UnknownPhone
		names, why := strangersOf(jp)
		all = append(all, note{text: fmt.Sprintf(says, count(n, noun)) + why, names: names, many: says, noun: noun, n: n})
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

// strangersOf names the phones that a job skips, each with why, unless it is the
// same of several: then it is said once.
func strangersOf(jp *engine.JobPlan) (names []string, why string) {
	reason := func(s engine.Skip) string { return " (" + strings.TrimPrefix(s.Reason, engine.UnknownPhone+": ") + ")" }
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

// strangers lists whom jobs skip of which nothing else is to be said.
func (v planView) strangers(p *engine.Plan) {
	for _, jp := range p.Jobs {
		if n := len(jp.Skips); n > 0 && !shown(jp) {
			names, why := strangersOf(jp)
			v.printf("%s %s of %s%s:\n", v.style.yellow("Skipped:"), count(n, engine.UnknownPhone), printable(jp.Address), printable(why))
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
