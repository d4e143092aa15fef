// Command notifyrun is a declarative notify runner for Asterisk: it plans,
// sends and records user events and SIP NOTIFYs that HCL files declare.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] != serveCommand.name && os.Getenv("GOGC")+os.Getenv("GOMEMLIMIT") == "" {
		collectLate()
	}
	ctx, stop := untilSignal()
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.LookupEnv, os.Environ(), os.Stdin, os.Stdout, os.Stderr))
}

// untilSignal returns a context that the first SIGINT or SIGTERM ends, so that
// a command can stop sending, record and say how to resume. The second one
// ends the process at once; what was in flight then is recorded as unknown by
// the next apply.
func untilSignal() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		cancel()
		<-signals
		os.Exit(exitInterrupted)
	}()
	return ctx, cancel
}
