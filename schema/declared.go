package schema

import (
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// Declared gives the addresses of the blocks of the configuration that have a name,
// as they are referred to: sip_notify.reboot, var.firmware, pbx.hq. It looks at
// their first lines alone, so that it finds them whatever else is wrong with the
// files, and evaluates nothing.
func (s *Source) Declared() []string {
	var all []string
	for _, name := range s.main {
		src, err := s.read(name, maxSourceSize)
		if err != nil {
			continue
		}
		tokens, _ := hclsyntax.LexConfig(src, name, hcl.InitialPos)
		for i := range tokens {
			if address := declaredBy(tokens[i:]); address != "" {
				all = append(all, address)
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// declaredBy is what a line of the form TYPE "NAME" { declares, if tokens begin
// with it; data blocks have two names.
func declaredBy(tokens hclsyntax.Tokens) string {
	if tokens[0].Type != hclsyntax.TokenIdent {
		return ""
	}
	root := string(tokens[0].Bytes)
	labels := 1
	switch root {
	case "variable":
		root = "var"
	case "data":
		labels = 2
	case "pbx", "message", "window", "module", string(SIPNotify), string(UserEvent):
	default:
		return ""
	}
	address := root
	tokens = tokens[1:]
	for range labels {
		if len(tokens) < 4 || tokens[0].Type != hclsyntax.TokenOQuote || tokens[1].Type != hclsyntax.TokenQuotedLit || tokens[2].Type != hclsyntax.TokenCQuote {
			return ""
		}
		address += "." + string(tokens[1].Bytes)
		tokens = tokens[3:]
	}
	if tokens[0].Type != hclsyntax.TokenOBrace {
		return ""
	}
	return address
}
