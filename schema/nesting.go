package schema

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// maxNesting bounds how deep an expression may be: each bracket, quote,
// operator and index on the way from its root to a leaf counts one. Parser and
// evaluator recurse that deep, and Go cannot recover from a full stack.
const maxNesting = 1000

// maxExponent bounds number literals: a number of a million digits takes
// minutes to write out.
const maxExponent = 3 // digits

type lexer func(src []byte, filename string, start hcl.Pos) (hclsyntax.Tokens, hcl.Diagnostics)

// checkNesting refuses source that is nested too deeply to be parsed safely.
// What is wrong with single tokens is left to the parser.
func checkNesting(src []byte, filename string, lex lexer) hcl.Diagnostics {
	tokens, _ := lex(src, filename, hcl.InitialPos)

	// levels has, for each open bracket, the operators since the last
	// separator in it: they nest, too. depth is the sum of all.
	type level struct {
		kind      hclsyntax.TokenType
		operators int
	}
	levels := []level{{kind: hclsyntax.TokenOBrace}}
	depth := 0
	add := func(n int) {
		levels[len(levels)-1].operators += n
		depth += n
	}
	for _, t := range tokens {
		switch t.Type {
		case hclsyntax.TokenOBrace, hclsyntax.TokenOBrack, hclsyntax.TokenOParen, hclsyntax.TokenOQuote,
			hclsyntax.TokenOHeredoc, hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl:
			if t.Type == hclsyntax.TokenTemplateControl {
				add(1) // %{ if } nests the text up to its %{ endif }
			}
			levels = append(levels, level{kind: t.Type})
			depth++
		case hclsyntax.TokenCBrace, hclsyntax.TokenCBrack, hclsyntax.TokenCParen, hclsyntax.TokenCQuote,
			hclsyntax.TokenCHeredoc, hclsyntax.TokenTemplateSeqEnd:
			if len(levels) > 1 {
				depth -= 1 + levels[len(levels)-1].operators
				levels = levels[:len(levels)-1]
			}
			if t.Type == hclsyntax.TokenCBrack || t.Type == hclsyntax.TokenCParen {
				add(1) // a[0][0][0]
			}
		case hclsyntax.TokenComma:
			add(-levels[len(levels)-1].operators)
		case hclsyntax.TokenNewline:
			if levels[len(levels)-1].kind == hclsyntax.TokenOBrace {
				add(-levels[len(levels)-1].operators)
			}
		case hclsyntax.TokenDot, hclsyntax.TokenStar, hclsyntax.TokenSlash, hclsyntax.TokenPlus, hclsyntax.TokenMinus,
			hclsyntax.TokenPercent, hclsyntax.TokenEqualOp, hclsyntax.TokenNotEqual, hclsyntax.TokenLessThan,
			hclsyntax.TokenLessThanEq, hclsyntax.TokenGreaterThan, hclsyntax.TokenGreaterThanEq, hclsyntax.TokenAnd,
			hclsyntax.TokenOr, hclsyntax.TokenBang, hclsyntax.TokenQuestion:
			add(1)
		case hclsyntax.TokenNumberLit:
			if hugeExponent(t.Bytes) {
				return failf(&t.Range, "Number too large",
					"The exponent of this number has more than %d digits. Nothing that a phone is told needs such a number.", maxExponent)
			}
		}
		if depth > maxNesting {
			return failf(&t.Range, "Expression nested too deeply",
				"More than %d brackets and operators lie inside one another here. Split the expression into several local values.", maxNesting)
		}
	}
	return nil
}

func hugeExponent(number []byte) bool {
	for i, c := range number {
		if c == 'e' || c == 'E' {
			digits := 0
			for _, c := range number[i+1:] {
				if c >= '0' && c <= '9' {
					digits++
				}
			}
			return digits > maxExponent
		}
	}
	return false
}
