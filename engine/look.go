package engine

import (
	"context"
	"errors"
	"time"

	"github.com/notifyrun/notifyrun/amiclient"
)

// lookSingly is up to how many endpoints are asked for one by one: beyond,
// one list of all endpoints is cheaper for both sides.
const lookSingly = 64

// lookHolds is how long what was seen holds at least.
const lookHolds = time.Minute

// look reads the contacts of the endpoints that the lane is to notify and nobody
// has looked up, because Asterisk says Success to a NOTIFY for an endpoint
// without contact and sends nothing (res/res_pjsip_notify.c: notify_endpoint).
// What was seen holds for a minute, or for ten times as long as the look took.
// It returns false if the PBX was lost.
func (d *driver) look(ctx context.Context) bool {
	endpoints := make(map[string]bool, len(d.lane.unseen))
	for _, it := range d.lane.unseen {
		endpoints[it.endpoint] = true
	}
	start := time.Now()
	contacts, err := d.contacts(ctx, endpoints)
	switch {
	case err == nil:
		d.lane.see(contacts)
	case errors.As(err, new(*amiclient.ResponseError)):
		// Without the action or the right we send blindly, and say so.
		if !d.blindly {
			d.log.Warn("cannot look up contacts; a phone that is not registered will count as accepted", "error", err)
		}
		d.lane.blind, d.blindly = true, true
		d.lane.see(nil)
	default:
		d.reconnect(ctx, err)
		return false
	}
	d.forget = latest(d.forget, time.Now().Add(max(lookHolds, 10*time.Since(start))))
	return true
}

// forgetContacts has what was seen looked up anew once it holds no longer.
func (d *driver) forgetContacts(now time.Time) {
	if d.forget.IsZero() || now.Before(d.forget) {
		return
	}
	d.lane.contacts, d.lane.blind, d.forget = map[string]int{}, false, time.Time{}
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// contacts finds out how many contacts the endpoints have, at least. One that
// Asterisk does not know or cannot show is left out: Asterisk will say so itself,
// for the record.
func (d *driver) contacts(ctx context.Context, endpoints map[string]bool) (map[string]int, error) {
	contacts := make(map[string]int, len(endpoints))
	if len(endpoints) > lookSingly {
		// The device states are cheap to ask for and settle most of them.
		reachable, err := amiclient.Reachable(ctx, d.sender)
		if err != nil && !errors.As(err, new(*amiclient.ResponseError)) {
			return nil, err
		}
		for name := range endpoints {
			if reachable[name] {
				contacts[name] = 1
				delete(endpoints, name)
			}
		}
	}
	if len(endpoints) > lookSingly {
		return amiclient.AllContacts(ctx, d.sender)
	}
	for name := range endpoints {
		n, err := amiclient.Contacts(ctx, d.sender, name)
		if errors.As(err, new(*amiclient.ResponseError)) && !errors.Is(err, amiclient.ErrPermission) && !errors.Is(err, amiclient.ErrUnknownAction) {
			continue
		}
		if err != nil {
			return nil, err
		}
		contacts[name] = n
	}
	return contacts, nil
}
