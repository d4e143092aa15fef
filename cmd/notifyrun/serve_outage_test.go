package main

import (
	"net"
	"testing"

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
		from = s.logged()
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
	from = s.logged()
	s.until(from, of("away")) // and it fires again
	s.stop()
}
