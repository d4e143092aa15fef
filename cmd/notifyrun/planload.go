package main

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/notifyrun/notifyrun/engine"
	"github.com/notifyrun/notifyrun/schema"
)

// load is what a plan sends through one PBX.
type load struct {
	pbx     *schema.PBX
	notify  int
	events  int
	lasting time.Duration
}

// loads are those of the PBXs that a plan sends to, the longest first.
func loads(p *engine.Plan) []*load {
	byPBX := map[*schema.PBX]*load{}
	var all []*load
	for _, jp := range p.Jobs {
		n := group{{JobPlan: jp}}.deliveries()
		if n == 0 {
			continue
		}
		l := byPBX[jp.Job.PBX]
		if l == nil {
			l = &load{pbx: jp.Job.PBX}
			byPBX[l.pbx] = l
			all = append(all, l)
		}
		if jp.Job.Type == schema.UserEvent {
			l.events += n
		} else {
			l.notify += n
		}
	}
	for _, l := range all {
		if rate := float64(l.pbx.RateLimit); rate > 0 {
			l.lasting = time.Duration(float64(l.notify+l.events) / rate * float64(time.Second)).Round(time.Second)
		}
	}
	slices.SortStableFunc(all, func(a, b *load) int {
		return cmp.Or(cmp.Compare(b.lasting, a.lasting), cmp.Compare(b.notify+b.events, a.notify+a.events))
	})
	return all
}

// what words what is sent through a PBX.
func (l load) what() string {
	var words []string
	if l.notify > 0 {
		words = append(words, count(l.notify, "NOTIFY"))
	}
	if l.events > 0 {
		words = append(words, count(l.events, "user event"))
	}
	return strings.Join(words, " and ")
}

func (l load) pace() string {
	switch {
	case l.pbx.RateLimit <= 0:
		return "without a limit of rate"
	case l.lasting < 2*time.Second:
		return "at " + perSecond(l.pbx.RateLimit)
	}
	return fmt.Sprintf("about %s at %s", l.lasting, perSecond(l.pbx.RateLimit))
}

// perSecond writes a rate, which may be a fraction or a million.
func perSecond(r schema.Rate) string { return strconv.FormatFloat(float64(r), 'f', -1, 64) + "/s" }

// sendsWhat says how much is sent and how long it takes, PBX by PBX where they
// are few.
func sendsWhat(p *engine.Plan) []string {
	const listed = 3
	all := loads(p)
	switch {
	case len(all) == 0:
		return nil
	case len(all) <= listed:
		lines := make([]string, len(all))
		for i, l := range all {
			lines[i] = fmt.Sprintf("Sends %s through %s, %s", l.what(), named(l.pbx), l.pace())
		}
		return lines
	}
	var sum load
	for _, l := range all {
		sum.notify += l.notify
		sum.events += l.events
	}
	first := all[0]
	return []string{
		fmt.Sprintf("Sends %s through %s at the same time", sum.what(), count(len(all), "PBX")),
		fmt.Sprintf("The last to be done is %s: %s, %s", named(first.pbx), first.what(), first.pace()),
	}
}

func named(p *schema.PBX) string {
	if p.Simulator != nil {
		return p.Address + " (simulated)"
	}
	return p.Address
}
