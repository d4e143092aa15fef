package engine

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/notifyrun/notifyrun/amiclient"
)

// errNotConnected is why a lane that serves does not even try to send.
var errNotConnected = errors.New("not connected")

// reconnect tries to reach a lost PBX again until the runner's patience is over
// or ctx ends. The lane sends nothing meanwhile.
func (d *driver) reconnect(ctx context.Context, cause error) {
	if d.down || d.lost != nil {
		return
	}
	d.down = true
	if ctx.Err() == nil {
		d.log.Log(ctx, d.told(slog.LevelWarn), "connection to PBX lost", "error", cause)
	}
	go func() { d.report(event{reached: true, err: d.reach(ctx, cause)}) }()
}

// told is the level of what a link that is kept says already.
func (d *driver) told(level slog.Level) slog.Level {
	if d.serve {
		return slog.LevelDebug
	}
	return level
}

func (d *driver) reconnected(ctx context.Context, err error, now time.Time) {
	d.down = false
	switch {
	case err == nil:
		d.log.Log(ctx, d.told(slog.LevelInfo), "PBX is back")
		d.forget = now // its contacts may be others now
	case ctx.Err() == nil:
		d.lost = err
		if d.serve {
			d.gone(err)
			return
		}
		d.log.Error("PBX is lost; what is left stays pending", "error", err)
	}
}

// reach returns nil when the PBX answers a Ping, or the last reason why not.
func (d *driver) reach(ctx context.Context, err error) error {
	if d.runner.Patience > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, d.runner.Patience)
		defer cancel()
	}
	longest := 5 * time.Second
	if d.serve { // the link paces itself; this only looks whether it is up
		longest = time.Second
	}
	for wait := 100 * time.Millisecond; !fatal(err); wait = min(2*wait, longest) {
		select {
		case <-ctx.Done():
			return err
		case <-time.After(wait):
		}
		_, now := d.sender.Do(ctx, amiclient.Action{Name: "Ping"})
		if now == nil {
			return nil
		}
		if ctx.Err() == nil {
			err = now
		}
	}
	return err
}
