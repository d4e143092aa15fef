package amiclient

import "fmt"

// A call is one action in flight. The Conn's lock guards it, but for what is
// set before it is queued.
type call struct {
	id, action string
	done       func(*Message, error)
	item       func(*Message) // gets the items of a list action; nil: not one
	items      int            // so many it has got; the reader's own

	next     *call
	at, size int  // where its bytes begin in their batch, and how many they are
	written  bool // its batch was handed to Write
}

// callQueue holds the calls in the order of their actions, which is the order
// of their answers.
type callQueue struct{ oldest, newest *call }

func (q *callQueue) push(c *call) {
	if q.oldest == nil {
		q.oldest = c
	} else {
		q.newest.next = c
	}
	q.newest = c
}

// pop takes the oldest call out.
func (q *callQueue) pop() { q.oldest = q.oldest.next }

// answered returns the call that an answer of that id belongs to, which is the
// oldest, or nil if it belongs to none that has left. The error is that of an
// answer to a later call.
func (q *callQueue) answered(id string) (*call, error) {
	for c := q.oldest; c != nil && c.written; c = c.next {
		switch {
		case c.id != id:
			continue
		case c != q.oldest:
			return nil, fmt.Errorf("%w: the answer to %s %s came, but that to the earlier %s %s did not", ErrProtocol, c.action, c.id, q.oldest.action, q.oldest.id)
		}
		return c, nil
	}
	return nil, nil
}
