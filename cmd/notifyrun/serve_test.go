package main

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// server is a notifyrun serve of its own process.
type server struct {
	t     *testing.T
	cmd   *exec.Cmd
	lines chan string // of its log; closed when it has ended
}

// startServer runs notifyrun serve for a configuration directory.
func startServer(t *testing.T, dir string, args ...string) *server {
	t.Helper()
	return runServer(t, program(dir, append([]string{"serve"}, args...)...))
}

func runServer(t *testing.T, cmd *exec.Cmd) *server {
	t.Helper()
	s := &server{t: t, cmd: cmd, lines: make(chan string, 1<<16)}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	s.cmd.Stdout, s.cmd.Stderr = w, w
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	go func() {
		defer close(s.lines)
		defer r.Close()
		for in := bufio.NewReader(r); ; {
			line, err := in.ReadString('\n')
			if line != "" {
				s.lines <- strings.TrimSuffix(line, "\n")
			}
			if err == io.EOF || err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() { s.cmd.Process.Kill(); s.cmd.Wait() })
	return s
}

// wait waits for a line of the log that holds a text, and returns it.
func (s *server) wait(text string) string {
	s.t.Helper()
	deadline := time.After(30 * time.Second)
	var seen []string
	for {
		select {
		case line, ok := <-s.lines:
			if !ok {
				s.t.Fatalf("notifyrun serve has ended and did not say %q but:\n%s", text, strings.Join(seen, "\n"))
			}
			if seen = append(seen, line); strings.Contains(line, text) {
				return line
			}
		case <-deadline:
			s.t.Fatalf("notifyrun serve does not say %q but:\n%s", text, strings.Join(seen, "\n"))
		}
	}
}

// end ends it in order and returns what it still says.
func (s *server) end() string {
	s.t.Helper()
	if err := s.cmd.Process.Signal(os.Interrupt); err != nil {
		s.t.Fatal(err)
	}
	var rest []string
	stuck := time.AfterFunc(time.Minute, func() { s.cmd.Process.Signal(syscall.SIGQUIT) }) // it says where
	defer stuck.Stop()
	for line := range s.lines {
		rest = append(rest, line)
	}
	if err := s.cmd.Wait(); err != nil {
		s.t.Errorf("notifyrun serve: %v\n%s", err, strings.Join(rest, "\n"))
	}
	return strings.Join(rest, "\n")
}
