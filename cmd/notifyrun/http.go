package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/notifyrun/notifyrun/engine"
)

// web is the HTTP side of a daemon. It only shows, to anybody who can reach it,
// and so it has nothing that is not for everybody: no secret, no message, and no
// argument of the program.
type web struct {
	server *http.Server
	served chan struct{}
}

// listenAddress is the address that -http means: of this machine alone unless a
// host is named.
func listenAddress(address string) (string, error) {
	host, port := "", address
	if strings.Contains(address, ":") {
		var err error
		if host, port, err = net.SplitHostPort(address); err != nil {
			return "", fmt.Errorf("read -http: %w", err)
		}
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || strconv.FormatUint(n, 10) != port {
		return "", fmt.Errorf("read -http: %q does not end in a port; write host:port or :port", address)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port), nil
}

// loopback tells whether only this machine can reach an address.
func loopback(addr net.Addr) bool {
	tcp, ok := addr.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// startWeb takes the port, so that one that is taken is an error at the start,
// and answers from then on.
func startWeb(ctx context.Context, address string, handler http.Handler, log *slog.Logger) (*web, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen for -http: %w", err)
	}
	w := &web{
		served: make(chan struct{}),
		server: &http.Server{
			Handler:           handler,
			ReadHeaderTimeout: 5 * time.Second,
			ReadTimeout:       5 * time.Second,
			WriteTimeout:      30 * time.Second, // pprof extends it for itself
			IdleTimeout:       2 * time.Minute,
			MaxHeaderBytes:    16 << 10,
			ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		},
	}
	log.Info("listening for HTTP", "address", listener.Addr().String())
	if !loopback(listener.Addr()) {
		log.Warn("the HTTP side can be reached from other machines, and nothing there is authenticated", "address", listener.Addr().String())
	}
	go func() {
		defer close(w.served)
		if err := w.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Error("HTTP is no longer served", "error", err)
		}
	}()
	return w, nil
}

// close lets answers that are under way go out, for a second at most.
func (w *web) close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if w.server.Shutdown(ctx) != nil {
		w.server.Close()
	}
	<-w.served
}

// webHandler has all pages: those of health, the metrics, and with profiles those
// of pprof too, but for the one that shows the command line, where -var may give
// secrets.
func webHandler(h *health, m *metrics, profiles bool) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", h.serveAlive)
	mux.HandleFunc("GET /readyz", h.serveReady)
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 20 * time.Second}))
	if profiles {
		mux.HandleFunc("GET /debug/pprof/", pprof.Index)
		mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
		mux.Handle("GET /debug/pprof/cmdline", http.NotFoundHandler())
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
		mux.ServeHTTP(w, r)
	})
}

// serveAlive answers whether the daemon should be left alone.
func (h *health) serveAlive(w http.ResponseWriter, _ *http.Request) {
	say(w, h.alive())
}

// readyJSON is /readyz with Accept: application/json.
type readyJSON struct {
	Ready   bool       `json:"ready"`
	Serial  uint64     `json:"serial"`            // of the configuration that it goes by
	Problem string     `json:"problem,omitempty"` // why it is not ready, or does not go by the newest configuration
	Lanes   []laneJSON `json:"lanes"`
}

type laneJSON struct {
	PBX      string `json:"pbx"`
	Send     bool   `json:"send"`             // the connection to send on is up
	Events   *bool  `json:"events,omitempty"` // so is that for events; absent where none are wanted
	Waiting  int    `json:"waiting"`          // deliveries
	Held     int    `json:"held"`             // those of them whose window is closed
	InFlight int    `json:"in_flight"`
}

// serveReady answers whether the daemon does its work. A PBX that is down is no
// reason to say no: the others are served.
func (h *health) serveReady(w http.ResponseWriter, r *http.Request) {
	unready := h.ready()
	if !strings.Contains(r.Header.Get("Accept"), "application/json") {
		say(w, unready)
		return
	}
	now := h.daemon.Now()
	page := readyJSON{Ready: unready == nil, Serial: now.Serial, Problem: oneLine(now.Problem), Lanes: lanesJSON(now.Lanes)}
	if unready != nil {
		page.Problem = unready.Error()
	}
	w.Header().Set("Content-Type", "application/json")
	if unready != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	json.NewEncoder(w).Encode(page) // the other side may be gone
}

func lanesJSON(lanes []engine.LaneStatus) []laneJSON {
	all := []laneJSON{}
	for _, l := range lanes {
		lane := laneJSON{PBX: l.PBX, Send: l.Sending, Waiting: l.Waiting, Held: l.Held, InFlight: l.InFlight}
		if l.Listens {
			lane.Events = &l.Events
		}
		all = append(all, lane)
	}
	return all
}

// say says ok, or why not.
func say(w http.ResponseWriter, reason error) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if reason != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		io.WriteString(w, reason.Error()+"\n")
		return
	}
	io.WriteString(w, "ok\n")
}
