package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// server is notifyrun serve in a process of its own.
type server struct {
	t   *testing.T
	cmd *exec.Cmd

	mu    sync.Mutex
	lines []string      // of its log
	more  chan struct{} // closed and replaced with each line
	ended chan struct{}
	at    int // how many lines wait has passed
}

// logLine is a line of a log in JSON.
type logLine map[string]any

func (l logLine) msg() string { return fmt.Sprint(l["msg"]) }

// startServer starts a daemon for the configuration in dir.
func startServer(t *testing.T, dir string, args ...string) *server {
	t.Helper()
	return runServer(t, program(dir, append([]string{"serve"}, args...)...))
}

// serve starts a daemon whose log is in JSON.
func serve(t *testing.T, dir string, environ []string, args ...string) *server {
	t.Helper()
	cmd := program(dir, append([]string{"serve", "-log-format", "json"}, args...)...)
	cmd.Env = append(cmd.Env, environ...)
	return runServer(t, cmd)
}

func runServer(t *testing.T, cmd *exec.Cmd) *server {
	t.Helper()
	s := &server{t: t, cmd: cmd, more: make(chan struct{}), ended: make(chan struct{})}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = w, w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	go func() {
		defer close(s.ended)
		defer r.Close()
		for in := bufio.NewReader(r); ; {
			line, err := in.ReadString('\n')
			if line != "" {
				s.mu.Lock()
				s.lines = append(s.lines, strings.TrimSuffix(line, "\n"))
				close(s.more)
				s.more = make(chan struct{})
				s.mu.Unlock()
			}
			if err != nil {
				break
			}
		}
		cmd.Wait()
	}()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-s.ended
		if t.Failed() {
			t.Logf("log:\n%s", s.text())
		}
	})
	return s
}

// find waits until the log has a line that fits, from line number from on, and
// returns its number.
func (s *server) find(what string, from int, fits func(string) bool) int {
	s.t.Helper()
	hangs := time.After(time.Minute) // so that the log is seen
	for i := from; ; {
		s.mu.Lock()
		for ; i < len(s.lines); i++ {
			if fits(s.lines[i]) {
				s.mu.Unlock()
				return i
			}
		}
		more := s.more
		s.mu.Unlock()
		select {
		case <-more:
		case <-hangs:
			s.t.Fatalf("notifyrun serve does not say %s", what)
		case <-s.ended:
			s.mu.Lock()
			done := i == len(s.lines)
			s.mu.Unlock()
			if done {
				s.t.Fatalf("notifyrun serve has ended and did not say %s", what)
			}
		}
	}
}

// wait waits for the next line of the log that holds a text, and returns it.
func (s *server) wait(text string) string {
	s.t.Helper()
	i := s.find(fmt.Sprintf("%q", text), s.at, func(line string) bool { return strings.Contains(line, text) })
	s.at = i + 1
	return s.logged()[i]
}

// until waits until a log in JSON has a line that fits, and returns the first one
// from line number from on.
func (s *server) until(from int, fits func(logLine) bool) logLine {
	s.t.Helper()
	i := s.find("what it should", from, func(line string) bool { return fits(parseLog(line)) })
	return parseLog(s.logged()[i])
}

// says waits for a message in a log in JSON.
func (s *server) says(msg string) logLine {
	s.t.Helper()
	return s.until(0, func(l logLine) bool { return l.msg() == msg })
}

func parseLog(line string) logLine {
	var l logLine
	if json.Unmarshal([]byte(line), &l) != nil {
		l = logLine{"msg": line}
	}
	return l
}

// logged is what the log has.
func (s *server) logged() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lines[:len(s.lines):len(s.lines)]
}

// count is how many lines of a log in JSON fit.
func (s *server) count(fits func(logLine) bool) (n int) {
	for _, line := range s.logged() {
		if fits(parseLog(line)) {
			n++
		}
	}
	return n
}

func (s *server) text() string { return strings.Join(s.logged(), "\n") }

// signal sends a signal.
func (s *server) signal(sig os.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
}

// end waits for the end and returns the exit code. One that does not end says where
// it hangs.
func (s *server) end() int {
	stuck := time.AfterFunc(time.Minute, func() { s.cmd.Process.Signal(syscall.SIGQUIT) })
	defer stuck.Stop()
	<-s.ended
	return s.cmd.ProcessState.ExitCode()
}

// stop ends the daemon in order.
func (s *server) stop() {
	s.t.Helper()
	s.signal(syscall.SIGTERM)
	if code := s.end(); code != exitOK {
		s.t.Errorf("exit code %d after SIGTERM", code)
	}
}

// get fetches a page of the daemon.
func (s *server) get(path, accept string) (code int, body string) {
	s.t.Helper()
	address := s.says("listening for HTTP")["address"]
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, fmt.Sprintf("http://%s%s", address, path), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Accept", accept)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}
