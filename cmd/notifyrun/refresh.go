package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/engine/refresh"
	"github.com/notifyrun/notifyrun/schema"
)

// refreshFlag is of the commands that read data sources.
func (a *app) refreshFlag(v *values) {
	a.flags.BoolFunc("refresh", "read data sources of the PBXs, as it does unless told otherwise; with -refresh=false it goes by what was last read", func(s string) error {
		live, err := strconv.ParseBool(s)
		v.stale = !live
		return err
	})
}

// dataReader gets what data blocks ask for, and puts it into read, by address.
type dataReader func(requests []*schema.DataRequest, read map[string]*schema.Data) hcl.Diagnostics

// maxRounds is how often data are read at most because of what was read before.
const maxRounds = 100

// loadRead evaluates the configuration at path with what its data sources say. If it
// is for some of the jobs only, what cannot be read is as it was last read: whoever
// makes the plan is to see whether these jobs need it, by notRead.
func (a *app) loadRead(ctx context.Context, path string, v values, some bool) (*loaded, error) {
	src, diags := schema.Open(path)
	if diags.HasErrors() {
		return nil, a.mistakes(src, diags)
	}
	read := a.live(ctx, a.flags.Lookup("target") != nil)
	var missed []unread
	switch {
	case v.stale:
		read = a.lastRead(ctx, src, v, "It is kept when it is applied: apply once without -refresh=false.")
	case some:
		read = a.liveOr(ctx, a.lastRead(ctx, src, v, "Until it can be read, take the data block out, and what depends on it."), &missed)
	}
	l, err := a.loadData(ctx, src, diags, v, read)
	if err != nil {
		return nil, cmp.Or(ctx.Err(), err)
	}
	l.args, l.unread = arguments(path, v, l.config.Snapshot.Sensitive), missed
	if v.stale {
		a.noteAge(l)
	}
	return l, nil
}

// loadData evaluates a configuration, and has what it asks for read, until it asks
// for no more: what is read may bring about further data blocks.
func (a *app) loadData(ctx context.Context, src *schema.Source, diags hcl.Diagnostics, v values, get dataReader) (*loaded, error) {
	read, now := map[string]*schema.Data{}, time.Now()
	for range maxRounds {
		l, err := a.loadWith(ctx, src, diags, v, read, now)
		if err != nil || len(l.config.Unread) == 0 {
			return l, err
		}
		if more := get(l.config.Unread, read); more.HasErrors() {
			return nil, a.mistakes(src, append(l.diags, more...))
		}
	}
	return nil, fmt.Errorf("read data: what was read has asked for more %d times", maxRounds)
}

// live reads of the PBXs. narrows tells whether the command has -target and -exclude.
func (a *app) live(ctx context.Context, narrows bool) dataReader {
	remedy := byLastRead
	if narrows {
		remedy += " To go on with jobs that do not depend on it: -target or -exclude. Both need that it was read once."
	}
	return func(requests []*schema.DataRequest, read map[string]*schema.Data) hcl.Diagnostics {
		var diags hcl.Diagnostics
		for _, u := range a.readAll(ctx, requests, read) {
			diags = append(diags, u.diagnostic(remedy))
		}
		return diags
	}
}

// liveOr reads of the PBXs, for some of the jobs: one site that is down is not to
// keep the others from theirs. What cannot be read is as last has it, and is noted
// as missed. Where last has nothing, it stays a mistake.
func (a *app) liveOr(ctx context.Context, last dataReader, missed *[]unread) dataReader {
	return func(requests []*schema.DataRequest, read map[string]*schema.Data) hcl.Diagnostics {
		failed := a.readAll(ctx, requests, read)
		if len(failed) == 0 {
			return nil
		}
		var asked []*schema.DataRequest
		for _, u := range failed {
			asked = append(asked, u.requests...)
		}
		var never hcl.Diagnostics
		if ctx.Err() == nil {
			never = last(asked, read)
		}
		if ctx.Err() == nil && !never.HasErrors() {
			*missed = append(*missed, failed...)
			return nil
		}
		var diags hcl.Diagnostics
		for _, u := range failed {
			if slices.ContainsFunc(u.requests, func(r *schema.DataRequest) bool { return read[r.Address] == nil }) {
				diags = append(diags, u.diagnostic("Nor is there all of it from before."))
			}
		}
		return append(diags, never...)
	}
}

// readAll reads of all PBXs at the same time, and tells what could not be read.
func (a *app) readAll(ctx context.Context, requests []*schema.DataRequest, read map[string]*schema.Data) []unread {
	p := newReading(requests)
	defer a.showReading(p)()
	var mu sync.Mutex
	var failed []unread
	var all sync.WaitGroup
	for _, requests := range p.byPBX {
		all.Go(func() {
			found, unread := a.readPBX(ctx, requests, p)
			mu.Lock()
			defer mu.Unlock()
			maps.Copy(read, found)
			failed = append(failed, unread...)
		})
	}
	all.Wait()
	slices.SortStableFunc(failed, func(x, y unread) int { return strings.Compare(x.text(), y.text()) })
	return failed
}

// readPBX reads what is asked of one PBX, one thing after the other over one
// connection: a server does them in turn anyway.
func (a *app) readPBX(ctx context.Context, requests []*schema.DataRequest, p *reading) (map[string]*schema.Data, []unread) {
	read := map[string]*schema.Data{}
	pbx := requests[0].PBX
	var started pbxs
	defer started.close()
	cfg, err := a.amiConfig(&started, pbx)
	if err != nil {
		return nil, []unread{{requests, cfg.Address, err}}
	}
	conn, err := amiclient.Dial(ctx, cfg)
	if err != nil {
		return nil, []unread{{requests, cfg.Address, err}}
	}
	defer conn.Close()
	var failed []unread
	for i, r := range requests {
		d, err := refresh.Read(ctx, conn, *r, p.progress(r))
		if err == nil {
			read[r.Address] = d
			p.read.Add(1)
			continue
		}
		if errors.As(err, new(*amiclient.ConnError)) || ctx.Err() != nil { // the others fail likewise
			return read, append(failed, unread{requests[i:], cfg.Address, err})
		}
		failed = append(failed, unread{requests[i : i+1], cfg.Address, err})
	}
	return read, failed
}

// dataJSON is a data source in what commands tell as JSON.
type dataJSON struct {
	Address string    `json:"address"`
	PBX     string    `json:"pbx"`
	Read    time.Time `json:"read"`
	Live    bool      `json:"live"` // read by this command
}

func (l *loaded) dataJSON() []dataJSON {
	var all []dataJSON
	for _, r := range l.config.Data {
		if d := l.read[r.Address]; d != nil {
			all = append(all, dataJSON{r.Address, r.PBX.Address, d.Read, !l.stale && !l.wasMissed(r)})
		}
	}
	return all
}
