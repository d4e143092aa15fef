package ledger

import (
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/notifyrun/notifyrun/engine"
)

// files maps the names in a directory to what they hold.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	m := make(map[string]string)
	for _, e := range entries {
		if e.IsDir() {
			m[e.Name()] = "directory"
			continue
		}
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		m[e.Name()] = string(b)
	}
	return m
}

func TestOpen_missing(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(t.Context(), filepath.Join(dir, "notifyrun.db"), ReadOnly)
	if err != nil {
		t.Fatal(err)
	}
	st, err := s.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "state", st, &engine.State{Jobs: map[string]engine.AppliedJob{}, Delivered: delivered{}, Pauses: map[string]engine.Pause{}})
	if runs, err := s.Runs(t.Context(), engine.RunQuery{}); runs != nil || err != nil {
		t.Error(runs, err)
	}
	if _, err := s.Runs(t.Context(), engine.RunQuery{ID: "01"}); !errors.Is(err, ErrNoRun) {
		t.Error(err)
	}
	if m, err := s.Message(t.Context(), "m"); m != nil || err != nil {
		t.Error(m, err)
	}
	for h, err := range s.History(t.Context(), engine.HistoryQuery{}) {
		t.Error(h, err)
	}
	if err := s.Publish(t.Context(), engine.Publication{}); !errors.Is(err, ErrReadOnly) {
		t.Error(err)
	}
	examEmptyDaemon(t, &examinee{T: t, DaemonLedger: s, open: func() engine.DaemonLedger { return s }})
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	equal(t, "files", files(t, dir), map[string]string{})
}

func TestOpen_creates(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"notifyrun.db", "größe 100%?mode=memory#x.db", "sip_notify.x[\"a b\"].db"} {
		path := filepath.Join(dir, name)
		s := openWriter(t, path)
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", name, info.Mode())
		}
		var mode string
		var level int
		if err := s.conn.QueryRowContext(t.Context(), `PRAGMA journal_mode`).Scan(&mode); err != nil || mode != "wal" {
			t.Error(mode, err)
		}
		if err := s.conn.QueryRowContext(t.Context(), `PRAGMA synchronous`).Scan(&level); err != nil || level != 2 {
			t.Error(level, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		r, err := Open(t.Context(), path, ReadOnly)
		if err != nil {
			t.Fatal(err)
		}
		if st, err := r.State(t.Context()); err != nil || st.Lineage == "" {
			t.Error(st, err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	if got := len(files(t, dir)); got != 3 {
		t.Errorf("%d files remain, want the three states alone", got)
	}
}

func TestOpen_noDirectory(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(t.Context(), filepath.Join(dir, "no", "notifyrun.db"), ReadWrite); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	equal(t, "files", files(t, dir), map[string]string{})
}

func TestOpen_noPermission(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root may do anything; run as another user to test this")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "notifyrun.db")
	if err := openWriter(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0); err != nil {
		t.Fatal(err)
	}
	for _, err := range openBoth(t, path) {
		if err == nil || !strings.Contains(err.Error(), "check that this user may read and write") {
			t.Error(err)
		}
	}
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), filepath.Join(dir, "new.db"), ReadWrite); !errors.Is(err, fs.ErrPermission) {
		t.Error(err)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
}

// openBoth tries to open a state for reading and for writing.
func openBoth(t *testing.T, path string) (errs [2]error) {
	t.Helper()
	for mode := range errs {
		s, err := Open(t.Context(), path, Mode(mode))
		if errs[mode] = err; err == nil {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	return errs
}

// TestOpen_refuses gives what is not a state we can use, in every way. It must
// be named for what it is, and stay as it was to the last byte.
func TestOpen_refuses(t *testing.T) {
	write := func(content string) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	state := func(t *testing.T, path string) {
		if err := openWriter(t, path).Close(); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		make func(t *testing.T, path string)
		want error
	}{
		"empty file": {write(""), ErrNotState},
		"one byte":   {write("x"), ErrNotState},
		"text":       {write(strings.Repeat("sip_notify \"reboot\" {}\n", 400)), ErrNotState},
		"PNG":        {write("\x89PNG\r\n\x1a\n" + strings.Repeat("\x00\x00\x00\rIHDR", 1000)), ErrNotState},
		"directory": {func(t *testing.T, path string) {
			if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
		}, ErrNotState},
		"another program's": {func(t *testing.T, path string) {
			execute(t, path, `CREATE TABLE run (id); PRAGMA user_version = 1; PRAGMA application_id = 252006673`)
		}, ErrNotState},
		"another program's, write-ahead": {func(t *testing.T, path string) {
			execute(t, path, `PRAGMA journal_mode = WAL; CREATE TABLE moz_places (id)`)
		}, ErrNotState},
		"newer": {func(t *testing.T, path string) {
			state(t, path)
			execute(t, path, `PRAGMA user_version = 1000`)
		}, ErrNewer},
		"format 0": {func(t *testing.T, path string) {
			state(t, path)
			execute(t, path, `PRAGMA user_version = 0`)
		}, ErrDamaged},
		"cut after its first page": {func(t *testing.T, path string) {
			state(t, path)
			if err := os.Truncate(path, 4096); err != nil {
				t.Fatal(err)
			}
		}, ErrDamaged},
		"overwritten schema": {func(t *testing.T, path string) {
			state(t, path)
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if _, err := f.WriteAt([]byte(strings.Repeat("garbage!", 480)), 100); err != nil {
				t.Fatal(err)
			}
		}, ErrDamaged},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "notifyrun.db")
			c.make(t, path)
			before := files(t, dir)
			for _, err := range openBoth(t, path) {
				if !errors.Is(err, c.want) {
					t.Errorf("%v\nwant: %v", err, c.want)
				} else if !strings.Contains(err.Error(), path) {
					t.Errorf("%v: does not name the file", err)
				}
			}
			equal(t, "files", files(t, dir), before)
		})
	}
}

// TestOpen_otherProgramRunning has a foreign database in use, with commits that
// stand in its write-ahead log alone: refusing it must not take them over.
func TestOpen_otherProgramRunning(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "notifyrun.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(`PRAGMA journal_mode = WAL; CREATE TABLE x (y); INSERT INTO x VALUES (1)`); err != nil {
		t.Fatal(err)
	}
	before := files(t, dir)
	for _, err := range openBoth(t, path) {
		if !errors.Is(err, ErrNotState) {
			t.Error(err)
		}
	}
	equal(t, "files", files(t, dir), before)
}
