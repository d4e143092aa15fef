package schema

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

// Move says that what a state has at one address is now at another: what was
// applied and delivered stays with a job that is renamed.
type Move struct {
	From, To  string // addresses of jobs, of blocks with all their instances, or of modules
	DeclRange hcl.Range

	from, to place
}

var movedType = &blockType{name: "moved", required: []string{"from", "to"}, repeats: true}

// ParseMove makes a Move of two addresses.
func ParseMove(from, to string) (Move, error) {
	f, err := parsePlace(from)
	if err != nil {
		return Move{}, err
	}
	t, err := parsePlace(to)
	if err != nil {
		return Move{}, err
	}
	if why := movable(f, t); why != "" {
		return Move{}, errors.New(why)
	}
	return Move{From: f.address, To: t.address, from: f, to: t}, nil
}

// movable says why one address cannot become another; empty: it can.
func movable(from, to place) string {
	switch {
	case from.address == to.address:
		return fmt.Sprintf("both addresses are %s", from.address)
	case (from.typ == "") != (to.typ == ""):
		return "a module cannot become a job, nor a job a module"
	case from.typ != to.typ:
		return fmt.Sprintf("a %s cannot become a %s, which sends something else to somebody else", from.typ, to.typ)
	case strings.HasPrefix(to.address, from.address+"."):
		return "a module cannot move into itself"
	}
	return ""
}

// Apply gives the address that a job has after the move, and whether the move is
// about it.
//
// The address of a block or of a module without a key is about all instances of
// it, unless the other address has a key: then it is about the one without.
func (m Move) Apply(job string) (string, bool) {
	rest, ok := strings.CutPrefix(job, m.From)
	if !ok || !m.matches(rest) {
		return "", false
	}
	return m.To + rest, true
}

// matches tells whether the move is about what an address continues with behind
// m.From.
func (m Move) matches(rest string) bool {
	instances := strings.HasPrefix(rest, "[") && !m.from.keyed && !m.to.keyed
	if m.from.typ == "" {
		return instances || strings.HasPrefix(rest, ".")
	}
	return instances || rest == ""
}

// feeds tells whether something that one move makes is what another is about.
func (m Move) feeds(next Move) bool {
	if rest, ok := strings.CutPrefix(m.To, next.From); ok {
		return rest == "" || next.matches(rest)
	}
	rest, ok := strings.CutPrefix(next.From, m.To)
	return ok && m.matches(rest)
}

// declareMoved reads a moved block.
func (m *module) declareMoved(b *block) {
	read := func(name string) (place, hcl.Range, bool) {
		a := b.args[name]
		if a == nil {
			return place{}, hcl.Range{}, false // reported
		}
		t, diags := hcl.AbsTraversalForExpr(a.expr)
		if diags.HasErrors() {
			m.fail(a.rng, "Invalid address", "The argument %q takes the address of a job or of a module as it stands, without quotes, and without anything that is yet to be evaluated: %s.", name, errAddress)
			return place{}, a.rng, false
		}
		p, err := placeOf(t)
		if err != nil {
			m.fail(a.rng, "Invalid address", "The argument %q takes the address of a job or of a module, which this is not: %s.", name, err)
			return place{}, a.rng, false
		}
		return p, a.rng, true
	}
	from, fromRange, ok := read("from")
	to, toRange, ok2 := read("to")
	if !ok || !ok2 {
		return
	}
	if why := movable(from, to); why != "" {
		m.fail(toRange, "Invalid move", "This cannot be moved there: %s.", why)
		return
	}
	from.address, to.address = m.path+from.address, m.path+to.address
	move := Move{From: from.address, To: to.address, DeclRange: b.rng, from: from, to: to}
	m.moves = append(m.moves, &movedBlock{Move: move, fromRange: fromRange, toRange: toRange})
}

// movedBlock is a move as declared.
type movedBlock struct {
	Move
	fromRange, toRange hcl.Range

	after []*movedBlock // those that are to be done before it
	state visit
}

// evalMoves checks the moves together, when the jobs are known, and puts them
// into the order in which they are to be done.
func (l *loader) evalMoves() {
	byFrom, byTo := map[string]*movedBlock{}, map[string]*movedBlock{}
	var moves []*movedBlock
	for _, m := range l.modules {
		for _, b := range m.moves {
			if first := byFrom[b.From]; first != nil {
				l.fail(b.fromRange, "Ambiguous move", "%s cannot have moved twice; the moved block at %s says that it is %s now. Keep one of the two.", b.From, first.DeclRange, first.To)
				continue
			}
			if first := byTo[b.To]; first != nil {
				l.fail(b.toRange, "Ambiguous move", "%s can take over the past of one job only; the moved block at %s says that it was %s. Keep one of the two.", b.To, first.DeclRange, first.From)
				continue
			}
			byFrom[b.From], byTo[b.To] = b, b
			moves = append(moves, b)
		}
	}
	if len(moves) == 0 {
		return
	}
	blocks, instances := l.places()
	leads := linkMoves(moves)
	for i, b := range moves {
		declared := blocks[b.From]
		if b.from.keyed || b.to.keyed {
			declared = instances[b.From]
		}
		if declared {
			l.fail(b.fromRange, "Moved and still there", "%s is declared, so that it cannot have become %s. Take the moved block out, or what is declared under the old name.", b.From, b.To)
		}
		if block := b.to.block(); !leads[i] && !blocks[block] {
			l.fail(b.toRange, "Move to nothing", "The configuration declares no %s to take over what %s has had.%s", block, b.From, suggest(block, slices.Sorted(maps.Keys(blocks))))
		}
	}
	l.orderMoves(moves)
}

// places are the addresses of all blocks of jobs, and of the modules that they
// are in, and those that name one instance.
func (l *loader) places() (blocks, instances map[string]bool) {
	blocks, instances = map[string]bool{}, map[string]bool{}
	for _, m := range l.modules {
		for _, j := range m.jobs {
			for _, at := range Containers(j.address()) {
				blocks[at] = true
			}
			for _, i := range j.meta.keys {
				if i.unread {
					continue
				}
				job := j.address() + i.suffix
				for _, at := range Containers(job) {
					if !strings.HasPrefix(job[len(at):], "[") {
						instances[at] = true
					}
				}
			}
		}
	}
	return blocks, instances
}

// linkMoves finds for each move those that are to be done before it: what feeds
// it, and what is about a part of the same. It tells which lead on to another.
func linkMoves(moves []*movedBlock) (leads []bool) {
	under := map[string][]*movedBlock{} // by the addresses that their from is at
	for _, b := range moves {
		for _, at := range Containers(b.From) {
			under[at] = append(under[at], b)
		}
	}
	leads = make([]bool, len(moves))
	for i, b := range moves {
		link := func(next *movedBlock) {
			if next != b && b.feeds(next.Move) && !slices.Contains(next.after, b) {
				next.after = append(next.after, b)
				leads[i] = true
			}
		}
		for _, part := range under[b.From] {
			if part != b {
				b.after = append(b.after, part)
			}
		}
		for _, next := range under[b.To] {
			link(next)
		}
		for _, at := range Containers(b.To) {
			for _, next := range under[at] {
				if next.From == at {
					link(next)
				}
			}
		}
	}
	return leads
}

// orderMoves puts moves into the order in which they are to be done, and reports
// circles.
func (l *loader) orderMoves(moves []*movedBlock) {
	var path []*movedBlock
	var visit func(*movedBlock)
	visit = func(b *movedBlock) {
		switch b.state {
		case visited:
			return
		case visiting:
			l.moveCycle(path[slices.Index(path, b):])
			return
		}
		b.state = visiting
		path = append(path, b)
		for _, before := range b.after {
			visit(before)
		}
		path = path[:len(path)-1]
		b.state = visited
		l.config.Moves = append(l.config.Moves, b.Move)
	}
	for _, b := range moves {
		visit(b)
	}
}

// moveCycle reports moves of which each is to be done after the next one.
func (l *loader) moveCycle(members []*movedBlock) {
	var way strings.Builder
	for _, b := range slices.Backward(members) {
		fmt.Fprintf(&way, "%s (%s) → ", b.From, b.DeclRange)
	}
	way.WriteString(members[len(members)-1].From)
	l.fail(members[0].DeclRange, "Circle of moves", "These lead back to where they began, so that nobody can tell what is where now: %s. Take one of the moved blocks out.", way.String())
}
