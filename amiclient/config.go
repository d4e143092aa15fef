package amiclient

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"time"
)

// A Config says how to reach one Asterisk. It never prints its Secret.
type Config struct {
	Address  string      // host:port; manager.conf's port is 5038, for TLS 5039
	TLS      *tls.Config // nil: plain TCP. Certificates are verified unless it says otherwise; ServerName defaults to the host of Address
	Username string
	Secret   string
	Plain    bool // send the secret itself in place of an MD5 of it and the server's challenge

	MaxInFlight int           // actions that await their answer; default 64
	Timeout     time.Duration // how long Asterisk may take for one action, counted from the answer to the one before; default 10 s
	DialTimeout time.Duration // for connecting, greeting and login together; default 10 s
	BootTimeout time.Duration // how long a starting Asterisk may take for its modules after the login; default 60 s
	MaxBackoff  time.Duration // how long a Client waits between two dials at most; default 30 s
	KeepAlive   time.Duration // how often Client.Keep sends a Ping on a connection on which nothing is answered; default 30 s

	// FilterEvents has the server hold back all events but those that
	// Subscriptions name (action Filter), where it can do so safely: see Filter.
	FilterEvents bool

	Logger *slog.Logger // default: none
	// DialContext replaces the dialling of TCP, for tunnels and tests.
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)
}

func (c Config) String() string {
	return fmt.Sprintf("AMI user %q at %s", c.Username, clean(c.Address))
}
func (c Config) GoString() string     { return "amiclient.Config(" + c.String() + ")" }
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }

// MarshalText is for JSON, as of a log.
func (c Config) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

func (c Config) withDefaults() Config {
	c.MaxInFlight = cmp.Or(max(c.MaxInFlight, 0), 64)
	c.Timeout = cmp.Or(max(c.Timeout, 0), 10*time.Second)
	c.DialTimeout = cmp.Or(max(c.DialTimeout, 0), 10*time.Second)
	c.BootTimeout = cmp.Or(max(c.BootTimeout, 0), 60*time.Second)
	c.MaxBackoff = cmp.Or(max(c.MaxBackoff, 0), 30*time.Second)
	c.KeepAlive = cmp.Or(max(c.KeepAlive, 0), 30*time.Second)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.DialContext == nil {
		c.DialContext = new(net.Dialer).DialContext
	}
	return c
}
