package main

import (
	"fmt"
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
		all = append(all, note{text: fmt.Sprintf(says, count(n, noun)), names: strangersOf(jp), many: says, noun: noun, n: n})
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

// strangersOf names the phones that a job skips, each with why.
func strangersOf(jp *engine.JobPlan) []string {
	names := make([]string, len(jp.Skips))
	for i, s := range jp.Skips {
		names[i] = fmt.Sprintf("%s (%s)", s.Target, strings.TrimPrefix(s.Reason, engine.UnknownPhone+": "))
	}
	return names
}

// strangers lists whom jobs skip of which nothing else is to be said.
func (v planView) strangers(p *engine.Plan) {
	for _, jp := range p.Jobs {
		if n := len(jp.Skips); n > 0 && !shown(jp) {
			v.printf("%s %s of %s:\n", v.style.yellow("Skipped:"), count(n, engine.UnknownPhone), printable(jp.Address))
			v.line("  %s", few(strangersOf(jp), itself, v.room(2)))
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
