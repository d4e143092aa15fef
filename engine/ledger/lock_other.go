//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package ledger

import (
	"errors"
	"os"
)

const shared, exclusive = 0, 1

// flock refuses: without a lock that dies with its holder, two writers could
// send the same delivery twice.
func flock(*os.File, int) (bool, error) {
	return false, errors.New("this system has no flock, so an SQLite state cannot be written here; keep the state on Linux, macOS or a BSD")
}
