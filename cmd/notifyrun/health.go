package main

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/notifyrun/notifyrun/engine"
)

// stuckAfter is how long the loop of a daemon may be silent. It looks at the clock
// every two seconds, but may wait ten for another process that writes the state.
const stuckAfter = 20 * time.Second

// reporter is what is asked of a daemon; *engine.Daemon is one.
type reporter interface {
	Now() engine.Status
	Alive() time.Time
}

// health is how a daemon is, for probes and service managers, from before it
// begins until after its end.
type health struct {
	daemon reporter
	drain  time.Duration

	mu       sync.Mutex
	waits    string    // why it has not begun
	stopping time.Time // since when it ends
}

// wait notes why the daemon does not begin yet.
func (h *health) wait(reason string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.waits = oneLine(reason)
}

// stop notes that the daemon is told to end.
func (h *health) stop() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stopping = time.Now()
}

// waiting tells whether there is a reason why the daemon has not begun.
func (h *health) waiting() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.waits != ""
}

// begun tells whether the daemon looks at the clock.
func (h *health) begun() bool { return h.daemon.Alive().Unix() > 0 }

// alive returns nil while the daemon goes on by itself, or why it does not. When
// it ends it may wait for answers.
func (h *health) alive() error {
	h.mu.Lock()
	waits, stopping := h.waits, h.stopping
	h.mu.Unlock()
	silent := time.Since(h.daemon.Alive()).Round(time.Second)
	switch {
	case !stopping.IsZero() && time.Since(stopping) <= h.drain+stuckAfter:
		return nil
	case !stopping.IsZero():
		return fmt.Errorf("it should have ended, and has not in %s", time.Since(stopping).Round(time.Second))
	case !h.begun() && waits != "":
		return errors.New("it has not begun: " + waits)
	case !h.begun():
		return errors.New("it has not begun")
	case silent > stuckAfter:
		return fmt.Errorf("it is stuck: the last turn of its loop was %s ago", silent)
	}
	return nil
}

// ready returns nil while the daemon does its work, or why it does not.
func (h *health) ready() error {
	h.mu.Lock()
	stopping := !h.stopping.IsZero()
	h.mu.Unlock()
	if stopping {
		return errors.New("it is ending")
	}
	if err := h.alive(); err != nil {
		return err
	}
	switch now := h.daemon.Now(); {
	case now.Ready:
		return nil
	case now.Problem != "":
		return errors.New(oneLine(now.Problem))
	}
	return errors.New("nothing was applied yet")
}

// String says in a line what the daemon does.
func (h *health) String() string {
	h.mu.Lock()
	waits, stopping := h.waits, !h.stopping.IsZero()
	h.mu.Unlock()
	switch {
	case stopping:
		return "ending: waiting for answers that are due"
	case !h.begun() && waits != "":
		return "starting: " + waits
	case !h.begun():
		return "starting"
	}
	now := h.daemon.Now()
	var b strings.Builder
	if now.Serial == 0 {
		b.WriteString("nothing was applied yet")
	} else {
		fmt.Fprintf(&b, "serving %s, %s", count(now.Jobs, "job"), count(len(now.Lanes), "PBX"))
	}
	away := 0
	for _, l := range now.Lanes {
		if !l.Sending {
			away++
		}
	}
	if away > 0 {
		fmt.Fprintf(&b, "; %d not reachable", away)
	}
	if now.Problem != "" {
		b.WriteString("; problem: " + oneLine(now.Problem))
	}
	return b.String()
}

// oneLine makes text fit for a line of a status.
func oneLine(s string) string { return printable(strings.Join(strings.Fields(s), " ")) }
