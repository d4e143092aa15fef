package main

import (
	"strings"

	"github.com/notifyrun/notifyrun/schema"
)

// outputs shows the outputs of the configuration behind a plan, as the language
// would write them; of long ones the beginning, unless all is asked for.
func (v planView) outputs(outputs []*schema.Output) {
	const most = 12 // lines of all together
	if len(outputs) == 0 {
		return
	}
	v.printf("\n%s\n", v.style.bold("Outputs:"))
	shown := 0
	for i, o := range outputs {
		lines := strings.Split(o.Name+" = "+schema.FormatValue(o.Value), "\n")
		for _, l := range lines {
			if shown++; shown > most && !v.full {
				v.printf("  … and more, of %s: -full and -json have all\n", count(len(outputs)-i, "output"))
				return
			}
			v.line("  %s", l)
		}
	}
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
