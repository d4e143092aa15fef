package main

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/notifyrun/notifyrun/amiclient/amisim"
)

// asProgram is set in the environment of the test binary where it is to be the
// program itself, as a process that can be killed.
const asProgram = "NOTIFYRUN_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	testscript.Main(m, map[string]func(){"notifyrun": main})
}

// TestScripts runs testdata/script/*.txtar, each in a directory of its own,
// with the real program as the command notifyrun. Beside testscript's own
// commands they have amisim and listen.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                filepath.Join("testdata", "script"),
		RequireUniqueNames: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("NO_COLOR", "1")
			env.Setenv("TERM", "dumb")
			env.Setenv("TZ", "UTC")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"amisim": simulate,
			"listen": listen,
		},
	})
}

// simulate starts a simulated Asterisk that outlives the program:
//
//	amisim VARIABLE SECRET [CLASSES]
//
// puts its address into the variable. Its user notifyrun has the write classes
// in the comma-separated list, or all.
func simulate(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: amisim VARIABLE SECRET [CLASSES]")
	}
	classes := []string{"all"}
	if len(args) == 3 {
		classes = strings.Split(args[2], ",")
	}
	sim, err := amisim.Start(amisim.Config{
		Users: []amisim.User{{Name: "notifyrun", Secret: args[1], Read: classes, Write: classes}},
	})
	ts.Check(err)
	ts.Defer(func() { sim.Close() })
	ts.Setenv(args[0], sim.Addr())
}

// listen starts something that is no Asterisk, and puts its address into a
// variable:
//
//	listen http VARIABLE    a web server
//	listen silent VARIABLE  takes connections and says nothing
//	listen closed VARIABLE  nothing listens there
func listen(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: listen http|silent|closed VARIABLE")
	}
	switch args[0] {
	case "http":
		web := httptest.NewServer(http.NotFoundHandler())
		ts.Defer(web.Close)
		ts.Setenv(args[1], web.Listener.Addr().String())
	case "silent", "closed":
		l, err := net.Listen("tcp", "127.0.0.1:0")
		ts.Check(err)
		ts.Setenv(args[1], l.Addr().String())
		if args[0] == "closed" {
			ts.Check(l.Close())
			return
		}
		go swallow(l)
		ts.Defer(func() { l.Close() })
	default:
		ts.Fatalf("listen: unknown kind %q", args[0])
	}
}

// swallow takes connections until the listener is closed, and reads them.
func swallow(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			io.Copy(io.Discard, conn)
		}()
	}
}
