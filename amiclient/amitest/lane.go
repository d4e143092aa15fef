package amitest

import (
	"cmp"
	"errors"
	"io"
	"math"
	"net"
	"slices"
	"sync/atomic"
	"syscall"
	"time"
)

// lane is one direction of a passage. One goroutine reads and applies the
// faults, another writes each parcel when it is due.
type lane struct {
	*passage
	from, to net.Conn
	delay    time.Duration
	carried  *atomic.Int64
	alarm    alarm
	parcels  chan parcel

	// What follows is the reader's.
	faults []Fault // to come, by At
	pos    int     // bytes read
	keep   int     // how many of the last bytes a Duplicate may want
	recent []byte

	apart         bool          // the next parcel begins a Write
	mask          byte          // for the next byte
	late          time.Duration // the next parcel is so much later
	notBefore     time.Time     // nothing more is due earlier
	tricklesFor   time.Duration
	tricklesUntil int // pos
}

// parcel is what one Read gave.
type parcel struct {
	data  []byte
	due   time.Time // zero: at once
	apart bool      // shares no Write with those before
	end   func()    // ends the lane, in place of data
}

const minRead, maxRead = 1 << 10, 64 << 10

func (l *lane) read() {
	defer close(l.parcels)
	var chunk []byte // the parcels are parts of chunks that several share
	size := 2 * minRead
	for {
		if end := l.applyFaults(); end != nil {
			l.send(nil, end)
			io.Copy(io.Discard, l.from)
			return
		}
		if len(chunk) < minRead {
			chunk = make([]byte, size)
			size = min(2*size, 4*maxRead)
		}
		n, err := l.from.Read(chunk[:min(len(chunk), l.limit(), maxRead)])
		if n > 0 {
			data := chunk[:n:n]
			chunk = chunk[n:]
			l.pos += n
			l.carried.Add(int64(n))
			data[0] ^= l.mask
			l.mask = 0
			if l.keep > 0 {
				l.recent = append(l.recent, data...)
				l.recent = l.recent[max(0, len(l.recent)-l.keep):]
			}
			l.send(data, nil)
		}
		if err != nil {
			l.send(nil, func() {
				switch {
				case errors.Is(err, syscall.ECONNRESET):
					l.reset()
				case err == io.EOF:
					l.halfClose(l.to)
				}
			})
			return
		}
	}
}

// limit returns how much to read, so that no Read crosses a fault.
func (l *lane) limit() int {
	switch {
	case l.tricklesUntil > l.pos:
		return 1
	case len(l.faults) > 0:
		return l.faults[0].At - l.pos
	}
	return maxRead
}

// applyFaults applies those that are due at pos. It returns how the lane ends,
// if it does.
func (l *lane) applyFaults() (end func()) {
	for len(l.faults) > 0 && l.faults[0].At <= l.pos {
		f := l.faults[0]
		l.faults = l.faults[1:]
		switch f.Kind {
		case Split:
			l.apart, l.late = true, f.For
		case Stall:
			l.stall(f.For)
		case Trickle:
			l.tricklesFor, l.tricklesUntil = f.For, l.pos+f.Bytes
			if f.Bytes == 0 {
				l.tricklesUntil = math.MaxInt
			}
		case Duplicate:
			if again := l.recent[max(0, len(l.recent)-f.Bytes):]; len(again) > 0 {
				l.send(slices.Clone(again), nil)
			}
		case Corrupt:
			l.mask = cmp.Or(f.Mask, 0xff)
		case Cut:
			return l.close
		case HalfClose:
			return func() { l.halfClose(l.to) }
		case Reset:
			return l.reset
		}
	}
	return nil
}

func (l *lane) stall(d time.Duration) {
	var over <-chan time.Time
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		over = timer.C
	}
	select {
	case <-over:
	case <-l.closed:
	}
}

func (l *lane) send(data []byte, end func()) {
	p := parcel{data: data, apart: l.apart, end: end}
	trickles := l.tricklesUntil >= l.pos && l.tricklesFor > 0 && end == nil
	if l.delay > 0 || l.late > 0 || trickles || !l.notBefore.IsZero() {
		p.due = time.Now().Add(l.delay + l.late)
		if trickles {
			p.due, p.apart = later(p.due, l.notBefore.Add(l.tricklesFor)), true
		}
		p.due = later(p.due, l.notBefore)
		l.notBefore = p.due
	}
	l.apart, l.late = false, 0
	l.parcels <- p
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// write writes the parcels. Those due together share a Write where a delay has
// let them gather; without one, each is a Write of its own, as it was a Read.
// What cannot be written is lost, and the reader reads on: only the other
// direction tells whether the connection has ended.
func (l *lane) write() {
	defer l.alarm.stop()
	var batch net.Buffers
	broken := false
	flush := func() {
		if unwritten := batch; !broken {
			_, err := unwritten.WriteTo(l.to)
			broken = err != nil
		}
		batch = batch[:0]
	}
	for p := range l.parcels {
		if len(batch) > 0 && (p.apart || p.end != nil || time.Now().Before(p.due)) {
			flush()
		}
		l.alarm.wait(p.due, l.closed)
		if p.end != nil {
			p.end()
			continue
		}
		batch = append(batch, p.data)
		if l.delay == 0 || len(l.parcels) == 0 || len(batch) == 64 {
			flush()
		}
	}
}
