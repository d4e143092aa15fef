package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/notifyrun/notifyrun/amiclient/amisim"
)

// logLine is a line of the log in JSON.
type logLine map[string]any

func (l logLine) msg() string { return fmt.Sprint(l["msg"]) }

// serving is notifyrun serve in a process of its own.
type serving struct {
	t   *testing.T
	cmd *exec.Cmd

	mu    sync.Mutex
	lines []logLine
	more  chan struct{} // closed and replaced with each line
	ended chan struct{}
}

// serve starts a daemon for the configuration in dir.
func serve(t *testing.T, dir string, environ []string, args ...string) *serving {
	t.Helper()
	s := &serving{
		t: t, cmd: program(dir, append([]string{"serve", "-log-format", "json"}, args...)...),
		more: make(chan struct{}), ended: make(chan struct{}),
	}
	s.cmd.Env = append(s.cmd.Env, environ...)
	stderr, err := s.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			var l logLine
			if json.Unmarshal(lines.Bytes(), &l) != nil {
				l = logLine{"msg": lines.Text()}
			}
			s.mu.Lock()
			s.lines = append(s.lines, l)
			close(s.more)
			s.more = make(chan struct{})
			s.mu.Unlock()
		}
		s.cmd.Wait()
		close(s.ended)
	}()
	t.Cleanup(func() {
		s.cmd.Process.Kill()
		<-s.ended
		if t.Failed() {
			t.Logf("log:\n%s", s.text())
		}
	})
	return s
}

// until waits until the log has a line that fits, and returns the first one from
// line number from on.
func (s *serving) until(from int, fits func(logLine) bool) logLine {
	s.t.Helper()
	hangs := time.After(time.Minute) // so that the log is seen
	for i := from; ; {
		s.mu.Lock()
		for ; i < len(s.lines); i++ {
			if fits(s.lines[i]) {
				l := s.lines[i]
				s.mu.Unlock()
				return l
			}
		}
		more := s.more
		s.mu.Unlock()
		select {
		case <-more:
		case <-hangs:
			s.t.Fatal("the daemon does not say what it should")
		case <-s.ended:
			s.mu.Lock()
			done := i == len(s.lines)
			s.mu.Unlock()
			if done {
				s.t.Fatal("the daemon ended before it said what it should")
			}
		}
	}
}

// says waits for a message in the log.
func (s *serving) says(msg string) logLine {
	s.t.Helper()
	return s.until(0, func(l logLine) bool { return l.msg() == msg })
}

// logged is how many lines the log has.
func (s *serving) logged() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.lines)
}

// count is how many lines of the log fit.
func (s *serving) count(fits func(logLine) bool) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.lines {
		if fits(l) {
			n++
		}
	}
	return n
}

func (s *serving) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	for _, l := range s.lines {
		text, _ := json.Marshal(l)
		fmt.Fprintf(&b, "%s\n", text)
	}
	return b.String()
}

// signal sends a signal.
func (s *serving) signal(sig os.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
}

// end waits for the end and returns the exit code.
func (s *serving) end() int {
	<-s.ended
	return s.cmd.ProcessState.ExitCode()
}

// stop ends the daemon in order.
func (s *serving) stop() {
	s.t.Helper()
	s.signal(syscall.SIGTERM)
	if code := s.end(); code != exitOK {
		s.t.Errorf("exit code %d after SIGTERM", code)
	}
}

// get fetches a page of the daemon.
func (s *serving) get(path, accept string) (code int, body string) {
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

// startPBX gives a PBX of the test's own.
func startPBX(t *testing.T, config amisim.Config) *amisim.Server {
	t.Helper()
	if config.Phones == nil {
		config.Phones = amisim.Phones(5)
	}
	sim, err := amisim.Start(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sim.Close() })
	return sim
}

// applies writes a configuration into dir and applies it.
func applies(t *testing.T, dir, config string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "main.hcl"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := program(dir, "apply", "-auto-approve").CombinedOutput(); err != nil {
		t.Fatalf("apply: %v\n%s", err, out)
	}
}

// filePBX declares a server whose secret lies in a file in dir.
func filePBX(t *testing.T, dir, name, address string, user amisim.User) string {
	t.Helper()
	writeSecret(t, dir, name, user.Secret)
	return fmt.Sprintf("pbx %[1]q {\n  address     = %[2]q\n  username    = %[3]q\n  secret_file = \"%[1]s.secret\"\n}\n", name, address, user.Name)
}

func writeSecret(t *testing.T, dir, name, secret string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name+".secret"), []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

// secondly is a job of a PBX that fires each second.
func secondly(name string) string {
	return fmt.Sprintf("sip_notify %[1]q {\n  pbx     = pbx.%[1]s\n  targets = [\"PJSIP/1001\"]\n  message {\n    event = \"ping\"\n  }\n  trigger \"schedule\" {\n    cron    = \"@every 1s\"\n    overlap = \"skip\"\n  }\n}\n", name)
}
