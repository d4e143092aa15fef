package main

import (
	"time"

	"golang.org/x/sys/unix"
)

// monotonic is the time of the clock by which systemd sets reloads in order.
func monotonic() time.Duration {
	var now unix.Timespec
	unix.ClockGettime(unix.CLOCK_MONOTONIC, &now) // it cannot fail on a clock that every Linux has
	return time.Duration(now.Nano())
}
