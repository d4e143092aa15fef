package schema

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// VendorOf finds the vendor of a phone, and the version of its firmware, by its
// User-Agent. The vendor is nil where no pattern of the catalogue matches, the
// firmware "" where the text does not say it, or not all of it: Asterisk may have
// cut it.
func VendorOf(userAgent string) (v *Vendor, firmware string) {
	// A text that no phone sends is nobody's, however it begins.
	if strings.ContainsFunc(userAgent, unicode.IsControl) {
		return nil, ""
	}
	userAgent = strings.TrimSpace(userAgent)
	all := Vendors()
	for i := range all {
		if match := all[i].pattern.FindStringSubmatch(userAgent); match != nil {
			if len(match) > 1 {
				firmware = match[1]
			}
			return &all[i], firmware
		}
	}
	return nil, ""
}

// StrangerError is why preset_for has no message for a phone.
type StrangerError struct {
	UserAgent string   // of the phone
	Vendor    *Vendor  // by it; nil: none
	Actions   []string // that were asked for
}

func (e *StrangerError) Error() string {
	return e.reason(excerpt(e.UserAgent))
}

// reason says why, with the User-Agent as it may be shown.
func (e *StrangerError) reason(shown string) string {
	switch {
	case e.Vendor != nil:
		return fmt.Sprintf("%s phones, such as %s, have no preset %s. There is %s", e.Vendor.Name, shown, strings.Join(quoted(e.Actions), " or "), enumerate(e.Vendor.actions()))
	case strings.TrimSpace(e.UserAgent) == "":
		return "the phone has not told a User-Agent, so that its vendor is not known"
	}
	return fmt.Sprintf("no vendor is known by the User-Agent %s", shown)
}

// strangerReason is in a diagnostic what Stranger has found in it, where all else
// that it had is dropped.
type strangerReason string

// Stranger tells whether diagnostics of Job.Message have no other errors than
// that preset_for has nothing for the phone, and says why.
func Stranger(diags hcl.Diagnostics) (reason string, ok bool) {
	for _, d := range diags {
		if d.Severity != hcl.DiagError {
			continue
		}
		if kept, ok := d.Extra.(strangerReason); ok {
			reason = cmp.Or(reason, string(kept))
			continue
		}
		extra, called := hcl.DiagnosticExtra[hclsyntax.FunctionCallDiagExtra](d)
		var stranger *StrangerError
		if !called || !errors.As(extra.FunctionCallError(), &stranger) {
			return "", false
		}
		if reason == "" {
			shown := excerpt(stranger.UserAgent)
			if d.Expression != nil && anySensitive(d) {
				shown = Redacted
			}
			reason = stranger.reason(shown)
		}
	}
	return reason, reason != ""
}

// userAgentParam takes a User-Agent; null is as good as none.
var userAgentParam = function.Parameter{Name: "user_agent", Type: cty.String, AllowNull: true}

func textOr(v cty.Value) string {
	if v.IsNull() {
		return ""
	}
	return v.AsString()
}

// presetForFunc picks by its User-Agent what to send to a phone: the first of the
// actions that its vendor has.
var presetForFunc = presetFor(func(*Vendor, *Preset) {})

// presetFor makes that function so that picked is told what it gives.
func presetFor(picked func(*Vendor, *Preset)) function.Function {
	return function.New(&function.Spec{
		Params:   []function.Parameter{userAgentParam, {Name: "action", Type: cty.String}},
		VarParam: &function.Parameter{Name: "actions", Type: cty.String},
		Type: func(args []cty.Value) (cty.Type, error) {
			known := knownActions()
			for i, a := range args[1:] {
				if a.IsKnown() && !slices.Contains(known, a.AsString()) {
					hint := suggest(a.AsString(), known)
					if hint != "" {
						hint = " (d" + strings.TrimPrefix(hint, " D") + ")"
					}
					return cty.DynamicPseudoType, function.NewArgErrorf(i+1, "no vendor has the preset %s%s", excerpt(a.AsString()), hint)
				}
			}
			return messageValueType, nil
		},
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			stranger := &StrangerError{UserAgent: textOr(args[0])}
			stranger.Vendor, _ = VendorOf(stranger.UserAgent)
			for _, a := range args[1:] {
				stranger.Actions = append(stranger.Actions, a.AsString())
				if stranger.Vendor == nil {
					continue
				}
				if p := stranger.Vendor.named(a.AsString()); p != nil {
					picked(stranger.Vendor, p)
					return PresetUse{stranger.Vendor, p}.message().value(), nil
				}
			}
			return cty.UnknownVal(messageValueType), stranger // an error of the call, since one of an argument hides what it is made of
		},
	})
}

// messageValueType is the type of every message as a value.
var messageValueType = (&Message{}).value().Type()

// knownActions are the names of all actions of any vendor, aliases among them.
func knownActions() []string {
	var names []string
	for _, v := range Vendors() {
		names = append(names, v.actions()...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// ofUserAgent makes a function from a User-Agent to a text that may be unknown:
// null where it is "".
func ofUserAgent(f func(userAgent string) string) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{userAgentParam},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			text := f(textOr(args[0]))
			if text == "" {
				return cty.NullVal(cty.String), nil
			}
			return cty.StringVal(text), nil
		},
	})
}

var (
	firmwareOfFunc = ofUserAgent(func(userAgent string) string {
		_, firmware := VendorOf(userAgent)
		return firmware
	})
	vendorOfFunc = ofUserAgent(func(userAgent string) string {
		v, _ := VendorOf(userAgent)
		if v == nil {
			return ""
		}
		return v.ID
	})
)
