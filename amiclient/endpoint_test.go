package amiclient_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/amiclient/amitest"
)

const listStart = "Response: Success⏎ActionID: {id}⏎EventList: start⏎Message: A listing follows⏎⏎"

// listEnd is the end of a list, whatever it is of.
const listEnd = "Event: ListComplete⏎ActionID: {id}⏎EventList: Complete⏎ListItems: 0⏎⏎"

// scripted returns a connection to a server that answers one action after the
// other so. The test must ask for all of them.
func scripted(t *testing.T, answers ...string) *amiclient.Conn {
	t.Helper()
	return dial(t, amiclient.Config{}, func(d *amitest.Dialogue) {
		for _, answer := range answers {
			d.Expect()
			d.Send(answer)
		}
		d.ExpectClose()
	})
}

// item returns an event of a list.
func item(event, headers string) string {
	return "Event: " + event + "⏎ActionID: {id}⏎" + headers + "⏎⏎"
}

func TestPJSIPShowEndpoints(t *testing.T) {
	for _, name := range []string{"endpoints-16", "endpoints-22"} {
		bubble(t, name, func(t *testing.T) {
			c := replay(t, name)
			found := map[string]amiclient.Endpoint{}
			for e, err := range (amiclient.PJSIPShowEndpoints{}).List(t.Context(), c) {
				if err != nil {
					t.Fatal(err)
				}
				found[e.Name] = e
			}
			if len(found) != 13 {
				t.Errorf("%d endpoints", len(found))
			}
			e := found["1001"]
			if fmt.Sprintln(e.AORs, e.Auths, e.OutboundAuths, e.DeviceState) != "[1001] [] [] Not in use\n" || len(e.Contacts) != 1 ||
				e.Contacts[0].AOR != "1001" || !strings.HasPrefix(e.Contacts[0].URI, "sip:1001@127.0.0.1:") {
				t.Errorf("1001: %+v", e)
			}
			if e := found["dynamic"]; fmt.Sprintln(e.Auths, e.Contacts, e.DeviceState) != "[dynamic] [] Unavailable\n" || e.Get("ObjectType") != "endpoint" {
				t.Errorf("dynamic: %+v", e)
			}
			if e := found["twin"]; len(e.Contacts) != 2 || e.Contacts[0].URI == e.Contacts[1].URI {
				t.Errorf("twin: %+v", e)
			}
		})
	}
	bubble(t, "none", func(t *testing.T) {
		c := scripted(t, "Response: Error⏎ActionID: {id}⏎Message: No endpoints found␊⏎⏎")
		for e, err := range (amiclient.PJSIPShowEndpoints{}).List(t.Context(), c) {
			t.Errorf("%+v, %v", e, err)
		}
	})
	bubble(t, "refused", func(t *testing.T) {
		c := scripted(t, "Response: Error⏎ActionID: {id}⏎Message: Permission denied⏎⏎")
		errs := 0
		for _, err := range (amiclient.PJSIPShowEndpoints{}).List(t.Context(), c) {
			if errs++; !errors.Is(err, amiclient.ErrPermission) {
				t.Error(err)
			}
		}
		if errs != 1 {
			t.Errorf("%d errors", errs)
		}
	})
}

func TestEndpoint_Contacts(t *testing.T) {
	for _, test := range []struct{ name, headers, want string }{
		{"none", "Aor: a⏎Contacts: ", "[]"},
		{"no header: its AOR does not exist", "Aor: nope", "[]"},
		{"commas in URIs", "Aor: a⏎Contacts: a/sip:1@h;x=1,2,a/sips:2@h?y=3,", "[a/sip:1@h;x=1,2 a/sips:2@h?y=3]"},
		{"two AORs in two headers", "Aor: a, b@c⏎Contacts: a/sip:1@h,⏎Contacts: b@c/sip:2@h,", "[a/sip:1@h b@c/sip:2@h]"},
		{"one AOR begins like the other", "Aor: a,aa⏎Contacts: aa/sip:1@h,a/sip:2@h,⏎Contacts: a/sip:3@h,aa/sip:4@h,", "[aa/sip:1@h,a/sip:2@h a/sip:3@h,aa/sip:4@h]"},
		{"a slash in a URI and in an AOR", "Aor: x/y⏎Contacts: x/y/sip:1@h;p=/,x/y/SIP:2@h,", "[x/y/sip:1@h;p=/ x/y/SIP:2@h]"},
		{"without the last comma", "Aor: a⏎Contacts: a/sip:1@h", "[a/sip:1@h]"},
		{"a URI that names an AOR", "Aor: a⏎Contacts: a/sip:a/sip:1@h,a/sip:2@h,", "[a/sip:a/sip:1@h a/sip:2@h]"},
		{"several commas at the end", "Aor: a⏎Contacts: a/sip:1@h,,", "[a/sip:1@h,]"},
		{"no contact in it", "Aor: a⏎Contacts: ,,nonsense,,⏎Contacts: sip:1@h,⏎Contacts: /⏎Contacts: a/tel:1⏎Contacts: x,a/sip:1@h", "[]"},
	} {
		bubble(t, test.name, func(t *testing.T) {
			c := scripted(t, listStart+item("EndpointList", "ObjectName: e⏎"+test.headers)+listEnd)
			n := 0
			for e, err := range (amiclient.PJSIPShowEndpoints{}).List(t.Context(), c) {
				n++
				if got := fmt.Sprint(e.Contacts); got != test.want || err != nil {
					t.Errorf("%s, %v, want %s", got, err, test.want)
				}
			}
			if n != 1 {
				t.Errorf("%d endpoints", n)
			}
		})
	}
}

func TestPJSIPShowEndpoint(t *testing.T) {
	for _, name := range []string{"endpoints-16", "endpoints-22"} {
		bubble(t, name, func(t *testing.T) {
			c := replay(t, name)
			d, err := amiclient.PJSIPShowEndpoint{Endpoint: "dynamic"}.Do(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			if d.Name != "dynamic" || d.Context != "default" || d.CallerID != "" || d.Mailboxes != nil || d.DeviceState != "Not in use" || d.ActiveChannels != 0 ||
				d.Get("DtmfMode") != "rfc4733" || d.Transport != nil || d.Identifies != nil {
				t.Errorf("%+v", d)
			}
			if len(d.AORs) != 1 || len(d.Contacts) != 1 || len(d.Auths) != 1 {
				t.Fatalf("%+v", d)
			}
			aor, contact, auth := d.AORs[0], d.Contacts[0], d.Auths[0]
			if aor.Name != "dynamic" || aor.MaxContacts != 3 || aor.MinimumExpiration != 5*time.Second || aor.DefaultExpiration != time.Hour || aor.MaximumExpiration != 2*time.Hour ||
				aor.QualifyTimeout != 3*time.Second || aor.QualifyFrequency != 0 || aor.TotalContacts != 1 || aor.Registered != 1 || aor.RemoveExisting ||
				fmt.Sprint(aor.Contacts) != "[dynamic/"+contact.URI+"]" {
				t.Errorf("%+v", aor)
			}
			if contact.AOR != "dynamic" || contact.Endpoint != "dynamic" || contact.UserAgent != "Test Phone 1.0" || contact.Static || contact.CallID != "recorded" ||
				contact.Status != amiclient.ContactNonQualified || contact.RoundTrip != 0 || !contact.Expires.Equal(time.Unix(1795313650, 0)) ||
				contact.QualifyTimeout != 3*time.Second || !strings.HasPrefix(contact.Via, "127.0.0.1:") || !strings.HasPrefix(contact.ID, "dynamic;@") {
				t.Errorf("%+v", contact)
			}
			if auth.Name != "dynamic" || auth.Username != "dynamic" || auth.Type != "userpass" || auth.NonceLifetime != 32*time.Second || auth.Get("Password") != "pw" {
				t.Errorf("%+v", auth)
			}

			d, err = amiclient.PJSIPShowEndpoint{Endpoint: "twin"}.Do(t.Context(), c)
			if err != nil || len(d.Contacts) != 2 || !d.Contacts[0].Static || !d.Contacts[0].Expires.IsZero() || d.Contacts[0].Via != "" || d.Auths != nil {
				t.Errorf("%+v, %v", d, err)
			}
			if _, err = (amiclient.PJSIPShowEndpoint{Endpoint: "nope"}).Do(t.Context(), c); !errors.Is(err, amiclient.ErrUnknownEndpoint) {
				t.Errorf("unknown: %v", err)
			}
			if _, err = (amiclient.PJSIPShowEndpoint{}).Do(t.Context(), c); err == nil || !strings.Contains(err.Error(), "requires an endpoint name") {
				t.Errorf("none: %v", err)
			}
		})
	}

	detail := item("EndpointDetail", "ObjectType: endpoint⏎ObjectName: full⏎Mailboxes: 101@default, 102@default⏎Callerid: \"Full One\" <101>⏎DeviceState: In use⏎ActiveChannels: 2")
	bubble(t, "transport and identify", func(t *testing.T) {
		c := scripted(t, listStart+detail+
			item("TransportDetail", "ObjectName: transport-tls⏎Protocol: tls⏎Bind: 127.0.0.1:5061⏎Password: keysecret")+
			item("AorDetail", "ObjectName: full⏎QualifyFrequency: 60⏎QualifyTimeout: 0.500000⏎RemoveExisting: true⏎Contacts: full/sip:c@127.0.0.1:9;x=1,2⏎TotalContacts: 1")+
			item("ContactStatusDetail", "AOR: full⏎URI: sip:c@127.0.0.1:9;x=1,2⏎Status: Reachable⏎RoundtripUsec: 7304⏎EndpointName: full")+
			item("IdentifyDetail", "ObjectName: trunk⏎Match: 192.0.2.7/255.255.255.255,192.0.2.64/255.255.255.192⏎Endpoint: full")+listEnd)
		d, err := amiclient.PJSIPShowEndpoint{Endpoint: "full"}.Do(t.Context(), c)
		if err != nil || d.CallerID != `"Full One" <101>` || fmt.Sprint(d.Mailboxes) != "[101@default 102@default]" || d.ActiveChannels != 2 {
			t.Fatalf("%+v, %v", d, err)
		}
		if d.Transport == nil || d.Transport.Name != "transport-tls" || d.Transport.Protocol != "tls" || d.Transport.Bind != "127.0.0.1:5061" || d.Transport.Get("Password") != "keysecret" {
			t.Errorf("%+v", d.Transport)
		}
		if a := d.AORs[0]; a.QualifyFrequency != time.Minute || a.QualifyTimeout != 500*time.Millisecond || !a.RemoveExisting || fmt.Sprint(a.Contacts) != "[full/sip:c@127.0.0.1:9;x=1,2]" {
			t.Errorf("%+v", a)
		}
		if contact := d.Contacts[0]; contact.Status != amiclient.ContactReachable || contact.RoundTrip != 7304*time.Microsecond || contact.ID != "" || contact.Static {
			t.Errorf("%+v", contact)
		}
		if len(d.Identifies) != 1 || d.Identifies[0].Name != "trunk" || d.Identifies[0].Endpoint != "full" || len(d.Identifies[0].Match) != 2 {
			t.Errorf("%+v", d.Identifies)
		}
	})
	// As 16.28 and 22.10 answer: two errors within the list. The next action must get its own answer.
	bubble(t, "transport that is not there", func(t *testing.T) {
		c := scripted(t, listStart+detail+"Response: Error⏎ActionID: {id}⏎Message: Unable to retrieve transport nope␊⏎⏎"+
			"Response: Error⏎ActionID: {id}⏎Message: Unable to format endpoint full␊⏎⏎"+listEnd, "Response: Success⏎ActionID: {id}⏎Message: next⏎⏎")
		if d, err := (amiclient.PJSIPShowEndpoint{Endpoint: "full"}).Do(t.Context(), c); err == nil || !strings.Contains(err.Error(), "Unable to retrieve transport nope") || d.Message != nil {
			t.Errorf("%+v, %v", d, err)
		}
		if m, err := c.Do(t.Context(), ping); err != nil || m.Get("Message") != "next" {
			t.Errorf("%v, %v", m, err)
		}
	})
	bubble(t, "no endpoint in the list", func(t *testing.T) {
		c := scripted(t, listStart+listEnd)
		if _, err := (amiclient.PJSIPShowEndpoint{Endpoint: "full"}).Do(t.Context(), c); !errors.Is(err, amiclient.ErrProtocol) {
			t.Error(err)
		}
	})
}

// TestAuth_secrets: whoever prints an endpoint does not print its passwords.
func TestAuth_secrets(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		c := scripted(t, listStart+item("EndpointDetail", "ObjectName: e")+
			item("AuthDetail", "ObjectName: e⏎Username: \x1b[31mu⏎Password: geheim⏎Md5Cred: geheim⏎RefreshToken: geheim")+
			item("TransportDetail", "ObjectName: t⏎Password: geheim")+listEnd)
		d, err := amiclient.PJSIPShowEndpoint{Endpoint: "e"}.Do(t.Context(), c)
		if err != nil || len(d.Auths) != 1 || d.Auths[0].Get("Md5Cred") != "geheim" || d.Transport.Get("Password") != "geheim" {
			t.Fatalf("%+v, %v", d, err)
		}
		for _, value := range []any{d, &d, d.Auths, d.Auths[0], &d.Auths[0], d.Transport, *d.Transport} {
			var b bytes.Buffer
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
				fmt.Fprintf(&b, verb+"\n", value)
			}
			slog.New(slog.NewTextHandler(&b, nil)).Info("x", "value", value)
			slog.New(slog.NewJSONHandler(&b, nil)).Info("x", "value", value)
			if err := json.NewEncoder(&b).Encode(value); err != nil {
				t.Error(err)
			}
			if text := b.String(); strings.Contains(text, "geheim") || strings.Contains(text, fmt.Sprintf("%x", "geheim")) {
				t.Errorf("%T shows it: %s", value, text)
			}
		}
		if s := d.Auths[0].String(); s != `auth "e" of user "\x1b[31mu"` {
			t.Error(s)
		}
		if s := d.Transport.String(); s != `transport "t", "" on ""` {
			t.Error(s)
		}
		if a, tr := (amiclient.Auth{}), (amiclient.Transport{}); a.Get("Password") != "" || tr.Get("Password") != "" {
			t.Error("zero values have secrets")
		}
	})
}
