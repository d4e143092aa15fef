package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/engine/refresh"
	"github.com/notifyrun/notifyrun/schema"
)

var checkCommand = &command{
	name: "check", args: "[PATH]",
	short: "log in to each PBX and tell what it lacks",
	long: `Logs in to each PBX of the configuration, tells its version and how fast it
answers, and whether the actions that the jobs and data sources need exist there
and are permitted to us. If not, it says what to write into manager.conf. It
sends nothing to any phone. The exit code is 1 if anything is missing.`,
	run: (*app).check,
}

func (a *app) check(ctx context.Context, args []string) error {
	var v values
	var only list
	a.flagSet()
	a.valueFlags(&v)
	a.logFlags("warn")
	a.flags.Var(&only, "pbx", "only the PBX at this `address`, as pbx.hq; may be repeated")
	path, err := a.parsePath(args)
	if err != nil {
		return err
	}
	l, err := a.load(ctx, path, v)
	if err != nil {
		return err
	}
	wanted, err := selectPBXs(l.config, only)
	if err != nil {
		return err
	}
	a.warn(l.source, l.diags)
	results := a.checkAll(ctx, l, wanted)
	if ctx.Err() != nil {
		return exitCode(exitInterrupted)
	}
	if a.json {
		writeJSON(a.stdout, newCheckJSON(results))
	} else {
		for _, r := range results {
			checkView{a.stdout, a.style(a.stdout)}.write(r)
		}
		if len(results) == 0 {
			fmt.Fprintln(a.stdout, "The configuration has no PBX.")
		}
	}
	if slices.ContainsFunc(results, func(r *checked) bool { return !r.ok() }) {
		return exitCode(exitError)
	}
	return nil
}

func selectPBXs(cfg *schema.Config, only []string) ([]*schema.PBX, error) {
	if len(only) == 0 {
		return cfg.PBXs, nil
	}
	var wanted []*schema.PBX
	for _, address := range only {
		i := slices.IndexFunc(cfg.PBXs, func(p *schema.PBX) bool { return p.Address == address || p.Address == "pbx."+address })
		if i < 0 {
			return nil, fmt.Errorf("check %s: there is no such PBX in the configuration", address)
		}
		if !slices.Contains(wanted, cfg.PBXs[i]) {
			wanted = append(wanted, cfg.PBXs[i])
		}
	}
	return wanted, nil
}

// checked is what was found out about one PBX.
type checked struct {
	pbx      *schema.PBX
	dial     string // host:port that was dialled
	username string
	err      error // why there is no login, or why the rest could not be asked
	loggedIn bool
	login    time.Duration // dial, greeting and login
	latency  time.Duration // of a Ping
	caps     *amiclient.Capabilities
	needs    []*need
	ours     string // our own address as the PBX sees it; empty if not known
}

// need is an action that jobs need of a PBX.
type need struct {
	action string
	class  string   // of manager.conf's write
	why    string   // what it is needed for, where that is not plain
	jobs   []string // and data sources that need it
	err    error    // why it cannot be had

	optional bool // the jobs do without, only not as well
}

func (n *need) lacking() bool { return n.err != nil && !n.optional }

func (c *checked) ok() bool {
	return c.err == nil && !slices.ContainsFunc(c.needs, (*need).lacking)
}

// checkAll looks at all PBXs at the same time, so that a dead one costs the
// others nothing.
func (a *app) checkAll(ctx context.Context, l *loaded, wanted []*schema.PBX) []*checked {
	results := make([]*checked, len(wanted))
	var all sync.WaitGroup
	for i, pbx := range wanted {
		results[i] = &checked{pbx: pbx, needs: needsOf(l.config, pbx)}
		all.Go(func() { a.checkOne(ctx, results[i]) })
	}
	all.Wait()
	return results
}

// manyPhones is from how many phones on the time to look for them counts.
const manyPhones = 100

// needsOf gives the actions that the jobs of a PBX send, and those by which a
// run looks before it sends.
func needsOf(cfg *schema.Config, pbx *schema.PBX) []*need {
	var needs []*need
	add := func(by, action, class, why string) *need {
		i := slices.IndexFunc(needs, func(n *need) bool { return n.action == action })
		if i < 0 {
			i = len(needs)
			needs = append(needs, &need{action: action, class: class, why: why})
		}
		if n := needs[i]; !slices.Contains(n.jobs, by) {
			n.jobs = append(n.jobs, by)
		}
		return needs[i]
	}
	for _, j := range cfg.Jobs {
		if j.PBX != pbx || !j.Enabled {
			continue
		}
		if j.Type == schema.UserEvent {
			add(j.Address, "UserEvent", "user", "")
			continue
		}
		techs := map[schema.TargetTech]bool{}
		byURI := false
		for _, t := range j.Targets {
			techs[t.Tech] = true
			byURI = byURI || t.Tech == schema.TechURI || t.Contact != ""
		}
		if !j.TargetsKnown { // as what data it depends on has them
			for _, r := range cfg.Data {
				if slices.Contains(j.Data, r.Address) && dataTargets[r.Type] != "" {
					techs[dataTargets[r.Type]] = true
				}
			}
		}
		if techs[schema.TechSIP] {
			add(j.Address, "SIPnotify", "system", "")
		}
		if techs[schema.TechPJSIP] || techs[schema.TechURI] {
			add(j.Address, "PJSIPNotify", "system", "")
		}
		if byURI {
			add(j.Address, "Command", "command", "without it what is sent to a URI counts as accepted, also if the server has no default outbound endpoint").optional = true
		}
		if techs[schema.TechPJSIP] {
			const why = "without it a phone that is not registered counts as accepted"
			add(j.Address, "PJSIPShowEndpoint", "system", why)
			add(j.Address, "PJSIPShowEndpoints", "system", why)
			if len(j.Targets) >= manyPhones {
				add(j.Address, "DeviceStateList", "reporting", "without it looking for many phones takes longer").optional = true
			}
		}
	}
	for _, r := range cfg.Data {
		if r.PBX.Address != pbx.Address {
			continue
		}
		for _, n := range refresh.Needs(*r) {
			why := ""
			if n.Why != "" {
				why = "without it " + n.Why + " cannot be told"
			}
			if known := slices.ContainsFunc(needs, func(have *need) bool { return have.action == n.Action }); n.Why == "" || !known {
				add(r.Address, n.Action, n.Class, why).optional = n.Why != ""
			}
		}
	}
	return needs
}

// dataTargets are the targets that rows of data sources are.
var dataTargets = map[string]schema.TargetTech{"pjsip_contacts": schema.TechPJSIP, "pjsip_endpoints": schema.TechPJSIP, "sip_peers": schema.TechSIP}

func (a *app) checkOne(ctx context.Context, c *checked) {
	var started pbxs
	defer started.close()
	cfg, err := a.amiConfig(&started, c.pbx)
	if err != nil {
		c.err = err
		return
	}
	c.dial, c.username = cfg.Address, cfg.Username
	begin := time.Now()
	conn, err := amiclient.Dial(ctx, cfg)
	if err != nil {
		c.err = err
		c.ours = sourceAddress(cfg.Address)
		return
	}
	defer conn.Close()
	c.loggedIn, c.login = true, time.Since(begin)
	begin = time.Now()
	if _, c.err = conn.Do(ctx, amiclient.Action{Name: "Ping"}); c.err != nil {
		return
	}
	c.latency = time.Since(begin)
	if c.caps, c.err = conn.Capabilities(ctx); c.err != nil {
		return
	}
	for _, n := range c.needs {
		if !c.caps.Has(n.action) {
			n.err = probe(ctx, conn, c.caps, n.action)
		}
	}
}

// probe asks for an action that ListCommands does not list, to learn whether
// it is unknown or forbidden; the two need different cures. It can reach no
// phone: even if the rights changed in between, there is no endpoint of that
// name.
func probe(ctx context.Context, conn *amiclient.Conn, caps *amiclient.Capabilities, action string) error {
	const nobody = "notifyrun-check"
	event := []amiclient.Variable{{Name: "Event", Value: "keep-alive"}}
	var a amiclient.Action
	switch action {
	case "PJSIPNotify":
		a = amiclient.PJSIPNotify{Endpoint: nobody, Variables: event}.Action()
	case "SIPnotify":
		a = amiclient.SIPNotify{Channel: "SIP/" + nobody, Variables: event}.Action()
	case "UserEvent":
		a = amiclient.UserEvent{Name: "NotifyrunCheck"}.Action()
	default:
		a = amiclient.Action{Name: action, Headers: []amiclient.Header{{Name: "Endpoint", Value: nobody}}}
	}
	_, err := conn.Do(ctx, a)
	if errors.Is(err, amiclient.ErrPermission) || errors.Is(err, amiclient.ErrUnknownAction) {
		return err
	}
	return caps.Missing(action)
}

// sourceAddress is the address from which this machine reaches addr. Nothing
// is sent: connecting a UDP socket only looks up the route.
func sourceAddress(addr string) string {
	conn, err := net.Dial("udp", addr)
	if err != nil {
		return ""
	}
	defer conn.Close()
	host, _, _ := net.SplitHostPort(conn.LocalAddr().String())
	return host
}

// managerConf is the section of manager.conf that the jobs of the PBX need, or
// "" if it lacks nothing there.
func (c *checked) managerConf() string {
	refused := errors.Is(c.err, amiclient.ErrAuth)
	lacking := slices.ContainsFunc(c.needs, func(n *need) bool { return errors.Is(n.err, amiclient.ErrPermission) })
	if !refused && !lacking || c.pbx.Simulator != nil {
		return ""
	}
	var classes []string
	for _, n := range c.needs {
		if n.class == "command" && n.optional {
			continue // it is more than to look: nobody is to have it for that unasked
		}
		if !slices.Contains(classes, n.class) {
			classes = append(classes, n.class)
		}
	}
	slices.Sort(classes)
	var b strings.Builder
	fmt.Fprintf(&b, "[%s]\nsecret = … ; as %s has it\n", c.username, c.pbx.Address)
	if refused && c.ours != "" {
		bits := "255.255.255.255"
		if strings.Contains(c.ours, ":") {
			bits = "128"
		}
		fmt.Fprintf(&b, "permit = %s/%s ; if the section has deny lines\n", c.ours, bits)
	}
	if len(classes) > 0 {
		fmt.Fprintf(&b, "write = %s ; no blanks in the list\n", strings.Join(classes, ","))
	}
	return b.String()
}
