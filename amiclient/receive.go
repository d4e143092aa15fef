package amiclient

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/notifyrun/notifyrun/amiclient/internal/value"
)

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
	switch text := m.Get("Message"); {
	case is(m.Get("Response"), "Error"):
		call.done(m, newResponseError(call.action, m))
	case call.item != nil && strings.Contains(strings.ToLower(text), "follow"): // as in "Voicemail user list will follow"
		call.done(m, unusableError(fmt.Sprintf("%s: the server says %s, but not as a list of which the end is known: it is not read", call.action, quote(clean(text)))))
	default:
		call.done(m, nil)
	}
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
	c.answersAt[0], c.answersAt[1] = c.answersAt[1], c.progress
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

// receiveItem handles one event of a list action. A list with fewer items than its
// end says is not whole: before 16.26, 18.12 and 19.4 a server whose write stalled
// left out a part of what it had to say, and went on (ASTERISK-29948).
func (c *Conn) receiveItem(call *call, view *Message) {
	m, end := view.keep(), view.Get("EventList")
	c.mu.Lock()
	if end == "" {
		call.items++
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
	switch said := value.Number(view.Get("ListItems")); {
	case !is(end, "Complete"):
		call.done(m, unusableError(fmt.Sprintf("%s: the server ended the list with %s", call.action, quote(clean(end)))))
	case said > call.items && !is(call.action, "PJSIPShowEndpoint"): // which counts what it tells by rules that changed
		call.done(m, unusableError(fmt.Sprintf("%s: the list has %d items by the server's count, of which %d came", call.action, said, call.items)))
	default:
		call.done(m, nil)
	}
}
