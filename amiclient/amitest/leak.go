package amitest

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// Main runs the tests of a package, and fails if a goroutine of this module is
// left when all have ended: for TestMain. Those that are ending get ten seconds.
func Main(m *testing.M) {
	code := m.Run()
	if left := leaked(10 * time.Second); code == 0 && len(left) > 0 {
		fmt.Fprintf(os.Stderr, "FAIL: %d goroutines are left after all tests:\n\n%s\n", len(left), strings.Join(left, "\n\n"))
		code = 1
	}
	os.Exit(code)
}

// leaked returns the stacks of the goroutines that run this module's code, apart
// from the caller's own, once there are none or the patience is over.
func leaked(patience time.Duration) []string {
	const module = "github.com/notifyrun/notifyrun/"
	for start := time.Now(); ; time.Sleep(time.Millisecond) {
		stacks := make([]byte, 1<<20)
		for {
			n := runtime.Stack(stacks, true)
			if n < len(stacks) {
				stacks = stacks[:n]
				break
			}
			stacks = make([]byte, 2*len(stacks))
		}
		var left []string
		for _, stack := range strings.Split(strings.TrimSpace(string(stacks)), "\n\n")[1:] { // the first is the caller
			if strings.Contains(stack, module) {
				left = append(left, stack)
			}
		}
		if len(left) == 0 || time.Since(start) > patience {
			return left
		}
	}
}
