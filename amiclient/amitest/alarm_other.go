//go:build !linux

package amitest

func newAlarm() alarm { return newTimerAlarm() }
