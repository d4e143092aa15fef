package astconf

import (
	"errors"
	"fmt"
)

// Config is what Asterisk finds in a file and in those that it includes.
type Config struct {
	Sections []*Section // as written: templates are among them, and a name may come again
	Warnings []*Problem // in the order of reading

	// Texts are the files that were read, by the names that places have.
	Texts map[string][]byte
}

// Section is one [name] with what follows, additions by (+) and what it inherits.
type Section struct {
	Name      string // at most 79 bytes, as Asterisk cuts it
	Template  bool   // [name](!): Asterisk uses it for inheritance alone
	Variables []Variable
	Place     Place
}

// Variable is one name = value, without the blanks around both.
type Variable struct {
	Name, Value string
	Comment     string // what stands behind the value, from its ; on
	Place       Place
}

// Place is where something is written.
type Place struct {
	File           string
	Line           int // from 1
	Column         int // of its first byte, from 1
	Offset, Length int // of its bytes in the file
}

func (p Place) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}

// Problem is what is wrong with one line, or with a file as a whole.
type Problem struct {
	Place  Place // of a file as a whole it has no line
	Reason string
	Advice string // a sentence: what to do; may be empty
}

func (p *Problem) Error() string {
	text := p.Place.String() + ": " + p.Reason
	if p.Advice != "" {
		text += ". " + p.Advice
	}
	return text
}

// Bounds on what is read. The first three are Asterisk's own.
const (
	maxLine     = 8191 // bytes of a line, its end included; Asterisk passes over longer ones
	maxDepth    = 11   // files that include one another, the first one counted
	maxComments = 128  // comments in comments
	maxName     = 79   // bytes of a section's name

	maxFiles     = 1000
	maxBytes     = 8 << 20 // of all files together
	maxSections  = 10_000
	maxVariables = 20_000 // of all sections together, inherited ones counted
	maxValue     = 64 << 10
	maxLooks     = 10_000_000 // at variables, to find those that a += or a filter means
	maxProblems  = 100
)

// Read reads the file called name. The Config is never nil. The error joins one
// *Problem for each thing for which Asterisk would refuse the file as a whole.
func Read(files Files, name string) (*Config, error) {
	r := newReader(files)
	text, err := files.Read(name, maxBytes)
	if err != nil {
		return r.config, &Problem{Place: Place{File: name}, Reason: err.Error()}
	}
	return r.all(name, text)
}

// Parse is Read for a text that is there already. Places call it name.
func Parse(files Files, name string, text []byte) (*Config, error) {
	return newReader(files).all(name, text)
}

// reader gathers the sections of one Config.
type reader struct {
	files   Files
	config  *Config
	refused []error

	current   *Section // the one begun or added to last, in any file
	byName    map[string][]*Section
	depth     int // files that include one another just now
	read      int // files so far
	bytes     int
	variables int
	looks     int
	full      bool // a bound was reached: nothing more is read
}

func newReader(files Files) *reader {
	return &reader{files: files, config: &Config{Texts: make(map[string][]byte)}, byName: make(map[string][]*Section)}
}

func (r *reader) all(name string, text []byte) (*Config, error) {
	r.depth++
	r.load([]string{name}, func(string) ([]byte, error) { return text, nil })
	return r.config, errors.Join(r.refused...)
}

// refuse notes that Asterisk would not take the file. It would stop there; we go
// on, so that all mistakes come at once.
func (r *reader) refuse(p Place, advice, format string, args ...any) {
	if r.full {
		return
	}
	r.refused = append(r.refused, &Problem{p, fmt.Sprintf(format, args...), advice})
	r.full = len(r.refused) >= maxProblems
}

// tooMuch ends the reading at a bound.
func (r *reader) tooMuch(p Place, format string, args ...any) {
	r.refuse(p, "No configuration of NOTIFYs is that large; look for a file that includes itself, or a template that inherits from itself", format, args...)
	r.full = true
}

func (r *reader) warn(p Place, advice, format string, args ...any) {
	if len(r.config.Warnings) < maxProblems {
		r.config.Warnings = append(r.config.Warnings, &Problem{p, fmt.Sprintf(format, args...), advice})
	}
}

// look counts looks at variables, and tells whether there may be so many.
func (r *reader) look(n int, p Place) bool {
	if r.looks += n; r.looks > maxLooks && !r.full {
		r.tooMuch(p, "it takes too long to find what is added to")
	}
	return !r.full
}

// add puts a variable at the end of a section.
func (r *reader) add(s *Section, v Variable) {
	if r.variables++; r.variables > maxVariables {
		r.tooMuch(v.Place, "there are more than %d variables, inherited ones counted", maxVariables)
		return
	}
	s.Variables = append(s.Variables, v)
}

// key is by what names of sections are compared: without regard to the case of
// ASCII letters, byte by byte.
func key(name string) string {
	lower := []byte(name)
	for i, c := range lower {
		lower[i] = lowered(c)
	}
	return string(lower)
}

// alike tells whether two texts have the same key.
func alike(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if lowered(a[i]) != lowered(b[i]) {
			return false
		}
	}
	return true
}

func lowered(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
