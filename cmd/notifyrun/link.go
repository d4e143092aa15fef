package main

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/engine"
	"github.com/notifyrun/notifyrun/schema"
)

// How often a link speaks to a server that says nothing. Events are held back by
// some versions until then (see amiclient.Client.Keep), and a NOTIFY that goes
// into a dead connection is unknown for ever.
const (
	sendKeepAlive  = 15 * time.Second
	eventKeepAlive = 5 * time.Second
	// A PBX that is back is to be sent to within seconds, however long it was away.
	redialAtLeast = 5 * time.Second
)

// link is one PBX as a daemon has it: a client to send with, and one for events.
// It implements engine.Link.
type link struct {
	*amiclient.Client
	events *amiclient.Client
	pbxs   *pbxs // the simulator, if it is one

	ctx     context.Context
	cancel  context.CancelFunc
	keeping sync.WaitGroup
	listen  sync.Once
	refused atomic.Pointer[error] // why a connection is no longer tried
}

var _ engine.Link = (*link)(nil)

// link makes the link to a PBX and keeps its connection up from then on.
func (a *app) link(pbx *schema.PBX) (engine.Link, error) {
	p := &pbxs{}
	cfg, err := a.amiConfig(p, pbx)
	if err != nil {
		p.close()
		return nil, err
	}
	l := &link{pbxs: p}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	cfg.KeepAlive, cfg.MaxBackoff = sendKeepAlive, redialAtLeast
	l.Client = amiclient.NewClient(cfg)
	cfg.KeepAlive, cfg.FilterEvents = eventKeepAlive, true
	cfg.Logger = cfg.Logger.With("connection", "events")
	l.events = amiclient.NewClient(cfg)
	l.keep(l.Client)
	return l, nil
}

func (l *link) keep(c *amiclient.Client) {
	l.keeping.Go(func() {
		if err := c.Keep(l.ctx); err != nil && l.ctx.Err() == nil {
			l.refused.Store(&err)
		}
	})
}

// Listen implements engine.Link.
func (l *link) Listen(ctx context.Context, names []string) (engine.EventSource, error) {
	sub, err := l.events.Subscribe(ctx, amiclient.Filter{Events: names, Buffer: 1 << 16})
	if err != nil {
		return nil, err
	}
	l.listen.Do(func() { l.keep(l.events) })
	return sub, nil
}

// Connected implements engine.Link.
func (l *link) Connected() (sending, events bool) { return l.Client.Connected(), l.events.Connected() }

// Refused tells why the PBX will not have us; nil: it may. Only a new link tries
// again.
func (l *link) Refused() error {
	if err := l.refused.Load(); err != nil {
		return *err
	}
	return nil
}

// Close implements engine.Link.
func (l *link) Close() error {
	l.cancel()
	l.Client.Close()
	l.events.Close()
	l.keeping.Wait()
	l.pbxs.close()
	return nil
}
