package ledger

import (
	"path/filepath"
	"testing"

	"github.com/notifyrun/notifyrun/engine"
)

func TestSQLite(t *testing.T) {
	exam(t, func(t *testing.T) func() engine.Ledger {
		path := filepath.Join(t.TempDir(), "notifyrun.db")
		return func() engine.Ledger { return openWriter(t, path) }
	})
}

func openWriter(t testing.TB, path string) *SQLite {
	t.Helper()
	s, err := Open(t.Context(), path, ReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
