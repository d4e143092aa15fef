package amiclient

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// What may wait for a consumer that is slower than the socket.
const (
	maxQueuedEvents = 4096
	maxQueuedBytes  = 64 << 20
)

// A Filter says which events a Subscription gets.
//
// The server sends whole classes. With Config.FilterEvents it sends of these only
// the Events that the Subscriptions of the connection name, so that a busy PBX
// does not fill the wire with what nobody wants. It needs a user with write =
// system, and a version of Asterisk in which adding a filter is known to be safe;
// elsewhere everything works alike, with more on the wire, and the log says so at
// level debug. Each new connection of a Client is so told by itself. Names that
// are added are let through at once; those that nobody names any more are let
// through until the connection ends, since Asterisk takes no filter off: they
// cost room on the wire, and nobody gets them.
type Filter struct {
	// Events are the names of the events, with regard to case; none means all
	// events of the Classes. Other events cost no memory.
	Events []string
	// Classes are the classes to have the server send, of those that manager.conf
	// names. None means the classes of the Events, as far as this package knows
	// them all, or else every class.
	Classes []string
	// Buffer is how many events may wait for Next, of at most 64 MiB together;
	// default 4096.
	Buffer int
}

// wants returns the classes to turn on.
func (f Filter) wants() []string {
	if len(f.Classes) > 0 {
		return f.Classes
	}
	var found []string
	for _, name := range f.Events {
		class, ok := classOf[name]
		if !ok {
			return classes
		}
		found = append(found, class)
	}
	if len(found) == 0 {
		return classes
	}
	return found
}

// A MissedError says that events of a Subscription are missing at this place.
// The Subscription goes on after it.
type MissedError struct {
	Lost  int   // how many were dropped because they came faster than Next took them
	Cause error // why the connection before this place ended, if one did: what happened until the next one was there is not known
	// Since is up to when everything is known to have come on that connection: a
	// peer that is gone is noticed later. Zero: not known.
	Since time.Time
}

func (e *MissedError) Error() string {
	var parts []string
	if e.Lost > 0 {
		events := " events were"
		if e.Lost == 1 {
			events = " event was"
		}
		parts = append(parts, strconv.Itoa(e.Lost)+events+" dropped: they came faster than they were taken")
	}
	if e.Cause != nil {
		parts = append(parts, "events may have been missed while there was no connection: "+e.Cause.Error())
	}
	return "receive events: " + strings.Join(parts, "; ")
}

func (e *MissedError) Unwrap() error { return e.Cause }

// A Subscription receives events. Its buffer stands between the socket, which
// is always read, and the consumer: one that is slow loses events and is told
// how many, and delays nobody.
type Subscription struct {
	filter Filter
	close  func()        // takes it out of the Conn or Client that it belongs to
	kept   bool          // it belongs to a Client and outlives connections
	wake   chan struct{} // holds a token when something has changed

	mu      sync.Mutex
	waiting []waitingEvent // a ring
	first   int            // the oldest in it
	count   int
	bytes   int
	missed  MissedError // what is missing behind the newest
	ended   error
}

// A waitingEvent is an event and what is missing before it.
type waitingEvent struct {
	m      *Message
	missed MissedError
}

func newSubscription(f Filter) (*Subscription, error) {
	if err := checkClasses(f.Classes); err != nil {
		return nil, err
	}
	f.Buffer = cmp.Or(max(f.Buffer, 0), maxQueuedEvents)
	f.Events, f.Classes = slices.Clone(f.Events), slices.Clone(f.Classes)
	return &Subscription{filter: f, wake: make(chan struct{}, 1)}, nil
}

// Next returns the next event, waiting for it if need be. Every event that the
// server sent since Subscribe is returned, in order, or accounted for by a
// *MissedError, after which Next goes on. Any other error is final, but for that
// of ctx: a *ConnError, once everything is returned that came before the
// connection of a Conn broke, or ErrClosed.
func (s *Subscription) Next(ctx context.Context) (*Message, error) {
	for {
		m, err := s.take()
		if m != nil || err != nil {
			return m, err
		}
		select {
		case <-s.wake:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// Close ends the subscription: Next returns ErrClosed.
func (s *Subscription) Close() {
	s.close()
	s.end(ErrClosed)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting, s.first, s.count, s.bytes, s.missed = nil, 0, 0, 0, MissedError{}
}

func (s *Subscription) take() (*Message, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := &s.missed
	if s.count > 0 {
		at = &s.waiting[s.first].missed
	}
	if *at != (MissedError{}) {
		missed := *at
		*at = MissedError{}
		s.signalRest()
		return nil, &missed
	}
	if s.count == 0 {
		s.signalRest()
		return nil, s.ended
	}
	m := s.waiting[s.first].m
	s.waiting[s.first] = waitingEvent{}
	s.first = (s.first + 1) % len(s.waiting)
	s.count--
	s.bytes -= m.size()
	s.signalRest()
	return m, nil
}

// signalRest wakes whoever else waits in Next, if there is something for them
// too. The lock is held.
func (s *Subscription) signalRest() {
	if s.count > 0 || s.missed != (MissedError{}) || s.ended != nil {
		token(s.wake)
	}
}

// put adds an event, or counts it as lost if there is no room.
func (s *Subscription) put(m *Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ended != nil:
		return
	case s.count >= s.filter.Buffer || s.bytes+m.size() > maxQueuedBytes:
		s.missed.Lost++
		return
	case s.count == len(s.waiting):
		grown := make([]waitingEvent, min(max(16, 2*len(s.waiting)), s.filter.Buffer))
		n := copy(grown, s.waiting[s.first:])
		copy(grown[n:], s.waiting[:s.first])
		s.waiting, s.first = grown, 0
	}
	s.waiting[(s.first+s.count)%len(s.waiting)] = waitingEvent{m, s.missed}
	s.missed = MissedError{}
	s.count++
	s.bytes += m.size()
	token(s.wake)
}

// miss notes that a connection was lost between what is there and what comes.
func (s *Subscription) miss(e MissedError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.missed.Cause == nil { // else what is missing since then is missing still
		s.missed.Since = e.Since
	}
	s.missed.Cause = e.Cause
	token(s.wake)
}

// end lets Next return err once everything is taken. The first reason counts.
func (s *Subscription) end(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended == nil {
		s.ended = err
	}
	token(s.wake)
}

// subscriptions are those of one connection. A value never changes, so the
// goroutine that reads needs no lock.
type subscriptions struct {
	list   []*Subscription
	byName map[string][]*Subscription // those that want the name
	others []*Subscription            // those that want whatever is not in byName
}

func newSubscriptions(list []*Subscription) *subscriptions {
	s := &subscriptions{list: list, byName: map[string][]*Subscription{}}
	for _, sub := range list {
		if len(sub.filter.Events) == 0 {
			s.others = append(s.others, sub)
		}
		for _, name := range sub.filter.Events {
			s.byName[name] = nil
		}
	}
	for name := range s.byName {
		for _, sub := range list {
			if len(sub.filter.Events) == 0 || slices.Contains(sub.filter.Events, name) {
				s.byName[name] = append(s.byName[name], sub)
			}
		}
	}
	return s
}

// of returns those that want the event of that name.
func (s *subscriptions) of(name string) []*Subscription {
	if wanted, ok := s.byName[name]; ok {
		return wanted
	}
	return s.others
}

// events returns the action that has the server send the classes for them.
func (s *subscriptions) events() Events {
	var e Events
	for _, class := range classes {
		if slices.ContainsFunc(s.list, func(sub *Subscription) bool { return slices.Contains(sub.filter.wants(), class) }) {
			e.Classes = append(e.Classes, class)
		}
	}
	return e
}

// Subscribe has the server send the classes of f and returns a subscription to
// its events from here on. It ends with the connection.
//
// Events hold text of strangers, and Asterisk writes line ends in it as they are:
// whoever may call, or send a SIP request, can forge whole events within those of
// the classes call, security and user (see package amievent). A forged answer
// matches no action, whose ids they cannot know, but a forged Shutdown ends the
// connection. So let those classes come on another connection than the one that
// sends what must not be held up.
func (c *Conn) Subscribe(ctx context.Context, f Filter) (*Subscription, error) {
	s, err := newSubscription(f)
	if err != nil {
		return nil, err
	}
	s.close = func() { c.detach(s) }
	if err := c.attach(ctx, nil, s); err != nil {
		return nil, fmt.Errorf("subscribe: %w", err)
	}
	return s, nil
}

// attach adds subscriptions to the connection. missed, unless nil, is what they
// have missed before.
func (c *Conn) attach(ctx context.Context, missed *MissedError, added ...*Subscription) error {
	select {
	case c.subscribing <- struct{}{}:
		defer func() { <-c.subscribing }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	now := c.subscriptions.Load()
	var decided sync.Once // whether they are added, or the caller has gone before the answer came
	add := func() {
		for _, s := range added {
			if missed != nil {
				s.miss(*missed)
			}
		}
		c.change(func(list []*Subscription) []*Subscription { return append(list, added...) })
	}
	next := newSubscriptions(append(slices.Clip(now.list), added...))
	events := next.events()
	err := c.letThrough(ctx, next)
	if err == nil && events.mask() == c.mask {
		add()
	} else if err == nil {
		err = c.setMask(ctx, events, func() { decided.Do(add) })
	}
	if err != nil {
		decided.Do(func() {})
		for _, s := range added {
			c.detach(s)
		}
		return err
	}
	if isClosed(c.received) { // perhaps before it knew these
		c.endSubscriptions()
	}
	return nil
}

// endSubscriptions runs when no more events will come.
func (c *Conn) endSubscriptions() {
	for _, s := range c.subscriptions.Load().list {
		if !s.kept {
			s.end(&ConnError{"receive events", false, c.Err()})
		}
	}
}

func (c *Conn) detach(s *Subscription) {
	c.change(func(list []*Subscription) []*Subscription {
		return slices.DeleteFunc(list, func(other *Subscription) bool { return other == s })
	})
}

// change replaces the subscriptions. The mask at the server stays until the
// next one is attached: what nobody wants costs next to nothing here.
func (c *Conn) change(f func([]*Subscription) []*Subscription) {
	for {
		old := c.subscriptions.Load()
		if c.subscriptions.CompareAndSwap(old, newSubscriptions(f(slices.Clone(old.list)))) {
			return
		}
	}
}

// setMask has the server send these events. then runs before any later message
// is looked at.
func (c *Conn) setMask(ctx context.Context, events Events, then func()) error {
	c.mask = "" // not known, should the answer not be seen
	m, err := c.do(ctx, events.Action(), then)
	if err != nil {
		return err
	}
	if err := events.check(m); err != nil {
		return err
	}
	c.mask = events.mask()
	return nil
}
