package amiclient

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// A Conn is one logged-in connection. It may be used from many goroutines. Once
// it broke it stays broken: every action then in flight has ended with a
// ConnError, and new ones are refused.
//
// Asterisk runs the actions of a connection one after the other and answers in
// order (main/manager.c: session_do), so several may be in flight, and a slow one
// delays those behind it. An answer is matched by its ActionID, and it must be
// that of the oldest action in flight: if it is a later one's, an answer was lost
// on the way, and nothing more on this connection can be trusted (ErrProtocol).
// An answer to no action in flight is ignored.
type Conn struct {
	cfg Config // without the secret
	raw net.Conn
	nc  net.Conn // raw, or TLS over it

	oneRecord bool // no more than one TLS record may be on its way
	log       *slog.Logger
	version   string

	idPrefix string
	lastID   atomic.Uint64

	wake   chan struct{} // tells the writer that out is not empty
	room   chan struct{} // holds a token when one of those who wait may look for room
	done   chan struct{}
	wrote  chan struct{} // closed when the writer has ended
	booted chan struct{} // closed by the event FullyBooted

	// For the goroutine that reads alone.
	listing  *call // the list action whose items are coming
	finished bool  // there were answers since the last admit
	ignored  int   // messages that belong to nothing

	subscriptions atomic.Pointer[subscriptions]
	subscribing   chan struct{} // held by the one who changes mask
	mask          string        // the event classes that the server sends
	sieve         sieve         // and which events of these, guarded likewise
	received      chan struct{} // closed when no more events will come

	knows knowledge

	mu        sync.Mutex
	err       error  // why new actions are refused
	broken    bool   // the calls are handed back
	out       []byte // actions not yet handed to Write
	calls     callQueue
	inFlight  int       // how many calls there are
	ahead     int       // and of how many bytes
	waiting   int       // how many goroutines wait for room
	unsent    *call     // the first call whose bytes are in out
	progress  time.Time // when Asterisk last gave an answer, or had nothing to answer
	watch     *time.Timer
	watching  bool
	answers   uint64
	answersAt [2]time.Time // when the last but one and the last answer came
}

// newConn returns a connection on a stream whose greeting is read, and starts
// its goroutines. They end when the connection breaks.
func newConn(cfg Config, raw, nc net.Conn, oneRecord bool, r *Reader, version string) *Conn {
	cfg.Secret = ""
	c := &Conn{
		cfg: cfg, raw: raw, nc: nc, oneRecord: oneRecord, log: cfg.Logger, version: version,
		idPrefix: rand.Text()[:12] + "-",
		wake:     make(chan struct{}, 1),
		room:     make(chan struct{}, 1),
		done:     make(chan struct{}),
		wrote:    make(chan struct{}),
		booted:   make(chan struct{}),

		subscribing: make(chan struct{}, 1),
		received:    make(chan struct{}),

		knows: newKnowledge(),
	}
	c.subscriptions.Store(newSubscriptions(nil))
	c.watch = time.AfterFunc(cfg.Timeout, c.checkSilence)
	c.watch.Stop()
	r.follows, r.idle = c.awaitsCommand, c.admit
	go c.read(r)
	go c.write()
	return c
}

// String names the connection without its secrets.
func (c *Conn) String() string { return c.cfg.String() }

// GoString is String.
func (c *Conn) GoString() string { return "amiclient.Conn(" + c.String() + ")" }

// Version returns the AMI version of the greeting, as "11.0.0". It is not
// Asterisk's version: see Capabilities.
func (c *Conn) Version() string { return c.version }

// Done is closed when the connection broke or was closed.
func (c *Conn) Done() <-chan struct{} { return c.done }

// Err returns why new actions are refused, or nil. After the server announced
// its shutdown that is ErrShuttingDown, even before Done is closed.
func (c *Conn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Close closes the connection. Actions in flight end with a ConnError that is
// ErrClosed; when Close returns, their done functions have been called, unless
// the connection was breaking already.
func (c *Conn) Close() error {
	c.fail(ErrClosed)
	return nil
}

// Do sends an action and waits for its answer. An answer "Response: Error" is
// returned together with a *ResponseError, a connection that broke or a context
// that ended as a *ConnError, an action that fails its Check as joined
// *FieldErrors. If ctx ends first the connection remains usable: the late
// answer is dropped.
func (c *Conn) Do(ctx context.Context, a Action) (*Message, error) {
	return c.do(ctx, a, func() {})
}

// do is Do; on success it calls then before any later message is looked at.
func (c *Conn) do(ctx context.Context, a Action, then func()) (*Message, error) {
	return c.await(ctx, a, c.start, then)
}

// await queues an action by start or, unchecked, by enqueue, and waits for its
// answer. On success it calls then before any later message is looked at.
func (c *Conn) await(ctx context.Context, a Action, queue func(context.Context, Action, *call) error, then func()) (*Message, error) {
	type answer struct {
		m   *Message
		err error
	}
	answers := make(chan answer, 1)
	done := func(m *Message, err error) {
		if err == nil {
			then()
		}
		answers <- answer{m, err}
	}
	if err := queue(ctx, a, &call{id: c.newID(), action: a.Name, done: done}); err != nil {
		return nil, err
	}
	select {
	case got := <-answers:
		return got.m, got.err
	case <-ctx.Done():
		return nil, &ConnError{a.Name, true, context.Cause(ctx)}
	}
}

// Go queues an action under an id that no other action in flight has, and
// returns. It blocks while MaxInFlight actions await their answer, and the first
// time on a connection that an action has an argument that some servers do not
// know, while the server is asked; ctx bounds only these waits. done is called
// exactly once, with what Do would return, from the goroutine that reads or that
// breaks the connection: it must not block, nor call Go or Do itself.
//
// If Go returns an error the action was never queued and done is not called.
func (c *Conn) Go(ctx context.Context, actionID string, a Action, done func(*Message, error)) error {
	return c.start(ctx, a, &call{id: actionID, action: a.Name, done: done})
}

func (c *Conn) start(ctx context.Context, a Action, call *call) error {
	var check checker
	check.actionID(call.id)
	check.action(a)
	if check.found != nil {
		return fmt.Errorf("check action %s: %w", quote(a.Name), errors.Join(check.found...))
	}
	if err := c.checkArguments(ctx, a); err != nil {
		return err
	}
	return c.enqueue(ctx, a, call)
}

// enqueue takes a checked action.
func (c *Conn) enqueue(ctx context.Context, a Action, call *call) error {
	if ctx.Err() != nil {
		return &ConnError{a.Name, false, context.Cause(ctx)}
	}
	c.mu.Lock()
	for c.err == nil && !c.put(a, call) {
		c.waiting++
		c.mu.Unlock()
		select {
		case <-c.room:
		case <-c.done:
		case <-ctx.Done():
		}
		c.mu.Lock()
		c.waiting--
		if ctx.Err() != nil {
			c.letIn()
			c.mu.Unlock()
			return &ConnError{a.Name, false, context.Cause(ctx)}
		}
	}
	if err := c.err; err != nil {
		c.mu.Unlock()
		return &ConnError{a.Name, false, err}
	}
	if c.calls.oldest == nil {
		c.progress = time.Now()
		if !c.watching {
			c.watching = true
			c.watch.Reset(c.cfg.Timeout)
		}
	}
	c.calls.push(call)
	if c.unsent == nil {
		c.unsent = call
	}
	c.letIn()
	c.mu.Unlock()
	token(c.wake)
	return nil
}

// letIn wakes one of those who wait for room, if there are any. It may find
// none; whoever finds some wakes the next. The lock is held.
func (c *Conn) letIn() {
	if c.waiting > 0 && c.inFlight < c.cfg.MaxInFlight {
		token(c.room)
	}
}

// put appends an action to those not yet handed to Write, if it may go now. The
// lock is held.
func (c *Conn) put(a Action, call *call) bool {
	if c.inFlight >= c.cfg.MaxInFlight {
		return false
	}
	call.at = len(c.out)
	c.out = a.appendUnchecked(c.out, call.id)
	call.size = len(c.out) - call.at
	if c.oneRecord && c.ahead > 0 && c.ahead+call.size > maxRecord {
		c.out = c.out[:call.at]
		return false
	}
	c.ahead += call.size
	c.inFlight++
	return true
}

// token puts a token into a channel that holds one.
func token(to chan struct{}) {
	select {
	case to <- struct{}{}:
	default:
	}
}

func (c *Conn) newID() string {
	return c.idPrefix + strconv.FormatUint(c.lastID.Add(1), 10)
}

// answered returns how many actions were answered.
func (c *Conn) answered() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.answers
}

// complete is up to when everything is known to have come: what was raised before
// an answer may come behind it, but before the next one.
func (c *Conn) complete() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.answersAt[0]
}

// keepAlive pings whenever nothing was answered for Config.KeepAlive, until the
// connection breaks or ctx ends.
func (c *Conn) keepAlive(ctx context.Context) {
	timer := time.NewTicker(c.cfg.KeepAlive)
	defer timer.Stop()
	for last := c.answered(); ; last = c.answered() {
		select {
		case <-timer.C:
		case <-c.done:
			return
		case <-ctx.Done():
			return
		}
		if c.answered() == last {
			c.Do(ctx, Ping{}.Action()) // it breaks the connection if nobody answers
		}
	}
}

// checkSilence runs when no answer may have come for Timeout. A connection
// that fell silent is closed: its late answers must meet nobody.
func (c *Conn) checkSilence() {
	c.mu.Lock()
	if c.calls.oldest == nil || c.broken {
		c.watching = false
		c.mu.Unlock()
		return
	}
	if left := time.Until(c.progress.Add(c.cfg.Timeout)); left > 0 {
		c.watch.Reset(left)
		c.mu.Unlock()
		return
	}
	c.mu.Unlock()
	c.fail(silence{c.cfg.Timeout})
}

// fail breaks the connection and ends every call in flight. The first reason
// is the one reported.
func (c *Conn) fail(reason error) {
	c.mu.Lock()
	if c.broken {
		c.mu.Unlock()
		return
	}
	c.broken = true
	if c.err == nil {
		c.err = reason
	}
	reason = c.err
	c.watch.Stop()
	c.mu.Unlock()
	close(c.done)
	// Not the TLS layer's Close, which would wait for a stuck peer. It ends a
	// Write too, and only then is it known what has left.
	c.raw.Close()
	<-c.wrote
	c.mu.Lock()
	call := c.calls.oldest
	c.calls, c.unsent, c.out = callQueue{}, nil, nil
	c.mu.Unlock()
	for ; call != nil; call = call.next {
		call.done(nil, &ConnError{call.action, call.written, reason})
	}
}
