package amisim_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/amiclient/amievent"
	"github.com/notifyrun/notifyrun/amiclient/amisim"
)

func ExampleStart() {
	server, err := amisim.Start(amisim.Config{OnNotify: func(n amisim.Notify) {
		fmt.Printf("phone %s received %s\n", n.Phone, n.Event())
	}})
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()

	ctx := context.Background()
	user := server.Users()[0]
	conn, err := amiclient.Dial(ctx, amiclient.Config{Address: server.Addr(), Username: user.Name, Secret: user.Secret})
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	answer, err := conn.Do(ctx, amiclient.PJSIPNotify{
		Endpoint:  "1001",
		Variables: []amiclient.Variable{{Name: "Event", Value: "check-sync;reboot=true"}},
	}.Action())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(answer.Get("Message"))
	// Output:
	// phone 1001 received check-sync;reboot=true
	// NOTIFY sent
}

// A phone that is told to reboot comes back at another port, and an event tells of it.
func ExampleReboot() {
	server, err := amisim.Start(amisim.Config{
		Phones: []amisim.Phone{{Name: "1001", Reboot: amisim.RebootMoved, RebootTime: time.Millisecond, QualifyFrequency: time.Minute}},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()

	ctx := context.Background()
	user := server.Users()[0]
	conn, err := amiclient.Dial(ctx, amiclient.Config{Address: server.Addr(), Username: user.Name, Secret: user.Secret})
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	sub, err := conn.Subscribe(ctx, amiclient.Filter{Events: []string{"ContactStatus"}})
	if err != nil {
		log.Fatal(err)
	}
	defer sub.Close()
	notify := amiclient.PJSIPNotify{Endpoint: "1001", Variables: []amiclient.Variable{{Name: "Event", Value: "check-sync;reboot=true"}}}
	if _, err := conn.Do(ctx, notify.Action()); err != nil {
		log.Fatal(err)
	}
	seen := 0
	for contact, err := range amievent.Receive[*amievent.ContactStatus](ctx, sub) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(contact.URI, contact.Status)
		if seen++; seen == 3 {
			break
		}
	}
	// Output:
	// sip:1001@198.18.0.1:5061 NonQualified
	// sip:1001@198.18.0.1:5061 Reachable
	// sip:1001@198.18.0.1:5060 Unreachable
}
