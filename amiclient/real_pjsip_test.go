package amiclient_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/amiclient/amitest"
)

// TestReal_endpoints: what the typed actions on endpoints, peers and mailboxes say of real servers is how these are configured.
func TestReal_endpoints(t *testing.T) {
	for _, major := range []int{16, 22} {
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			t.Parallel()
			phone := amitest.StartPhone(t)
			server := amitest.StartAsterisk(t, major, amitest.AsteriskConfig{Phone: phone.Addr()})
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			c, err := amiclient.Dial(ctx, amiclient.Config{Address: server.Addr, Username: amitest.UserFull, Secret: amitest.Secret})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			real := realServer{ctx, server, phone, c}
			t.Run("endpoints", real.endpoints)
			t.Run("contacts", real.contacts)
			t.Run("notify", real.notify)
			t.Run("peers", real.peers)
			t.Run("mailboxes", real.mailboxes)
		})
	}
}

type realServer struct {
	ctx    context.Context
	server *amitest.Asterisk
	phone  *amitest.Phone
	c      *amiclient.Conn
}

func (r realServer) endpoints(t *testing.T) {
	endpoints, err := collect(amiclient.PJSIPShowEndpoints{}.List(r.ctx, r.c))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]amiclient.Endpoint{}
	for _, e := range endpoints {
		found[e.Name] = e
		if len(e.AORs) != 1 || e.AORs[0] != e.Name {
			t.Errorf("%+v", e)
		}
	}
	if len(found) != 13 {
		t.Errorf("%d endpoints", len(found))
	}
	if e := found["1001"]; fmt.Sprint(e.Contacts) != "[1001/sip:1001@"+r.phone.Addr()+"]" || e.DeviceState != "Not in use" || e.Auths != nil {
		t.Errorf("%+v", e)
	}
	if e := found[amitest.EndpointTwin]; len(e.Contacts) != 2 || e.Contacts[0].AOR != "twin" {
		t.Errorf("%+v", e)
	}
	if e := found[amitest.EndpointDynamic]; len(e.Auths) != 1 || e.Auths[0] != "dynamic" || e.Contacts != nil || e.DeviceState != "Unavailable" {
		t.Errorf("%+v", e)
	}

	d, err := amiclient.PJSIPShowEndpoint{Endpoint: amitest.EndpointTwin}.Do(r.ctx, r.c)
	if err != nil {
		t.Fatal(err)
	}
	if d.Name != "twin" || d.Context != "default" || len(d.AORs) != 1 || d.AORs[0].TotalContacts != 2 || d.AORs[0].Registered != 0 || len(d.AORs[0].Contacts) != 2 || d.Auths != nil {
		t.Errorf("%+v", d)
	}
	for i, contact := range d.Contacts {
		if len(d.Contacts) != 2 || contact.URI != d.AORs[0].Contacts[i].URI || !contact.Static || !contact.Expires.IsZero() || contact.Status != amiclient.ContactNonQualified ||
			contact.Endpoint != "twin" || contact.AOR != "twin" {
			t.Errorf("%+v", contact)
		}
	}
	if _, err := (amiclient.PJSIPShowEndpoint{Endpoint: "nope"}).Do(r.ctx, r.c); !errors.Is(err, amiclient.ErrUnknownEndpoint) {
		t.Errorf("an unknown endpoint: %v", err)
	}
	for endpoint, want := range map[string]error{"1001": nil, amitest.EndpointAbsent: nil, "nope": amiclient.ErrUnknownEndpoint} {
		if err := (amiclient.PJSIPQualify{Endpoint: endpoint}).Do(r.ctx, r.c); !errors.Is(err, want) {
			t.Errorf("qualify %s: %v", endpoint, err)
		}
	}
}

func (r realServer) contacts(t *testing.T) {
	list, statuses := amiclient.PJSIPShowContacts{}, amiclient.PJSIPShowRegistrationInboundContactStatuses{}
	if contacts, err := collect(list.List(r.ctx, r.c)); contacts != nil || err != nil {
		t.Errorf("nobody has registered: %v, %v", contacts, err)
	}
	if contacts, err := collect(statuses.List(r.ctx, r.c)); contacts != nil || err != nil {
		t.Errorf("nobody has registered: %v, %v", contacts, err)
	}
	before := time.Now().Truncate(time.Second)
	if err := r.phone.Register(r.ctx, r.server.SIPAddr, amitest.EndpointDynamic, "pw", "first-life", 600); err != nil {
		t.Fatal(err)
	}
	contacts, err := collect(list.List(r.ctx, r.c))
	if err != nil || len(contacts) != 1 {
		t.Fatalf("%v, %v", contacts, err)
	}
	contact := contacts[0]
	if contact.AOR != "dynamic" || contact.Endpoint != "dynamic" || contact.URI != "sip:dynamic@"+r.phone.Addr() || contact.UserAgent != "Test Phone 1.0" || contact.Static ||
		contact.Via != r.phone.Addr() || contact.CallID != "first-life" || contact.Status != amiclient.ContactNonQualified || contact.RoundTrip != 0 ||
		contact.QualifyFrequency != 0 || contact.QualifyTimeout != 3*time.Second || contact.Expires.Before(before.Add(600*time.Second)) || contact.Expires.After(time.Now().Add(600*time.Second)) {
		t.Errorf("%+v", contact)
	}
	d, err := amiclient.PJSIPShowEndpoint{Endpoint: amitest.EndpointDynamic}.Do(r.ctx, r.c)
	if err != nil || len(d.Contacts) != 1 || len(d.AORs) != 1 || len(d.Auths) != 1 {
		t.Fatalf("%+v, %v", d, err)
	}
	if a := d.AORs[0]; a.Name != "dynamic" || a.MaxContacts != 3 || a.Registered != 1 || a.TotalContacts != 1 || a.MinimumExpiration != 5*time.Second || a.MaximumExpiration != 2*time.Hour {
		t.Errorf("%+v", a)
	}
	if a := d.Auths[0]; a.Name != "dynamic" || a.Type != "userpass" || a.Username != "dynamic" || a.Get("Password") != "pw" {
		t.Errorf("%+v", a)
	}
	same, err := collect(statuses.List(r.ctx, r.c))
	if err != nil || len(same) != 1 {
		t.Fatalf("%v, %v", same, err)
	}
	contact.Message, d.Contacts[0].Message, same[0].Message = nil, nil, nil
	if contact != d.Contacts[0] || contact != same[0] {
		t.Errorf("three actions tell of one contact:\n%+v\n%+v\n%+v", contact, d.Contacts[0], same[0])
	}
	if err := r.phone.Register(r.ctx, r.server.SIPAddr, amitest.EndpointDynamic, "pw", "first-life", 0); err != nil {
		t.Fatal(err)
	}
	if contacts, err := collect(list.List(r.ctx, r.c)); contacts != nil || err != nil {
		t.Errorf("it has unregistered: %v, %v", contacts, err)
	}
}

// notify sends to endpoints with two contacts, without one, and that do not exist.
func (r realServer) notify(t *testing.T) {
	r.phone.Reset()
	accepted, err := amiclient.PJSIPNotify{Endpoint: amitest.EndpointTwin, Variables: checkSync}.Do(r.ctx, r.c)
	if err != nil || accepted.Contacts != 2 || accepted.Get("Message") != "NOTIFY sent" {
		t.Errorf("%+v, %v", accepted, err)
	}
	if _, err := r.phone.Wait(r.ctx, accepted.Contacts); err != nil {
		t.Error(err)
	}
	for endpoint, want := range map[string]error{amitest.EndpointAbsent: amiclient.ErrNoContact, "nope": amiclient.ErrUnknownEndpoint} {
		if accepted, err := (amiclient.PJSIPNotify{Endpoint: endpoint, Variables: checkSync}).Do(r.ctx, r.c); !errors.Is(err, want) {
			t.Errorf("%s: %+v, %v", endpoint, accepted, err)
		}
	}
	accepted, err = amiclient.PJSIPNotify{URI: "sip:1002@" + r.phone.Addr(), Variables: checkSync}.Do(r.ctx, r.c)
	if err != nil || accepted.Contacts != 1 {
		t.Errorf("%+v, %v", accepted, err)
	}
	if _, err := r.phone.Wait(r.ctx, 3); err != nil {
		t.Error(err)
	}

	accepted, err = amiclient.SIPNotify{Channel: "1003", Variables: checkSync}.Do(r.ctx, r.c)
	if !r.server.ChanSIP {
		if !errors.Is(err, amiclient.ErrUnknownAction) {
			t.Errorf("SIPnotify: %v", err)
		}
		return
	}
	if err != nil || accepted.Contacts != 1 {
		t.Errorf("%+v, %v", accepted, err)
	}
	if _, err := r.phone.Wait(r.ctx, 4); err != nil {
		t.Error(err)
	}
	if accepted, err := (amiclient.SIPNotify{Channel: amitest.EndpointAbsent, Variables: checkSync}).Do(r.ctx, r.c); !errors.Is(err, amiclient.ErrNoAddress) {
		t.Errorf("%+v, %v", accepted, err)
	}
}

func (r realServer) peers(t *testing.T) {
	peers, err := collect(amiclient.SIPPeers{}.List(r.ctx, r.c))
	_, errOfOne := amiclient.SIPShowPeer{Peer: "nope"}.Do(r.ctx, r.c)
	if !r.server.ChanSIP {
		if !errors.Is(err, amiclient.ErrUnknownAction) || !errors.Is(errOfOne, amiclient.ErrUnknownAction) {
			t.Errorf("%v, %v", err, errOfOne)
		}
		return
	}
	if err != nil || len(peers) != 11 || !errors.Is(errOfOne, amiclient.ErrUnknownEndpoint) {
		t.Errorf("%d peers, %v; of none: %v", len(peers), err, errOfOne)
	}
	address := netip.MustParseAddrPort(r.phone.Addr())
	for _, p := range peers {
		dynamic := p.Name == amitest.EndpointAbsent
		if p.Dynamic != dynamic || p.Address.IsValid() == dynamic || !dynamic && p.Address != address || p.Status != amiclient.PeerUnmonitored || p.Realtime {
			t.Errorf("%+v", p)
		}
	}
	p, err := amiclient.SIPShowPeer{Peer: "1001"}.Do(r.ctx, r.c)
	if err != nil || p.Name != "1001" || p.Address != address || p.Dynamic || p.Expires != 0 || p.Context != "default" || p.QualifyFrequency != time.Minute || p.Status != amiclient.PeerUnmonitored {
		t.Errorf("%+v, %v", p, err)
	}
}

func (r realServer) mailboxes(t *testing.T) {
	if waiting, err := (amiclient.MailboxStatus{Mailbox: "101@default"}).Do(r.ctx, r.c); waiting || err != nil {
		t.Errorf("MailboxStatus: %v, %v", waiting, err)
	}
	if n, err := (amiclient.MailboxCount{Mailbox: "101@default"}).Do(r.ctx, r.c); n.Urgent+n.New+n.Old != 0 || n.Get("Mailbox") != "101@default" || err != nil {
		t.Errorf("MailboxCount: %+v, %v", n, err)
	}
	capabilities, err := r.c.Capabilities(r.ctx)
	if err != nil {
		t.Fatal(err)
	}
	users, errOfList := collect(amiclient.VoicemailUsersList{}.List(r.ctx, r.c))
	_, errOfOne := amiclient.VoicemailUserStatus{Context: "default", Mailbox: "nope"}.Do(r.ctx, r.c)
	errOfRefresh := amiclient.VoicemailRefresh{}.Do(r.ctx, r.c)
	var none, unknown error = nil, amiclient.ErrUnknownMailbox
	if !capabilities.Has("VoicemailUsersList") {
		none, unknown = amiclient.ErrUnknownAction, amiclient.ErrUnknownAction
	}
	if users != nil || !errors.Is(errOfList, none) || !errors.Is(errOfOne, unknown) || !errors.Is(errOfRefresh, none) {
		t.Errorf("voicemail: %v, %v, %v, %v", users, errOfList, errOfOne, errOfRefresh)
	}

	// Few packages have the module of these.
	errOfUpdate := amiclient.MWIUpdate{Mailbox: "101@default", New: 2, Old: 1}.Do(r.ctx, r.c)
	boxes, errOfGet := collect(amiclient.MWIGet{Mailbox: "/@default$/"}.List(r.ctx, r.c))
	errOfDelete := amiclient.MWIDelete{Mailbox: "101@default"}.Do(r.ctx, r.c)
	if !capabilities.Has("MWIUpdate") {
		if !errors.Is(errOfUpdate, amiclient.ErrUnknownAction) || !errors.Is(errOfGet, amiclient.ErrUnknownAction) || !errors.Is(errOfDelete, amiclient.ErrUnknownAction) {
			t.Errorf("MWI: %v, %v, %v", errOfUpdate, errOfGet, errOfDelete)
		}
		return
	}
	if errOfUpdate != nil || errOfGet != nil || errOfDelete != nil || len(boxes) != 1 || boxes[0].New != 2 || boxes[0].Old != 1 {
		t.Errorf("MWI: %v, %v %+v, %v", errOfUpdate, errOfGet, boxes, errOfDelete)
	}
}
