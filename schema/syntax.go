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
