package amitest

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
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
