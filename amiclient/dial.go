package amiclient

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"
)

// Dial connects, reads the greeting, logs in, and waits until Asterisk has
// started, as far as that can be seen. All errors of the way are *ConnErrors
// that have not Written anything of the caller's; compare them with ErrAuth,
// ErrLoginInUse, ErrNotAMI, ErrTimeout.
func Dial(ctx context.Context, cfg Config) (*Conn, error) {
	cfg = cfg.withDefaults()
	loginCtx, cancel := context.WithTimeoutCause(ctx, cfg.DialTimeout, fmt.Errorf("%w within %s", ErrTimeout, cfg.DialTimeout))
	defer cancel()
	c, err := connect(loginCtx, cfg)
	if err != nil {
		return nil, &ConnError{"connect to " + cfg.Address, false, err}
	}
	if err := c.login(loginCtx, cfg); err != nil {
		c.Close()
		return nil, &ConnError{"log in to " + cfg.Address, false, unwritten(err)}
	}
	bootCtx, cancel := context.WithTimeoutCause(ctx, cfg.BootTimeout, fmt.Errorf("%w: Asterisk is still starting after %s", ErrTimeout, cfg.BootTimeout))
	defer cancel()
	err = c.waitForBoot(bootCtx)
	if err == nil {
		err = c.setMask(bootCtx, Events{}, func() {})
	}
	if err != nil {
		c.Close()
		return nil, &ConnError{"start at " + cfg.Address, false, unwritten(err)}
	}
	return c, nil
}

// unwritten takes off what a ConnError says about an action of Dial's own.
func unwritten(err error) error {
	var conn *ConnError
	if errors.As(err, &conn) {
		return conn.Err
	}
	return err
}

// connect returns a connection whose greeting was read.
func connect(ctx context.Context, cfg Config) (*Conn, error) {
	raw, err := cfg.DialContext(ctx, "tcp", cfg.Address)
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, err
	}
	// A deadline in the past wakes a Read or Write that waits.
	stop := context.AfterFunc(ctx, func() { raw.SetDeadline(time.Unix(1, 0)) })
	nc, oneRecord := raw, false
	if cfg.TLS != nil {
		var apart bool
		raw, apart = keepRecords(raw)
		oneRecord = !apart
		nc, err = handshake(ctx, cfg, raw)
	}
	var version string
	r := NewReader(nc)
	if err == nil {
		version, err = greeting(ctx, r, cfg.TLS != nil)
	}
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		raw.Close()
		return nil, err
	}
	return newConn(cfg, raw, nc, oneRecord, r, version), nil
}

func handshake(ctx context.Context, cfg Config, raw net.Conn) (net.Conn, error) {
	config := cfg.TLS.Clone()
	if config.ServerName == "" {
		host, _, err := net.SplitHostPort(cfg.Address)
		if err != nil {
			return nil, err
		}
		config.ServerName = host
	}
	nc := tls.Client(raw, config)
	if err := nc.HandshakeContext(ctx); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		var notTLS tls.RecordHeaderError
		if errors.As(err, &notTLS) {
			return nil, fmt.Errorf("TLS: %w; the port does not speak TLS: is it manager.conf's tlsbindaddr, mostly 5039?", err)
		}
		var unknown x509.UnknownAuthorityError
		if errors.As(err, &unknown) {
			return nil, fmt.Errorf("TLS: the server's certificate is not signed by an authority that is trusted here (RootCAs of Config.TLS): %w", err)
		}
		return nil, fmt.Errorf("TLS: %w", cleaned{err})
	}
	return nc, nil
}

// greeting reads the one line that Asterisk begins with and returns its AMI
// version. There is no blank line after it.
func greeting(ctx context.Context, r *Reader, isTLS bool) (string, error) {
	const begin = "Asterisk Call Manager/"
	line, err := r.line(200)
	if version, ok := strings.CutPrefix(line, begin); ok && err == nil {
		return clean(version), nil
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		hint := "is this manager.conf's port, and is Asterisk alive?"
		if !isTLS {
			hint += " A TLS port is silent too until it is spoken to in TLS"
		}
		return "", fmt.Errorf("%w: connected, but nothing greets us; %s", context.Cause(ctx), hint)
	case strings.HasPrefix(line, "HTTP/"):
		return "", fmt.Errorf("%w: the port speaks HTTP; use the port of manager.conf, mostly 5038", ErrNotAMI)
	case err == nil || !strings.HasPrefix(begin, line):
		return "", fmt.Errorf("%w: it greets with %s", ErrNotAMI, quote(line))
	}
	return "", fmt.Errorf("the server closed the connection before its greeting, as Asterisk does when it ends, and with too many logins pending (authlimit in manager.conf): %w", err)
}

// login logs in, with the events of class system on: see waitForBoot.
func (c *Conn) login(ctx context.Context, cfg Config) error {
	return Login{Username: cfg.Username, Secret: cfg.Secret, Plain: cfg.Plain, Events: "system"}.Do(ctx, c)
}

// waitForBoot waits until Asterisk has loaded its modules. AMI opens before
// them, takes logins, and calls the actions of modules yet to come unknown.
//
// With read=system the event FullyBooted tells: directly after the login, or
// when it is so far. Other users never get it. For them Asterisk is ready when
// ListCommands, which needs no permission, has PJSIPNotify, or SIPnotify in a list
// that has not changed for a second, since chan_sip is loaded before the modules of
// PJSIP (AST_MODPRI_CHANNEL_DRIVER, AST_MODPRI_APP_DEPEND); if they may send none, modules do not matter (UserEvent is the manager's
// own); and if there is none in a list that has not changed for ten seconds,
// the modules are not on their way.
func (c *Conn) waitForBoot(ctx context.Context) error {
	const look, settled, steady = 250 * time.Millisecond, time.Second, 10 * time.Second
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	count, since := 0, time.Now()
	for {
		m, err := c.Do(ctx, ListCommands{}.Action())
		var refused *ResponseError
		if errors.As(err, &refused) {
			return nil // cannot be seen
		}
		if err != nil {
			return err
		}
		if n := len(m.Headers()); n != count {
			count, since = n, time.Now()
		}
		switch {
		case isClosed(c.booted):
			return nil
		case m.Get("PJSIPNotify") != "":
			return nil
		case m.Get("SIPnotify") != "" && time.Since(since) >= settled:
			return nil
		case m.Get("Filter") == "": // the manager's own (main/manager.c: __init_manager), of class system like the two
			return nil
		case time.Since(since) >= steady:
			return nil
		}
		select {
		case <-c.booted:
			return nil
		case <-ticker.C:
		case <-c.done:
			return c.Err()
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
