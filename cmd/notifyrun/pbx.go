package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/amiclient/amisim"
	"github.com/notifyrun/notifyrun/engine"
	"github.com/notifyrun/notifyrun/schema"
)

// pbxs are the connections of one command, simulated servers included.
type pbxs struct {
	clients    map[string]*amiclient.Client // by address in the configuration
	listeners  map[string]*amiclient.Client // likewise: where user events are sent, and so are to be seen
	simulators []*amisim.Server
}

// connect logs in to each of the PBXs and returns when all have answered and
// have the actions that are needed, by PBX address: nothing is recorded or
// sent while one of them cannot be reached or would refuse everything.
func (a *app) connect(ctx context.Context, wanted []*schema.PBX, needs map[string][]string) (*pbxs, error) {
	p := &pbxs{clients: map[string]*amiclient.Client{}, listeners: map[string]*amiclient.Client{}}
	var failed []error
	for _, pbx := range wanted {
		cfg, err := a.amiConfig(p, pbx)
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", pbx.Address, err))
			continue
		}
		p.clients[pbx.Address] = amiclient.NewClient(cfg)
		if slices.Contains(needs[pbx.Address], "UserEvent") || slices.Contains(needs[pbx.Address], "Originate") {
			p.listeners[pbx.Address] = amiclient.NewClient(cfg)
		}
	}
	if len(failed) == 0 {
		failed = p.login(ctx, needs)
	}
	if len(failed) > 0 {
		p.close()
		return nil, errors.Join(failed...)
	}
	return p, nil
}

// login reaches all PBXs at the same time.
func (p *pbxs) login(ctx context.Context, needs map[string][]string) []error {
	results := make(chan error)
	for address, c := range p.clients {
		go func() {
			if err := ready(ctx, c, needs[address]); err != nil {
				if errors.As(err, new(x509.UnknownAuthorityError)) {
					err = fmt.Errorf("%w; name the authority by ca_file in the tls block", err)
				}
				results <- fmt.Errorf("%s: %w", address, err)
				return
			}
			results <- nil
		}()
	}
	var failed []error
	for range p.clients {
		if err := <-results; err != nil {
			failed = append(failed, err)
		}
	}
	slices.SortFunc(failed, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return failed
}

// ready returns nil if the PBX can be reached and has these actions for us.
func ready(ctx context.Context, c *amiclient.Client, actions []string) error {
	caps, err := c.Capabilities(ctx)
	if err != nil {
		return err
	}
	var missing []error
	for _, name := range actions {
		if err := caps.Missing(name); err != nil {
			missing = append(missing, err)
		}
	}
	return errors.Join(missing...)
}

// amiConfig makes the client's settings, and starts the simulator if pbx asks
// for one.
func (a *app) amiConfig(p *pbxs, pbx *schema.PBX) (amiclient.Config, error) {
	cfg := amiclient.Config{
		Address:     pbx.Dial,
		Username:    pbx.Username,
		Secret:      pbx.Secret.Reveal(),
		Plain:       pbx.Auth == "plain",
		MaxInFlight: pbx.MaxInFlight,
		Timeout:     pbx.Timeout,
		DialTimeout: pbx.Timeout,
		Logger:      a.log.With("pbx", pbx.Address),
	}
	if pbx.Simulator != nil {
		sim, err := amisim.Start(simulation(pbx.Simulator))
		if err != nil {
			return cfg, fmt.Errorf("start simulator: %w", err)
		}
		p.simulators = append(p.simulators, sim)
		cfg.Address = sim.Addr()
		user := sim.Users()[0]
		cfg.Username, cfg.Secret = user.Name, user.Secret
	}
	if pbx.TLS != nil {
		conf, err := tlsConfig(pbx)
		if err != nil {
			return cfg, err
		}
		cfg.TLS = conf
	}
	return cfg, nil
}

func tlsConfig(pbx *schema.PBX) (*tls.Config, error) {
	conf := &tls.Config{ServerName: pbx.TLS.ServerName, MinVersion: tls.VersionTLS12}
	if conf.ServerName == "" {
		host, _, err := net.SplitHostPort(pbx.Dial)
		if err != nil {
			return nil, fmt.Errorf("read address: %w", err)
		}
		conf.ServerName = host
	}
	if pbx.TLS.CAFile != "" {
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(pbx.TLS.CA) {
			return nil, fmt.Errorf("read ca_file %s: it holds no PEM certificate", pbx.TLS.CAFile)
		}
	}
	return conf, nil
}

// senders are the PBXs as the engine sees them.
func (p *pbxs) senders() map[string]engine.Sender {
	s := make(map[string]engine.Sender, len(p.clients))
	for address, c := range p.clients {
		s[address] = c
	}
	return s
}

// events are those that show user events to have been raised. They come on
// connections of their own, since they hold text of strangers. Where they cannot
// be had, user events are accepted at most.
func (p *pbxs) events(ctx context.Context) map[string]engine.EventSource {
	sources := map[string]engine.EventSource{}
	for address, c := range p.listeners {
		if _, err := c.Conn(ctx); err != nil {
			continue
		}
		sub, err := c.Subscribe(ctx, amiclient.Filter{Events: []string{"UserEvent", "OriginateResponse"}})
		if err == nil {
			sources[address] = sub
		}
	}
	return sources
}

func (p *pbxs) close() {
	for _, c := range p.listeners {
		c.Close()
	}
	for _, c := range p.clients {
		c.Close()
	}
	for _, s := range p.simulators {
		s.Close()
	}
}

// simulation is the simulated server that a configuration asks for.
func simulation(s *schema.Simulator) amisim.Config {
	cfg := amisim.Config{Version: amisim.Asterisk22, Phones: amisim.Phones(s.Phones), Keep: -1}
	if s.Version < 21 {
		cfg.Version = amisim.Asterisk16
	}
	if s.Phones > 0 {
		cfg.DefaultOutbound = cfg.Phones[0].Name
	}
	return cfg
}
