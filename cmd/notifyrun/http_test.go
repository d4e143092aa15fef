package main

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/notifyrun/notifyrun/amiclient/amisim"
	"github.com/notifyrun/notifyrun/engine"
)

// feigned is a daemon that is as the test says.
type feigned struct {
	mu     sync.Mutex
	status engine.Status
	turn   time.Time // zero: it turns all the time
}

func (f *feigned) Now() engine.Status {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.status
}

func (f *feigned) Alive() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.turn.IsZero() {
		return time.Now()
	}
	return f.turn
}

func (f *feigned) set(s engine.Status, turn time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.status, f.turn = s, turn
}

func TestListenAddress(t *testing.T) {
	for given, want := range map[string]string{
		"9870": "127.0.0.1:9870", ":9870": "127.0.0.1:9870", "0": "127.0.0.1:0",
		"localhost:9870": "localhost:9870", "0.0.0.0:80": "0.0.0.0:80", "[::]:80": "[::]:80", "[::1]:80": "[::1]:80",
	} {
		if got, err := listenAddress(given); err != nil || got != want {
			t.Errorf("%q is %q, %v; want %q", given, got, err, want)
		}
	}
	for _, given := range []string{"", "x", "host", "host:", "127.0.0.1", ":http", ":65536", ":-1", ":+1", ":080", "::1", "a:b:1", "http://localhost:80"} {
		if got, err := listenAddress(given); err == nil {
			t.Errorf("%q is taken as %q", given, got)
		}
	}
}

func TestLoopback(t *testing.T) {
	for given, want := range map[string]bool{"127.0.0.1": true, "127.8.8.8": true, "::1": true, "0.0.0.0": false, "::": false, "192.0.2.1": false} {
		if got := loopback(&net.TCPAddr{IP: net.ParseIP(given), Port: 1}); got != want {
			t.Errorf("%s is loopback: %v", given, got)
		}
	}
}

// ask fetches a page from a handler.
func ask(h http.Handler, method, path, accept string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	r.Host = "attacker.example"
	r.Header.Set("Accept", accept)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestWeb_health(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &feigned{}
		h := &health{daemon: d, drain: time.Minute}
		pages := webHandler(h, newMetrics(&engine.Daemon{}), false)
		check := func(path string, code int, body string) {
			t.Helper()
			if w := ask(pages, "GET", path, "*/*"); w.Code != code || w.Body.String() != body+"\n" {
				t.Errorf("%s: %d %q, want %d %q", path, w.Code, w.Body, code, body)
			}
		}
		never := time.Unix(0, 0)
		d.set(engine.Status{}, never)
		check("/healthz", 503, "it has not begun")
		h.wait("it waits")
		check("/healthz", 503, "it has not begun: it waits")
		check("/readyz", 503, "it has not begun: it waits")
		d.set(engine.Status{}, time.Time{})
		check("/healthz", 200, "ok")
		check("/readyz", 503, "nothing was applied yet")
		d.set(engine.Status{Serial: 3, Problem: "the state cannot\nbe written"}, time.Time{})
		check("/healthz", 200, "ok")
		check("/readyz", 503, "the state cannot be written")
		d.set(engine.Status{Serial: 3, Ready: true, Problem: "an older one is in force"}, time.Time{})
		check("/readyz", 200, "ok")
		d.set(engine.Status{Serial: 3, Ready: true}, time.Now())
		time.Sleep(stuckAfter)
		check("/healthz", 200, "ok")
		time.Sleep(time.Second)
		check("/healthz", 503, "it is stuck: the last turn of its loop was 21s ago")
		check("/readyz", 503, "it is stuck: the last turn of its loop was 21s ago")
		h.stop()
		check("/healthz", 200, "ok")
		check("/readyz", 503, "it is ending")
		time.Sleep(time.Minute + stuckAfter + time.Second)
		check("/healthz", 503, "it should have ended, and has not in 1m21s")
	})
}

func TestWeb_ready(t *testing.T) {
	d := &feigned{}
	pages := webHandler(&health{daemon: d}, newMetrics(&engine.Daemon{}), false)
	up, down := true, false
	for _, c := range []struct {
		status engine.Status
		code   int
		want   readyJSON
	}{
		{engine.Status{}, 503, readyJSON{Problem: "nothing was applied yet", Lanes: []laneJSON{}}},
		{
			engine.Status{Serial: 7, Ready: true, Problem: "8 cannot be taken", Lanes: []engine.LaneStatus{
				{PBX: "pbx.a", Sending: true, Events: true, Listens: true, Waiting: 3, InFlight: 2},
				{PBX: "pbx.b", Listens: true},
				{PBX: "pbx.c", Sending: true},
			}}, 200,
			readyJSON{Ready: true, Serial: 7, Problem: "8 cannot be taken", Lanes: []laneJSON{
				{PBX: "pbx.a", Send: true, Events: &up, Waiting: 3, InFlight: 2},
				{PBX: "pbx.b", Events: &down},
				{PBX: "pbx.c", Send: true},
			}},
		},
	} {
		d.set(c.status, time.Time{})
		w := ask(pages, "GET", "/readyz", "application/json")
		var got readyJSON
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatalf("%v: %s", err, w.Body)
		}
		if diff := cmp.Diff(c.want, got); diff != "" || w.Code != c.code || w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%d %s, want %d (-want +got):\n%s", w.Code, w.Header(), c.code, diff)
		}
	}
}

// Nothing can be changed over HTTP, and nothing is kept or sniffed by what is
// between.
func TestWeb_methods(t *testing.T) {
	for _, profiles := range []bool{false, true} {
		pages := webHandler(&health{daemon: &feigned{}}, newMetrics(&engine.Daemon{}), profiles)
		for path, code := range map[string]int{
			"/": 404, "/healthz": 200, "/readyz": 503, "/metrics": 200, "/healthz/x": 404,
			"/debug/pprof/": 200, "/debug/pprof/heap": 200, "/debug/pprof/goroutine": 200, "/debug/pprof/symbol": 200, "/debug/pprof/cmdline": 404,
		} {
			if strings.HasPrefix(path, "/debug") && !profiles {
				code = 404
			}
			for _, method := range []string{"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"} {
				want := code
				if want != 404 && method != "GET" && method != "HEAD" {
					want = 405
				}
				w := ask(pages, method, path, "*/*")
				if w.Code != want && !(want == 404 && w.Code == 405) {
					t.Errorf("%s %s: %d, want %d", method, path, w.Code, want)
				}
				if w.Header().Get("X-Content-Type-Options") != "nosniff" || w.Header().Get("Cache-Control") != "no-store" {
					t.Errorf("%s %s has the headers %v", method, path, w.Header())
				}
			}
		}
	}
}

// A daemon shows over HTTP how it is, and no secret.
func TestServe_http(t *testing.T) {
	sim := startPBX(t, amisim.Config{})
	dir := t.TempDir()
	applies(t, dir, filePBX(t, dir, "a", sim.Addr(), sim.Users()[0])+secondly("a"))
	s := serve(t, dir, nil, "-http", "0", "-pprof")
	s.says("run ended")
	if code, body := s.get("/healthz", ""); code != 200 || body != "ok\n" {
		t.Errorf("/healthz: %d %s", code, body)
	}
	// What has happened is on the pages a moment later.
	eventually(t, time.Minute, "/readyz has a connection", func() bool {
		code, body := s.get("/readyz", "application/json")
		var ready readyJSON
		err := json.Unmarshal([]byte(body), &ready)
		return err == nil && code == 200 && ready.Ready && ready.Serial == 1 && len(ready.Lanes) == 1 && ready.Lanes[0].Send
	})
	wanted := []string{
		`notifyrun_deliveries_total{job_address="sip_notify.a",outcome="accepted",pbx="pbx.a"} `,
		`notifyrun_firings_total{job_address="sip_notify.a",kind="schedule"} `,
		`notifyrun_ami_connected{connection="send",pbx="pbx.a"} 1`,
		`notifyrun_configuration_serial 1`,
		`notifyrun_answer_duration_seconds_count{pbx="pbx.a"} `,
		`notifyrun_firing_lateness_seconds_count{kind="schedule"} `,
		`notifyrun_problem 0`,
	}
	eventually(t, time.Minute, "/metrics has all of it", func() bool {
		_, text := s.get("/metrics", "")
		wanted = slices.DeleteFunc(wanted, func(line string) bool { return strings.Contains(text, line) })
		return len(wanted) == 0
	})
	secret := sim.Users()[0].Secret
	for _, path := range []string{"/metrics", "/readyz", "/debug/pprof/", "/debug/pprof/goroutine?debug=2", "/debug/pprof/cmdline"} {
		if _, body := s.get(path, ""); strings.Contains(body, secret) {
			t.Errorf("%s shows the secret", path)
		}
	}
	address := s.says("listening for HTTP")["address"].(string)
	other := t.TempDir()
	if out, err := program(other, "serve", "-http", address, "-state", "x.db", dir).CombinedOutput(); err == nil || !strings.Contains(string(out), "listen for -http: ") {
		t.Errorf("a port that is taken: %v\n%s", err, out)
	}
	s.stop()
	if conn, err := net.Dial("tcp", address); err == nil {
		conn.Close()
		t.Error("it still listens")
	}
}

func TestServe_flags(t *testing.T) {
	for _, args := range [][]string{{"-pprof"}, {"-http", "nowhere"}, {"-drain", "-1s"}} {
		code, _, errs := execute(t, "", nil, append([]string{"serve"}, append(args, t.TempDir())...)...)
		if code != exitError || !strings.Contains(errs, args[0]) {
			t.Errorf("serve %v: exit code %d\n%s", args, code, errs)
		}
	}
}
