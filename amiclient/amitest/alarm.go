package amitest

import "time"

// alarm waits, for one goroutine, until a time or until closed.
type alarm interface {
	wait(until time.Time, closed <-chan struct{})
	stop()
}

// timerAlarm is as exact as package time, and keeps the time of a bubble.
type timerAlarm struct{ timer *time.Timer }

func newTimerAlarm() alarm { return &timerAlarm{} }

func (a *timerAlarm) wait(until time.Time, closed <-chan struct{}) {
	if until.IsZero() || !time.Now().Before(until) {
		return
	}
	if a.timer == nil {
		a.timer = time.NewTimer(time.Until(until))
	} else {
		a.timer.Reset(time.Until(until))
	}
	select {
	case <-a.timer.C:
	case <-closed:
	}
}

func (a *timerAlarm) stop() {
	if a.timer != nil {
		a.timer.Stop()
	}
}
