package engine

import (
	"context"
	"errors"
	"time"

	"github.com/notifyrun/notifyrun/amiclient"
)

// lookSingly is up to how many endpoints are asked for one by one: beyond,
// one list of all endpoints is cheaper for both sides.
const lookSingly = 32

// look reads the contacts of the endpoints that the lane is to notify, because
// Asterisk says Success to a NOTIFY for an endpoint without contact and sends
// nothing (res/res_pjsip_notify.c: notify_endpoint). What was seen holds for a
// minute, or for ten times as long as the look took.
func (d *driver) look(ctx context.Context, now time.Time) {
	if now.Before(d.lookAgain) {
		return
	}
	endpoints := map[string]bool{}
	for _, it := range d.lane.ready[d.lane.next:] {
		if it.endpoint != "" && len(endpoints) <= lookSingly {
			endpoints[it.endpoint] = true
		}
	}
	if len(endpoints) == 0 {
		return
	}
	contacts, err := d.contacts(ctx, endpoints)
	switch {
	case err == nil:
		d.lane.contacts = contacts
	case errors.As(err, new(*amiclient.ResponseError)):
		// Without the action or the right we send blindly, and say so.
		d.log.Warn("cannot look up contacts; a phone that is not registered will count as accepted", "error", err)
		d.lane.contacts = nil
	default:
		d.reconnect(ctx, err)
		return
	}
	d.lookAgain = time.Now().Add(max(time.Minute, 10*time.Since(now)))
}

func (d *driver) contacts(ctx context.Context, endpoints map[string]bool) (map[string]int, error) {
	if len(endpoints) > lookSingly {
		return d.sender.AllContacts(ctx)
	}
	contacts := make(map[string]int, len(endpoints))
	for name := range endpoints {
		n, err := d.sender.Contacts(ctx, name)
		if errors.Is(err, amiclient.ErrUnknownEndpoint) {
			continue // Asterisk will say so itself, for the record
		}
		if err != nil {
			return nil, err
		}
		contacts[name] = n
	}
	return contacts, nil
}
