package amiclient

import (
	"context"
	"iter"
	"net/netip"
	"strings"
	"time"

	"github.com/notifyrun/notifyrun/amiclient/internal/value"
)

// A PeerStatus is what chan_sip knows of a peer's reachability. Other words than
// these stay as they came.
type PeerStatus string

// The words of channels/chan_sip.c: peer_status.
const (
	PeerOK          PeerStatus = "OK"          // it answered when last qualified
	PeerLagged      PeerStatus = "LAGGED"      // it answered later than qualify allows: SIPnotify refuses it
	PeerUnreachable PeerStatus = "UNREACHABLE" // it did not answer: SIPnotify refuses it
	PeerUnknown     PeerStatus = "UNKNOWN"     // it is to be qualified and was not yet
	PeerUnmonitored PeerStatus = "Unmonitored" // nobody asks it: qualify=no
)

// newPeerStatus reads "OK (12 ms)", "LAGGED (2500 ms)" and the words without a time.
func newPeerStatus(s string) (PeerStatus, time.Duration) {
	if status, rest, ok := strings.Cut(s, " ("); ok {
		if ms, ok := strings.CutSuffix(rest, " ms)"); ok {
			return PeerStatus(status), value.Duration(ms, time.Millisecond)
		}
	}
	return PeerStatus(s), 0
}

// A Peer is what SIPpeers tells of a peer of chan_sip.
type Peer struct {
	*Message    // the event PeerEntry
	Name        string
	Address     netip.AddrPort // where it is; not valid if it is not registered
	Dynamic     bool           // host=dynamic: it registers
	Status      PeerStatus
	RoundTrip   time.Duration // of the last OPTIONS, in milliseconds; 0 if it was not answered
	Realtime    bool          // it comes from a database
	Description string
}

func newPeer(m *Message) Peer {
	p := Peer{
		Message: m, Name: m.Get("ObjectName"), Address: value.AddrPort(m.Get("IPaddress"), m.Get("IPport")), Dynamic: truth(m.Get("Dynamic")),
		Realtime: truth(m.Get("RealtimeDevice")), Description: m.Get("Description"),
	}
	p.Status, p.RoundTrip = newPeerStatus(m.Get("Status"))
	return p
}

// SIPPeers lists the peers of chan_sip (channels/chan_sip.c:
// manager_sip_show_peers). Until Asterisk 20; class system or reporting.
type SIPPeers struct{}

// Action returns the action in AMI's form.
func (SIPPeers) Action() Action { return Action{Name: "SIPpeers"} }

// List does the action. No peers are an empty list.
func (a SIPPeers) List(ctx context.Context, on Doer) iter.Seq2[Peer, error] {
	return listOf(ctx, on, a.Action(), "PeerEntry", "", newPeer)
}

// A PeerDetail is what SIPshowpeer tells of a peer of chan_sip.
type PeerDetail struct {
	*Message  // the answer
	Name      string
	Address   netip.AddrPort // where it is; not valid if it is not registered
	Dynamic   bool           // host=dynamic: it registers
	Contact   string         // the URI it registered
	Expires   time.Duration  // how long its registration still lasts; 0 if it has none
	UserAgent string         // what it called itself when it registered
	Status    PeerStatus
	RoundTrip time.Duration // of the last OPTIONS, in milliseconds; 0 if it was not answered

	QualifyFrequency time.Duration // how often it would be asked, even if Status is PeerUnmonitored

	Context     string
	Mailboxes   []string
	Description string
}

// SIPShowPeer tells all about one peer of chan_sip (channels/chan_sip.c:
// _sip_show_peer). Until Asterisk 20; class system or reporting.
type SIPShowPeer struct{ Peer string }

// Action returns the action in AMI's form.
func (a SIPShowPeer) Action() Action {
	action := Action{Name: "SIPshowpeer"}
	action.add("Peer", a.Peer)
	return action
}

// Do does the action. If there is no such peer the error is ErrUnknownEndpoint.
func (a SIPShowPeer) Do(ctx context.Context, on Doer) (PeerDetail, error) {
	m, err := on.Do(ctx, a.Action())
	if err != nil {
		return PeerDetail{}, err
	}
	d := PeerDetail{
		Message: m, Name: m.Get("ObjectName"), Address: value.AddrPort(m.Get("Address-IP"), m.Get("Address-Port")), Dynamic: truth(m.Get("Dynamic")),
		Contact: m.Get("Reg-Contact"), UserAgent: m.Get("SIP-Useragent"), Context: m.Get("Context"), Mailboxes: names(m.Get("VoiceMailbox")), Description: m.Get("Description"),
		Expires:          value.Duration(strings.TrimSuffix(m.Get("RegExpire"), " seconds"), time.Second),
		QualifyFrequency: value.Duration(strings.TrimSuffix(m.Get("QualifyFreq"), " ms"), time.Millisecond),
	}
	d.Status, d.RoundTrip = newPeerStatus(m.Get("Status"))
	return d, nil
}
