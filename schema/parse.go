package schema

import (
	"bytes"

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

// pieceSize is how much source is given to the parser at once, so that the
// tokens of a large file need not all be in memory.
const pieceSize = 4 << 10

// parse parses one file of HCL and keeps it for Files. The body is nil if
// nothing of it can be used.
func (s *Source) parse(src []byte, shown string) (*hclsyntax.Body, hcl.Diagnostics) {
	file := parsePieces(src, shown)
	var diags hcl.Diagnostics
	if file == nil {
		file = &hcl.File{Bytes: src}
		if diags = checkNesting(src, shown, hclsyntax.LexConfig); !diags.HasErrors() {
			file, diags = hclsyntax.ParseConfig(src, shown, hcl.InitialPos)
		}
	}
	s.mu.Lock()
	s.parsed[shown] = file
	s.mu.Unlock()
	body, _ := file.Body.(*hclsyntax.Body)
	return body, diags
}

// parsePieces parses a file in pieces that end with a line "}", as blocks do in
// files that are formatted. A piece that is none by itself, as when that line
// is in a here document, does not parse. Then, and where anything else is wrong,
// it returns nil, and the file is to be parsed as a whole.
func parsePieces(src []byte, shown string) *hcl.File {
	var whole *hcl.File
	var body *hclsyntax.Body
	pos := hcl.InitialPos
	for pos.Byte < len(src) || whole == nil {
		end := pieceEnd(src, pos.Byte)
		piece := src[pos.Byte:end]
		if nestingAtMost(piece) > maxNesting || mayHaveExponent(piece) {
			if checkNesting(piece, shown, hclsyntax.LexConfig).HasErrors() {
				return nil
			}
		}
		file, diags := hclsyntax.ParseConfig(piece, shown, pos)
		if len(diags) > 0 {
			return nil
		}
		part := file.Body.(*hclsyntax.Body)
		if whole == nil {
			whole, body = file, part
		} else {
			body.Blocks = append(body.Blocks, part.Blocks...)
			for name, a := range part.Attributes {
				if body.Attributes[name] != nil {
					return nil // given twice
				}
				body.Attributes[name] = a
			}
			body.SrcRange.End, body.EndRange = part.SrcRange.End, part.EndRange
		}
		pos.Line += bytes.Count(piece, []byte{'\n'})
		pos.Byte = end
	}
	whole.Bytes = src
	return whole
}

// pieceEnd finds the end of the piece that begins at start.
func pieceEnd(src []byte, start int) int {
	from := start + pieceSize
	if from >= len(src) {
		return len(src)
	}
	i := bytes.Index(src[from:], []byte("\n}\n"))
	if i < 0 {
		return len(src)
	}
	return from + i + len("\n}\n")
}

// nestingAtMost gives an upper bound of what checkNesting counts: all bytes
// that it could count, wherever they stand.
func nestingAtMost(src []byte) int {
	n := 0
	for _, c := range src {
		if nests[c] {
			n++
		}
	}
	return n
}

var nests = func() (t [256]bool) {
	for _, c := range []byte("([{\"$%<.*/+-=!>&|?)]") {
		t[c] = true
	}
	return t
}()

// mayHaveExponent tells whether a digit stands before a letter e.
func mayHaveExponent(src []byte) bool {
	for i := 1; i < len(src); i++ {
		if c := src[i-1]; (src[i] == 'e' || src[i] == 'E') && (c >= '0' && c <= '9' || c == '.') {
			return true
		}
	}
	return false
}

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
