package schema

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// jobTypes are the types of blocks that are jobs.
var jobTypes = []JobType{SIPNotify, UserEvent}

// place is what an address names: a job, the block of one with all its
// instances, or all that is in a module.
type place struct {
	address string
	typ     JobType // of the job; empty: a module
	keyed   bool    // it names one instance
}

// block is the address of the block that it is an instance of.
func (p place) block() string {
	if at := Containers(p.address); p.keyed {
		return at[len(at)-2]
	}
	return p.address
}

// errAddress says what an address looks like.
var errAddress = errors.New(`write sip_notify.NAME or user_event.NAME, of one instance sip_notify.NAME["hq"] or sip_notify.NAME[0], and of what is in a module module.NAME.sip_notify.NAME`)

// ParseAddress reads the address of a job, of a block with all its instances, or
// of a module, and returns it as the program writes it.
func ParseAddress(text string) (string, error) {
	p, err := parsePlace(text)
	return p.address, err
}

func parsePlace(text string) (place, error) {
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' }) { // HCL would take what stands before
		return place{}, fmt.Errorf("%s is not the address of a job or of a module: %w", excerpt(text), errAddress)
	}
	t, diags := hclsyntax.ParseTraversalAbs([]byte(text), "", hcl.InitialPos)
	if diags.HasErrors() {
		return place{}, fmt.Errorf("%s is not the address of a job or of a module: %w", excerpt(text), errAddress)
	}
	p, err := placeOf(t)
	if err != nil {
		return place{}, fmt.Errorf("%s is not the address of a job or of a module: %w", excerpt(text), err)
	}
	return p, nil
}

// placeOf reads an address that is written as a reference.
func placeOf(t hcl.Traversal) (place, error) {
	var p place
	var b strings.Builder
	name := func() (string, bool) { // takes the next step, if it is a name
		if len(t) == 0 {
			return "", false
		}
		var name string
		switch step := t[0].(type) {
		case hcl.TraverseRoot:
			name = step.Name
		case hcl.TraverseAttr:
			name = step.Name
		}
		t = t[1:]
		return name, name != ""
	}
	key := func() (bool, error) { // takes the next step, if it is a key
		if len(t) == 0 {
			return false, nil
		}
		step, ok := t[0].(hcl.TraverseIndex)
		if !ok {
			return false, nil
		}
		t = t[1:]
		suffix, ok := suffixOf(step.Key)
		if !ok {
			return false, errAddress
		}
		b.WriteString(suffix)
		return true, nil
	}
	for {
		root, ok := name()
		if !ok {
			return p, errAddress
		}
		if root != "module" && !slices.Contains(jobTypes, JobType(root)) {
			known := []string{"module"}
			for _, typ := range jobTypes {
				known = append(known, string(typ))
			}
			if hint := suggest(root, known); hint != "" {
				return p, fmt.Errorf("there is no %q (%s)", root, strings.TrimPrefix(hint, " "))
			}
			return p, errAddress
		}
		label, ok := name()
		if !ok || !hclsyntax.ValidIdentifier(label) {
			return p, errAddress
		}
		b.WriteString(root + "." + label)
		keyed, err := key()
		if err != nil {
			return p, err
		}
		p.address, p.keyed = b.String(), keyed
		if root != "module" {
			p.typ = JobType(root)
			if len(t) > 0 {
				return p, errAddress
			}
			return p, nil
		}
		if len(t) == 0 {
			return p, nil
		}
		b.WriteByte('.')
	}
}

// suffixOf is what the address of an instance ends with, by its key or index.
func suffixOf(key cty.Value) (suffix string, ok bool) {
	if key.Type() == cty.String {
		return "[" + quoteKey(key.AsString()) + "]", true
	}
	n, ok := wholeNumber(key)
	return "[" + strconv.FormatInt(n, 10) + "]", ok && n >= 0
}

// Within tells whether a job is at an address: its own, that of its block, or
// that of a module that it is in.
func Within(job, address string) bool {
	return job == address || strings.HasPrefix(job, address) && slices.Contains(Containers(job), address)
}

// Containers gives the addresses that a job is at, see Within, its own last.
func Containers(job string) []string {
	var all []string
	for rest := job; rest != ""; {
		_, named, ok := strings.Cut(rest, ".")
		if !ok {
			break
		}
		behind := ""
		if i := strings.IndexAny(named, ".["); i >= 0 {
			behind = named[i:]
		}
		all = append(all, strings.TrimSuffix(job, behind))
		if strings.HasPrefix(behind, "[") {
			behind = behind[KeyLength(behind):]
			all = append(all, strings.TrimSuffix(job, behind))
		}
		rest = strings.TrimPrefix(behind, ".")
	}
	return all
}

// KeyLength is how long the key of an instance is that a text begins with, brackets
// included; the whole text, if the key does not end.
func KeyLength(s string) int {
	quoted := false
	for i := 1; i < len(s); i++ {
		switch {
		case quoted && s[i] == '\\':
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == ']' && !quoted:
			return i + 1
		}
	}
	return len(s)
}
