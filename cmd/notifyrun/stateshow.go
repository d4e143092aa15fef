package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/notifyrun/notifyrun/engine"
	"github.com/notifyrun/notifyrun/schema"
)

var stateShowCommand = &command{
	name: "state show", args: "ADDRESS [PATH]",
	short: "show what the state knows of one job",
	long: `Shows what the state knows of the job at ADDRESS, whatever the configuration
says by now: what was applied, by which serial; what its targets have had of its
change trigger; up to when its due times are settled; its pause, its open runs,
and the addresses that it had before. notifyrun show compares it with the
configuration.`,
	run: (*app).stateShow,
}

// stateShowJSON is state show -json.
type stateShowJSON struct {
	FormatVersion string                 `json:"format_version"`
	Type          string                 `json:"type"` // "state show"
	State         string                 `json:"state"`
	Address       string                 `json:"address"`
	Applied       []engine.Attr          `json:"applied"`          // null if it never was
	Serial        uint64                 `json:"serial,omitempty"` // of the configuration that it goes by
	Formerly      []formerlyJSON         `json:"formerly,omitempty"`
	Paused        *pauseJSON             `json:"paused,omitempty"`
	Outcomes      map[engine.Outcome]int `json:"outcomes"` // of the revisions that targets have had
	Delivered     []deliveredJSON        `json:"delivered"`
	Settled       []settledJSON          `json:"settled,omitempty"`
	OpenRuns      []openRunJSON          `json:"open_runs,omitempty"`
}

type formerlyJSON struct {
	Address string `json:"address"`
	Until   uint64 `json:"until"` // serial of the publication that moved it
}

type deliveredJSON struct {
	Target   string         `json:"target"`
	Revision string         `json:"revision"`
	Outcome  engine.Outcome `json:"outcome"`
	Run      string         `json:"run,omitempty"` // absent where it was recorded without sending
}

type settledJSON struct {
	Trigger  int     `json:"trigger"`            // its index among the triggers of the job
	Schedule string  `json:"schedule,omitempty"` // as it was applied
	Until    *string `json:"until"`

	until time.Time
}

type openRunJSON struct {
	Run      string                 `json:"run"`
	Cause    string                 `json:"cause"`
	Created  *string                `json:"created"`
	Outcomes map[engine.Outcome]int `json:"outcomes"`
}

func (a *app) stateShow(ctx context.Context, args []string) error {
	var v values
	a.flagSet()
	a.valueFlags(&v)
	full := a.flags.Bool("full", false, "list all targets with what they have had")
	address, path, err := a.parseOne(args, "the address of a job, as in: notifyrun state show sip_notify.reboot")
	if err != nil {
		return err
	}
	if address, err = schema.ParseAddress(address); err != nil {
		return fmt.Errorf("state show: %w", err)
	}
	led, place, state, err := a.readKnown(ctx, path, v)
	if err != nil {
		return err
	}
	defer led.Close()
	if !slices.Contains(state.Addresses(), address) {
		jobs, err := state.Find(address)
		if err == nil {
			err = fmt.Errorf("it is no job; there is %s", names(jobs, itself))
		}
		return fmt.Errorf("state show %s: %w", address, err)
	}
	applied, err := led.Applied(ctx)
	if err != nil {
		return err
	}
	settled, err := led.Settled(ctx)
	if err != nil {
		return err
	}
	out := stateShowJSON{
		FormatVersion: formatVersion, Type: "state show", State: place, Address: address,
		Serial: applied.Jobs[address], Outcomes: map[engine.Outcome]int{}, Delivered: []deliveredJSON{},
	}
	if was, ok := state.Jobs[address]; ok {
		out.Applied = []engine.Attr{}
		if err := json.Unmarshal(was.Spec, &out.Applied); err != nil {
			return fmt.Errorf("state show %s: read what was applied: %w", address, err)
		}
	}
	if p, ok := state.Pauses[address]; ok {
		out.Paused = newPauseJSON(&p)
	}
	had := state.Delivered[address]
	for _, target := range slices.Sorted(maps.Keys(had)) {
		d := had[target]
		out.Outcomes[d.Outcome]++
		out.Delivered = append(out.Delivered, deliveredJSON{target, d.Revision, d.Outcome, d.Run})
	}
	schedules := state.Jobs[address].Schedules()
	for key, until := range settled {
		if key.Job == address {
			out.Settled = append(out.Settled, settledJSON{key.Index, schedules[key.Index], timeJSON(until), until})
		}
	}
	slices.SortFunc(out.Settled, func(x, y settledJSON) int { return cmp.Compare(x.Trigger, y.Trigger) })
	for _, r := range state.Open {
		if r.Job == address {
			run := openRunJSON{Run: r.ID, Cause: r.Cause.Kind, Created: timeJSON(r.Created), Outcomes: map[engine.Outcome]int{}}
			for _, d := range r.Deliveries {
				run.Outcomes[d.Outcome]++
			}
			out.OpenRuns = append(out.OpenRuns, run)
		}
	}
	for name, i := address, len(state.Moved)-1; i >= 0; i-- {
		if m := state.Moved[i]; m.To == name {
			out.Formerly = append(out.Formerly, formerlyJSON{m.From, m.Serial})
			name = m.From
		}
	}
	if a.json {
		return writeJSON(a.stdout, out)
	}
	a.knownView(out, state.Pauses, *full)
	return nil
}

// knownView writes what the state knows of a job for people.
func (a *app) knownView(out stateShowJSON, pauses map[string]engine.Pause, full bool) {
	v := a.screen(a.stdout)
	v.printf("%s\n", v.style.bold(printable(out.Address)))
	for _, f := range out.Formerly {
		v.line("  was %s until serial %d", f.Address, f.Until)
	}
	if p, ok := pauses[out.Address]; ok {
		v.printf("  %s\n", v.style.yellow(printable("paused "+pausedBy(p))))
	}
	if out.Applied == nil {
		v.printf("  never applied\n")
	} else {
		v.printf("  applied, by the configuration of serial %d\n", out.Serial)
		width := 0
		for _, attr := range out.Applied {
			width = max(width, len(attr.Name))
		}
		for _, attr := range out.Applied {
			v.line("      %-*s = %s", width, attr.Name, attr.Value)
		}
	}
	if n := len(out.Delivered); n > 0 {
		v.line("  what %s last had of its change trigger: %s", count(n, "target"), outcomeList(out.Outcomes))
		shown := out.Delivered
		if !full && n > maxNames {
			shown = shown[:maxNames]
		}
		for _, d := range shown {
			v.line("      %s  %s  revision %.12s  %s", d.Target, d.Outcome, d.Revision, cmp.Or(d.Run, "(recorded, not sent)"))
		}
		if more := n - len(shown); more > 0 {
			v.printf("      … and %s more; -full lists them\n", thousands(more))
		}
	}
	for _, s := range out.Settled {
		v.line("  due times of %s are settled up to %s", cmp.Or(s.Schedule, "trigger "+strconv.Itoa(s.Trigger)), localTime(s.until))
	}
	for _, r := range out.OpenRuns {
		v.line("  open run %s (%s): %s", r.Run, r.Cause, outcomeList(r.Outcomes))
	}
}
