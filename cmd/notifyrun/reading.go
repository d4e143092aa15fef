package main

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/notifyrun/notifyrun/engine/refresh"
	"github.com/notifyrun/notifyrun/schema"
)

// reading is how far it is with the data that are being read.
type reading struct {
	byPBX [][]*schema.DataRequest
	rows  map[*schema.DataRequest]*rowCount
	read  atomic.Int64 // data sources that are done
}

// rowCount is how far it is with one data source.
type rowCount struct{ done, total atomic.Int64 }

func newReading(requests []*schema.DataRequest) *reading {
	p := &reading{rows: map[*schema.DataRequest]*rowCount{}}
	at := map[string]int{}
	for _, r := range requests {
		i, known := at[r.PBX.Address]
		if !known {
			i = len(p.byPBX)
			at[r.PBX.Address] = i
			p.byPBX = append(p.byPBX, nil)
		}
		p.byPBX[i] = append(p.byPBX[i], r)
		p.rows[r] = &rowCount{}
	}
	return p
}

func (p *reading) progress(r *schema.DataRequest) refresh.Progress {
	n := p.rows[r]
	return func(done, total int) {
		n.done.Store(int64(done))
		n.total.Store(int64(total))
	}
}

// line says how far it is.
func (p *reading) line() string {
	var done, total int64
	for _, n := range p.rows {
		done += n.done.Load()
		total += n.total.Load()
	}
	s := fmt.Sprintf("reading data of %s: %s rows", count(len(p.byPBX), "PBX"), thousands(int(done)))
	if total > done {
		s += " of " + thousands(int(total))
	}
	if n := len(p.rows); n > 1 {
		s += fmt.Sprintf(", %d of %d data sources", p.read.Load(), n)
	}
	return s
}

// readingShows is how long reading takes before it is said how far it is.
const readingShows = time.Second

// showReading says on stderr how far it is, if it lasts: one line that renews
// itself on a terminal, a line every ten seconds elsewhere. The returned function
// ends it.
func (a *app) showReading(p *reading) (stop func()) {
	if a.json {
		return func() {}
	}
	live := terminal(a.stderr)
	begin, every := 10*time.Second, 10*time.Second
	if live {
		begin, every = readingShows, 200*time.Millisecond
	}
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		next := time.NewTimer(begin)
		defer next.Stop()
		for {
			select {
			case <-done:
				if live {
					fmt.Fprint(a.stderr, "\r\x1b[K")
				}
				return
			case <-next.C:
				if live {
					fmt.Fprint(a.stderr, "\r\x1b[K"+clip(p.line(), a.width(a.stderr)-1))
				} else {
					fmt.Fprintln(a.stderr, p.line())
				}
				next.Reset(every)
			}
		}
	}()
	return func() {
		close(done)
		<-ended
	}
}
