//go:build !linux

package main

import "time"

// monotonic is the time of the clock by which systemd sets reloads in order;
// without Linux there is no systemd.
func monotonic() time.Duration { return 0 }
