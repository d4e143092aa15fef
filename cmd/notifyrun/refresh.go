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
	"sync/atomic"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/engine"
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

// lastRead takes what the state has kept of the data when the configuration was
// last applied.
func (a *app) lastRead(ctx context.Context, src *schema.Source, v values) dataReader {
	var kept *schema.Snapshot
	var failed error
	return func(requests []*schema.DataRequest, read map[string]*schema.Data) hcl.Diagnostics {
		if kept == nil && failed == nil {
			kept, failed = a.newestSnapshot(ctx, src, v)
		}
		if failed != nil {
			return hcl.Diagnostics{{Severity: hcl.DiagError, Summary: "State not readable", Detail: printable(fmt.Sprintf("What was last read is in the state, which cannot be read: %s.", failed))}}
		}
		return fromSnapshot(kept, "It is kept when it is applied: apply once without -refresh=false.")(requests, read)
	}
}

// loadKept evaluates the configuration at path for commands that look at what is on
// record and ask no PBX: with what the state has kept of its data sources. What
// depends on others is not known.
func (a *app) loadKept(ctx context.Context, path string, v values) (*loaded, error) {
	l, err := a.load(path, v)
	if err != nil || len(l.config.Unread) == 0 {
		return l, err
	}
	v.state = l.state
	kept, err := a.newestSnapshot(ctx, l.source, v)
	if err != nil {
		return nil, err
	}
	read, err := kept.Read()
	if err != nil {
		return nil, fmt.Errorf("read what was applied: %w", err)
	}
	args := l.args
	if l, err = a.loadWith(l.source, nil, v, read, time.Now()); err == nil {
		l.args = args
	}
	return l, err
}

// asLastRead gives a state, if a daemon serves it, the configuration as it is with
// what data sources said when it was last applied. What was not read then is not
// known, and no job of what was applied. The time of the plan is that of what was
// applied, too, in the configuration itself: the daemon sends by that.
func (a *app) asLastRead(ctx context.Context, l *loaded, v values, state *engine.State) error {
	reads := len(l.config.Data) > 0 && !v.stale
	timed := !l.config.Snapshot.PlanTime.IsZero()
	if !state.Served || !reads && !timed {
		return nil
	}
	v.state = l.state
	kept, err := a.newestSnapshot(ctx, l.source, v)
	if err != nil {
		return err
	}
	now := time.Now()
	if timed && !kept.PlanTime.IsZero() {
		now = kept.PlanTime
		then, err := a.loadWith(l.source, nil, v, l.read, now)
		if err != nil {
			return err
		}
		l.config = then.config
	}
	if !reads {
		return nil
	}
	read, err := kept.Read()
	if err != nil {
		return fmt.Errorf("read what was applied: %w", err)
	}
	then, err := a.loadWith(l.source, nil, v, read, now)
	if err != nil {
		return err
	}
	state.LastRead = then.config
	return nil
}

// newestSnapshot is what was applied last; one of nothing if nothing was.
func (a *app) newestSnapshot(ctx context.Context, src *schema.Source, v values) (*schema.Snapshot, error) {
	state := v.state
	if state == "" {
		cfg, _ := schema.Load(src, schema.Values{Environ: a.environ, Assignments: v.assignments, Version: version})
		state = src.StatePath(cfg)
	}
	led, err := a.reader(ctx, state)
	if err != nil {
		return nil, err
	}
	defer led.Close()
	applied, err := led.Applied(ctx)
	if err != nil || len(applied.Snapshots) == 0 {
		return &schema.Snapshot{}, err
	}
	return appliedSnapshot(applied, slices.Max(slices.Collect(maps.Keys(applied.Snapshots))))
}

// fromSnapshot takes what a snapshot has kept; remedy says what to do where it has
// nothing.
func fromSnapshot(kept *schema.Snapshot, remedy string) dataReader {
	return func(requests []*schema.DataRequest, read map[string]*schema.Data) hcl.Diagnostics {
		all, err := kept.Read()
		if err != nil {
			return hcl.Diagnostics{{Severity: hcl.DiagError, Summary: "Data not readable", Detail: printable(fmt.Sprintf("What was last read cannot be used: %s.", err))}}
		}
		var missing hcl.Diagnostics
		for _, r := range requests {
			if d := all[r.Address]; d != nil && kept.Data[r.Address].Type == r.Type {
				read[r.Address] = d
				continue
			}
			missing = append(missing, &hcl.Diagnostic{
				Severity: hcl.DiagError, Subject: r.DeclRange.Ptr(),
				Summary: "Data never read", Detail: fmt.Sprintf("%s was not read before. %s", r.Address, remedy),
			})
		}
		return missing
	}
}

// noteAge says that nothing was read, and how old is what is gone by instead.
func (a *app) noteAge(l *loaded) {
	if a.json || len(l.config.Data) == 0 {
		return
	}
	oldest := l.config.Data[0]
	for _, r := range l.config.Data {
		if l.read[r.Address].Read.Before(l.read[oldest.Address].Read) {
			oldest = r
		}
	}
	at := l.read[oldest.Address].Read
	when := fmt.Sprintf("%s ago, at %s", max(time.Since(at), 0).Round(time.Second), localTime(at))
	what := oldest.Address + " is as it was read " + when
	if n := len(l.config.Data); n > 1 {
		what = fmt.Sprintf("%s are as they were last read, the oldest, %s, %s", count(n, "data source"), oldest.Address, when)
	}
	fmt.Fprintf(a.stderr, "%s no PBX was asked: %s.\n", a.style(a.stderr).yellow("Note:"), what)
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

// movedSince says how a saved plan, made again with what data sources say now, is
// another than the one that was saved; nil: it is not because of them.
func (a *app) movedSince(saved *planFile, l *loaded, now *engine.Plan, v values, kept dataReader) error {
	if len(l.config.Data) == 0 || v.stale {
		return nil
	}
	then, err := a.loadData(saved.Snapshot.Source(), nil, v, kept)
	if err != nil {
		return nil // the plan file is at fault, and its reader says so
	}
	was, _, err := a.makePlan(then, now.State, saved.Options)
	if err != nil || was.Digest() != saved.Digest {
		return nil
	}
	for _, jp := range now.Jobs {
		if text := movedTargets(was, jp); text != "" {
			return fmt.Errorf("the targets have moved since it was made: %s %s", jp.Address, text)
		}
	}
	return errors.New("what data sources say has changed since it was made, and with it what would be applied")
}

// movedTargets says how the targets of a job are others than in an earlier plan; ""
// if they are not.
func movedTargets(was *engine.Plan, now *engine.JobPlan) string {
	i := slices.IndexFunc(was.Jobs, func(jp *engine.JobPlan) bool { return jp.Address == now.Address })
	if i < 0 || was.Jobs[i].Job == nil || now.Job == nil {
		return ""
	}
	targets := func(jp *engine.JobPlan) map[string]bool {
		all := map[string]bool{}
		for _, t := range jp.Job.Targets {
			all[t.String()] = true
		}
		return all
	}
	before, after := targets(was.Jobs[i]), targets(now)
	only := func(these, those map[string]bool, what string) (parts []string) {
		var names []string
		for name := range these {
			if !those[name] {
				names = append(names, name)
			}
		}
		if slices.Sort(names); len(names) == 0 {
			return nil
		}
		text := what + " " + printable(names[0])
		if n := len(names) - 1; n > 0 {
			text += " and " + count(n, "other")
		}
		return []string{text}
	}
	return strings.Join(append(only(after, before, "now has"), only(before, after, "has no longer")...), ", and ")
}
