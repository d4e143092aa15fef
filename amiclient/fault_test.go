package amiclient_test

import (
	"bufio"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/amiclient/amitest"
)

// TestConn_faults has one dialogue of all kinds of actions disturbed at every
// byte, in every way. Nothing may panic, hang, or leave a goroutine, which
// synctest sees; the rest is in faultRun.check.
func TestConn_faults(t *testing.T) {
	const hold = time.Second // far less than any timeout
	plain := &faultRun{}
	synctest.Test(t, plain.run)
	for _, d := range []amitest.Direction{amitest.ToServer, amitest.ToClient} {
		length := len(plain.server.stream[d])
		if length < 500 {
			t.Fatalf("%d bytes %s are not the dialogue", length, d)
		}
		for _, kind := range []struct {
			name    string
			fault   amitest.Fault
			harmful bool // the dialogue need not succeed
			mangles bool // the bytes that come are not those that were sent
		}{
			{"split", amitest.Fault{Kind: amitest.Split}, false, false},
			{"delay", amitest.Fault{Kind: amitest.Split, For: hold}, false, false},
			{"stall", amitest.Fault{Kind: amitest.Stall, For: hold}, false, false},
			{"trickle", amitest.Fault{Kind: amitest.Trickle, Bytes: 20, For: hold / 20}, false, false},
			{"stall for ever", amitest.Fault{Kind: amitest.Stall}, true, false},
			{"cut", amitest.Fault{Kind: amitest.Cut}, true, false},
			{"duplicate a byte", amitest.Fault{Kind: amitest.Duplicate, Bytes: 1}, true, true},
			{"duplicate a message", amitest.Fault{Kind: amitest.Duplicate, Bytes: 60}, true, true},
			{"corrupt a bit", amitest.Fault{Kind: amitest.Corrupt, Mask: 1}, true, true},
			{"corrupt line ends", amitest.Fault{Kind: amitest.Corrupt, Mask: '\r' ^ '\n'}, true, true},
		} {
			t.Run(kind.name+" "+d.String(), func(t *testing.T) {
				stride := 1
				if testing.Short() || underRace() {
					stride = 5 // which meets each kind of line somewhere; all bytes would take minutes
				}
				for at := 0; at <= length; at += stride {
					run := &faultRun{fault: kind.fault, harmful: kind.harmful, mangles: kind.mangles}
					run.fault.Direction, run.fault.At = d, at
					run.merges = kind.fault.Kind == amitest.Duplicate && splices(plain.server.stream[d], at, kind.fault.Bytes)
					synctest.Test(t, run.run)
					if t.Failed() {
						t.Fatalf("the first failure is at byte %d: %q|%q", at, tail(plain.server.stream[d][:at]), plain.server.stream[d][at:min(at+40, length)])
					}
				}
			})
		}
	}
}

// TestConn_endsOfTCP has the dialogue end at many places in the ways that only
// TCP has.
func TestConn_endsOfTCP(t *testing.T) {
	plain := &faultRun{}
	plain.runTCP(t)
	for _, kind := range []amitest.Kind{amitest.Cut, amitest.HalfClose, amitest.Reset} {
		for _, d := range []amitest.Direction{amitest.ToServer, amitest.ToClient} {
			t.Run(fmt.Sprint(kind, " ", d), func(t *testing.T) {
				for at := 0; at < len(plain.server.stream[d]); at += 37 {
					run := &faultRun{fault: amitest.Fault{Kind: kind, Direction: d, At: at}, harmful: true}
					if t.Run(strconv.Itoa(at), run.runTCP); t.Failed() {
						return
					}
				}
			})
		}
	}
}

func tail(b []byte) []byte { return b[max(0, len(b)-40):] }

// splices tells whether repeating the n bytes before at makes a new message of
// the parts of two. AMI has no means to notice that.
func splices(stream []byte, at, n int) bool {
	repeated := string(stream[max(0, at-n):at])
	return strings.Contains(repeated, "\r\n\r\n") && !strings.HasSuffix(repeated, "\r\n\r\n")
}

// underRace tells whether the race detector is on.
func underRace() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// faultRun is the dialogue, once, with one fault.
type faultRun struct {
	fault                    amitest.Fault // of no kind: none
	harmful, mangles, merges bool

	server tokenServer
}

const (
	faultTimeout     = 10 * time.Second
	faultDialTimeout = 15 * time.Second
)

func (f *faultRun) proxy() *amitest.Proxy {
	if f.fault.Kind == "" {
		return &amitest.Proxy{}
	}
	return &amitest.Proxy{Faults: []amitest.Fault{f.fault}}
}

// run runs in a bubble.
func (f *faultRun) run(t *testing.T) {
	server := amitest.Dialler(t, func(d *amitest.Dialogue) { d.Raw(f.server.serve) })
	f.play(t, amiclient.Config{DialContext: f.proxy().Dialler(t, server)}, func() {
		time.Sleep(time.Minute) // for what is held up on its way to the server
		synctest.Wait()
	})
}

// runTCP runs outside.
func (f *faultRun) runTCP(t *testing.T) {
	ended := make(chan struct{})
	server := amitest.Listen(t, func(d *amitest.Dialogue) {
		defer close(ended)
		d.Raw(f.server.serve)
	})
	f.play(t, amiclient.Config{Address: f.proxy().Listen(t, server)}, func() { <-ended })
}

// play plays the dialogue. settle waits for the server to have had all it will get.
func (f *faultRun) play(t *testing.T, cfg amiclient.Config, settle func()) {
	start := time.Now()
	cfg.Username, cfg.Secret, cfg.Timeout, cfg.DialTimeout = "notifyrun", "s3cret", faultTimeout, faultDialTimeout
	c, err := amiclient.Dial(t.Context(), cfg)
	// A login of which an answer is lost waits no longer than for an answer.
	if took := time.Since(start); took > faultDialTimeout+faultTimeout {
		t.Errorf("Dial took %s", took)
	}
	if err != nil {
		var conn *amiclient.ConnError
		if !f.harmful || !errors.As(err, &conn) || conn.Written {
			t.Errorf("Dial: %v", err)
		}
		return
	}
	defer c.Close()

	start = time.Now()
	var events []int
	sub, err := c.Subscribe(t.Context(), amiclient.Filter{Events: []string{"UserEvent"}})
	if err != nil && !f.harmful {
		t.Errorf("Subscribe: %v", err)
	}
	var r results
	var pending sync.WaitGroup
	send := func(token, name string, headers ...amiclient.Header) {
		pending.Add(1)
		done := r.done(token)
		err := c.Go(t.Context(), token, amiclient.Action{Name: name, Headers: headers}, func(m *amiclient.Message, err error) {
			f.checkToken(t, token, m)
			done(m, err)
			pending.Done()
		})
		if err != nil {
			done(nil, err)
			pending.Done()
		}
	}
	token := func(letter string) amiclient.Header { return amiclient.Header{Name: "Token", Value: tokenOf(letter)} }
	send(tokenOf("a"), "Ping", token("a"))
	pending.Wait()
	send(tokenOf("b"), "UserEvent", amiclient.Header{Name: "UserEvent", Value: "x"}, token("b"))
	pending.Wait()
	send(tokenOf("c"), "PJSIPNotify", notify.Headers[0], amiclient.Header{Name: "Variable", Value: "Event=lamp,Token=" + tokenOf("c")})
	send(tokenOf("d"), "PJSIPNotify", notify.Headers[0], amiclient.Header{Name: "Variable", Value: "Event=lamp,Token=" + tokenOf("d")})
	pending.Wait()
	f.list(t, c, &r)
	send(tokenOf("f"), "PJSIPShowEndpoint", amiclient.Header{Name: "Endpoint", Value: "nope"}, token("f"))
	pending.Wait()
	send(tokenOf("g"), "Logoff", token("g"))
	pending.Wait()
	if took := time.Since(start); took > faultTimeout+3*time.Second { // a hold, and the second that answers have after a failed write
		t.Errorf("the actions took %s", took)
	}

	c.Close()
	if sub != nil {
		for {
			m, err := sub.Next(t.Context())
			if m == nil {
				var conn *amiclient.ConnError
				if !errors.As(err, &conn) {
					t.Errorf("Next: %v", err)
				}
				break
			}
			n, _ := strconv.Atoi(m.Get("Number"))
			events = append(events, n)
		}
	}
	settle()
	f.check(t, &r, events)
}

// list runs the list action, whose token is e.
func (f *faultRun) list(t *testing.T, c *amiclient.Conn, r *results) {
	items := 0
	var last error
	for m, err := range c.List(t.Context(), amiclient.Action{Name: "PJSIPShowContacts", Headers: []amiclient.Header{{Name: "Token", Value: tokenOf("e")}}}) {
		if last = err; err != nil {
			break
		}
		items++
		f.checkToken(t, tokenOf("e"), m)
		if got := m.Get("Item"); !f.mangles && got != strconv.Itoa(items) {
			t.Errorf("item %d of the list is %q", items, got)
		}
	}
	if last == nil && !f.mangles && items != 3 {
		t.Errorf("a list of %d items ended well", items)
	}
	r.done(tokenOf("e"))(map[bool]*amiclient.Message{true: {}}[last == nil], last)
}

// checkToken: no action gets another's answer or items.
func (f *faultRun) checkToken(t *testing.T, want string, m *amiclient.Message) {
	if m == nil || f.merges {
		return
	}
	got := m.Get("Token")
	if !f.mangles && got != want {
		t.Errorf("%s was answered %q", want, m.Headers())
	}
	for _, other := range allTokens {
		if other != want && strings.Contains(got, other[:4]) { // one or two such letters are the fault's work
			t.Errorf("%s was answered %q", want, m.Headers())
		}
	}
}

// check: every action ended once, and as it really did.
func (f *faultRun) check(t *testing.T, r *results, events []int) {
	for _, token := range allTokens {
		outcome := r.outcome(token)
		arrived, answered := f.server.arrived[token], f.server.answered[token]
		if strings.Contains(outcome, "Asterisk answers") {
			outcome = "refused"
		}
		for _, broken := range []string{"ended the list with", "by the server's count", "of which the end is known"} {
			if strings.Contains(outcome, broken) {
				outcome = "broken list"
			}
		}
		switch {
		case !slices.Contains([]string{"ok", "refused", "written", "unwritten"}, outcome) && !(f.mangles && outcome == "broken list"):
			t.Errorf("%s: %s", token, outcome)
		case outcome == "unwritten" && arrived:
			t.Errorf("%s is said not to have left, but arrived", token)
		case (outcome == "ok" || outcome == "refused") && !answered && !f.mangles:
			t.Errorf("%s is said to be answered, but was not", token)
		case !f.mangles && (outcome == "ok" && token == tokenOf("f") || outcome == "refused" && token != tokenOf("f")):
			t.Errorf("%s: %s", token, outcome)
		case !f.harmful && outcome != "ok" && outcome != "refused":
			t.Errorf("%s: %s", token, outcome)
		}
	}
	if f.mangles {
		return
	}
	for i, n := range events {
		if n != i+1 {
			t.Errorf("events %v came: one is missing and nothing said so", events)
		}
	}
	if !f.harmful && len(events) != f.server.events {
		t.Errorf("%d events came, %d were sent", len(events), f.server.events)
	}
}

// tokenOf makes a token, which tells what belongs to an action. Two of them
// differ in so many places that no fault makes one of another.
func tokenOf(letter string) string { return strings.Repeat(letter, 8) }

var allTokens = []string{tokenOf("a"), tokenOf("b"), tokenOf("c"), tokenOf("d"), tokenOf("e"), tokenOf("f"), tokenOf("g")}

var tokenPattern = regexp.MustCompile(`Token[:=] ?([^\r\n]*)`)

// tokenServer answers as Asterisk 22 does, and adds the token of the action.
// Unlike a script it puts up with whatever comes.
type tokenServer struct {
	arrived, answered map[string]bool // by token
	events            int             // that were sent
	stream            [2][]byte       // by direction
}

func (s *tokenServer) serve(nc net.Conn) {
	s.arrived, s.answered = map[string]bool{}, map[string]bool{}
	in := bufio.NewReader(nc)
	say := func(format string, args ...any) {
		text := strings.ReplaceAll(fmt.Sprintf(format, args...), "⏎", "\r\n")
		s.stream[amitest.ToClient] = append(s.stream[amitest.ToClient], text...)
		io.WriteString(nc, text) // a failure shows at the next read
	}
	event := func() {
		s.events++
		say("Event: UserEvent⏎UserEvent: x⏎Number: %d⏎⏎", s.events)
	}
	say("Asterisk Call Manager/11.0.0⏎")
	var text string
	for {
		line, err := in.ReadString('\n')
		s.stream[amitest.ToServer] = append(s.stream[amitest.ToServer], line...)
		if err != nil {
			return
		}
		if strings.Trim(line, "\r\n") != "" {
			text += strings.TrimRight(line, "\r\n") + "\n"
			continue
		}
		get := func(name string) string {
			_, after, _ := strings.Cut("\n"+text, "\n"+name+": ")
			value, _, _ := strings.Cut(after, "\n")
			return value
		}
		token := ""
		if found := tokenPattern.FindStringSubmatch(text); found != nil {
			token = found[1]
			s.arrived[token] = true
		}
		answer := func(kind, more string, args ...any) {
			id := ""
			if get("ActionID") != "" {
				id = "ActionID: " + get("ActionID") + "⏎"
			}
			s.answered[token] = true
			say("Response: "+kind+"⏎"+id+"Token: "+token+"⏎"+more+"⏎⏎", args...)
		}
		switch get("Action") {
		case "Challenge":
			answer("Success", "Challenge: 824784021")
		case "Login":
			if get("Key") != fmt.Sprintf("%x", md5.Sum([]byte("824784021s3cret"))) {
				answer("Error", "Message: Authentication failed")
				return
			}
			answer("Success", "Message: Authentication accepted")
			say("Event: FullyBooted⏎Privilege: system,all⏎Status: Fully Booted⏎⏎")
		case "ListCommands":
			answer("Success", "Filter: x  (Priv: system,all)⏎PJSIPNotify: x  (Priv: system,all)")
		case "Events":
			answer("Success", "Events: %s", map[bool]string{true: "Off", false: "On"}[get("EventMask") == "off"])
		case "Ping":
			say("Event: PeerStatus⏎Privilege: system,all⏎Peer: PJSIP/1001⏎PeerStatus: Reachable⏎⏎")
			answer("Success", "Ping: Pong⏎Timestamp: 1700000000.123456")
			event()
		case "UserEvent":
			event()
			answer("Success", "Message: Event Sent")
		case "PJSIPNotify":
			answer("Success", "Message: NOTIFY sent")
			event()
		case "PJSIPShowContacts":
			answer("Success", "EventList: start⏎Message: A list follows")
			for i := range 3 {
				event()
				say("Event: ContactList⏎ActionID: %s⏎Token: %s⏎Item: %d⏎⏎", get("ActionID"), token, i+1)
			}
			say("Event: ContactListComplete⏎ActionID: %s⏎EventList: Complete⏎ListItems: 3⏎⏎", get("ActionID"))
		case "PJSIPShowEndpoint":
			answer("Error", "Message: Unable to retrieve endpoint nope\n")
		case "Logoff":
			answer("Goodbye", "Message: Thanks for all the fish.")
			return
		case "":
			answer("Error", "Message: Missing action in request")
		default:
			answer("Error", "Message: Invalid/unknown command: %s. Use Action: ListCommands to show available commands.", get("Action"))
		}
		text = ""
	}
}
