package amiclient

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"unsafe"
)

// Bounds on what is accepted from a server. Asterisk itself has none; the
// longest real lines are some 100 kB, the longest real messages are the
// answers to ListCommands and Command.
const (
	maxReceivedLine    = 1 << 20  // bytes
	maxReceivedMessage = 16 << 20 // bytes
	maxReceivedHeaders = 100_000
)

// readerSize is the size of a Reader's buffer unless a message needs more.
const readerSize = 64 << 10

// A Reader reads messages from a stream of AMI. Lines may end in CR LF or in
// a bare LF, and empty messages are skipped: several answers end in
// "text LF CR LF CR LF", because a newline stands inside Asterisk's own text.
// The output of a command in the framing before Asterisk 14 becomes Output
// headers, as later versions have them.
//
// A Reader is not safe for concurrent use.
type Reader struct {
	src        io.Reader
	buf        []byte
	start, end int // buf[start:end] is read but not yet consumed

	only    map[string]bool // the events that Read returns; nil: all
	idle    func()          // called before each wait for more; may be nil
	follows func() bool     // may the next answer be a Command's? nil: yes
}

// NewReader returns a Reader on src. It reads ahead.
func NewReader(src io.Reader) *Reader {
	return &Reader{src: src, buf: make([]byte, readerSize)}
}

// Only makes Read pass over events of other names, for which it then allocates
// nothing. Names are compared with regard to case. Without names it returns all
// events again.
func (r *Reader) Only(events ...string) {
	r.only = nil
	for i, name := range events {
		if i == 0 {
			r.only = make(map[string]bool, len(events))
		}
		r.only[name] = true
	}
}

// Read returns the next message. At the end of the stream the error is io.EOF,
// in the middle of a message io.ErrUnexpectedEOF; a stream that exceeds the
// bounds (1 MiB a line, 16 MiB or 100,000 headers a message) gives an error
// that is ErrProtocol. After an error the Reader is of no more use.
func (r *Reader) Read() (*Message, error) {
	for {
		view, err := r.next()
		if err != nil {
			return nil, err
		}
		if r.only != nil {
			if kind, name := view.kind(); kind == kindEvent && !r.only[name] {
				continue
			}
		}
		return view.keep(), nil
	}
}

// keep returns a copy of what next returned.
func (m *Message) keep() *Message { return &Message{strings.Clone(m.text)} }

// next returns the next message as it lies in the buffer: it, and every string
// taken from it, is valid until the next call only. So a message that nobody
// wants costs no memory.
func (r *Reader) next() (Message, error) {
	scanned := 0  // bytes after start that are known to be whole lines of this message
	searched := 0 // bytes after scanned that hold no line feed
	headers := 0
	for {
		text := r.buf[r.start:r.end]
		for {
			i := bytes.IndexByte(text[scanned+searched:], '\n')
			if i < 0 {
				break
			}
			i += searched
			searched = 0
			if i == 0 || i == 1 && text[scanned] == '\r' {
				r.start += scanned + i + 1
				if headers > 0 {
					return view(text[:scanned]), nil
				}
				text = text[i+1:]
				continue
			}
			if headers == 0 && isFollows(text[:i]) && (r.follows == nil || r.follows()) {
				return r.readFollows()
			}
			scanned += i + 1
			if headers++; i > maxReceivedLine || headers > maxReceivedHeaders || scanned > maxReceivedMessage {
				return Message{}, errTooLong
			}
		}
		if searched = len(text) - scanned; searched > maxReceivedLine {
			return Message{}, errTooLong
		}
		if err := r.fill(); err != nil {
			return Message{}, err
		}
	}
}

var errTooLong = fmt.Errorf("read message: %w: a line of more than %d bytes, or a message of more than %d bytes or %d lines",
	ErrProtocol, maxReceivedLine, maxReceivedMessage, maxReceivedHeaders)

// view makes a message of lines that belong to the Reader.
func view(lines []byte) Message { return Message{unsafe.String(unsafe.SliceData(lines), len(lines))} }

// line returns one line without its end, at most limit bytes long: the
// greeting, after which no blank line comes.
func (r *Reader) line(limit int) (string, error) {
	for {
		if i := bytes.IndexByte(r.buf[r.start:r.end], '\n'); i >= 0 && i <= limit {
			line := string(bytes.TrimSuffix(r.buf[r.start:r.start+i], []byte("\r")))
			r.start += i + 1
			return line, nil
		}
		if r.end-r.start > limit {
			return string(r.buf[r.start : r.start+limit]), fmt.Errorf("%w: a line of more than %d bytes", ErrProtocol, limit)
		}
		if err := r.fill(); err != nil {
			return string(r.buf[r.start:r.end]), err
		}
	}
}

// fill reads more behind what is there, making room as needed.
func (r *Reader) fill() error {
	switch {
	case r.start == r.end:
		r.start, r.end = 0, 0
		if len(r.buf) > maxReceivedLine { // one huge message was no reason to keep so much
			r.buf = make([]byte, readerSize)
		}
	case r.end == len(r.buf) && r.start > len(r.buf)/2:
		r.end = copy(r.buf, r.buf[r.start:r.end])
		r.start = 0
	case r.end == len(r.buf):
		grown := make([]byte, 2*len(r.buf))
		r.end = copy(grown, r.buf[r.start:r.end])
		r.start, r.buf = 0, grown
	}
	if r.idle != nil {
		r.idle()
	}
	for range 100 {
		n, err := r.src.Read(r.buf[r.end:])
		r.end += n
		if n > 0 {
			return nil
		}
		if err == io.EOF && r.start < r.end {
			return io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
	}
	return io.ErrNoProgress
}
