package amitest

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/amiclient/amisim"
)

// benchServer is a server that actions are timed on.
type benchServer struct {
	addr, user, secret string
	actions            map[string][]amiclient.Action // taken in turn
	arrived            func() int                    // NOTIFYs, in all; nil: nobody counts
}

// BenchmarkAMI measures actions a second, from the first byte to the last
// answer, by the number in flight: by the client, and in the same run by a bare
// socket loop that does nothing but write and count answers. An operation is
// one round of 5,000 actions each (of 300 with one in flight), the two taking
// turns at going first. The metric client/bare is the ratio of their rates. The
// server of 256-far is 10 ms away, there and back.
//
// The servers are the simulated one, Asterisk 16 and 22 where they can be had,
// or instead of all these the one that the environment names:
//
//	AMI_ADDRESS=pbx:5038 AMI_USERNAME=notifyrun AMI_SECRET=… go test ./amiclient/amitest -run '^$' -bench AMI -benchtime 5x
//
// There only Pings are sent, and NOTIFYs too if AMI_ENDPOINT names a PJSIP
// endpoint and AMI_EVENT an event for it that does no harm.
func BenchmarkAMI(b *testing.B) {
	servers := map[string]func(b *testing.B) benchServer{
		"simulated-22": simulatedBench,
		"asterisk-16":  func(b *testing.B) benchServer { return realBench(b, 16) },
		"asterisk-22":  func(b *testing.B) benchServer { return realBench(b, 22) },
	}
	if os.Getenv("AMI_ADDRESS") != "" {
		servers = map[string]func(b *testing.B) benchServer{"given": givenBench}
	}
	for name, start := range servers {
		b.Run(name, func(b *testing.B) {
			s := start(b)
			for action := range s.actions {
				for _, window := range []int{1, 16, 64, 256} {
					b.Run(action+"/"+strconv.Itoa(window), func(b *testing.B) { s.compare(b, action, window) })
				}
				b.Run(action+"/256-far", func(b *testing.B) {
					far := s
					far.addr = (&Proxy{Delay: [2]time.Duration{5 * time.Millisecond, 5 * time.Millisecond}}).Listen(b, s.addr)
					far.compare(b, action, 256)
				})
			}
		})
	}
}

// compare times both, in turns.
func (s benchServer) compare(b *testing.B, action string, window int) {
	n := 5000
	if window == 1 {
		n = 300
	}
	conn, err := amiclient.Dial(b.Context(), amiclient.Config{Address: s.addr, Username: s.user, Secret: s.secret, MaxInFlight: window, Timeout: time.Minute})
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	bare := s.dialBare(b)
	defer bare.Close()
	rounds := [2]func() time.Duration{
		func() time.Duration { return sendBare(b, bare, s.actions[action], n, window) },
		func() time.Duration { return sendByClient(b, conn, s.actions[action], n) },
	}
	var took [2]time.Duration
	for i := range b.N {
		for _, which := range [2]int{i % 2, 1 - i%2} {
			before := 0
			if s.arrived != nil {
				before = s.arrived()
			}
			took[which] += rounds[which]()
			s.settle(b, action, before+n)
		}
	}
	rate := func(d time.Duration) float64 { return float64(n*b.N) / d.Seconds() }
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(rate(took[0]), "bare/s")
	b.ReportMetric(rate(took[1]), "client/s")
	b.ReportMetric(rate(took[1])/rate(took[0]), "client/bare")
}

// settle waits until the phone has heard what was sent: PJSIP answers first.
func (s benchServer) settle(b *testing.B, action string, want int) {
	if s.arrived == nil || !strings.HasSuffix(strings.ToLower(action), "notify") {
		return
	}
	for deadline := time.Now().Add(40 * time.Second); s.arrived() < want; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			b.Fatalf("%d NOTIFYs arrived, want %d", s.arrived(), want)
		}
	}
	if n := s.arrived(); n != want {
		b.Fatalf("%d NOTIFYs arrived, want %d", n, want)
	}
}

func simulatedBench(b *testing.B) benchServer {
	phones := amisim.Phones(1000)
	for i := range phones {
		phones[i].Reboot = amisim.RebootNever
	}
	s, err := amisim.Start(amisim.Config{Phones: phones, Keep: -1})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	return benchServer{s.Addr(), s.Users()[0].Name, s.Users()[0].Secret, benchActions(false), s.Count}
}

func realBench(b *testing.B, major int) benchServer {
	phone := StartPhone(b)
	phone.SetCounting(true)
	a := StartAsterisk(b, major, AsteriskConfig{Phone: phone.Addr(), Endpoints: 1000})
	return benchServer{a.Addr, UserFull, Secret, benchActions(a.ChanSIP), phone.Count}
}

func givenBench(b *testing.B) benchServer {
	s := benchServer{os.Getenv("AMI_ADDRESS"), os.Getenv("AMI_USERNAME"), os.Getenv("AMI_SECRET"), map[string][]amiclient.Action{"Ping": {{Name: "Ping"}}}, nil}
	if endpoint, event := os.Getenv("AMI_ENDPOINT"), os.Getenv("AMI_EVENT"); endpoint != "" && event != "" {
		notify := amiclient.PJSIPNotify{Endpoint: endpoint, Variables: []amiclient.Variable{{Name: "Event", Value: event}}}
		s.actions["PJSIPNotify"] = []amiclient.Action{notify.Action()}
	}
	return s
}

// benchActions are for the endpoints 1001 to 2000.
func benchActions(chanSIP bool) map[string][]amiclient.Action {
	actions := map[string][]amiclient.Action{"Ping": {{Name: "Ping"}}}
	event := []amiclient.Variable{{Name: "Event", Value: "check-sync;reboot=true"}}
	for i := range 1000 {
		name := strconv.Itoa(1001 + i)
		actions["PJSIPNotify"] = append(actions["PJSIPNotify"], amiclient.PJSIPNotify{Endpoint: name, Variables: event}.Action())
		if chanSIP {
			actions["SIPnotify"] = append(actions["SIPnotify"], amiclient.SIPNotify{Channel: "SIP/" + name, Variables: event}.Action())
		}
	}
	return actions
}

// dialBare logs in with all events off.
func (s benchServer) dialBare(b *testing.B) net.Conn {
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		b.Fatal(err)
	}
	fmt.Fprintf(c, "Action: Login\r\nActionID: 1\r\nUsername: %s\r\nSecret: %s\r\nEvents: off\r\n\r\n", s.user, s.secret)
	buf := make([]byte, 4096)
	for n := 0; !bytes.Contains(buf[:n], []byte("Authentication accepted\r\n\r\n")); {
		k, err := c.Read(buf[n:])
		if err != nil {
			b.Fatal(err)
		}
		n += k
	}
	return c
}

// sendBare keeps window actions in flight: as many leave as were answered.
func sendBare(b *testing.B, c net.Conn, actions []amiclient.Action, n, window int) time.Duration {
	in, out := make([]byte, 64<<10), make([]byte, 0, 64<<10)
	ids := actionIDs("bare-", n)
	begin := time.Now()
	kept := 0 // of in: an answer's end may come in two pieces
	for sent, answered := 0, 0; answered < n; {
		out = out[:0]
		for ; sent < n && sent-answered < window; sent++ {
			a := &actions[sent%len(actions)]
			out = append(append(append(out, "Action: "...), a.Name...), "\r\nActionID: "...)
			out = append(append(out, ids[sent]...), '\r', '\n')
			for _, h := range a.Headers {
				out = append(append(append(append(append(out, h.Name...), ": "...), h.Value...), '\r'), '\n')
			}
			out = append(out, '\r', '\n')
		}
		if len(out) > 0 {
			if _, err := c.Write(out); err != nil {
				b.Fatal(err)
			}
		}
		k, err := c.Read(in[kept:])
		if err != nil {
			b.Fatal(err)
		}
		k += kept
		if bytes.Contains(in[:k], []byte("Error")) {
			b.Fatalf("an action failed: %q", in[:k])
		}
		answered += bytes.Count(in[:k], []byte("\r\n\r\n"))
		kept = copy(in, in[max(0, k-3):k])
	}
	return time.Since(begin)
}

func sendByClient(b *testing.B, conn *amiclient.Conn, actions []amiclient.Action, n int) time.Duration {
	ctx := context.Background()
	ids := actionIDs("client-", n)
	failed, all := make(chan error, 1), make(chan struct{})
	answered := 0
	done := func(_ *amiclient.Message, err error) { // from the reader's goroutine alone
		if err != nil {
			select {
			case failed <- err:
			default:
			}
		}
		if answered++; answered == n {
			close(all)
		}
	}
	begin := time.Now()
	for i := range n {
		if err := conn.Go(ctx, ids[i], actions[i%len(actions)], done); err != nil {
			b.Fatal(err)
		}
	}
	<-all
	took := time.Since(begin)
	select {
	case err := <-failed:
		b.Fatal(err)
	default:
	}
	return took
}

func actionIDs(prefix string, n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = prefix + strconv.Itoa(i)
	}
	return ids
}
