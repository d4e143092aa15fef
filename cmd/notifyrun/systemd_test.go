package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/notifyrun/notifyrun/amiclient/amisim"
	"github.com/notifyrun/notifyrun/engine"
)

var monotonicUsec = regexp.MustCompile(`MONOTONIC_USEC=[1-9][0-9]*`)

// What systemd is told from the start to the end, with a reload in between.
func TestNotifier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		never := time.Unix(0, 0)
		d := &feigned{turn: never}
		h := &health{daemon: d, drain: time.Minute}
		var mu sync.Mutex
		var told []string
		n := &notifier{
			health: h, reload: make(chan struct{}, 1), ended: make(chan struct{}), done: make(chan struct{}),
			send: func(state string) {
				mu.Lock()
				defer mu.Unlock()
				told = append(told, monotonicUsec.ReplaceAllString(state, "MONOTONIC_USEC=1"))
			},
		}
		hangups := make(chan struct{}, 1)
		go func() { defer close(n.done); n.run(ctx, hangups) }()
		tells := func(after time.Duration, want ...string) {
			t.Helper()
			time.Sleep(after)
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			if diff := cmp.Diff(want, told); diff != "" {
				t.Errorf("it tells (-want +got):\n%s", diff)
			}
			told = nil
		}
		tells(1500*time.Millisecond, "STATUS=starting")
		h.wait("an apply is\nunder way")
		hangups <- struct{}{} // before it can be taken
		tells(2*time.Second, "EXTEND_TIMEOUT_USEC=30000000\nSTATUS=starting: an apply is under way", "EXTEND_TIMEOUT_USEC=30000000")
		lanes := []engine.LaneStatus{{PBX: "pbx.a", Sending: true}, {PBX: "pbx.b"}, {PBX: "pbx.c", Sending: true}}
		d.set(engine.Status{Serial: 1, Jobs: 12, Lanes: lanes, Ready: true}, time.Time{})
		tells(time.Second,
			"READY=1\nSTATUS=serving 12 jobs, 3 PBXs; 1 not reachable",
			"RELOADING=1\nMONOTONIC_USEC=1\nSTATUS=reloading secrets and certificates")
		<-n.reload
		tells(3 * time.Second) // while it reloads nothing is told
		d.set(engine.Status{Serial: 1, Jobs: 1, Lanes: lanes[:1], Ready: true, Reloads: 1}, time.Time{})
		tells(time.Second, "READY=1\nSTATUS=serving 1 job, 1 PBX")
		d.set(engine.Status{Reloads: 1, Problem: "secrets\nare missing"}, time.Time{})
		tells(3*time.Second, "STATUS=nothing was applied yet; problem: secrets are missing")
		cancel()
		tells(3*time.Second, "STOPPING=1\nSTATUS=ending: waiting for answers that are due")
		n.end()
		tells(time.Minute)
	})
}

// A loop that is stuck is not kept alive; one that waits for answers at the end is.
func TestNotifier_watchdog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		d := &feigned{status: engine.Status{Serial: 1, Ready: true}}
		var mu sync.Mutex
		pings := 0
		n := &notifier{
			health: &health{daemon: d, drain: time.Minute}, watchdog: 10 * time.Second,
			reload: make(chan struct{}, 1), ended: make(chan struct{}), done: make(chan struct{}),
			send: func(state string) {
				mu.Lock()
				defer mu.Unlock()
				if state == "WATCHDOG=1" {
					pings++
				}
			},
		}
		go func() { defer close(n.done); n.run(ctx, nil) }()
		during := func(span time.Duration, want int) {
			t.Helper()
			time.Sleep(span)
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			if pings != want {
				t.Errorf("%d pings in %s, want %d", pings, span, want)
			}
			pings = 0
		}
		during(21*time.Second, 4)
		d.set(engine.Status{Serial: 1, Ready: true}, time.Now())
		during(60*time.Second, 4) // while that is not yet too long ago
		d.set(engine.Status{Serial: 1, Ready: true}, time.Time{})
		during(20*time.Second, 4)
		d.set(engine.Status{Serial: 1, Ready: true}, time.Now())
		cancel()
		during(200*time.Second, 16) // for as long as -drain, and some
		n.end()
	})
}

func TestWatchdogTime(t *testing.T) {
	self := fmt.Sprint(os.Getpid())
	for _, c := range []struct {
		environ map[string]string
		want    time.Duration
	}{
		{map[string]string{}, 0},
		{map[string]string{"WATCHDOG_USEC": "30000000"}, 30 * time.Second},
		{map[string]string{"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": self}, 30 * time.Second},
		{map[string]string{"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, 0},
		{map[string]string{"WATCHDOG_USEC": "0"}, 0},
		{map[string]string{"WATCHDOG_USEC": "-5"}, 0},
		{map[string]string{"WATCHDOG_USEC": "soon"}, 0},
		{map[string]string{"WATCHDOG_USEC": "18446744073709551615"}, 0},
	} {
		a := &app{lookupEnv: func(name string) (string, bool) { v, ok := c.environ[name]; return v, ok }}
		if got := a.watchdogTime(); got != c.want {
			t.Errorf("%v: %s, want %s", c.environ, got, c.want)
		}
	}
}

// A socket that does not exist or is of another kind is a line in the log.
func TestNotify_badSocket(t *testing.T) {
	for _, address := range []string{filepath.Join(t.TempDir(), "none"), "vsock:2:1234", "relative"} {
		var log strings.Builder
		a := &app{
			lookupEnv: func(name string) (string, bool) { return address, name == "NOTIFY_SOCKET" },
			log:       slog.New(slog.NewTextHandler(&log, nil)),
		}
		n := a.notify(t.Context(), &health{daemon: &feigned{}}, nil)
		n.end()
		if strings.Count(log.String(), "NOTIFY_SOCKET") != 1 {
			t.Errorf("%s: the log is %q", address, log.String())
		}
	}
}

// notifySocket is a socket as systemd has one.
func notifySocket(t *testing.T, address string) (listener *net.UnixConn) {
	t.Helper()
	listener, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: address, Net: "unixgram"})
	if err != nil {
		unavailable(t, fmt.Sprintf("no datagrams on local sockets here: %v", err))
	}
	t.Cleanup(func() { listener.Close() })
	return listener
}

// The program tells systemd when it serves, reloads and stops, on sockets of both
// kinds.
func TestServe_systemd(t *testing.T) {
	sockets := map[string]string{"file": filepath.Join(t.TempDir(), "notify")}
	if runtime.GOOS == "linux" {
		sockets["abstract"] = fmt.Sprintf("@notifyrun-%d-%d", os.Getpid(), time.Now().UnixNano())
	}
	for name, address := range sockets {
		t.Run(name, func(t *testing.T) {
			socket := notifySocket(t, address)
			if err := socket.SetReadDeadline(time.Now().Add(time.Minute)); err != nil { // so that the log is seen
				t.Fatal(err)
			}
			dir := t.TempDir()
			sim := startPBX(t, amisim.Config{})
			applies(t, dir, filePBX(t, dir, "a", sim.Addr(), sim.Users()[0])+secondly("a"))
			s := serve(t, dir, []string{"NOTIFY_SOCKET=" + address, "WATCHDOG_USEC=100000"})
			hears := func(assignment string) string {
				t.Helper()
				for buf := make([]byte, 4096); ; {
					n, err := socket.Read(buf)
					if err != nil {
						t.Fatal(err)
					}
					if text := string(buf[:n]); strings.HasPrefix(text, assignment) {
						return text
					}
				}
			}
			hears("READY=1")
			hears("WATCHDOG=1")
			s.signal(syscall.SIGHUP)
			if text := hears("RELOADING=1\n"); !monotonicUsec.MatchString(text) && runtime.GOOS == "linux" {
				t.Errorf("it tells %q", text)
			}
			hears("READY=1")
			s.signal(syscall.SIGTERM)
			hears("STOPPING=1")
			if code := s.end(); code != exitOK {
				t.Errorf("exit code %d", code)
			}
		})
	}
}
