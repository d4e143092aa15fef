package amiclient

import (
	"bytes"
	"fmt"
	"io"
	"time"
)

// maxRecord is the size of Asterisk's input buffer. It polls the raw socket
// and not what OpenSSL holds, so a TLS record that carries more, or ends within
// a line, waits until further bytes come (main/manager.c: get_input).
const maxRecord = 1024

// Asterisk also closes the connection when it finds a part of a record only: it
// reads, gets nothing yet, and takes that for the end (main/iostream.c:
// iostream_read, SSL_ERROR_WANT_READ). The kernel parts records where it fills
// packets from several Writes, which it does as soon as bytes must wait: on a link
// of 20 Mbit/s with packets of 1500 bytes, 16.28 and 22.10 closed every connection
// within a few dozen pipelined actions. So either the kernel keeps the records
// apart (see keepRecords), or no more than one record may be on its way: over TLS,
// where a tunnel or another system than Linux does not let us, actions of
// maxRecord bytes together are in flight, or a single larger one.

// send writes a batch of whole lines. It returns how many bytes may have left
// if it fails.
func send(w io.Writer, batch []byte, records bool) (sent int, err error) {
	if !records {
		return w.Write(batch)
	}
	for sent < len(batch) {
		// crypto/tls makes one record of each Write of this size. A line is
		// never longer: see maxLine.
		chunk := batch[sent:]
		if len(chunk) > maxRecord {
			chunk = chunk[:1+bytes.LastIndexByte(chunk[:maxRecord], '\n')]
		}
		sent += len(chunk)
		if _, err := w.Write(chunk); err != nil {
			return sent, err
		}
	}
	return sent, nil
}

// write is the one goroutine that writes. What was queued while it wrote leaves
// in its next Write, so that under load there are far fewer than one an action.
func (c *Conn) write() {
	defer close(c.wrote)
	var batch []byte
	for {
		select {
		case <-c.wake:
		case <-c.done:
			return
		}
		c.mu.Lock()
		if len(c.out) == 0 { // it left with the batch before
			c.mu.Unlock()
			continue
		}
		batch, c.out = c.out, batch[:0]
		first := c.unsent
		c.unsent = nil
		for call := first; call != nil; call = call.next {
			call.written = true
		}
		c.mu.Unlock()
		if sent, err := send(c.nc, batch, c.cfg.TLS != nil); err != nil {
			c.writeFailed(first, sent, err)
			return
		}
	}
}

// writeFailed notes which actions of the batch cannot have left. Answers to
// the others may still be on their way, so the reader has a second for them.
func (c *Conn) writeFailed(first *call, sent int, err error) {
	c.mu.Lock()
	for call := first; call != nil && call != c.unsent; call = call.next {
		call.written = call.at < sent
	}
	if c.err == nil {
		c.err = fmt.Errorf("write: %w", err)
	}
	c.mu.Unlock()
	c.raw.SetReadDeadline(time.Now().Add(time.Second))
}
