package amitest

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/notifyrun/notifyrun/amiclient/amisim"
)

// fleet is a pbx whose phones come and go: with AsteriskConfig.Qualified, and with voicemail boxes.
type fleet struct {
	*pbx
	// register makes a phone, 0 or 1, register as an endpoint, or unregister. driver is "PJSIP" or "SIP".
	register func(t *testing.T, phone int, driver, endpoint string, on bool)
	// reachable makes a phone answer, or not.
	reachable func(phone int, on bool)
	// phones are the addresses of the two.
	phones [2]string
	// messages fills a mailbox.
	messages func(t *testing.T, mailbox string, urgent, new, old int)
}

func realFleet(t *testing.T, major int) *fleet {
	phones := [2]*Phone{StartPhone(t), StartPhone(t)}
	a := StartAsterisk(t, major, AsteriskConfig{Phone: phones[0].Addr(), Qualified: true, Mailboxes: true})
	return &fleet{
		pbx:    quiet(major, a.Version, a.Addr, phones[0].Addr()),
		phones: [2]string{phones[0].Addr(), phones[1].Addr()},
		register: func(t *testing.T, phone int, driver, endpoint string, on bool) {
			t.Helper()
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			server := map[string]string{"PJSIP": a.SIPAddr, "SIP": a.ChanSIPAddr}[driver]
			seconds := map[bool]int{true: 600, false: 0}[on]
			if err := phones[phone].Register(ctx, server, endpoint, "pw", fmt.Sprintf("fleet-%d", phone), seconds); err != nil {
				t.Fatal(err)
			}
		},
		reachable: func(phone int, on bool) { phones[phone].SetStatus(map[bool]int{true: 200, false: 0}[on]) },
		messages: func(t *testing.T, mailbox string, urgent, new, old int) {
			a.SetMessages(t, mailbox, urgent, new, old)
		},
	}
}

func simulatedFleet(t *testing.T, major int) *fleet {
	config := amisim.Config{
		Version: amisim.Asterisk16,
		Users: []amisim.User{
			{Name: UserFull, Secret: Secret, Read: []string{"all"}, Write: []string{"all"}},
			{Name: UserMinimal, Secret: Secret, Read: []string{"system", "user", "call", "security"}, Write: []string{"system", "user", "reporting"}},
			{Name: UserNoSystem, Secret: Secret, Read: []string{"user"}, Write: []string{"user"}},
			{Name: UserNothing, Secret: Secret},
		},
		Phones: []amisim.Phone{
			{Name: "1001", Static: true, Contacts: []string{"sip:1001@127.0.0.1:5998"}},
			{Name: EndpointAbsent, Unregistered: true},
			{Name: EndpointBare, NoAOR: true},
			{Name: EndpointDynamic, Unregistered: true, Password: "pw", UserAgent: "Test Phone 1.0"},
			{Name: EndpointQualified, Unregistered: true, Password: "pw", UserAgent: "Test Phone 1.0", QualifyFrequency: time.Hour, QualifyTimeout: 2 * time.Second},
			{Name: EndpointSingle, Unregistered: true, Password: "pw", QualifyFrequency: time.Hour, QualifyTimeout: 2 * time.Second},
		},
		Mailboxes: []amisim.Mailbox{{Name: "101", FullName: "Alice Example", Email: "alice@example.com"}, {Name: "102", FullName: "Bob"}},
	}
	if major == 22 {
		config.Version = amisim.Asterisk22
	}
	s := startSimulator(t, config)
	f := &fleet{
		pbx:    quiet(major, config.Version.Asterisk, s.Addr(), "127.0.0.1:5998"),
		phones: [2]string{"127.0.0.1:5998", "127.0.0.1:5999"},
		reachable: func(_ int, on bool) { // which of the two does not matter: they are never silent alone
			s.SetReachable(EndpointQualified, on)
			s.SetReachable(EndpointDynamic, on)
		},
		messages: func(_ *testing.T, mailbox string, urgent, new, old int) { s.SetMessages(mailbox, urgent, new, old) },
	}
	registered := make(map[string][]string)
	f.register = func(_ *testing.T, phone int, driver, endpoint string, on bool) {
		uri := "sip:" + endpoint + "@" + f.phones[phone]
		left := slices.DeleteFunc(slices.Clone(registered[endpoint]), func(u string) bool { return u == uri })
		if endpoint == EndpointSingle || driver == "SIP" {
			left = nil
		}
		if on {
			left = append(left, uri)
		}
		registered[endpoint] = left
		switch {
		case driver == "PJSIP" && len(left) > 0:
			s.Register(endpoint, left...)
		case driver == "PJSIP":
			s.Unregister(endpoint)
		case len(left) > 0:
			s.RegisterSIP(endpoint, left...)
		default:
			s.UnregisterSIP(endpoint)
		}
	}
	return f
}

// quiet is a pbx whose phones get no NOTIFYs.
func quiet(major int, version, addr, phone string) *pbx {
	return &pbx{major: major, version: version, addr: addr, phone: phone, received: func(*testing.T, int) []Request { return nil }}
}

// eachFleet runs f against the simulator and the real servers, as eachPBX does.
func eachFleet(t *testing.T, f func(t *testing.T, p *fleet)) {
	eachServer(t, simulatedFleet, realFleet, f)
}
