package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/notifyrun/notifyrun/amiclient/amisim"
)

// TestBadState gives the program states that it must not touch: it says what
// is wrong, sends nothing and leaves them as they are.
func TestBadState(t *testing.T) {
	sim, err := amisim.Start(amisim.Config{Phones: amisim.Phones(200)})
	if err != nil {
		t.Fatal(err)
	}
	defer sim.Close()
	dir := slowJob(t, sim)
	good := filepath.Join(t.TempDir(), "good.db")
	if code, out, errs := execute(t, "", nil, "apply", "-auto-approve", "-target=sip_notify.x", "-state", good, dir); code != exitOK {
		t.Fatalf("apply: exit code %d\n%s%s", code, out, errs)
	}
	state, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	sent := sim.Count()
	newer := bytes.Clone(state)
	newer[63] = 99 // user_version, the format (SQLite file format, section 1.3)
	foreign := bytes.Clone(state)
	foreign[68] = 0 // application_id
	for _, c := range []struct {
		name, want string
		content    []byte
	}{
		{"newer", "written by a newer notifyrun", newer},
		{"foreign", "not a notifyrun state", foreign},
		{"text", "not a notifyrun state", []byte("phones = 1\n")},
		{"cut", "damaged", state[:len(state)/2]},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "notifyrun.db")
			if err := os.WriteFile(file, c.content, 0o600); err != nil {
				t.Fatal(err)
			}
			for _, args := range [][]string{
				{"plan", "-state", file, dir},
				{"apply", "-auto-approve", "-state", file, dir},
				{"fire", "-state", file, "sip_notify.x", dir},
				{"history", "-state", file, dir},
			} {
				code, out, errs := execute(t, "", nil, args...)
				if code != exitError || !strings.Contains(errs, c.want) || !strings.Contains(errs, file) {
					t.Errorf("%s: exit code %d, does not say %q\n%s%s", args[0], code, c.want, out, errs)
				}
			}
			left, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(left, c.content) {
				t.Error("the file was changed")
			}
		})
	}
	if sim.Count() != sent {
		t.Errorf("%d NOTIFYs were sent", sim.Count()-sent)
	}
}
