package amiclient

import (
	"context"
	"errors"
	"iter"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// How long a Client waits after a failed dial: twice as long after each, up to
// the cap, less a random part of up to a half, so that many clients do not
// return to a restarted server at the same instant.
const (
	firstBackoff = 500 * time.Millisecond
	maxBackoff   = 30 * time.Second
)

// A Client keeps one connection: it dials when one is needed and anew after
// that one broke. It repeats no action. Events that fall between two connections
// are lost.
//
// A refused login (ErrAuth) is final: it is returned at once from then on,
// because each further try costs the server a second and may get us banned. Make
// a new Client once the secret is right.
type Client struct {
	cfg  Config
	conn atomic.Pointer[Conn] // the last one; may be broken

	dialling chan struct{} // held by the one who dials; guards what follows
	failures int
	notUntil time.Time
	refused  error

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
	wait := time.NewTimer(time.Until(c.notUntil))
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-ctx.Done():
	}
	if ctx.Err() != nil {
		return nil, c.notConnected(ctx)
	}
	conn, err := Dial(ctx, c.cfg)
	if err != nil {
		if errors.Is(err, ErrAuth) {
			c.refused = err
		}
		if ctx.Err() == nil {
			c.backOff()
		}
		return nil, err
	}
	c.failures = 0
	c.conn.Store(conn)
	if c.closed.Err() != nil { // Close may have looked before the Store
		conn.Close()
		return nil, c.notConnected(c.closed)
	}
	return conn, nil
}

func (c *Client) notConnected(ctx context.Context) error {
	return &ConnError{Op: "connect to " + c.cfg.Address, Err: context.Cause(ctx)}
}

func (c *Client) backOff() {
	wait := min(firstBackoff<<min(c.failures, 10), maxBackoff)
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

// Contacts is Conn.Contacts on the connection kept.
func (c *Client) Contacts(ctx context.Context, endpoint string) (int, error) {
	conn, err := c.Conn(ctx)
	if err != nil {
		return 0, err
	}
	return conn.Contacts(ctx, endpoint)
}

// AllContacts is Conn.AllContacts on the connection kept.
func (c *Client) AllContacts(ctx context.Context) (map[string]int, error) {
	conn, err := c.Conn(ctx)
	if err != nil {
		return nil, err
	}
	return conn.AllContacts(ctx)
}

// Reachable is Conn.Reachable on the connection kept.
func (c *Client) Reachable(ctx context.Context) (map[string]bool, error) {
	conn, err := c.Conn(ctx)
	if err != nil {
		return nil, err
	}
	return conn.Reachable(ctx)
}

// Close closes the connection and refuses everything from then on.
func (c *Client) Close() error {
	c.close(ErrClosed)
	if conn := c.conn.Load(); conn != nil {
		return conn.Close()
	}
	return nil
}
