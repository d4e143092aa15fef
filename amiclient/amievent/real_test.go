package amievent_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/amiclient/amievent"
	"github.com/notifyrun/notifyrun/amiclient/amitest"
)

// awaited are events that must come, in any order, by name.
type awaited map[string]func(e amievent.Event) bool

// await takes events until all awaited ones have come, and returns how many it
// took that nobody awaited, by name. It fails the test if they do not come.
func await(t *testing.T, sub *amiclient.Subscription, wanted awaited) (others map[string]int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	others = make(map[string]int)
	var came []string
	for e, err := range amievent.Receive[amievent.Event](ctx, sub) {
		if err != nil {
			t.Fatalf("%v; still waiting for: %s; what came:\n%s", err, strings.Join(slices.Sorted(maps.Keys(wanted)), ", "), strings.Join(came, "\n"))
		}
		came = append(came, fields(e))
		known := false
		for name, is := range wanted {
			if is(e) {
				delete(wanted, name)
				known = true
			}
		}
		if !known {
			others[e.Event()]++
		}
		if len(wanted) == 0 {
			break
		}
	}
	return others
}

// event makes a condition of one on a type of event.
func event[T amievent.Event](is func(e T) bool) func(amievent.Event) bool {
	return func(e amievent.Event) bool {
		typed, ok := e.(T)
		return ok && is(typed)
	}
}

// TestReal: what real servers say of a phone, of user events and of themselves
// arrives in the fields.
func TestReal(t *testing.T) {
	for _, major := range []int{16, 22} {
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			t.Parallel()
			phone := amitest.StartPhone(t)
			server := amitest.StartAsterisk(t, major, amitest.AsteriskConfig{Phone: phone.Addr(), Qualified: true})
			client := amiclient.NewClient(amiclient.Config{Address: server.Addr, Username: amitest.UserFull, Secret: amitest.Secret,
				KeepAlive: time.Second}) // a server may hold events back until it is spoken to
			defer client.Close()
			if _, err := client.Conn(t.Context()); err != nil { // so that the subscription misses nothing
				t.Fatal(err)
			}
			keep, stop := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- client.Keep(keep) }()
			defer func() {
				stop()
				if err := <-ended; err != nil {
					t.Errorf("Keep: %v", err)
				}
			}()
			sub, err := client.Subscribe(t.Context(), amiclient.Filter{})
			if err != nil {
				t.Fatal(err)
			}
			t.Run("registration", func(t *testing.T) { realRegistration(t, server, client, sub, phone) })
			t.Run("OPTIONS", func(t *testing.T) { realOptions(t, server, sub, phone) })
			if server.ChanSIP {
				t.Run("chan_sip", func(t *testing.T) { realChanSIP(t, server, sub, phone) })
			}
			t.Run("forgery", func(t *testing.T) { realForgery(t, server, sub) })
			t.Run("user event by AMI", func(t *testing.T) { realUserEvent(t, client, sub) })
			t.Run("user event of the dialplan", func(t *testing.T) { realDialplan(t, client, sub) })
			t.Run("call", func(t *testing.T) { realCall(t, client, sub) })
			t.Run("server", func(t *testing.T) { realServer(t, server, client, sub) })
		})
	}
}

func realRegistration(t *testing.T, server *amitest.Asterisk, client *amiclient.Client, sub *amiclient.Subscription, phone *amitest.Phone) {
	const endpoint = amitest.EndpointDynamic
	uri := "sip:" + endpoint + "@" + phone.Addr()
	contact := func(status amiclient.ContactStatus) func(amievent.Event) bool {
		return event(func(e *amievent.ContactStatus) bool {
			return e.Status == status && e.URI == uri && e.AOR == endpoint && e.EndpointName == endpoint && slices.Equal(e.Privilege(), []string{"system", "all"})
		})
	}
	peer := func(status amievent.PeerState) func(amievent.Event) bool {
		return event(func(e *amievent.PeerStatus) bool {
			return e.Status == status && e.ChannelType == "PJSIP" && e.Peer == "PJSIP/"+endpoint && e.Name == endpoint && !e.Address.IsValid()
		})
	}
	device := func(state amiclient.DeviceState) func(amievent.Event) bool {
		return event(func(e *amievent.DeviceStateChange) bool { return e.Device == "PJSIP/"+endpoint && e.State == state })
	}
	extension := func(status amiclient.ExtensionState, text string) func(amievent.Event) bool {
		return event(func(e *amievent.ExtensionStatus) bool {
			return e.Exten == endpoint && e.Context == "default" && e.Hint == "PJSIP/"+endpoint && e.Status == status && e.StatusText == text
		})
	}
	request := func(e amievent.Security, severity, id string) bool {
		return e.Severity == severity && e.Service == "PJSIP" && e.AccountID == endpoint && e.SessionID == id && e.RemoteAddress.AddrPort.String() == phone.Addr() &&
			e.RemoteAddress.Transport == "UDP" && e.LocalAddress.AddrPort.String() == server.SIPAddr && time.Since(e.EventTV).Abs() < time.Hour
	}
	authenticated := func(id string) func(amievent.Event) bool {
		return event(func(e *amievent.SuccessfulAuth) bool {
			return e.UsingPassword && request(e.Security, "Informational", id)
		})
	}
	register := func(id, password string, seconds int) error {
		return phone.Register(t.Context(), server.SIPAddr, endpoint, password, id, seconds)
	}

	if err := register("first", "pw", 3600); err != nil {
		t.Fatal(err)
	}
	await(t, sub, awaited{
		"a challenge": event(func(e *amievent.Security) bool {
			return e.Event() == "ChallengeSent" && request(*e, "Informational", "first")
		}),
		"SuccessfulAuth": authenticated("first"), "NonQualified": contact(amiclient.ContactNonQualified), "Reachable": peer(amievent.PeerReachable),
		"NOT_INUSE": device(amiclient.DeviceNotInUse), "Idle": extension(amiclient.ExtensionNotInUse, "Idle"),
	})

	// The same contact from a phone that has booted anew: the SessionID alone tells.
	if err := register("second", "pw", 3600); err != nil {
		t.Fatal(err)
	}
	before := await(t, sub, awaited{"SuccessfulAuth": authenticated("second")})

	if err := register("third", "wrong", 3600); err == nil {
		t.Fatal("the server took a wrong password")
	}
	after := await(t, sub, awaited{"ChallengeResponseFailed": event(func(e *amievent.FailedAuth) bool {
		return e.Event() == "ChallengeResponseFailed" && request(e.Security, "Error", "third")
	})})
	if before["ContactStatus"]+before["PeerStatus"]+after["ContactStatus"]+after["PeerStatus"] > 0 {
		t.Errorf("a known contact raised %v and %v", before, after)
	}

	if err := register("second", "pw", 0); err != nil {
		t.Fatal(err)
	}
	await(t, sub, awaited{"Removed": contact(amiclient.ContactRemoved), "Unreachable": peer(amievent.PeerUnreachable),
		"UNAVAILABLE": device(amiclient.DeviceUnavailable), "Unavailable": extension(amiclient.ExtensionUnavailable, "Unavailable")})
}

func realOptions(t *testing.T, server *amitest.Asterisk, sub *amiclient.Subscription, phone *amitest.Phone) {
	if err := phone.Register(t.Context(), server.SIPAddr, amitest.EndpointQualified, "pw", "options", 3600); err != nil {
		t.Fatal(err)
	}
	contact := func(status amiclient.ContactStatus, answered bool) func(amievent.Event) bool {
		return event(func(e *amievent.ContactStatus) bool {
			return e.EndpointName == amitest.EndpointQualified && e.Status == status && answered == (e.RoundTrip > 0) && e.RoundTrip < 30*time.Second
		})
	}
	await(t, sub, awaited{"NonQualified": contact(amiclient.ContactNonQualified, false), "Reachable": contact(amiclient.ContactReachable, true)})
}

func realChanSIP(t *testing.T, server *amitest.Asterisk, sub *amiclient.Subscription, phone *amitest.Phone) {
	const name = amitest.EndpointQualified
	peer := func(is func(e *amievent.PeerStatus) bool) func(amievent.Event) bool {
		return event(func(e *amievent.PeerStatus) bool {
			return e.Peer == "SIP/"+name && e.ChannelType == "SIP" && e.Name == name && is(e)
		})
	}
	authenticated := event(func(e *amievent.SuccessfulAuth) bool {
		return e.Service == "SIP" && e.AccountID == name && strings.HasPrefix(e.SessionID, "0x") && e.RemoteAddress.AddrPort.String() == phone.Addr()
	})
	if err := phone.Register(t.Context(), server.ChanSIPAddr, name, "pw", "chansip", 3600); err != nil {
		t.Fatal(err)
	}
	await(t, sub, awaited{"SuccessfulAuth": authenticated,
		"Registered": peer(func(e *amievent.PeerStatus) bool {
			return e.Status == amievent.PeerRegistered && e.Address.String() == phone.Addr() && e.Cause == ""
		}),
	})
	if err := phone.Register(t.Context(), server.ChanSIPAddr, name, "wrong", "intruder", 3600); err == nil {
		t.Fatal("the server took a wrong password")
	}
	await(t, sub, awaited{"InvalidPassword": event(func(e *amievent.FailedAuth) bool {
		return e.Event() == "InvalidPassword" && e.Service == "SIP" && e.AccountID == name && e.Severity == "Error" && e.RemoteAddress.AddrPort.String() == phone.Addr()
	})})
	if err := phone.Register(t.Context(), server.ChanSIPAddr, name, "pw", "chansip", 0); err != nil {
		t.Fatal(err)
	}
	await(t, sub, awaited{"Unregistered": peer(func(e *amievent.PeerStatus) bool {
		return e.Status == amievent.PeerUnregistered && e.Cause == "Expired" && !e.Address.IsValid()
	})})
}

// realForgery: anybody who can send SIP to the server can write events, if a
// session reads class security. What is said about trust rests on this.
func realForgery(t *testing.T, server *amitest.Asterisk, sub *amiclient.Subscription) {
	stranger, err := net.Dial("udp", server.SIPAddr)
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	from := "sip:a%0a%0aEvent%3aUserEvent%0aUserEvent%3aForged@127.0.0.1" // PJSIP takes 36 bytes of it, decoded
	fmt.Fprintf(stranger, "OPTIONS sip:%s SIP/2.0\r\nVia: SIP/2.0/UDP %s;rport;branch=z9hG4bKforged\r\nMax-Forwards: 70\r\nFrom: <%s>;tag=a\r\nTo: <sip:a@127.0.0.1>\r\n"+
		"Call-ID: forged\r\nCSeq: 1 OPTIONS\r\nContact: <sip:a@%s>\r\nContent-Length: 0\r\n\r\n", server.SIPAddr, stranger.LocalAddr(), from, stranger.LocalAddr())
	await(t, sub, awaited{
		"what is left of the true event": event(func(e *amievent.FailedAuth) bool {
			return e.Event() == "InvalidAccountID" && e.AccountID == "a" && e.SessionID == "" && slices.Equal(e.Privilege(), []string{"security", "all"})
		}),
		"the forged one": event(func(e *amievent.UserEvent) bool {
			return e.Name == "Forged" && e.FromAMI() && e.ActionID == "" && e.Privilege() == nil && e.Get("SessionID") == "forged"
		}),
	})
}

func realUserEvent(t *testing.T, client *amiclient.Client, sub *amiclient.Subscription) {
	sent := amiclient.UserEvent{Name: "Reboot", Headers: headers("Phone", "101", "Channel", "PJSIP/101", "Uniqueid", "1.2", "phone", "102", "Empty", "", "Ort", "Köln: ;,=")}
	answer, err := client.Do(t.Context(), sent.Action())
	if err != nil {
		t.Fatal(err)
	}
	await(t, sub, awaited{"the user event": event(func(e *amievent.UserEvent) bool {
		return e.Name == sent.Name && e.FromAMI() && e.ActionID == answer.Get("ActionID") && reflect.DeepEqual(e.Headers(), sent.Headers) &&
			reflect.DeepEqual(e.Channel, amievent.Channel{}) && slices.Equal(e.Privilege(), []string{"user", "all"})
	})})
}

func realDialplan(t *testing.T, client *amiclient.Client, sub *amiclient.Subscription) {
	answer, err := client.Do(t.Context(), amiclient.Action{Name: "Originate", Headers: headers("Channel", "Local/hold@default/n",
		"Application", "UserEvent", "Data", "Reboot,Exten: 999,Phone: 102", "CallerID", `"Bob" <555>`, "Async", "true")})
	if err != nil {
		t.Fatal(err)
	}
	var said *amievent.UserEvent
	var originated *amievent.OriginateResponse
	await(t, sub, awaited{
		"the user event": event(func(e *amievent.UserEvent) bool { said = e; return true }),
		"the outcome":    event(func(e *amievent.OriginateResponse) bool { originated = e; return true }),
	})
	if said.Name != "Reboot" || said.FromAMI() || said.ActionID != "" || !sameHeaders(said.Headers(), headers("Exten", "999", "Phone", "102")) {
		t.Errorf("user event %s with %q", fields(said), said.Headers())
	}
	c := said.Channel
	if !strings.HasPrefix(c.Name, "Local/hold@default-") || c.State != 6 || c.StateDesc != "Up" || c.Context != "default" || c.Exten != "hold" || c.Priority != 1 || c.Uniqueid == "" || c.Linkedid == "" || c.Language != "en" {
		t.Errorf("channel %+v", c)
	}
	if !originated.Success || originated.Reason != amievent.OriginateAnswered || originated.ActionID != answer.Get("ActionID") || originated.Channel != c.Name || originated.Uniqueid != c.Uniqueid ||
		originated.Application != "UserEvent" || !strings.HasPrefix(originated.Data, "Reboot,") || originated.CallerIDNum != "555" || originated.CallerIDName != "Bob" {
		t.Errorf("outcome %s", fields(originated))
	}
}

// sameHeaders compares without regard to order.
func sameHeaders(a, b []amiclient.Header) bool {
	order := func(x, y amiclient.Header) int { return strings.Compare(x.Name+": "+x.Value, y.Name+": "+y.Value) }
	return slices.Equal(slices.SortedFunc(slices.Values(a), order), slices.SortedFunc(slices.Values(b), order))
}

func realCall(t *testing.T, client *amiclient.Client, sub *amiclient.Subscription) {
	originate := func(channel string) {
		t.Helper()
		if _, err := client.Do(t.Context(), amiclient.Action{Name: "Originate", Headers: headers("Channel", channel, "Application", "Wait", "Data", "60", "Async", "true")}); err != nil {
			t.Fatal(err)
		}
	}
	device := func(state amiclient.DeviceState) func(amievent.Event) bool {
		return event(func(e *amievent.DeviceStateChange) bool { return e.Device == "PJSIP/1001" && e.State == state })
	}
	originate("PJSIP/1001")
	await(t, sub, awaited{"INUSE": device(amiclient.DeviceInUse), "InUse": event(func(e *amievent.ExtensionStatus) bool {
		return e.Exten == "1001" && e.Status == amiclient.ExtensionInUse
	})})
	if _, err := client.Do(t.Context(), amiclient.Action{Name: "Command", Headers: headers("Command", "channel request hangup all")}); err != nil {
		t.Fatal(err)
	}
	await(t, sub, awaited{"NOT_INUSE": device(amiclient.DeviceNotInUse)})
	originate("Local/nope@default")
	await(t, sub, awaited{"a failure": event(func(e *amievent.OriginateResponse) bool {
		return !e.Success && e.Reason == amievent.OriginateFailed && e.Uniqueid == "" && e.Channel == "Local/nope@default"
	})})
}

func realServer(t *testing.T, server *amitest.Asterisk, client *amiclient.Client, sub *amiclient.Subscription) {
	for module, want := range map[string]amievent.ReloadStatus{"res_pjsip_notify.so": amievent.ReloadDone, "nope": amievent.ReloadNotFound, "app_echo.so": amievent.ReloadNotImplemented} {
		var refused *amiclient.ResponseError
		if _, err := client.Do(t.Context(), amiclient.Action{Name: "Reload", Headers: headers("Module", module)}); err != nil && !errors.As(err, &refused) {
			t.Fatal(err)
		}
		await(t, sub, awaited{"the reload of " + module: event(func(e *amievent.Reload) bool { return e.Module == module && e.Status == want })})
	}

	server.CLI(t, "core restart now")
	await(t, sub, awaited{"Shutdown": event(func(e *amievent.Shutdown) bool { return e.Cleanly && e.Restart })})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	missed := false
	for e, err := range amievent.Receive[*amievent.UserEvent](ctx, sub) {
		if gap, ok := errors.AsType[*amiclient.MissedError](err); ok && gap.Cause != nil && !missed {
			missed = true
			if _, err := client.Do(ctx, amiclient.UserEvent{Name: "Back"}.Action()); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err != nil || !missed || e.Name != "Back" {
			t.Fatalf("after the restart: %v, %v, missed %t", e, err, missed)
		}
		break
	}
}
