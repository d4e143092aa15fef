package main

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/schema"
)

// configuration writes all of the output in its canonical form.
func (c *conversion) configuration() string {
	var b strings.Builder
	for _, w := range c.config.Warnings {
		comment(&b, w.Place.String()+": "+sentence(w.Reason, ""))
	}
	if len(c.config.Warnings) > 0 {
		b.WriteString("\n")
	}
	for i, s := range c.blocks {
		if i > 0 {
			b.WriteString("\n")
		}
		comment(&b, fmt.Sprintf("[%s], %s", s.section.Name, s.section.Place))
		for _, n := range s.notes {
			comment(&b, "Note: "+n)
		}
		if s.message != nil {
			s.message.write(&b, s.label)
		}
	}
	return string(schema.Format([]byte(b.String())))
}

// comment writes a comment of one line.
func comment(b *strings.Builder, text string) {
	fmt.Fprintf(b, "# %s\n", strings.ReplaceAll(printable(text), "\n", " "))
}

// write writes a message block. A list keeps order and names as Asterisk sends
// them; the shorter forms stand where they say the same.
func (m *notifyMessage) write(b *strings.Builder, label string) {
	fmt.Fprintf(b, "message %q {\n", label)
	headers, contentType := m.headers, m.contentType
	if headers[0].Name == "Event" {
		fmt.Fprintf(b, "event = %s\n", literal(headers[0].Value))
		headers = headers[1:]
	}
	if n := len(headers); n > 0 && headers[n-1].Name == "Content-Type" {
		contentType = headers[n-1].Value
		headers = headers[:n-1]
	}
	if len(headers) > 0 {
		writeHeaders(b, headers)
	}
	if contentType != "" {
		fmt.Fprintf(b, "content_type = %s\n", literal(contentType))
	}
	if m.hasContent {
		writeContent(b, m.content)
	}
	b.WriteString("}\n")
}

// writeHeaders writes a map, which goes out in the order of names, or a list.
func writeHeaders(b *strings.Builder, headers []amiclient.Variable) {
	inOrder := true
	for i := range headers[1:] {
		inOrder = inOrder && headers[i].Name < headers[i+1].Name
	}
	if inOrder {
		b.WriteString("headers = {\n")
		for _, h := range headers {
			fmt.Fprintf(b, "%s = %s\n", literal(h.Name), literal(h.Value))
		}
		b.WriteString("}\n")
		return
	}
	b.WriteString("headers = [\n")
	for _, h := range headers {
		fmt.Fprintf(b, "{ name = %s, value = %s },\n", literal(h.Name), literal(h.Value))
	}
	b.WriteString("]\n")
}

// writeContent writes the lines of a body: as a here document if it ends with a
// line end, as that does.
func writeContent(b *strings.Builder, lines []string) {
	last := len(lines) - 1
	switch {
	case last == 0:
		fmt.Fprintf(b, "content = %s\n", literal(lines[0]))
	case lines[last] == "" && !slices.ContainsFunc(lines, hardInHeredoc):
		end := "EOT"
		for slices.ContainsFunc(lines, func(line string) bool { return strings.TrimSpace(line) == end }) {
			end += "T"
		}
		// An indentation that is taken away again would count empty lines, too.
		sign, indentation := "<<-", "    "
		if slices.Contains(lines[:last], "") {
			sign, indentation = "<<", ""
		}
		fmt.Fprintf(b, "content = %s%s\n", sign, end)
		for _, line := range lines[:last] {
			b.WriteString(indentation + escapeTemplate(line) + "\n")
		}
		b.WriteString(indentation[:len(indentation)/2] + end + "\n")
	default:
		b.WriteString("content = join(\"\\n\", [\n")
		for _, line := range lines {
			b.WriteString(literal(line) + ",\n")
		}
		b.WriteString("])\n")
	}
}

// hardInHeredoc tells whether a line reads better, or only, between quotes.
func hardInHeredoc(line string) bool {
	return strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) })
}

// escapeTemplate keeps ${ and %{ from beginning a template sequence.
func escapeTemplate(s string) string {
	return strings.NewReplacer("${", "$${", "%{", "%%{").Replace(s)
}

// literal writes a string of the language.
func literal(s string) string {
	return string(hclwrite.TokensForValue(cty.StringVal(s)).Bytes())
}

// quoted writes a text of a file within a sentence, shortened.
func quoted(s string) string {
	if len(s) > 60 {
		return fmt.Sprintf("%q…", strings.ToValidUTF8(s[:60], ""))
	}
	return fmt.Sprintf("%q", s)
}

// sentence makes sentences of a clause and of what follows it.
func sentence(clause, more string) string {
	r, n := utf8.DecodeRuneInString(clause)
	if r != utf8.RuneError && !strings.HasPrefix(clause, "#") {
		clause = string(unicode.ToUpper(r)) + clause[n:]
	}
	clause = strings.TrimSuffix(clause, ".") + "."
	if more != "" {
		clause += " " + strings.TrimSuffix(more, ".") + "."
	}
	return clause
}
