package schema

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/gocty"
)

var errSensitiveTarget = errors.New("it is sensitive, but plans and the state show targets. If it is no secret, wrap it in nonsensitive(…)")

// ParseTarget reads a target in Asterisk's dial notation: PJSIP/1001, SIP/1001
// (the technology in any case) or a sip: or sips: URI. One contact of an endpoint,
// PJSIP/1001/sip:1001@192.0.2.7, is not given by text but by an object: text may be
// put together from what strangers say, who could so send a NOTIFY elsewhere.
func ParseTarget(s string) (Target, error) {
	if i := strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }); i >= 0 {
		return Target{}, fmt.Errorf("%s has a control character at byte %d", excerpt(s), i+1)
	}
	tech, name, slash := strings.Cut(s, "/")
	switch {
	case isSIPURI(s):
		if err := checkURI(s); err != nil {
			return Target{}, err
		}
		return Target{Tech: TechURI, Name: s}, nil
	case !slash:
		if s == "" {
			return Target{}, errors.New("it is empty")
		}
		return Target{}, fmt.Errorf("%s does not say which channel driver serves it. Write \"PJSIP/%[2]s\" for an endpoint of chan_pjsip, or \"SIP/%[2]s\" for a peer of chan_sip", excerpt(s), clip(s))
	}
	t := Target{Name: name}
	switch {
	case strings.EqualFold(tech, string(TechPJSIP)):
		t.Tech = TechPJSIP
	case strings.EqualFold(tech, string(TechSIP)):
		t.Tech = TechSIP
	default:
		return Target{}, fmt.Errorf("%s has the technology %s, to which no NOTIFY can be sent. Use \"PJSIP/…\", \"SIP/…\" or a URI \"sip:…\"", excerpt(s), excerpt(tech))
	}
	switch {
	case name == "":
		return Target{}, fmt.Errorf("%s has no name after the slash", excerpt(s))
	case strings.Contains(name, "&"):
		return Target{}, fmt.Errorf("%s has a %q. Dial() takes several phones in that way; here each is an element of the list", excerpt(s), "&")
	case strings.Contains(name, "/"):
		return Target{}, fmt.Errorf("%s has a second slash. A NOTIFY goes to an endpoint, \"PJSIP/1001\", or to a URI, \"sip:1001@192.0.2.7\"; to one contact of an endpoint it goes by an object: { endpoint = \"1001\", uri = \"sip:1001@192.0.2.7\" }", excerpt(s))
	case strings.TrimSpace(name) != name:
		return Target{}, fmt.Errorf("%s has blanks around its name", excerpt(s))
	}
	return t, nil
}

func isSIPURI(s string) bool {
	scheme, _, ok := strings.Cut(s, ":")
	return ok && (strings.EqualFold(scheme, "sip") || strings.EqualFold(scheme, "sips"))
}

func checkURI(s string) error {
	if !isSIPURI(s) || strings.ContainsFunc(s, unicode.IsControl) {
		return fmt.Errorf("%s is not a SIP URI. Use a form such as \"sip:1001@192.0.2.7\"", excerpt(s))
	}
	if _, rest, _ := strings.Cut(s, ":"); rest == "" || strings.ContainsAny(s, " <>\"") {
		return fmt.Errorf("%s is not a SIP URI. Use a form such as \"sip:1001@192.0.2.7\"", excerpt(s))
	}
	return nil
}

func clip(s string) string { return s[:min(len(s), 40)] }

// targetOf reads one element of a list of targets. What was read of a PBX may have
// the URI of a contact as its phone made it: whether that can be sent to is seen
// when it is prepared, and then it is left out, so that one phone does not hold up
// all others.
func targetOf(v cty.Value, read bool) (Target, error) {
	if v.IsMarked() {
		return Target{}, errSensitiveTarget
	}
	if v.IsNull() {
		return Target{}, errors.New("it is null")
	}
	ty := v.Type()
	if ty.IsPrimitiveType() {
		if ty != cty.String {
			return Target{}, fmt.Errorf("it is a %s. Write it as text, such as \"PJSIP/%s\"", ty.FriendlyName(), numberOrBool(v))
		}
		t, err := ParseTarget(v.AsString())
		t.fields = cty.NilVal
		return t, err
	}
	if !ty.IsObjectType() && !ty.IsMapType() {
		return Target{}, fmt.Errorf("it is a %s. A target is text such as \"PJSIP/1001\", or an object with an attribute \"target\"", ty.FriendlyName())
	}
	spelling, err := field(v, "target")
	endpoint, uri := false, ""
	if err == nil && spelling == "" {
		spelling, err = field(v, "endpoint")
		endpoint = true
	}
	if err == nil && endpoint && !onlyContact(v) {
		uri, err = field(v, "uri")
	}
	switch {
	case err != nil:
		return Target{}, err
	case spelling == "":
		for _, name := range []string{"target", "endpoint"} {
			if a, ok := attribute(v, name); ok && a.IsNull() {
				return Target{}, fmt.Errorf("its attribute %q is null", name)
			} else if ok {
				return Target{}, fmt.Errorf("its attribute %q is empty", name)
			}
		}
		return Target{}, fmt.Errorf("it is an object without an attribute \"target\" (such as \"PJSIP/1001\") or \"endpoint\" (such as \"1001\").%s%s", byteOrderMark(ty), hasFields(ty))
	case endpoint:
		spelling = string(TechPJSIP) + "/" + spelling
	}
	t, err := ParseTarget(spelling)
	if err == nil && uri != "" {
		if t.Contact = uri; !read || strings.ContainsFunc(uri, unicode.IsControl) {
			err = checkURI(uri)
		}
	}
	t.fields = v
	return t, err
}

// onlyContact tells whether an object is the one contact of its endpoint: then the
// endpoint is as good a target, and a better one, since it keeps its name when the
// phone registers from elsewhere.
func onlyContact(v cty.Value) bool {
	n, ok := numberField(v, "contact_count")
	return ok && n == 1
}

// numberField returns a whole number among the attributes of an object.
func numberField(v cty.Value, name string) (int, bool) {
	a, ok := attribute(v, name)
	if !ok || a.IsMarked() || a.IsNull() || !a.IsKnown() || a.Type() != cty.Number {
		return 0, false
	}
	var n int
	return n, gocty.FromCtyValue(a, &n) == nil
}

// HasNoContact tells whether it is known that nobody would hear a NOTIFY to the
// target: what the configuration gave for it, as data.pjsip_endpoints does, says
// that it has no contacts.
func (t Target) HasNoContact() bool {
	if t.Tech != TechPJSIP || t.fields == cty.NilVal {
		return false
	}
	n, ok := numberField(t.fields, "contacts")
	return ok && n == 0
}

// exclude takes the targets out that a job does not send to. An endpoint stands
// for its contacts, too.
func (c *collector) exclude(a *arg, from []Target, fixed bool, ctx *hcl.EvalContext) ([]Target, bool) {
	out, known := c.evalTargets(a, ctx)
	if !known {
		return nil, false
	}
	names := make(map[string]int, len(out)) // index in out
	for i, t := range out {
		names[t.String()] = i
	}
	met := make([]bool, len(out))
	kept := slices.DeleteFunc(from, func(t Target) bool {
		i, ok := names[t.String()]
		if !ok && t.Contact != "" {
			t.Contact, t.text = "", ""
			i, ok = names[t.String()]
		}
		if ok {
			met[i] = true
		}
		return ok
	})
	if i := slices.Index(met, false); fixed && i >= 0 {
		d := problem(&a.rng, "Exclusion without effect", "%s is not among the targets of the job. If it should be kept from a NOTIFY, check how it is spelt.", excerpt(out[i].String()))
		d.Severity = hcl.DiagWarning
		c.add(d)
	}
	return kept, true
}

// byteOrderMark says why a field that seems to be there is not: spreadsheets write
// this mark before the name of the first column.
func byteOrderMark(ty cty.Type) string {
	for name := range ty.AttributeTypes() {
		if strings.HasPrefix(name, "\ufeff") {
			return " A file of which they were read begins with a byte order mark: save it without, or write csvdecode(trimprefix(file(…), \"\\ufeff\"))."
		}
	}
	return ""
}

func hasFields(ty cty.Type) string {
	if !ty.IsObjectType() || len(ty.AttributeTypes()) == 0 || len(ty.AttributeTypes()) > 10 {
		return ""
	}
	return " It has " + enumerate(attributeNames(ty))
}

func numberOrBool(v cty.Value) string {
	s, err := textFrom(v)
	if err != nil || s.IsNull() {
		return "…"
	}
	return s.AsString()
}

// attribute returns an attribute of an object, or element of a map, be it null.
func attribute(v cty.Value, name string) (a cty.Value, ok bool) {
	key := cty.StringVal(name)
	switch {
	case v.Type().IsObjectType() && v.Type().HasAttribute(name):
		return v.GetAttr(name), true
	case v.Type().IsMapType() && v.HasIndex(key).True():
		return v.Index(key), true
	}
	return cty.NilVal, false
}

// field returns a text attribute of an object, or element of a map; "" if it has none.
func field(v cty.Value, name string) (string, error) {
	v, ok := attribute(v, name)
	if !ok {
		return "", nil
	}
	if v.IsMarked() {
		return "", fmt.Errorf("its attribute %q is sensitive, but plans and the state show targets", name)
	}
	if v.IsNull() {
		return "", nil
	}
	s, err := textFrom(v)
	if err != nil {
		return "", fmt.Errorf("its attribute %q is not text", name)
	}
	return s.AsString(), nil
}

// object returns what target.* is for this target.
func (t Target) object() cty.Value {
	if t.fields == cty.NilVal {
		return cty.ObjectVal(map[string]cty.Value{"target": cty.StringVal(t.String())})
	}
	return t.fields
}

// maxTargetMistakes bounds how many mistakes in one list are told.
const maxTargetMistakes = 10

// evalTargets evaluates the argument targets. known is false where something in
// it is known only at firing. After mistakes it gives those that can be used.
func (c *collector) evalTargets(a *arg, ctx *hcl.EvalContext) (targets []Target, known bool) {
	v, ok := c.eval(a, ctx)
	if !ok {
		return nil, true
	}
	what := "the list of targets"
	if a.name != "targets" {
		what = fmt.Sprintf("the list %q", a.name)
	}
	const form = "Give a list of texts such as \"PJSIP/1001\", or of objects with an attribute \"target\"."
	switch ty := v.Type(); {
	case v.IsMarked():
		c.failIn(ctx, a, "Sensitive value not allowed", "The list is sensitive, but plans and the state show targets. If it is no secret, wrap it in nonsensitive(…).")
		return nil, true
	case v.IsNull():
		c.failIn(ctx, a, "Invalid targets", "The list is null. %s For nobody, give an empty list.", form)
		return nil, true
	case !v.IsKnown():
		return nil, false
	case ty == cty.String:
		c.failIn(ctx, a, "Invalid targets", "The argument %q is a list, also for one target: write it in brackets. %s", a.name, form)
		return nil, true
	case !ty.IsListType() && !ty.IsSetType() && !ty.IsTupleType():
		c.failIn(ctx, a, "Invalid targets", "The argument %q cannot be a %s. %s", a.name, ty.FriendlyName(), form)
		return nil, true
	}
	targets = make([]Target, 0, v.LengthInt())
	seen := make(map[string]int, v.LengthInt()) // index in targets
	at := make([]int, 0, v.LengthInt())         // of each of them, index in the list
	known, mistakes, repeats := true, 0, 0
	var repeat string
	index := -1
	read := slices.ContainsFunc(a.refs, func(r *node) bool { return len(r.data) > 0 })
	for it := v.ElementIterator(); it.Next(); {
		index++
		_, e := it.Element()
		if partlyUnknown(e) {
			known = false
			continue
		}
		t, err := targetOf(e, read)
		name := t.String()
		t.text = name
		if err == nil {
			if same, twice := seen[name]; twice {
				first := at[same]
				if !targets[same].object().RawEquals(t.object()) {
					err = fmt.Errorf("%s is element %d already, with other attributes. One message goes to each target of a job; give one of them", name, first)
				} else {
					repeats++
					if repeat == "" {
						repeat = fmt.Sprintf("%s is element %d and element %d of the list.", name, first, index)
					}
					continue
				}
			}
		}
		if err != nil {
			if mistakes++; mistakes > maxTargetMistakes {
				break
			}
			c.fail(elementRange(a, index), "Invalid target", "Element %d of %s cannot be used: %s.", index, what, strings.TrimSuffix(err.Error(), "."))
			continue
		}
		seen[name] = len(targets)
		targets, at = append(targets, t), append(at, index)
	}
	if repeats > 0 {
		d := problem(&a.rng, "Duplicate targets", "%s It is sent to once. Targets that are repeated: %d.", repeat, repeats)
		d.Severity = hcl.DiagWarning
		c.add(d)
	}
	if !known {
		targets = nil
	}
	return targets, known
}

// elementRange points at one element of a list, if it is written out.
func elementRange(a *arg, index int) hcl.Range {
	if list, ok := a.expr.(*hclsyntax.TupleConsExpr); ok && index < len(list.Exprs) {
		return list.Exprs[index].Range()
	}
	return a.rng
}

// partlyUnknown tells whether it is not known yet whom a target names.
func partlyUnknown(v cty.Value) bool {
	if !v.IsKnown() {
		return true
	}
	if v.IsNull() || !v.Type().IsObjectType() && !v.Type().IsMapType() {
		return false
	}
	if v.Type().IsMapType() {
		return !v.IsWhollyKnown()
	}
	for name, ty := range v.Type().AttributeTypes() { // without the order that an iterator gives
		if a := v.GetAttr(name); !a.IsKnown() || !ty.IsPrimitiveType() && !a.IsWhollyKnown() {
			return true
		}
	}
	return false
}
