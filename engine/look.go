package engine

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/notifyrun/notifyrun/amiclient"
)

const (
	// lookAlone is up to how many endpoints are asked for without the device states
	// of all, which cost Asterisk as much as some hundred endpoints.
	lookAlone = 64
	// lookSingly is up to how many are asked for one by one: to list all of 20,000
	// costs version 16 as much as ten thousand, and version 22, in quadratic time, more
	// than twice that.
	lookSingly = 1000
)

// lookHolds is how long what was seen holds at least.
const lookHolds = time.Minute

// look reads the contacts of the endpoints that the lane is to notify and nobody
// has looked up, because Asterisk says Success to a NOTIFY that nobody hears.
// What was seen holds for a minute, or for ten times as long as the look took.
// It returns false if the PBX was lost.
func (d *driver) look(ctx context.Context) bool {
	wanted := make(map[heard]bool, len(d.lane.unseen))
	for _, it := range d.lane.unseen {
		wanted[it.heard] = true
	}
	start := time.Now()
	contacts, err := d.contacts(ctx, wanted)
	switch {
	case err == nil:
		d.lane.see(contacts)
	case amiclient.Untold(err):
		// Without the action, the right or a whole answer we send blindly, and say so.
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

// nobody says why nobody would hear a delivery.
func (d *driver) nobody(it *item) string {
	switch {
	case it.heard.outbound && d.lane.contacts[heard{outbound: true}] == 0:
		return "the server has no default_outbound_endpoint, by which it sends to a URI: Asterisk would say Success and send nothing"
	case it.heard.contact != "":
		return "the endpoint no longer has this contact: nobody would hear it"
	}
	return "no contact is registered: Asterisk would say Success and send nothing"
}

// forgetContacts has what was seen looked up anew once it holds no longer.
func (d *driver) forgetContacts(now time.Time) {
	if d.forget.IsZero() || now.Before(d.forget) {
		return
	}
	d.lane.contacts, d.lane.blind, d.forget = map[heard]int{}, false, time.Time{}
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// contacts finds out how many hear each of what is wanted, at least. What Asterisk
// does not know or cannot show is left out: Asterisk will say so itself, for the
// record.
func (d *driver) contacts(ctx context.Context, wanted map[heard]bool) (map[heard]int, error) {
	found := make(map[heard]int, len(wanted))
	outbound, err := d.outbound(ctx, wanted)
	if err != nil {
		return nil, err
	}
	single := make(map[string][]string) // by endpoint, the contacts that are wanted of it
	whole := make(map[string]bool)
	for w := range wanted {
		if w.outbound {
			found[w] = outbound
		}
		switch {
		case w.endpoint == "" || w.outbound && outbound == 0:
		case w.contact != "":
			single[w.endpoint] = append(single[w.endpoint], w.contact)
		default:
			whole[w.endpoint] = true
		}
	}
	if len(whole) > lookAlone {
		// The device states are cheap to ask for and settle most of them.
		reachable, err := amiclient.Reachable(ctx, d.sender)
		if err != nil && !amiclient.Untold(err) {
			return nil, err
		}
		for name := range whole {
			if reachable[name] {
				found[heard{endpoint: name}] = 1
				delete(whole, name)
			}
		}
	}
	see := func(name string, uris []string) {
		if whole[name] {
			found[heard{endpoint: name}] = len(uris)
		}
		for _, uri := range single[name] {
			found[heard{endpoint: name, contact: uri, outbound: true}] = count(uris, uri)
		}
	}
	if len(whole)+len(single) > lookSingly {
		for e, err := range (amiclient.PJSIPShowEndpoints{}).List(ctx, d.sender) {
			if err != nil {
				return nil, err
			}
			if whole[e.Name] || single[e.Name] != nil {
				see(strings.Clone(e.Name), urisOf(e.Contacts, func(c amiclient.ContactURI) string { return c.URI }))
				delete(single, e.Name)
			}
		}
		clear(whole) // of what no list has, such as some of realtime, contacts alone are asked for
	}
	names := slices.Collect(maps.Keys(whole))
	for name := range single {
		if !whole[name] {
			names = append(names, name)
		}
	}
	uris := make([][]string, len(names))
	shown := make([]bool, len(names))
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	sideBySide(max(d.pbx.MaxInFlight-d.onWire, 1), len(names), func(i int) {
		if ctx.Err() != nil {
			return
		}
		detail, err := amiclient.PJSIPShowEndpoint{Endpoint: names[i]}.Do(ctx, d.sender)
		switch refused := errors.As(err, new(*amiclient.ResponseError)); {
		case err == nil:
			uris[i], shown[i] = urisOf(detail.Contacts, func(c amiclient.Contact) string { return c.URI }), true
		case !refused || errors.Is(err, amiclient.ErrPermission) || errors.Is(err, amiclient.ErrUnknownAction):
			cancel(err)
		}
	})
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	for i, name := range names {
		if shown[i] {
			see(name, uris[i])
			continue
		}
		for _, uri := range single[name] { // sent to a URI, Asterisk would not say so
			found[heard{endpoint: name, contact: uri, outbound: true}] = 0
		}
	}
	return found, nil
}

// outbound tells by 0 or more whether what goes to a URI is heard by anyone, if
// anything of what is wanted does. Without the right to know, it is sent.
func (d *driver) outbound(ctx context.Context, wanted map[heard]bool) (int, error) {
	if !slices.ContainsFunc(slices.Collect(maps.Keys(wanted)), func(w heard) bool { return w.outbound }) {
		return unlisted, nil
	}
	n := unlisted
	switch name, err := amiclient.DefaultOutboundEndpoint(ctx, d.sender); {
	case err == nil && name == "":
		n = 0
	case err == nil:
		n = 1
	case !amiclient.Untold(err):
		return 0, err
	case !d.unsure:
		d.unsure = true
		d.log.Warn("cannot look up whether the server has a default_outbound_endpoint; if not, what is sent to a URI counts as accepted and goes nowhere", "error", err)
	}
	d.lane.contacts[heard{outbound: true}] = n
	return n, nil
}

func urisOf[C any](contacts []C, uri func(C) string) []string {
	uris := make([]string, len(contacts))
	for i, c := range contacts {
		uris[i] = uri(c)
	}
	return uris
}

func count(all []string, wanted string) int {
	n := 0
	for _, s := range all {
		if s == wanted {
			n++
		}
	}
	return n
}
