package amiclient

import (
	"log/slog"
	"sync/atomic"
)

// What may wait for a consumer that is slower than the socket.
const (
	maxQueuedEvents = 4096
	maxQueuedBytes  = 64 << 20
)

// eventQueue decouples the reader of the socket from a slow consumer.
type eventQueue struct {
	queue   chan *Message
	bytes   atomic.Int64 // of what is in queue
	isOpen  bool         // by the reader's goroutine only, as is dropped
	dropped int
	log     *slog.Logger
}

func (q *eventQueue) start(onEvent func(*Message), log *slog.Logger) {
	if onEvent == nil {
		return
	}
	q.queue, q.log = make(chan *Message, maxQueuedEvents), log
	go func() {
		for m := range q.queue {
			q.bytes.Add(-int64(m.size()))
			onEvent(m)
		}
	}()
}

// open lets events pass from here on: those before are of the login's own mask.
func (q *eventQueue) open() { q.isOpen = true }

// put queues an event, or drops it if there is no room.
func (q *eventQueue) put(m *Message) {
	if q.queue == nil || !q.isOpen {
		return
	}
	size := int64(m.size())
	if q.bytes.Add(size) <= maxQueuedBytes {
		select {
		case q.queue <- m:
			return
		default:
		}
	}
	q.bytes.Add(-size)
	if q.dropped++; q.dropped&(q.dropped-1) == 0 {
		q.log.Warn("AMI events dropped: their consumer is too slow", "dropped", q.dropped)
	}
}

// stop ends the consumer's goroutine once it has had what is queued.
func (q *eventQueue) stop() {
	if q.queue == nil {
		return
	}
	if q.dropped > 0 {
		q.log.Warn("AMI events were dropped: their consumer was too slow", "dropped", q.dropped)
	}
	close(q.queue)
}
