package main

import (
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/notifyrun/notifyrun/amiclient/amisim"
)

// A PBX that is down is a few lines in the log and holds up no other. What is for
// it goes out when it is there.
func TestServe_outage(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := closed.Addr().String()
	closed.Close()
	user := amisim.User{Name: "late", Secret: "a-secret", Read: []string{"system"}, Write: []string{"system", "reporting"}}
	up := startPBX(t, amisim.Config{})
	dir := t.TempDir()
	applies(t, dir, filePBX(t, dir, "up", up.Addr(), up.Users()[0])+secondly("up")+
		filePBX(t, dir, "away", address, user)+secondly("away"))
	s := serve(t, dir, nil, "-http", "0")
	of := func(job string) func(logLine) bool {
		return func(l logLine) bool { return l.msg() == "run ended" && l["job"] == "sip_notify."+job }
	}
	from := 0
	for range 6 {
		s.until(from, of("up"))
		from = len(s.logged())
	}
	about := func(l logLine) bool { return l["pbx"] == "pbx.away" || l["job"] == "sip_notify.away" }
	if n := s.count(about); n == 0 || n > 3 {
		t.Errorf("%d lines of the log are about the PBX that is away", n)
	}
	if code, body := s.get("/readyz", ""); code != 200 {
		t.Errorf("/readyz: %d %s", code, body)
	}
	late, err := amisim.Start(amisim.Config{Listen: address, Phones: amisim.Phones(5), Users: []amisim.User{user}})
	if err != nil {
		t.Fatal(err)
	}
	defer late.Close()
	s.until(from, of("away"))
	from = len(s.logged())
	s.until(from, of("away")) // and it fires again
	s.stop()
}

// A PBX whose user has another secret refuses us, which is said once. When the
// secret is in its file, a hangup is enough, and what waited goes out.
func TestServe_newSecret(t *testing.T) {
	user := amisim.User{Name: "notifyrun", Secret: "the-new-one", Read: []string{"system"}, Write: []string{"system", "reporting"}}
	pbx := startPBX(t, amisim.Config{Users: []amisim.User{user}})
	old := user
	old.Secret = "the-old-one"
	other := startPBX(t, amisim.Config{})
	dir := t.TempDir()
	applies(t, dir, filePBX(t, dir, "a", pbx.Addr(), old)+secondly("a")+filePBX(t, dir, "b", other.Addr(), other.Users()[0])+secondly("b"))
	s := serve(t, dir, nil)
	refuses := func(l logLine) bool { return strings.HasPrefix(l.msg(), "PBX refuses us") }
	s.until(0, refuses)
	s.signal(syscall.SIGHUP) // too early: the file has the old one
	s.says("reloading secrets and certificates")
	from := len(s.logged())
	for range 3 { // it goes on with the other one
		s.until(from, func(l logLine) bool { return l.msg() == "run ended" && l["job"] == "sip_notify.b" })
		from = len(s.logged())
	}
	writeSecret(t, dir, "a", user.Secret)
	s.signal(syscall.SIGHUP)
	s.until(from, func(l logLine) bool { return l.msg() == "run ended" && l["job"] == "sip_notify.a" })
	s.stop()
	if n := s.count(refuses); n != 1 {
		t.Errorf("it says %d times that the PBX refuses us", n)
	}
	if text := s.text(); strings.Contains(text, old.Secret) || strings.Contains(text, user.Secret) {
		t.Error("the log has a secret")
	}
}

// stalled is a daemon with a delivery on its way that the PBX does not answer.
func stalled(t *testing.T, drain string) (s *server, dir string) {
	t.Helper()
	arrived := make(chan struct{}, 100)
	pbx := startPBX(t, amisim.Config{OnNotify: func(amisim.Notify) { arrived <- struct{}{} }})
	pbx.Inject(amisim.Fault{Kind: amisim.Silent, Action: "PJSIPNotify"})
	dir = t.TempDir()
	applies(t, dir, filePBX(t, dir, "a", pbx.Addr(), pbx.Users()[0])+secondly("a"))
	s = serve(t, dir, nil, "-drain", drain)
	select {
	case <-arrived:
	case <-s.ended:
		t.Fatal("it ended by itself")
	case <-time.After(time.Minute): // so that the log is seen
		t.Fatal("nothing arrives")
	}
	return s, dir
}

// unknowns counts the deliveries that nobody knows about.
func unknowns(t *testing.T, dir string) int {
	t.Helper()
	out, err := program(dir, "history", "-json", "-outcome", "unknown").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(out), "\n")
}

// With -drain 0 nothing is waited for, and what is not answered is unknown.
func TestServe_drainNothing(t *testing.T) {
	s, dir := stalled(t, "0s")
	s.stop()
	s.says("answers are still due; what they were to tell is unknown")
	if n := unknowns(t, dir); n != 1 {
		t.Errorf("%d deliveries are unknown, want 1", n)
	}
}

// The second signal ends it at once, however long it would wait.
func TestServe_secondSignal(t *testing.T) {
	s, dir := stalled(t, "1h")
	from := len(s.logged())
	s.signal(syscall.SIGTERM)
	s.until(from, func(l logLine) bool {
		return l.msg() == "ending: nothing more fires or is sent; a second signal ends it at once"
	})
	s.signal(syscall.SIGTERM)
	if code := s.end(); code != exitInterrupted {
		t.Errorf("exit code %d, want %d", code, exitInterrupted)
	}
	next := serve(t, dir, nil, "-drain", "0s")
	next.says("an earlier notifyrun ended in mid-send; these deliveries are unknown now")
	next.stop()
	if n := unknowns(t, dir); n < 1 {
		t.Errorf("%d deliveries are unknown, want one at least", n)
	}
}
