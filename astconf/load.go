package astconf

import (
	"bytes"
	"errors"
	"io/fs"
	"slices"
	"strings"
)

// load reads files one after another, as the ones that a single #include means.
// They share what is open: a comment goes on from one to the next.
func (r *reader) load(names []string, read func(string) ([]byte, error)) (found bool) {
	f := &file{reader: r, section: r.current}
	for _, name := range names {
		if r.read++; r.read > maxFiles {
			r.tooMuch(Place{File: name}, "more than %d files are included", maxFiles)
		}
		if r.full {
			return found
		}
		text, err := read(name)
		if err != nil {
			if !errors.Is(err, fs.ErrNotExist) {
				r.warn(Place{File: name}, "", "it could not be read, so that Asterisk may find more than this: %v", err)
			}
			continue
		}
		if r.bytes += len(text); r.bytes > maxBytes {
			r.tooMuch(Place{File: name}, "the files have more than %d MiB", maxBytes>>20)
			return found
		}
		found = true
		r.config.Texts[name] = text
		f.name = name
		f.lines(text)
	}
	return found
}

// file is one file while it is read, or several that one #include means.
type file struct {
	*reader
	name     string
	section  *Section // that lines belong to
	comments commentStripper
	opened   Place // of the outermost open comment
}

func (f *file) lines(text []byte) {
	line, start := 1, 0
	if bytes.HasPrefix(text, []byte("\xef\xbb\xbf")) {
		start = 3
	}
	// next takes the next line as Asterisk sees it.
	next := func() (Place, []byte) {
		raw := text[start : start+lineEnd(text[start:])]
		p := Place{File: f.name, Line: line, Column: 1, Offset: start}
		start += len(raw)
		line += bytes.Count(raw, []byte{'\n'})
		seen := untilNUL(raw)
		shown := trim(seen)
		if len(shown) > 0 {
			indent := bytes.Index(seen, shown)
			p.Column, p.Offset, p.Length = p.Column+indent, p.Offset+indent, len(shown)
		}
		return p, seen
	}
	for start < len(text) && !f.full {
		p, raw := next()
		if tooLong(raw) {
			f.warn(p, "Shorten it", "the line has more than %d bytes; Asterisk passes over it", maxLine-1)
			for start < len(text) && tooLong(raw) {
				_, raw = next()
			}
			continue
		}
		if f.comments.depth == 0 {
			f.opened = p
		}
		s := f.comments.strip(raw)
		switch {
		case s.endless:
			f.refuse(p, "End them, or begin them with ;--- which is none", "more than %d comments are open here; Asterisk would hang", maxComments)
			f.full = true
			return
		case s.stray:
			f.warn(p, "Write \\; if it is no end of a comment", "the --; ends a comment where none is open; Asterisk passes over all lines up to the next ;-- in this file")
		}
		if t := trim(s.text); len(t) > 0 {
			f.line(string(t), string(trim(s.comment)), p)
		}
	}
	if f.comments.depth > 0 {
		f.warn(f.opened, "End it with --;", "the comment that begins here is not ended; Asterisk passes over the rest of the file")
	}
}

// line reads a line that is neither blank nor a comment.
func (f *file) line(text, comment string, p Place) {
	switch text[0] {
	case '[':
		f.header(text, p)
	case '#':
		f.directive(text[1:], p)
	default:
		f.variable(text, comment, p)
	}
}

// header reads [name] and the options behind it.
func (f *file) header(text string, p Place) {
	name, rest, ok := strings.Cut(text[1:], "]")
	if !ok {
		f.refuse(p, "Write [name]", "a section has no closing ]; Asterisk refuses the file")
		return
	}
	if len(f.config.Sections) >= maxSections {
		f.tooMuch(p, "there are more than %d sections", maxSections)
		return
	}
	fresh := &Section{Name: name[:min(len(name), maxName)], Place: p}
	if len(name) > maxName {
		f.warn(p, "Shorten it", "the section's name has more than %d bytes; Asterisk cuts it", maxName)
	}
	into := fresh
	if rest, ok = strings.CutPrefix(rest, "("); ok {
		options, _, closed := strings.Cut(rest, ")")
		if !closed {
			f.refuse(p, "Write [name](options)", "the options of the section have no closing ); Asterisk refuses the file")
			options = ""
		}
		for option := range strings.SplitSeq(options, ",") {
			switch {
			case !closed || f.full:
			case option == "!":
				into.Template = true
			case strings.HasPrefix(option, "+"):
				s := f.find(name, option[1:], p)
				if s == nil {
					f.refuse(p, "A section can only be added to behind its beginning, and a template only by (+TEMPLATES=include)", "there is no section %q to add to; Asterisk refuses the file", name)
					break
				}
				if fresh != nil {
					s.Template = s.Template || fresh.Template
					s.Variables = append(s.Variables, fresh.Variables...)
					fresh = nil
				}
				into, f.current = s, s
			default:
				base := f.find(option, "TEMPLATES=include", p)
				if base == nil {
					f.refuse(p, "A section inherits only from one that is written before; blanks count", "there is no section %q to inherit from; Asterisk refuses the file", option)
					break
				}
				if base == into {
					f.refuse(p, "Leave it out", "the section inherits from itself; Asterisk would hang")
					break
				}
				if option == "" {
					f.warn(p, "Name what it is to inherit from, or leave the () out", "an empty name stands for the first section of all, %q, so that this one inherits from it", base.Name)
				}
				for _, v := range slices.Clone(base.Variables) {
					if !f.full {
						f.add(into, v)
					}
				}
			}
		}
	}
	f.section = into
	if fresh != nil {
		f.config.Sections = append(f.config.Sections, fresh)
		f.byName[key(fresh.Name)] = append(f.byName[key(fresh.Name)], fresh)
		f.current = fresh
	}
}

// directive reads what follows a #.
func (f *file) directive(text string, p Place) {
	end := strings.IndexFunc(text, func(r rune) bool { return r <= 32 || r > 127 })
	if end < 0 {
		end = len(text)
	}
	word, argument := text[:end], ""
	if end < len(text) {
		argument = string(trim([]byte(text[end+1:])))
	}
	try := strings.EqualFold(word, "tryinclude")
	switch {
	case strings.EqualFold(word, "exec"):
		f.warn(p, "Run it yourself and put what it prints there", "#exec is never executed here; Asterisk reads what the program prints, if execincludes is set in asterisk.conf")
		return
	case !try && !strings.EqualFold(word, "include"):
		f.warn(p, "There are #include, #tryinclude and #exec", "Asterisk knows no directive #%s and passes over it", word)
		return
	case argument == "":
		f.warn(p, "Name the file", "#%s names no file; Asterisk passes over it", word)
		return
	}
	name := unquote(argument)
	if f.depth >= maxDepth {
		why := "files are included more than %d deep; Asterisk does not read %q"
		if try {
			f.warn(p, "", why, maxDepth, name)
		} else {
			f.refuse(p, "Look for files that include each other", why+" and refuses the file", maxDepth, name)
		}
		return
	}
	names, err := f.files.Match(name)
	if err != nil {
		f.refuse(p, "", "#%s %q: %v", word, name, err)
		return
	}
	f.depth++
	found := f.load(names, func(name string) ([]byte, error) { return f.files.Read(name, maxBytes) })
	f.depth--
	if !found && !try {
		f.refuse(p, "Includes are relative to Asterisk's configuration directory", "there is no file %q to include; Asterisk refuses the file", name)
	}
}

// unquote takes the "" or <> off a file name, if both stand.
func unquote(s string) string {
	if n := len(s); n > 1 && (s[0] == '"' && s[n-1] == '"' || s[0] == '<' && s[n-1] == '>') {
		return s[1 : n-1]
	}
	return s
}

// variable reads name = value, name => value and name += value.
func (f *file) variable(text, comment string, p Place) {
	if f.section == nil {
		f.refuse(p, "Begin with a [section]", "the line belongs to no section; Asterisk refuses the file")
		return
	}
	escaped := 0 // so many bytes of the name cannot be an =
	if text[0] == '\\' {
		text, escaped = text[1:], 1
		if text == "" || text[0] < 33 || text[0] > 127 {
			f.refuse(p, "Write a character behind it", "a \\ at the beginning of a line must stand before a visible ASCII character; Asterisk refuses the file")
			return
		}
	}
	i := strings.IndexByte(text[escaped:], '=')
	if i < 0 {
		f.warn(p, "Write name = value", "the line has no =; Asterisk passes over it")
		return
	}
	i += escaped
	name, value := text[:i], text[i+1:]
	appends := i > escaped && name[i-1] == '+'
	if appends {
		name = name[:i-1]
	} else {
		value = strings.TrimPrefix(value, ">")
	}
	name = strings.TrimFunc(name, isBlank)
	if appends {
		if !f.look(2*len(f.section.Variables), p) {
			return
		}
		if last := f.lastNamed(name); last != nil {
			f.appendTo(last.Name, last.Value, value, comment, p)
			return
		}
	}
	if name == "" {
		f.warn(p, "Write name = value", "the line has no name before the =; Asterisk passes over it")
		return
	}
	f.add(f.section, Variable{Name: name, Value: strings.TrimFunc(value, isBlank), Comment: comment, Place: p})
}

// lastNamed finds the last variable of the section that has just this name.
func (f *file) lastNamed(name string) *Variable {
	for i := range slices.Backward(f.section.Variables) {
		if v := &f.section.Variables[i]; v.Name == name {
			return v
		}
	}
	return nil
}

// appendTo does a +=. What is replaced is the first variable that has the name
// and value of the last one, both without regard to case, or only the name if the
// value is empty: that is how Asterisk looks for it.
func (f *file) appendTo(name, old, more, comment string, p Place) {
	if len(old)+len(more) > maxValue {
		f.tooMuch(p, "a value has more than %d KiB", maxValue>>10)
		return
	}
	for i := range f.section.Variables {
		v := &f.section.Variables[i]
		if alike(v.Name, name) && (old == "" || alike(v.Value, old)) {
			*v = Variable{Name: name, Value: strings.TrimFunc(old+more, isBlank), Comment: comment, Place: p}
			return
		}
	}
}
