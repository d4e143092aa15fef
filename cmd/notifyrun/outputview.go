package main

import (
	"cmp"
	"slices"
	"strings"

	"github.com/notifyrun/notifyrun/schema"
)

// fewOutputs is in how many rows outputs are shown at least, behind the longest of
// plans.
const fewOutputs = 14

// outputs shows the outputs of the configuration behind a plan, as the language
// would write them, in so many rows: short ones whole, and of long ones the
// beginning, so that none hides those behind it.
func (s screen) outputs(outputs []*schema.Output, rows int) {
	if len(outputs) == 0 {
		return
	}
	s.printf("\n%s\n", s.style.bold("Outputs:"))
	rows -= 2
	texts, wants := make([][]string, len(outputs)), make([]int, len(outputs))
	named, least := 1, 0
	for i, o := range outputs {
		for l := range strings.SplitSeq(o.Name+" = "+schema.FormatValue(o.Value), "\n") {
			texts[i] = append(texts[i], s.clip("  "+printable(l), 0))
		}
		wants[i] = s.rowsOf(texts[i])
		least += min(wants[i], 2) // a line, and how many more there are
		if left := len(outputs) - i - 1; least+min(left, 1) <= rows {
			named = i + 1
		}
	}
	left := len(outputs) - named
	for i, room := range shares(wants[:named], rows-min(left, 1)) {
		for _, l := range s.cut(texts[i], room, " of "+outputs[i].Name+"; -full shows all") {
			s.printf("%s\n", l)
		}
	}
	if left > 0 {
		s.line("  … and %s; -full shows all", count(left, "more output"))
	}
}

// shares divides rows among those that want some: who wants little gets it, and the
// others get alike.
func shares(wants []int, rows int) []int {
	order := make([]int, len(wants))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(wants[a], wants[b]) })
	got := make([]int, len(wants))
	for n, i := range order {
		got[i] = min(wants[i], rows/(len(order)-n))
		rows -= got[i]
	}
	return got
}

// outputJSON is one output of a configuration in plan -json.
type outputJSON struct {
	Sensitive bool `json:"sensitive"`
	Value     any  `json:"value"`
}

func newOutputsJSON(outputs []*schema.Output) map[string]outputJSON {
	all := make(map[string]outputJSON, len(outputs))
	for _, o := range outputs {
		all[o.Name] = outputJSON{schema.IsSensitive(o.Value), plain(o.Value)}
	}
	return all
}
