package engine

import "time"

// Observer is told what happens, as it happens, by who measures it. Its methods
// are called from several goroutines and must return at once. Addresses are
// those of jobs and PBXs.
type Observer interface {
	// Delivered is told of each delivery that has ended in a run, and how long
	// Asterisk took to answer; 0 for one that was not sent.
	Delivered(job, pbx string, o Outcome, took time.Duration)
	// Fired is told of each firing that is on record, why it fired, and how long
	// after its due time, its event or the end that it follows that was.
	Fired(job, kind string, late time.Duration)
	// NotFired is told of firings that did not take place.
	NotFired(job string, reason MissedReason, n int64)
	// Received is told of each event that triggers listen to, and whether one
	// of them takes it.
	Received(pbx, event string, taken bool)
	// Dropped is told of events that came faster than they could be taken.
	Dropped(pbx string, n int)
	// Wrote is told of each transaction of the ledger.
	Wrote(took time.Duration, err error)
}

// unobserved is an Observer that nobody asks.
type unobserved struct{}

func (unobserved) Delivered(string, string, Outcome, time.Duration) {}
func (unobserved) Fired(string, string, time.Duration)              {}
func (unobserved) NotFired(string, MissedReason, int64)             {}
func (unobserved) Received(string, string, bool)                    {}
func (unobserved) Dropped(string, int)                              {}
func (unobserved) Wrote(time.Duration, error)                       {}
