package astconf

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Files is where the files are that includes name.
type Files interface {
	// Match gives the files that a name stands for, which may be a pattern of
	// glob(7), in its order; none is no error.
	Match(name string) ([]string, error)
	// Read gives all of a file that Match gave. Larger than limit is an error, and
	// one that is not there is fs.ErrNotExist.
	Read(name string, limit int64) ([]byte, error)
}

// None has no files: every #include fails.
var None Files = none{}

type none struct{}

func (none) Match(string) ([]string, error)     { return nil, nil }
func (none) Read(string, int64) ([]byte, error) { return nil, fs.ErrNotExist }

// Directory is Asterisk's configuration directory (astetcdir): names that are
// not absolute are relative to it, wherever the file is that includes.
func Directory(path string) Files { return directory(path) }

type directory string

// maxAlternatives bounds what the braces of a pattern come to.
const maxAlternatives = 1000

func (d directory) Match(name string) ([]string, error) {
	var found []string
	alternatives, ok := braces(name)
	if !ok {
		return nil, fmt.Errorf("its braces stand for more than %d names", maxAlternatives)
	}
	for _, pattern := range alternatives {
		if !filepath.IsAbs(pattern) {
			pattern = filepath.Join(string(d), pattern)
		}
		if !strings.ContainsAny(pattern, `*?[\`) {
			found = append(found, pattern)
			continue
		}
		names, err := filepath.Glob(strings.ReplaceAll(pattern, "[!", "[^"))
		if err != nil {
			continue // then the C library finds nothing
		}
		names = slices.DeleteFunc(names, func(name string) bool { return hidden(pattern, name) })
		slices.Sort(names)
		found = append(found, names...)
	}
	return found, nil
}

// hidden tells whether a * or ? of the pattern stands for the dot of a hidden file.
func hidden(pattern, name string) bool {
	p, n := strings.Split(filepath.Clean(pattern), "/"), strings.Split(filepath.Clean(name), "/")
	for i := range min(len(p), len(n)) {
		if strings.HasPrefix(n[i], ".") && !strings.HasPrefix(p[i], ".") && !strings.HasPrefix(p[i], `\.`) {
			return true
		}
	}
	return false
}

// braces writes out the {a,b} of a pattern, as GLOB_BRACE does.
func braces(pattern string) ([]string, bool) {
	todo, done := []string{pattern}, []string(nil)
	for len(todo) > 0 {
		if len(todo)+len(done) > maxAlternatives {
			return nil, false
		}
		p := todo[0]
		before, choices, after, ok := brace(p)
		if !ok {
			todo, done = todo[1:], append(done, p)
			continue
		}
		var expanded []string
		for _, c := range choices {
			expanded = append(expanded, before+c+after)
		}
		todo = append(expanded, todo[1:]...)
	}
	return done, true
}

// brace finds the first braces that close, but for {}.
func brace(p string) (before string, choices []string, after string, ok bool) {
	var open []int // those that are open here
	first, end := len(p), 0
	for i := range len(p) {
		switch n := len(open); {
		case p[i] == '{':
			open = append(open, i)
		case p[i] == '}' && n > 0:
			if at := open[n-1]; at < first && i > at+1 {
				first, end = at, i
			}
			open = open[:n-1]
		}
	}
	if first == len(p) {
		return "", nil, "", false
	}
	depth, from := 0, first+1
	for i := from; i < end; i++ {
		switch p[i] {
		case '{':
			depth++
		case '}':
			depth--
		case ',':
			if depth == 0 {
				choices = append(choices, p[from:i])
				from = i + 1
			}
		}
	}
	return p[:first], append(choices, p[from:end]), p[end+1:], true
}

func (directory) Read(name string, limit int64) ([]byte, error) {
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return nil, withoutPath(err)
	case info.IsDir():
		return nil, errors.New("it is a directory")
	case !info.Mode().IsRegular(): // a pipe could block for ever
		return nil, errors.New("it is not an ordinary file")
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, withoutPath(err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(text)) > limit {
		err = fmt.Errorf("it is larger than %d MiB", limit>>20)
	}
	return text, withoutPath(err)
}

// withoutPath takes the path out of a file error, for a sentence that has it.
func withoutPath(err error) error {
	var p *fs.PathError
	if !errors.As(err, &p) {
		return err
	}
	if errors.Is(err, fs.ErrNotExist) {
		return notThere{}
	}
	return p.Err
}

// notThere is fs.ErrNotExist in words that fit a sentence.
type notThere struct{}

func (notThere) Error() string        { return "there is no such file" }
func (notThere) Is(target error) bool { return target == fs.ErrNotExist }
