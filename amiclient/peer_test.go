package amiclient_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/notifyrun/notifyrun/amiclient"
)

func TestSIPPeers(t *testing.T) {
	bubble(t, "recorded", func(t *testing.T) {
		c := replay(t, "sippeers-16")
		peers, err := collect(amiclient.SIPPeers{}.List(t.Context(), c))
		if err != nil || len(peers) != 11 {
			t.Fatalf("%v, %v", peers, err)
		}
		if p := peers[0]; p.Name != "1001" || p.Address.Addr().String() != "127.0.0.1" || p.Address.Port() == 0 || p.Dynamic || p.Realtime ||
			p.Status != amiclient.PeerUnmonitored || p.RoundTrip != 0 || p.Get("Channeltype") != "SIP" {
			t.Errorf("%+v", p)
		}
		if p := peers[10]; p.Name != "absent" || p.Address.IsValid() || !p.Dynamic {
			t.Errorf("%+v", p)
		}
	})
	bubble(t, "gone", func(t *testing.T) {
		c := replay(t, "chansip-absent-22")
		if _, err := collect(amiclient.SIPPeers{}.List(t.Context(), c)); !errors.Is(err, amiclient.ErrUnknownAction) {
			t.Errorf("SIPpeers: %v", err)
		}
		if _, err := (amiclient.SIPShowPeer{Peer: "1001"}).Do(t.Context(), c); !errors.Is(err, amiclient.ErrUnknownAction) {
			t.Errorf("SIPshowpeer: %v", err)
		}
	})
	for _, test := range []struct {
		status    string
		want      amiclient.PeerStatus
		roundTrip time.Duration
	}{
		{"OK (12 ms)", amiclient.PeerOK, 12 * time.Millisecond},
		{"LAGGED (2500 ms)", amiclient.PeerLagged, 2500 * time.Millisecond},
		{"UNREACHABLE", amiclient.PeerUnreachable, 0},
		{"UNKNOWN", amiclient.PeerUnknown, 0},
		{"Unmonitored", amiclient.PeerUnmonitored, 0},
		{"", "", 0},
		{"OK (x ms)", amiclient.PeerOK, 0},
		{"OK (12 s)", "OK (12 s)", 0},
		{"OK (-1 ms)", amiclient.PeerOK, 0},
	} {
		bubble(t, fmt.Sprintf("status %q", test.status), func(t *testing.T) {
			c := scripted(t, listStart+item("PeerEntry", "ObjectName: 1⏎IPaddress: 2001:db8::7⏎IPport: 70000⏎Dynamic: yes⏎RealtimeDevice: yes⏎Description: d⏎Status: "+test.status)+listEnd)
			peers, err := collect(amiclient.SIPPeers{}.List(t.Context(), c))
			if err != nil || len(peers) != 1 {
				t.Fatalf("%v, %v", peers, err)
			}
			if p := peers[0]; p.Status != test.want || p.RoundTrip != test.roundTrip || p.Address.String() != "[2001:db8::7]:0" || !p.Realtime || p.Description != "d" {
				t.Errorf("%+v", p)
			}
		})
	}
}

func TestSIPShowPeer(t *testing.T) {
	bubble(t, "recorded", func(t *testing.T) {
		c := replay(t, "sippeers-16")
		p, err := amiclient.SIPShowPeer{Peer: "1001"}.Do(t.Context(), c)
		if err != nil || p.Name != "1001" || p.Address.Addr().String() != "127.0.0.1" || p.Dynamic || p.Contact != "" || p.Expires != 0 || p.UserAgent != "" ||
			p.Status != amiclient.PeerUnmonitored || p.QualifyFrequency != time.Minute || p.Context != "default" || p.Mailboxes != nil || p.Get("SIP-DTMFmode") != "rfc2833" {
			t.Errorf("%+v, %v", p, err)
		}
		p, err = amiclient.SIPShowPeer{Peer: "absent"}.Do(t.Context(), c)
		if err != nil || p.Address.IsValid() || !p.Dynamic || p.Get("SecretExist") != "Y" {
			t.Errorf("%+v, %v", p, err)
		}
		// Its answer is followed by an empty message.
		if _, err = (amiclient.SIPShowPeer{Peer: "nope"}).Do(t.Context(), c); !errors.Is(err, amiclient.ErrUnknownEndpoint) {
			t.Errorf("unknown: %v", err)
		}
		if _, err = (amiclient.SIPShowPeer{}).Do(t.Context(), c); err == nil || errors.Is(err, amiclient.ErrUnknownEndpoint) {
			t.Errorf("none: %v", err)
		}
	})
	bubble(t, "registered", func(t *testing.T) {
		c := scripted(t, "Response: Success⏎ActionID: {id}⏎ObjectName: dyn1⏎VoiceMailbox: 101@default,102⏎Dynamic: Y⏎RegExpire: 118 seconds⏎Address-IP: 127.0.0.1⏎"+
			"Address-Port: 37601⏎Status: OK (6 ms)⏎SIP-Useragent: Phone 1⏎Reg-Contact: sip:dyn1@127.0.0.1:37601⏎QualifyFreq: 60000 ms⏎Description: The one⏎⏎")
		p, err := amiclient.SIPShowPeer{Peer: "dyn1"}.Do(t.Context(), c)
		if err != nil || p.Address.String() != "127.0.0.1:37601" || p.Contact != "sip:dyn1@127.0.0.1:37601" || p.Expires != 118*time.Second || p.UserAgent != "Phone 1" ||
			p.Status != amiclient.PeerOK || p.RoundTrip != 6*time.Millisecond || fmt.Sprint(p.Mailboxes) != "[101@default 102]" || p.Description != "The one" {
			t.Errorf("%+v, %v", p, err)
		}
	})
}
