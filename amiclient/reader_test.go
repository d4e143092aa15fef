package amiclient

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
)

// readAll returns all messages of a stream and the error that ended it.
func readAll(src io.Reader) (messages []*Message, err error) {
	r := NewReader(src)
	for {
		m, err := r.Read()
		if err != nil {
			return messages, err
		}
		messages = append(messages, m)
	}
}

func TestReader_Read(t *testing.T) {
	for _, test := range []struct {
		name, in string
		want     [][]Header
		err      error
	}{
		{"nothing", "", nil, io.EOF},
		{"one", "Response: Success\r\nActionID: 7\r\n\r\n", [][]Header{{{"Response", "Success"}, {"ActionID", "7"}}}, io.EOF},
		{"bare line feeds", "Ping: Pong\n\n", [][]Header{{{"Ping", "Pong"}}}, io.EOF},
		{"line feed in text", "Message: Unable to find notify type 'nope'\n\r\n\r\nPing: Pong\r\n\r\n",
			[][]Header{{{"Message", "Unable to find notify type 'nope'"}}, {{"Ping", "Pong"}}}, io.EOF},
		{"blank lines only", "\r\n\n\r\n", nil, io.EOF},
		{"odd lines", "UserEvent: \r\nnocolon\r\nX:no blank\r\nY:  two\r\nY: a: b\r\n: z\r\nC: a\rb\r\n\r\n",
			[][]Header{{{"UserEvent", ""}, {"", "nocolon"}, {"X", "no blank"}, {"Y", " two"}, {"Y", "a: b"}, {"", "z"}, {"C", "a\rb"}}}, io.EOF},
		{"cut", "Ping: Pong\r\n\r\nPing: P", [][]Header{{{"Ping", "Pong"}}}, io.ErrUnexpectedEOF},
		{"old command", "Event: A\r\n\r\nResponse: Follows\r\nPrivilege: Command\r\nActionID: 7\r\nActive channels:\n\nnone\n\r\nend\n--END COMMAND--\r\n\r\nPing: Pong\r\n\r\n",
			[][]Header{{{"Event", "A"}}, {{"Response", "Follows"}, {"Privilege", "Command"}, {"ActionID", "7"}, {"Output", "Active channels:"}, {"Output", ""}, {"Output", "none"}, {"Output", ""}, {"Output", "end"}}, {{"Ping", "Pong"}}}, io.EOF},
		{"old command without line end", "Response: Follows\r\nPrivilege: Command\r\n1: --END COMMAND--\n--END COMMAND--\r\n\r\n",
			[][]Header{{{"Response", "Follows"}, {"Privilege", "Command"}, {"Output", "1: --END COMMAND--"}}}, io.EOF},
		{"old command without output", "Response: Follows\r\nPrivilege: Command\r\n--END COMMAND--\r\n\r\n", [][]Header{{{"Response", "Follows"}, {"Privilege", "Command"}}}, io.EOF},
		{"old command, cut", "Response: Follows\r\nPrivilege: Command\r\n\r\n--END COMMAND--\r\n", nil, io.ErrUnexpectedEOF},
		{"endless old command", "Response: Follows\r\n" + strings.Repeat("x\n", 9<<20), nil, ErrProtocol},
		{"cut at line end", "Ping: Pong\r\n", nil, io.ErrUnexpectedEOF},
		{"long line", "A: " + strings.Repeat("b", 1<<20) + "\r\n\r\n", nil, ErrProtocol},
		{"endless line", strings.Repeat("b", 3<<20), nil, ErrProtocol},
		{"many lines", strings.Repeat("A: b\n", 100_001), nil, ErrProtocol},
		{"long message", strings.Repeat("A: "+strings.Repeat("b", 1000)+"\n", 17<<10), nil, ErrProtocol},
	} {
		t.Run(test.name, func(t *testing.T) {
			for name, src := range map[string]io.Reader{
				"whole":  strings.NewReader(test.in),
				"halves": iotest.HalfReader(strings.NewReader(test.in)),
				"bytes":  iotest.OneByteReader(strings.NewReader(test.in)),
			} {
				got, err := readAll(src)
				if !errors.Is(err, test.err) {
					t.Errorf("%s: error %v, want %v", name, err, test.err)
				}
				if len(got) != len(test.want) {
					t.Fatalf("%s: %d messages, want %d", name, len(got), len(test.want))
				}
				for i := range got {
					if got := got[i].Headers(); !reflect.DeepEqual(got, test.want[i]) {
						t.Errorf("%s: message %d: %q, want %q", name, i, got, test.want[i])
					}
				}
			}
		})
	}
}

func TestMessage_Get(t *testing.T) {
	m := NewMessage(Header{"Event", "A"}, Header{"Contacts", "1"}, Header{"event", "B"}, Header{"contacts", "2"}, Header{"Contacts2", "3"}, Header{"Con", "4"}, Header{"", "Contacts"})
	if got := m.Get("EVENT"); got != "A" {
		t.Errorf("Get: %q, want the first", got)
	}
	if got := m.Values("Contacts"); !reflect.DeepEqual(got, []string{"1", "2"}) {
		t.Errorf("Values: %q", got)
	}
	if got := m.Get("None") + fmt.Sprint(m.Values("None")); got != "[]" {
		t.Errorf("absent header: %q", got)
	}
}

// FuzzReader: no panic, no empty message, and no difference by how the stream
// is cut into reads.
func FuzzReader(f *testing.F) {
	for _, dialogue := range recorded(f) {
		f.Add(dialogue.server())
	}
	f.Add([]byte("\n\r\n:\n\n A : \r\r\n\n"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		whole, err := readAll(bytes.NewReader(stream))
		pieces, err2 := readAll(iotest.OneByteReader(bytes.NewReader(stream)))
		if !reflect.DeepEqual(whole, pieces) || (err == nil) != (err2 == nil) {
			t.Fatalf("read whole: %v %v; byte by byte: %v %v", whole, err, pieces, err2)
		}
		for _, m := range whole {
			if m.text == "" {
				t.Fatal("a message without headers")
			}
			for _, h := range m.Headers() {
				if strings.ContainsAny(h.Name+h.Value, "\n") {
					t.Fatalf("a line feed in %q", h)
				}
			}
		}
	})
}

// sample is a stream as a busy server sends it: 3.5 MB.
func sample() []byte {
	var b bytes.Buffer
	for i := range 6400 {
		fmt.Fprintf(&b, "Event: EndpointList\r\nActionID: 6f1c-%d\r\nObjectType: endpoint\r\nObjectName: p%06d\r\nTransport: transport-udp\r\nAor: p%06d\r\nAuths: \r\nOutboundAuths: \r\n"+
			"Contacts: p%06d/sip:p%06d@127.0.0.1:5999,\r\nDeviceState: Not in use\r\nActiveChannels: 0\r\n\r\n", i, i, i, i, i)
		fmt.Fprintf(&b, "Event: DeviceStateChange\r\nPrivilege: call,all\r\nDevice: PJSIP/p%06d\r\nState: NOT_INUSE\r\n\r\n", i)
		fmt.Fprintf(&b, "Event: UserEvent\r\nPrivilege: user,all\r\nUserEvent: Reboot\r\nActionID: 01J9Z3-%d\r\nPhone: %d\r\nSite: hq\r\nNote: something longer, as people write it\r\n\r\n", i, i)
		fmt.Fprintf(&b, "Response: Success\r\nActionID: 01J9Z3-%d\r\nMessage: NOTIFY sent\r\n\r\n", i)
	}
	return b.Bytes()
}

// readStream reads the whole stream and looks at each header of it.
func readStream(b *testing.B, stream []byte, only ...string) (messages, headers int) {
	r := NewReader(bytes.NewReader(stream))
	r.Only(only...)
	for {
		m, err := r.Read()
		if err == io.EOF {
			return messages, headers
		}
		if err != nil {
			b.Fatal(err)
		}
		messages++
		for name := range m.All() {
			if name != "" {
				headers++
			}
		}
	}
}

// BenchmarkReader reads a busy server's stream from memory: all of it, with each
// message kept and each header looked at; and with a filter that no event passes.
func BenchmarkReader(b *testing.B) {
	stream := sample()
	for name, only := range map[string][]string{"all": nil, "filtered": {"None"}} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(stream)))
			b.ReportAllocs()
			messages := 0
			for b.Loop() {
				messages, _ = readStream(b, stream, only...)
			}
			b.ReportMetric(float64(messages), "messages/op")
		})
	}
}
