package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/notifyrun/notifyrun/engine"
	"github.com/notifyrun/notifyrun/engine/ledger"
)

var applyCommand = &command{
	name: "apply", args: "[PATH | PLANFILE]",
	short: "do what the plan shows: record it, send it, log every result",
	long: `Makes a plan as notifyrun plan does, asks for approval, records what is to be
sent, sends it, and records what comes of each delivery. Applying again sends
only to the phones that have not had the present revision, and goes on with
runs that were interrupted. With a file made by plan -out it does exactly that
plan, without asking, or refuses if the state has moved since.

The first Ctrl-C stops sending, records the answers still due and says how to
resume; the second ends the program at once.`,
	run: (*app).apply,
}

// applyFlags are those of the commands that send.
type applyFlags struct {
	values values
	opts   engine.Options
	yes    bool
}

func (a *app) apply(ctx context.Context, args []string) error {
	var f applyFlags
	a.flagSet()
	a.valueFlags(&f.values)
	a.planFlags(&f.opts)
	a.logFlags()
	a.flags.BoolVar(&f.yes, "auto-approve", false, "do not ask")
	path, err := a.parsePath(args)
	if err != nil {
		return err
	}
	saved, err := readPlan(path)
	if err != nil {
		return err
	}
	if saved != nil {
		return a.applySaved(ctx, path, saved, f)
	}
	if a.json && !f.yes {
		return errors.New("apply -json cannot ask for approval; add -auto-approve, or apply a file made by plan -out")
	}
	l, err := a.load(path, f.values)
	if err != nil {
		return err
	}
	s, state, err := a.begin(ctx, l, "apply")
	if err != nil {
		return err
	}
	defer s.end()
	p, warnings, err := a.makePlan(l, state, f.opts)
	if err != nil {
		return err
	}
	a.showPlan(l, p, warnings)
	if p.Empty() {
		return held(p)
	}
	if !f.yes {
		if err := a.approve(ctx); err != nil {
			return err
		}
	}
	return s.execute(ctx, p, func(state *engine.State) (*engine.Plan, error) {
		p, _, err := a.makePlan(l, state, f.opts)
		return p, err
	}, "notifyrun apply")
}

// applySaved does what a saved plan says, and nothing else.
func (a *app) applySaved(ctx context.Context, file string, saved *planFile, f applyFlags) error {
	if len(f.opts.Target)+len(f.opts.Exclude) > 0 {
		return errors.New("apply of a saved plan takes no -target and no -exclude: the plan has them already")
	}
	for _, given := range f.values.assignments {
		if given.File == "" && !slices.Contains(saved.Snapshot.Sensitive, given.Name) {
			return fmt.Errorf("apply of a saved plan takes no -var %s: the plan has the values of all variables but the sensitive ones; plan again to change one", given.Name)
		}
	}
	l, err := a.loadSource(saved.Snapshot.Source(), nil, f.values)
	if err != nil {
		return err
	}
	l.args = arguments(saved.Path, f.values, saved.Snapshot.Sensitive)
	if f.values.state == "" {
		l.state = saved.State
	}
	s, state, err := a.begin(ctx, l, "apply")
	if err != nil {
		return err
	}
	defer s.end()
	again := func(state *engine.State) (*engine.Plan, error) {
		p, _, err := a.makePlan(l, state, saved.Options)
		if err != nil {
			return nil, err
		}
		switch {
		case state.Serial != saved.Serial || state.Lineage != saved.Lineage && saved.Lineage != "":
			return nil, fmt.Errorf("apply %s: the plan is stale: the state has been applied to since it was made (serial %d then, %d now); plan again", file, saved.Serial, state.Serial)
		case p.Digest() != saved.Digest:
			return nil, fmt.Errorf("apply %s: the plan is stale: it would no longer do what it did when it was made (deliveries, variables or the plan file have changed); plan again", file)
		}
		return p, nil
	}
	p, err := again(state)
	if err != nil {
		return err
	}
	a.showPlan(l, p, nil)
	if p.Empty() {
		return held(p)
	}
	return s.execute(ctx, p, again, "notifyrun apply")
}

// approve asks for the word yes. Ctrl-C at the prompt is a no.
func (a *app) approve(ctx context.Context) error {
	fmt.Fprintf(a.stdout, "\n%s\n  notifyrun will record and send what is shown above.\n  Only \"yes\" is taken as approval.\n\n  %s ",
		a.style(a.stdout).bold("Do you want to do this?"), a.style(a.stdout).bold("Enter a value:"))
	line := make(chan string, 1)
	go func() {
		text, _ := bufio.NewReader(a.stdin).ReadString('\n')
		line <- strings.TrimSpace(text)
	}()
	select {
	case text := <-line:
		fmt.Fprintln(a.stdout)
		if text == "yes" {
			return nil
		}
		return errors.New("apply canceled: nothing was recorded and nothing was sent")
	case <-ctx.Done():
		fmt.Fprintln(a.stdout)
		return exitCode(exitInterrupted)
	}
}

// session is the part of a command in which it is the state's one writer.
type session struct {
	app  *app
	l    *loaded
	lock *ledger.WriterLock
}

// begin takes the writer's lock, so that a second apply hears at once who is
// at work, and not after its operator has said yes; and it reads the state.
func (a *app) begin(ctx context.Context, l *loaded, command string) (*session, *engine.State, error) {
	lock, err := ledger.Lock(l.state, command)
	if err != nil {
		return nil, nil, err
	}
	s := &session{a, l, lock}
	state, err := a.readState(ctx, l)
	if err != nil {
		s.end()
		return nil, nil, err
	}
	return s, state, nil
}

func (s *session) end() { s.lock.Unlock() }

// execute does a plan that was shown: it reaches the PBXs, records, sends and
// reports. Before anything is recorded it plans again, and stops if that would
// do anything else than what was shown.
func (s *session) execute(ctx context.Context, shown *engine.Plan, again func(*engine.State) (*engine.Plan, error), resume string) error {
	a, now := s.app, time.Now()
	conns, err := a.connect(ctx, shown.PBXs(), shown.Needs())
	if err != nil {
		return err
	}
	defer conns.close()
	led, err := ledger.Open(ctx, s.l.state, ledger.ReadWrite)
	if err != nil {
		return err
	}
	defer led.Close()
	lost, err := led.Recover(ctx, now, "notifyrun ended between the send and Asterisk's answer")
	if err != nil {
		return err
	}
	if lost > 0 {
		a.log.Warn("an earlier notifyrun ended in mid-send; these deliveries are unknown now", "deliveries", lost)
	}
	state, err := led.State(ctx)
	if err != nil {
		return err
	}
	p, err := again(state)
	if err != nil {
		return err
	}
	if p.Digest() != shown.Digest() {
		return errors.New("the state has moved since the plan was shown; nothing was sent; plan again")
	}
	snapshot, err := s.snapshot(shown)
	if err != nil {
		return err
	}
	pub, works := p.Publication(now, snapshot)
	if err := led.Publish(ctx, pub); err != nil {
		return err
	}
	if err := a.send(ctx, led, conns, works, commandLines{resume + s.l.args, s.l.args}); err != nil {
		return err
	}
	return held(p)
}

// held is exit code 3 where phones are held back: whoever runs this from cron
// is to hear of them.
func held(p *engine.Plan) error {
	for _, jp := range p.Jobs {
		if len(jp.Held) > 0 {
			return exitCode(exitIncomplete)
		}
	}
	return nil
}

// commandLines are what an operator types to go on.
type commandLines struct {
	resume string // goes on with what is pending
	args   string // flags and path, behind any other command
}

// snapshot is what an apply publishes; a fire publishes nothing.
func (s *session) snapshot(p *engine.Plan) ([]byte, error) {
	if p.ByHand {
		return nil, nil
	}
	text, err := json.Marshal(s.l.config.Snapshot)
	if err != nil {
		return nil, fmt.Errorf("write snapshot: %w", err)
	}
	return text, nil
}

// send drives the works and reports what came of them.
func (a *app) send(ctx context.Context, led engine.Ledger, conns *pbxs, works []*engine.Work, next commandLines) error {
	if len(works) == 0 {
		a.reportNothing()
		return nil
	}
	runner := &engine.Runner{Ledger: led, Senders: conns.senders(), Log: a.log, Patience: 30 * time.Second}
	stop := a.showProgress(ctx, runner)
	started := time.Now()
	report, err := runner.Run(ctx, works)
	stop()
	if report != nil {
		a.showReport(report, time.Since(started), next)
	}
	switch {
	case err != nil:
		return fmt.Errorf("record results: %w; nothing more was sent; what could not be recorded will be unknown; to go on: %s", err, next.resume)
	case report.Interrupted:
		return exitCode(exitInterrupted)
	case !report.Complete():
		return exitCode(exitIncomplete)
	}
	return nil
}
