package amitest

import (
	"os"
	"syscall"
	"time"
	"unsafe"
)

// fdAlarm is exact to some 0.1 ms. Package time's own waits are rounded up to
// whole milliseconds when nothing else is to be done, because the runtime then
// sleeps in epoll_wait, which counts in these; a timerfd wakes it as a socket does.
type fdAlarm struct {
	timerAlarm // for all but the last milliseconds
	fd         uintptr
	file       *os.File // of fd
}

func newAlarm() alarm {
	fd, _, errno := syscall.Syscall(syscall.SYS_TIMERFD_CREATE, 1 /* CLOCK_MONOTONIC */, syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if errno != 0 {
		return newTimerAlarm()
	}
	return &fdAlarm{fd: fd, file: os.NewFile(fd, "timerfd")}
}

func (a *fdAlarm) wait(until time.Time, closed <-chan struct{}) {
	if until.IsZero() {
		return
	}
	const last = 3 * time.Millisecond
	a.timerAlarm.wait(until.Add(-last), closed)
	left := min(time.Until(until), last) // more is left only if closed
	if left <= 0 {
		return
	}
	spec := struct{ interval, value syscall.Timespec }{value: syscall.NsecToTimespec(int64(left))}
	if _, _, errno := syscall.Syscall6(syscall.SYS_TIMERFD_SETTIME, a.fd, 0, uintptr(unsafe.Pointer(&spec)), 0, 0, 0); errno != 0 {
		return
	}
	var expirations [8]byte
	a.file.Read(expirations[:])
}

func (a *fdAlarm) stop() {
	a.timerAlarm.stop()
	a.file.Close()
}
