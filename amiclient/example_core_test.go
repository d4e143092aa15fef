package amiclient_test

import (
	"context"
	"fmt"
	"log"
	"slices"

	"github.com/notifyrun/notifyrun/amiclient"
)

// Ask once after connecting what there is, and say what to do about the rest.
func ExampleConn_Capabilities() {
	cfg, stop := simulate()
	defer stop()
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
	cfg, stop := simulate()
	defer stop()
	client := amiclient.NewClient(cfg)
	defer client.Close()

	settings, err := amiclient.CoreSettings{}.Do(context.Background(), client)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(settings.AMIVersion, settings.CDR, settings.Get("SoundsSearchCustomDir"))

	commands, err := amiclient.ListCommands{}.Do(context.Background(), client)
	if err != nil {
		log.Fatal(err)
	}
	i := slices.IndexFunc(commands, func(c amiclient.ManagerCommand) bool { return c.Name == "UserEvent" })
	fmt.Println(commands[i].Name, commands[i].Classes)
	// Output:
	// 11.0.0 true No
	// UserEvent [user]
}
