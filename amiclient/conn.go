package amiclient

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"
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
	received      chan struct{} // closed when no more events will come

	knows knowledge

	mu       sync.Mutex
	err      error  // why new actions are refused
	broken   bool   // the calls are handed back
	out      []byte // actions not yet handed to Write
	calls    callQueue
	inFlight int       // how many calls there are
	ahead    int       // and of how many bytes
	waiting  int       // how many goroutines wait for room
	unsent   *call     // the first call whose bytes are in out
	progress time.Time // when Asterisk last gave an answer, or had nothing to answer
	watch    *time.Timer
	watching bool
	answers  uint64
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
	if err := c.Go(ctx, c.newID(), a, done); err != nil {
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
// know, while the server is asked; ctx bounds only these waits. done is called exactly once, with what Do would return, from
// the goroutine that reads or that breaks the connection: it must not block,
// nor call Go or Do itself.
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

// write is the one goroutine that writes. What was queued while it wrote leaves
// in its next Write, so that under load there are far fewer than one an action.
func (c *Conn) write() {
	defer close(c.wrote)
	var batch []byte
	for {
		select {
		case <-c.wake:
		case <-c.done:
			return
		}
		c.mu.Lock()
		if len(c.out) == 0 { // it left with the batch before
			c.mu.Unlock()
			continue
		}
		batch, c.out = c.out, batch[:0]
		first := c.unsent
		c.unsent = nil
		for call := first; call != nil; call = call.next {
			call.written = true
		}
		c.mu.Unlock()
		if sent, err := send(c.nc, batch, c.cfg.TLS != nil); err != nil {
			c.writeFailed(first, sent, err)
			return
		}
	}
}

// writeFailed notes which actions of the batch cannot have left. Answers to
// the others may still be on their way, so the reader has a second for them.
func (c *Conn) writeFailed(first *call, sent int, err error) {
	c.mu.Lock()
	for call := first; call != nil && call != c.unsent; call = call.next {
		call.written = call.at < sent
	}
	if c.err == nil {
		c.err = fmt.Errorf("write: %w", err)
	}
	c.mu.Unlock()
	c.raw.SetReadDeadline(time.Now().Add(time.Second))
}

// read is the one goroutine that reads. It never waits for anything but the
// socket: Asterisk closes a connection that does not read for 100 ms.
func (c *Conn) read(r *Reader) {
	for {
		view, err := r.next()
		if err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				err = fmt.Errorf("the server closed the connection: %w", err)
			}
			c.fail(err)
			close(c.received)
			c.endSubscriptions()
			return
		}
		c.receive(&view)
	}
}

// receive handles one message, which is kept only if somebody wants it.
func (c *Conn) receive(view *Message) {
	switch kind, name := view.kind(); kind {
	case kindResponse:
		c.receiveResponse(view, name)
	case kindEvent:
		c.receiveEvent(view, name)
	default:
		c.ignore("is neither response nor event")
	}
}

// ignore notes a message that belongs to nothing. A server that sends such all
// the time fills no log.
func (c *Conn) ignore(why string, args ...any) {
	if c.ignored++; c.ignored&(c.ignored-1) == 0 {
		c.log.Warn("AMI message "+why+": ignored", append(args, "ignored", c.ignored)...)
	}
}

func (c *Conn) receiveResponse(view *Message, kind string) {
	id := view.Get("ActionID")
	c.mu.Lock()
	call, err := c.calls.answered(id)
	if call == nil {
		broken := c.broken // then its action has ended without it
		c.mu.Unlock()
		if err != nil {
			c.fail(err)
		} else if !broken && !is(kind, "Goodbye") {
			// Also one without ActionID, which Asterisk sends if it cannot make out an
			// action: then an answer will be missing, which is noticed. Any caller may
			// have forged it: see Subscribe.
			c.ignore("answers no action in flight", "action_id", strings.Clone(clean(id))) // a handler may keep it
		}
		return
	}
	if !slices.ContainsFunc(answers, func(known string) bool { return is(kind, known) }) {
		c.mu.Unlock()
		c.fail(fmt.Errorf("%w: the answer to %s is %s, which is no answer", ErrProtocol, call.action, quote(clean(kind))))
		return
	}
	if call.item != nil && is(view.Get("EventList"), "start") {
		c.listing = call
		c.progress = time.Now()
		c.mu.Unlock()
		return
	}
	c.finish(call)
	c.mu.Unlock()
	m := view.keep()
	if is(m.Get("Response"), "Error") {
		call.done(m, newResponseError(call.action, m))
		return
	}
	call.done(m, nil)
}

// answers are the kinds of Response that there are (main/manager.c).
var answers = []string{"Success", "Error", "Goodbye", "Follows"}

// awaitsCommand tells whether the next answer is that to a Command.
func (c *Conn) awaitsCommand() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	oldest := c.calls.oldest
	return oldest != nil && oldest.written && is(oldest.action, "Command")
}

// finish takes the oldest call out, which is answered. The lock is held.
func (c *Conn) finish(call *call) {
	c.calls.pop()
	c.listing = nil
	c.ahead -= call.size
	c.inFlight--
	c.progress = time.Now()
	c.answers++
	c.finished = true
}

// admit runs when the reader has dealt with all that came and is about to wait.
// Only then are new actions let in for those that were answered: as answers come
// several at a time, so do actions leave, for fewer writes and wake-ups on both
// sides.
func (c *Conn) admit() {
	if !c.finished {
		return
	}
	c.finished = false
	c.mu.Lock()
	defer c.mu.Unlock()
	c.letIn()
}

func (c *Conn) receiveEvent(view *Message, name string) {
	if c.listing != nil && view.Get("ActionID") == c.listing.id {
		c.receiveItem(c.listing, view)
		return
	}
	switch name {
	case "FullyBooted":
		if !isClosed(c.booted) {
			close(c.booted)
		}
	case "Shutdown":
		c.mu.Lock()
		if c.err == nil {
			c.err = ErrShuttingDown
		}
		c.mu.Unlock()
		// The end follows within milliseconds; if not, somebody forged it, and another
		// connection is due.
		c.raw.SetReadDeadline(time.Now().Add(time.Second))
	}
	if wanted := c.subscriptions.Load().of(name); len(wanted) > 0 {
		m := view.keep()
		for _, s := range wanted {
			s.put(m)
		}
	}
}

// receiveItem handles one event of a list action.
func (c *Conn) receiveItem(call *call, view *Message) {
	m, end := view.keep(), view.Get("EventList")
	c.mu.Lock()
	if end == "" {
		c.progress = time.Now()
		c.mu.Unlock()
		call.item(m)
		return
	}
	if c.calls.oldest != call { // it was handed back meanwhile
		c.mu.Unlock()
		return
	}
	c.finish(call)
	c.mu.Unlock()
	if !is(end, "Complete") {
		call.done(m, fmt.Errorf("%s: the server ended the list with %s", call.action, quote(clean(end))))
		return
	}
	call.done(m, nil)
}

// answered returns how many actions were answered.
func (c *Conn) answered() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.answers
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
			c.Do(ctx, Action{Name: "Ping"}) // it breaks the connection if nobody answers
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
