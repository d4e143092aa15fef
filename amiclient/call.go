package amiclient

// A call is one action in flight. The Conn's lock guards it, but for what is
// set before it is queued.
type call struct {
	id, action string
	done       func(*Message, error)
	item       func(*Message) // gets the items of a list action; nil: not one

	next     *call
	at, size int  // where its bytes begin in their batch, and how many they are
	written  bool // its batch was handed to Write
	listing  bool // "EventList: start" was seen: events with its id are its items
	finished bool
}

// callQueue holds the calls in the order of their actions. Asterisk answers in
// this order, so the one looked for is nearly always the oldest.
type callQueue struct{ oldest, newest *call }

func (q *callQueue) push(c *call) {
	if q.oldest == nil {
		q.oldest = c
	} else {
		q.newest.next = c
	}
	q.newest = c
}

// find returns the call of that id, if it has left and has no answer yet.
func (q *callQueue) find(id string) *call {
	for c := q.oldest; c != nil; c = c.next {
		if c.id == id && c.written && !c.finished {
			return c
		}
	}
	return nil
}

func (q *callQueue) finish(c *call) {
	c.finished = true
	for q.oldest != nil && q.oldest.finished {
		q.oldest = q.oldest.next
	}
}
