package schema

import (
	"bytes"
	"cmp"
	"maps"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// mark is the type of our cty marks.
type mark string

// sensitive marks values that may be sent, but never shown. cty carries it
// through every operation to whatever is derived from such a value.
const sensitive mark = "sensitive"

// hasSensitive tells whether a value, or anything in it, is sensitive.
func hasSensitive(v cty.Value) bool { return v.HasMarkDeep(sensitive) }

// IsSensitive tells whether a value, or anything in it, may not be shown.
func IsSensitive(v cty.Value) bool { return hasSensitive(v) }

// textOf makes a Text of a string value; null becomes an empty one.
func textOf(v cty.Value) Text {
	v, marks := v.Unmark()
	secret := len(marks) > 0
	switch {
	case !v.IsKnown():
		return Text{unknown: true, sensitive: secret}
	case v.IsNull():
		return Text{}
	}
	return Text{value: v.AsString(), sensitive: secret}
}

// span is a range of bytes in a file that holds a literal secret.
type span struct {
	start, end int
	number     bool // a number, which must stay one
	variable   bool // the default of a variable
}

// blank returns a copy of src with asterisks in the spans, or zeros in numbers:
// it can be parsed as before. Line ends stay, so that line numbers do.
func blank(src []byte, spans []span) []byte {
	if len(spans) == 0 {
		return src
	}
	out := bytes.Clone(src)
	for _, s := range spans {
		for i := s.start; i < s.end && i < len(out); i++ {
			if out[i] != '\n' && out[i] != '\r' {
				out[i] = '*'
				if s.number {
					out[i] = '0'
				}
			}
		}
	}
	return out
}

// literalSecrets finds the secrets that stand literally in a file: what is
// given to an argument named secret, to a variable named in variables (in a
// variable file, as the default of its block, or as an input of a module), and to
// the function sensitive.
// It reads tokens, not syntax, so that a file with mistakes is covered, too: to
// be on the safe side it takes any argument named secret. For a snapshot it is
// exact: it takes those of pbx blocks only, and numbers stay numbers.
func literalSecrets(src []byte, variables map[string]bool, exact bool) []span {
	if !bytes.Contains(src, []byte("secret")) && !bytes.Contains(src, []byte("sensitive")) && len(variables) == 0 {
		return nil
	}
	tokens, _ := hclsyntax.LexConfig(src, "", hcl.InitialPos)
	variables = withDeclared(src, tokens, variables)
	var spans []span
	var in outermost
	for i, t := range tokens {
		assigned := in.take(src, tokens[i:])
		if t.Type != hclsyntax.TokenIdent || i+2 >= len(tokens) {
			continue
		}
		name, next := string(t.Bytes), tokens[i+1].Type
		switch {
		case assigned && in.depth == 1 && name == "default" && in.typ == "variable" && variables[in.label]:
			for _, s := range literals(tokens[i+2:], false) {
				s.variable = true
				spans = append(spans, s)
			}
		case assigned && name == "secret" && (in.typ == "pbx" || !exact), assigned && in.depth == 0 && variables[name],
			assigned && in.depth == 1 && in.typ == "module" && variables[name]:
			spans = append(spans, literals(tokens[i+2:], false)...)
		}
		if name == "sensitive" && next == hclsyntax.TokenOParen {
			spans = append(spans, literals(tokens[i+1:], true)...)
		}
	}
	if !exact {
		for i := range spans {
			spans[i].number = false
		}
	}
	return spans
}

// outermost is the outermost block in which a token of a file is, or else the one
// before it.
type outermost struct {
	typ, label string // its label is the first one, with quotes or without
	depth      int    // in braces
	header     bool   // its first line is being read
}

// take goes on by the first of the tokens that are left, and tells whether that is
// a name that gets a value.
func (o *outermost) take(src []byte, tokens hclsyntax.Tokens) (assigned bool) {
	t := tokens[0]
	if t.Type == hclsyntax.TokenIdent && t.Range.Start.Column == 1 && beginsBlock(src[t.Range.Start.Byte:]) {
		o.depth, o.header = 0, false // also where a brace is missing before
	}
	switch t.Type {
	case hclsyntax.TokenOBrace:
		o.depth++
		o.header = false
	case hclsyntax.TokenCBrace:
		o.depth = max(o.depth-1, 0) // one too many ends nothing
	case hclsyntax.TokenNewline, hclsyntax.TokenComment:
		o.header = false
	case hclsyntax.TokenIdent, hclsyntax.TokenQuotedLit:
		if len(tokens) > 1 {
			next := tokens[1].Type
			assigned = t.Type == hclsyntax.TokenIdent && (next == hclsyntax.TokenEqual || next == hclsyntax.TokenColon)
		}
		switch {
		case o.depth != 0 || assigned:
		case o.header:
			o.label = cmp.Or(o.label, string(t.Bytes))
		case t.Type == hclsyntax.TokenIdent:
			o.typ, o.label, o.header = string(t.Bytes), "", true
		}
	}
	return assigned
}

// withDeclared adds the variables whose blocks in these tokens say that they
// are sensitive: the rest of the file may be too broken for Load to learn it.
func withDeclared(src []byte, tokens hclsyntax.Tokens, variables map[string]bool) map[string]bool {
	all := maps.Clone(variables)
	var in outermost
	for i, t := range tokens {
		assigned := in.take(src, tokens[i:])
		if assigned && string(t.Bytes) == "sensitive" && in.typ == "variable" && i+2 < len(tokens) && string(tokens[i+2].Bytes) != "false" {
			if all == nil {
				all = make(map[string]bool)
			}
			all[in.label] = true
		}
	}
	return all
}

// literals gives the spans of the literals in the expression that the tokens
// begin with. It ends with its line, or, for a call, with its bracket. Keys and
// file names say where a secret is, and are none.
func literals(tokens hclsyntax.Tokens, call bool) []span {
	var spans []span
	depth, place := 0, 0 // place: the depth of a key or file name that we are in
	for i, t := range tokens {
		switch t.Type {
		case hclsyntax.TokenOBrace, hclsyntax.TokenOBrack, hclsyntax.TokenOParen, hclsyntax.TokenOHeredoc, hclsyntax.TokenTemplateInterp:
			depth++
			if place == 0 && i > 0 && opensPlace(tokens[i-1], t) {
				place = depth
			}
		case hclsyntax.TokenCBrace, hclsyntax.TokenCBrack, hclsyntax.TokenCParen, hclsyntax.TokenCHeredoc, hclsyntax.TokenTemplateSeqEnd:
			if depth == place {
				place = 0
			}
			if depth--; depth < 0 || depth == 0 && call {
				return spans
			}
		case hclsyntax.TokenNewline:
			if depth == 0 {
				return spans
			}
		case hclsyntax.TokenQuotedLit, hclsyntax.TokenStringLit, hclsyntax.TokenNumberLit:
			if place == 0 {
				spans = append(spans, span{start: t.Range.Start.Byte, end: t.Range.End.Byte, number: t.Type == hclsyntax.TokenNumberLit})
			}
		}
	}
	return spans
}

// opensPlace tells whether a bracket holds a key or a file name.
func opensPlace(before, bracket hclsyntax.Token) bool {
	switch bracket.Type {
	case hclsyntax.TokenOBrack:
		return before.Type == hclsyntax.TokenIdent || before.Type == hclsyntax.TokenCBrack || before.Type == hclsyntax.TokenCParen
	case hclsyntax.TokenOParen:
		name := string(before.Bytes)
		return fileFunctions[name] || name == "lookup"
	}
	return false
}
