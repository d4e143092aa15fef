package amiclient

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A sieve is what a server was told to hold back from a connection. Filters that
// include are alternatives, and none is ever taken off: so it can be made wider
// only.
type sieve struct {
	asked   bool            // whether the server may be told
	useless bool            // it may not
	begun   bool            // a filter has been sent, so that nothing else comes
	all     bool            // all events are let through again
	passing map[string]bool // the names that are
}

// always are the events that every connection listens to itself.
var always = []string{"FullyBooted", "Shutdown"}

// letThrough has the server let through what the subscriptions name, and hold
// back what none does, if the Config wants that and the server can. An error is
// one that makes the connection useless for them.
func (c *Conn) letThrough(ctx context.Context, wanted *subscriptions) error {
	s := &c.sieve
	if !c.cfg.FilterEvents || s.useless || s.all {
		return nil
	}
	var names []string
	if len(wanted.others) == 0 {
		names = slices.Clone(always)
		for _, name := range slices.Sorted(maps.Keys(wanted.byName)) {
			if !slices.Contains(always, name) {
				names = append(names, name)
			}
		}
	} else if !s.begun {
		return nil // everything comes
	}
	if err := c.askSieve(ctx); err != nil || s.useless {
		return err
	}
	if names == nil {
		s.all = true
		return c.include(ctx, "^Event: ")
	}
	names = slices.DeleteFunc(names, func(name string) bool { return s.passing[name] })
	for _, pattern := range patterns(names) {
		if err := c.include(ctx, pattern); err != nil {
			return err
		}
		if s.useless {
			return nil
		}
	}
	for _, name := range names {
		s.passing[name] = true
	}
	return nil
}

// include adds a filter. That the first is refused means that there will be
// none; a later one must be taken, or what it names would not come.
func (c *Conn) include(ctx context.Context, pattern string) error {
	first := !c.sieve.begun
	c.sieve.begun = true // perhaps: the answer may not be seen
	err := AddFilter{Filter: pattern}.Do(ctx, c)
	if refused, ok := errors.AsType[*ResponseError](err); ok && first {
		c.sieve.begun = false
		c.noSieve(refused.Error())
		return nil
	}
	return err
}

// askSieve finds out whether the server may be given a filter.
func (c *Conn) askSieve(ctx context.Context) error {
	if c.sieve.asked {
		return nil
	}
	settings, err := CoreSettings{}.Do(ctx, c)
	refused, ok := errors.AsType[*ResponseError](err)
	switch {
	case ok:
		c.noSieve(refused.Error())
	case err != nil:
		return err
	case !filterIsSafe(settings.AsteriskVersion):
		c.noSieve("adding a filter is not known to be safe in Asterisk " + quote(clean(settings.AsteriskVersion)))
	}
	c.sieve.asked, c.sieve.passing = true, make(map[string]bool)
	return nil
}

func (c *Conn) noSieve(why string) {
	c.sieve.useless = true
	c.log.Debug("Asterisk sends events that nobody wants: they are not filtered at the server", "server", clean(c.cfg.Address), "reason", why)
}

// filterIsSafe tells whether a version of Asterisk is known to stay whole when a
// filter is added. MatchCriteria (18.26, 20.11, 21.6, 22.1) brought a wrong free
// of memory at each filter, also those without, which 20.18, 22.8 and 23.2 do
// not have (main/manager.c: action_filter; issue 1531 of Asterisk). Texts that
// begin otherwise than a release does are not known, nor are certified versions,
// which have some changes of later ones.
func filterIsSafe(version string) bool {
	major, rest, _ := strings.Cut(version, ".")
	n := 0
	for n < len(rest) && '0' <= rest[n] && rest[n] <= '9' {
		n++
	}
	branch, err := strconv.Atoi(major)
	minor, err2 := strconv.Atoi(rest[:n])
	if err != nil || err2 != nil || n < len(rest) && strings.IndexByte(".-~+", rest[n]) < 0 || strings.Contains(rest, "cert") {
		return false
	}
	switch {
	case branch < 13:
		return false // nobody has looked
	case branch == 18:
		return minor < 26
	case branch == 20:
		return minor < 11 || minor >= 18
	case branch == 21:
		return minor < 6
	case branch == 22:
		return minor < 1 || minor >= 8
	case branch == 23:
		return minor >= 2
	}
	return true
}

// patterns returns expressions, each for a Filter of its own, that match the
// events of these names. An event's text begins with its name, and the name ends
// where its line does: no other header can be mistaken for it.
func patterns(names []string) []string {
	const begin, end = "^Event: (", ")[[:cntrl:]]"
	const most = maxLine - len("Filter: ") - len(begin) - len(end)
	var found []string
	var b strings.Builder
	finish := func() {
		if b.Len() > 0 {
			found = append(found, begin+b.String()+end)
		}
		b.Reset()
	}
	for _, name := range names {
		if name == "" || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f || r == utf8.RuneError }) {
			continue // no event has such a name
		}
		name = literal.Replace(name)
		if len(name) > most {
			continue // nor one as long
		}
		if b.Len() > 0 && b.Len()+len("|")+len(name) > most {
			finish()
		}
		if b.Len() > 0 {
			b.WriteByte('|')
		}
		b.WriteString(name)
	}
	finish()
	return found
}

// literal escapes what is special in a POSIX extended regular expression.
var literal = strings.NewReplacer(`\`, `\\`, `.`, `\.`, `[`, `\[`, `(`, `\(`, `)`, `\)`, `*`, `\*`, `+`, `\+`, `?`, `\?`, `{`, `\{`, `|`, `\|`, `^`, `\^`, `$`, `\$`)
