package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/notifyrun/notifyrun/engine"
)

// shownProgress is how far it is, and what holds back all that is left; nil:
// nothing does.
type shownProgress struct {
	engine.Progress
	held *engine.Held
}

// showProgress reports on stderr while runs are driven: one line that renews
// itself on a terminal, a line every ten seconds elsewhere, objects with -json.
// An interrupt is answered with a line. The returned function ends it.
func (a *app) showProgress(ctx context.Context, progress func() shownProgress, interrupt string) (stop func()) {
	live := terminal(a.stderr) && !a.json
	every := 10 * time.Second
	if live {
		every = 200 * time.Millisecond
	}
	done, ended := make(chan struct{}), make(chan struct{})
	started := time.Now()
	go func() {
		defer close(ended)
		tick := time.NewTicker(every)
		defer tick.Stop()
		interrupted := ctx.Done()
		for {
			select {
			case <-interrupted:
				interrupted = nil
				if live {
					fmt.Fprint(a.stderr, "\r\x1b[K")
				}
				a.screen(a.stderr).folded(0, interrupt)
			case <-done:
				if live {
					fmt.Fprint(a.stderr, "\r\x1b[K")
				}
				return
			case <-tick.C:
				p := progress()
				switch {
				case a.json:
					writeJSON(a.stdout, progressJSON{"progress", p.Total, p.Done, p.Outcomes, newHeldJSON(p.held)})
				case live:
					fmt.Fprint(a.stderr, "\r\x1b[K"+clip(progressLine(p, time.Since(started)), a.width(a.stderr)-1))
				default:
					fmt.Fprintln(a.stderr, progressLine(p, time.Since(started)))
				}
			}
		}
	}()
	return func() {
		close(done)
		<-ended
	}
}

type progressJSON struct {
	Type     string                 `json:"type"` // "progress"
	Total    int                    `json:"total"`
	Done     int                    `json:"done"`
	Outcomes map[engine.Outcome]int `json:"outcomes"`
	Held     *heldJSON              `json:"held,omitempty"` // by this, all that is left
}

// progressLine says how far it is, at what rate, and how long it will take.
func progressLine(p shownProgress, elapsed time.Duration) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s of %s  %s", thousands(p.Done), count(p.Total, "delivery"), outcomeList(p.Outcomes))
	if p.held != nil {
		return b.String() + "  " + printable(heldText(p.held))
	}
	if rate := float64(p.Done) / elapsed.Seconds(); p.Done > 0 {
		left := time.Duration(float64(p.Total-p.Done) / rate * float64(time.Second))
		fmt.Fprintf(&b, "  %.0f/s  %s left", rate, left.Round(time.Second))
	}
	return b.String()
}
