package schema

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// Defaults of a pbx block.
const (
	defaultPort        = "5038" // asterisk/configs/samples/manager.conf.sample: port
	defaultTLSPort     = "5039" // there: tlsbindaddr
	defaultMaxInFlight = 64
	defaultRate        = Rate(50) // 10,000 phones in 200 s, without retransmissions
	defaultTimeout     = 10 * time.Second
	defaultPhones      = 25
	maxPhones          = 100_000
)

var pbxType = &blockType{
	name: "pbx", labels: []string{"name"}, repeats: true,
	optional: append([]string{"address", "username", "secret", "secret_file", "auth", "max_in_flight", "rate_limit", "timeout"}, metaNames...),
	nested: []*blockType{
		{name: "tls", optional: []string{"ca_file", "server_name"}},
		{name: "simulator", optional: []string{"phones", "version"}},
	},
}

func (m *module) declarePBX(b *block) {
	meta := m.takeMeta(b)
	address := m.path + "pbx." + b.label()
	n := &node{root: "pbx", name: b.label(), rng: b.rng, flawed: b.flawed, args: append(argsOf(b), meta.args()...), scope: meta.scope()}
	n.compute = func(ctx *hcl.EvalContext) (cty.Value, bool) {
		if !m.expand(&meta, "pbx", ctx) {
			return cty.NilVal, false
		}
		values := make([]cty.Value, 0, len(meta.keys))
		ok := m.perInstance(meta.keys, address, b.rng, func(i instance) {
			b.unread(i)
			p, v, ok := m.evalPBX(b, address+i.suffix, i.in(ctx))
			values = append(values, v)
			n.failed = n.failed || !ok
			if ok && !i.unread {
				m.pbxs[p.Address] = p
				n.pbxs = append(n.pbxs, p)
			}
		})
		if !ok || n.failed {
			return cty.NilVal, false
		}
		return meta.value(values), true
	}
	m.declare(n)
}

// evalPBX evaluates an instance of a pbx block. Its value is what other
// expressions see of it.
func (l *loader) evalPBX(b *block, address string, ctx *hcl.EvalContext) (*PBX, cty.Value, bool) {
	before := len(l.diags)
	p := &PBX{
		Address: address, Auth: "md5",
		MaxInFlight: defaultMaxInFlight, RateLimit: defaultRate, Timeout: defaultTimeout,
		DeclRange: b.rng,
	}
	if s := b.child("simulator"); s != nil {
		p.Simulator = &Simulator{Phones: defaultPhones, Version: 22}
		if n, ok := l.whole(s.args["phones"], ctx, 1, maxPhones); ok {
			p.Simulator.Phones = n
		}
		if n, ok := l.whole(s.args["version"], ctx, 16, 22); ok {
			if n != 16 && n != 22 {
				l.fail(s.args["version"].rng, "Unsupported value", "The simulator plays Asterisk 16, which has chan_sip and PJSIP, or 22, which has PJSIP alone; version %d is neither.", n)
			}
			p.Simulator.Version = n
		}
	}
	if t := b.child("tls"); t != nil {
		p.TLS = l.evalTLS(t, ctx)
	}
	if s, ok := l.text(b.args["address"], ctx); ok {
		port := defaultPort
		if p.TLS != nil {
			port = defaultTLSPort
		}
		dial, err := dialAddress(s, port)
		if err != nil {
			l.failIn(ctx, b.args["address"], "Invalid address", "%s is not the address of an AMI server: %s. Use a form such as \"pbx.example.net\", \"192.0.2.10:5038\" or \"[2001:db8::1]:5038\".", excerpt(s), err)
		}
		p.Dial = dial
	}
	if s, ok := l.text(b.args["username"], ctx); ok {
		p.Username = s
	}
	if a, file := b.args["secret"], b.args["secret_file"]; file != nil {
		if a != nil {
			l.fail(file.rng, "Conflicting arguments", "The arguments \"secret\" and \"secret_file\" of %s exclude each other. Keep one of them.", p.Address)
		}
		p.Secret, _ = l.evalSecretFile(p.Address, file, ctx)
	} else {
		p.Secret = l.evalSecret(a, ctx)
	}
	if s, ok := choice(l.collector, b.args["auth"], ctx, "md5", "plain"); ok {
		p.Auth = s
	}
	if n, ok := l.whole(b.args["max_in_flight"], ctx, 1, 10_000); ok {
		p.MaxInFlight = n
	}
	if a := b.args["rate_limit"]; a != nil {
		if s, ok := l.text(a, ctx); ok {
			rate, err := parseRate(s)
			if err != nil {
				l.failIn(ctx, a, "Invalid rate", "%s is not a rate: %s. Use a form such as \"200/s\" or \"10/m\", or \"unlimited\".", excerpt(s), err)
			}
			p.RateLimit = rate
		}
	}
	if d, ok := l.duration(b.args["timeout"], ctx, time.Millisecond); ok {
		p.Timeout = d
	}
	failed := len(l.diags) > before && l.diags[before:].HasErrors()
	if wrong := failed; p.Simulator == nil {
		for _, required := range []struct {
			name string
			got  bool
		}{
			{"address", p.Dial != "" || b.args["address"].unread()},
			{"username", p.Username != "" || b.args["username"].unread()},
			{"secret", !p.Secret.IsEmpty() || b.args["secret"].unread() || b.args["secret_file"] != nil && (b.args["secret_file"].unread() || !b.args["secret_file"].usable())},
		} {
			if !required.got && (!wrong || b.args[required.name] == nil) {
				failed = true
				if b.meant[required.name] || required.name == "secret" && b.args["secret_file"] != nil && wrong {
					continue
				}
				l.fail(b.rangeOf(required.name), "Missing required argument",
					"%s needs the argument %q, and it cannot be empty. (Only a pbx with a simulator block can do without.)", p.Address, required.name)
			}
		}
	}
	if p.Simulator != nil {
		p.Dial = ""
	}
	return p, cty.ObjectVal(map[string]cty.Value{
		"id":       cty.StringVal(p.Address),
		"name":     cty.StringVal(b.label()),
		"address":  cty.StringVal(p.Dial),
		"username": cty.StringVal(p.Username),
	}), !failed
}

func (l *loader) evalTLS(b *block, ctx *hcl.EvalContext) *TLS {
	t := &TLS{}
	if s, ok := l.text(b.args["server_name"], ctx); ok {
		t.ServerName = s
	}
	s, ok := l.text(b.args["ca_file"], ctx)
	if !ok {
		return t
	}
	t.CAFile = s
	pem, err := l.src.readCA(s)
	switch {
	case err != nil:
		l.fail(b.args["ca_file"].rng, "File not readable", "The file %q could not be read: %s. Its name is relative to the directory of the configuration.", s, cause(err))
	case !x509.NewCertPool().AppendCertsFromPEM(pem):
		l.fail(b.args["ca_file"].rng, "Invalid certificate file", "The file %q has no certificate in PEM form.", s)
	}
	t.CA = pem
	return t
}

// evalSecret evaluates a secret. Written literally, or read from a file right
// here, it is taken for sensitive. Coming from elsewhere it must be marked, or
// it would be in the state and could be shown.
func (l *loader) evalSecret(a *arg, ctx *hcl.EvalContext) Text {
	var v cty.Value
	var ok bool
	if a == nil || !a.usable() {
		return Text{}
	}
	l.src.secretly(func() {
		var diags hcl.Diagnostics
		v, diags = a.expr.Value(ctx)
		l.add(discreet(diags, a.expr, ctx)...)
		ok = !diags.HasErrors()
	})
	if !ok {
		return Text{}
	}
	if (len(a.refs) > 0 || a.uses != 0) && !hasSensitive(v) {
		l.fail(a.rng, "Secret is not marked as sensitive",
			"The secret comes from a value that is not sensitive, so that it would be shown in plans and kept in the state. Set sensitive = true in the block of the variable, or wrap the value in sensitive(…) where it is made.")
		return Text{}
	}
	v, err := convert.Convert(v, cty.String)
	switch {
	case err != nil:
		l.fail(a.rng, "Wrong type of value", "The argument \"secret\" cannot take this value: %s.", err)
		return Text{}
	case !v.IsKnown() && a.unread():
		return Text{}
	case !v.IsKnown():
		l.fail(a.rng, "Value not known yet", "The argument \"secret\" must be known before anything is sent.")
		return Text{}
	}
	return Sensitive(textOf(v).Reveal())
}

// evalSecretFile reads the secret of something from a file of its own. It is read
// from the disk whenever the configuration is evaluated, and kept nowhere else.
func (l *loader) evalSecretFile(whose string, a *arg, ctx *hcl.EvalContext) (secret Text, ok bool) {
	s, ok := l.text(a, ctx)
	if !ok {
		return Text{}, false
	}
	ok = false
	l.src.secretly(func() {
		b, err := l.src.read(s, maxSecretSize)
		if err != nil {
			l.fail(a.rng, "Secret not readable", "The secret of %s could not be read from the file %q: %s.%s", whose, l.src.locate(l.src.name(s)), cause(err), l.src.whereSecrets())
			return
		}
		text := strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r")
		switch {
		case text == "":
			l.fail(a.rng, "Secret not readable", "The file %q, which should hold the secret of %s, is empty.", l.src.locate(l.src.name(s)), whose)
		case strings.ContainsFunc(text, unicode.IsControl) || !utf8.ValidString(text):
			l.fail(a.rng, "Secret not readable", "The file %q, which should hold the secret of %s, has more than one line, or is not text.", l.src.locate(l.src.name(s)), whose)
		default:
			secret, ok = Sensitive(text), true
		}
	})
	return secret, ok
}

// dialAddress adds the port, if there is none, and checks the form.
func dialAddress(s, port string) (string, error) {
	if strings.Contains(s, "://") {
		return "", errors.New("it is a host and a port, not a URL")
	}
	host, p, err := net.SplitHostPort(s)
	if err != nil {
		host, p = strings.TrimSuffix(strings.TrimPrefix(s, "["), "]"), port
		if strings.Contains(host, ":") && net.ParseIP(host) == nil {
			return "", errors.New("its port cannot be told from its host")
		}
	}
	if host == "" || strings.ContainsFunc(host, func(r rune) bool { return r <= ' ' || r == '/' || r == '@' || r == 0x7f }) {
		return "", fmt.Errorf("%s cannot be a host", excerpt(host))
	}
	if n, err := strconv.ParseUint(p, 10, 16); err != nil || n == 0 {
		return "", fmt.Errorf("%s is not a port from 1 to 65535", excerpt(p))
	}
	return net.JoinHostPort(host, p), nil
}

// parseRate reads "200/s", "10/m", "5/h" or "unlimited".
func parseRate(s string) (Rate, error) {
	if s == "unlimited" {
		return 0, nil
	}
	number, unit, ok := strings.Cut(s, "/")
	if !ok {
		return 0, errors.New(`it has no "/" and unit of time`)
	}
	seconds, ok := map[string]float64{"s": 1, "m": 60, "h": 3600}[strings.TrimSpace(unit)]
	if !ok {
		return 0, fmt.Errorf("the unit %s is not \"s\", \"m\" or \"h\"", excerpt(unit))
	}
	n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	switch {
	case err != nil:
		return 0, fmt.Errorf("%s is not a number", excerpt(number))
	case !(n > 0) || n > 1e6:
		return 0, errors.New("the number must be above 0 and at most 1000000")
	}
	return Rate(n / seconds), nil
}
