package schema

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// unfinished is a reference, or the name of a function, at the end of a text. It
// may end in the midst of a key.
var unfinished = regexp.MustCompile(`[\pL_][\pL\d_-]*(?:\.[\pL\d_-]*|\["(?:[^"\\]|\\.)*"\]|\[\d+\])*(?:\["?(?:[^"\\\]]|\\.)*)?$`)

// Complete gives what the reference or function at the end of a text may become,
// sorted, and where in the text that begins: names that are declared, attributes
// and keys of their values, and functions with their bracket. What is sensitive
// shows nothing of itself.
func (s *Scope) Complete(text string) (from int, candidates []string) {
	at := unfinished.FindStringIndex(text)
	if at == nil {
		if fresh(text) {
			return len(text), s.beginnings("")
		}
		return len(text), nil
	}
	word := text[at[0]:]
	cut := strings.LastIndexAny(word, ".[")
	if i := strings.LastIndex(word, `["`); i >= 0 && strings.Count(word[i:], `"`) == 1 {
		cut = i // a dot may be part of a key
	}
	if cut < 0 {
		return at[0], s.beginnings(word)
	}
	for _, c := range s.below(word[:cut]) {
		if strings.HasPrefix(c, word) {
			candidates = append(candidates, c)
		}
	}
	return at[0], candidates
}

// fresh tells whether a value may begin behind a text.
func fresh(text string) bool {
	text = strings.TrimRight(text, " \t\n")
	return text == "" || strings.ContainsAny(text[len(text)-1:], "(,[{=:?!<>+-*/%&|")
}

// beginnings are the roots and functions whose names begin so.
func (s *Scope) beginnings(prefix string) []string {
	var all []string
	for root := range common {
		if len(s.graph.nodes[root]) > 0 {
			all = append(all, root+".")
		}
	}
	all = append(all, "path.", "preset.")
	for name := range s.graph.functions.Functions {
		all = append(all, name+"(")
	}
	all = slices.DeleteFunc(all, func(name string) bool { return !strings.HasPrefix(name, prefix) })
	slices.Sort(all)
	return all
}

// below are the names that can stand behind a reference, with it.
func (s *Scope) below(reference string) []string {
	t, diags := hclsyntax.ParseTraversalAbs([]byte(reference), "", hcl.InitialPos)
	if diags.HasErrors() {
		return nil
	}
	root := t.RootName()
	if (root == string(SIPNotify) || root == string(UserEvent)) && !s.graph.jobsUsed {
		s.graph.jobsUsed = true
		s.root = s.graph.everything()
	}
	v, ok := s.root.Variables[root]
	if !ok {
		return nil
	}
	v, diags = t[1:].TraverseRel(v)
	if diags.HasErrors() || v.IsMarked() {
		return nil
	}
	var names []string
	switch ty := v.Type(); {
	case ty.IsObjectType():
		names = slices.Collect(maps.Keys(ty.AttributeTypes()))
	case ty.IsMapType() && v.IsKnown() && !v.IsNull():
		for it := v.ElementIterator(); it.Next(); {
			if key, _ := it.Element(); key.IsKnown() && !key.IsMarked() && key.Type() == cty.String {
				names = append(names, key.AsString())
			}
		}
	}
	slices.Sort(names)
	var all []string
	for _, name := range names {
		if hclsyntax.ValidIdentifier(name) {
			all = append(all, reference+"."+name)
		}
		all = append(all, reference+"["+quoteKey(name)+"]")
	}
	return all
}
