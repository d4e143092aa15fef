package amitest

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/amiclient/amievent"
)

// An ariEvent is what ARI tells an application of an event, as far as is looked at here.
type ariEvent struct {
	Type      string
	Eventname string
	Userevent map[string]string
	Channel   struct{ ID, Name string }
	raw       string
}

// application connects an ARI application that is subscribed to everything, and returns what it is told. It is no more of
// a websocket than listening needs (RFC 6455): a server masks nothing, and ARI sends each event in a frame of its own.
func (a *Asterisk) application(t *testing.T, name string) <-chan ariEvent {
	t.Helper()
	conn, err := net.Dial("tcp", a.ARIAddr)
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequest("GET", "http://"+a.ARIAddr+"/ari/events?subscribeAll=true&app="+name, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.SetBasicAuth(UserARI, Secret)
	request.Header = http.Header{"Authorization": request.Header["Authorization"], "Connection": {"Upgrade"}, "Upgrade": {"websocket"},
		"Sec-WebSocket-Version": {"13"}, "Sec-WebSocket-Protocol": {"ari"}, "Sec-WebSocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="}}
	if err := request.Write(conn); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(conn)
	response, err := http.ReadResponse(r, request)
	if err != nil || response.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("%v, %v; %s", response, err, a.Log())
	}
	events, ended := make(chan ariEvent, 1000), make(chan struct{})
	go func() {
		defer close(ended)
		defer close(events)
		for {
			e, err := readFrame(r)
			if err != nil {
				return // closed
			}
			events <- e
		}
	}()
	t.Cleanup(func() { conn.Close(); <-ended })
	return events
}

// readFrame reads one frame of text.
func readFrame(r io.Reader) (e ariEvent, err error) {
	var head [2]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return e, err
	}
	n := uint64(head[1])
	switch n {
	case 126:
		var length uint16
		err = binary.Read(r, binary.BigEndian, &length)
		n = uint64(length)
	case 127:
		err = binary.Read(r, binary.BigEndian, &n)
	}
	if err != nil {
		return e, err
	}
	const text = 0x81 // and the last of its message
	if head[0] != text || n > 1<<20 {
		return e, fmt.Errorf("a frame of kind %#x with %d bytes", head[0], n)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		return e, err
	}
	e.raw = string(b)
	return e, json.Unmarshal(b, &e)
}

// TestARI: an ARI application that is subscribed to everything is told of a user event by the dialplan, with its name and
// headers, and of one by the AMI action it is not; whoever listens by AMI has both, a line for each header. An event that
// ARI raises on a channel comes by AMI as well.
func TestARI(t *testing.T) {
	for _, major := range []int{16, 22} {
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			t.Parallel()
			a := StartAsterisk(t, major, AsteriskConfig{ARI: true})
			told := a.application(t, "listener")
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			client := amiclient.NewClient(amiclient.Config{Address: a.Addr, Username: UserFull, Secret: Secret, KeepAlive: time.Second})
			defer client.Close()
			sub, err := client.Subscribe(ctx, amiclient.Filter{Events: []string{"UserEvent", "Newchannel"}})
			if err != nil {
				t.Fatal(err)
			}
			keeping, stop := context.WithCancel(ctx)
			kept := make(chan error, 1)
			go func() { kept <- client.Keep(keeping) }()
			defer func() { stop(); <-kept }()
			nextMessage := func(event string) *amiclient.Message {
				t.Helper()
				for {
					m, err := sub.Next(ctx)
					if _, missed := errors.AsType[*amiclient.MissedError](err); missed {
						continue
					}
					if err != nil {
						t.Fatal(err)
					}
					if m.Event() == event {
						return m
					}
				}
			}
			nextTold := func() ariEvent {
				t.Helper()
				for {
					select {
					case e := <-told:
						if e.Type == "ChannelUserevent" {
							return e
						}
					case <-ctx.Done():
						t.Fatal("nothing was told")
					}
				}
			}

			// First that which ARI is not told, so that it would come before the other.
			body := []amiclient.Header{{Name: "Phone", Value: "101"}, {Name: "Exten", Value: "5"}, {Name: "Odd, key", Value: `a: "b", (c`}, {Name: "Empty"}, {Name: "Ünïcode", Value: "€"}}
			if _, err := (amiclient.UserEvent{Name: "Action", Headers: body[:2]}).Do(ctx, client); err != nil {
				t.Fatal(err)
			}
			event := amiclient.DialplanUserEvent{Channel: "Local/hold@default/n", Name: "Reboot", Headers: body, ID: "attempt-1"}
			if _, err := event.Do(ctx, client); err != nil {
				t.Fatal(err)
			}
			want := map[string]string{"eventname": "Reboot"}
			for _, h := range body {
				want[h.Name] = h.Value
			}
			if e := nextTold(); e.Eventname != "Reboot" || !maps.Equal(e.Userevent, want) || e.Channel.ID != "attempt-1" {
				t.Errorf("ARI is told %s", e.raw)
			}
			if m := nextMessage("UserEvent"); m.Get("UserEvent") != "Action" || !slices.Equal(m.Headers()[4:], body[:2]) {
				t.Errorf("AMI has %q", m.Headers())
			}
			m := nextMessage("UserEvent")
			e := amievent.Parse(m).(*amievent.UserEvent)
			if e.Name != "Reboot" || e.Origin() != "attempt-1" || !slices.Equal(e.Headers(), body) {
				t.Errorf("AMI has %q", m.Headers())
			}
			checkHeadersOf(t, m, map[string]string{"Event": "UserEvent", "UserEvent": "Reboot", "Phone": "101", "Exten": "5", "Context": "default", "Uniqueid": "attempt-1", "Empty": ""})

			// ARI raises one on a channel that is up.
			if _, err := (amiclient.Originate{Channel: "Local/hold@default/n", Application: "Wait", Data: "20", ChannelID: "ari-1", Async: true}).Do(ctx, client); err != nil {
				t.Fatal(err)
			}
			for nextMessage("Newchannel").Get("Uniqueid") != "ari-1" {
			}
			raise := url.URL{Scheme: "http", User: url.UserPassword(UserARI, Secret), Host: a.ARIAddr, Path: "/ari/events/user/Raised",
				RawQuery: "application=listener&source=channel:ari-1"}
			response, err := http.Post(raise.String(), "application/json", strings.NewReader(`{"variables":{"Phone":"102","Exten":"7","UserEvent":"Forged"}}`))
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			if response.StatusCode != http.StatusNoContent {
				t.Fatalf("ARI answers %s", response.Status)
			}
			m = nextMessage("UserEvent")
			t.Logf("ARI raised %q", m.Headers())
			checkHeadersOf(t, m, map[string]string{"Event": "UserEvent", "UserEvent": "Raised", "Phone": "102", "Exten": "7", "Context": "default", "Uniqueid": "ari-1"})
			if e := amievent.Parse(m).(*amievent.UserEvent); e.FromAMI() || e.Origin() != "ari-1" {
				t.Errorf("origin %q", e.Origin())
			}
		})
	}
}

// checkHeadersOf looks for these headers in what HeadersOf makes of a message, each of them once.
func checkHeadersOf(t *testing.T, m *amiclient.Message, want map[string]string) {
	t.Helper()
	headers := amievent.HeadersOf(amievent.Parse(m))
	for name, value := range want {
		var values []string
		for _, h := range headers {
			if strings.EqualFold(h.Name, name) {
				values = append(values, h.Value)
			}
		}
		if !slices.Equal(values, []string{value}) {
			t.Errorf("%s is %q, want %q once", name, values, value)
		}
	}
}
