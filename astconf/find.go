package astconf

import (
	"regexp"
	"slices"
	"strings"
)

// expression is how many looks one at a regular expression is worth.
const expression = 50

// find gives the first section of a name, in any case, that a filter lets pass:
// without one those that are no templates. Without a name, all are of that name.
func (r *reader) find(name, filter string, p Place) *Section {
	among := r.config.Sections
	if name != "" {
		among = r.byName[key(name)]
	}
	pass, ok := newFilter(filter)
	if !ok {
		r.refuse(p, "Use a simpler one", "the filter of the (+) is not understood")
		return nil
	}
	for _, s := range among {
		if !r.look(1+expression*len(pass.terms)*len(s.Variables), p) {
			return nil
		}
		if pass.lets(s) {
			return s
		}
	}
	return nil
}

// filter says which sections are meant.
type filter struct {
	templates, others bool
	terms             [][2]*regexp.Regexp // of each one variable must match name and value
}

// newFilter reads a list of name=value with & between, of which both are regular
// expressions; with the name TEMPLATES it says how templates are treated.
func newFilter(text string) (f filter, ok bool) {
	f.others = true
	if text == "" {
		return f, true
	}
	for term := range strings.SplitSeq(text, "&") {
		name, value, equals := strings.Cut(term, "=")
		name, value = strings.TrimFunc(name, isBlank), strings.TrimFunc(value, isBlank)
		switch {
		case name == "TEMPLATES" && strings.EqualFold(value, "include"):
			f.templates = true
			continue
		case name == "TEMPLATES" && strings.EqualFold(value, "restrict"):
			f.templates, f.others = true, false
			continue
		case !equals || name == "TEMPLATES":
			return filter{}, true // lets nothing pass
		}
		n, err1 := regexp.CompilePOSIX(name)
		v, err2 := regexp.CompilePOSIX(value)
		if err1 != nil || err2 != nil {
			return filter{}, false
		}
		f.terms = append(f.terms, [2]*regexp.Regexp{n, v})
	}
	return f, true
}

func (f filter) lets(s *Section) bool {
	if s.Template && !f.templates || !s.Template && !f.others {
		return false
	}
	for _, term := range f.terms {
		if !slices.ContainsFunc(s.Variables, func(v Variable) bool {
			return term[0].MatchString(v.Name) && term[1].MatchString(v.Value)
		}) {
			return false
		}
	}
	return true
}
