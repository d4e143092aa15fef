package schema

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

const (
	maxSourceSize = 32 << 20  // bytes of one configuration or variable file
	maxDataSize   = 128 << 20 // bytes of one file that an expression reads
	maxSecretSize = 4 << 10   // bytes of a file that holds a secret
)

// Source is where the bytes of a configuration come from: the disk, or the
// Snapshot of an earlier Load. It remembers every file that was read, and reads
// none twice, so that one Load sees each file in one state only.
type Source struct {
	dir    string   // the configuration's directory, as the caller gave it
	single bool     // the configuration is one file, not a directory
	main   []string // the configuration files, relative to dir, sorted

	snapshot *Snapshot // nil: the disk

	mu       sync.Mutex
	reads    map[string]reading     // by name relative to dir
	lists    map[lookedFor][]string // what fileset has found
	planTime time.Time              // when the plan is made; zero: not known
	timed    bool                   // something calls plantimestamp
	secrecy  int                    // above 0: what is read now is secret
	modules  map[string][]string    // the configuration files of modules, by directory
	ca       map[string]bool        // the names of CA files
	parsed   map[string]*hcl.File   // by the name that diagnostics show
	hidden   map[string]bool        // files in parsed of which nothing may be shown
	variable map[string]bool        // the names of sensitive variables
}

type reading struct {
	bytes  []byte
	err    error
	secret bool
}

// Open finds the configuration at path: a directory, of which it takes every
// *.hcl file but the hidden ones, or one such file. It does not read them yet.
func Open(path string) (*Source, hcl.Diagnostics) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, failf(nil, "Configuration not found",
			"There is no file or directory %q. Give the directory that has the *.hcl files, or one such file.", path)
	case err != nil:
		return nil, failf(nil, "Configuration not readable", "%q could not be opened: %s.", path, cause(err))
	}
	if !info.IsDir() {
		if !info.Mode().IsRegular() || filepath.Ext(path) != ".hcl" {
			return nil, failf(nil, "Not a configuration file",
				"%q is not a configuration: its name must end in .hcl, and it must be an ordinary file.", path)
		}
		return newSource(filepath.Dir(path), []string{filepath.Base(path)}, true), nil
	}
	names, err := configurationFiles(path)
	if err != nil {
		return nil, failf(nil, "Configuration not readable", "The directory %q could not be listed: %s.", path, cause(err))
	}
	if len(names) == 0 {
		return nil, failf(nil, "No configuration files",
			"The directory %q has no files whose names end in .hcl. Write a configuration there, or give another directory as the last argument.", path)
	}
	return newSource(path, names, false), nil
}

// configurationFiles are the names of the configuration files in a directory.
func configurationFiles(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir) // sorted
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if n := e.Name(); filepath.Ext(n) == ".hcl" && !strings.HasPrefix(n, ".") && !e.IsDir() {
			names = append(names, n)
		}
	}
	return names, nil
}

// list names the configuration files of a module, whose directory is relative to
// that of the configuration.
func (s *Source) list(dir string) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if names, known := s.modules[dir]; known {
		return names, nil
	}
	var names []string
	if s.snapshot != nil {
		var ok bool
		if names, ok = s.snapshot.Modules[dir]; !ok {
			return nil, fs.ErrNotExist
		}
	} else {
		files, err := configurationFiles(s.locate(dir))
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			names = append(names, s.name(path.Join(dir, f)))
		}
	}
	s.modules[dir] = names
	return names, nil
}

// isConfiguration tells whether a file is one of the configuration, or of a module.
func (s *Source) isConfiguration(name string) bool {
	if slices.Contains(s.main, name) {
		return true
	}
	for _, names := range s.modules {
		if slices.Contains(names, name) {
			return true
		}
	}
	return false
}

func newSource(dir string, main []string, single bool) *Source {
	slices.Sort(main)
	return &Source{
		dir: cmp.Or(dir, "."), main: main, single: single,
		reads: make(map[string]reading), modules: make(map[string][]string),
		lists:  make(map[lookedFor][]string),
		ca:     make(map[string]bool),
		parsed: make(map[string]*hcl.File), hidden: make(map[string]bool), variable: make(map[string]bool),
	}
}

// StatePath tells where the state of this configuration lies: where its state
// block says, relative to the configuration; else notifyrun.db in the
// directory, or x.db beside the single file x.hcl. A nil cfg has no state block.
func (s *Source) StatePath(cfg *Config) string {
	switch {
	case cfg != nil && cfg.Settings.StatePath != "":
		return s.locate(filepath.ToSlash(cfg.Settings.StatePath))
	case s.single:
		return filepath.Join(s.dir, strings.TrimSuffix(s.main[0], ".hcl")+".db")
	}
	return filepath.Join(s.dir, "notifyrun.db")
}

// Files returns every file that was parsed, by the name that diagnostics show,
// also after errors. Secrets that stand literally in them are blanked with as
// many asterisks, so that a snippet can be shown to anyone.
func (s *Source) Files() map[string]*hcl.File {
	s.mu.Lock()
	defer s.mu.Unlock()
	files := make(map[string]*hcl.File, len(s.parsed))
	for name, f := range s.parsed {
		shown := *f
		if s.hidden[name] {
			shown.Bytes = blank(f.Bytes, []span{{end: len(f.Bytes)}})
		} else {
			shown.Bytes = blank(f.Bytes, literalSecrets(f.Bytes, s.variable, false))
		}
		files[name] = &shown
	}
	return files
}

// name gives the one name under which a file is remembered: relative to the
// configuration's directory with slashes, or absolute for one given absolutely.
func (s *Source) name(file string) string {
	file = filepath.ToSlash(file)
	if !filepath.IsAbs(file) {
		return path.Clean(file)
	}
	roots := []string{s.root()}
	if s.snapshot != nil {
		roots = append(roots, s.snapshot.Root)
	}
	for _, dir := range roots {
		if rel, err := filepath.Rel(dir, filepath.FromSlash(file)); dir != "" && err == nil && filepath.IsLocal(rel) {
			return filepath.ToSlash(rel)
		}
	}
	return path.Clean(file)
}

// root is the directory of the configuration, absolutely; "" if there is no
// telling.
func (s *Source) root() string {
	dir, err := filepath.Abs(s.dir)
	if err != nil {
		return ""
	}
	return dir
}

// locate gives the path on disk of a file known by name.
func (s *Source) locate(name string) string {
	if filepath.IsAbs(name) {
		return filepath.FromSlash(name)
	}
	return filepath.Join(s.dir, filepath.FromSlash(name))
}

// read returns the bytes of a file that the configuration names, and remembers
// them. An error says why without the path, for a sentence that has it.
//
// A file that a snapshot lacks is not remembered: expressions that are evaluated
// when a job fires could ask for any number of them.
func (s *Source) read(file string, limit int64) ([]byte, error) {
	name := s.name(file)
	s.mu.Lock()
	defer s.mu.Unlock()
	r, known := s.reads[name]
	if s.snapshot != nil && s.secrecy == 0 && slices.Contains(s.snapshot.SecretFiles, name) {
		return nil, fs.ErrNotExist // nothing but a secret has been read from it
	}
	if !known {
		r.bytes, r.err = s.fetch(name, limit)
		if s.snapshot != nil && errors.Is(r.err, fs.ErrNotExist) {
			return nil, r.err
		}
	}
	// A file is secret if every reader of it is.
	r.secret = s.secrecy > 0 && (r.secret || !known)
	s.reads[name] = r
	return r.bytes, r.err
}

func (s *Source) fetch(name string, limit int64) ([]byte, error) {
	if s.snapshot == nil || slices.Contains(s.snapshot.SecretFiles, name) {
		return readRegular(s.locate(name), limit)
	}
	if b, ok := s.snapshot.Files[name]; ok {
		return b, nil
	}
	return nil, fs.ErrNotExist
}

// readCA returns the bytes of a file of certificates. With a snapshot those on
// the disk count, so that a renewed certificate needs no new apply; those of the
// snapshot do where there is no such file here, or it cannot be read.
func (s *Source) readCA(file string) ([]byte, error) {
	kept, err := s.read(file, maxDataSize)
	name := s.name(file)
	s.mu.Lock()
	s.ca[name] = true
	s.mu.Unlock()
	if s.snapshot != nil && slices.Contains(s.snapshot.CAFiles, name) {
		if fresh, err := readRegular(s.locate(name), maxDataSize); err == nil {
			return fresh, nil
		}
	}
	return kept, err
}

// takePlanTime gives the time of the plan, and remembers that it was asked for.
func (s *Source) takePlanTime() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.timed = true
	return s.planTime
}

// noticeTime looks for calls of plantimestamp in what was parsed. They need not
// be evaluated now: the time is kept for those that are when a job fires.
func (s *Source) noticeTime(src []byte, lex lexer) {
	if !bytes.Contains(src, []byte("plantimestamp")) {
		return
	}
	tokens, _ := lex(src, "", hcl.InitialPos)
	for i, t := range tokens {
		if t.Type == hclsyntax.TokenIdent && string(t.Bytes) == "plantimestamp" && i+1 < len(tokens) && tokens[i+1].Type == hclsyntax.TokenOParen {
			s.takePlanTime()
			return
		}
	}
}

// whereSecrets says what the names of secret files are relative to.
func (s *Source) whereSecrets() string {
	if s.snapshot != nil {
		return " The state keeps no secrets, so that the file must be where the configuration is run."
	}
	return " Its name is relative to the directory of the configuration."
}

// secretly runs f; files read in it are kept out of the snapshot.
func (s *Source) secretly(f func()) {
	s.mu.Lock()
	s.secrecy++
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.secrecy--
		s.mu.Unlock()
	}()
	f()
}

// readRegular reads an ordinary file: a pipe or a device could block for ever.
func readRegular(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, errors.New("it is a directory")
	case !info.Mode().IsRegular():
		return nil, errors.New("it is not an ordinary file")
	}
	return readLimited(path, limit)
}

func readLimited(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("it is larger than %d MiB", limit>>20)
	}
	if err != nil {
		return nil, err
	}
	return b, nil
}

// cause gives the reason in a file error without its path.
func cause(err error) string {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		err = pathErr.Err
	}
	if errors.Is(err, fs.ErrNotExist) {
		return "there is no such file"
	}
	return err.Error()
}
