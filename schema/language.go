package schema

import (
	"maps"
	"slices"
)

// BlockDoc says what may stand in one kind of block: what the parser goes by,
// for a reference of the language to be held against.
type BlockDoc struct {
	Path      string   // the types of the blocks around it and its own: "pbx", "pbx tls", "sip_notify trigger schedule"
	Labels    []string // what its labels are, in order; a trigger's own kind is part of Path
	Arguments []string // those it takes, sorted; nil for locals, which takes any name
	Required  []string // those of them that the parser insists on, sorted; others may be demanded by their context
	Repeats   bool     // may stand several times where one may stand
}

// Blocks lists all kinds of blocks, outer ones before those in them.
func Blocks() []BlockDoc {
	var docs []BlockDoc
	for _, t := range topLevel() {
		docs = t.document(docs, "", len(t.labels) > 0)
	}
	return docs
}

func (t *blockType) document(docs []BlockDoc, outer string, repeats bool) []BlockDoc {
	path := outer + t.name
	if t.kinds == nil {
		arguments := slices.Sorted(slices.Values(slices.Concat(t.required, t.optional)))
		docs = append(docs, BlockDoc{
			Path: path, Labels: t.labels, Arguments: arguments,
			Required: slices.Sorted(slices.Values(t.required)), Repeats: t.repeats || repeats,
		})
	}
	for _, n := range slices.Concat(t.kinds, t.nested) {
		docs = n.document(docs, path+" ", false)
	}
	return docs
}

// Functions lists the names of all functions that expressions can call, sorted.
func Functions() []string { return slices.Sorted(maps.Keys(functions(nil))) }

// Signature gives a function with the names of its parameters, as in
// "join(separator, lists...)"; "" if there is no such function.
func Signature(name string) string {
	f, ok := functions(nil)[name]
	if !ok {
		return ""
	}
	return signature(name, f)
}

// RefusedFunctions lists the functions of Terraform that are not there for a
// reason, which who calls them is told, sorted.
func RefusedFunctions() []string { return slices.Sorted(maps.Keys(refusedFunctions)) }
