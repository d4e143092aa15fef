package amiclient_test

import (
	"errors"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/notifyrun/notifyrun/amiclient"
)

// collect returns the items of a list and the error that ended it.
func collect[T any](list iter.Seq2[T, error]) (items []T, err error) {
	for item, err := range list {
		if err != nil {
			return items, err
		}
		items = append(items, item)
	}
	return items, nil
}

func TestPJSIPShowContacts(t *testing.T) {
	for _, name := range []string{"endpoints-16", "endpoints-22"} {
		bubble(t, name, func(t *testing.T) {
			c := replay(t, name)
			if before, err := collect(amiclient.PJSIPShowContacts{}.List(t.Context(), c)); before != nil || err != nil {
				t.Errorf("before the phone registered: %v, %v", before, err)
			}
			contacts, err := collect(amiclient.PJSIPShowContacts{}.List(t.Context(), c))
			if err != nil || len(contacts) != 1 {
				t.Fatalf("%v, %v", contacts, err)
			}
			statuses := amiclient.PJSIPShowRegistrationInboundContactStatuses{}
			if before, err := collect(statuses.List(t.Context(), c)); before != nil || err != nil {
				t.Errorf("before the phone registered: %v, %v", before, err)
			}
			same, err := collect(statuses.List(t.Context(), c))
			if err != nil || len(same) != 1 {
				t.Fatalf("%v, %v", same, err)
			}
			// The two actions say the same by other names.
			a, b := contacts[0], same[0]
			if a.Get("ObjectType") != "contact" || b.Get("RegExpire") == "" {
				t.Errorf("%v, %v", a, b)
			}
			a.Message, b.Message = nil, nil
			if a != b {
				t.Errorf("%+v, and %+v", a, b)
			}
			if !strings.HasPrefix(a.URI, "sip:dynamic@127.0.0.1:") || a.URI[len("sip:dynamic@"):] != a.Via {
				t.Errorf("%+v", a)
			}
			a.URI, a.Via, a.ID = "", "", a.ID[:len("dynamic;@")]
			want := amiclient.Contact{ID: "dynamic;@", AOR: "dynamic", Endpoint: "dynamic", UserAgent: "Test Phone 1.0", Expires: time.Unix(1795313650, 0), CallID: "recorded",
				Status: amiclient.ContactNonQualified, QualifyTimeout: 3 * time.Second}
			if a != want {
				t.Errorf("%+v", a)
			}
		})
	}
}

func TestContact(t *testing.T) {
	for _, test := range []struct {
		name, headers string
		want          amiclient.Contact
	}{
		{"reachable, an AOR with @, IPv6", "ObjectName: 1@h;@0f⏎Uri: sip:1@[2001:db8::7]:5060⏎Status: Reachable⏎RoundtripUsec: 12345⏎ViaAddr: [2001:db8::7]⏎ViaPort: 5060⏎QualifyFrequency: 60⏎QualifyTimeout: 0.5",
			amiclient.Contact{ID: "1@h;@0f", AOR: "1@h", URI: "sip:1@[2001:db8::7]:5060", Status: amiclient.ContactReachable, RoundTrip: 12345 * time.Microsecond, Via: "[2001:db8::7]:5060",
				QualifyFrequency: time.Minute, QualifyTimeout: time.Second / 2}},
		{"values that are none", "ObjectName: @⏎Status: ⏎RoundtripUsec: -1⏎ExpirationTime: soon⏎QualifyFrequency: 99999999999999999999⏎QualifyTimeout: NaN", amiclient.Contact{ID: "@"}},
		{"values that are too large", "RoundtripUsec: 9223372036854775807⏎ExpirationTime: -5⏎QualifyFrequency: 9223372036854775807⏎QualifyTimeout: 1e300", amiclient.Contact{}},
		{"another status", "Status: Asleep", amiclient.Contact{Status: "Asleep"}},
		{"nothing", "ObjectName: ", amiclient.Contact{}},
	} {
		bubble(t, test.name, func(t *testing.T) {
			c := scripted(t, listStart+item("ContactList", test.headers)+listEnd)
			got, err := collect(amiclient.PJSIPShowContacts{}.List(t.Context(), c))
			if err != nil || len(got) != 1 {
				t.Fatalf("%v, %v", got, err)
			}
			if got[0].Message = nil; got[0] != test.want {
				t.Errorf("%+v, want %+v", got[0], test.want)
			}
		})
	}
}

func TestPJSIPQualify(t *testing.T) {
	for _, name := range []string{"pjsipqualify-16", "pjsipqualify-22"} {
		bubble(t, name, func(t *testing.T) {
			c := replay(t, name)
			for endpoint, want := range map[string]error{"1001": nil, "absent": nil, "nope": amiclient.ErrUnknownEndpoint, "bare": amiclient.ErrNoContact} {
				if err := (amiclient.PJSIPQualify{Endpoint: endpoint}).Do(t.Context(), c); !errors.Is(err, want) {
					t.Errorf("%s: %v", endpoint, err)
				}
			}
			if err := (amiclient.PJSIPQualify{}).Do(t.Context(), c); err == nil {
				t.Error("no endpoint: no error")
			}
		})
	}
}
