package schema

import (
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

// Referrer is something declared, and what it refers to.
type Referrer struct {
	Address   string // with the modules that it is in: var.firmware, module.north.local.phones
	Module    string // the address of the module that it is in; empty: the root
	DeclRange hcl.Range
	RefersTo  []string // addresses, sorted
	InCircle  bool     // what it refers to leads back to it
}

// References lists all that is declared, in its order, module by module, and what
// it refers to. It does so also where the configuration has mistakes, such as a
// circle; it is nil only where the files could not be read.
func (c *Config) References() []*Referrer {
	addresses := make(map[*node]string)
	for _, m := range c.modules {
		for _, n := range m.order {
			addresses[n] = m.path + n.address()
		}
	}
	var all []*Referrer
	byAddress := make(map[string]*Referrer)
	add := func(m *module, address string, rng hcl.Range, args []*arg, parts []*node) {
		r := &Referrer{Address: m.path + address, Module: strings.TrimSuffix(m.path, "."), DeclRange: rng}
		for _, a := range args {
			for _, n := range a.refs {
				r.RefersTo = append(r.RefersTo, addresses[n])
			}
		}
		for _, n := range parts {
			r.RefersTo = append(r.RefersTo, addresses[n])
		}
		slices.Sort(r.RefersTo)
		r.RefersTo = slices.Compact(r.RefersTo)
		if strings.HasPrefix(address, "var.") { // its validation speaks of it
			r.RefersTo = slices.DeleteFunc(r.RefersTo, func(to string) bool { return to == r.Address })
		}
		all = append(all, r)
		byAddress[r.Address] = r
	}
	for _, m := range c.modules {
		for _, n := range m.order {
			args := n.args
			switch {
			case n.job != nil:
				args = append(slices.Clone(args), argsOf(n.job.block)...)
			case n.root == "var":
				args = append(slices.Clone(args), argsOf(m.variables[n.name].block)...)
			}
			add(m, n.address(), n.rng, args, n.parts)
		}
		for _, b := range m.checks {
			add(m, "check."+b.label(), b.rng, argsOf(b), nil)
		}
	}
	markCircles(all, byAddress)
	return all
}

// markCircles finds what leads back to itself: the members of strongly connected
// components, by Tarjan's algorithm, without recursion, since chains may be long.
func markCircles(all []*Referrer, byAddress map[string]*Referrer) {
	type state struct {
		index, low int
		onStack    bool
	}
	states := make(map[*Referrer]*state, len(all))
	var stack []*Referrer
	type frame struct {
		r    *Referrer
		next int
	}
	for _, root := range all {
		if states[root] != nil {
			continue
		}
		frames := []frame{{r: root}}
		for len(frames) > 0 {
			f := &frames[len(frames)-1]
			s := states[f.r]
			if s == nil {
				s = &state{index: len(states), low: len(states), onStack: true}
				states[f.r] = s
				stack = append(stack, f.r)
			}
			if f.next < len(f.r.RefersTo) {
				to := byAddress[f.r.RefersTo[f.next]]
				f.next++
				switch t := states[to]; {
				case to == nil:
				case to == f.r:
					f.r.InCircle = true
				case t == nil:
					frames = append(frames, frame{r: to})
				case t.onStack:
					s.low = min(s.low, t.index)
				}
				continue
			}
			frames = frames[:len(frames)-1]
			if len(frames) > 0 {
				up := states[frames[len(frames)-1].r]
				up.low = min(up.low, s.low)
			}
			if s.low != s.index {
				continue
			}
			at := slices.Index(stack, f.r)
			for _, member := range stack[at:] {
				states[member].onStack = false
				member.InCircle = member.InCircle || len(stack)-at > 1
			}
			stack = stack[:at]
		}
	}
}
