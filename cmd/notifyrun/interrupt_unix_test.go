//go:build unix

package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// What has nothing to save ends at the first signal, also while it evaluates a
// configuration or reads: here, a pipe into which nobody writes.
func TestInterrupt_evaluating(t *testing.T) {
	for _, command := range []string{
		"validate -var-file pipe", "plan -var-file pipe -out saved", "graph -var-file pipe", "console -var-file pipe", "check -var-file pipe",
		"apply -auto-approve -var-file pipe", "fire -var-file pipe user_event.x",
		"state list -var-file pipe", "history -var-file pipe", "fmt -", "convert -tech PJSIP -",
	} {
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			write(t, dir, "main.hcl", "variable \"x\" {}\n")
			pipe := filepath.Join(dir, "pipe")
			if err := syscall.Mkfifo(pipe, 0o600); err != nil {
				t.Fatal(err)
			}
			cmd := program(dir, strings.Fields(command)...)
			var out bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &out
			stdin, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			defer stdin.Close()
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				cmd.Wait()
				if reader, err := os.OpenFile(pipe, os.O_RDONLY|syscall.O_NONBLOCK, 0); err == nil { // or the test would wait for one
					reader.Close()
				}
			}()
			if strings.HasSuffix(command, " -") {
				_, err = stdin.Write(bytes.Repeat([]byte("\n"), 1<<20)) // more than the program can leave unread
				if err != nil {
					t.Fatal(err)
				}
			} else {
				writer, err := os.OpenFile(pipe, os.O_WRONLY, 0) // as soon as the program reads
				if err != nil {
					t.Fatal(err)
				}
				defer writer.Close()
			}
			if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			<-ended
			if code := cmd.ProcessState.ExitCode(); code != exitInterrupted || !strings.HasSuffix(out.String(), "Interrupted before anything was sent.\n") {
				t.Errorf("exit code %d\n%s", code, out.Bytes())
			}
			files, err := filepath.Glob(filepath.Join(dir, "*"))
			if err != nil || len(files) != 2 {
				t.Errorf("it left %v, %v", files, err)
			}
		})
	}
}

// At the prompt too it is said that nothing has come of it.
func TestInterrupt_prompt(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "main.hcl", hq+"user_event \"x\" {\n  pbx = pbx.hq\n  trigger \"change\" {}\n}\n")
	cmd := program(dir, "apply")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	shown := bufio.NewReader(stdout)
	for line := ""; !strings.HasSuffix(line, "Enter a value:"); {
		part, err := shown.ReadString(':')
		if err != nil {
			t.Fatal(err)
		}
		line = part
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, shown)
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != exitInterrupted || errs.String() != "Interrupted before anything was sent.\n" {
		t.Errorf("exit code %d: %s", code, &errs)
	}
}

// An interrupted fmt writes no file more.
func TestInterrupt_format(t *testing.T) {
	dir := t.TempDir()
	const untidy = "locals {\na=1\n}\n"
	write(t, dir, "main.hcl", untidy)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, errs bytes.Buffer
	code := run(ctx, []string{"fmt", dir}, os.LookupEnv, nil, strings.NewReader(""), &out, &errs)
	left, err := os.ReadFile(filepath.Join(dir, "main.hcl"))
	if code != exitInterrupted || out.Len() > 0 || err != nil || string(left) != untidy {
		t.Errorf("exit code %d, %s%s; the file has %q, %v", code, &out, &errs, left, err)
	}
}
