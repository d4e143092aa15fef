package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/astconf"
	"github.com/notifyrun/notifyrun/schema"
)

// conversion is one run of convert.
type conversion struct {
	tech   schema.TargetTech
	config *astconf.Config
	labels map[string]bool // taken
	diags  hcl.Diagnostics
	blocks []*convertedSection
}

// convertedSection is a section and what became of it.
type convertedSection struct {
	section   *astconf.Section
	variables []astconf.Variable // of all sections of the name, if Asterisk takes them together
	label     string
	notes     []string
	message   *notifyMessage // nil: none can be made
}

// refused turns what Asterisk refuses the whole file for into diagnostics.
func (c *conversion) refused(err error) error {
	for _, e := range each(err) {
		var p *astconf.Problem
		if !errors.As(e, &p) || p.Place.Line == 0 {
			return fmt.Errorf("convert %w", err)
		}
		c.diags = append(c.diags, c.diagnostic(hcl.DiagError, "Asterisk refuses this file", p.Place, sentence(p.Reason, p.Advice)))
	}
	return diagnosticsError{c.files(), c.diags}
}

// sections converts what was asked for, all sections if names is empty.
func (c *conversion) sections(names []string) error {
	all := c.gather()
	missing := slices.Clone(names)
	for _, s := range all {
		if len(names) == 0 || slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, s.section.Name) }) {
			c.blocks = append(c.blocks, s)
			missing = slices.DeleteFunc(missing, func(n string) bool { return strings.EqualFold(n, s.section.Name) })
		}
	}
	if len(missing) > 0 {
		var known []string
		for _, s := range all {
			known = append(known, s.section.Name)
		}
		if guess := similar(missing[0], known); guess != "" {
			return fmt.Errorf("convert: the file has no section %q to send. Did you mean %q?", missing[0], guess)
		}
		return fmt.Errorf("convert: the file has no section %q to send", missing[0])
	}
	for _, s := range c.blocks { // names that can stay do, wherever they stand
		if hclsyntax.ValidIdentifier(s.section.Name) {
			c.labels[s.section.Name] = true
		}
	}
	for _, s := range c.blocks {
		c.convert(s)
	}
	return nil
}

// gather finds the sections that can be sent. Of several with one name, compared
// without case, PJSIP takes the variables of all, and chan_sip the first.
func (c *conversion) gather() []*convertedSection {
	var all []*convertedSection
	byName := make(map[string]*convertedSection)
	for _, s := range c.config.Sections {
		key := strings.ToLower(s.Name)
		first := byName[key]
		switch {
		case s.Template:
		case first == nil:
			first = &convertedSection{section: s, variables: slices.Clip(s.Variables)}
			byName[key] = first
			all = append(all, first)
		case c.tech == schema.TechPJSIP:
			first.variables = append(first.variables, s.Variables...)
		default:
			c.remark(first, s.Place, "The section %s stands here once more. chan_sip looks at the first one only, and so does the message.", quoted(s.Name))
		}
	}
	return all
}

// note says where the message of a section differs from what Asterisk sends, in
// the output and as a warning.
func (c *conversion) note(s *convertedSection, p astconf.Place, format string, args ...any) {
	c.say(s, p, "Not carried over", fmt.Sprintf(format, args...))
}

// remark says where it does what Asterisk does, which is not what it seems.
func (c *conversion) remark(s *convertedSection, p astconf.Place, format string, args ...any) {
	c.say(s, p, notAsItSeems, fmt.Sprintf(format, args...))
}

const notAsItSeems = "Not what it seems"

func (c *conversion) say(s *convertedSection, p astconf.Place, summary, text string) {
	s.notes = append(s.notes, text)
	c.diags = append(c.diags, c.diagnostic(hcl.DiagWarning, summary, p, text))
}

// fail says that no message can be made of a section.
func (c *conversion) fail(s *convertedSection, p astconf.Place, format string, args ...any) {
	text := fmt.Sprintf("The section %s is not converted: ", quoted(s.section.Name)) + fmt.Sprintf(format, args...)
	s.notes = append(s.notes, text)
	s.message = nil
	c.diags = append(c.diags, c.diagnostic(hcl.DiagError, "Section not converted", p, text))
}

func (c *conversion) diagnostic(severity hcl.DiagnosticSeverity, summary string, p astconf.Place, detail string) *hcl.Diagnostic {
	d := &hcl.Diagnostic{Severity: severity, Summary: summary, Detail: detail}
	if p.Line > 0 {
		start := hcl.Pos{Line: p.Line, Column: p.Column, Byte: p.Offset}
		end := hcl.Pos{Line: p.Line, Column: p.Column + p.Length, Byte: p.Offset + p.Length}
		d.Subject = &hcl.Range{Filename: p.File, Start: start, End: end}
	}
	return d
}

// files are what snippets of the diagnostics come from.
func (c *conversion) files() map[string]*hcl.File {
	files := make(map[string]*hcl.File)
	if c.config != nil {
		for name, text := range c.config.Texts {
			files[name] = &hcl.File{Bytes: text}
		}
	}
	return files
}

// notifyMessage is what Asterisk makes of a section.
type notifyMessage struct {
	headers     []amiclient.Variable // in order; chan_sip's content type is one of them
	contentType string               // PJSIP's
	content     []string             // lines
	hasContent  bool
}

// convert finds out what Asterisk sends for a section, and what of that a message
// can say.
func (c *conversion) convert(s *convertedSection) {
	name := s.section.Name
	if s.label = c.label(name); s.label != name {
		c.say(s, s.section.Place, "Another name", fmt.Sprintf("The name %s cannot be that of a block, so that the message is called %q.", quoted(name), s.label))
	}
	s.message = &notifyMessage{}
	var events, types []astconf.Variable
	var contents []astconf.Variable
	for _, v := range s.variables {
		v = c.sent(s, v)
		switch {
		case strings.EqualFold(v.Name, "Content"):
			contents = append(contents, v)
		case strings.EqualFold(v.Name, "Content-Type"):
			if types = append(types, v); c.tech == schema.TechSIP && len(types) == 1 {
				s.message.headers = append(s.message.headers, amiclient.Variable{Name: v.Name, Value: v.Value})
			}
		case strings.EqualFold(v.Name, "Event"):
			if events = append(events, v); len(events) == 1 {
				s.message.headers = append(s.message.headers, amiclient.Variable{Name: v.Name, Value: v.Value})
			}
		default:
			c.header(s, v)
		}
	}
	switch {
	case c.tech == schema.TechPJSIP && strings.EqualFold(name, "general"):
		// main/config_options.c finds no type for it (ACO_BLACKLIST).
		c.fail(s, s.section.Place, "PJSIP reserves the name, and refuses the file as a whole because of it. Remove the section there, too.")
		return
	case len(s.variables) == 0:
		c.fail(s, s.section.Place, "it is empty, and a NOTIFY needs an Event.")
		return
	case len(events) == 0:
		c.fail(s, s.section.Place, "it has no Event, without which phones refuse a NOTIFY.")
		return
	case len(events) > 1 && c.tech == schema.TechPJSIP:
		c.remark(s, events[1].Place, "Asterisk sends the first Event only, and so does the message.")
	case len(events) > 1:
		c.note(s, events[1].Place, "chan_sip sends each Event, which no phone expects; the message has the first only.")
	}
	if !c.event(s, events[0]) || !c.body(s, types, contents) {
		return
	}
	if reasons := faults(c.tech, s.message.variables()); len(reasons) > 0 {
		c.fail(s, s.section.Place, "%s", strings.Join(reasons, " "))
	}
}

// sent is a variable as the driver sends it. chan_sip copies each value into 512
// bytes, the last of which is none of it, and then takes the \ from each \; again.
func (c *conversion) sent(s *convertedSection, v astconf.Variable) astconf.Variable {
	if strings.Contains(v.Value, "${") {
		c.remark(s, v.Place, "The ${…} in the value of %s is sent as it stands: Asterisk does not expand it, and neither does the message.", quoted(v.Name))
	}
	if looksCut(v.Comment) {
		c.remark(s, v.Place, "The value of %s ends before the ;, which begins a comment, so that Asterisk sends %s. If more was meant, write \\; there, and add it to the message.", quoted(v.Name), quoted(v.Value))
	}
	if c.tech == schema.TechSIP {
		const most = 511
		if len(v.Value) > most {
			c.remark(s, v.Place, "chan_sip cuts the value of %s after %d bytes, and so does the message.", quoted(v.Name), most)
			v.Value = v.Value[:most]
		}
		v.Value = strings.ReplaceAll(v.Value, `\;`, ";")
	}
	return v
}

// looksCut tells whether a comment looks like the parameter of a header.
func looksCut(comment string) bool {
	name, _, ok := strings.Cut(strings.TrimPrefix(comment, ";"), "=")
	return ok && name != "" && strings.TrimFunc(name, func(r rune) bool {
		return r == '-' || r == '_' || r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r))
	}) == ""
}

// header takes over a header that is none of those that a NOTIFY needs.
func (c *conversion) header(s *convertedSection, v astconf.Variable) {
	header := amiclient.Variable{Name: v.Name, Value: v.Value}
	reasons := faults(c.tech, []amiclient.Variable{{Name: "Event", Value: "x"}, header})
	if reason := unspeakable(v.Value); reason != "" {
		reasons = []string{reason}
	}
	switch {
	case len(reasons) > 0 && c.ignores(v.Name):
		c.remark(s, v.Place, "Asterisk ignores the header %s, and the message is without it.", quoted(v.Name))
		return
	case len(reasons) > 0:
		c.note(s, v.Place, "The header %s is left out, so that the NOTIFY is without it: %s", quoted(v.Name), strings.Join(reasons, " "))
		return
	}
	s.message.headers = append(s.message.headers, header)
}

// ignores tells whether the driver passes over a header with a warning in its log
// (res/res_pjsip_notify.c: not_allowed; channels/chan_sip.c: sip_cli_notify).
func (c *conversion) ignores(name string) bool {
	ignored := []string{"Call-ID", "Contact", "CSeq", "To", "From", "Record-Route", "Route", "Request-URI", "Via"}
	if c.tech == schema.TechSIP {
		ignored = []string{"Content-Length"}
	}
	return slices.ContainsFunc(ignored, func(i string) bool { return strings.EqualFold(i, name) })
}

// event tells whether the Event can be sent.
func (c *conversion) event(s *convertedSection, v astconf.Variable) bool {
	reasons := faults(c.tech, []amiclient.Variable{{Name: v.Name, Value: v.Value}})
	if reason := unspeakable(v.Value); reason != "" {
		reasons = []string{reason}
	}
	if len(reasons) > 0 {
		c.fail(s, v.Place, "its Event cannot be sent: %s", strings.Join(reasons, " "))
	}
	return len(reasons) == 0
}

// body takes over the content and its type, as far as Asterisk sends both.
func (c *conversion) body(s *convertedSection, types, contents []astconf.Variable) bool {
	m := s.message
	withoutType := func() {
		m.headers = slices.DeleteFunc(m.headers, func(h amiclient.Variable) bool { return strings.EqualFold(h.Name, "Content-Type") })
	}
	if len(types) > 1 {
		if c.tech == schema.TechSIP {
			c.fail(s, types[1].Place, "it has several Content-Type, and chan_sip sends each.")
			return false
		}
		c.remark(s, types[0].Place, "Asterisk takes the last Content-Type only, and so does the message.")
		types = types[len(types)-1:]
	}
	switch {
	case len(types) == 0 && len(contents) == 0:
		return true
	case len(types) == 0 && c.tech == schema.TechSIP:
		c.fail(s, contents[0].Place, "its Content has no Content-Type, without which no phone can know what it is. Add one.")
		return false
	case len(types) == 0:
		c.remark(s, contents[0].Place, "The Content is left out: without a Content-Type Asterisk does not send it.")
		return true
	case len(contents) == 0 && c.tech == schema.TechSIP:
		c.note(s, types[0].Place, "The Content-Type is left out, since there is no Content. chan_sip would send it.")
		withoutType()
		return true
	case len(contents) == 0:
		c.note(s, types[0].Place, "The Content-Type is left out: without Content, Asterisk sends pieces of its memory to the phone.")
		return true
	}
	// Only together can the two be checked. An empty line at the beginning is
	// none: Asterisk puts a line end behind what it has, and it has nothing.
	first := slices.IndexFunc(contents, func(v astconf.Variable) bool { return v.Value != "" })
	if first < 0 {
		first = len(contents) - 1
	}
	if first > 0 {
		c.remark(s, contents[0].Place, "Asterisk does not send the empty lines with which the Content begins, and neither does the message.")
	}
	for _, v := range contents[first:] {
		reasons := faults(c.tech, []amiclient.Variable{{Name: "Event", Value: "x"}, {Name: "Content-Type", Value: "text/plain"}, {Name: "Content", Value: v.Value}})
		if reason := unspeakable(v.Value); reason != "" {
			reasons = []string{reason}
		}
		if len(reasons) > 0 {
			c.fail(s, v.Place, "a line of its Content cannot be sent: %s", strings.Join(reasons, " "))
			return false
		}
		m.content = append(m.content, v.Value)
	}
	m.hasContent = true
	t := types[0]
	reasons := faults(c.tech, []amiclient.Variable{{Name: "Event", Value: "x"}, {Name: "Content-Type", Value: t.Value}, {Name: "Content", Value: "x"}})
	if reason := unspeakable(t.Value); reason != "" {
		reasons = []string{reason}
	}
	if len(reasons) > 0 {
		c.fail(s, t.Place, "its Content-Type %s cannot be sent: %s", quoted(t.Value), strings.Join(reasons, " "))
		return false
	}
	if c.tech == schema.TechPJSIP {
		m.contentType = t.Value
	}
	return true
}

// variables is what an action carries of the message.
func (m *notifyMessage) variables() []amiclient.Variable {
	vars := slices.Clone(m.headers)
	if m.contentType != "" {
		vars = append(vars, amiclient.Variable{Name: "Content-Type", Value: m.contentType})
	}
	for _, line := range m.content {
		vars = append(vars, amiclient.Variable{Name: "Content", Value: line})
	}
	return vars
}

// faults says why a NOTIFY with these variables would not be sent, in sentences.
func faults(tech schema.TargetTech, vars []amiclient.Variable) []string {
	action := amiclient.PJSIPNotify{Endpoint: "1001", Variables: vars}.Action()
	if tech == schema.TechSIP {
		action = amiclient.SIPNotify{Channel: "SIP/1001", Variables: vars}.Action()
	}
	err := action.Check()
	if err == nil {
		return nil
	}
	var reasons []string
	for _, e := range each(err) {
		reason := e.Error()
		var field *amiclient.FieldError
		if errors.As(e, &field) {
			reason = field.Reason
		}
		reasons = append(reasons, sentence(reason, ""))
	}
	return reasons
}

// unspeakable says why a text of the configuration language cannot be these bytes,
// or "".
func unspeakable(value string) string {
	switch {
	case !utf8.ValidString(value):
		return "It is not UTF-8, which configurations are written in."
	case cty.StringVal(value).AsString() != value:
		return "It has characters in a form that is not the normal one of Unicode (NFC), into which all text of configurations is brought."
	}
	return ""
}

// label makes a name for a block of that of a section.
func (c *conversion) label(name string) string {
	if hclsyntax.ValidIdentifier(name) {
		return name // reserved before
	}
	var b strings.Builder
	for _, r := range name {
		if r != '_' && r != '-' && (r >= utf8.RuneSelf || !unicode.IsLetter(r) && !unicode.IsDigit(r)) {
			r = '_'
		}
		b.WriteRune(r)
	}
	label := strings.Trim(b.String(), "_")
	if !hclsyntax.ValidIdentifier(label) {
		label = "section_" + label
	}
	label = strings.TrimRight(label, "_")
	for n, base := 2, label; c.labels[label]; n++ {
		label = fmt.Sprintf("%s_%d", base, n)
	}
	c.labels[label] = true
	return label
}
