package schema

import (
	"bytes"
	"runtime"
	"sync"
	"sync/atomic"

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

// parse parses one file of HCL and keeps it for Files. After mistakes the body
// has the blocks that are right; it is nil if there is none.
func (s *Source) parse(src []byte, shown string) (*hclsyntax.Body, hcl.Diagnostics) {
	s.noticeTime(src, hclsyntax.LexConfig)
	file := parsePieces(src, shown)
	var diags hcl.Diagnostics
	var body *hclsyntax.Body
	if file == nil {
		file = &hcl.File{Bytes: src}
		if diags = checkNesting(src, shown, hclsyntax.LexConfig); !diags.HasErrors() {
			file, diags = hclsyntax.ParseConfig(src, shown, hcl.InitialPos)
		}
		if diags.HasErrors() {
			body, diags = parseBroken(src, shown, diags)
		} else if b, ok := file.Body.(*hclsyntax.Body); ok {
			boundNumbers(b)
		}
	}
	if b, ok := file.Body.(*hclsyntax.Body); ok && !diags.HasErrors() {
		body = b
		file = outlinedFile(src, body)
	}
	s.mu.Lock()
	s.parsed[shown] = file
	s.mu.Unlock()
	return body, diags
}

// maxRetries is how many lines that look like the beginning of a block, but may
// stand in a text, are passed over before a block is taken for wrong.
const maxRetries = 3

// parseBroken parses a file that is not right, each of its blocks by itself: so
// the mistakes in all of them are found, and a brace that is missing is told
// where. whole is what is wrong with it otherwise. The body has the blocks that
// are right.
func parseBroken(src []byte, shown string, whole hcl.Diagnostics) (body *hclsyntax.Body, diags hcl.Diagnostics) {
	var starts []hcl.Pos
	for pos := hcl.InitialPos; pos.Byte < len(src); pos.Line++ {
		if pos.Byte == 0 || beginsBlock(src[pos.Byte:]) {
			starts = append(starts, pos)
		}
		end := bytes.IndexByte(src[pos.Byte:], '\n')
		if end < 0 {
			break
		}
		pos.Byte += end + 1
	}
	for i := 0; i < len(starts); {
		var first hcl.Diagnostics
		firstEnd := len(src)
		next := i + 1
		for try := i + 1; try <= min(i+1+maxRetries, len(starts)); try++ {
			end := len(src)
			if try < len(starts) {
				end = starts[try].Byte
			}
			part, wrong := parsePart(src[:end], shown, starts[i])
			if !wrong.HasErrors() {
				if body == nil {
					body = part
				} else {
					join(body, part)
				}
				first, next = nil, try
				break
			}
			if try == i+1 {
				first, firstEnd = wrong, end
			}
		}
		diags = append(diags, plainSyntax(src, starts[i], firstEnd, first)...)
		i = next
	}
	if !diags.HasErrors() { // the parts are right, but not as a whole
		diags = plainSyntax(src, hcl.InitialPos, len(src), whole)
	}
	if body != nil {
		boundNumbers(body)
	}
	return body, diags
}

// parsePart parses the source from a place on.
func parsePart(src []byte, shown string, from hcl.Pos) (*hclsyntax.Body, hcl.Diagnostics) {
	part := src[from.Byte:]
	if !surelyShallow(part) {
		lex := func(src []byte, filename string, _ hcl.Pos) (hclsyntax.Tokens, hcl.Diagnostics) {
			return hclsyntax.LexConfig(src, filename, from)
		}
		if diags := checkNesting(part, shown, lex); diags.HasErrors() {
			return nil, diags
		}
	}
	file, diags := hclsyntax.ParseConfig(part, shown, from)
	body, _ := file.Body.(*hclsyntax.Body)
	return body, diags
}

// parsePieces parses a file in pieces, several at a time, that end with a line
// "}", as blocks do in files that are formatted. A piece that is none by itself,
// as when that line is in a here document, does not parse. Then, and where
// anything else is wrong, it returns nil, and the file is to be parsed as a whole.
func parsePieces(src []byte, shown string) *hcl.File {
	type piece struct {
		start hcl.Pos
		src   []byte
		file  *hcl.File
	}
	var pieces []*piece
	for pos := hcl.InitialPos; pos.Byte < len(src) || pieces == nil; {
		p := &piece{start: pos, src: src[pos.Byte:pieceEnd(src, pos.Byte)]}
		pieces = append(pieces, p)
		pos.Line += bytes.Count(p.src, []byte{'\n'})
		pos.Byte += len(p.src)
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(pieces)) {
		wg.Go(func() {
			for i := next.Add(1) - 1; int(i) < len(pieces); i = next.Add(1) - 1 {
				p := pieces[i]
				if !surelyShallow(p.src) && checkNesting(p.src, shown, hclsyntax.LexConfig).HasErrors() {
					return
				}
				file, diags := hclsyntax.ParseConfig(p.src, shown, p.start)
				if len(diags) > 0 {
					return
				}
				boundNumbers(file.Body.(*hclsyntax.Body))
				p.file = file
			}
		})
	}
	wg.Wait()

	whole := pieces[0].file
	for i, p := range pieces {
		if p.file == nil {
			return nil
		}
		if i > 0 && !join(whole.Body.(*hclsyntax.Body), p.file.Body.(*hclsyntax.Body)) {
			return nil
		}
	}
	whole.Bytes = src
	return whole
}

// join adds the items of a later part of a file. It returns false if an argument
// is given in both, which the parser refuses.
func join(body, part *hclsyntax.Body) bool {
	body.Blocks = append(body.Blocks, part.Blocks...)
	for name, a := range part.Attributes {
		if body.Attributes[name] != nil {
			return false
		}
		body.Attributes[name] = a
	}
	body.SrcRange.End, body.EndRange = part.SrcRange.End, part.EndRange
	return true
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

// surelyShallow tells, without reading tokens, that checkNesting has nothing to
// say: all bytes that it could count, wherever they stand, are few.
func surelyShallow(src []byte) bool {
	count := 0
	for i, c := range src {
		if nests[c] {
			count++
		}
		if (c == 'e' || c == 'E') && i > 0 && (src[i-1] == '.' || src[i-1] >= '0' && src[i-1] <= '9') {
			return false // perhaps an exponent
		}
	}
	return count <= maxNesting
}

var nests = func() (t [256]bool) {
	for _, c := range []byte("([{\"$%<.*/+-=!>&|?)]") {
		t[c] = true
	}
	return t
}()

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
