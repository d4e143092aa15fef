package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// notifier tells systemd how a daemon is, by the protocol of sd_notify(3), and has
// it reload in such a way that systemd knows when that is done.
type notifier struct {
	health   *health
	send     func(state string)
	watchdog time.Duration // within which systemd wants to hear of us; 0: it does not
	reload   chan struct{} // for the daemon
	ended    chan struct{} // closed when the daemon has ended
	done     chan struct{}

	status string // that was sent last
}

// How often a notifier looks: for what to tell, and whether a reload is done. How
// much longer systemd is to wait for a start that has a reason to be slow.
const (
	tellEvery  = time.Second
	reloadLook = 50 * time.Millisecond
	extendBy   = 30 * time.Second
)

// notifySocket connects to systemd; nil: it does not ask to be told anything.
func (a *app) notifySocket() (net.Conn, error) {
	address, _ := a.lookupEnv("NOTIFY_SOCKET")
	switch {
	case address == "":
		return nil, nil
	case address[0] != '/' && address[0] != '@': // the latter is an abstract socket
		return nil, fmt.Errorf("connect to NOTIFY_SOCKET: %q is no local socket", address)
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: address, Net: "unixgram"})
	if err != nil {
		return nil, fmt.Errorf("connect to NOTIFY_SOCKET: %w", err)
	}
	return conn, nil
}

// watchdogTime is within which time systemd wants to hear of us; 0: it does not.
func (a *app) watchdogTime() time.Duration {
	if pid, ok := a.lookupEnv("WATCHDOG_PID"); ok && pid != strconv.Itoa(os.Getpid()) {
		return 0 // it is meant for somebody else
	}
	text, _ := a.lookupEnv("WATCHDOG_USEC")
	usec, err := strconv.ParseInt(text, 10, 64)
	if err != nil || usec <= 0 || usec > int64(1<<62/time.Microsecond) {
		return 0
	}
	return time.Duration(usec) * time.Microsecond
}

// notify starts to tell systemd how a daemon is, if it asks to be told, and to
// hand the hangups on as reloads.
func (a *app) notify(ctx context.Context, h *health, hangups <-chan struct{}) *notifier {
	n := &notifier{
		health: h, watchdog: a.watchdogTime(),
		reload: make(chan struct{}, 1), ended: make(chan struct{}), done: make(chan struct{}),
	}
	conn, err := a.notifySocket()
	if err != nil {
		a.log.Warn("systemd cannot be told how this is", "error", err)
	}
	n.send = func(state string) {
		if conn == nil {
			return
		}
		if _, err := conn.Write([]byte(state)); err != nil {
			a.log.Debug("systemd cannot be told how this is", "error", err)
		}
	}
	go func() {
		defer close(n.done)
		n.run(ctx, hangups)
		if conn != nil {
			conn.Close()
		}
	}()
	return n
}

// end has the notifier end, after the daemon.
func (n *notifier) end() {
	close(n.ended)
	<-n.done
}

func (n *notifier) run(ctx context.Context, hangups <-chan struct{}) {
	tell := time.NewTicker(tellEvery)
	defer tell.Stop()
	var watch <-chan time.Time
	if n.watchdog > 0 {
		t := time.NewTicker(n.watchdog / 2)
		defer t.Stop()
		watch = t.C
	}
	stop := ctx.Done()
	ready := false
	var asked <-chan struct{} // hangups, once the daemon can take one
	var look <-chan time.Time // while a reload is under way
	reloads := uint64(0)      // that were done before it
	for {
		select {
		case <-n.ended:
			return
		case <-stop:
			stop, asked, look = nil, nil, nil
			n.health.stop()
			n.tell("STOPPING=1")
			continue
		case <-watch:
			if n.health.alive() == nil {
				n.send("WATCHDOG=1")
			}
			continue
		case <-asked:
			reloads, asked, look = n.health.daemon.Now().Reloads, nil, time.After(reloadLook)
			n.send("RELOADING=1\nMONOTONIC_USEC=" + strconv.FormatInt(monotonic().Microseconds(), 10) + "\nSTATUS=reloading secrets and certificates")
			n.status = ""
			n.reload <- struct{}{} // there is room: it is empty between two reloads
			continue
		case <-look:
			if n.health.daemon.Now().Reloads == reloads {
				look = time.After(reloadLook)
				continue
			}
			asked, look = hangups, nil
			n.tell("READY=1")
			continue
		case <-tell.C:
		}
		switch {
		case look != nil: // its own line stands
		case ready || stop == nil:
			n.tell()
		case n.health.begun():
			ready, asked = true, hangups
			n.tell("READY=1")
		case n.health.waiting():
			n.tell("EXTEND_TIMEOUT_USEC=" + strconv.FormatInt(extendBy.Microseconds(), 10))
		default:
			n.tell()
		}
	}
}

// tell sends assignments, and the status if it is another one than before.
func (n *notifier) tell(assignments ...string) {
	if s := n.health.String(); s != n.status {
		n.status = s
		assignments = append(assignments, "STATUS="+s)
	}
	if len(assignments) > 0 {
		n.send(strings.Join(assignments, "\n"))
	}
}
