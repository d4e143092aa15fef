//go:build linux

package ledger

import (
	"path/filepath"
	"syscall"
	"testing"

	"github.com/notifyrun/notifyrun/engine"
)

// TestOpen_readOnlyPlace reads a state on a file system that takes no writes,
// such as a backup: whoever only looks needs to write nothing.
func TestOpen_readOnlyPlace(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=4m"); err != nil {
		t.Skipf("mounting a file system needs root: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
	path := filepath.Join(dir, "notifyrun.db")
	s := openWriter(t, path)
	r := benchRun("01ARZ3NDEKTSV4RRFFQ69G5FAV", 12, 2)
	if err := s.Publish(t.Context(), engine.Publication{Time: noon, Runs: []engine.NewRun{r}}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	reader, err := Open(t.Context(), path, ReadOnly)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	state, err := reader.State(t.Context())
	if err != nil || len(state.Open) != 1 || len(state.Open[0].Deliveries) != 12 {
		t.Errorf("state %+v, %v", state, err)
	}
	if _, err := Open(t.Context(), path, ReadWrite); err == nil {
		t.Error("it opens for writing")
	}
}
