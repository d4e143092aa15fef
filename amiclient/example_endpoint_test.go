package amiclient_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/notifyrun/notifyrun/amiclient"
)

func ExamplePJSIPShowEndpoints() {
	server, cfg := simulate()
	defer server.Close()
	client := amiclient.NewClient(cfg)
	defer client.Close()

	for endpoint, err := range (amiclient.PJSIPShowEndpoints{}).List(context.Background(), client) {
		if err != nil {
			log.Fatal(err)
		}
		if endpoint.Name == "1003" {
			fmt.Println(endpoint.Name, endpoint.DeviceState, len(endpoint.Contacts), "contact at AOR", endpoint.Contacts[0].AOR)
		}
	}
	// Output: 1003 Not in use 1 contact at AOR 1003
}

func ExamplePJSIPNotify() {
	server, cfg := simulate()
	defer server.Close()
	client := amiclient.NewClient(cfg)
	defer client.Close()

	for _, phone := range []string{"1001", "9999"} {
		checkSync := amiclient.PJSIPNotify{Endpoint: phone, Variables: []amiclient.Variable{{Name: "Event", Value: "check-sync"}}}
		accepted, err := checkSync.Do(context.Background(), client)
		switch {
		case err == nil:
			fmt.Println(phone, "accepted for contacts:", accepted.Contacts)
		case errors.Is(err, amiclient.ErrNoContact):
			fmt.Println(phone, "is not registered")
		case errors.Is(err, amiclient.ErrUnknownEndpoint):
			fmt.Println(phone, "is not an endpoint")
		default:
			fmt.Println(phone, "not sent, or not known:", err)
		}
	}
	// Output:
	// 1001 accepted for contacts: 1
	// 9999 is not an endpoint
}
