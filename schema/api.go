package schema

import (
	"encoding/json"
	"io"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// Source is where the bytes of a configuration come from.
type Source struct{}

// Open reads the configuration at path.
func Open(path string) (*Source, hcl.Diagnostics) { return nil, nil }

// Files returns what was parsed, by file name, for the snippets of diagnostics.
func (s *Source) Files() map[string]*hcl.File { return nil }

// StatePath tells where the state of cfg lies.
func (s *Source) StatePath(cfg *Config) string { return "" }

// Snapshot is all that Load read, but for the sensitive values.
type Snapshot struct {
	Dir           string                     `json:"dir"`
	Configuration []string                   `json:"configuration"`
	Files         map[string][]byte          `json:"files"`
	Variables     map[string]json.RawMessage `json:"variables"`
	Sensitive     []string                   `json:"sensitive,omitempty"`
	Missing       []string                   `json:"missing,omitempty"`
}

// Source evaluates again from a snapshot.
func (s *Snapshot) Source() *Source { return nil }

// Digest identifies the content of a snapshot.
func (s *Snapshot) Digest() string { return "" }

// Values are the values of variables given from outside.
type Values struct {
	Environ     []string
	Assignments []Assignment
	Version     string // of this program
}

// Assignment is one -var or one -var-file.
type Assignment struct {
	Name, Value string
	File        string
}

// Load evaluates a configuration.
func Load(src *Source, values Values) (*Config, hcl.Diagnostics) { return nil, nil }

type jobEval struct{}

// Message evaluates the message for one target.
func (j *Job) Message(t Target) (*Message, hcl.Diagnostics) { return nil, nil }

// MessageVaries tells whether the message depends on the target.
func (j *Job) MessageVaries() bool { return false }

// Event evaluates a user event.
func (j *Job) Event() (*Event, hcl.Diagnostics) { return nil, nil }

// Revision identifies the value of the change trigger for one target.
func (j *Job) Revision(t Target) (string, hcl.Diagnostics) { return "", nil }

// Digest identifies a message.
func (m *Message) Digest() string { return "" }

// Digest identifies a user event.
func (e *Event) Digest() string { return "" }

// FieldRange tells where to point for a problem found later.
func (j *Job) FieldRange(field, header string) hcl.Range { return j.DeclRange }

// Diagnose words a problem that the AMI layer found.
func (j *Job) Diagnose(t *Target, field, header, reason, advice string) *hcl.Diagnostic { return nil }

// Scope evaluates single expressions in a configuration.
type Scope struct{}

// Scope returns the root scope of the configuration.
func (c *Config) Scope() *Scope { return nil }

// Eval parses and evaluates one expression.
func (s *Scope) Eval(expr string) (cty.Value, hcl.Diagnostics) { return cty.DynamicVal, nil }

// Files returns the last expression, for the snippets of diagnostics.
func (s *Scope) Files() map[string]*hcl.File { return nil }

// FormatValue prints a value as the configuration language would write it.
func FormatValue(v cty.Value) string { return "" }

// Format puts a configuration file into its canonical form.
func Format(src []byte) []byte { return src }

// WriteDiagnostics writes diagnostics with their source.
func WriteDiagnostics(w io.Writer, files map[string]*hcl.File, diags hcl.Diagnostics, width int, color bool) error {
	return nil
}
