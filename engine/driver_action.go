package engine

import (
	"fmt"
	"time"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/schema"
)

// prepare makes the actions of the deliveries about to be claimed. One that
// cannot be made, although the plan made it, is rejected.
func (d *driver) prepare(send []*item, now time.Time) []*item {
	ready := send[:0]
	for _, it := range send {
		action, err := d.action(it)
		if err != nil {
			d.lane.ended(it, now)
			d.end(it, 0, Rejected, err.Error(), now)
			continue
		}
		it.action = action
		ready = append(ready, it)
	}
	return ready
}

func (d *driver) action(it *item) (amiclient.Action, error) {
	job := it.work.Job
	if job.Type == schema.UserEvent {
		e, diags := job.Event()
		if diags.HasErrors() {
			return amiclient.Action{}, fmt.Errorf("evaluate user event: %s", diags[0].Detail)
		}
		return eventAction(e, ActionID(it.work.ID, it.seq, it.n())), nil
	}
	t, ok := d.targets[it.work][it.target]
	if !ok {
		return amiclient.Action{}, fmt.Errorf("evaluate message: %s is not a target of %s", it.target, job.Address)
	}
	m, diags := job.Message(t)
	if diags.HasErrors() {
		return amiclient.Action{}, fmt.Errorf("evaluate message: %s", diags[0].Detail)
	}
	return notifyAction(t, m), nil
}

// inDialog tells whether a delivery goes into the dialog of a channel.
func (d *driver) inDialog(it *item) bool {
	m, diags := it.work.Job.Message(d.targets[it.work][it.target])
	return !diags.HasErrors() && m != nil && !m.Channel.IsEmpty()
}
