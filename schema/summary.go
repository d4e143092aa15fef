package schema

import (
	"strings"
	"unicode"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

var summaryType = &blockType{
	name:     "message_summary",
	optional: []string{"account", "new", "old", "urgent_new", "urgent_old"},
}

// evalSummary makes the body of RFC 3842, as Asterisk writes it
// (res/res_pjsip_mwi_body_generator.c: mwi_to_string).
func evalSummary(c *collector, b *block, ctx *hcl.EvalContext) (cty.Value, bool) {
	var marks cty.ValueMarks
	unknown, ok := false, true
	get := func(name string, want cty.Type) cty.Value {
		a := b.args[name]
		if a == nil {
			return cty.NullVal(want)
		}
		v, valid := c.eval(a, ctx)
		if !valid {
			ok = false
			return cty.NullVal(want)
		}
		if v.IsMarked() {
			var m cty.ValueMarks
			v, m = v.Unmark()
			marks = cty.NewValueMarks(marks, m)
		}
		if v.Type() == cty.String && v.IsKnown() && !v.IsNull() && (want == cty.String || plainCount(v.AsString())) {
			return v
		}
		v, err := convert.Convert(v, want)
		if err != nil {
			c.failIn(ctx, a, "Wrong type of value", "The argument %q cannot take this value: %s.", name, err)
			ok = false
			return cty.NullVal(want)
		}
		unknown = unknown || !v.IsKnown()
		return v
	}
	count := func(name string) string {
		v := get(name, cty.Number)
		switch {
		case v.IsNull() || !v.IsKnown():
			return "0"
		case v.Type() == cty.String:
			return v.AsString()
		}
		f := v.AsBigFloat()
		if !f.IsInt() || f.Sign() < 0 || f.MantExp(nil) > 32 {
			c.fail(b.args[name].rng, "Number out of range", "The argument %q is a number of messages: a whole number, and not negative.", name)
			ok = false
			return "0"
		}
		return f.Text('f', 0)
	}
	account := get("account", cty.String)
	if account.IsKnown() && !account.IsNull() && strings.ContainsFunc(account.AsString(), unicode.IsControl) {
		c.fail(b.args["account"].rng, "Invalid account", "The argument \"account\" has a line end or another control character, which would change the lines after it.")
		ok = false
	}
	fresh, old, urgentFresh, urgentOld := count("new"), count("old"), count("urgent_new"), count("urgent_old")
	if unknown || !ok {
		return cty.UnknownVal(cty.String).WithMarks(marks), ok
	}
	waiting := "no"
	if fresh != "0" || urgentFresh != "0" {
		waiting = "yes"
	}
	body := "Messages-Waiting: " + waiting + "\r\n"
	if !account.IsNull() && account.AsString() != "" {
		body += "Message-Account: " + account.AsString() + "\r\n"
	}
	body += "Voice-Message: " + fresh + "/" + old + " (" + urgentFresh + "/" + urgentOld + ")\r\n"
	return cty.StringVal(body).WithMarks(marks), true
}

// plainCount tells whether a text is a number as it would be written out: lists
// of mailboxes come from files, and their numbers as text.
func plainCount(s string) bool {
	if s == "" || len(s) > 9 || s[0] == '0' && s != "0" {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
