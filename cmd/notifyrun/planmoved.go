package main

import (
	"fmt"

	"github.com/notifyrun/notifyrun/engine"
)

// moved lists the jobs that go by another address from now on.
func (v planView) moved(p *engine.Plan) {
	for _, m := range p.Moved {
		v.line("  %s has moved to %s", m.From, m.To)
	}
	if len(p.Moved) > 0 {
		v.printf("\n")
	}
}

// manyMoved says so in a line.
func (v planView) manyMoved(p *engine.Plan) {
	if len(p.Moved) < 2 {
		v.moved(p)
		return
	}
	v.line("  %s", movedText(p.Moved))
	v.printf("\n")
}

// movedText says who has moved, in a sentence without its end.
func movedText(moved []engine.Moved) string {
	first := moved[0]
	if len(moved) == 1 {
		return fmt.Sprintf("%s has moved to %s", first.From, first.To)
	}
	return fmt.Sprintf("%s have moved, such as %s to %s", count(len(moved), "job"), first.From, first.To)
}
