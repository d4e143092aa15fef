package main

import (
	"math"
	"runtime"
	"runtime/debug"
	runtimemetrics "runtime/metrics"
)

// A command that reads a configuration, says something and ends need not collect
// garbage while there is memory: a plan of 10,000 jobs takes a quarter less time by
// that. From smallHeap in use on it collects as a long-lived program does, and
// somewhat earlier, so that it does not take twice what it needs.
const (
	roomyLimit   = 150 << 20 // bytes, of all memory of the program
	roomyPercent = 400
	smallHeap    = roomyLimit / 2
	usualPercent = 70
)

// collectLate has garbage collected late as long as little memory is in use.
func collectLate() {
	debug.SetGCPercent(roomyPercent)
	debug.SetMemoryLimit(roomyLimit)
	afterCollection()
}

// afterCollection looks, each time that garbage has been collected, how much is in use.
func afterCollection() {
	type garbage struct{ _ [16]byte }
	runtime.SetFinalizer(new(garbage), func(*garbage) {
		if liveBytes() < smallHeap {
			afterCollection()
			return
		}
		debug.SetGCPercent(usualPercent)
		debug.SetMemoryLimit(math.MaxInt64)
	})
}

// liveBytes is how much of the heap the last collection has found in use.
func liveBytes() uint64 {
	sample := []runtimemetrics.Sample{{Name: "/gc/heap/live:bytes"}}
	runtimemetrics.Read(sample)
	if sample[0].Value.Kind() != runtimemetrics.KindUint64 {
		return math.MaxUint64
	}
	return sample[0].Value.Uint64()
}
