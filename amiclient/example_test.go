package amiclient_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"strings"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/amiclient/amievent"
	"github.com/notifyrun/notifyrun/amiclient/amisim"
)

// simulate starts a simulated Asterisk with 25 phones, so that the examples run anywhere.
func simulate() (server *amisim.Server, cfg amiclient.Config) {
	classes := []string{"system", "user", "command"}
	server, err := amisim.Start(amisim.Config{
		Users:    []amisim.User{{Name: "notifyrun", Secret: "s3cret", Read: classes, Write: classes}},
		Commands: map[string]string{"core show uptime": "System uptime: 3 days, 2 hours\nLast reload: 5 minutes\n"},
	})
	if err != nil {
		log.Fatal(err)
	}
	return server, amiclient.Config{Address: server.Addr(), Username: "notifyrun", Secret: "s3cret"}
}

// One connection: a typed action, and one that this package has no type for.
func ExampleDial() {
	server, cfg := simulate()
	defer server.Close()

	ctx := context.Background()
	conn, err := amiclient.Dial(ctx, cfg)
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()

	phone, err := amiclient.PJSIPShowEndpoint{Endpoint: "1001"}.Do(ctx, conn)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(phone.Name, phone.DeviceState, len(phone.Contacts), phone.Get("DirectMedia"))

	answer, err := conn.Do(ctx, amiclient.Action{
		Name:    "ModuleCheck",
		Headers: []amiclient.Header{{Name: "Module", Value: "res_pjsip_notify"}},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(answer.Get("Response"))
	// Output:
	// 1001 Not in use 1 true
	// Success
}

// A Client dials when an action needs it, and anew when the connection broke. It
// repeats nothing: the error says whether Asterisk may have seen the action.
func ExampleClient() {
	server, cfg := simulate()
	defer server.Close()
	client := amiclient.NewClient(cfg)
	defer client.Close()

	ctx := context.Background()
	raise := func(phone string) {
		_, err := amiclient.UserEvent{Name: "Upgrade", Headers: []amiclient.Header{{Name: "Phone", Value: phone}}}.Do(ctx, client)
		var lost *amiclient.ConnError
		switch {
		case err == nil:
			fmt.Println(phone, "done")
		case errors.As(err, &lost) && !lost.Written:
			fmt.Println(phone, "not sent: it may be tried again")
		case errors.As(err, &lost):
			fmt.Println(phone, "sent, but not answered: to try again could do it twice")
		default:
			fmt.Println(phone, "refused:", err)
		}
	}
	raise("1001")
	server.Inject(amisim.Fault{Kind: amisim.Cut}) // the next action ends the connection
	raise("1002")
	raise("1003")
	// Output:
	// 1001 done
	// 1002 sent, but not answered: to try again could do it twice
	// 1003 done
}

// Keep the connection up and follow the contacts of phones: events say what
// changes, and each MissedError is the moment to ask for everything.
func ExampleClient_Keep() {
	server, cfg := simulate()
	defer server.Close()
	client := amiclient.NewClient(cfg)
	defer client.Close()

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	sub, err := client.Subscribe(ctx, amiclient.Filter{Events: []string{"ContactStatus"}})
	if err != nil {
		log.Fatal(err)
	}
	kept := make(chan error, 1)
	go func() {
		err := client.Keep(ctx)
		if err != nil { // a refused login
			client.Close()
		}
		kept <- err
	}()

	restarted := false
	for contact, err := range amievent.Receive[*amievent.ContactStatus](ctx, sub) {
		if missed, ok := errors.AsType[*amiclient.MissedError](err); ok {
			contacts, err := amiclient.AllContacts(ctx, client)
			if err != nil {
				continue // the next connection brings the next MissedError
			}
			fmt.Printf("connected (%v): %d contacts at 1001\n", missed.Cause, contacts["1001"])
			if restarted {
				break
			}
			server.Unregister("1001") // a phone goes
			continue
		}
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(contact.EndpointName, contact.Status)
		restarted = true
		server.Restart() // "core restart now", and then it loads its modules
		server.FinishBoot()
	}
	cancel()
	fmt.Println("kept:", <-kept)
	// Output:
	// connected (not connected yet): 1 contacts at 1001
	// 1001 Removed
	// connected (shutdown of Asterisk): 0 contacts at 1001
	// kept: <nil>
}

// Many actions in flight on one connection, and what became of each.
func ExampleConn_Go() {
	server, cfg := simulate()
	defer server.Close()
	server.Inject(amisim.Fault{Kind: amisim.Cut, Action: "PJSIPNotify", Skip: 3}) // the connection breaks at the fourth

	ctx := context.Background()
	conn, err := amiclient.Dial(ctx, cfg)
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()

	phones := []string{"1001", "9999", "1002", "1003"}
	outcomes := make(chan error, len(phones)) // room for all: done must not block
	for i, phone := range phones {
		checkSync := amiclient.PJSIPNotify{Endpoint: phone, Variables: []amiclient.Variable{{Name: "Event", Value: "check-sync"}}}
		done := func(_ *amiclient.Message, err error) { outcomes <- err }
		if err := conn.Go(ctx, fmt.Sprintf("run1.%d", i), checkSync.Action(), done); err != nil {
			outcomes <- err // not sent: done is not called
		}
	}
	var accepted, refused, unknown, unsent int
	for range phones {
		err := <-outcomes
		lost, broke := errors.AsType[*amiclient.ConnError](err)
		_, answered := errors.AsType[*amiclient.ResponseError](err)
		switch {
		case err == nil:
			accepted++
		case answered:
			refused++
		case broke && lost.Written:
			unknown++
		default:
			unsent++
		}
	}
	fmt.Printf("%d accepted, %d refused, %d unknown, %d not sent\n", accepted, refused, unknown, unsent)
	// Output: 2 accepted, 1 refused, 1 unknown, 0 not sent
}

// A list without a type of its own: its events as they come. Those of other names
// than the items', such as the details of one item, come too.
func ExampleConn_List() {
	server, cfg := simulate()
	defer server.Close()
	conn, err := amiclient.Dial(context.Background(), cfg)
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()

	detail := amiclient.Action{Name: "PJSIPShowEndpoint", Headers: []amiclient.Header{{Name: "Endpoint", Value: "1001"}}}
	for item, err := range conn.List(context.Background(), detail) {
		if err != nil {
			log.Fatal(err)
		}
		if item.Event() == "AorDetail" {
			fmt.Println(item.Get("ObjectName"), "may have", item.Get("MaxContacts"), "contacts")
		}
	}
	// Output: 1001 may have 3 contacts
}

// What Asterisk refuses is an error to compare with, and a text that says what to
// do about it.
func ExampleResponseError() {
	server, cfg := simulate()
	defer server.Close()
	client := amiclient.NewClient(cfg)
	defer client.Close()

	ctx := context.Background()
	_, err := amiclient.MailboxCount{Mailbox: "101@default"}.Do(ctx, client)
	fmt.Println(errors.Is(err, amiclient.ErrPermission))
	fmt.Println(err)

	_, err = amiclient.PJSIPShowEndpoint{Endpoint: "9999"}.Do(ctx, client)
	if refused, ok := errors.AsType[*amiclient.ResponseError](err); ok && refused.Kind == amiclient.ErrUnknownEndpoint {
		fmt.Println(refused.Text)
	}
	// Output:
	// true
	// MailboxCount: Asterisk answers "Permission denied": give this manager user write = call or reporting in manager.conf (no blanks in the list), reload the manager module, and connect anew
	// Unable to retrieve endpoint 9999
}

// The codec alone, on a recorded stream: what Only passes over costs no memory.
func ExampleReader_Only() {
	recorded := strings.NewReader("Event: Newchannel\r\nPrivilege: call,all\r\nChannel: PJSIP/1003-00000001\r\n\r\n" +
		"Event: ContactStatus\r\nPrivilege: system,all\r\nURI: sip:1001@192.0.2.7:5060\r\nContactStatus: Reachable\r\nAOR: 1001\r\nEndpointName: 1001\r\nRoundtripUsec: 2345\r\n\r\n")

	r := amiclient.NewReader(recorded)
	r.Only("ContactStatus")
	for {
		m, err := r.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			log.Fatal(err)
		}
		if contact, ok := amievent.Parse(m).(*amievent.ContactStatus); ok {
			fmt.Println(contact.URI, contact.Status, contact.RoundTrip)
		}
	}
	// Output: sip:1001@192.0.2.7:5060 Reachable 2.345ms
}
