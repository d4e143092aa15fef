package ledger

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/notifyrun/notifyrun/engine"
)

// execute runs SQL on a file behind the back of any ledger.
func execute(t *testing.T, path, script string) {
	t.Helper()
	db, err := connect(context.Background(), path, "mode=rwc")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(script); err != nil {
		t.Fatal(err)
	}
}

// descriptors counts those that this process has of a file and of what stands beside
// it; none where the system does not tell.
func descriptors(t *testing.T, path string) (n int) {
	t.Helper()
	all, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range all {
		if to, err := os.Readlink(fd); err == nil && strings.HasPrefix(to, path) {
			n++
		}
	}
	return n
}

// TestCheck spoils states, each in one way: it is found and named. What concerns
// what is open or in force is found by who opens it for writing.
func TestCheck(t *testing.T) {
	for name, c := range map[string]struct {
		spoil string
		brief bool
		want  string
	}{
		"nothing":              {`SELECT 1`, false, ""},
		"no state":             {`DELETE FROM state`, true, "not one row (0)"},
		"claim of no run":      {`INSERT INTO claim VALUES (99, 1, 0, 0, 0)`, true, "not open are in flight (number 99)"},
		"claim of ended run":   {`INSERT INTO claim VALUES (2, 1, 0, 0, 0)`, true, "not open are in flight (01ARZ3NDEKTSV4RRFFQ69G5F02)"},
		"claim beyond":         {`UPDATE claim SET last = 2`, true, "that the run does not have (01ARZ3NDEKTSV4RRFFQ69G5F01)"},
		"job without snapshot": {`UPDATE job SET snapshot = 7`, true, "a configuration that is not there (a)"},
		"snapshot of tomorrow": {`UPDATE snapshot SET serial = 7`, true, "after the last publication (7)"},
		"owed by no run":       {`UPDATE owed SET run = 99`, true, "not there (number 99)"},
		"delivery is missing":  {`DELETE FROM delivery WHERE run = 1 AND seq = 0`, false, "not as many deliveries as they say (01ARZ3NDEKTSV4RRFFQ69G5F01)"},
		"gap of deliveries":    {`UPDATE delivery SET seq = 5 WHERE run = 1 AND seq = 1`, false, "not as many deliveries as they say (01ARZ3NDEKTSV4RRFFQ69G5F01)"},
		"attempt beyond":       {`UPDATE attempt SET seq = 3 WHERE seq = 1`, false, "attempts of deliveries that they do not have (01ARZ3NDEKTSV4RRFFQ69G5F02)"},
		"delivery of no run":   {`INSERT INTO delivery VALUES (98, 0, '', NULL, '')`, false, "deliveries are of no run (number 98)"},
		"attempt of no run":    {`INSERT INTO attempt VALUES (98, 0, 1, '', '', 0, 0)`, false, "attempts are of no run (number 98)"},
		"message is missing":   {`DELETE FROM message`, false, "a message that is not there (number 1, number 2)"},
		"end without counts":   {`UPDATE run SET outcomes = NULL`, false, "without counts"},
		"counts of nothing":    {`UPDATE run SET outcomes = '{' WHERE ended IS NOT NULL`, false, "without counts"},
		"other counts":         {`UPDATE run SET outcomes = '{"accepted":3}' WHERE ended IS NOT NULL`, false, "other counts"},
		"cause":                {`UPDATE run SET cause_rest = 'x' WHERE id = 1`, false, "cause that cannot be read (01ARZ3NDEKTSV4RRFFQ69G5F01)"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "notifyrun.db")
			s := openWriter(t, path)
			e := examineeOf(t, s)
			r := e.newRun("a", "r", 2)
			r.Followers = []engine.TriggerKey{key("f", 0)}
			e.publish(engine.Publication{Snapshot: []byte("x"), Jobs: []engine.AppliedJob{{Address: "a"}}, Runs: []engine.NewRun{r}})
			e.commit(claim(r.ID, 0, 1, 1, 1))
			e.past(e.newRun("a", "r", 2), 5)
			sound(t, s)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			execute(t, path, c.spoil)
			reader := mustOpen(t, path, ReadOnly)
			for _, full := range []bool{false, true} {
				if err := reader.Check(t.Context(), full); c.want == "" && err != nil {
					t.Error(err)
				} else if c.want != "" && (!errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path)) {
					t.Errorf("%v\nwant: %s", err, c.want)
				}
			}
			s, err := Open(t.Context(), path, ReadWrite)
			if err == nil {
				s.Close()
			}
			if errors.Is(err, ErrDamaged) != c.brief || c.brief && !strings.Contains(err.Error(), c.want) {
				t.Errorf("open: %v", err)
			}
			if _, err := reader.Owed(t.Context()); errors.Is(err, ErrDamaged) != (name == "cause") {
				t.Errorf("owed: %v", err)
			}
			if err := reader.Close(); err != nil {
				t.Error(err)
			}
			if n := descriptors(t, path); n > 0 {
				t.Errorf("%d files of a closed state are open", n)
			}
		})
	}
}

// TestCheck_file overwrites pages, and takes rows out of an index.
func TestCheck_file(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notifyrun.db")
	s := openWriter(t, path)
	aged(t, s, 300, 3000)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("page", func(t *testing.T) {
		found := 0
		for page := 40; page < 60; page++ {
			spoiled := append([]byte(nil), whole...)
			copy(spoiled[page*4096:], strings.Repeat("garbage!", 8))
			other := filepath.Join(t.TempDir(), "notifyrun.db")
			if err := os.WriteFile(other, spoiled, 0o600); err != nil {
				t.Fatal(err)
			}
			reader := mustOpen(t, other, ReadOnly)
			err := reader.Check(t.Context(), false)
			reader.Close()
			if errors.Is(err, ErrDamaged) {
				found++
			} else {
				t.Errorf("page %d: %v", page, err)
			}
		}
		if found == 0 {
			t.Error("nothing was found")
		}
	})
	t.Run("index", func(t *testing.T) {
		execute(t, path, `
			PRAGMA writable_schema = ON;
			CREATE TEMP TABLE kept AS SELECT * FROM sqlite_schema WHERE name = 'delivery_target';
			DELETE FROM sqlite_schema WHERE name = 'delivery_target';
			PRAGMA writable_schema = RESET;
			UPDATE delivery SET target = 'PJSIP/nobody' WHERE seq = 7;
			PRAGMA writable_schema = ON;
			INSERT INTO sqlite_schema SELECT * FROM kept`)
		reader := mustOpen(t, path, ReadOnly)
		defer reader.Close()
		if err := reader.Check(t.Context(), false); err != nil {
			t.Error(err)
		}
		if err := reader.Check(t.Context(), true); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "delivery_target") {
			t.Errorf("an index that lacks a row: %v", err)
		}
	})
}
