package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// onTerminal is a program that has a terminal of 80 columns to itself.
type onTerminal struct {
	t    *testing.T
	cmd  *exec.Cmd
	side *os.File // ours

	mu   sync.Mutex
	said strings.Builder
	more chan struct{} // closed when there is more
	done chan struct{} // closed when it has ended
}

// startOnTerminal starts a program on a terminal.
func startOnTerminal(t *testing.T, cmd *exec.Cmd) *onTerminal {
	t.Helper()
	ours, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ours.Close() })
	if err := unix.IoctlSetPointerInt(int(ours.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(ours.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	if err := unix.IoctlSetWinsize(int(theirs.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 80}); err != nil {
		t.Fatal(err)
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = theirs, theirs, theirs
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	p := &onTerminal{t: t, cmd: cmd, side: ours, more: make(chan struct{}), done: make(chan struct{})}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go p.read()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-p.done
		cmd.Wait()
		if t.Failed() {
			t.Logf("on the terminal:\n%q", p.text())
		}
	})
	return p
}

func (p *onTerminal) read() {
	defer close(p.done)
	b := make([]byte, 4096)
	for {
		n, err := p.side.Read(b)
		p.mu.Lock()
		p.said.Write(b[:n])
		close(p.more)
		p.more = make(chan struct{})
		p.mu.Unlock()
		if err != nil { // EIO when the other side is closed
			return
		}
	}
}

func (p *onTerminal) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.said.String()
}

// types sends what a user types.
func (p *onTerminal) types(keys string) {
	p.t.Helper()
	if _, err := io.WriteString(p.side, keys); err != nil {
		p.t.Fatal(err)
	}
}

// shows waits until the terminal shows a text that it did not show up to a byte,
// and returns where it ends.
func (p *onTerminal) shows(text string, from int) int {
	p.t.Helper()
	hangs := time.After(time.Minute)
	for {
		p.mu.Lock()
		all, more := p.said.String(), p.more
		p.mu.Unlock()
		if i := strings.Index(all[from:], text); i >= 0 {
			return from + i + len(text)
		}
		select {
		case <-more:
		case <-p.done:
			p.t.Fatalf("it has ended without %q", text)
		case <-hangs:
			p.t.Fatalf("%q is not shown", text)
		}
	}
}
