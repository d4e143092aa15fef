package amitest

import (
	"bytes"
	"context"
	"fmt"
	"hash/maphash"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// Phone is a UDP SIP phone for any number of users on one port: it answers what Asterisk sends, and keeps the NOTIFYs.
// A request that comes again (same Call-ID and CSeq: RFC 3261 section 17.1.2, UDP retransmits after 0.5 s) is answered
// again and counted once. It answers OPTIONS, with which Asterisk qualifies contacts, with 200 unless it is silent, and takes calls.
type Phone struct {
	UserAgent string // what it says it is when it registers, "Test Phone 1.0" unless set

	conn *net.UDPConn
	addr netip.AddrPort
	seed maphash.Seed

	status   atomic.Int32
	counting atomic.Bool
	count    atomic.Int64
	repeats  atomic.Int64
	cseq     atomic.Int64 // of its own requests

	mu       sync.Mutex
	changed  chan struct{} // closed and replaced at each new NOTIFY
	seen     map[uint64]struct{}
	requests []*Request
	calls    []*Request             // INVITEs
	awaited  map[string]chan string // by Call-ID and CSeq: who waits for the answer to a request of the phone
	ended    chan struct{}
}

// Request is a SIP request as a phone received it.
type Request struct {
	Method  string
	URI     string      // the Request-URI
	Headers []SIPHeader // lines in the order received; a folded line is one of its own, with a name that begins with a blank
	Body    []byte
	Raw     []byte // all of it, as it came
}

// SIPHeader is one header line: the name as written, and the value without the blanks after the colon.
type SIPHeader struct{ Name, Value string }

// Get returns the first value of the header called name, in any case, and whether there is one.
func (r *Request) Get(name string) (string, bool) {
	for _, h := range r.Headers {
		if strings.EqualFold(h.Name, name) {
			return h.Value, true
		}
	}
	return "", false
}

// User returns the user part of the Request-URI, "" if it has none.
func (r *Request) User() string {
	_, rest, _ := strings.Cut(r.URI, ":")
	user, _, found := strings.Cut(rest, "@")
	if !found {
		return ""
	}
	return user
}

// StartPhone starts a phone on a free UDP port of 127.0.0.1; it ends with the test.
func StartPhone(tb testing.TB) *Phone {
	tb.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		tb.Fatalf("start phone: %v", err)
	}
	// Bursts of thousands of NOTIFYs come faster than they are answered. The kernel caps the size by itself.
	if err := conn.SetReadBuffer(4 << 20); err != nil {
		tb.Fatalf("start phone: %v", err)
	}
	p := &Phone{
		conn: conn, addr: conn.LocalAddr().(*net.UDPAddr).AddrPort(), seed: maphash.MakeSeed(),
		changed: make(chan struct{}), seen: make(map[uint64]struct{}), awaited: make(map[string]chan string), ended: make(chan struct{}),
	}
	p.status.Store(200)
	go p.serve()
	tb.Cleanup(func() {
		conn.Close()
		<-p.ended
	})
	return p
}

// Addr returns the phone's address, ip:port.
func (p *Phone) Addr() string { return p.addr.String() }

// SetStatus makes the phone answer each NOTIFY from now on with this SIP status; 0 makes it silent, to OPTIONS too.
func (p *Phone) SetStatus(status int) { p.status.Store(int32(status)) }

// SetCounting makes the phone only count its NOTIFYs from now on instead of keeping them, for benchmarks.
func (p *Phone) SetCounting(on bool) { p.counting.Store(on) }

// Count returns how many NOTIFYs came, each counted once.
func (p *Phone) Count() int { return int(p.count.Load()) }

// Repeats returns how many packets were retransmissions of a NOTIFY already counted.
func (p *Phone) Repeats() int { return int(p.repeats.Load()) }

// Requests returns the NOTIFYs kept so far, in order of arrival.
func (p *Phone) Requests() []*Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.requests[:len(p.requests):len(p.requests)]
}

// Reset forgets all NOTIFYs and sets the counters to 0. A retransmission of a forgotten one still counts as such.
func (p *Phone) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests = nil
	p.count.Store(0)
	p.repeats.Store(0)
}

// Wait returns as soon as n NOTIFYs have come since the last Reset, with those kept; or ctx's error.
func (p *Phone) Wait(ctx context.Context, n int) ([]*Request, error) {
	for {
		p.mu.Lock()
		requests, changed := p.requests[:len(p.requests):len(p.requests)], p.changed
		p.mu.Unlock()
		if p.Count() >= n {
			return requests, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return requests, fmt.Errorf("wait for %d NOTIFYs: %d came: %w", n, p.Count(), context.Cause(ctx))
		}
	}
}

func (p *Phone) serve() {
	defer close(p.ended)
	packet := make([]byte, 64<<10)
	var answer []byte
	for {
		n, from, err := p.conn.ReadFromUDPAddrPort(packet)
		if err != nil {
			return // closed by the test's end
		}
		if bytes.HasPrefix(packet[:n], []byte("INVITE ")) {
			answer = p.acceptCall(packet[:n])
		} else if status := p.take(packet[:n]); status != 0 {
			answer = appendAnswer(answer[:0], packet[:n], status)
		} else {
			continue
		}
		if _, err := p.conn.WriteToUDPAddrPort(answer, from); err != nil {
			return
		}
	}
}

// take counts and keeps a packet that is a NOTIFY, and returns the status to answer with, 0 for none.
func (p *Phone) take(packet []byte) int {
	switch {
	case bytes.HasPrefix(packet, []byte("SIP/2.0 ")):
		p.answered(packet)
		return 0
	case bytes.HasPrefix(packet, []byte("OPTIONS ")) && p.status.Load() == 0:
		return 0
	case bytes.HasPrefix(packet, []byte("OPTIONS ")), bytes.HasPrefix(packet, []byte("BYE ")):
		return 200
	case !bytes.HasPrefix(packet, []byte("NOTIFY ")):
		return 0
	}
	var h maphash.Hash
	h.SetSeed(p.seed)
	eachLine(packet, func(line []byte) {
		if hasName(line, "Call-ID") || hasName(line, "CSeq") {
			h.Write(line)
		}
	})
	key := h.Sum64()
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, again := p.seen[key]; again {
		p.repeats.Add(1)
		return int(p.status.Load())
	}
	p.seen[key] = struct{}{}
	if !p.counting.Load() {
		p.requests = append(p.requests, parseRequest(packet))
	}
	p.count.Add(1)
	close(p.changed)
	p.changed = make(chan struct{})
	return int(p.status.Load())
}

// eachLine calls f with each header line, up to the blank line.
func eachLine(packet []byte, f func(line []byte)) {
	_, rest, _ := bytes.Cut(packet, []byte("\r\n"))
	for {
		line, after, found := bytes.Cut(rest, []byte("\r\n"))
		if !found || len(line) == 0 {
			return
		}
		f(line)
		rest = after
	}
}

func hasName(line []byte, name string) bool {
	return len(line) > len(name) && line[len(name)] == ':' && strings.EqualFold(string(line[:len(name)]), name)
}

func parseRequest(packet []byte) *Request {
	packet = bytes.Clone(packet)
	head, body, _ := bytes.Cut(packet, []byte("\r\n\r\n"))
	first, _, _ := strings.Cut(string(head), "\r\n")
	words := strings.SplitN(first, " ", 3)
	r := &Request{Method: words[0], Body: body, Raw: packet}
	if len(words) > 1 {
		r.URI = words[1]
	}
	eachLine(packet, func(line []byte) {
		name, value, _ := strings.Cut(string(line), ":")
		r.Headers = append(r.Headers, SIPHeader{name, strings.TrimPrefix(value, " ")})
	})
	return r
}

// appendAnswer appends the response to a request: Via, From, To, Call-ID and CSeq are copied as they came (RFC 3261
// section 8.2.6); a To without tag gets one.
func appendAnswer(dst, request []byte, status int) []byte {
	dst = append(dst, "SIP/2.0 "...)
	dst = strconv.AppendInt(dst, int64(status), 10)
	dst = append(dst, " Answer\r\n"...)
	eachLine(request, func(line []byte) {
		switch {
		case hasName(line, "Via"), hasName(line, "From"), hasName(line, "Call-ID"), hasName(line, "CSeq"):
			dst = append(dst, line...)
			dst = append(dst, "\r\n"...)
		case hasName(line, "To"):
			dst = append(dst, line...)
			if !bytes.Contains(line, []byte(";tag=")) {
				dst = append(dst, ";tag=phone"...)
			}
			dst = append(dst, "\r\n"...)
		}
	})
	return append(dst, "Content-Length: 0\r\n\r\n"...)
}
