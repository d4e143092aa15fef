package amiclient_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/amiclient/amitest"
)

var checkSync = []amiclient.Variable{{Name: "Event", Value: "check-sync"}}

// endpointWith is the answer to PJSIPShowEndpoint of an endpoint with so many contacts.
func endpointWith(contacts int) string {
	return listStart + item("EndpointDetail", "ObjectName: 1001") + item("AorDetail", "ObjectName: 1001") +
		strings.Repeat(item("ContactStatusDetail", "AOR: 1001⏎URI: sip:1001@192.0.2.7⏎Status: Unreachable"), contacts) + listEnd
}

func TestPJSIPNotify_Do(t *testing.T) {
	const sent = "Response: Success⏎ActionID: {id}⏎Message: NOTIFY sent⏎⏎"
	bubble(t, "endpoint", func(t *testing.T) {
		c := dial(t, amiclient.Config{}, func(d *amitest.Dialogue) {
			d.Expect("Action: PJSIPShowEndpoint", "Endpoint: 1001")
			d.Send(endpointWith(2))
			d.Expect("Action: PJSIPNotify", "Endpoint: 1001", "Variable: Event=check-sync")
			d.Send(sent)
			d.ExpectClose()
		})
		if got, err := (amiclient.PJSIPNotify{Endpoint: "1001", Variables: checkSync}).Do(t.Context(), c); err != nil || got.Contacts != 2 || got.Get("Message") != "NOTIFY sent" {
			t.Errorf("%+v, %v", got, err)
		}
	})
	bubble(t, "endpoint without contact", func(t *testing.T) {
		c := scripted(t, endpointWith(0))
		if got, err := (amiclient.PJSIPNotify{Endpoint: "1001", Variables: checkSync}).Do(t.Context(), c); !errors.Is(err, amiclient.ErrNoContact) || got.Message != nil {
			t.Errorf("%+v, %v", got, err)
		}
	})
	bubble(t, "unknown endpoint", func(t *testing.T) {
		c := scripted(t, "Response: Error⏎ActionID: {id}⏎Message: Unable to retrieve endpoint 1001␊⏎⏎")
		if got, err := (amiclient.PJSIPNotify{Endpoint: "1001", Variables: checkSync}).Do(t.Context(), c); !errors.Is(err, amiclient.ErrUnknownEndpoint) || got.Message != nil {
			t.Errorf("%+v, %v", got, err)
		}
	})
	// The look may have left, the NOTIFY cannot have: it may be tried again.
	bubble(t, "lost while it looked", func(t *testing.T) {
		c := dial(t, amiclient.Config{}, func(d *amitest.Dialogue) { d.Expect("Action: PJSIPShowEndpoint") })
		_, err := amiclient.PJSIPNotify{Endpoint: "1001", Variables: checkSync}.Do(t.Context(), c)
		if lost, ok := errors.AsType[*amiclient.ConnError](err); !ok || lost.Written {
			t.Errorf("%v", err)
		}
	})
	bubble(t, "lost after it was sent", func(t *testing.T) {
		c := dial(t, amiclient.Config{}, func(d *amitest.Dialogue) {
			d.Expect("Action: PJSIPShowEndpoint")
			d.Send(endpointWith(1))
			d.Expect("Action: PJSIPNotify")
		})
		_, err := amiclient.PJSIPNotify{Endpoint: "1001", Variables: checkSync}.Do(t.Context(), c)
		if lost, ok := errors.AsType[*amiclient.ConnError](err); !ok || !lost.Written {
			t.Errorf("%v", err)
		}
	})
	bubble(t, "URI, channel", func(t *testing.T) {
		c := scripted(t, sent, sent)
		for _, n := range []amiclient.PJSIPNotify{{URI: "sip:1001@192.0.2.7", Variables: checkSync}, {Channel: "PJSIP/1001-00000001", Variables: checkSync}} {
			if got, err := n.Do(t.Context(), c); err != nil || got.Contacts != 1 {
				t.Errorf("%+v, %v", got, err)
			}
		}
	})
	bubble(t, "refused by its check", func(t *testing.T) {
		c := scripted(t)
		for _, n := range []amiclient.PJSIPNotify{{Endpoint: "1001"}, {Endpoint: "1001", URI: "sip:1001@192.0.2.7", Variables: checkSync}, {Variables: checkSync}} {
			if _, err := n.Do(t.Context(), c); !errors.As(err, new(*amiclient.FieldError)) {
				t.Errorf("%+v: %v", n, err)
			}
		}
	})
}

func TestSIPNotify_Do(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		c := scripted(t, "Response: Success⏎ActionID: {id}⏎Message: Notify Sent⏎⏎", "Response: Error⏎ActionID: {id}⏎Message: Could not create address⏎⏎")
		n := amiclient.SIPNotify{Channel: "SIP/1001", Variables: checkSync}
		if got, err := n.Do(t.Context(), c); err != nil || got.Contacts != 1 || got.Get("Message") != "Notify Sent" {
			t.Errorf("%+v, %v", got, err)
		}
		if got, err := n.Do(t.Context(), c); !errors.Is(err, amiclient.ErrNoAddress) || got.Message != nil {
			t.Errorf("%+v, %v", got, err)
		}
	})
}
