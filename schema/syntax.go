package schema

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// CheckSyntax reports the syntax errors of a configuration file. It knows
// nothing of blocks and arguments.
func CheckSyntax(src []byte, filename string) hcl.Diagnostics {
	if diags := checkNesting(src, filename, hclsyntax.LexConfig); diags.HasErrors() {
		return diags
	}
	_, diags := hclsyntax.ParseConfig(src, filename, hcl.InitialPos)
	if diags.HasErrors() {
		_, diags = parseBroken(src, filename, diags)
	}
	return diags
}

// BlankSecrets replaces the secrets that stand literally in a configuration
// file by as many asterisks, so that the rest can be shown.
func BlankSecrets(src []byte) []byte {
	return blank(src, literalSecrets(src, nil, false))
}

// BlankValues replaces the values in a file of variables by as many asterisks:
// which of them are secret is not written there.
func BlankValues(src []byte) []byte {
	tokens, _ := hclsyntax.LexConfig(src, "", hcl.InitialPos)
	var spans []span
	for i, t := range tokens {
		switch t.Type {
		case hclsyntax.TokenQuotedLit, hclsyntax.TokenStringLit, hclsyntax.TokenNumberLit, hclsyntax.TokenBadUTF8:
		case hclsyntax.TokenIdent:
			if i+1 < len(tokens) && (tokens[i+1].Type == hclsyntax.TokenEqual || tokens[i+1].Type == hclsyntax.TokenColon) {
				continue // a name
			}
		default:
			continue
		}
		spans = append(spans, span{start: t.Range.Start.Byte, end: t.Range.End.Byte})
	}
	return blank(src, spans)
}
