package amisim

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// told returns the next event of a phone in short: its name, and what differs from one to the other.
func (c *client) told() string {
	c.t.Helper()
	m, err := c.read()
	if err != nil {
		c.t.Fatalf("after %q: %v", m, err)
	}
	get := func(name string) string {
		_, rest, _ := strings.Cut(m, "\r\n"+name+": ")
		value, _, _ := strings.Cut(rest, "\r\n")
		return value
	}
	name, _, _ := strings.Cut(strings.TrimPrefix(m, "Event: "), "\r\n")
	switch name {
	case "SuccessfulAuth":
		return name + " " + strings.TrimSuffix(get("SessionID"), "@phone.invalid")
	case "ContactStatus":
		return name + " " + get("ContactStatus") + get("URI")[strings.LastIndexByte(get("URI"), ':'):] + " " + get("RoundtripUsec")
	case "PeerStatus":
		return strings.TrimSpace(name + " " + get("PeerStatus") + " " + get("Address") + get("Cause") + get("Time"))
	case "DeviceStateChange":
		return name + " " + get("State")
	}
	return m
}

// Each life of a phone, as PJSIP and chan_sip tell of it.
var lives = []struct {
	name string
	how  Reboot
	sip  bool
	want []string
}{
	{"clean", RebootClean, false, []string{
		"SuccessfulAuth a-boot-0", "PeerStatus Unreachable", "DeviceStateChange UNAVAILABLE", "ContactStatus Removed:5060 0",
		"SuccessfulAuth a-boot-1", "ContactStatus NonQualified:5061 0", "PeerStatus Reachable", "DeviceStateChange NOT_INUSE", "ContactStatus Reachable:5061 250"}},
	{"silent", RebootSilent, false, []string{"SuccessfulAuth a-boot-1"}},
	{"lost", RebootLost, false, []string{
		"PeerStatus Unreachable", "DeviceStateChange UNAVAILABLE", "ContactStatus Unreachable:5060 0",
		"SuccessfulAuth a-boot-1", "PeerStatus Reachable", "DeviceStateChange NOT_INUSE", "ContactStatus Reachable:5060 250"}},
	{"gone", RebootGone, false, []string{
		"SuccessfulAuth a-boot-0", "PeerStatus Unreachable", "DeviceStateChange UNAVAILABLE", "ContactStatus Removed:5060 0"}},
	{"moved", RebootMoved, false, []string{
		"SuccessfulAuth a-boot-1", "ContactStatus NonQualified:5061 0", "ContactStatus Reachable:5061 250", "ContactStatus Unreachable:5060 0"}},
	{"replaced", RebootReplaced, false, []string{
		"SuccessfulAuth a-boot-1", "ContactStatus NonQualified:5061 0", "PeerStatus Unreachable", "DeviceStateChange UNAVAILABLE", "ContactStatus Removed:5060 0",
		"PeerStatus Reachable", "DeviceStateChange NOT_INUSE", "ContactStatus Reachable:5061 250"}},
	{"dead", RebootDead, false, []string{"PeerStatus Unreachable", "DeviceStateChange UNAVAILABLE", "ContactStatus Unreachable:5060 0"}},
	{"never", RebootNever, false, nil},

	{"clean", RebootClean, true, []string{
		"PeerStatus Unregistered Expired", "SuccessfulAuth 0x7f0000000000", "DeviceStateChange UNAVAILABLE",
		"PeerStatus Registered 198.18.0.1:5061", "SuccessfulAuth 0x7f0000000001", "PeerStatus Reachable", "DeviceStateChange NOT_INUSE"}},
	{"silent", RebootSilent, true, []string{"PeerStatus Registered 198.18.0.1:5060", "SuccessfulAuth 0x7f0000000001"}},
	{"lost", RebootLost, true, []string{
		"PeerStatus Unreachable -1", "DeviceStateChange UNAVAILABLE",
		"PeerStatus Registered 198.18.0.1:5060", "SuccessfulAuth 0x7f0000000001", "PeerStatus Reachable", "DeviceStateChange NOT_INUSE"}},
	{"moved", RebootMoved, true, []string{"PeerStatus Registered 198.18.0.1:5061", "SuccessfulAuth 0x7f0000000001"}},
	{"dead", RebootDead, true, []string{"PeerStatus Unreachable -1", "DeviceStateChange UNAVAILABLE"}},
}

// replacedQuickly is what is told when the new contact has answered before the old one is removed.
var replacedQuickly = []string{
	"SuccessfulAuth a-boot-1", "ContactStatus NonQualified:5061 0", "ContactStatus Reachable:5061 250", "ContactStatus Removed:5060 0"}

// live has a phone asked to reboot, and returns what is told of it: as many events as are wanted, and no more.
func live(t *testing.T, phone Phone, sip bool, seed uint64, want int) []string {
	t.Helper()
	phone.Name, phone.RebootTime = "a", time.Millisecond
	s := start(t, Config{Version: Asterisk16, Phones: []Phone{phone}, Seed: seed})
	c, other := login(t, s, "off"), login(t, s, "off")
	other.ping() // its login event is out
	c.send("Events", "EventMask: system,call,security")
	c.want("Response: Success\r\nEvents: On\r\n\r\n")
	for _, event := range []string{"check-sync;reboot=false", "check-sync;reboot=true"} {
		if sip {
			other.send("SIPnotify", "Channel: SIP/a", "Variable: Event="+event)
			other.want("Response: Success\r\nMessage: Notify Sent\r\n\r\n")
		} else {
			other.send("PJSIPNotify", "Endpoint: a", "Variable: Event="+event)
			other.want(accepted)
		}
	}
	got := []string{}
	for len(got) < want && !slices.Equal(got, replacedQuickly) {
		got = append(got, c.told())
	}
	c.ping()
	if s.Count() != 2 {
		t.Errorf("%d NOTIFYs arrived", s.Count())
	}
	return got
}

func TestReboot(t *testing.T) {
	for _, life := range lives {
		t.Run(fmt.Sprintf("%s, chan_sip %t", life.name, life.sip), func(t *testing.T) {
			got := live(t, Phone{Reboot: life.how, QualifyFrequency: time.Minute}, life.sip, 0, len(life.want))
			if !slices.Equal(got, life.want) {
				t.Errorf("told\n\t%q\nwant\n\t%q", got, life.want)
			}
		})
	}
}

// TestReboot_seed shuffles the events of one cause, the same way for the same seed.
func TestReboot_seed(t *testing.T) {
	for _, life := range lives {
		if life.how == RebootNever || life.sip {
			continue
		}
		t.Run(life.name, func(t *testing.T) {
			orders := make(map[string]bool)
			for seed := range uint64(12) {
				phone := Phone{Reboot: life.how, QualifyFrequency: time.Minute}
				got := live(t, phone, false, seed, len(life.want))
				if again := live(t, phone, false, seed, len(life.want)); !slices.Equal(again, got) {
					t.Errorf("seed %d: told\n\t%q\nand then\n\t%q", seed, got, again)
				}
				orders[strings.Join(got, "\n")] = true
				told := life.want
				if slices.Equal(got, replacedQuickly) {
					told = replacedQuickly
				}
				registered := slices.Index(got, "SuccessfulAuth a-boot-1")
				if i := slices.IndexFunc(got, func(e string) bool { return strings.HasPrefix(e, "ContactStatus NonQualified") }); i >= 0 && (i < registered ||
					slices.IndexFunc(got, func(e string) bool { return strings.HasPrefix(e, "ContactStatus Reachable") }) < i) {
					t.Errorf("seed %d: causes are out of order: %q", seed, got)
				}
				want := slices.Sorted(slices.Values(told))
				if slices.Sort(got); !slices.Equal(got, want) {
					t.Errorf("seed %d: told\n\t%q\nwant in any order\n\t%q", seed, got, want)
				}
			}
			if quick := orders[strings.Join(replacedQuickly, "\n")]; quick != (life.how == RebootReplaced) {
				t.Errorf("quick: %v, of %v", quick, orders)
			}
			varies := slices.ContainsFunc(life.want, func(e string) bool { return strings.HasPrefix(e, "PeerStatus") })
			if varies != (len(orders) > 1) {
				t.Errorf("%d orders: %v", len(orders), orders)
			}
		})
	}
}

// Where nothing is qualified and nobody has to authenticate, hardly anything tells of a reboot.
func TestReboot_unseen(t *testing.T) {
	for how, want := range map[Reboot][]string{
		RebootSilent:   {},
		RebootMoved:    {"ContactStatus NonQualified:5061 0"},
		RebootReplaced: {"ContactStatus NonQualified:5061 0", "ContactStatus Removed:5060 0"},
	} {
		if got := live(t, Phone{Reboot: how, NoAuth: true}, false, 0, len(want)); !slices.Equal(got, want) {
			t.Errorf("reboot %d: told %q, want %q", how, got, want)
		}
	}
}
