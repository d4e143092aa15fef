package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/notifyrun/notifyrun/amiclient"
)

// checkView writes what was found out about a PBX, for people.
type checkView struct {
	w     io.Writer
	style style
}

func (v checkView) write(c *checked) {
	where := c.dial
	if c.pbx.Simulator != nil {
		where = "simulated"
	}
	verdict := v.style.green("ok")
	switch {
	case c.err != nil:
		verdict = v.style.red("failed")
	case !c.ok():
		verdict = v.style.red("something is missing")
	}
	fmt.Fprintf(v.w, "%s (%s): %s\n", v.style.bold(printable(c.pbx.Address)), printable(where), verdict)
	if c.loggedIn {
		v.row("login", "as %s in %s", c.username, round(c.login))
		v.row("latency", "%s", round(c.latency))
	}
	if c.caps != nil {
		v.row("version", "%s, AMI %s", c.asterisk(), c.caps.AMIVersion)
	}
	if c.err != nil {
		v.explain("login", c.err.Error(), v.style.red)
	}
	for _, n := range c.needs {
		switch {
		case n.err != nil:
			text := strings.TrimPrefix(n.err.Error(), n.action+": ")
			if n.why != "" {
				text += "; " + n.why
			}
			paint := v.style.red
			if n.optional {
				paint, text = v.style.yellow, "optional: "+text
			}
			v.explain(n.action, text, paint)
		case c.caps != nil:
			v.row(n.action, "%s (%s)", v.style.green("ok"), n.by())
		}
	}
	if conf := c.managerConf(); conf != "" {
		fmt.Fprintf(v.w, "\n  In manager.conf of this server, then \"manager reload\" in its console:\n\n%s\n", indent(printable(conf), "    "))
	}
	fmt.Fprintln(v.w)
}

const checkIndent = 22

// row writes one finding.
func (v checkView) row(name, format string, args ...any) {
	for i, arg := range args {
		if s, ok := arg.(string); ok && s != v.style.green("ok") {
			args[i] = printable(s)
		}
	}
	fmt.Fprintf(v.w, "  %-*s%s\n", checkIndent-2, name, fmt.Sprintf(format, args...))
}

// explain writes a failure in full, over several lines if need be.
func (v checkView) explain(name, text string, paint func(string) string) {
	for i, line := range wrap(printable(text), 80-checkIndent) {
		head := ""
		if i == 0 {
			head = name
		}
		pad := fmt.Sprintf("  %-*s", checkIndent-2, head)
		fmt.Fprintln(v.w, pad+paint(line))
	}
}

// asterisk names the version, which not every user may read.
func (c *checked) asterisk() string {
	if c.caps.AsteriskVersion == "" {
		return "Asterisk (version not permitted to read: class system or reporting)"
	}
	return "Asterisk " + c.caps.AsteriskVersion
}

func round(d time.Duration) time.Duration { return d.Round(10 * time.Microsecond) }

// checkJSON is check -json.
type checkJSON struct {
	FormatVersion string         `json:"format_version"`
	Type          string         `json:"type"` // "check"
	OK            bool           `json:"ok"`
	PBXs          []pbxCheckJSON `json:"pbxs"`
}

type pbxCheckJSON struct {
	PBX             string       `json:"pbx"`
	OK              bool         `json:"ok"`
	Address         string       `json:"address"`
	Simulated       bool         `json:"simulated"`
	LoggedIn        bool         `json:"logged_in"`
	Username        string       `json:"username"`
	Error           string       `json:"error,omitempty"`
	AsteriskVersion string       `json:"asterisk_version,omitempty"`
	AMIVersion      string       `json:"ami_version,omitempty"`
	LoginMS         float64      `json:"login_ms,omitempty"`
	LatencyMS       float64      `json:"latency_ms,omitempty"`
	Actions         []actionJSON `json:"actions"`
	ManagerConf     string       `json:"manager_conf,omitempty"`
}

type actionJSON struct {
	Action string   `json:"action"`
	Status string   `json:"status"` // "ok", "forbidden", "missing" or "unchecked"
	Class  string   `json:"class"`  // of manager.conf's write that it needs
	Jobs   []string `json:"jobs"`
	Error  string   `json:"error,omitempty"`

	Optional bool `json:"optional,omitempty"` // not a reason to fail
}

func newCheckJSON(results []*checked) checkJSON {
	out := checkJSON{FormatVersion: formatVersion, Type: "check", OK: true, PBXs: []pbxCheckJSON{}}
	for _, c := range results {
		p := pbxCheckJSON{
			PBX: c.pbx.Address, OK: c.ok(), Address: c.dial, Simulated: c.pbx.Simulator != nil, LoggedIn: c.loggedIn,
			Username: c.username, LoginMS: milliseconds(c.login), LatencyMS: milliseconds(c.latency),
			Actions: []actionJSON{}, ManagerConf: c.managerConf(),
		}
		if c.err != nil {
			p.Error = c.err.Error()
		}
		if c.caps != nil {
			p.AsteriskVersion, p.AMIVersion = c.caps.AsteriskVersion, c.caps.AMIVersion
		}
		for _, n := range c.needs {
			p.Actions = append(p.Actions, n.json(c.caps != nil))
		}
		out.OK = out.OK && p.OK
		out.PBXs = append(out.PBXs, p)
	}
	return out
}

func (n *need) json(asked bool) actionJSON {
	j := actionJSON{Action: n.action, Status: "ok", Class: n.class, Jobs: n.jobs, Optional: n.optional}
	switch {
	case n.err != nil:
		j.Status, j.Error = "missing", n.err.Error()
		if errors.Is(n.err, amiclient.ErrPermission) {
			j.Status = "forbidden"
		}
	case !asked:
		j.Status = "unchecked"
	}
	return j
}

func milliseconds(d time.Duration) float64 {
	return float64(d.Round(time.Microsecond)) / float64(time.Millisecond)
}

// by says how many need an action.
func (n *need) by() string {
	data := 0
	for _, address := range n.jobs {
		if isData(address) {
			data++
		}
	}
	switch jobs := len(n.jobs) - data; {
	case data == 0:
		return count(jobs, "job")
	case jobs == 0:
		return count(data, "data source")
	default:
		return count(jobs, "job") + ", " + count(data, "data source")
	}
}

// isData tells whether an address is that of a data source, in whatever module.
func isData(address string) bool {
	return strings.HasPrefix(address, "data.") || strings.Contains(address, ".data.")
}
