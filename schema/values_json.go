package schema

import (
	"bytes"
	"strings"

	"github.com/hashicorp/hcl/v2"
	hcljson "github.com/hashicorp/hcl/v2/json"
)

// jsonSuffix ends the names of variable files that other programs write.
const jsonSuffix = ".json"

// attributes are the values in a variable file, written in the language or, by its
// name, as a JSON object, whose texts are taken as they stand.
func (m *module) attributes(file string, src []byte) hcl.Attributes {
	if !strings.HasSuffix(file, jsonSuffix) {
		body, diags := m.src.parse(src, file)
		m.add(diags...)
		if diags.HasErrors() {
			return nil
		}
		return m.collector.values("A variable file", body)
	}
	// No secret in it can be told from the rest where it is shown, so that all of it
	// is as secret as the most secret of the variables.
	secret := false
	for _, v := range m.variables {
		secret = secret || v.sensitive
	}
	src = bytes.TrimPrefix(src, []byte("\ufeff")) // of editors on Windows, as of files in HCL
	m.src.remember(file, src, secret)
	if what := excessive(src); what != "" {
		m.add(failf(nil, "Variable file too complex", "The variable file %q has %s. Nothing that a phone is told needs that.", file, what)...)
		return nil
	}
	parsed, diags := hcljson.Parse(src, file)
	var attrs hcl.Attributes
	if !diags.HasErrors() {
		attrs, diags = parsed.Body.JustAttributes()
	}
	if len(diags) == 0 {
		return attrs
	}
	// What hcl says quotes words of the file, and any of them may be the secret.
	if d := diags[0]; d.Summary == "Duplicate attribute definition" {
		m.fail(*d.Subject, "Value given twice", "This variable has a value in this file already. Take one of them out.")
	} else {
		m.fail(*d.Subject, "Invalid variable file", "A variable file whose name ends in .json has one object in JSON, of the names of variables and their values, and this is none. Write it as {\"site\": \"hq\", \"phones\": 5}.")
	}
	return nil
}

// excessive finds in a JSON text what would take the parser all time or memory,
// and says what that is; empty: there is nothing.
func excessive(src []byte) string {
	depth, quoted, exponent, digits := 0, false, false, 0
	for i := 0; i < len(src); i++ {
		c := src[i]
		if quoted {
			switch c {
			case '\\':
				i++
			case '"':
				quoted = false
			}
			continue
		}
		switch {
		case c == '"':
			quoted = true
		case c == '[' || c == '{':
			depth++
		case c == ']' || c == '}':
			depth--
		case (c == 'e' || c == 'E') && i > 0 && (isDigit(src[i-1]) || src[i-1] == '.'):
			exponent, digits = true, 0
			continue
		case exponent && isDigit(c):
			digits++
		}
		if !isDigit(c) && c != '+' && c != '-' {
			exponent = false
		}
		switch {
		case depth > maxNesting:
			return "more than 1000 brackets inside one another"
		case digits > maxExponent:
			return "a number whose exponent has more than 3 digits"
		}
	}
	return ""
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
