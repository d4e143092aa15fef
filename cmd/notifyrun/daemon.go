package main

import (
	"context"
	"fmt"
	"time"

	"github.com/notifyrun/notifyrun/engine"
	"github.com/notifyrun/notifyrun/engine/ledger"
)

// serves tells whether notifyrun serve holds a state at this moment.
func serves(state string) bool {
	h, err := ledger.HolderOf(state) // where that cannot be seen, no daemon of ours can hold it
	return err == nil && h != nil && h.Command == serveCommand.name
}

// daemon is what is known of the daemon of a state.
type daemon struct {
	runs   bool
	status *engine.DaemonStatus // what it has noted last; nil: nothing
}

func readDaemon(ctx context.Context, led engine.DaemonLedger, state string) (daemon, error) {
	status, err := led.Reported(ctx)
	return daemon{serves(state), status}, err
}

// lines say how the daemon is; none where there never was one.
func (d daemon) lines() []string {
	s := d.status
	if s == nil {
		if d.runs {
			return []string{"notifyrun serve is starting."}
		}
		return nil
	}
	who := fmt.Sprintf("process %d on %s", s.PID, s.Host)
	switch {
	case d.runs && !s.Stopped.IsZero():
		return []string{"notifyrun serve is starting."}
	case d.runs && s.Problem != "":
		return []string{
			fmt.Sprintf("notifyrun serve runs since %s (%s), but cannot take the newest configuration:", localTime(s.Started), who),
			"  " + s.Problem,
		}
	case d.runs:
		return []string{fmt.Sprintf("notifyrun serve runs since %s (%s).", localTime(s.Started), who)}
	case s.Stopped.IsZero():
		return []string{fmt.Sprintf("notifyrun serve (%s, since %s) has been killed or has crashed. Schedules and triggers do not fire.", who, localTime(s.Started))}
	}
	return []string{fmt.Sprintf("notifyrun serve has ended, at %s. Schedules and triggers do not fire.", localTime(s.Stopped))}
}

// localTime is how instants are shown within a sentence.
func localTime(t time.Time) string { return t.Local().Format(time.DateTime) }
