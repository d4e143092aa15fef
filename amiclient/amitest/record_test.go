package amitest

import (
	"bufio"
	"context"
	"crypto/md5"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
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

var record = flag.Bool("record", false, "write ../testdata/dialogues anew, from the real servers")

// A recording is a scripted dialogue with a real server. What came of it lies in ../testdata/dialogues, in a file for
// each version, for all tests that want to know what servers really say.
type recording struct {
	name  string // of the file, without the version
	about string
	only  int    // this major version alone
	user  string // logs in before the recording begins; default UserFull; "-": nobody, it begins with the greeting
	mask  string // of its events; default "off"
	own   bool   // on a server of its own, since it changes or ends it
	steps []step

	before, after func(t *testing.T, s *stage) // outside of the recording
}

// A step is what the client says, and what must have come before it goes on: the whole answer to each action (of a list:
// up to its end), and the events.
type step struct {
	note   string                       // what happens outside of the connection …
	do     func(t *testing.T, s *stage) // … and how, before anything is sent
	send   string                       // actions, \n for CR LF; what is in braces is filled in, see stage.fill
	events []string                     // names of the events to wait for, in any order
	gets   int                          // so many NOTIFYs are to reach the phone
	ends   bool                         // the server closes the connection after it
}

// do is a step of one action, with an ActionID.
func do(action string, headers ...string) step {
	return step{send: strings.Join(append([]string{"Action: " + action, "ActionID: {id}"}, headers...), "\n") + "\n\n"}
}

func (s step) and(events ...string) step { s.events = events; return s }
func (s step) gotten(n int) step         { s.gets = n; return s }
func (s step) last() step                { s.ends = true; return s }

// away is a step that happens outside of the connection.
func away(note string, do func(t *testing.T, s *stage)) step { return step{note: note, do: do} }

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

// TestRecord plays all recordings against the real servers. With -record it writes them; without, what the servers say
// must have the shape of what lies there: the same answers, list items and events that were waited for, each with the
// same headers in the same order. Values may differ.
func TestRecord(t *testing.T) {
	for _, major := range []int{16, 22} {
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			t.Parallel()
			phone := StartPhone(t)
			server := StartAsterisk(t, major, AsteriskConfig{Phone: phone.Addr()})
			for _, r := range recordings {
				if r.only != 0 && r.only != major {
					continue
				}
				t.Run(r.name, func(t *testing.T) {
					s := (&stage{server: server, phone: phone}).other()
					if r.own {
						s.phone = StartPhone(t)
						s.server = StartAsterisk(t, major, AsteriskConfig{Phone: s.phone.Addr()})
					}
					s.phone.Reset()
					s.play(t, r)
					file := recordingFile(r, major)
					if *record {
						head := fmt.Sprintf("# Recorded from Asterisk %s: %s.\n"+
							"# C is the client, S the server, P what the phone got; ⏎ is CR LF, ␊ a bare LF, <hex> was a digest.\n", s.server.Version, r.about)
						if err := os.WriteFile(file, []byte(head+strings.Join(s.lines, "\n")+"\n"), 0o644); err != nil {
							t.Fatal(err)
						}
						return
					}
					if got, want := shape(r, s.lines), shape(r, recordedLines(t, file)); !slices.Equal(got, want) {
						t.Errorf("the server now says\n\t%s\nand when it was recorded\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
					}
				})
			}
		})
	}
}

// TestRecord_files holds the files and the scripts together, also where there is no server: each recording has its file
// of each version, in which the client says what the script says, and there is no other file.
func TestRecord_files(t *testing.T) {
	files, err := filepath.Glob("../testdata/dialogues/*")
	if err != nil {
		t.Fatal(err)
	}
	left := make(map[string]bool)
	for _, file := range files {
		left[file] = true
	}
	for _, r := range recordings {
		for _, major := range []int{16, 22} {
			if r.only != 0 && r.only != major {
				continue
			}
			file := recordingFile(r, major)
			if !left[file] {
				t.Errorf("%s is missing", file)
				continue
			}
			delete(left, file)
			var got, want []string
			for _, line := range recordedLines(t, file) {
				if text, said := strings.CutPrefix(line, "C "); said {
					got = append(got, text)
				}
			}
			for _, s := range r.all() {
				if s.send != "" {
					want = append(want, strings.ReplaceAll(digests.ReplaceAllString(s.send, "$1: <hex>"), "\n", "⏎"))
				}
			}
			if len(got) != len(want) {
				t.Errorf("%s: the client says %d things, the script %d: record it anew", file, len(got), len(want))
				continue
			}
			for i := range got {
				if !pattern(braces.ReplaceAllString(want[i], "«.*»")).MatchString(got[i]) {
					t.Errorf("%s: the client says %q, the script %q: record it anew", file, got[i], want[i])
				}
			}
		}
	}
	for file := range left {
		t.Errorf("%s: no script makes it", file)
	}
}

func recordingFile(r recording, major int) string {
	return fmt.Sprintf("../testdata/dialogues/%s-%d.txt", r.name, major)
}

func recordedLines(t *testing.T, file string) []string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

// all returns the steps with the logoff that ends a dialogue which nothing else ends: with it all is seen that came.
func (r recording) all() []step {
	if r.steps[len(r.steps)-1].ends {
		return r.steps
	}
	return append(slices.Clip(r.steps), do("Logoff").last())
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

// shape is what must not change between two plays of a recording: of all answers and list items, in order, the kind, the
// Message and the names of the headers, of equal ones in a row one, and, after those, the same of the events that the script waits for, each once.
func shape(r recording, lines []string) []string {
	awaited := make(map[string]bool)
	for _, step := range r.steps {
		for _, event := range step.events {
			awaited[event] = !step.ends
		}
	}
	var answers []string
	events := make(map[string]bool)
	for _, line := range lines {
		text, said := strings.CutPrefix(line, "S ")
		if !said {
			continue
		}
		headers := strings.Split(text, "⏎")
		var names []string
		own := false
		for i, h := range headers {
			name, _, _ := strings.Cut(h, ": ")
			own = own || name == "ActionID"
			if i == 0 || name == "Message" {
				name = h
			}
			names = append(names, name)
		}
		one := strings.Join(slices.Compact(names), "|")
		switch event, isEvent := strings.CutPrefix(headers[0], "Event: "); {
		case isEvent && awaited[event]:
			events[one] = true
		case !isEvent || own:
			answers = append(answers, one)
		}
	}
	return append(answers, slices.Sorted(maps.Keys(events))...)
}
