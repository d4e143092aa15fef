package amitest

import (
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// nudgeID marks the Pings of nudge, whose answers readers pass over.
const nudgeID = "nudge"

// nudge sends a Ping each second to the end of the test. Asterisk up to 20.20, 22.10 and 23.4 may lose what wakes a
// session for its events, which then stay until it is spoken to (main/manager.c: session_do; its issue 2145). Who only
// listens would wait in vain: likely what was seen once, when 22.10 said nothing for the 20 seconds of a test.
func nudge(t *testing.T, conn net.Conn) {
	ticker, stop := time.NewTicker(time.Second), make(chan struct{})
	var nudging sync.WaitGroup
	nudging.Go(func() {
		for {
			select {
			case <-ticker.C:
				io.WriteString(conn, "Action: Ping\r\nActionID: "+nudgeID+"\r\n\r\n") // the reader notices if it fails
			case <-stop:
				return
			}
		}
	})
	t.Cleanup(func() {
		ticker.Stop()
		close(stop)
		nudging.Wait()
	})
}

func isNudge(message string) bool { return strings.Contains(message, "\r\nActionID: "+nudgeID+"\r\n") }
