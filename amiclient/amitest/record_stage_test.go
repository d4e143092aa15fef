package amitest

import (
	"bufio"
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// stage is where a recording is played.
type stage struct {
	server *Asterisk
	phone  *Phone
	conn   net.Conn
	in     *bufio.Reader
	lines  []string          // of the file
	filled map[string]string // by name, for fill
	ids    int
}

func (s *stage) play(t *testing.T, r recording) {
	t.Helper()
	if r.before != nil {
		r.before(t, s)
	}
	greeting := s.connect(t)
	if r.user == "-" {
		s.note("S", greeting)
	} else {
		s.login(t, r)
	}
	for _, step := range r.all() {
		s.take(t, step)
	}
	if r.after != nil {
		r.after(t, s)
	}
}

// connect connects, also to a server that is just going and coming back, and returns its greeting.
func (s *stage) connect(t *testing.T) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		conn, err := net.Dial("tcp", s.server.Addr)
		if err == nil {
			t.Cleanup(func() { conn.Close() })
			conn.SetDeadline(time.Now().Add(30 * time.Second))
			s.conn, s.in = conn, bufio.NewReader(conn)
			var greeting string
			if greeting, err = s.in.ReadString('\n'); err == nil {
				return greeting
			}
		}
		select {
		case <-ctx.Done():
			t.Fatal(err)
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// login logs in outside of the recording.
func (s *stage) login(t *testing.T, r recording) {
	t.Helper()
	user, mask := r.user, r.mask
	if user == "" {
		user = UserFull
	}
	if mask == "" {
		mask = "off"
	}
	fmt.Fprintf(s.conn, "Action: Login\r\nUsername: %s\r\nSecret: %s\r\nEvents: %s\r\n\r\n", user, Secret, mask)
	if answer := readMessage(t, s.in); !strings.HasPrefix(answer, "Response: Success\r\n") {
		t.Fatalf("login: %q", answer)
	}
	if strings.Contains(mask, "system") && user != UserNoSystem {
		readMessage(t, s.in) // FullyBooted
	}
}

func (s *stage) take(t *testing.T, step step) {
	t.Helper()
	if step.note != "" {
		s.lines = append(s.lines, "# "+step.note)
	}
	if step.do != nil {
		step.do(t, s)
	}
	answers := 0
	if step.send != "" {
		text := strings.ReplaceAll(s.fill(t, step.send), "\n", "\r\n")
		s.note("C", text)
		if _, err := io.WriteString(s.conn, text); err != nil {
			t.Fatal(err)
		}
		answers = strings.Count(text, "\r\n\r\n")
	}
	events := slices.Clone(step.events)
	if len(events) > 0 {
		nudge(t, s.conn)
	}
	if step.ends {
		// A server that ends may forget to tell, or, rarely, to close the connection: one of both will do.
		for m := s.read(t, true); m != ""; m = s.read(t, true) {
			name := strings.TrimPrefix(firstLine(m), "Event: ")
			if i := slices.Index(events, name); i >= 0 {
				if events = slices.Delete(events, i, i+1); len(events) == 0 {
					return
				}
			}
		}
		return
	}
	for answers > 0 || len(events) > 0 {
		m := s.read(t, false)
		switch name, isEvent := strings.CutPrefix(firstLine(m), "Event: "); {
		case isEvent:
			if strings.Contains(m, "\r\nEventList: Complete\r\n") {
				answers--
			}
			if i := slices.Index(events, name); i >= 0 {
				events = slices.Delete(events, i, i+1)
			}
		case !strings.Contains(m, "\r\nEventList: start\r\n"):
			answers--
		}
	}
	if step.gets > 0 {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		requests, err := s.phone.Wait(ctx, step.gets)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range requests {
			text := n.Method + " " + n.URI + " SIP/2.0\r\n"
			for _, h := range n.Headers {
				text += h.Name + ": " + h.Value + "\r\n"
			}
			s.note("P", text+"\r\n"+string(n.Body))
		}
		s.phone.Reset()
	}
}

func firstLine(m string) string {
	line, _, _ := strings.Cut(m, "\r\n")
	return line
}

// read reads one message and notes it down. An empty message is the rest of the one before it, which ended in a line end
// of its own. With end it returns "" at the end of the connection, which else is a failure.
func (s *stage) read(t *testing.T, end bool) string {
	t.Helper()
	var b strings.Builder
	for {
		line, err := s.in.ReadString('\n')
		b.WriteString(line)
		if end && b.Len() == 0 && (errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET)) {
			return ""
		}
		if err != nil {
			t.Fatalf("after %q: %v", b.String(), err)
		}
		if line != "\r\n" {
			continue
		}
		if isNudge(b.String()) {
			b.Reset()
			continue
		}
		if b.Len() == len("\r\n") {
			for i := len(s.lines) - 1; ; i-- {
				if strings.HasPrefix(s.lines[i], "S ") {
					s.lines[i] += "⏎"
					break
				}
			}
			b.Reset()
			continue
		}
		s.learn(b.String())
		s.note("S", b.String())
		return b.String()
	}
}

// digests are the headers in which a digest of a secret goes over the wire.
var digests = regexp.MustCompile(`(?m)^(Key|Response|ExpectedResponse|ReceivedHash): [0-9a-f]{32}(\r?)$`)

func (s *stage) note(who, text string) {
	text = digests.ReplaceAllString(text, "$1: <hex>$2")
	s.lines = append(s.lines, who+" "+strings.NewReplacer("\r\n", "⏎", "\n", "␊").Replace(text))
}

// learn keeps from a message what later steps may need.
func (s *stage) learn(m string) {
	for line := range strings.SplitSeq(m, "\r\n") {
		switch name, value, _ := strings.Cut(line, ": "); name {
		case "Challenge":
			s.filled["key"] = fmt.Sprintf("%x", md5.Sum([]byte(value+Secret)))
		case "Channel":
			s.filled["channel"] = value
		}
	}
}

var braces = regexp.MustCompile(`\{\w+\}`)

// fill puts in what is only known when the dialogue is played: {id}, a new ActionID; {phone}, its ip:port; {key}, the
// answer to the last challenge; {channel}, that of the last message that had one; {call}, the Call-ID of the last INVITE
// that the phone got.
func (s *stage) fill(t *testing.T, text string) string {
	s.filled["phone"] = s.phone.Addr()
	return braces.ReplaceAllStringFunc(text, func(name string) string {
		name = strings.Trim(name, "{}")
		if name == "id" {
			s.ids++
			return fmt.Sprint("r", s.ids)
		}
		value := s.filled[name]
		if value == "" {
			t.Fatalf("nothing has said yet what {%s} is", name)
		}
		return value
	})
}

// cli runs a CLI command outside of the recording.
func (s *stage) cli(t *testing.T, command string) {
	t.Helper()
	s.other().play(t, recording{steps: []step{do("Command", "Command: "+command)}})
}

// other is a stage for another connection to the same server.
func (s *stage) other() *stage {
	return &stage{server: s.server, phone: s.phone, filled: make(map[string]string)}
}

// file writes a file into the server's configuration directory, or adds to one.
func (s *stage) file(t *testing.T, name, text string) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(s.server.dir, name), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
}
