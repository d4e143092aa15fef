//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package ledger

import (
	"os"
	"syscall"
)

// How a file can be locked: by several at a time, or by one alone.
const (
	shared    = syscall.LOCK_SH
	exclusive = syscall.LOCK_EX
)

// flock tries to lock a file and tells whether somebody else's lock forbids it.
// Then a lock that f had is gone too.
func flock(f *os.File, mode int) (held bool, err error) {
	for {
		switch err := syscall.Flock(int(f.Fd()), mode|syscall.LOCK_NB); err {
		case nil:
			return false, nil
		case syscall.EWOULDBLOCK:
			return true, nil
		case syscall.EINTR:
		default:
			return false, os.NewSyscallError("flock", err)
		}
	}
}
