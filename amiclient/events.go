package amiclient

import (
	"log/slog"
	"sync/atomic"
)

// eventQueue decouples the reader of the socket from a slow consumer.
type eventQueue struct {
	queue   chan *Message
	open    atomic.Bool // events of the login are not for the consumer
	dropped int         // by the reader's goroutine only
	log     *slog.Logger
}

const maxQueuedEvents = 4096

func (q *eventQueue) start(onEvent func(*Message), log *slog.Logger) {
	if onEvent == nil {
		return
	}
	q.queue, q.log = make(chan *Message, maxQueuedEvents), log
	go func() {
		for m := range q.queue {
			onEvent(m)
		}
	}()
}

func (q *eventQueue) put(m *Message) {
	if q.queue == nil || !q.open.Load() {
		return
	}
	select {
	case q.queue <- m:
	default:
		if q.dropped++; q.dropped&(q.dropped-1) == 0 {
			q.log.Warn("AMI events dropped: their consumer is too slow", "dropped", q.dropped)
		}
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
