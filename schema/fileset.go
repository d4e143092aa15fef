package schema

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/zclconf/go-cty/cty/function"
)

// What fileset looks at, at most.
const (
	maxListed = 100_000 // files and directories
	maxLevels = 100     // directories inside one another
)

// FileSet is what the function fileset has found: in a snapshot, so that it finds
// the same wherever that is evaluated.
type FileSet struct {
	Dir     string   `json:"dir"` // as files are named in the snapshot
	Pattern string   `json:"pattern"`
	Files   []string `json:"files"` // relative to Dir, sorted
}

// lookedFor is what a FileSet is known by.
type lookedFor struct{ dir, pattern string }

// glob gives the ordinary files in a directory that match a pattern, sorted, and
// remembers them. What is looked for within a secret is not: it is read from the
// disk each time.
func (s *Source) glob(dir, pattern string) ([]string, error) {
	key := lookedFor{s.name(dir), pattern}
	s.mu.Lock()
	defer s.mu.Unlock()
	if files, known := s.lists[key]; known {
		return files, nil
	}
	if s.snapshot != nil && s.secrecy == 0 {
		i := slices.IndexFunc(s.snapshot.FileSets, func(f FileSet) bool { return f.Dir == key.dir && f.Pattern == key.pattern })
		if i < 0 {
			return nil, fmt.Errorf("which files match %s in %s is known only as far as it was asked for when the configuration was applied, and this was not", excerpt(pattern), excerpt(dir))
		}
		s.lists[key] = s.snapshot.FileSets[i].Files
		return s.lists[key], nil
	}
	files, err := matchingFiles(s.locate(key.dir), pattern)
	if err != nil {
		return nil, err
	}
	if s.secrecy == 0 {
		s.lists[key] = files
	}
	return files, nil
}

// fileSets gives what was remembered, for a snapshot.
func (s *Source) fileSets() []FileSet {
	var all []FileSet
	for key, files := range s.lists {
		all = append(all, FileSet{key.dir, key.pattern, files})
	}
	slices.SortFunc(all, func(a, b FileSet) int { return cmp.Or(cmp.Compare(a.Dir, b.Dir), cmp.Compare(a.Pattern, b.Pattern)) })
	return all
}

// matchingFiles looks for files. Below ** it follows no links to directories,
// which could lead around in a circle.
func matchingFiles(dir, pattern string) ([]string, error) {
	pattern = path.Clean(strings.TrimLeft(filepath.ToSlash(pattern), "/"))
	if pattern == ".." || strings.HasPrefix(pattern, "../") {
		return nil, function.NewArgErrorf(1, "the pattern %s leads out of the directory. Name the one to look into in the first argument", excerpt(pattern))
	}
	if !doublestar.ValidatePattern(pattern) {
		return nil, function.NewArgErrorf(1, "%s is not a pattern. In one, * stands for any part of a name, ** for any directories, ? for a character, [a-z] for one of several, and {a,b} for one of several words", excerpt(pattern))
	}
	start, _ := doublestar.SplitPattern(pattern)
	anyDepth := strings.Contains(pattern, "**")
	levels := strings.Count(pattern, "/")
	if anyDepth {
		levels = maxLevels
	}
	found, seen := []string{}, 0
	var walk func(at string, level int) error
	walk = func(at string, level int) error {
		entries, err := os.ReadDir(filepath.Join(dir, filepath.FromSlash(at)))
		if errors.Is(err, fs.ErrNotExist) || err != nil && at == start && !isDir(filepath.Join(dir, filepath.FromSlash(at))) {
			return nil
		} else if err != nil {
			return function.NewArgErrorf(0, "the directory %q could not be listed: %s", at, cause(err))
		}
		for _, e := range entries {
			if seen++; seen > maxListed {
				return function.NewArgErrorf(0, "there are more than %d files and directories in %s. Name the one to look into in the first argument, or in the pattern", maxListed, excerpt(dir))
			}
			name := path.Join(at, e.Name())
			mode, link := e.Type(), e.Type()&fs.ModeSymlink != 0
			if link {
				info, err := os.Stat(filepath.Join(dir, filepath.FromSlash(name)))
				if err != nil {
					continue // it leads nowhere
				}
				mode = info.Mode().Type()
			}
			switch {
			case mode.IsDir() && level < levels && !(link && anyDepth):
				if err := walk(name, level+1); err != nil {
					return err
				}
			case mode.IsRegular():
				if doublestar.MatchUnvalidated(pattern, name) {
					found = append(found, name)
				}
			}
		}
		return nil
	}
	level := 0 // how many slashes there are in the names of the files in a directory
	if start != "." {
		level = strings.Count(start, "/") + 1
	}
	if err := walk(start, level); err != nil {
		return nil, err
	}
	slices.Sort(found)
	return found, nil
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
