package amiclient_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/amiclient/amisim"
)

// simulate starts a simulated Asterisk, so that the examples run anywhere.
func simulate() (cfg amiclient.Config, stop func()) {
	server, err := amisim.Start(amisim.Config{Users: []amisim.User{{Name: "notifyrun", Secret: "s3cret", Read: []string{"system", "user"}, Write: []string{"system", "user"}}}})
	if err != nil {
		log.Fatal(err)
	}
	return amiclient.Config{Address: server.Addr(), Username: "notifyrun", Secret: "s3cret"}, func() { server.Close() }
}

func ExampleClient() {
	cfg, stop := simulate()
	defer stop()
	client := amiclient.NewClient(cfg)
	defer client.Close()

	reboot := amiclient.PJSIPNotify{
		Endpoint:  "1001",
		Variables: []amiclient.Variable{{Name: "Event", Value: "check-sync;reboot=true"}},
	}
	answer, err := client.Do(context.Background(), reboot.Action())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(answer.Get("Response"), answer.Get("Message"))

	reboot.Endpoint = "9999"
	_, err = client.Do(context.Background(), reboot.Action())
	fmt.Println(errors.Is(err, amiclient.ErrUnknownEndpoint))
	// Output:
	// Success NOTIFY sent
	// true
}

func ExampleConn_Go() {
	cfg, stop := simulate()
	defer stop()
	conn, err := amiclient.Dial(context.Background(), cfg)
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()

	answers := make(chan error, 3)
	for i, phone := range []string{"1001", "1002", "1003"} {
		checkSync := amiclient.PJSIPNotify{Endpoint: phone, Variables: []amiclient.Variable{{Name: "Event", Value: "check-sync"}}}
		id := fmt.Sprintf("run1.%d", i)
		err := conn.Go(context.Background(), id, checkSync.Action(), func(_ *amiclient.Message, err error) { answers <- err })
		if err != nil {
			log.Fatal(err)
		}
	}
	for range 3 {
		var lost *amiclient.ConnError
		switch err := <-answers; {
		case err == nil:
			fmt.Println("accepted")
		case errors.As(err, &lost) && lost.Written:
			fmt.Println("unknown: Asterisk may have it")
		default:
			fmt.Println("not sent:", err)
		}
	}
	// Output:
	// accepted
	// accepted
	// accepted
}

func ExampleConn_List() {
	cfg, stop := simulate()
	defer stop()
	conn, err := amiclient.Dial(context.Background(), cfg)
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()

	endpoints := 0
	for endpoint, err := range conn.List(context.Background(), amiclient.Action{Name: "PJSIPShowEndpoints"}) {
		if err != nil {
			log.Fatal(err)
		}
		if endpoint.Get("ObjectName") != "" {
			endpoints++
		}
	}
	fmt.Println(endpoints)
	// Output: 25
}
