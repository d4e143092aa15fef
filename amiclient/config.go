package amiclient

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"time"
)

// A Config says how to reach one Asterisk. It never prints its Secret.
type Config struct {
	Address  string      // host:port; manager.conf's port is 5038, for TLS 5039
	TLS      *tls.Config // nil: plain TCP. Certificates are verified unless it says otherwise; ServerName defaults to the host of Address
	Username string
	Secret   string
	Plain    bool // send the secret itself in place of an MD5 of it and the server's challenge

	// Events is the mask of event classes to receive: "" or "off" for none,
	// "on" for all, or a list as "system,user" without blanks.
	Events string
	// OnEvent gets the events, in order, from a goroutine of its own. Events
	// that arrive while 4096 of them or 64 MiB wait for it are dropped, counted
	// and logged; answers are never delayed.
	OnEvent func(*Message)

	MaxInFlight int           // actions that await their answer; default 64
	Timeout     time.Duration // how long Asterisk may take for one action, counted from the answer to the one before; default 10 s
	DialTimeout time.Duration // for connecting, greeting and login together; default 10 s
	BootTimeout time.Duration // how long a starting Asterisk may take for its modules after the login; default 60 s

	Logger *slog.Logger // default: none
	// DialContext replaces the dialling of TCP, for tunnels and tests.
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)
}

func (c Config) String() string       { return fmt.Sprintf("AMI user %q at %s", c.Username, c.Address) }
func (c Config) GoString() string     { return "amiclient.Config(" + c.String() + ")" }
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }

func (c Config) withDefaults() Config {
	c.MaxInFlight = cmp.Or(max(c.MaxInFlight, 0), 64)
	c.Timeout = cmp.Or(max(c.Timeout, 0), 10*time.Second)
	c.DialTimeout = cmp.Or(max(c.DialTimeout, 0), 10*time.Second)
	c.BootTimeout = cmp.Or(max(c.BootTimeout, 0), 60*time.Second)
	c.Events = cmp.Or(c.Events, "off")
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.DialContext == nil {
		c.DialContext = new(net.Dialer).DialContext
	}
	return c
}

// classes are those of main/manager.c: perms.
var classes = []string{"system", "call", "log", "verbose", "command", "agent", "user", "config", "dtmf", "reporting", "cdr",
	"dialplan", "originate", "agi", "cc", "aoc", "test", "security", "message", "all"}

// checkEvents refuses what Asterisk would misread without a word: a misspelt
// class turns all events off, a blank hides the class after it, and an item
// matches every class it begins (main/manager.c: strings_to_mask, ast_instring).
func checkEvents(mask string) error {
	if mask == "on" || mask == "off" {
		return nil
	}
	for class := range strings.SplitSeq(mask, ",") {
		if !slices.Contains(classes, class) {
			return fmt.Errorf("check event mask: %q is not an event class; Asterisk would take it for none or for several: use on, off, or a list of %s",
				shorten(class), strings.Join(classes, ","))
		}
	}
	return nil
}
