package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/notifyrun/notifyrun/engine"
	"github.com/notifyrun/notifyrun/schema"
)

// rereader reads data sources again for a daemon when jobs fire. What is read for
// several jobs at one moment is read once.
type rereader struct {
	app    *app
	dir    string
	values values

	mu       sync.Mutex
	readings map[string]*sharedReading

	keeping sync.Mutex
	applied *engine.Applied // of which kept is
	kept    map[uint64]*keptData
}

// sharedReading is the reading of one data source, now or just before.
type sharedReading struct {
	began time.Time
	done  chan struct{} // closed once it is over
	data  *schema.Data  // nil: it could not be read, because of err
	err   error
}

// keptData is a configuration that was applied, with what was read then.
type keptData struct {
	snapshot *schema.Snapshot
	read     map[string]*schema.Data
	requests map[string]*schema.DataRequest // that were asked then, by address

	evaluating bool          // somebody does
	waiting    []*evaluation // and these are next
}

// evaluation asks for jobs, as they are with what was read for them.
type evaluation struct {
	jobs  []string
	fresh map[string]*schema.Data // by address
	done  chan struct{}           // closed once the rest is there
	cfg   *schema.Config
	diags hcl.Diagnostics
}

// refresh is engine.Daemon.Refresh.
func (r *rereader) refresh(ctx context.Context, ask engine.Refreshment) (map[string]*schema.Job, error) {
	kept, err := r.keptOf(ask.Applied, ask.Serial)
	if err != nil {
		return nil, err
	}
	var requests []*schema.DataRequest
	for _, address := range ask.Data {
		if q := kept.requests[address]; q != nil {
			requests = append(requests, q)
		}
	}
	wanted := make(map[string]bool, len(ask.Jobs))
	for _, job := range ask.Jobs {
		wanted[job] = true
	}
	fresh, asked := map[string]*schema.Data{}, map[string]string{}
	for range maxRounds {
		if err := r.read(ctx, ask.Since, requests, fresh); err != nil {
			return nil, err
		}
		for _, q := range requests {
			asked[q.Address] = questionOf(q)
		}
		e := r.evaluate(kept, ask.Jobs, fresh)
		if requests = furtherRequests(e.cfg, wanted, ask.Data, asked); len(requests) > 0 {
			continue
		}
		jobs := map[string]*schema.Job{}
		for _, j := range e.cfg.Jobs {
			if wanted[j.Address] {
				jobs[j.Address] = j
			}
		}
		if e.diags.HasErrors() && len(jobs) < len(ask.Jobs) {
			return jobs, errors.New(inOneLine(e.diags))
		}
		return jobs, nil
	}
	return nil, fmt.Errorf("read data: what was read has asked for more %d times", maxRounds)
}

// furtherRequests are what is to be read now that more is known: data blocks that
// are there only by what was read, or that ask for something else by that.
func furtherRequests(cfg *schema.Config, jobs map[string]bool, data []string, asked map[string]string) (further []*schema.DataRequest) {
	blocks := map[string]bool{}
	for _, address := range data {
		blocks[dataBlock(address)] = true
	}
	needs := map[string]bool{} // what the jobs depend on now
	there := 0
	for _, j := range cfg.Jobs {
		if jobs[j.Address] {
			there++
			for _, address := range j.Data {
				needs[address] = true
			}
		}
	}
	for _, q := range cfg.Data {
		was, known := asked[q.Address]
		switch {
		case known && was == questionOf(q):
		case known, needs[q.Address], blocks[dataBlock(q.Address)]:
			further = append(further, q)
		}
	}
	if len(further) == 0 && there < len(jobs) { // one that is missing may depend on any of them
		for _, q := range cfg.Unread {
			if _, known := asked[q.Address]; !known {
				further = append(further, q)
			}
		}
	}
	return further
}

// dataBlock is the address of the block that an instance is of.
func dataBlock(address string) string {
	for from := 0; ; {
		i := strings.IndexByte(address[from:], '[')
		if i < 0 {
			return address
		}
		key := from + i
		if from = key + schema.KeyLength(address[key:]); from >= len(address) {
			return address[:key]
		}
	}
}

// questionOf tells requests apart that ask for different things.
func questionOf(q *schema.DataRequest) string {
	return q.Address + " " + q.PBX.Dial + " " + q.Question()
}

// evaluate evaluates jobs with what was read for them. Those that ask while
// somebody evaluates are evaluated together then: a configuration of hundreds of
// sites takes a while.
func (r *rereader) evaluate(kept *keptData, jobs []string, fresh map[string]*schema.Data) *evaluation {
	e := &evaluation{jobs: jobs, fresh: maps.Clone(fresh), done: make(chan struct{})}
	r.mu.Lock()
	kept.waiting = append(kept.waiting, e)
	if !kept.evaluating {
		kept.evaluating = true
		go r.evaluateAll(kept)
	}
	r.mu.Unlock()
	<-e.done
	return e
}

// evaluateAll evaluates until nobody waits for it.
func (r *rereader) evaluateAll(kept *keptData) {
	for {
		r.mu.Lock()
		all := kept.waiting
		kept.waiting = nil
		kept.evaluating = len(all) > 0
		r.mu.Unlock()
		if len(all) == 0 {
			return
		}
		read := maps.Clone(kept.read)
		jobs := map[string]bool{}
		at := map[string]time.Time{}
		for _, e := range all {
			for address, d := range e.fresh {
				if !d.Read.Before(at[address]) {
					read[address], at[address] = d, d.Read
				}
			}
			for _, job := range e.jobs {
				jobs[job] = true
			}
		}
		with := r.app.schemaValues(r.values)
		with.Data = read
		if len(jobs) == 1 {
			with.Only = all[0].jobs[0]
		}
		cfg, diags := schema.Load(kept.snapshot.SourceIn(r.dir), with)
		for _, e := range all {
			e.cfg, e.diags = cfg, diags
			close(e.done)
		}
	}
}

// keptOf is a configuration of those that are applied.
func (r *rereader) keptOf(applied *engine.Applied, serial uint64) (*keptData, error) {
	r.keeping.Lock()
	defer r.keeping.Unlock()
	if r.applied != applied {
		r.applied, r.kept = applied, map[uint64]*keptData{}
	}
	if kept := r.kept[serial]; kept != nil {
		return kept, nil
	}
	kept, cfg, err := r.app.evaluateKept(applied, serial, r.dir, r.values)
	if err != nil {
		return nil, err
	}
	kept.requests = map[string]*schema.DataRequest{}
	for _, q := range cfg.Data {
		kept.requests[q.Address] = q
	}
	r.kept[serial] = kept
	return kept, nil
}

// read reads data sources, or takes what others have begun to read since then.
func (r *rereader) read(ctx context.Context, since time.Time, requests []*schema.DataRequest, read map[string]*schema.Data) error {
	var own []*schema.DataRequest
	shared := make([]*sharedReading, len(requests))
	r.mu.Lock()
	for key, s := range r.readings {
		if time.Since(s.began) > sharedFor && s.over() {
			delete(r.readings, key)
		}
	}
	if r.readings == nil {
		r.readings = map[string]*sharedReading{}
	}
	mine := map[string]*sharedReading{} // by address
	for i, q := range requests {
		key := questionOf(q)
		if s := r.readings[key]; s != nil && !s.began.Before(since) {
			shared[i] = s
			continue
		}
		s := &sharedReading{began: time.Now(), done: make(chan struct{})}
		shared[i], r.readings[key], mine[q.Address] = s, s, s
		own = append(own, q)
	}
	r.mu.Unlock()
	p := newReading(own)
	for _, requests := range p.byPBX {
		go func() {
			found, failed := r.app.readPBX(ctx, requests, p)
			for _, q := range requests {
				mine[q.Address].data = found[q.Address]
			}
			for _, u := range failed {
				for _, q := range u.requests {
					mine[q.Address].err = errors.New(u.text())
				}
			}
			for _, q := range requests {
				close(mine[q.Address].done)
			}
		}()
	}
	var failed []string
	for i, s := range shared {
		select {
		case <-s.done:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if s.err == nil {
			read[requests[i].Address] = s.data
		} else if text := s.err.Error(); !slices.Contains(failed, text) {
			failed = append(failed, text)
		}
	}
	if len(failed) > 0 {
		return errors.New(strings.Join(failed, "; "))
	}
	return nil
}

// sharedFor is how long what was read is kept for others that fired at the same
// moment.
const sharedFor = 10 * time.Second

func (s *sharedReading) over() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}
