package amisim

import (
	"bytes"
	"net"
	"sync"
	"time"
)

const (
	inputSize   = 1024    // main/manager.c: inbuf; a line with its end must fit in
	maxLines    = 128     // AST_MAX_MANHEADERS
	outputLimit = 1 << 20 // unread output beyond which a session runs no further action
)

// session is one AMI connection. Its goroutine reads a message, runs the action and queues the answer, one after the
// other, as a real server's thread does; a second goroutine writes the queue, to which other goroutines add events.
type session struct {
	server *Server
	conn   net.Conn
	tcp    net.Conn // conn without TLS

	in   []byte // unread input: in[from:]
	from int

	unseen []byte // decrypted and not yet in the buffer, see fillTLS

	reply     []byte   // the answer being built; touched by the session's goroutine alone
	after     []func() // to do once the answer is queued, such as sending an event
	challenge string
	goodbye   bool // close when the answer is written

	mu      sync.Mutex
	changed sync.Cond // of the fields below
	out     []byte
	user    *User // nil until logged in
	read    class
	writes  class
	mask    class
	filters []*eventFilter
	ending  bool // write what is queued, then close
	ended   bool
}

func newSession(s *Server, conn, tcp net.Conn) *session {
	c := &session{server: s, conn: conn, tcp: tcp, in: make([]byte, 0, 64<<10)}
	c.changed.L = &c.mu
	c.out = append(c.out, "Asterisk Call Manager/"+s.config.Version.AMI+"\r\n"...)
	return c
}

// serve reads and runs messages until the connection ends.
func (c *session) serve() {
	defer c.server.ending.Done()
	defer c.server.forget(c)
	defer c.finish()
	c.conn.SetReadDeadline(time.Now().Add(c.server.config.AuthTimeout))
	for {
		r, trouble, err := c.message()
		if err != nil {
			return
		}
		c.reply = c.reply[:0]
		if trouble != "" {
			c.fail(r, trouble)
		} else {
			c.run(r)
		}
		if !c.queue(c.reply) || c.goodbye {
			return
		}
		for _, f := range c.after {
			f()
		}
		c.after = c.after[:0]
	}
}

// message reads up to the blank line that ends a message. trouble is the answer to one that breaks a limit; the session
// goes on after it (main/manager.c: do_message).
func (c *session) message() (r *request, trouble string, err error) {
	r = new(request)
	for {
		line, cut, err := c.line()
		switch {
		case err != nil:
			return nil, "", err
		case cut:
			trouble = "Failed to parse message: line too long"
		case line == "" && len(r.lines) > maxLines:
			r.lines = r.lines[:maxLines]
			return r, "Too many lines in message or allocation failure", nil
		case line == "":
			return r, trouble, nil
		case len(r.lines) <= maxLines: // one more than allowed is kept, as the mark of too many
			r.lines = append(r.lines, line)
		}
	}
}

// line reads one line; it ends with CR LF or a bare LF. When 1024 bytes hold no line end they are thrown away except
// the last, which may be half of a CR LF, and cut is true; what follows counts as another line (get_input).
func (c *session) line() (line string, cut bool, err error) {
	for {
		window := c.in[c.from:min(len(c.in), c.from+inputSize)]
		if i := bytes.IndexByte(window, '\n'); i >= 0 {
			c.from += i + 1
			text := bytes.TrimSuffix(window[:i], []byte("\r"))
			if nul := bytes.IndexByte(text, 0); nul >= 0 {
				text = text[:nul]
			}
			return string(text), false, nil
		}
		if len(window) == inputSize {
			c.from += inputSize - 1
			return "", true, nil
		}
		if err := c.fill(); err != nil {
			return "", false, err
		}
	}
}

// fill waits for input. Before that it lets the writer go: answers to pipelined actions leave together.
func (c *session) fill() error {
	c.mu.Lock()
	c.changed.Broadcast()
	c.mu.Unlock()
	if c.from > 0 {
		c.in = c.in[:copy(c.in, c.in[c.from:])]
		c.from = 0
	}
	if c.server.config.TLS != nil {
		return c.fillTLS()
	}
	n, err := c.conn.Read(c.in[len(c.in):cap(c.in)])
	c.in = c.in[:len(c.in)+n]
	if n > 0 {
		return nil
	}
	return err
}

// fillTLS is as short-sighted as the original: it waits for bytes on the socket, takes what the 1024 bytes of the buffer
// have room for, and leaves the rest of a record inside the TLS layer, where the next wait does not see it. A client that
// writes longer records, or ends them inside a line, waits for its answer in vain until it writes again.
func (c *session) fillTLS() error {
	var record [16 << 10]byte
	n, err := c.conn.Read(record[:])
	if n == 0 {
		return err
	}
	c.unseen = append(c.unseen, record[:n]...)
	room := min(inputSize-len(c.in), len(c.unseen))
	c.in = append(c.in, c.unseen[:room]...)
	c.unseen = append(c.unseen[:0], c.unseen[room:]...)
	return nil
}

// queue adds an answer to the output. It waits while the client leaves too much of it unread, and says whether the
// session still lives.
func (c *session) queue(text []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.out) > outputLimit && !c.ended {
		c.changed.Broadcast()
		c.changed.Wait()
	}
	c.out = append(c.out, text...)
	if len(c.out) > 32<<10 {
		c.changed.Broadcast()
	}
	return !c.ended
}

// event sends an event if the user may read it and the mask and the filters let it through. It never waits.
func (c *session) event(of class, text []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.user == nil || c.ending || c.ended || of&c.read&c.mask != of || !wanted(c.filters, text) {
		return
	}
	c.out = append(c.out, text...)
	c.changed.Broadcast()
}

// write writes the queue to the socket.
func (c *session) write() {
	defer c.server.ending.Done()
	defer c.abort()
	var text []byte
	for {
		c.mu.Lock()
		for len(c.out) == 0 && !c.ending && !c.ended {
			c.changed.Wait()
		}
		if c.ended || len(c.out) == 0 {
			c.mu.Unlock()
			return
		}
		text, c.out = c.out, text[:0]
		c.changed.Broadcast()
		c.mu.Unlock()
		for rest := text; len(rest) > 0; {
			part := rest
			if n := c.server.config.Segment; n > 0 {
				part = rest[:min(n, len(rest))]
			}
			c.conn.SetWriteDeadline(time.Now().Add(c.server.config.WriteTimeout))
			if _, err := c.conn.Write(part); err != nil {
				return
			}
			rest = rest[len(part):]
		}
	}
}

// finish closes the connection when all that is queued is written.
func (c *session) finish() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ending = true
	c.changed.Broadcast()
}

// abort closes the connection at once.
func (c *session) abort() {
	c.mu.Lock()
	c.ended = true
	c.changed.Broadcast()
	c.mu.Unlock()
	c.conn.Close()
}

// reset closes the connection with a TCP reset, as a died process with unread input does.
func (c *session) reset() {
	if tcp, ok := c.tcp.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	c.tcp.Close()
	c.abort()
}

// forget takes a session out of the server's books.
func (s *Server) forget(c *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sessions, c)
	if c.account() == nil {
		s.pending--
	}
}

// account returns the user logged in, nil if none.
func (c *session) account() *User {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.user
}

// respond begins an answer: Response, and ActionID if the request has one.
func (c *session) respond(r *request, response string) {
	c.put("Response", response)
	if id := r.get("ActionID"); id != "" {
		c.put("ActionID", id)
	}
}

// put adds a header line to the answer.
func (c *session) put(name, value string) {
	c.reply = append(c.reply, name...)
	c.reply = append(c.reply, ": "...)
	c.reply = append(c.reply, value...)
	c.reply = append(c.reply, "\r\n"...)
}

func (c *session) blank() { c.reply = append(c.reply, "\r\n"...) }

// ack answers Success.
func (c *session) ack(r *request, message string) {
	c.respond(r, "Success")
	c.put("Message", message)
	c.blank()
}

// fail answers Error.
func (c *session) fail(r *request, message string) {
	c.respond(r, "Error")
	c.put("Message", message)
	c.blank()
}
