package amiclient

import (
	"context"
	"fmt"
	"iter"
	"sync"
)

// List sends a list action and yields the events it is answered with, up to its
// Complete event, which is not yielded. A list of any length may be read:
// what waits for a slow caller is bounded by 64 MiB, beyond which the list ends
// with an error. So does one of which fewer items came than the server has
// counted, and one that it announces without EventList: start. An error ends the sequence; it is as for Do.
func (c *Conn) List(ctx context.Context, a Action) iter.Seq2[*Message, error] {
	return func(yield func(*Message, error) bool) {
		l := list{action: a.Name, wake: make(chan struct{}, 1)}
		if err := c.start(ctx, a, &call{id: c.newID(), action: a.Name, done: l.finish, item: l.add}); err != nil {
			yield(nil, err)
			return
		}
		defer l.abandon()
		for {
			items, finished, err := l.take()
			for _, m := range items {
				if !yield(m, nil) {
					return
				}
			}
			if finished {
				if err != nil {
					yield(nil, err)
				}
				return
			}
			select {
			case <-l.wake:
			case <-ctx.Done():
				yield(nil, &ConnError{a.Name, true, context.Cause(ctx)})
				return
			}
		}
	}
}

// list holds the items of a list action between the reader and the caller.
type list struct {
	action string
	wake   chan struct{} // something has changed

	mu        sync.Mutex
	items     []*Message
	bytes     int  // of the items, and of those that the caller is at
	taken     int  // of the latter
	finished  bool // nothing more will be added
	err       error
	abandoned bool // nobody takes
}

func (l *list) add(m *Message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.finished || l.abandoned {
		return
	}
	l.items = append(l.items, m)
	if l.bytes += m.size(); l.bytes > maxQueuedBytes {
		l.finished, l.err = true, fmt.Errorf("%s: more than %d bytes of the list wait to be taken", l.action, maxQueuedBytes)
	}
	token(l.wake)
}

func (l *list) finish(_ *Message, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.finished {
		l.finished, l.err = true, err
	}
	token(l.wake)
}

func (l *list) take() (items []*Message, finished bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	items = l.items
	l.items = nil
	l.bytes -= l.taken
	l.taken = l.bytes
	return items, l.finished, l.err
}

func (l *list) abandon() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.items, l.abandoned = nil, true
}
