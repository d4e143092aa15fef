package amitest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/amiclient/amievent"
)

const nobodysExtension = "Local/nope@default/n"

// TestDialplanUserEvent proves that a user event by the dialplan arrives as it was given, name and value byte for byte: random
// ones, through each server. And that it is known by its id, whichever of the two events of it comes first.
func TestDialplanUserEvent(t *testing.T) {
	eachPBX(t, func(t *testing.T, p *pbx) {
		client := amiclient.NewClient(amiclient.Config{Address: p.addr, Username: UserFull, Secret: Secret, KeepAlive: time.Second})
		defer client.Close()
		sub, err := client.Subscribe(t.Context(), amiclient.Filter{Events: []string{"UserEvent", "OriginateResponse"}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		conn, err := client.Conn(ctx)
		if err != nil {
			t.Fatal(err)
		}
		keeping, stop := context.WithCancel(ctx)
		kept := make(chan error, 1)
		go func() { kept <- client.Keep(keeping) }()
		defer func() { stop(); <-kept }()

		random := rand.New(rand.NewPCG(escapeSeed, uint64(p.major)))
		waiting := make(map[string]amiclient.DialplanUserEvent)
		events := []amiclient.DialplanUserEvent{
			{Name: "Bare"},
			{Name: " led by blanks", Headers: []amiclient.Header{{Name: "Empty"}}},
			{Name: "blanks after  "},
			{Name: "Longest", Headers: []amiclient.Header{{Name: "L", Value: strings.Repeat("x", 1022-len("Data: Longest,L:"))}}},
		}
		full := amiclient.DialplanUserEvent{Name: "Full"}
		for i := range 99 {
			full.Headers = append(full.Headers, amiclient.Header{Name: fmt.Sprint("h", i), Value: fmt.Sprint(i)})
		}
		events = append(events, full)
		for len(events) < 150 {
			e := amiclient.DialplanUserEvent{Name: randomValue(random)}
			for range random.IntN(6) {
				h := amiclient.Header{Name: randomValue(random), Value: randomValue(random)}
				e.Headers = append(e.Headers, h)
			}
			if e.Channel = hold[len("Channel: "):]; e.Action().Check() == nil { // some random ones cannot be
				events = append(events, e)
			}
		}
		failing := amiclient.DialplanUserEvent{Channel: nobodysExtension, Name: "Never", ID: "never-1"}
		events = append(events, failing)
		answers := make(chan error, len(events))
		for i, e := range events {
			if e.ID == "" {
				e.Channel, e.ID = hold[len("Channel: "):], fmt.Sprintf("id-%d_.:/#@+", i)
			}
			waiting[e.ID] = e
			if err := conn.Go(ctx, e.ID, e.Action(), func(_ *amiclient.Message, err error) { answers <- err }); err != nil {
				t.Fatal(err)
			}
		}
		for range events {
			if err := <-answers; err != nil {
				t.Error(err)
			}
		}
		calls := make(map[string]bool)
		for len(waiting) > 0 || len(calls) < len(events)-1 {
			m, err := sub.Next(ctx)
			if missed, ok := errors.AsType[*amiclient.MissedError](err); ok && missed.Lost == 0 {
				continue
			}
			if err != nil {
				t.Fatalf("%v; still waiting for %d", err, len(waiting))
			}
			parsed := amievent.Parse(m)
			if e, ok := parsed.(*amievent.OriginateResponse); ok && e.Success {
				if e.Uniqueid != e.ActionID {
					t.Errorf("the call of %s has the Uniqueid %s", e.ActionID, e.Uniqueid)
				}
				calls[e.ActionID] = true
			}
			c, ok := amievent.ConfirmationOf(parsed)
			if !ok {
				continue
			}
			want, ok := waiting[c.ActionID]
			if !ok {
				t.Errorf("%+v of nothing that we sent", c)
				continue
			}
			delete(waiting, c.ActionID)
			if c.Raised == (want.Channel == nobodysExtension) || c.Reason != amievent.OriginateFailed {
				t.Errorf("%+v of %s", c, want.Channel)
			}
			e, ok := parsed.(*amievent.UserEvent)
			if !ok {
				continue
			}
			if e.Name != want.Name || !slices.Equal(e.Headers(), want.Headers) || e.Channel.Name[len(e.Channel.Name)-2:] != ";1" {
				t.Errorf("%q %q on %s arrived as %q %q", want.Name, want.Headers, e.Channel.Name, e.Name, e.Headers())
			}
		}
	})
}
