package amiclient

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"regexp"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// firstBackoff is how long a Client waits after a failed dial: twice as long after
// each, up to Config.MaxBackoff, less a random part of up to a half, so that many
// clients do not return to a restarted server at the same instant.
const firstBackoff = 500 * time.Millisecond

// maxReasons is how many reasons Keep logs why it cannot connect, until it can.
const maxReasons = 8

// localPort is our end in an error of a socket, which is another one each time.
var localPort = regexp.MustCompile(`\S+:\d+->`)

// errNotYet is why a subscription has missed what came before the first connection.
var errNotYet = errors.New("not connected yet")

// A Client keeps one connection: it dials when one is needed and anew after
// that one broke. It repeats no action. Its subscriptions outlive the connection:
// each new one has them again, and they say that events may have been missed in
// between.
//
// By itself it starts no goroutine and dials only for an action. Who subscribes to
// events wants a connection at all times: see Keep.
//
// A refused login (ErrAuth) is final: it is returned at once from then on,
// because each further try costs the server a second and may get us banned. Make
// a new Client once the secret is right.
type Client struct {
	cfg  Config
	conn atomic.Pointer[Conn] // the last one; may be broken

	dialling chan struct{} // held by the one who dials; guards what follows
	judged   *Conn         // the last connection, if it is known to have broken
	answers  uint64        // how many it had given when it was new
	failures int
	notUntil time.Time
	refused  error

	mu            sync.Mutex // also held to publish conn
	subscriptions []*Subscription

	closed context.Context
	close  context.CancelCauseFunc
}

// NewClient returns a client that is not yet connected.
func NewClient(cfg Config) *Client {
	c := &Client{cfg: cfg, dialling: make(chan struct{}, 1)}
	c.closed, c.close = context.WithCancelCause(context.Background())
	return c
}

// String names the server without secrets.
func (c *Client) String() string { return c.cfg.String() }

// GoString is String: %#v would show the secret.
func (c *Client) GoString() string { return "amiclient.Client(" + c.String() + ")" }

// Conn returns a connection that works, as far as is known. If there is none it
// dials, after the wait that earlier failures call for; ctx bounds both. A
// failed dial is returned, not repeated.
func (c *Client) Conn(ctx context.Context) (*Conn, error) {
	if conn := c.conn.Load(); conn != nil && conn.Err() == nil {
		return conn, nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if c.closed.Err() != nil {
		return nil, c.notConnected(c.closed)
	}
	defer context.AfterFunc(c.closed, func() { cancel(ErrClosed) })()
	select {
	case c.dialling <- struct{}{}:
		defer func() { <-c.dialling }()
	case <-ctx.Done():
		return nil, c.notConnected(ctx)
	}
	if conn := c.conn.Load(); conn != nil && conn.Err() == nil {
		return conn, nil
	}
	if c.refused != nil {
		return nil, c.refused
	}
	c.judge()
	wait := time.NewTimer(time.Until(c.notUntil))
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-ctx.Done():
	}
	if ctx.Err() != nil {
		return nil, c.notConnected(ctx)
	}
	conn, err := c.dial(ctx)
	if err != nil {
		if errors.Is(err, ErrAuth) {
			c.refused = err
		}
		if ctx.Err() == nil {
			c.backOff()
		}
		return nil, err
	}
	if c.closed.Err() != nil { // Close may have looked before dial published it
		conn.Close()
		return nil, c.notConnected(c.closed)
	}
	return conn, nil
}

// Connected tells whether there is a connection that works, as far as is known.
// It dials none.
func (c *Client) Connected() bool {
	conn := c.conn.Load()
	return conn != nil && conn.Err() == nil
}

// dial makes the next connection, with all subscriptions, and publishes it.
func (c *Client) dial(ctx context.Context) (*Conn, error) {
	missed := &MissedError{Cause: errNotYet}
	if last := c.conn.Load(); last != nil {
		missed = &MissedError{Cause: last.Err(), Since: last.complete()}
	}
	conn, err := Dial(ctx, c.cfg)
	if err != nil {
		return nil, err
	}
	if last := c.conn.Load(); last != nil {
		last.Close() // it may only have announced its end
		select {     // or its last events would come among those of the new one
		case <-last.received:
		case <-ctx.Done():
		}
	}
	var attached []*Subscription
	for {
		c.mu.Lock()
		added := without(c.subscriptions, attached)
		for _, s := range without(attached, c.subscriptions) { // closed meanwhile
			conn.detach(s)
		}
		if len(added) == 0 {
			c.answers = conn.answered()
			c.conn.Store(conn)
			c.mu.Unlock()
			return conn, nil
		}
		c.mu.Unlock()
		if err := conn.attach(ctx, missed, added...); err != nil {
			conn.Close()
			return nil, &ConnError{"subscribe at " + c.cfg.Address, false, unwritten(err)}
		}
		attached = append(attached, added...)
	}
}

// without returns those of all that are not among known.
func without(all, known []*Subscription) []*Subscription {
	return slices.DeleteFunc(slices.Clone(all), func(s *Subscription) bool { return slices.Contains(known, s) })
}

func (c *Client) notConnected(ctx context.Context) error {
	return &ConnError{Op: "connect to " + c.cfg.Address, Err: context.Cause(ctx)}
}

// judge looks at the connection that broke. One that has served is replaced at
// once; one that has not is a failure like a failed dial, or a server that takes
// logins and hangs up would be dialled without a pause.
func (c *Client) judge() {
	last := c.conn.Load()
	switch {
	case last == nil || last == c.judged:
		return
	case last.answered() > c.answers:
		c.failures, c.notUntil = 0, time.Time{}
	default:
		c.backOff()
	}
	c.judged = last
}

func (c *Client) backOff() {
	wait := min(firstBackoff<<min(c.failures, 10), c.cfg.withDefaults().MaxBackoff)
	c.failures++
	c.notUntil = time.Now().Add(wait - rand.N(wait/2))
}

// Do is Conn.Do on the connection kept.
func (c *Client) Do(ctx context.Context, a Action) (*Message, error) {
	conn, err := c.Conn(ctx)
	if err != nil {
		return nil, err
	}
	return conn.Do(ctx, a)
}

// Go is Conn.Go on the connection kept. It may dial first.
func (c *Client) Go(ctx context.Context, actionID string, a Action, done func(*Message, error)) error {
	conn, err := c.Conn(ctx)
	if err != nil {
		return err
	}
	return conn.Go(ctx, actionID, a, done)
}

// List is Conn.List on the connection kept.
func (c *Client) List(ctx context.Context, a Action) iter.Seq2[*Message, error] {
	return func(yield func(*Message, error) bool) {
		conn, err := c.Conn(ctx)
		if err != nil {
			yield(nil, err)
			return
		}
		conn.List(ctx, a)(yield)
	}
}

// Capabilities is Conn.Capabilities on the connection kept.
func (c *Client) Capabilities(ctx context.Context) (*Capabilities, error) {
	conn, err := c.Conn(ctx)
	if err != nil {
		return nil, err
	}
	return conn.Capabilities(ctx)
}

// Subscribe returns a subscription that each connection has from its beginning.
// Its first word on a connection made later is a *MissedError, since what
// happened before is not known: that is the moment to read anew whatever state
// the events are to keep up to date. See Keep. An error is that of the filter,
// or of a server that would not send the events.
func (c *Client) Subscribe(ctx context.Context, f Filter) (*Subscription, error) {
	s, err := newSubscription(f)
	if err != nil {
		return nil, err
	}
	s.kept = true
	s.close = func() { c.unsubscribe(s) }
	c.mu.Lock()
	if c.closed.Err() != nil {
		c.mu.Unlock()
		return nil, c.notConnected(c.closed)
	}
	c.subscriptions = append(slices.Clip(c.subscriptions), s)
	conn := c.conn.Load()
	c.mu.Unlock()
	if conn == nil || conn.Err() != nil {
		return s, nil // the next connection has it
	}
	err = conn.attach(ctx, nil, s)
	if err != nil && conn.Err() == nil {
		s.Close()
		return nil, fmt.Errorf("subscribe: %w", err)
	}
	return s, nil
}

func (c *Client) unsubscribe(s *Subscription) {
	c.mu.Lock()
	c.subscriptions = slices.DeleteFunc(slices.Clone(c.subscriptions), func(other *Subscription) bool { return other == s })
	conn := c.conn.Load()
	c.mu.Unlock()
	if conn != nil {
		conn.detach(s)
	}
}

// Keep keeps the connection up: it dials at once and after each loss, and sends a
// Ping on a connection on which nothing was answered for Config.KeepAlive, since
// neither a dead peer nor a forgetful NAT says a word. Asterisk up to 20.20, 22.10
// and 23.4 may also lose what wakes it for its events, and then sends them when it
// is next spoken to (main/manager.c; issue 2145 of Asterisk): no later than the
// Ping. Keep returns nil when ctx ends, and an error only if going on makes no
// sense: a refused login, or Close. It logs when the connection is made, when it
// is lost, and each reason why it cannot be made, once until it is.
func (c *Client) Keep(ctx context.Context) error {
	log := c.cfg.withDefaults().Logger
	said := map[string]bool{}
	for {
		conn, err := c.Conn(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, ErrAuth), errors.Is(err, ErrClosed):
			return err
		case err != nil:
			if text := localPort.ReplaceAllString(err.Error(), ""); !said[text] && len(said) < maxReasons {
				log.Warn("AMI connection cannot be made: trying on", "error", text)
				said[text] = true
			}
			continue
		}
		clear(said)
		log.Info("AMI connection is up")
		conn.keepAlive(ctx)
		if ctx.Err() == nil && c.closed.Err() == nil {
			log.Warn("AMI connection is lost", "error", conn.Err())
		}
	}
}

// Close closes the connection and the subscriptions, and refuses everything from
// then on.
func (c *Client) Close() error {
	c.close(ErrClosed)
	c.mu.Lock()
	conn, subscriptions := c.conn.Load(), c.subscriptions
	c.mu.Unlock()
	for _, s := range subscriptions {
		s.end(ErrClosed)
	}
	if conn != nil {
		return conn.Close()
	}
	return nil
}
