package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

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
	applied  *engine.Applied // of which kept is
	kept     map[uint64]*keptData
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
}

// refresh is engine.Daemon.Refresh.
func (r *rereader) refresh(ctx context.Context, ask engine.Refreshment) (map[string]*schema.Job, error) {
	kept, err := r.keptOf(ask.Applied, ask.Serial)
	if err != nil {
		return nil, err
	}
	read := make(map[string]*schema.Data, len(kept.read))
	for address, d := range kept.read {
		if !slices.Contains(ask.Data, address) {
			read[address] = d
		}
	}
	only := ""
	if len(ask.Jobs) == 1 {
		only = ask.Jobs[0]
	}
	src, now := kept.snapshot.SourceIn(r.dir), time.Now()
	for range maxRounds {
		cfg, diags := schema.Load(src, schema.Values{Environ: r.app.environ, Assignments: r.values.assignments, Data: read, Only: only, Version: version, Now: now})
		if len(cfg.Unread) > 0 {
			if err := r.read(ctx, ask.Since, cfg.Unread, read); err != nil {
				return nil, err
			}
			continue
		}
		jobs := map[string]*schema.Job{}
		for _, j := range cfg.Jobs {
			if slices.Contains(ask.Jobs, j.Address) {
				jobs[j.Address] = j
			}
		}
		if diags.HasErrors() && len(jobs) < len(ask.Jobs) {
			return jobs, errors.New(inOneLine(diags))
		}
		return jobs, nil
	}
	return nil, fmt.Errorf("read data: what was read has asked for more %d times", maxRounds)
}

// keptOf is a configuration of those that are applied.
func (r *rereader) keptOf(applied *engine.Applied, serial uint64) (*keptData, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.applied != applied {
		r.applied, r.kept = applied, map[uint64]*keptData{}
	}
	if kept := r.kept[serial]; kept != nil {
		return kept, nil
	}
	snap, err := appliedSnapshot(applied, serial)
	if err != nil {
		return nil, err
	}
	read, err := snap.Read()
	if err != nil {
		return nil, fmt.Errorf("read applied configuration %d: %w", serial, err)
	}
	r.kept[serial] = &keptData{snap, read}
	return r.kept[serial], nil
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
		key := fmt.Sprintf("%s %s %s %#v", q.Address, q.PBX.Address, q.PBX.Dial, q.Args)
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
