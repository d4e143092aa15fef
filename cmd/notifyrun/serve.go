package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/notifyrun/notifyrun/engine"
	"github.com/notifyrun/notifyrun/engine/ledger"
	"github.com/notifyrun/notifyrun/schema"
)

var serveCommand = &command{
	name: "serve", args: "[PATH]",
	short: "keep the schedules and triggers of what was applied",
	long: `Runs what notifyrun apply has published, and not the files in PATH: it keeps
schedules and event triggers, fires what follows other runs, and drives all
runs to their end, those that apply and fire start beside it too. A new apply
is taken within a second or two. Secrets come to it by NOTIFYRUN_VAR_name, by
-var-file or by secret_file.

The first SIGTERM or Ctrl-C ends it in order: nothing more is sent, answers that
are due are recorded, the rest goes on at the next start. The second one ends it
at once. SIGHUP has it read secrets and certificates again.`,
	run: func(a *app, ctx context.Context, args []string) error {
		err := a.serve(ctx, args)
		if ctx.Err() != nil && errors.Is(err, context.Canceled) {
			a.log.Info("notifyrun has ended in order, before it served")
			return nil // it was asked to end: that is no failure of a daemon
		}
		return err
	},
}

// serveFlags are those of serve.
type serveFlags struct {
	values values
	drain  time.Duration
	http   string
	pprof  bool
}

func (a *app) serve(ctx context.Context, args []string) error {
	var f serveFlags
	a.flagSet()
	a.valueFlags(&f.values)
	a.logFlags("info")
	a.flags.DurationVar(&f.drain, "drain", 10*time.Second, "how long to wait at the end for answers that are due, as a `duration`")
	a.flags.StringVar(&f.http, "http", "", "serve health and metrics at this `address`, host:port or :port; without a host only for this machine")
	a.flags.BoolVar(&f.pprof, "pprof", false, "serve profiles of the program at -http too")
	path, err := a.parsePath(args)
	switch {
	case err != nil:
		return err
	case f.drain < 0:
		return errors.New("serve: -drain must not be negative")
	case f.pprof && f.http == "":
		return errors.New("serve: -pprof needs -http")
	case f.http != "":
		if f.http, err = listenAddress(f.http); err != nil {
			return err
		}
	}
	state, dir, err := a.placeOf(ctx, path, f.values)
	if err != nil {
		return err
	}
	d := &engine.Daemon{Connect: a.link, Log: a.log, Drain: f.drain, Self: self()}
	h := &health{daemon: d, drain: f.drain}
	if f.http != "" {
		m := newMetrics(d)
		d.Observer = m
		w, err := startWeb(ctx, f.http, webHandler(h, m, f.pprof), a.log)
		if err != nil {
			return err
		}
		defer w.close()
	}
	defer context.AfterFunc(ctx, func() {
		a.log.Info("ending: nothing more fires or is sent; a second signal ends it at once", "drain", f.drain.String())
	})()
	n := a.notify(ctx, h, hangups(ctx))
	defer n.end()
	d.Reload = n.reload
	lock, err := a.await(ctx, state, h)
	if err != nil {
		return err
	}
	defer lock.Unlock()
	h.wait("it opens the state")
	led, err := ledger.Open(ctx, state, ledger.ReadWrite)
	if err != nil {
		return err
	}
	defer led.Close()
	if err := a.takeOver(ctx, led); err != nil {
		return err
	}
	d.Ledger = led
	d.Load = func(_ context.Context, applied *engine.Applied) (map[uint64]*schema.Config, error) {
		return a.evaluateApplied(applied, dir, f.values)
	}
	d.Refresh = (&rereader{app: a, dir: dir, values: f.values}).refresh
	a.log.Info("notifyrun serves", "version", version, "state", state)
	whole, stop := context.WithCancelCause(ctx)
	var checking sync.WaitGroup
	checking.Go(func() { a.checkState(whole, led, stop) })
	err = d.Run(whole)
	stop(nil)
	checking.Wait()
	switch cause := context.Cause(whole); {
	case errors.Is(cause, ledger.ErrDamaged):
		return cause
	case err != nil && ctx.Err() == nil:
		return err
	}
	a.log.Info("notifyrun has ended in order")
	return nil
}

// checkState reads through the state while the daemon serves, which takes some
// seconds for each hundred megabytes, and ends the daemon if it contradicts itself:
// what it says of phones could no longer be trusted.
func (a *app) checkState(ctx context.Context, led *ledger.SQLite, stop context.CancelCauseFunc) {
	switch err := led.Check(ctx, false); {
	case errors.Is(err, ledger.ErrDamaged):
		a.log.Error("the state is damaged; notifyrun ends", "error", err)
		stop(err)
	case err != nil && ctx.Err() == nil:
		a.log.Warn("the state could not be checked", "error", err)
	}
}

// self is this process as the state knows it.
func self() engine.DaemonStatus {
	s := engine.DaemonStatus{PID: os.Getpid(), Started: time.Now().UTC()}
	s.Host, _ = os.Hostname() // for people; unknown is no reason to fail
	return s
}

// placeOf finds the state and the directory of a configuration. The daemon goes
// by what is in the state, so that files which are being edited, or which need
// values that it does not have, must not keep it from starting.
func (a *app) placeOf(ctx context.Context, path string, v values) (state, dir string, err error) {
	if v.state != "" {
		return v.state, directoryOf(path), nil
	}
	src, diags := schema.Open(path)
	if diags.HasErrors() {
		return "", "", a.mistakes(src, diags)
	}
	l, err := a.load(ctx, path, v)
	switch {
	case err == nil:
		return l.state, directoryOf(path), nil
	case ctx.Err() != nil:
		return "", "", ctx.Err()
	}
	usual := src.StatePath(nil)
	a.log.Warn("the files of the configuration cannot be evaluated; this goes by the state at its usual place", "state", usual)
	return usual, directoryOf(path), nil
}

func directoryOf(path string) string {
	if info, err := os.Stat(path); err == nil && !info.IsDir() {
		return filepath.Dir(path)
	}
	return path
}

// await takes the lock of the state, after an apply that drives its runs itself
// has ended.
func (a *app) await(ctx context.Context, state string, h *health) (*ledger.WriterLock, error) {
	said := false
	for {
		lock, err := ledger.Lock(state, a.cmd.name)
		var locked *ledger.LockedError
		if err == nil || !errors.As(err, &locked) || locked.Holder.Command == a.cmd.name {
			return lock, err
		}
		if !said {
			a.log.Info("waiting for another command to end", "reason", err.Error())
			h.wait("it waits for another command to end: " + err.Error())
			said = true
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// evaluateApplied evaluates the applied configurations. The error names everything
// that is missing, in a line.
func (a *app) evaluateApplied(applied *engine.Applied, dir string, v values) (map[uint64]*schema.Config, error) {
	configs := map[uint64]*schema.Config{}
	for serial := range applied.Snapshots {
		_, cfg, err := a.evaluateKept(applied, serial, dir, v)
		if err != nil {
			return nil, err
		}
		configs[serial] = cfg
	}
	return configs, nil
}

// evaluateKept evaluates one of them, with what was read then.
func (a *app) evaluateKept(applied *engine.Applied, serial uint64, dir string, v values) (*keptData, *schema.Config, error) {
	snap, err := appliedSnapshot(applied, serial)
	if err != nil {
		return nil, nil, err
	}
	read, err := snap.Read()
	if err != nil {
		return nil, nil, fmt.Errorf("read applied configuration %d: %w", serial, err)
	}
	with := a.schemaValues(v)
	with.Data = read
	cfg, diags := schema.Load(snap.SourceIn(dir), with)
	switch {
	case diags.HasErrors():
		return nil, nil, errors.New(inOneLine(diags))
	case len(cfg.Unread) > 0:
		return nil, nil, fmt.Errorf("read applied configuration %d: it does not have what was read for %s", serial, cfg.Unread[0].Address)
	}
	return &keptData{snapshot: snap, read: read}, cfg, nil
}

// inOneLine words the errors among diagnostics for a log.
func inOneLine(diags hcl.Diagnostics) string {
	var all []string
	for _, d := range diags {
		if d.Severity == hcl.DiagError {
			all = append(all, strings.Join(strings.Fields(d.Summary+": "+d.Detail), " "))
		}
	}
	return printable(strings.Join(all, "; "))
}
