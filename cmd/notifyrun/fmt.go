package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/rogpeppe/go-internal/diff"

	"github.com/notifyrun/notifyrun/schema"
)

var fmtCommand = &command{
	name: "fmt", args: "[PATH ...]",
	short: "rewrite the configuration in its canonical form",
	long: `Rewrites *.hcl and *.hclvars files in their canonical form: indentation and
blanks, nothing else; comments stay. It prints the names of the files that it
changed. A directory stands for all such files in it, with -recursive also for
those in its directories, - for standard input, whose form is written to
standard output. A file with a syntax error is left as it is.`,
	run: (*app).format,
}

// formatting is what fmt does to each file.
type formatting struct {
	check, diff bool
	recursive   bool
	changed     []string
	diffs       []string
	mistakes    []error
}

func (a *app) format(ctx context.Context, args []string) error {
	var f formatting
	a.flagSet()
	a.flags.BoolVar(&f.check, "check", false, "write nothing; exit with 1 if a file is not in canonical form")
	a.flags.BoolVar(&f.diff, "diff", false, "show what changes; literal secrets are blanked")
	a.flags.BoolVar(&f.recursive, "recursive", false, "take the directories in a directory, too, but for hidden ones")
	paths, err := a.parse(args)
	if err != nil {
		return err
	}
	if len(paths) == 0 {
		paths = []string{"."}
	}
	if slices.Contains(paths, "-") {
		if len(paths) > 1 || f.diff || f.recursive || a.json {
			return errors.New("fmt - stands alone: it reads standard input and writes its canonical form to standard output")
		}
		return a.formatStdin(ctx, f.check)
	}
	for _, p := range paths {
		files, err := hclFiles(p, f.recursive)
		if err != nil { // what the other paths stand for is formatted, and said
			f.mistakes = append(f.mistakes, err)
		}
		for _, file := range files {
			if ctx.Err() != nil {
				a.formatted(&f)
				return ctx.Err()
			}
			if err := a.formatFile(&f, file); err != nil {
				f.mistakes = append(f.mistakes, err)
			}
		}
	}
	return a.formatted(&f)
}

// formatted says what was done, and ends with an error if a file could not be
// read, or with -check is not in canonical form.
func (a *app) formatted(f *formatting) error {
	if len(f.mistakes) > 0 {
		for _, err := range f.mistakes[1:] {
			a.exit(err) // shows it
		}
		defer a.exit(f.mistakes[0])
	}
	if a.json {
		if len(f.mistakes) == 0 {
			writeJSON(a.stdout, formatJSON{formatVersion, "fmt", append([]string{}, f.changed...), f.diffs})
		}
	} else {
		for i, name := range f.changed {
			fmt.Fprintln(a.stdout, printable(name))
			if f.diff {
				fmt.Fprint(a.stdout, f.diffs[i])
			}
		}
	}
	if len(f.mistakes) > 0 || f.check && len(f.changed) > 0 {
		return exitCode(exitError)
	}
	return nil
}

// formatJSON is fmt -json.
type formatJSON struct {
	FormatVersion string   `json:"format_version"`
	Type          string   `json:"type"`    // "fmt"
	Changed       []string `json:"changed"` // files; with -check those that would change
	Diffs         []string `json:"diffs,omitempty"`
}

// hclFiles gives the files that a path stands for.
func hclFiles(path string, recursive bool) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("format %s: %w", path, withoutPath(err))
	}
	if !info.IsDir() {
		if !isHCL(path) {
			return nil, fmt.Errorf("format %s: its name ends neither in .hcl nor in .hclvars", path)
		}
		return []string{path}, nil
	}
	files, err := hclFilesIn(path, recursive)
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("format %s: the directory has no files whose names end in .hcl or .hclvars", path)
	}
	return files, nil
}

// hclFilesIn lists a directory. Symbolic links to directories are not followed,
// since they may lead round in a circle.
func hclFilesIn(dir string, recursive bool) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", dir, withoutPath(err))
	}
	var files []string
	for _, e := range entries {
		name := filepath.Join(dir, e.Name())
		switch {
		case strings.HasPrefix(e.Name(), "."):
		case e.IsDir() && recursive:
			more, err := hclFilesIn(name, true)
			if err != nil {
				return nil, err
			}
			files = append(files, more...)
		case !e.IsDir() && isHCL(name):
			files = append(files, name)
		}
	}
	return files, nil
}

func isHCL(name string) bool { return filepath.Ext(name) == ".hcl" || isVariables(name) }

// isVariables tells whether a file has values of variables, any of which may be
// a secret: only the configuration knows.
func isVariables(name string) bool { return filepath.Ext(name) == ".hclvars" }

// shownSource is what may be shown of a file.
func shownSource(name string, src []byte) []byte {
	if isVariables(name) {
		return schema.BlankValues(src)
	}
	return schema.BlankSecrets(src)
}

func (a *app) formatStdin(ctx context.Context, check bool) error {
	var src []byte
	var err error
	if ended := unlessInterrupted(ctx, func() { src, err = io.ReadAll(a.stdin) }); ended != nil {
		return ended
	}
	if err != nil {
		return fmt.Errorf("format standard input: %w", err)
	}
	if diags := schema.CheckSyntax(src, "<stdin>"); diags.HasErrors() {
		return diagnosticsError{map[string]*hcl.File{"<stdin>": {Bytes: shownSource("<stdin>", src)}}, diags}
	}
	out := schema.Format(src)
	if check {
		if !bytes.Equal(src, out) {
			return exitCode(exitError)
		}
		return nil
	}
	_, err = a.stdout.Write(out)
	return err
}

func (a *app) formatFile(f *formatting, file string) error {
	if info, err := os.Stat(file); err == nil && !info.Mode().IsRegular() { // a pipe could block for ever
		return fmt.Errorf("format %s: it is not an ordinary file", file)
	}
	src, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("format %s: %w", file, withoutPath(err))
	}
	if diags := schema.CheckSyntax(src, file); diags.HasErrors() {
		return diagnosticsError{map[string]*hcl.File{file: {Bytes: shownSource(file, src)}}, diags}
	}
	out := schema.Format(src)
	if bytes.Equal(src, out) {
		return nil
	}
	if !f.check {
		if err := replaceFile(file, out); err != nil {
			return fmt.Errorf("format %s: %w", file, withoutPath(err))
		}
	}
	f.changed = append(f.changed, file)
	if f.diff {
		text := string(diff.Diff(file+".orig", shownSource(file, src), file, shownSource(file, out)))
		_, text, _ = strings.Cut(text, "\n") // without the command line
		f.diffs = append(f.diffs, printableLines(text))
	}
	return nil
}

// printableLines is printable but for the tabs, which a diff is full of.
func printableLines(s string) string {
	parts := strings.Split(s, "\t")
	for i, p := range parts {
		parts[i] = printable(p)
	}
	return strings.Join(parts, "\t")
}

// replaceFile gives a file new bytes at once: whenever it fails or the machine
// stops, either all of the old or all of the new ones are there. Mode and
// symbolic links stay.
func replaceFile(name string, content []byte) (err error) {
	real, err := filepath.EvalSymlinks(name)
	if err != nil {
		return err
	}
	info, err := os.Stat(real)
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(real), ".notifyrun-fmt-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(tmp.Name())
		}
	}()
	_, err = tmp.Write(content)
	err = errors.Join(err, tmp.Chmod(info.Mode().Perm()), tmp.Sync(), tmp.Close())
	if err != nil {
		return err
	}
	return os.Rename(tmp.Name(), real)
}

// withoutPath takes the path out of a file error, for a sentence that has it.
func withoutPath(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
