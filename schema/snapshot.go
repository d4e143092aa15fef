package schema

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"
)

// Snapshot is all that a Load read, but for what is sensitive: enough to
// evaluate the same configuration again elsewhere. It is plain data: encoding
// it as JSON gives the same bytes for the same configuration.
//
// Sensitive values are not in it. Evaluating it again needs them from outside:
// the variables named in Sensitive from Values, the files named in SecretFiles
// from the disk. Those named in CAFiles are read from there, too, if they are
// there. A secret that stands literally in the configuration is blanked
// with asterisks and named in Missing; a Load of this snapshot fails then,
// saying so. Variable files are never part of it, only the values they gave.
type Snapshot struct {
	Dir           string                     `json:"dir"`                   // the directory, as it was given; not part of the digest
	Single        bool                       `json:"single,omitempty"`      // the configuration is one file
	Configuration []string                   `json:"configuration"`         // the names of the *.hcl files, in Files
	Modules       map[string][]string        `json:"modules,omitempty"`     // those of modules, in Files too, by directory
	Files         map[string][]byte          `json:"files"`                 // every file that was read, by name relative to Dir
	Variables     map[string]json.RawMessage `json:"variables,omitempty"`   // {"value": …, "type": …} of each variable that is not sensitive
	Sensitive     []string                   `json:"sensitive,omitempty"`   // sensitive variables that had a value, also by default
	SecretFiles   []string                   `json:"secretFiles,omitempty"` // files that gave secrets
	CAFiles       []string                   `json:"caFiles,omitempty"`     // files of certificates, in Files too
	Root          string                     `json:"root,omitempty"`        // Dir, absolutely; not part of the digest
	Data          map[string]KeptData        `json:"data,omitempty"`        // what was read for data sources, by address; not part of the digest
	FileSets      []FileSet                  `json:"fileSets,omitempty"`    // what the function fileset has found
	// PlanTime is what plantimestamp() gives. It is in the digest, since it is part
	// of what the configuration evaluates to, and it is there only if something
	// calls that function: without, an apply at another time is the same apply.
	PlanTime time.Time `json:"planTime,omitzero"`
	Missing  []string  `json:"missing,omitempty"` // literal secrets: file.hcl:line
}

// Source returns a source that reads the snapshot alone, and never the disk but
// for its SecretFiles and CAFiles, which it looks for in Dir. Where that is
// relative, it is so to the working directory of the process: SourceIn is for one
// that may have another than the process that took the snapshot.
func (s *Snapshot) Source() *Source { return s.SourceIn(s.Dir) }

// SourceIn returns a source as Source does, but takes dir for the directory of
// the configuration.
func (s *Snapshot) SourceIn(dir string) *Source {
	src := newSource(dir, slices.Clone(s.Configuration), s.Single)
	src.snapshot = s
	return src
}

// Digest identifies what a snapshot says: two of them with one digest evaluate
// to the same jobs, given the same sensitive values. It is the hexadecimal first
// half of a SHA-256.
func (s *Snapshot) Digest() string {
	content := *s
	content.Dir, content.Root, content.Data = "", "", nil
	b, err := json.Marshal(content) // sorts the keys of maps
	if err != nil {
		panic("encode snapshot: " + err.Error()) // it holds nothing that cannot be encoded
	}
	return shortDigest(b)
}

// KeptData is what was read for a data source, as a snapshot keeps it.
type KeptData struct {
	Type     string          `json:"type"`
	Data     json.RawMessage `json:"data"`
	Question string          `json:"question,omitempty"` // DataRequest.Question; absent where an earlier version has kept it
}

// Answers tells whether it was read for what a request asks, as far as is known.
func (k KeptData) Answers(r *DataRequest) bool {
	return k.Type == r.Type && (k.Question == "" || k.Question == r.Question())
}

// keep puts into the snapshot what was read for the data sources of a
// configuration.
func (s *Snapshot) keep(requests []*DataRequest, read map[string]*Data) error {
	for _, r := range requests {
		d := read[r.Address]
		if d == nil {
			continue
		}
		b, err := json.Marshal(d)
		if err != nil {
			return fmt.Errorf("encode %s: %w", r.Address, err)
		}
		if s.Data == nil {
			s.Data = make(map[string]KeptData)
		}
		s.Data[r.Address] = KeptData{r.Type, b, r.Question()}
	}
	return nil
}

// Read returns what the snapshot keeps of data sources, by address, for
// Values.Data: what was last read.
func (s *Snapshot) Read() (map[string]*Data, error) {
	read := make(map[string]*Data, len(s.Data))
	for address, kept := range s.Data {
		d, err := UnmarshalData(kept.Type, kept.Data)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", address, err)
		}
		read[address] = d
	}
	return read, nil
}

func shortDigest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16])
}

// takeSnapshot collects what was read and the values of the variables.
func (s *Source) takeSnapshot(variables map[string]*variable) (*Snapshot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	root := s.root()
	if s.snapshot != nil { // by which its absolute names are known
		root = s.snapshot.Root
	}
	snap := &Snapshot{
		Dir: s.dir, Root: root, Single: s.single, Configuration: s.main,
		Modules: s.modules, Files: make(map[string][]byte),
		Variables: make(map[string]json.RawMessage),
	}
	for _, name := range slices.Sorted(maps.Keys(s.reads)) {
		r := s.reads[name]
		switch {
		case r.secret:
			snap.SecretFiles = append(snap.SecretFiles, name)
		case r.err != nil:
			// Absent there as it was here.
		case s.isConfiguration(name):
			spans := literalSecrets(r.bytes, s.variable, true)
			snap.Files[name] = blank(r.bytes, spans)
			for _, sp := range spans {
				if sp.variable && slices.Contains(s.main, name) {
					continue // named in Sensitive
				}
				line := 1
				for _, c := range r.bytes[:sp.start] {
					if c == '\n' {
						line++
					}
				}
				snap.Missing = append(snap.Missing, fmt.Sprintf("%s:%d", name, line))
			}
			snap.Missing = slices.Compact(snap.Missing)
		default:
			snap.Files[name] = r.bytes
		}
	}
	snap.FileSets = s.fileSets()
	if s.timed {
		snap.PlanTime = s.planTime
	}
	snap.CAFiles = slices.Sorted(maps.Keys(s.ca))
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		v := variables[name]
		if v.sensitive || hasSensitive(v.value) {
			if v.given || v.sensitive && v.fallback != cty.NilVal && !v.fallback.IsNull() {
				snap.Sensitive = append(snap.Sensitive, name)
			}
			continue
		}
		b, err := ctyjson.Marshal(v.value, cty.DynamicPseudoType)
		if err != nil {
			return nil, fmt.Errorf("encode variable %s: %w", name, err)
		}
		snap.Variables[name] = b
	}
	return snap, nil
}
