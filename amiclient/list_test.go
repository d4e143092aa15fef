package amiclient_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/amiclient/amitest"
)

// errAny stands for an error of no kind.
var errAny = errors.New("any")

func TestConn_List(t *testing.T) {
	show := amiclient.Action{Name: "PJSIPShowEndpoints"}
	collect := func(t *testing.T, c *amiclient.Conn) (names []string, err error) {
		for m, err := range c.List(t.Context(), show) {
			if err != nil {
				return names, err
			}
			names = append(names, m.Get("ObjectName"))
		}
		return names, nil
	}
	const start = "Response: Success⏎ActionID: {id}⏎EventList: start⏎Message: Following are Events for each object⏎⏎"
	const complete = "Event: EndpointListComplete⏎ActionID: {id}⏎EventList: Complete⏎ListItems: 2⏎⏎"
	const item = "Event: EndpointList⏎ActionID: {id}⏎ObjectName: "
	for _, test := range []struct {
		name, answer, want string
		err                error
	}{
		{"items", start + item + "a⏎⏎Event: PeerStatus⏎Peer: x⏎⏎" + item + "b⏎⏎" + complete, "[a b]", nil},
		{"none", start + strings.Replace(complete, "2", "0", 1), "[]", nil},
		{"not counted", start + item + "a⏎⏎" + strings.Replace(complete, "ListItems: 2⏎", "", 1), "[a]", nil},
		{"fewer than there are", start + item + "a⏎⏎" + complete, "[a]", errAny},
		{"one that belongs to another", start + item + "a⏎⏎Event: EndpointList⏎ActionID: x⏎ObjectName: b⏎⏎" + complete, "[a]", errAny},
		{"no list", "Response: Success⏎ActionID: {id}⏎Message: There are no voicemail users currently defined.⏎⏎", "[]", nil},
		{"one without an end", "Response: Success⏎ActionID: {id}⏎Message: Voicemail user list will follow⏎⏎" + item + "a⏎⏎Event: ListComplete⏎ActionID: {id}⏎⏎", "[]", errAny},
		{"error", "Response: Error⏎ActionID: {id}⏎Message: Permission denied⏎⏎", "[]", amiclient.ErrPermission},
		{"canceled", start + item + "a⏎⏎" + strings.Replace(complete, "EventList: Complete", "EventList: Cancelled", 1), "[a]", errAny},
		{"cut", start + item + "a⏎⏎" + item, "[a]", io.ErrUnexpectedEOF},
	} {
		bubble(t, test.name, func(t *testing.T) {
			c := dial(t, amiclient.Config{}, func(d *amitest.Dialogue) {
				d.Expect("Action: PJSIPShowEndpoints")
				d.Send(test.answer)
				if test.name != "cut" {
					d.Answer(d.Expect("Action: Ping"), "x")
					d.ExpectClose()
				}
			})
			names, err := collect(t, c)
			if fmt.Sprint(names) != test.want || test.err != errAny && !errors.Is(err, test.err) || test.err == errAny && err == nil {
				t.Errorf("%q, %v", names, err)
			}
			if test.name != "cut" {
				if _, err := c.Do(t.Context(), ping); err != nil {
					t.Errorf("afterwards: %v", err)
				}
			}
			c.Close()
		})
	}
	bubble(t, "left early", func(t *testing.T) {
		c := dial(t, amiclient.Config{MaxInFlight: 1}, func(d *amitest.Dialogue) {
			d.Expect("Action: PJSIPShowEndpoints")
			d.Send(start + item + "a⏎⏎")
			d.Send(item + "b⏎⏎" + complete)
			d.Answer(d.Expect("Action: Ping"), "x")
			d.ExpectClose()
		})
		for range c.List(t.Context(), show) {
			break
		}
		if _, err := c.Do(t.Context(), ping); err != nil {
			t.Errorf("afterwards: %v", err)
		}
		c.Close()
	})
}

func TestContacts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const start = "Response: Success⏎ActionID: {id}⏎EventList: start⏎Message: A listing follows⏎⏎"
		c := dial(t, amiclient.Config{}, func(d *amitest.Dialogue) {
			d.Expect("Action: PJSIPShowEndpoint", "Endpoint: 1001")
			d.Send(start + "Event: EndpointDetail⏎ActionID: {id}⏎ObjectName: 1001⏎⏎Event: AorDetail⏎ActionID: {id}⏎TotalContacts: 2⏎⏎" +
				"Event: ContactStatusDetail⏎ActionID: {id}⏎⏎Event: ContactStatusDetail⏎ActionID: {id}⏎⏎" +
				"Event: EndpointDetailComplete⏎ActionID: {id}⏎EventList: Complete⏎ListItems: 4⏎⏎")
			d.Expect("Action: PJSIPShowEndpoint", "Endpoint: nope")
			d.Send("Response: Error⏎ActionID: {id}⏎Message: Unable to retrieve endpoint nope␊⏎⏎")
			d.Expect("Action: PJSIPShowEndpoints")
			d.Send(start + "Event: EndpointList⏎ActionID: {id}⏎ObjectName: 1001⏎Contacts: 1001/sip:1001@192.0.2.7:5060,⏎⏎" +
				"Event: EndpointList⏎ActionID: {id}⏎ObjectName: 1002⏎Contacts: ⏎⏎" +
				"Event: EndpointList⏎ActionID: {id}⏎ObjectName: 1003⏎Contacts: a/sip:1@h,a/sips:2@h;x=1,2,⏎Contacts: b/sip:3@h,⏎⏎" +
				"Event: EndpointListComplete⏎ActionID: {id}⏎EventList: Complete⏎ListItems: 3⏎⏎")
			d.ExpectClose()
		})
		if n, err := amiclient.Contacts(t.Context(), c, "1001"); n != 2 || err != nil {
			t.Errorf("Contacts: %d, %v", n, err)
		}
		if _, err := amiclient.Contacts(t.Context(), c, "nope"); !errors.Is(err, amiclient.ErrUnknownEndpoint) {
			t.Errorf("Contacts of an unknown endpoint: %v", err)
		}
		all, err := amiclient.AllContacts(t.Context(), c)
		if fmt.Sprint(all) != "map[1001:1 1002:0 1003:3]" || err != nil {
			t.Errorf("AllContacts: %v, %v", all, err)
		}
		c.Close()
	})
}

func TestReachable(t *testing.T) {
	for _, name := range []string{"devicestates-16", "devicestates-22"} {
		bubble(t, name, func(t *testing.T) {
			found, err := amiclient.Reachable(t.Context(), replay(t, name))
			if err != nil || len(found) != 11 || !found["1001"] || !found[amitest.EndpointTwin] || found[amitest.EndpointAbsent] {
				t.Errorf("%v, %v", found, err)
			}
		})
	}
}
