package schema

import (
	_ "embed" // for presetsFile
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsimple"
	"github.com/zclconf/go-cty/cty"
)

// presetsFile is the catalogue of what vendors' phones do with a NOTIFY.
//
//go:embed presets.hcl
var presetsFile []byte

// Vendor is a maker of phones, or those of its phones that do the same.
type Vendor struct {
	ID        string   `hcl:"id,label"` // as in preset.ID.reboot
	Name      string   `hcl:"name"`
	UserAgent string   `hcl:"user_agent"` // a regular expression; its group is the version of the firmware
	Example   string   `hcl:"example"`    // of a User-Agent
	Presets   []Preset `hcl:"action,block"`

	pattern *regexp.Regexp
}

// Preset is a message that a vendor's phones understand, and what is known of
// what they do with it.
type Preset struct {
	Action      string            `hcl:"action,label"` // as in preset.yealink.ACTION
	Aliases     []string          `hcl:"aliases,optional"`
	Event       string            `hcl:"event"`
	Headers     map[string]string `hcl:"headers,optional"`
	ContentType string            `hcl:"content_type,optional"`
	Content     *string           `hcl:"content"`
	Does        string            `hcl:"does"`           // what a phone does: a clause without its subject
	Needs       string            `hcl:"needs,optional"` // what it needs for that; empty: nothing that is known
	KnownFrom   string            `hcl:"known_from"`     // "vendor", "asterisk" or "others"
	Source      []string          `hcl:"source"`
}

// Vendors returns the catalogue, in the order of its file.
var Vendors = sync.OnceValue(func() []Vendor {
	var file struct {
		Vendors []Vendor `hcl:"vendor,block"`
	}
	if err := hclsimple.Decode("presets.hcl", presetsFile, nil, &file); err != nil {
		panic(err) // it is part of the program, and a test reads it
	}
	for i, v := range file.Vendors {
		file.Vendors[i].pattern = regexp.MustCompile(v.UserAgent)
	}
	return file.Vendors
})

// message is what the preset sends.
func (u PresetUse) message() *Message {
	p := u.Preset
	m := &Message{Event: Plain(p.Event), ContentType: Plain(p.ContentType), Presets: []PresetUse{u}}
	for _, name := range slices.Sorted(maps.Keys(p.Headers)) {
		m.Headers = append(m.Headers, Header{Name: name, Value: Plain(p.Headers[name])})
	}
	if p.Content != nil {
		t := Plain(*p.Content)
		m.Content = &t
	}
	return m
}

// named gives the preset of an action by its name or an alias of it; nil if the
// vendor has none.
func (v *Vendor) named(action string) *Preset {
	for i, p := range v.Presets {
		if p.Action == action || slices.Contains(p.Aliases, action) {
			return &v.Presets[i]
		}
	}
	return nil
}

// actions gives the names of all actions of the vendor, aliases among them.
func (v *Vendor) actions() []string {
	var names []string
	for _, p := range v.Presets {
		names = append(append(names, p.Action), p.Aliases...)
	}
	slices.Sort(names)
	return names
}

func vendorNamed(id string) *Vendor {
	all := Vendors()
	for i := range all {
		if all[i].ID == id {
			return &all[i]
		}
	}
	return nil
}

func vendorIDs() []string {
	var ids []string
	for _, v := range Vendors() {
		ids = append(ids, v.ID)
	}
	slices.Sort(ids)
	return ids
}

// presetValues is what the name preset stands for: an object of vendors, each of
// them one of messages.
var presetValues = sync.OnceValue(func() cty.Value {
	vendors := make(map[string]cty.Value)
	for _, v := range Vendors() {
		messages := make(map[string]cty.Value)
		for _, name := range v.actions() {
			messages[name] = PresetUse{&v, v.named(name)}.message().value()
		}
		vendors[v.ID] = cty.ObjectVal(messages)
	}
	return cty.ObjectVal(vendors)
})

// checkPreset checks a reference to the catalogue of presets.
func (g *graph) checkPreset(t hcl.Traversal) bool {
	vendor, action := attributeName(t, 1), attributeName(t, 2)
	switch v := vendorNamed(vendor); {
	case vendor == "":
		g.fail(t.SourceRange(), "Invalid reference", "%q cannot be used as a whole. Name a vendor and an action, as in preset.yealink.reboot; to have the vendor found by a phone's User-Agent, call preset_for(…).", "preset")
	case v == nil:
		hint := suggest(vendor, vendorIDs())
		if hint == "" {
			hint = fmt.Sprintf(" There is %s.", enumerate(vendorIDs()))
		}
		g.fail(t.SourceRange(), "Unknown preset", "There are no presets for the vendor %q.%s", vendor, hint)
	case action == "":
		g.fail(t.SourceRange(), "Invalid reference", "\"preset.%s\" cannot be used as a whole. Name one of its actions: %s.", vendor, strings.Join(v.actions(), ", "))
	case v.named(action) == nil:
		g.fail(t.SourceRange(), "Unknown preset", "%s phones have no preset %q.%s", v.Name, action, suggestOrList(action, v.actions()))
	default:
		return true
	}
	return false
}

// attributeName is the name of the attribute that stands at place i of a
// traversal, or "".
func attributeName(t hcl.Traversal, i int) string {
	if len(t) <= i {
		return ""
	}
	attr, _ := t[i].(hcl.TraverseAttr)
	return attr.Name
}
