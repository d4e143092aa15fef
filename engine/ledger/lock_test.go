package ledger

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notifyrun.db")
	began := time.Now().Truncate(time.Second)
	l, err := Lock(path, "notifyrun apply .")
	if err != nil {
		t.Fatal(err)
	}
	_, err = Lock(path, "notifyrun fire")
	var locked *LockedError
	if !errors.As(err, &locked) {
		t.Fatalf("locked twice: %v", err)
	}
	if h := locked.Holder; h.PID != os.Getpid() || h.Command != "notifyrun apply ." || h.Since.Before(began) || time.Since(h.Since) > time.Minute {
		t.Errorf("holder: %+v", h)
	}
	for _, want := range []string{path, `"notifyrun apply ."`, locked.Holder.Since.Format(time.RFC3339), "try again"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
	if h, err := HolderOf(path); err != nil || h == nil || *h != locked.Holder {
		t.Errorf("holder: %+v, %v", h, err)
	}
	if err := l.Unlock(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path + ".lock"); !os.IsNotExist(err) {
		t.Errorf("the lock file remains: %v", err)
	}
	for _, p := range []string{path, filepath.Join(path, "x", "y")} {
		if h, err := HolderOf(p); err != nil || h != nil {
			t.Errorf("nobody holds %s: %+v, %v", p, h, err)
		}
	}
}

// TestLock_remains finds lock files of holders that are gone: they bind nobody.
func TestLock_remains(t *testing.T) {
	for _, content := range []string{"", "{", `{"pid":1,"host":"elsewhere","user":"root","command":"notifyrun serve","since":"2020-01-01T00:00:00Z"}` + "\n" + strings.Repeat("x", 9000)} {
		path := filepath.Join(t.TempDir(), "notifyrun.db")
		if err := os.WriteFile(path+".lock", []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if h, err := HolderOf(path); err != nil || h != nil {
			t.Errorf("a dead holder: %+v, %v", h, err)
		}
		l, err := Lock(path, "test")
		if err != nil {
			t.Fatal(err)
		}
		var locked *LockedError
		if _, err := Lock(path, "test"); !errors.As(err, &locked) || locked.Holder.Command != "test" {
			t.Errorf("the old content shines through: %v", err)
		}
		if err := l.Unlock(); err != nil {
			t.Error(err)
		}
	}
}

// deadNote is what a daemon leaves behind that was killed.
const deadNote = `{"pid":1,"host":"here","user":"root","command":"serve","since":"2020-01-01T00:00:00Z"}` + "\n"

// TestLock_probed takes the lock that a crash has left behind while many look who
// holds it. None of them is taken for a holder, by whoever looks or locks, and the
// dead one is never read as the living.
func TestLock_probed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notifyrun.db")
	leave := func() {
		if err := os.WriteFile(path+".lock", []byte(deadNote), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	leave()
	stop := make(chan struct{})
	var others sync.WaitGroup
	var turn atomic.Int64 // odd: it is taken, or about to be, or just given back
	for range 4 {
		others.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				before := turn.Load()
				h, err := HolderOf(path)
				if err != nil || h != nil && (h.Command == "serve" || before%2 == 0 && turn.Load() == before) {
					t.Errorf("holder: %+v, %v", h, err)
					return
				}
			}
		})
	}
	for range 300 {
		for range 5 {
			if h, err := HolderOf(path); h != nil || err != nil {
				t.Errorf("whoever looks sees %+v, %v", h, err)
			}
		}
		turn.Add(1)
		l, err := Lock(path, "test")
		if err != nil {
			t.Errorf("what nobody holds: %v", err)
			break
		}
		if h, err := HolderOf(path); err != nil || h == nil || h.Command != "test" {
			t.Errorf("holder: %+v, %v", h, err)
		}
		if err := l.Unlock(); err != nil {
			t.Error(err)
		}
		leave()
		turn.Add(1)
	}
	close(stop)
	others.Wait()
}

// TestLock_unnamed asks for a lock that somebody has taken and not yet written who
// it is: the one who left it behind is not him, and he is waited for a little.
func TestLock_unnamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notifyrun.db")
	if err := os.WriteFile(path+".lock", []byte(deadNote), 0o600); err != nil {
		t.Fatal(err)
	}
	l, h, err := tryLock(path + ".lock")
	if err != nil || l == nil || h != nil {
		t.Fatal(l, h, err)
	}
	if h, err := HolderOf(path); err != nil || h == nil || *h != (Holder{}) {
		t.Errorf("holder: %+v, %v", h, err)
	}
	var locked *LockedError
	if _, err := Lock(path, "test"); !errors.As(err, &locked) || locked.Holder != (Holder{}) {
		t.Errorf("held by somebody unnamed: %v", err)
	}
	waiting := make(chan error)
	go func() {
		_, err := Lock(path, "test")
		waiting <- err
	}()
	if _, err := l.file.WriteAt([]byte(deadNote), 0); err != nil {
		t.Fatal(err)
	}
	if err := <-waiting; !errors.As(err, &locked) || locked.Holder.Command != "serve" {
		t.Errorf("held by somebody who has said who it is: %v", err)
	}
	if err := l.Unlock(); err != nil {
		t.Error(err)
	}
}

// TestLock_race has many take and give back one lock: never two at a time,
// though each removes the file.
func TestLock_race(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notifyrun.db")
	held := make(chan struct{}, 1)
	done := make(chan error)
	for range 8 {
		go func() {
			for range 200 {
				l, err := Lock(path, "test")
				if locked := (*LockedError)(nil); errors.As(err, &locked) {
					continue
				} else if err != nil {
					done <- err
					return
				}
				select {
				case held <- struct{}{}:
				default:
					done <- errors.New("two hold the lock")
					return
				}
				<-held
				if err := l.Unlock(); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range 8 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// TestLock_killed kills the holder with SIGKILL: the lock is free at once.
func TestLock_killed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notifyrun.db")
	cmd, lines := startChild(t, "hold", path)
	if !lines.Scan() || lines.Text() != "held" {
		t.Fatalf("child said %q", lines.Text())
	}
	var locked *LockedError
	if _, err := Lock(path, "test"); !errors.As(err, &locked) {
		t.Fatalf("not locked: %v", err)
	} else if locked.Holder.PID != cmd.Process.Pid || locked.Holder.Command != "child" {
		t.Errorf("holder: %+v", locked.Holder)
	}
	kill(t, cmd)
	l, err := Lock(path, "test")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Unlock(); err != nil {
		t.Error(err)
	}
}

// startChild runs this test binary again, to be killed. What it prints can be
// read line by line.
func startChild(t *testing.T, role, path string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), "LEDGER_TEST_CHILD="+role, "LEDGER_TEST_PATH="+path)
	cmd.Stderr = os.Stderr
	if _, err := cmd.StdinPipe(); err != nil { // open as long as we live
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	return cmd, bufio.NewScanner(out)
}

func kill(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait() // its error says only that it was killed
}

func TestLock_throughLink(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "notifyrun.db"), filepath.Join(dir, "link.db")
	if err := openWriter(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(path, link); err != nil {
		t.Skip(err)
	}
	l, err := Lock(path, "test")
	if err != nil {
		t.Fatal(err)
	}
	var locked *LockedError
	if _, err := Lock(link, "test"); !errors.As(err, &locked) {
		t.Errorf("locked the same state by another name: %v", err)
	}
	if err := l.Unlock(); err != nil {
		t.Error(err)
	}
}
