package amitest

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// request is a NOTIFY as Asterisk sends it.
func request(call string, cseq int) string {
	return strings.Join([]string{
		"NOTIFY sip:1001@127.0.0.1:5999 SIP/2.0", "Via: SIP/2.0/UDP 127.0.0.1:5170;rport;branch=z9hG4bK1", "From: <sip:1001@127.0.0.1>;tag=a",
		"To: <sip:1001@127.0.0.1>", "Call-ID: " + call, fmt.Sprintf("CSeq: %d NOTIFY", cseq), "Event: check-sync", "X-Blank:  a ",
		"Content-Type: text/plain", "Content-Length:    10", "", "body\r\n\r\nend"}, "\r\n")
}

func dialPhone(t testing.TB, p *Phone) net.Conn {
	t.Helper()
	conn, err := net.Dial("udp4", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	return conn
}

func exchange(t testing.TB, conn net.Conn, text string) string {
	t.Helper()
	if _, err := conn.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 2000)
	n, err := conn.Read(answer)
	if err != nil {
		t.Fatal(err)
	}
	return string(answer[:n])
}

func TestPhone(t *testing.T) {
	p := StartPhone(t)
	conn := dialPhone(t, p)
	want := "SIP/2.0 200 Answer\r\nVia: SIP/2.0/UDP 127.0.0.1:5170;rport;branch=z9hG4bK1\r\nFrom: <sip:1001@127.0.0.1>;tag=a\r\n" +
		"To: <sip:1001@127.0.0.1>;tag=phone\r\nCall-ID: one\r\nCSeq: 1 NOTIFY\r\nContent-Length: 0\r\n\r\n"
	if got := exchange(t, conn, request("one", 1)); got != want {
		t.Errorf("answer %q, want %q", got, want)
	}
	if got := exchange(t, conn, request("one", 1)); got != want {
		t.Errorf("answer to the retransmission %q, want %q", got, want)
	}
	if got := exchange(t, conn, "OPTIONS sip:1001@127.0.0.1 SIP/2.0\r\nCall-ID: o\r\n\r\n"); !strings.HasPrefix(got, "SIP/2.0 200 ") {
		t.Errorf("answer to OPTIONS %q", got)
	}
	for range 2 { // an INVITE may come again
		got := exchange(t, conn, "INVITE sip:1001@127.0.0.1 SIP/2.0\r\nTo: <sip:1001@127.0.0.1>\r\nCall-ID: i\r\nCSeq: 1 INVITE\r\n\r\n")
		if !strings.HasPrefix(got, "SIP/2.0 200 ") || !strings.Contains(got, "\r\nContact: <sip:1001@"+p.Addr()+">\r\n") || !strings.Contains(got, "\r\nm=audio ") {
			t.Errorf("answer to INVITE %q", got)
		}
	}
	if calls := p.Calls(); len(calls) != 1 || calls[0].User() != "1001" {
		t.Errorf("calls %+v", calls)
	}
	p.SetStatus(481)
	if got := exchange(t, conn, request("one", 2)); !strings.HasPrefix(got, "SIP/2.0 481 ") {
		t.Errorf("answer %q, want 481", got)
	}
	p.SetStatus(0)
	if _, err := conn.Write([]byte(request("two", 1))); err != nil {
		t.Fatal(err)
	}
	list, err := p.Wait(t.Context(), 3)
	if err != nil || len(list) != 3 || p.Count() != 3 || p.Repeats() != 1 {
		t.Fatalf("%d requests, %d counted, %d repeats, %v", len(list), p.Count(), p.Repeats(), err)
	}
	r := list[0]
	if blank, _ := r.Get("x-blank"); r.User() != "1001" || blank != " a " || string(r.Body) != "body\r\n\r\nend" || len(r.Headers) != 9 {
		t.Errorf("request %+v", r)
	}
	p.Reset()
	p.SetStatus(200)
	p.SetCounting(true)
	exchange(t, conn, request("three", 1))
	if p.Count() != 1 || len(p.Requests()) != 0 {
		t.Errorf("counting: %d counted, %d kept", p.Count(), len(p.Requests()))
	}
}

// BenchmarkPhone is the rate at which one phone takes and answers NOTIFYs: it has to be above the 35,000 a second that a
// real server was seen to send.
func BenchmarkPhone(b *testing.B) {
	p := StartPhone(b)
	p.SetCounting(true)
	conn := dialPhone(b, p)
	conn.SetDeadline(time.Time{})
	answer := make([]byte, 2000)
	const window = 64
	for i := range b.N {
		if _, err := conn.Write([]byte(request(fmt.Sprint(i), 1))); err != nil {
			b.Fatal(err)
		}
		if i >= window {
			if _, err := conn.Read(answer); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "notify/s")
}
