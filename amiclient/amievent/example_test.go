package amievent_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/amiclient/amievent"
	"github.com/notifyrun/notifyrun/amiclient/amisim"
)

// simulate starts a simulated Asterisk, so that the examples run anywhere, and
// connects to it.
func simulate(config amisim.Config) (server *amisim.Server, conn *amiclient.Conn) {
	server, err := amisim.Start(config)
	if err != nil {
		log.Fatal(err)
	}
	user := server.Users()[0]
	conn, err = amiclient.Dial(context.Background(), amiclient.Config{Address: server.Addr(), Username: user.Name, Secret: user.Secret})
	if err != nil {
		log.Fatal(err)
	}
	return server, conn
}

// Follow a phone through a reboot.
func Example() {
	server, conn := simulate(amisim.Config{Phones: []amisim.Phone{{Name: "1001", Reboot: amisim.RebootClean, RebootTime: time.Millisecond}}})
	defer server.Close()
	defer conn.Close()
	ctx := context.Background()

	// First the subscription, then what causes the events.
	sub, err := conn.Subscribe(ctx, amiclient.Filter{Events: []string{"ContactStatus", "SuccessfulAuth"}})
	if err != nil {
		log.Fatal(err)
	}
	reboot := amiclient.PJSIPNotify{Endpoint: "1001", Variables: []amiclient.Variable{{Name: "Event", Value: "check-sync;reboot=true"}}}
	if _, err := conn.Do(ctx, reboot.Action()); err != nil {
		log.Fatal(err)
	}

	for e, err := range amievent.Receive[amievent.Event](ctx, sub) {
		if missed, ok := errors.AsType[*amiclient.MissedError](err); ok {
			fmt.Println("ask for the contacts anew:", missed)
			continue
		}
		if err != nil {
			log.Fatal(err)
		}
		switch e := e.(type) {
		case *amievent.ContactStatus:
			fmt.Println(e.EndpointName, e.Status, e.URI)
			if e.Status == amiclient.ContactNonQualified {
				return
			}
		case *amievent.SuccessfulAuth:
			fmt.Println(e.AccountID, "authenticated itself, session", e.SessionID)
		}
	}
	// Output:
	// 1001 authenticated itself, session 1001-boot-0@phone.invalid
	// 1001 Removed sip:1001@198.18.0.1:5060
	// 1001 authenticated itself, session 1001-boot-1@phone.invalid
	// 1001 NonQualified sip:1001@198.18.0.1:5061
}

// Range over the events of one type, until somebody ends the subscription.
func ExampleReceive() {
	server, conn := simulate(amisim.Config{})
	defer server.Close()
	defer conn.Close()
	ctx := context.Background()
	sub, err := conn.Subscribe(ctx, amiclient.Filter{Events: []string{"ContactStatus"}})
	if err != nil {
		log.Fatal(err)
	}
	server.Unregister("1001") // a phone goes

	for contact, err := range amievent.Receive[*amievent.ContactStatus](ctx, sub) {
		if missed, ok := errors.AsType[*amiclient.MissedError](err); ok {
			fmt.Println("ask for the contacts anew:", missed)
			continue
		}
		if errors.Is(err, amiclient.ErrClosed) {
			break
		}
		if err != nil {
			log.Fatal(err) // the connection broke
		}
		fmt.Println(contact.EndpointName, contact.Status)
		sub.Close()
	}
	// Output: 1001 Removed
}

// Act on user events of the dialplan and of other clients, and not on one's own.
func ExampleUserEvent() {
	server, conn := simulate(amisim.Config{})
	defer server.Close()
	defer conn.Close()
	ctx := context.Background()
	sub, err := conn.Subscribe(ctx, amiclient.Filter{Events: []string{"UserEvent"}})
	if err != nil {
		log.Fatal(err)
	}

	answer, err := conn.Do(ctx, amiclient.UserEvent{Name: "Reboot", Headers: []amiclient.Header{{Name: "Phone", Value: "1001"}}}.Action())
	if err != nil {
		log.Fatal(err)
	}
	own := map[string]bool{answer.Get("ActionID"): true}
	// A call to extension 100 that runs UserEvent(Reboot,Phone: 1002,Exten: 999).
	server.Emit("UserEvent", "user", []amisim.Header{
		{Name: "Channel", Value: "PJSIP/1003-00000001"}, {Name: "Exten", Value: "100"}, {Name: "Uniqueid", Value: "1795313047.0"},
		{Name: "UserEvent", Value: "Reboot"}, {Name: "Phone", Value: "1002"}, {Name: "Exten", Value: "999"},
	})

	for e, err := range amievent.Receive[*amievent.UserEvent](ctx, sub) {
		if err != nil {
			log.Fatal(err)
		}
		if own[e.ActionID] {
			fmt.Println("our own, about phone", e.Get("Phone"))
			continue
		}
		// Get knows what the sender wrote; where the call was is in Channel.
		fmt.Printf("%s of phone %s by %s in extension %s (it says %s)\n", e.Name, e.Get("Phone"), e.Channel.Name, e.Channel.Exten, e.Get("Exten"))
		break
	}
	// Output:
	// our own, about phone 1001
	// Reboot of phone 1002 by PJSIP/1003-00000001 in extension 100 (it says 999)
}

// Have the dialplan raise a user event, and learn what became of it.
func ExampleConfirmationOf() {
	server, conn := simulate(amisim.Config{Extensions: map[string][]string{"event@notifyrun": {"Answer()", "Wait(1)"}}})
	defer server.Close()
	defer conn.Close()
	ctx := context.Background()
	sub, err := conn.Subscribe(ctx, amiclient.Filter{Events: []string{"UserEvent", "OriginateResponse"}})
	if err != nil {
		log.Fatal(err)
	}

	id := rand.Text()
	event := amiclient.DialplanUserEvent{
		Channel: "Local/event@notifyrun/n",
		Name:    "Maintenance",
		Headers: []amiclient.Header{{Name: "Site", Value: "hq, 2nd floor"}},
		ID:      id,
	}
	err = conn.Go(ctx, id, event.Action(), func(_ *amiclient.Message, err error) {
		if err != nil { // refused, or nobody knows
			log.Print(err)
		}
	})
	if err != nil {
		log.Fatal(err)
	}
	for e, err := range amievent.Receive[amievent.Event](ctx, sub) {
		if err != nil {
			log.Fatal(err)
		}
		if c, ok := amievent.ConfirmationOf(e); ok && c.ActionID == id {
			fmt.Println("raised:", c.Raised)
			break
		}
	}
	// Output: raised: true
}

// Whatever has no type of its own, and whatever has no field, is there.
func ExampleParse() {
	m := amiclient.NewMessage(
		amiclient.Header{Name: "Event", Value: "PeerStatus"}, amiclient.Header{Name: "Privilege", Value: "system,all"},
		amiclient.Header{Name: "ChannelType", Value: "SIP"}, amiclient.Header{Name: "Peer", Value: "SIP/1001"},
		amiclient.Header{Name: "PeerStatus", Value: "Rejected"}, amiclient.Header{Name: "Cause", Value: "AUTH_SECRET_FAILED"},
		amiclient.Header{Name: "Address", Value: "192.0.2.7"}, amiclient.Header{Name: "Port", Value: "5060"},
	)
	e := amievent.Parse(m).(*amievent.PeerStatus)
	fmt.Println(e.Name, e.Status, e.Cause, e.Address, e.Get("Port"))

	other := amievent.Parse(amiclient.NewMessage(amiclient.Header{Name: "Event", Value: "Hangup"}, amiclient.Header{Name: "Cause", Value: "16"}))
	fmt.Printf("%T %s %s\n", other, other.Event(), other.Get("Cause"))
	// Output:
	// 1001 Rejected AUTH_SECRET_FAILED 192.0.2.7:5060 5060
	// *amievent.Other Hangup 16
}
