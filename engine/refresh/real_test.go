package refresh_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/zclconf/go-cty/cty"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/amiclient/amisim"
	"github.com/notifyrun/notifyrun/amiclient/amitest"
	"github.com/notifyrun/notifyrun/engine/refresh"
	"github.com/notifyrun/notifyrun/schema"
)

// fleet is a PBX that a test reads, simulated or real: the endpoint "dynamic" has
// registered, "twin" has two static contacts, "absent" none, "1001" and "1002"
// one static one each.
type fleet struct {
	major int
	dial  func(user string) *amiclient.Conn
}

func (f fleet) voicemail() bool { return f.major == 22 }

func eachFleet(t *testing.T, test func(t *testing.T, f fleet)) {
	dial := func(t *testing.T, addr string) func(user string) *amiclient.Conn {
		return func(user string) *amiclient.Conn {
			c, err := amiclient.Dial(t.Context(), amiclient.Config{Address: addr, Username: user, Secret: amitest.Secret})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { c.Close() })
			return c
		}
	}
	for _, major := range []int{16, 22} {
		t.Run(fmt.Sprintf("simulated-%d", major), func(t *testing.T) {
			t.Parallel()
			const phone = "127.0.0.1:5999"
			config := amisim.Config{
				Version: amisim.Asterisk22, DefaultOutbound: "1001",
				Users: []amisim.User{
					{Name: amitest.UserFull, Secret: amitest.Secret, Read: []string{"all"}, Write: []string{"all"}},
					{Name: amitest.UserMinimal, Secret: amitest.Secret, Write: []string{"system", "user", "reporting"}},
					{Name: amitest.UserNothing, Secret: amitest.Secret},
				},
				Phones: []amisim.Phone{
					{Name: "twin", Static: true, Contacts: []string{"sip:twin-a@" + phone, "sip:twin-b@" + phone}},
					{Name: "1001", Static: true, Contacts: []string{"sip:1001@" + phone}},
					{Name: "1002", Static: true, Contacts: []string{"sip:1002@" + phone}},
					{Name: "absent", Unregistered: true},
					{Name: "dynamic", UserAgent: "Test Phone 1.0"},
				},
				Mailboxes: []amisim.Mailbox{{Name: "101@default"}, {Name: "102@default"}},
			}
			if major == 16 {
				config.Version = amisim.Asterisk16
			}
			s, err := amisim.Start(config)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { s.Close() })
			test(t, fleet{major, dial(t, s.Addr())})
		})
		t.Run(fmt.Sprintf("asterisk-%d", major), func(t *testing.T) {
			t.Parallel()
			phone := amitest.StartPhone(t)
			a := amitest.StartAsterisk(t, major, amitest.AsteriskConfig{Phone: phone.Addr(), Endpoints: 2, Mailboxes: true})
			register(t, phone, a, "dynamic", "pw")
			test(t, fleet{major, dial(t, a.Addr)})
		})
	}
}

// register registers an endpoint; a packet may be lost on a busy machine.
func register(tb testing.TB, phone *amitest.Phone, a *amitest.Asterisk, endpoint, password string) {
	tb.Helper()
	var err error
	for range 5 {
		ctx, cancel := context.WithTimeout(tb.Context(), 4*time.Second)
		err = phone.Register(ctx, a.SIPAddr, endpoint, password, "refresh-"+endpoint, 3600)
		cancel()
		if err == nil {
			return
		}
	}
	tb.Fatal(err)
}

// TestRead_servers: what the simulator says, real servers say, and it is what is
// configured.
func TestRead_servers(t *testing.T) {
	eachFleet(t, func(t *testing.T, f fleet) {
		on := f.dial(amitest.UserFull)
		t.Run("pjsip_contacts", func(t *testing.T) {
			all := contacts(t, on)
			var names []string
			for _, c := range all {
				names = append(names, c.Endpoint)
				switch {
				case c.AOR != c.Endpoint || c.ContactCount != map[bool]int{true: 2, false: 1}[c.Endpoint == "twin"] || *c.Status != "NonQualified" || c.RTT != nil:
					t.Errorf("%+v", c)
				case c.Static && (c.UserAgent != "" || c.RegExpire != nil || c.ViaAddress != "" || c.CallID != "" || c.Endpoint == "dynamic"):
					t.Errorf("%+v", c)
				case !c.Static && (c.UserAgent != "Test Phone 1.0" || c.RegExpire == nil || c.ViaAddress == "" || c.CallID == "" || c.Endpoint != "dynamic"):
					t.Errorf("%+v", c)
				}
			}
			if want := []string{"1001", "1002", "dynamic", "twin", "twin"}; !slices.Equal(names, want) {
				t.Errorf("contacts of %q", names)
			}
			// Asked for singly, it is the same.
			if diff := cmp.Diff(all, contacts(t, on, "1001", "1002", "dynamic", "twin", "absent", "nope")); diff != "" {
				t.Errorf("-listed +singly:\n%s", diff)
			}
		})
		t.Run("pjsip_endpoints", func(t *testing.T) {
			channels := ptr(0)
			if f.major == 16 {
				channels = nil
			}
			row := func(name, state string, contacts int) schema.PJSIPEndpoint {
				return schema.PJSIPEndpoint{Endpoint: name, AORs: []string{name}, State: state, ActiveChannels: channels, Contacts: contacts}
			}
			want := &schema.PJSIPEndpoints{Endpoints: []schema.PJSIPEndpoint{
				row("1001", "NOT_INUSE", 1), row("1002", "NOT_INUSE", 1), row("absent", "UNAVAILABLE", 0), row("dynamic", "NOT_INUSE", 1), row("twin", "NOT_INUSE", 2),
			}}
			// Asterisk has the device state of who registers a moment after the contact.
			got := read(t, on, "pjsip_endpoints", nil).(*schema.PJSIPEndpoints)
			for deadline := time.Now().Add(10 * time.Second); !cmp.Equal(want, got) && time.Now().Before(deadline); {
				got = read(t, on, "pjsip_endpoints", nil).(*schema.PJSIPEndpoints)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
		t.Run("device_states", func(t *testing.T) {
			got := read(t, on, "device_states", map[string]cty.Value{"prefix": cty.StringVal("PJSIP/")}).(*schema.DeviceStates)
			var want []schema.DeviceState
			for _, name := range []string{"1001", "1002", "absent", "dynamic", "twin"} {
				want = append(want, schema.DeviceState{Device: "PJSIP/" + name, State: map[bool]string{true: "UNAVAILABLE", false: "NOT_INUSE"}[name == "absent"]})
			}
			if diff := cmp.Diff(want, got.Devices); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
		if f.voicemail() {
			t.Run("voicemail_users", func(t *testing.T) {
				want := &schema.VoicemailUsers{Users: []schema.VoicemailUser{{Context: "default", Mailbox: "101"}, {Context: "default", Mailbox: "102"}}}
				if diff := cmp.Diff(want, read(t, on, "voicemail_users", nil)); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
			})
		} else {
			t.Run("sip_peers", func(t *testing.T) {
				peers := read(t, on, "sip_peers", nil).(*schema.SIPPeers).Peers
				i := slices.IndexFunc(peers, func(p schema.SIPPeer) bool { return p.Peer == "1001" })
				if i < 0 || *peers[i].Address != "127.0.0.1" || *peers[i].Port == 0 || peers[i].Dynamic || *peers[i].UserAgent != "" || peers[i].Status != "Unmonitored" {
					t.Errorf("%+v", peers)
				}
				i = slices.IndexFunc(peers, func(p schema.SIPPeer) bool { return p.Peer == "absent" })
				if want := (schema.SIPPeer{Peer: "absent", Target: "SIP/absent", Dynamic: true, Status: "Unmonitored", UserAgent: ptr("")}); i < 0 || cmp.Diff(want, peers[i]) != "" {
					t.Errorf("%+v", peers)
				}
			})
		}
		t.Run("pbx_info", func(t *testing.T) {
			got := read(t, on, "pbx_info", nil).(*schema.PBXInfo)
			if got.Version == "" || got.AMIVersion != map[int]string{16: "5.0.4", 22: "11.0.0"}[f.major] || got.Uptime == nil || *got.Uptime < 0 || *got.Uptime > 600 || got.Started == nil || *got.Reloaded != *got.Started ||
				!slices.Contains(got.Modules, "res_pjsip_notify") || slices.Contains(got.Modules, "app_voicemail") != f.voicemail() || *got.DefaultOutboundEndpoint != "1001" {
				t.Errorf("%+v", got)
			}
			// What needs the right to run commands is not known without it.
			minimal := read(t, f.dial(amitest.UserMinimal), "pbx_info", nil)
			want := &schema.PBXInfo{Version: got.Version, AMIVersion: got.AMIVersion}
			if diff := cmp.Diff(want, minimal, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	})
}

// TestRead_shared: an endpoint that names the AORs of others has their contacts,
// with all that is known of them.
func TestRead_shared(t *testing.T) {
	for _, major := range []int{16, 22} {
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			t.Parallel()
			phone := amitest.StartPhone(t)
			a := amitest.StartAsterisk(t, major, amitest.AsteriskConfig{Phone: phone.Addr(), Endpoints: 1,
				PJSIP: "[listener]\ntype=endpoint\naors=dynamic,1001\ncontext=default\ndisallow=all\nallow=ulaw\n"})
			register(t, phone, a, "dynamic", "pw")
			on, err := amiclient.Dial(t.Context(), amiclient.Config{Address: a.Addr, Username: amitest.UserFull, Secret: amitest.Secret})
			if err != nil {
				t.Fatal(err)
			}
			defer on.Close()
			own := map[string]schema.PJSIPContact{}
			var shared []schema.PJSIPContact
			all := contacts(t, on)
			for _, c := range all {
				if c.Endpoint == "listener" {
					shared = append(shared, c)
				} else {
					own[c.AOR] = c
				}
			}
			for i, aor := range []string{"1001", "dynamic"} {
				want := own[aor]
				want.Endpoint, want.ContactCount = "listener", 2
				if len(shared) != 2 || cmp.Diff(want, shared[i]) != "" {
					t.Errorf("%+v, want %+v", shared, want)
				}
			}
			if diff := cmp.Diff(shared, contacts(t, on, "listener")); diff != "" {
				t.Errorf("-listed +singly:\n%s", diff)
			}
		})
	}
}

// TestRead_half: what came in part only is no reading, whichever action it is that
// the connection breaks at, or that is not answered.
func TestRead_half(t *testing.T) {
	for _, typ := range schema.DataTypes() {
		request := schema.DataRequest{Type: typ.Name}
		version := amisim.Asterisk22
		if typ.Name == "sip_peers" {
			version = amisim.Asterisk16
		}
		for _, need := range refresh.Needs(request) {
			for name, kind := range map[string]amisim.FaultKind{"cut": amisim.Cut, "cut inside": amisim.CutInside, "reset": amisim.Reset, "silent": amisim.Silent} {
				t.Run(typ.Name+" "+need.Action+" "+name, func(t *testing.T) {
					t.Parallel()
					s, err := amisim.Start(amisim.Config{Version: version, DefaultOutbound: "1001", Mailboxes: []amisim.Mailbox{{Name: "101@default"}, {Name: "102@default"}}, Phones: []amisim.Phone{
						{Name: "1001", Static: true, Contacts: []string{"sip:1001@127.0.0.1:5999"}}, {Name: "1002"}, {Name: "1003"},
					}})
					if err != nil {
						t.Fatal(err)
					}
					defer s.Close()
					user := s.Users()[0]
					on, err := amiclient.Dial(t.Context(), amiclient.Config{Address: s.Addr(), Username: user.Name, Secret: user.Secret, Timeout: 100 * time.Millisecond, DialTimeout: time.Minute})
					if err != nil {
						t.Fatal(err)
					}
					defer on.Close()
					s.Inject(amisim.Fault{Kind: kind, Action: need.Action})
					d, err := refresh.Read(t.Context(), on, request, nil)
					if d != nil || !errors.As(err, new(*amiclient.ConnError)) {
						t.Errorf("read %+v, %v", d, err)
					}
				})
			}
		}
	}
}
