package schema

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// PresetUse is a preset that a message was made of.
type PresetUse struct {
	Vendor *Vendor
	Preset *Preset
}

// name is how a message as a value says of which preset it was made.
func (u PresetUse) name() string { return u.Vendor.ID + "." + u.Preset.Action }

// presetOf finds the preset of which a value says that it was made; nil if there is
// none.
func presetOf(name cty.Value) *PresetUse {
	if name == cty.NilVal || name.IsMarked() || name.Type() != cty.String || !name.IsKnown() || name.IsNull() {
		return nil
	}
	vendor, action, _ := strings.Cut(name.AsString(), ".")
	if v := vendorNamed(vendor); v != nil {
		if p := v.named(action); p != nil {
			return &PresetUse{v, p}
		}
	}
	return nil
}

// unnamed takes out of a value of which presets the messages in it were made: they
// are the same messages without.
func unnamed(v cty.Value) cty.Value {
	if !namesPresets(v.Type()) {
		return v
	}
	plain, err := cty.Transform(v, func(_ cty.Path, v cty.Value) (cty.Value, error) {
		switch {
		case !isMessage(v.Type()):
			return v, nil
		case v.IsNull():
			attributes := maps.Clone(v.Type().AttributeTypes())
			delete(attributes, "preset")
			return cty.NullVal(cty.Object(attributes)), nil
		}
		fields := v.AsValueMap()
		delete(fields, "preset")
		return cty.ObjectVal(fields), nil
	})
	if err != nil { // the function above has none: cannot happen
		return v
	}
	return plain
}

// isMessage tells whether values of a type are messages, as messageValueType is one.
func isMessage(ty cty.Type) bool {
	return ty.IsObjectType() && ty.HasAttribute("preset") && ty.HasAttribute("event") && ty.HasAttribute("call_id")
}

// namesPresets tells whether there may be messages in a value of a type.
func namesPresets(ty cty.Type) bool {
	switch {
	case ty.IsObjectType():
		if isMessage(ty) {
			return true
		}
		for _, attribute := range ty.AttributeTypes() {
			if namesPresets(attribute) {
				return true
			}
		}
	case ty.IsTupleType():
		return slices.ContainsFunc(ty.TupleElementTypes(), namesPresets)
	case ty.IsCollectionType():
		return namesPresets(ty.ElementType())
	}
	return false
}

// presetRefs is what the expressions of a message, and of those that it refers
// to, have of the catalogue.
type presetRefs struct {
	once  sync.Once
	named []PresetUse // preset.VENDOR.ACTION
	asks  bool        // preset_for is called
}

// references finds what the message has of the catalogue.
func (m *message) references() *presetRefs {
	r := &m.presets
	r.once.Do(func() {
		for _, a := range m.allArgs() {
			if expr, ok := a.expr.(hclsyntax.Node); ok {
				hclsyntax.VisitAll(expr, func(n hclsyntax.Node) hcl.Diagnostics {
					call, ok := n.(*hclsyntax.FunctionCallExpr)
					r.asks = r.asks || ok && call.Name == "preset_for"
					return nil
				})
			}
			for _, t := range a.expr.Variables() {
				if v := vendorNamed(attributeName(t, 1)); t.RootName() == "preset" && v != nil {
					if p := v.named(attributeName(t, 2)); p != nil {
						r.named = append(r.named, PresetUse{v, p})
					}
				}
			}
		}
	})
	return r
}

// noting gives a scope in which preset_for notes what it gives.
func (m *message) noting(ctx *hcl.EvalContext) (*hcl.EvalContext, *[]PresetUse) {
	if !m.references().asks {
		return ctx, nil
	}
	given := new([]PresetUse)
	ctx = ctx.NewChild()
	ctx.Functions = map[string]function.Function{
		"preset_for": presetFor(func(v *Vendor, p *Preset) { *given = append(*given, PresetUse{v, p}) }),
	}
	return ctx, given
}

// note has a message say which presets it may be made of, unless its value has said
// it: those with its event, which preset_for has given or else the expressions name.
func (m *message) note(msg *Message, given *[]PresetUse) {
	if msg == nil || msg.Event.IsUnknown() || msg.Event.IsSensitive() || len(msg.Presets) > 0 { // which preset it is would tell
		return
	}
	add := func(uses []PresetUse) {
		for _, u := range uses {
			if u.Preset.Event == msg.Event.Reveal() && !slices.Contains(msg.Presets, u) {
				msg.Presets = append(msg.Presets, u)
			}
		}
	}
	if given != nil {
		add(*given)
	}
	if len(msg.Presets) == 0 {
		add(m.references().named)
	}
}
