package amitest

import (
	"cmp"
	"context"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A Direction is one of the two ways through a Proxy.
type Direction int

const (
	ToServer Direction = iota
	ToClient
)

func (d Direction) String() string { return [...]string{"to server", "to client"}[d] }

// A Kind says what a Fault does when At bytes of its direction have passed.
type Kind string

const (
	// Split ends a Write there: what comes next goes in one of its own, later by For,
	// while the proxy reads on. With For 0 a receiver on TCP may read both at once.
	Split Kind = "split"
	// Stall reads nothing more for For, or for ever if that is 0: the sender's writes
	// block once its buffers are full, and that it closes is not noticed either.
	Stall Kind = "stall"
	// Trickle lets the next Bytes bytes, or all if that is 0, through one by one, For apart.
	Trickle Kind = "trickle"
	// Duplicate sends the last Bytes bytes once more.
	Duplicate Kind = "duplicate"
	// Corrupt changes the next byte by exclusive or with Mask, or with 0xff if that is 0.
	Corrupt Kind = "corrupt"
	// Cut closes both connections, as the end of a process between them does.
	Cut Kind = "cut"
	// HalfClose ends this direction only; what the sender writes then is lost. A
	// net.Pipe has no such state: there it is Cut.
	HalfClose Kind = "half-close"
	// Reset closes both connections with a TCP reset, so that what the ends have
	// received and not read is lost too. A net.Pipe has no such state: there it is Cut.
	Reset Kind = "reset"
)

var kinds = []Kind{Split, Stall, Trickle, Duplicate, Corrupt, Cut, HalfClose, Reset}

// A Fault happens once in a connection, at one place of one direction.
type Fault struct {
	Kind      Kind
	Direction Direction
	At        int // bytes that pass before it
	For       time.Duration
	Bytes     int
	Mask      byte
	Conn      int // the connection it happens in, counted from 1; 0: in each
}

// A Proxy carries connections between clients and a server, with faults: those
// of its list, and a delay that is the same for every byte, as of a long line.
// Its zero value changes nothing. Set the fields before the first connection.
//
// Bytes on the delayed way wait in a queue of their own, so that a delay does
// not limit how many pass in a second. The queue is bounded by 4096 reads of at
// most 64 KiB.
type Proxy struct {
	Faults []Fault
	Delay  [2]time.Duration // by Direction. Over Listen it is kept to some 0.1 ms on Linux, to 1 ms elsewhere

	conns   atomic.Int64
	carried [2]atomic.Int64
}

// Carried returns how many bytes of a direction were read so far, over all
// connections.
func (p *Proxy) Carried(d Direction) int { return int(p.carried[d].Load()) }

// Dialler returns a function for Config.DialContext. Each of its connections is
// a net.Pipe to the proxy and, from there, one that dial makes, for example that
// of the function Dialler. It works within a synctest bubble. Connections end
// when the test does, at the latest.
func (p *Proxy) Dialler(t testing.TB, dial func(ctx context.Context, network, address string) (net.Conn, error)) func(context.Context, string, string) (net.Conn, error) {
	t.Helper()
	open := p.newPassages(t)
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		server, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		client, near := net.Pipe()
		open.start(p, near, server, newTimerAlarm)
		return client, nil
	}
}

// Listen carries connections to a loopback TCP port of its own on to the server
// at that address, until the test ends, and returns its own address.
func (p *Proxy) Listen(t testing.TB, server string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	open := p.newPassages(t)
	var accepting sync.WaitGroup
	t.Cleanup(func() { // runs before that of newPassages
		listener.Close()
		accepting.Wait()
	})
	accepting.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", server)
			if err != nil {
				client.Close()
				continue
			}
			open.start(p, client, far, newAlarm)
		}
	})
	return listener.Addr().String()
}

// passages are the connections through a proxy.
type passages struct {
	mu      sync.Mutex
	all     []*passage
	ended   bool // the test has
	running sync.WaitGroup
}

func (p *Proxy) newPassages(t testing.TB) *passages {
	t.Helper()
	for _, f := range p.Faults {
		if !slices.Contains(kinds, f.Kind) || f.Direction != ToServer && f.Direction != ToClient || f.At < 0 || f.Bytes < 0 {
			t.Fatalf("there is no such fault: %+v", f)
		}
	}
	ps := &passages{}
	t.Cleanup(func() {
		ps.mu.Lock()
		ps.ended = true
		for _, c := range ps.all {
			c.close()
		}
		ps.mu.Unlock()
		ps.running.Wait()
	})
	return ps
}

func (ps *passages) start(p *Proxy, client, server net.Conn, newAlarm func() alarm) {
	c := &passage{ends: [2]net.Conn{client, server}, closed: make(chan struct{})}
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if ps.ended {
		c.close()
		return
	}
	ps.all = append(ps.all, c)
	conn := int(p.conns.Add(1))
	var lanes sync.WaitGroup
	for d, way := range [2][2]net.Conn{ToServer: {client, server}, ToClient: {server, client}} {
		l := &lane{passage: c, from: way[0], to: way[1], delay: p.Delay[d], carried: &p.carried[d], alarm: newTimerAlarm()}
		queue := 16
		if l.delay > 0 {
			queue, l.alarm = 4096, newAlarm()
		}
		l.parcels = make(chan parcel, queue)
		for _, f := range p.Faults {
			if f.Direction == Direction(d) && (f.Conn == 0 || f.Conn == conn) {
				l.faults = append(l.faults, f)
				l.keep = max(l.keep, f.Bytes)
			}
		}
		slices.SortStableFunc(l.faults, func(a, b Fault) int { return cmp.Compare(a.At, b.At) })
		lanes.Go(l.read)
		lanes.Go(l.write)
	}
	ps.running.Go(func() {
		lanes.Wait()
		c.close()
	})
}

// passage is one connection through the proxy, made of two.
type passage struct {
	ends   [2]net.Conn
	closed chan struct{}
	once   sync.Once
}

func (c *passage) close() {
	c.once.Do(func() {
		close(c.closed)
		for _, nc := range c.ends {
			nc.Close()
		}
	})
}

func (c *passage) reset() {
	for _, nc := range c.ends {
		if tcp, ok := nc.(*net.TCPConn); ok {
			tcp.SetLinger(0)
		}
	}
	c.close()
}

// halfClose ends what nc receives.
func (c *passage) halfClose(nc net.Conn) {
	if half, ok := nc.(interface{ CloseWrite() error }); ok {
		half.CloseWrite()
		return
	}
	c.close()
}
