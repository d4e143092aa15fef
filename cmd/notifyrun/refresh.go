package main

import (
	"context"
	"crypto/x509"
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

// loadRead evaluates the configuration at path with what its data sources say.
func (a *app) loadRead(ctx context.Context, path string, v values) (*loaded, error) {
	src, diags := schema.Open(path)
	if diags.HasErrors() {
		return nil, a.mistakes(src, diags)
	}
	read := a.live(ctx)
	if v.stale {
		read = a.lastRead(ctx, src, v)
	}
	l, err := a.loadData(src, diags, v, read)
	if err != nil {
		if ctx.Err() != nil {
			return nil, exitCode(exitInterrupted)
		}
		return nil, err
	}
	l.args = arguments(path, v, l.config.Snapshot.Sensitive)
	if v.stale {
		a.noteAge(l)
	}
	return l, nil
}

// loadData evaluates a configuration, and has what it asks for read, until it asks
// for no more: what is read may bring about further data blocks.
func (a *app) loadData(src *schema.Source, diags hcl.Diagnostics, v values, get dataReader) (*loaded, error) {
	read, now := map[string]*schema.Data{}, time.Now()
	for range maxRounds {
		l, err := a.loadWith(src, diags, v, read, now)
		if err != nil || len(l.config.Unread) == 0 {
			return l, err
		}
		if more := get(l.config.Unread, read); more.HasErrors() {
			return nil, a.mistakes(src, append(l.diags, more...))
		}
	}
	return nil, fmt.Errorf("read data: what was read has asked for more %d times", maxRounds)
}

// live reads of the PBXs, of all at the same time.
func (a *app) live(ctx context.Context) dataReader {
	return func(requests []*schema.DataRequest, read map[string]*schema.Data) hcl.Diagnostics {
		p := newReading(requests)
		defer a.showReading(p)()
		var mu sync.Mutex
		var failed hcl.Diagnostics
		var all sync.WaitGroup
		for _, requests := range p.byPBX {
			all.Go(func() {
				found, unread := a.readPBX(ctx, requests, p)
				mu.Lock()
				defer mu.Unlock()
				maps.Copy(read, found)
				for _, u := range unread {
					failed = append(failed, u.diagnostic())
				}
			})
		}
		all.Wait()
		slices.SortStableFunc(failed, func(x, y *hcl.Diagnostic) int { return strings.Compare(x.Detail, y.Detail) })
		return failed
	}
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
		if !errors.As(err, new(*amiclient.ResponseError)) { // the others fail likewise
			return read, append(failed, unread{requests[i:], cfg.Address, err})
		}
		failed = append(failed, unread{requests[i : i+1], cfg.Address, err})
	}
	return read, failed
}

// unread is what could not be read of a PBX.
type unread struct {
	requests []*schema.DataRequest
	dial     string // host:port that was dialled; "": none was
	err      error  // why
}

// text says what could not be read, and why.
func (u unread) text() string {
	err := u.err
	if errors.As(err, new(x509.UnknownAuthorityError)) {
		err = fmt.Errorf("%w; name the authority by ca_file in the tls block", err)
	}
	what := u.requests[0].Address
	if n := len(u.requests) - 1; n > 0 {
		what += " and " + count(n, "other data source")
	}
	pbx := u.requests[0].PBX.Address
	if u.dial != "" {
		pbx += " at " + u.dial
	}
	return printable(fmt.Sprintf("%s could not be read of %s: %s", what, pbx, strings.TrimSuffix(err.Error(), ".")))
}

func (u unread) diagnostic() *hcl.Diagnostic {
	return &hcl.Diagnostic{
		Severity: hcl.DiagError, Subject: u.requests[0].DeclRange.Ptr(),
		Summary: "Data not read", Detail: u.text() + ". To go by what was last read: -refresh=false.",
	}
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
			all = append(all, dataJSON{r.Address, r.PBX.Address, d.Read, !l.stale})
		}
	}
	return all
}
