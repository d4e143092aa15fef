package amitest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/notifyrun/notifyrun/amiclient"
)

// TestClient holds what the client says about servers, simulated and real, to be alike.
func TestClient(t *testing.T) {
	eachPBX(t, func(t *testing.T, p *pbx) {
		conn, err := amiclient.Dial(t.Context(), amiclient.Config{Address: p.addr, Username: UserFull, Secret: Secret})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		capabilities, err := conn.Capabilities(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if capabilities.AsteriskVersion != p.version || !capabilities.Has("PJSIPNotify") || capabilities.Has("SIPnotify") != (p.major == 16) {
			t.Errorf("capabilities: %+v", capabilities)
		}
		contacts, err := amiclient.AllContacts(t.Context(), conn)
		if err != nil {
			t.Fatal(err)
		}
		if len(contacts) != 13 || contacts["1001"] != 1 || contacts[EndpointTwin] != 2 || contacts[EndpointAbsent] != 0 {
			t.Errorf("contacts: %v", contacts)
		}
		for name, want := range map[string]int{"1010": 1, EndpointTwin: 2, EndpointAbsent: 0} {
			if n, err := amiclient.Contacts(t.Context(), conn, name); err != nil || n != want {
				t.Errorf("%s has %d contacts, %v; want %d", name, n, err, want)
			}
		}
	})
}

// TestClient_TLS sends messages longer than the 1024 bytes that a server takes of a TLS record, several at once: a client
// that writes them in one piece would wait for ever (main/manager.c: get_input polls the socket, not the TLS layer).
func TestClient_TLS(t *testing.T) {
	eachPBX(t, func(t *testing.T, p *pbx) {
		conn, err := amiclient.Dial(t.Context(), amiclient.Config{Address: p.tlsAddr, TLS: p.tls, Username: UserFull, Secret: Secret})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		event := amiclient.UserEvent{Name: "Long"}
		for i := range 10 {
			event.Headers = append(event.Headers, amiclient.Header{Name: fmt.Sprint("H", i), Value: strings.Repeat("x", 100*i)})
		}
		const events = 50
		answers := make(chan error, events)
		for i := range events {
			err := conn.Go(t.Context(), fmt.Sprint("tls-", i), event.Action(), func(_ *amiclient.Message, err error) { answers <- err })
			if err != nil {
				t.Fatal(err)
			}
		}
		for range events {
			if err := <-answers; err != nil {
				t.Error(err)
			}
		}
	})
}
