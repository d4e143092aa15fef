package amitest

import (
	"context"
	"crypto/tls"
	"fmt"
	"testing"
	"time"

	"github.com/notifyrun/notifyrun/amiclient/amisim"
)

// pbx is a server that the table runs against, simulated or real.
type pbx struct {
	major     int
	simulated bool
	version   string // AsteriskVersion
	addr      string // AMI
	tlsAddr   string // AMI over TLS
	tls       *tls.Config
	phone     string // ip:port of the phone

	// received waits until n NOTIFYs came, and returns and forgets all there are.
	received func(t *testing.T, n int) []Request
	// register makes the phone register as EndpointDynamic, or unregister.
	register func(t *testing.T, on bool)
	// callID returns the Call-ID of the last call to the phone.
	callID func() string
}

// eachPBX runs f against the simulator as Asterisk 16 and 22, and against the real servers where they can be had. All
// have the same users and endpoints, those of StartAsterisk.
func eachPBX(t *testing.T, f func(t *testing.T, p *pbx)) { eachServer(t, simulatedPBX, realPBX, f) }

// eachServer runs f against what simulated and real make of each major version.
func eachServer[P any](t *testing.T, simulated, real func(t *testing.T, major int) P, f func(t *testing.T, p P)) {
	for _, major := range []int{16, 22} {
		t.Run(fmt.Sprintf("simulated-%d", major), func(t *testing.T) {
			t.Parallel()
			f(t, simulated(t, major))
		})
		t.Run(fmt.Sprintf("asterisk-%d", major), func(t *testing.T) {
			t.Parallel()
			f(t, real(t, major))
		})
	}
}

func realPBX(t *testing.T, major int) *pbx {
	t.Helper()
	phone := StartPhone(t)
	a := StartAsterisk(t, major, AsteriskConfig{Phone: phone.Addr()})
	return &pbx{
		major: major, version: a.Version, addr: a.Addr, tlsAddr: a.TLSAddr, tls: a.TLS, phone: phone.Addr(),
		received: func(t *testing.T, n int) []Request {
			t.Helper()
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			requests, err := phone.Wait(ctx, n)
			if err != nil {
				t.Error(err)
			}
			phone.Reset()
			list := make([]Request, len(requests))
			for i, r := range requests {
				list[i] = *r
			}
			return list
		},
		callID: func() string {
			calls := phone.Calls()
			return callID(calls[len(calls)-1])
		},
		register: func(t *testing.T, on bool) {
			t.Helper()
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			seconds := map[bool]int{true: 600, false: 0}[on]
			if err := phone.Register(ctx, a.SIPAddr, EndpointDynamic, "pw", "conformance", seconds); err != nil {
				t.Fatal(err)
			}
		},
	}
}

func simulatedPBX(t *testing.T, major int) *pbx {
	t.Helper()
	const phone = "127.0.0.1:5999"
	config := amisim.Config{
		Version: amisim.Asterisk16, DefaultOutbound: "1001", AuthDelay: time.Millisecond,
		Users: []amisim.User{
			{Name: UserFull, Secret: Secret, Read: []string{"all"}, Write: []string{"all"}},
			{Name: UserMinimal, Secret: Secret, Read: []string{"system", "user", "call", "security"}, Write: []string{"system", "user", "reporting"}},
			{Name: UserNoSystem, Secret: Secret, Read: []string{"user"}, Write: []string{"user"}},
			{Name: UserCaller, Secret: Secret, Read: []string{"user", "call"}, Write: []string{"originate"}},
			{Name: UserNothing, Secret: Secret},
		},
		Phones: []amisim.Phone{
			{Name: EndpointTwin, Static: true, Contacts: []string{"sip:twin-a@" + phone, "sip:twin-b@" + phone}},
			{Name: EndpointAbsent, Unregistered: true},
			{Name: EndpointDynamic, Unregistered: true, Password: "pw", UserAgent: "Test Phone 1.0"},
		},
		Extensions: map[string][]string{"hold@default": {"Echo()"}, "say@default": {"UserEvent(Said,Phone: 101,Site:hq)"}},
		Hints:      []amisim.Hint{{Exten: "1001", Context: "default", Device: "PJSIP/1001"}, {Exten: "dynamic", Context: "default", Device: "PJSIP/dynamic"}},
		Commands: map[string]string{
			"dialplan show nope@nope":  "There is no existence of 'nope' context\nCommand 'dialplan show nope@nope' failed.\n",
			"pjsip show endpoint nope": "Unable to find object nope.\n\n",
		},
		NotifyOptions: map[string][]amisim.Header{NotifyOption: {{Name: "Event", Value: "check-sync;reboot=true"}, {Name: "X-Vendor", Value: "option"}}},
	}
	if major == 22 {
		config.Version = amisim.Asterisk22
	}
	for n := range 10 {
		name := fmt.Sprint(1001 + n)
		config.Phones = append(config.Phones, amisim.Phone{Name: name, Static: true, Contacts: []string{"sip:" + name + "@" + phone}})
	}
	files := make(map[string]string)
	trust, err := certificate(files)
	if err != nil {
		t.Fatal(err)
	}
	own, err := tls.X509KeyPair([]byte(files["var/cert.pem"]), []byte(files["var/key.pem"]))
	if err != nil {
		t.Fatal(err)
	}
	s := startSimulator(t, config)
	config.TLS = &tls.Config{Certificates: []tls.Certificate{own}}
	overTLS := startSimulator(t, config)
	seen := 0
	return &pbx{
		major: major, simulated: true, version: config.Version.Asterisk, addr: s.Addr(), tlsAddr: overTLS.Addr(), tls: trust, phone: phone,
		received: func(t *testing.T, n int) []Request {
			var list []Request
			for _, n := range s.Notifies()[seen:] {
				r := Request{Method: "NOTIFY", URI: n.URI, Body: []byte(n.Body)}
				for _, h := range n.Headers() {
					r.Headers = append(r.Headers, SIPHeader(h))
				}
				list = append(list, r)
			}
			seen += len(list)
			return list
		},
		callID: func() string { return s.Calls()[0].CallID },
		register: func(t *testing.T, on bool) {
			if on {
				s.Register(EndpointDynamic, "sip:"+EndpointDynamic+"@"+phone)
			} else {
				s.Unregister(EndpointDynamic)
			}
		},
	}
}

func startSimulator(t *testing.T, config amisim.Config) *amisim.Server {
	t.Helper()
	s, err := amisim.Start(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if crashes := s.Crashes(); len(crashes) > 0 {
			t.Errorf("a real server would have been harmed: %+v", crashes)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}
