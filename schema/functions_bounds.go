package schema

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// What a function may make: some could fill the memory from a few characters of
// a configuration, or from the text of an event.
const (
	maxText  = 64 << 20 // bytes of one text
	maxItems = 4 << 20  // elements, of all lists in a value together
	maxLoops = 1 << 20  // times that a template goes around its loops, and writes what is not literal
)

var (
	errText  = fmt.Errorf("the result would be a text of more than %d MiB", maxText>>20)
	errItems = fmt.Errorf("the result would have more than %d elements", maxItems)
)

// sized has estimate say, before f sees its arguments, whether the result would
// be beyond the bounds, and refuses a text that is. The estimate is of known
// arguments, and those are not marked themselves; what they hold may be. It comes
// first of all since even to look for marks takes long where there is too much.
func sized(f function.Function, estimate func(args []cty.Value) error) function.Function {
	typeOf := typeOf(f)
	spec := &function.Spec{
		Params: slices.Clone(f.Params()),
		Type: func(args []cty.Value) (cty.Type, error) {
			plain := make([]cty.Value, len(args))
			for i, a := range args {
				plain[i], _ = a.Unmark()
			}
			// What is not known makes nothing yet, and null f refuses itself.
			if !slices.ContainsFunc(plain, func(a cty.Value) bool { return !a.IsKnown() || a.IsNull() }) {
				if err := estimate(plain); err != nil {
					return cty.DynamicPseudoType, err
				}
			}
			return typeOf(args)
		},
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			v, err := f.Call(args)
			if plain, _ := v.Unmark(); err == nil && plain.Type() == cty.String && plain.IsKnown() && !plain.IsNull() && len(plain.AsString()) > maxText {
				return cty.NilVal, errText
			}
			return v, err
		},
	}
	for i := range spec.Params {
		spec.Params[i].AllowUnknown, spec.Params[i].AllowMarked = true, true
	}
	if p := f.VarParam(); p != nil {
		all := *p
		all.AllowUnknown, all.AllowMarked = true, true
		spec.VarParam = &all
	}
	return function.New(spec)
}

// amount is how much a value holds, counted until it is known to be too much.
type amount struct {
	items int // elements and attributes, at any depth
	bytes int // of texts, and of numbers as they are written
}

// amountOf counts the values.
func amountOf(values ...cty.Value) amount {
	var a amount
	for _, v := range values {
		a.add(v)
	}
	return a
}

// add counts a value. It returns false once there is too much. Values share what
// they hold, so that a small one can be endless to walk through.
func (a *amount) add(v cty.Value) bool {
	v, _ = v.Unmark()
	if !v.IsKnown() || v.IsNull() {
		return true
	}
	switch ty := v.Type(); {
	case ty == cty.String:
		a.bytes += len(v.AsString())
	case ty == cty.Number:
		a.bytes += digits(v)
	case v.CanIterateElements():
		for it := v.ElementIterator(); it.Next(); {
			key, e := it.Element()
			if key, _ := key.Unmark(); key.Type() == cty.String && !ty.IsSetType() {
				a.bytes += len(key.AsString())
			}
			if a.items++; !a.add(e) {
				return false
			}
		}
	}
	return a.items <= maxItems && a.bytes <= maxText
}

// digits is about as many as a number has when it is written in full.
func digits(v cty.Value) int {
	f := v.AsBigFloat()
	exponent := f.MantExp(nil) // binary
	if f.IsInt() && exponent < 64 {
		return 20
	}
	return 160 + max(exponent, -exponent)/3
}

// err tells what there is too much of.
func (a amount) err() error {
	switch {
	case a.bytes > maxText:
		return errText
	case a.items > maxItems:
		return errItems
	}
	return nil
}

// asMuchAsGiven is the estimate of a function whose result holds what its
// arguments do: they can share it, the result does not.
func asMuchAsGiven(args []cty.Value) error { return amountOf(args...).err() }

// elementsTogether is the estimate of a function that puts the elements of its
// arguments, but not what these hold, into one.
func elementsTogether(args []cty.Value) error {
	total := 0
	for _, a := range args {
		if a, _ := a.Unmark(); a.CanIterateElements() {
			total += a.LengthInt()
		}
	}
	if total > maxItems {
		return errItems
	}
	return nil
}

// timesFewer refuses a product of more than the bound; the factors are not
// negative.
func timesFewer(bound int, err error, factors ...int) error {
	product := 1
	for _, f := range factors {
		if f != 0 && product > bound/f {
			return err
		}
		product *= f
	}
	return nil
}

// productOfSets is the estimate of setproduct.
func productOfSets(args []cty.Value) error {
	factors := []int{len(args)}
	for _, a := range args {
		a, _ := a.Unmark()
		if !a.CanIterateElements() {
			return nil // it says so
		}
		if a.LengthInt() == 0 {
			return nil
		}
		factors = append(factors, a.LengthInt())
	}
	return timesFewer(maxItems, errItems, factors...)
}

// joined is the estimate of join.
func joined(args []cty.Value) error {
	total := amountOf(args[1:]...)
	if err := total.err(); err != nil {
		return err
	}
	return timesFewer(maxText-total.bytes, errText, total.items, len(args[0].AsString()))
}

// parts is the estimate of split.
func parts(args []cty.Value) error {
	if strings.Count(args[1].AsString(), args[0].AsString()) > maxItems {
		return errItems
	}
	return nil
}

// verb is one of a format: its width, precision, argument and letter.
var verb = regexp.MustCompile(`%[ #+\-0]*([0-9]*)(?:\.([0-9]+))?(?:\[([0-9]+)\])?([a-zA-Z%])`)

// formatted is the estimate of format and formatlist, which writes once for each
// element of the lists among its arguments.
func formatted(args []cty.Value) error {
	format := args[0].AsString()
	if !strings.Contains(format, "%") {
		return nil
	}
	times := 1
	for _, a := range args[1:] {
		if isSequence(a) {
			times = max(times, a.LengthInt())
		}
	}
	// What each argument makes in all, as it is and as JSON, where a character
	// can become six and all else has brackets and commas.
	plain, json := make([]int, len(args)-1), make([]int, len(args)-1)
	for i, a := range args[1:] {
		total := amountOf(a)
		if err := total.err(); err != nil {
			return err
		}
		plain[i], json[i] = total.bytes, 6*(total.bytes+2*total.items+2)
		if !isSequence(a) {
			plain[i] *= times
			json[i] *= times
		}
	}
	written, next := len(format)*times, 1
	for _, m := range verb.FindAllStringSubmatch(format, -1) {
		letter := m[4]
		if letter == "%" {
			continue
		}
		if n, err := strconv.Atoi(m[3]); err == nil {
			next = n
		}
		width, _ := strconv.Atoi(m[1])
		if letter != "s" && letter != "q" { // of a text, the precision is how much is taken
			precision, _ := strconv.Atoi(m[2])
			width += precision
		}
		if next > 0 && next <= len(plain) {
			if letter == "q" || letter == "v" && (strings.Contains(m[0], "#") || !writtenPlainly(args[next])) {
				written += json[next-1]
			} else {
				written += plain[next-1]
			}
		}
		if written += width * times; written > maxText {
			return errText
		}
		next++
	}
	return nil
}

// writtenPlainly tells whether the verb %v writes a value, or each element of a
// list, as it is, and not as JSON.
func writtenPlainly(v cty.Value) bool {
	plain := func(ty cty.Type) bool { return ty == cty.String || ty == cty.Number }
	if ty := v.Type(); ty.IsTupleType() {
		return !slices.ContainsFunc(ty.TupleElementTypes(), func(e cty.Type) bool { return !plain(e) })
	} else if ty.IsCollectionType() {
		return plain(ty.ElementType())
	}
	return true
}

// isSequence tells whether formatlist takes an argument element by element.
func isSequence(v cty.Value) bool {
	ty := v.Type()
	return ty.IsListType() || ty.IsSetType() || ty.IsTupleType()
}

// indented is the estimate of indent, whose number of spaces is bounded already.
func indented(args []cty.Value) error {
	text := args[1].AsString()
	return timesFewer(maxText-min(len(text), maxText), errText, strings.Count(text, "\n"), maxIndent)
}

// wordy is the estimate of a function that makes at most so many bytes of each
// byte of its arguments.
func wordy(factor int) func(args []cty.Value) error {
	return func(args []cty.Value) error {
		if slices.ContainsFunc(args, func(a cty.Value) bool { return a.Type() == cty.String && len(a.AsString()) > maxText/factor }) {
			return errText
		}
		return nil
	}
}
