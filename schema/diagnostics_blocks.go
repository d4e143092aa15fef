package schema

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// elsewhere says, of blocks at the top level that other tools have, what there
// is instead.
var elsewhere = map[string]string{
	"resource":  "A job is a block of its own: sip_notify \"NAME\" { … } or user_event \"NAME\" { … }.",
	"provider":  "The servers are declared by pbx blocks: pbx \"NAME\" { address = …, … }.",
	"terraform": "The settings of a configuration stand in a notifyrun block, as in notifyrun { required_version = \">= 0.1\" }.",
	"backend":   "The place of the state stands in a notifyrun block: notifyrun { state \"sqlite\" { path = … } }.",
	"local":     "Local values stand in a locals block: locals { NAME = VALUE }.",
	"variables": "Each variable has a block of its own: variable \"NAME\" { … }. Values for variables stand in a file *.hclvars.",
	"import":    "There is nothing to import: what phones have had is recorded when they get it.",
	"removed":   "To remove a job, take its block out; the next apply shows that and does it.",
	"action":    "A job is a block of its own: sip_notify \"NAME\" { … } or user_event \"NAME\" { … }.",
	"ephemeral": "A secret comes from a variable with sensitive = true, or from a file: secret_file.",
	"job":       "A job is written sip_notify \"NAME\" { … } or user_event \"NAME\" { … }.",
	"notify":    "A job that sends a NOTIFY is written sip_notify \"NAME\" { … }.",
	"schedule":  "A schedule is a trigger of a job: trigger \"schedule\" { cron = … }.",
	"event":     "To wait for an event is a trigger of a job: trigger \"event\" { name = … }.",
}

// within says so of blocks inside of others.
var within = map[string]string{
	"lifecycle":   "notifyrun creates and destroys nothing, so that there is nothing to say about it.",
	"provisioner": "notifyrun runs no programs.",
	"connection":  "Through which server a job sends is said by pbx = pbx.NAME.",
	"dynamic":     "Blocks cannot be made by expressions. For several jobs give the job for_each; for several headers give headers a list or a map made with 'for'.",
	"timeouts":    "How long to wait for an answer is the argument \"timeout\" of the pbx.",
	"schedule":    "A schedule is a trigger: trigger \"schedule\" { cron = … }.",
	"event":       "To wait for an event is a trigger: trigger \"event\" { name = … }.",
	"change":      "To fire when something changes is a trigger: trigger \"change\" { on = … }.",
	"after":       "To fire after another job is a trigger: trigger \"after\" { job = … }.",
	"header":      "Headers are an argument: headers = { NAME = VALUE }.",
}

// arguments says so of arguments.
var arguments = map[string]string{
	"provider":  "Through which server a job sends is said by pbx = pbx.NAME.",
	"server":    "Through which server a job sends is said by pbx = pbx.NAME.",
	"body":      "The body of a NOTIFY is the argument \"content\".",
	"cron":      "A schedule is a trigger: trigger \"schedule\" { cron = … }.",
	"schedule":  "A schedule is a trigger: trigger \"schedule\" { cron = … }.",
	"password":  "The secret of a server is the argument \"secret\", or \"secret_file\".",
	"user":      "The user of a server is the argument \"username\".",
	"host":      "Host and port of a server are the argument \"address\", as in \"pbx.example.net:5038\".",
	"port":      "Host and port of a server are the argument \"address\", as in \"pbx.example.net:5038\".",
	"ephemeral": "For a secret that is kept nowhere, name a file that has it: variable \"NAME\" { secret_file = \"PATH\" }.",
	"endpoint":  "Whom a job sends to is the argument \"targets\", a list such as [\"PJSIP/1001\"].",
	"endpoints": "Whom a job sends to is the argument \"targets\", a list such as [\"PJSIP/1001\"].",
	"phones":    "Whom a job sends to is the argument \"targets\", a list such as [\"PJSIP/1001\"].",
	"interval":  "A job that fires again and again has a trigger \"schedule\", as with cron = \"@every 10m\".",
}

// topLevel lists the types of the blocks of a file. Of locals, which takes any
// name, it has the name alone.
func topLevel() []*blockType {
	// Beside these arguments a data block has those of its kind, see DataTypes, and
	// a module block those that the module has variables for.
	data := &blockType{name: "data", labels: []string{"type", "name"}, required: []string{"pbx"}, optional: metaNames}
	return []*blockType{
		settingsType, variableType, {name: "locals", repeats: true}, pbxType, data, messageType, windowType,
		userEventType, sipNotifyType, callType, outputType, checkType, movedType,
	}
}

// content takes a body apart by a schema, which belongs to the type of block, or
// to nil: a file. What does not fit is reported.
//
// meant has the names that wrong ones were probably meant to be: that those are
// missing needs no telling.
func (d *decoder) content(t *blockType, schema *hcl.BodySchema, body hcl.Body) (content *hcl.BodyContent, meant map[string]bool) {
	content, diags := body.Content(schema)
	native, ok := body.(*hclsyntax.Body)
	if !ok || len(diags) == 0 {
		d.add(diags...)
		return content, nil
	}
	meant = make(map[string]bool)
	for _, name := range slices.Sorted(maps.Keys(native.Attributes)) {
		if a := native.Attributes[name]; !slices.ContainsFunc(schema.Attributes, func(s hcl.AttributeSchema) bool { return s.Name == name }) {
			hint := unknownArgument(t, schema, name)
			meant[guess(name, argumentNames(schema))] = true
			d.fail(a.NameRange, "Unsupported argument", "%s", hint)
		}
	}
	for _, b := range native.Blocks {
		i := slices.IndexFunc(schema.Blocks, func(s hcl.BlockHeaderSchema) bool { return s.Type == b.Type })
		if i < 0 {
			meant[guess(b.Type, argumentNames(schema))] = true
			if slices.ContainsFunc(schema.Attributes, func(s hcl.AttributeSchema) bool { return s.Name == b.Type }) {
				meant[b.Type] = true
			}
			d.fail(b.TypeRange, "Unsupported block type", "%s", unknownBlock(t, schema, b))
			continue
		}
		if d.labels(t, schema.Blocks[i], b) {
			meant[b.Type] = true
		}
	}
	for _, a := range schema.Attributes {
		if a.Required && native.Attributes[a.Name] == nil && !meant[a.Name] {
			d.fail(body.MissingItemRange(), "Missing required argument", "%s needs the argument %q.", aBlock(t), a.Name)
		}
	}
	return content, meant
}

// labels reports labels that are missing, or too many, and tells whether any are.
func (d *decoder) labels(t *blockType, schema hcl.BlockHeaderSchema, b *hclsyntax.Block) bool {
	form := schema.Type
	for _, l := range schema.LabelNames {
		form += fmt.Sprintf(" %q", strings.ToUpper(l))
	}
	switch has, wants := len(b.Labels), len(schema.LabelNames); {
	case has < wants && schema.Type == triggerType.name:
		var kinds []string
		for _, k := range triggerType.kinds {
			kinds = append(kinds, k.name)
		}
		d.fail(b.TypeRange, "Missing type", "A block %q has its type behind it, in quotes: %s { … }. There is %s.", schema.Type, form, enumerate(kinds))
	case has < wants:
		d.fail(b.TypeRange, "Missing "+schema.LabelNames[has], "A block %q has its %s behind it, in quotes: %s { … }.", schema.Type, schema.LabelNames[has], form)
	case has > wants && wants == 0 && t != nil:
		d.fail(b.LabelRanges[0], "Label too many", "A block %q in a %s block has no name, since it is for that alone: %s { … }.", schema.Type, t.name, form)
	case has > wants && wants == 0:
		d.fail(b.LabelRanges[0], "Label too many", "A block %q has no name: %s { … }.", schema.Type, form)
	case has > wants && schema.Type == "variable":
		d.fail(b.LabelRanges[wants], "Label too many", "A block %q has one label, its name: %s { … }. Its type is an argument in it.", schema.Type, form)
	case has > wants:
		d.fail(b.LabelRanges[wants], "Label too many", "A block %q has only one label: %s { … }.", schema.Type, form)
	}
	return len(b.Labels) != len(schema.LabelNames)
}

// aBlock names a type of block at the beginning of a sentence; nil is a file.
func aBlock(t *blockType) string {
	if t == nil {
		return "A file"
	}
	if isKind(t) {
		return fmt.Sprintf("A trigger %q", t.name)
	}
	article := "A"
	if strings.ContainsRune("aeio", rune(t.name[0])) {
		article = "An"
	}
	return fmt.Sprintf("%s %s block", article, t.name)
}

// isKind tells whether a type is that of a block whose label says which it is.
func isKind(t *blockType) bool { return slices.Contains(triggerType.kinds, t) }

func argumentNames(schema *hcl.BodySchema) []string {
	var names []string
	for _, a := range schema.Attributes {
		names = append(names, a.Name)
	}
	return names
}

func blockNames(schema *hcl.BodySchema) []string {
	var names []string
	for _, b := range schema.Blocks {
		names = append(names, b.Type)
	}
	return names
}

// unknownArgument says what is wrong with an argument that there is not.
func unknownArgument(t *blockType, schema *hcl.BodySchema, name string) string {
	none := fmt.Sprintf("%s has no argument %q.", aBlock(t), name)
	i := slices.IndexFunc(schema.Blocks, func(b hcl.BlockHeaderSchema) bool { return b.Type == name })
	switch {
	case i >= 0:
		form := name
		for _, l := range schema.Blocks[i].LabelNames {
			form += fmt.Sprintf(" %q", strings.ToUpper(l))
		}
		return fmt.Sprintf("%q is a block and no argument: write %s { … }, without an equals sign.", name, form)
	case t == nil:
		return fmt.Sprintf("The argument %q stands outside of all blocks. To give a value a name, write locals { %s = … }; the value of a variable stands in a file *.hclvars.", name, name)
	}
	if s := suggest(name, argumentNames(schema)); s != "" {
		return none + s
	}
	if s := suggest(name, blockNames(schema)); s != "" {
		return none + s
	}
	if outer := ownerOf(t, name); outer != "" {
		return none + outer
	}
	if s := arguments[name]; s != "" {
		return none + " " + s
	}
	if known := argumentNames(schema); len(known) > 0 && len(known) <= 16 {
		slices.Sort(known)
		return none + " It takes " + enumerate(known) + "."
	}
	if known := blockNames(schema); len(schema.Attributes) == 0 && len(known) > 0 {
		return none + " In it stand the blocks " + enumerate(known) + "."
	}
	return none
}

// ownerOf tells to which block in or around the block t an argument belongs.
func ownerOf(t *blockType, name string) string {
	has := func(t *blockType) bool { return slices.Contains(t.required, name) || slices.Contains(t.optional, name) }
	for _, n := range t.nested {
		for _, k := range n.kinds {
			if has(k) {
				return fmt.Sprintf(" It belongs into a trigger: %s %q { %s = … }.", n.name, k.name, name)
			}
		}
		if has(n) {
			return fmt.Sprintf(" It belongs into a block in it: %s { %s = … }.", n.name, name)
		}
	}
	for _, outer := range topLevel() {
		inside := slices.ContainsFunc(outer.nested, func(n *blockType) bool { return n == t || slices.Contains(n.kinds, t) })
		if inside && has(outer) {
			return fmt.Sprintf(" It belongs into the %s block around it.", outer.name)
		}
	}
	return ""
}

// unknownBlock says what is wrong with a block that there is not.
func unknownBlock(t *blockType, schema *hcl.BodySchema, b *hclsyntax.Block) string {
	name := b.Type
	none := fmt.Sprintf("There are no blocks %q.", name)
	if t != nil {
		none = fmt.Sprintf("%s has no blocks %q in it.", aBlock(t), name)
	}
	if slices.ContainsFunc(schema.Attributes, func(a hcl.AttributeSchema) bool { return a.Name == name }) {
		return fmt.Sprintf("%q is an argument and no block: write %s = …, with an equals sign.", name, name)
	}
	if t == nil && name == "resource" && len(b.Labels) > 0 {
		if i := slices.IndexFunc(topLevel(), func(t *blockType) bool { return t.name == b.Labels[0] }); i >= 0 {
			return fmt.Sprintf("%s Write the type itself: %s { … }.", none, b.Labels[0]+labelsText(b.Labels[1:]))
		}
	}
	habits := elsewhere
	if t != nil {
		habits = within
	}
	if s := habits[name]; s != "" {
		return none + " " + s
	}
	if s := suggest(name, blockNames(schema)); s != "" {
		return none + s
	}
	if s := suggest(name, argumentNames(schema)); s != "" {
		return none + s
	}
	if t != nil && slices.ContainsFunc(topLevel(), func(t *blockType) bool { return t.name == name }) {
		return fmt.Sprintf("%s A %s block with a name stands outside of all others; perhaps a closing brace is missing before it.", none, name)
	}
	var outer []string
	for _, o := range topLevel() {
		if slices.ContainsFunc(o.nested, func(n *blockType) bool { return n.name == name }) {
			outer = append(outer, o.name)
		}
	}
	if len(outer) > 0 {
		return fmt.Sprintf("%s They stand inside of others: in blocks %s.", none, enumerate(outer))
	}
	if known := blockNames(schema); len(known) > 0 && len(known) <= 20 {
		slices.Sort(known)
		return none + " There is " + enumerate(slices.Compact(known)) + "."
	}
	return none
}

func labelsText(labels []string) string {
	var b strings.Builder
	for _, l := range labels {
		b.WriteString(" " + excerpt(l))
	}
	return cmp.Or(b.String(), " \"NAME\"")
}

// values takes a body apart that has arguments of any name and nothing else:
// what is, as "A locals block".
func (c *collector) values(what string, body hcl.Body) hcl.Attributes {
	attrs, diags := body.JustAttributes()
	native, ok := body.(*hclsyntax.Body)
	if !ok {
		c.add(diags...)
		return attrs
	}
	for _, b := range native.Blocks {
		hint := fmt.Sprintf("If an object is meant, write %s = { … }, with an equals sign.", b.Type)
		if len(b.Labels) > 0 || slices.ContainsFunc(topLevel(), func(t *blockType) bool { return t.name == b.Type }) {
			hint = "Blocks of other kinds stand beside it."
		}
		c.fail(b.TypeRange, "Unsupported block type", "%s has values, each as NAME = VALUE, and no blocks such as %q. %s", what, b.Type, hint)
	}
	return attrs
}
