package amisim_test

import (
	"context"
	"fmt"
	"log"

	"github.com/notifyrun/notifyrun/amiclient"
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
