package main

import (
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/notifyrun/notifyrun/engine"
	"github.com/notifyrun/notifyrun/schema"
)

// unread is what could not be read of a PBX.
type unread struct {
	requests []*schema.DataRequest
	dial     string // host:port that was dialled; "": none was
	err      error  // why
}

// text says what could not be read, and why.
func (u unread) text() string {
	err := u.err
	if errors.As(err, new(x509.UnknownAuthorityError)) {
		err = fmt.Errorf("%w; name the authority by ca_file in the tls block", err)
	}
	what := u.requests[0].Address
	if n := len(u.requests) - 1; n > 0 {
		what += " and " + count(n, "other data source")
	}
	pbx := u.requests[0].PBX.Address
	if u.dial != "" {
		pbx += " at " + u.dial
	}
	return printable(fmt.Sprintf("%s could not be read of %s: %s", what, pbx, strings.TrimSuffix(err.Error(), ".")))
}

// diagnostic is the mistake that this is, with what to do.
func (u unread) diagnostic(remedy string) *hcl.Diagnostic {
	return &hcl.Diagnostic{
		Severity: hcl.DiagError, Subject: u.requests[0].DeclRange.Ptr(),
		Summary: "Data not read", Detail: u.text() + ". " + remedy,
	}
}

const byLastRead = "To go by what was last read: -refresh=false."

// notRead tells what could not be read: a mistake where the plan sends by it, else a
// warning. Without a plan it is not known which.
func (l *loaded) notRead(p *engine.Plan) hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, u := range l.unread {
		d := u.diagnostic(byLastRead)
		if p == nil || !u.needed(p) {
			d.Severity = hcl.DiagWarning
			d.Detail = fmt.Sprintf("%s. It is as it was read %s.", u.text(), ago(l.read[u.requests[0].Address].Read))
			if p != nil {
				d.Detail += " No job of this plan depends on it."
			}
		}
		diags = append(diags, d)
	}
	return diags
}

// needed tells whether a job of a plan depends on what could not be read.
func (u unread) needed(p *engine.Plan) bool {
	return slices.ContainsFunc(p.Jobs, func(jp *engine.JobPlan) bool {
		return jp.Job != nil && slices.ContainsFunc(u.requests, func(r *schema.DataRequest) bool { return slices.Contains(jp.Job.Data, r.Address) })
	})
}

// wasMissed tells whether a data source could not be read, and is as it was.
func (l *loaded) wasMissed(r *schema.DataRequest) bool {
	return slices.ContainsFunc(l.unread, func(u unread) bool {
		return slices.ContainsFunc(u.requests, func(missed *schema.DataRequest) bool { return missed.Address == r.Address })
	})
}
