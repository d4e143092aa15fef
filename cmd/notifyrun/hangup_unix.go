//go:build unix

package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// hangups gives a value for each SIGHUP until ctx ends.
func hangups(ctx context.Context) <-chan struct{} {
	signals, asked := make(chan os.Signal, 1), make(chan struct{}, 1)
	signal.Notify(signals, syscall.SIGHUP)
	context.AfterFunc(ctx, func() { signal.Stop(signals) })
	go func() {
		for {
			select {
			case <-signals:
				select {
				case asked <- struct{}{}:
				default: // one is waiting already
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	return asked
}
