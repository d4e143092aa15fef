package amiclient

import (
	"bytes"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
)

// FuzzAppend: whatever an action holds, Append writes one message or none. What
// it writes keeps Asterisk's limits and reads back as it was.
func FuzzAppend(f *testing.F) {
	f.Add("Ping", "1", "", "", "", "")
	f.Add("UserEvent", "a-1", "UserEvent", "Reboot", "Phone", "101")
	f.Add("Originate", "1", "Channel", "Local/1@x", "Variable", "a=b\r\n\r\nAction: Logoff")
	f.Add("Command", "1\n", "Command", "core\x00 stop", "A:b", " c")
	f.Add("PJSIPNotify", "1", "Endpoint", "1001", "Variable", "Event=a")
	f.Add("X", strings.Repeat("1", 65), "Action", "Y", strings.Repeat("n", 600), strings.Repeat("v", 600))
	f.Fuzz(func(t *testing.T, name, id, name1, value1, name2, value2 string) {
		before := []byte("before")
		headers := []Header{{name1, value1}, {name2, value2}}
		wire, err := Action{name, headers}.Append(before, id)
		if err != nil {
			var field *FieldError
			if !bytes.Equal(wire, before) || !errors.As(err, &field) {
				t.Fatalf("refused with %v, and wrote %q", err, wire)
			}
			return
		}
		wire = wire[len(before):]
		lines := strings.SplitAfter(string(wire), "\n")
		for i, line := range lines {
			if len(line) > maxLine+2 || i < len(lines)-1 && !strings.HasSuffix(line, "\r\n") || strings.ContainsAny(strings.TrimSuffix(line, "\r\n"), "\r\n\x00") ||
				(line == "\r\n") != (i == len(lines)-2) {
				t.Fatalf("line %d is %q", i, line)
			}
		}
		messages, err := readAll(bytes.NewReader(wire))
		if err != io.EOF || len(messages) != 1 {
			t.Fatalf("%q reads back as %d messages, %v", wire, len(messages), err)
		}
		want := append([]Header{{"Action", name}, {"ActionID", id}}, headers...)
		if got := messages[0].Headers(); !slices.Equal(got, want) {
			t.Fatalf("%q reads back as %q", wire, got)
		}
	})
}

// FuzzConn: whatever a server sends, each action in flight ends once, with the
// answer to it or an error.
func FuzzConn(f *testing.F) {
	const answer = "Response: Success\r\nActionID: 1\r\n\r\n"
	f.Add([]byte(answer + strings.Replace(answer, "1", "2", 1) + strings.Replace(answer, "1", "3", 1)))
	f.Add([]byte(answer + strings.Replace(answer, "1", "3", 1)))
	f.Add([]byte(answer + answer + "Event: Shutdown\r\n\r\n"))
	f.Add([]byte(answer + "Response: Success\r\nActionID: 2\r\nEventList: start\r\n\r\nEvent: X\r\nActionID: 2\r\n\r\nEvent: XComplete\r\nActionID: 2\r\nEventList: Complete\r\n\r\n"))
	f.Add([]byte("Response: Error\r\nMessage: Missing action in request\r\n\r\n"))
	f.Add([]byte(answer + strings.Replace(answer, "1", "2", 1) + "Response: Follows\r\nPrivilege: Command\r\nActionID: 3\r\na\n\nb\n--END COMMAND--\r\n\r\n"))
	f.Add([]byte("Event: FullyBooted\r\n\r\nEvent: FullyBooted\r\n\r\nResponse: Goodbye\r\n\r\nnothing\r\n\r\n"))
	for _, d := range recorded(f) {
		f.Add(d.server())
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		client, server := net.Pipe()
		c := newConn(Config{}.withDefaults(), client, client, false, NewReader(client), "11.0.0")
		subscription, err := newSubscription(Filter{Buffer: 4})
		if err != nil {
			t.Fatal(err)
		}
		c.change(func([]*Subscription) []*Subscription { return []*Subscription{subscription} })
		ended := make([][]error, 4)
		items := 0
		start := func(id int, a Action, item func(*Message)) {
			text := string(rune('0' + id))
			done := func(m *Message, err error) { // one at a time: from the reader, or when that has ended
				if err == nil && m.Get("ActionID") != text {
					err = errors.New("another's answer")
				}
				ended[id] = append(ended[id], err)
			}
			if err := c.start(t.Context(), a, &call{id: text, action: a.Name, done: done, item: item}); err != nil {
				t.Fatal(err)
			}
		}
		start(1, Action{Name: "Ping"}, nil)
		start(2, Action{Name: "CoreShowChannels"}, func(m *Message) {
			if items++; m.Get("ActionID") != "2" || len(ended[2]) > 0 {
				t.Errorf("a wrong item: %q", m.Headers())
			}
		})
		start(3, Action{Name: "Command", Headers: []Header{{"Command", "core show version"}}}, nil)
		go func() {
			in := make([]byte, 4096)
			for got := 0; got < len("Action: Ping\r\nActionID: 1\r\n\r\nAction: CoreShowChannels\r\nActionID: 2\r\n\r\nAction: Command\r\nActionID: 3\r\nCommand: core show version\r\n\r\n"); {
				n, err := server.Read(in)
				if got += n; err != nil {
					return
				}
			}
			server.Write(stream)
			server.Close()
		}()
		<-c.received
		for id := 1; id <= 3; id++ {
			if len(ended[id]) != 1 || ended[id][0] != nil && ended[id][0].Error() == "another's answer" {
				t.Errorf("action %d ended with %v", id, ended[id])
			}
		}
		for {
			_, err := subscription.Next(t.Context())
			var missed *MissedError
			if err != nil && !errors.As(err, &missed) {
				break
			}
		}
	})
}
