package amiclient_test

import (
	"context"
	"fmt"
	"log"

	"github.com/notifyrun/notifyrun/amiclient"
)

// Ask once after connecting what there is, and say what to do about what is missing.
func ExampleConn_Capabilities() {
	server, cfg := simulate()
	defer server.Close()
	conn, err := amiclient.Dial(context.Background(), cfg)
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()

	capabilities, err := conn.Capabilities(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("PJSIPNotify:", capabilities.Has("PJSIPNotify"), "with Option:", capabilities.NotifyOption)
	fmt.Println(capabilities.Missing("Originate"))
	fmt.Println(capabilities.Missing("Ping") == nil)
	// Output:
	// PJSIPNotify: true with Option: true
	// Originate: this server does not offer it to this user; the user needs write = originate in manager.conf
	// true
}

// A typed action returns a typed result; whatever has no field is reached by Get.
func ExampleCoreSettings() {
	server, cfg := simulate()
	defer server.Close()
	client := amiclient.NewClient(cfg)
	defer client.Close()

	settings, err := amiclient.CoreSettings{}.Do(context.Background(), client)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(settings.AMIVersion, settings.CDR, settings.Get("SoundsSearchCustomDir"))
	// Output: 11.0.0 true No
}

// A line of Asterisk's console. One that failed is an error, with its output.
func ExampleCommand() {
	server, cfg := simulate()
	defer server.Close()
	client := amiclient.NewClient(cfg)
	defer client.Close()

	for _, line := range []string{"core show uptime", "core show uptme"} {
		output, err := amiclient.Command{Command: line}.Do(context.Background(), client)
		if err != nil {
			fmt.Println("failed:", err)
			continue
		}
		for _, l := range output.Lines {
			fmt.Println(l)
		}
	}
	// Output:
	// System uptime: 3 days, 2 hours
	// Last reload: 5 minutes
	// failed: Command: Asterisk answers "No such command 'core show uptme' (type 'core show help core show uptme' for other possible commands)"
}
