package schema

import (
	"cmp"
	"errors"
	"slices"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// lengthFunc counts elements, attributes, or the characters of a string.
var lengthFunc = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "value", Type: cty.DynamicPseudoType, AllowDynamicType: true, AllowUnknown: true, AllowMarked: true}},
	Type: func(args []cty.Value) (cty.Type, error) {
		ty := args[0].Type()
		if ty == cty.String || ty.IsTupleType() || ty.IsObjectType() || ty.IsCollectionType() || ty == cty.DynamicPseudoType {
			return cty.Number, nil
		}
		return cty.Number, errors.New("argument must be a string, a collection type, or a structural type")
	},
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		v, marks := args[0].Unmark()
		var n cty.Value
		switch ty := v.Type(); {
		case ty.IsTupleType():
			n = cty.NumberIntVal(int64(len(ty.TupleElementTypes())))
		case ty.IsObjectType():
			n = cty.NumberIntVal(int64(len(ty.AttributeTypes())))
		case !v.IsKnown():
			n = cty.UnknownVal(cty.Number)
		case ty == cty.String:
			length, err := stdlib.Strlen(v)
			if err != nil {
				return cty.UnknownVal(cty.Number), err
			}
			n = length
		default:
			n = v.Length()
		}
		return n.WithMarks(marks), nil
	},
})

// coalesceFunc returns its first argument that is neither null nor "".
var coalesceFunc = function.New(&function.Spec{
	VarParam:     &function.Parameter{Name: "vals", Type: cty.DynamicPseudoType, AllowUnknown: true, AllowDynamicType: true, AllowNull: true},
	RefineResult: notNull,
	Type: func(args []cty.Value) (cty.Type, error) {
		types := make([]cty.Type, len(args))
		for i, a := range args {
			types[i] = a.Type()
		}
		ty, _ := convert.UnifyUnsafe(types)
		if ty == cty.NilType {
			return ty, errors.New("all arguments must have the same type")
		}
		return ty, nil
	},
	Impl: func(args []cty.Value, ret cty.Type) (cty.Value, error) {
		for _, a := range args {
			v, err := convert.Convert(a, ret)
			if err != nil {
				return cty.NilVal, err
			}
			switch {
			case !v.IsKnown():
				return cty.UnknownVal(ret), nil
			case v.IsNull(), ret == cty.String && v.AsString() == "":
				continue
			}
			return v, nil
		}
		return cty.NilVal, errors.New("no non-null, non-empty-string arguments")
	},
})

// indexFunc finds the first element of a list that equals a value.
var indexFunc = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "list", Type: cty.DynamicPseudoType}, {Name: "value", Type: cty.DynamicPseudoType}},
	Type:   function.StaticReturnType(cty.Number), RefineResult: notNull,
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		ty := args[0].Type()
		switch {
		case !ty.IsListType() && !ty.IsTupleType():
			return cty.NilVal, errors.New("argument must be a list or tuple")
		case !args[0].IsKnown():
			return cty.UnknownVal(cty.Number), nil
		case args[0].LengthInt() == 0:
			return cty.NilVal, errors.New("cannot search an empty list")
		}
		for it := args[0].ElementIterator(); it.Next(); {
			i, v := it.Element()
			eq, err := stdlib.Equal(v, args[1])
			if err != nil {
				return cty.NilVal, err
			}
			if !eq.IsKnown() {
				return cty.UnknownVal(cty.Number), nil
			}
			if eq.True() {
				return i, nil
			}
		}
		return cty.NilVal, errors.New("item not found")
	},
})

// lookupFunc returns an element of a map or an attribute of an object, or else
// the default.
var lookupFunc = function.New(&function.Spec{
	Params: []function.Parameter{
		{Name: "inputMap", Type: cty.DynamicPseudoType, AllowMarked: true},
		{Name: "key", Type: cty.String, AllowMarked: true},
	},
	VarParam: &function.Parameter{Name: "default", Type: cty.DynamicPseudoType, AllowUnknown: true, AllowDynamicType: true, AllowNull: true, AllowMarked: true},
	Type: func(args []cty.Value) (cty.Type, error) {
		if len(args) > 3 {
			return cty.NilType, function.NewArgErrorf(2, "lookup() takes two or three arguments")
		}
		switch ty := args[0].Type(); {
		case ty.IsObjectType():
			key, _ := args[1].Unmark()
			if !key.IsKnown() {
				return cty.DynamicPseudoType, nil
			}
			switch {
			case ty.HasAttribute(key.AsString()):
				return ty.AttributeType(key.AsString()), nil
			case len(args) == 3:
				return args[2].Type(), nil
			}
			return cty.DynamicPseudoType, function.NewArgErrorf(0, "the given object has no attribute of that name")
		case ty.IsMapType():
			if len(args) == 3 {
				if _, err := convert.Convert(args[2], ty.ElementType()); err != nil {
					return cty.NilType, function.NewArgErrorf(2, "the default value must have the same type as the map elements")
				}
			}
			return ty.ElementType(), nil
		}
		return cty.NilType, function.NewArgErrorf(0, "lookup() requires a map as the first argument")
	},
	Impl: func(args []cty.Value, ret cty.Type) (cty.Value, error) {
		m, marks := args[0].Unmark()
		key, keyMarks := args[1].Unmark()
		marks = cty.NewValueMarks(marks, keyMarks)
		if !m.IsKnown() || !key.IsKnown() {
			return cty.UnknownVal(ret).WithMarks(marks), nil
		}
		if m.Type().IsObjectType() {
			if m.Type().HasAttribute(key.AsString()) {
				return m.GetAttr(key.AsString()).WithMarks(marks), nil
			}
		} else if m.HasIndex(key).True() {
			return m.Index(key).WithMarks(marks), nil
		}
		if len(args) < 3 {
			return cty.NilVal, errors.New("lookup failed to find the key, and there is no default")
		}
		v, err := convert.Convert(args[2], ret)
		if err != nil {
			return cty.NilVal, err
		}
		return v.WithMarks(marks), nil
	},
})

// matchKeysFunc returns the elements of a list whose counterparts in a second
// one occur in a third.
var matchKeysFunc = function.New(&function.Spec{
	Params: []function.Parameter{
		{Name: "values", Type: cty.List(cty.DynamicPseudoType)},
		{Name: "keys", Type: cty.List(cty.DynamicPseudoType)},
		{Name: "searchset", Type: cty.List(cty.DynamicPseudoType)},
	},
	Type: func(args []cty.Value) (cty.Type, error) {
		if ty, _ := convert.UnifyUnsafe([]cty.Type{args[1].Type(), args[2].Type()}); ty == cty.NilType {
			return cty.NilType, errors.New("keys and searchset must be of the same type")
		}
		return args[0].Type(), nil
	},
	Impl: func(args []cty.Value, ret cty.Type) (cty.Value, error) {
		if !args[0].IsWhollyKnown() || !args[1].IsWhollyKnown() || !args[2].IsWhollyKnown() {
			return cty.UnknownVal(ret), nil
		}
		if args[0].LengthInt() != args[1].LengthInt() {
			return cty.NilVal, errors.New("length of keys and values should be equal")
		}
		// What is compared must be of one type: 1 is not "1".
		ty, _ := convert.UnifyUnsafe([]cty.Type{args[1].Type(), args[2].Type()})
		keyList, err := convert.Convert(args[1], ty)
		if err != nil {
			return cty.NilVal, function.NewArgError(1, err)
		}
		wantedList, err := convert.Convert(args[2], ty)
		if err != nil {
			return cty.NilVal, function.NewArgError(2, err)
		}
		var found []cty.Value
		wanted := newMembers(wantedList.LengthInt())
		for _, w := range wantedList.AsValueSlice() {
			wanted.add(w)
		}
		values := args[0].AsValueSlice()
		for i, key := range keyList.AsValueSlice() {
			if wanted.has(key) {
				found = append(found, values[i])
			}
		}
		if found == nil {
			return cty.ListValEmpty(ret.ElementType()), nil
		}
		return cty.ListVal(found), nil
	},
})

// mergeFunc is that of go-cty, which fails over null beside what is no map, and
// loses the mark of null.
var mergeFunc = function.New(&function.Spec{
	VarParam: stdlib.MergeFunc.VarParam(),
	Type: func(args []cty.Value) (cty.Type, error) {
		for i, a := range args {
			if ty := a.Type(); !ty.IsMapType() && !ty.IsObjectType() && ty != cty.DynamicPseudoType {
				return cty.NilType, function.NewArgErrorf(i, "arguments must be maps or objects, got %s", ty.FriendlyName())
			}
		}
		return stdlib.MergeFunc.ReturnTypeForValues(args)
	},
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		v, err := stdlib.MergeFunc.Call(args)
		return v.WithSameMarks(args...), err
	},
})

// members are values, each once, to be found without comparing all of them.
type members map[int][]cty.Value

func newMembers(size int) members { return make(members, size) }

func (m members) has(v cty.Value) bool { return slices.ContainsFunc(m[v.Hash()], v.RawEquals) }

// add tells whether the value is a new one.
func (m members) add(v cty.Value) bool {
	if m.has(v) {
		return false
	}
	m[v.Hash()] = append(m[v.Hash()], v)
	return true
}

// distinctFunc leaves of equal elements the first. That of go-cty compares each
// with each, which for the phones of a large site takes minutes.
var distinctFunc = function.New(&function.Spec{
	Params:       []function.Parameter{{Name: "list", Type: cty.List(cty.DynamicPseudoType)}},
	Type:         func(args []cty.Value) (cty.Type, error) { return args[0].Type(), nil },
	RefineResult: notNull,
	Impl: func(args []cty.Value, ret cty.Type) (cty.Value, error) {
		if !args[0].IsWhollyKnown() {
			return cty.UnknownVal(ret), nil
		}
		found := newMembers(args[0].LengthInt())
		var kept []cty.Value
		for _, v := range args[0].AsValueSlice() {
			if found.add(v) {
				kept = append(kept, v)
			}
		}
		if kept == nil {
			return cty.ListValEmpty(ret.ElementType()), nil
		}
		return cty.ListVal(kept), nil
	},
})

// oneFunc returns the only element of a list, or null of an empty one.
var oneFunc = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "list", Type: cty.DynamicPseudoType}},
	Type: func(args []cty.Value) (cty.Type, error) {
		ty := args[0].Type()
		switch {
		case ty.IsListType(), ty.IsSetType():
			return ty.ElementType(), nil
		case ty.IsTupleType():
			switch elements := ty.TupleElementTypes(); len(elements) {
			case 0:
				return cty.DynamicPseudoType, nil
			case 1:
				return elements[0], nil
			}
		}
		return cty.NilType, function.NewArgErrorf(0, "must be a list, set, or tuple value with either zero or one elements")
	},
	Impl: func(args []cty.Value, ret cty.Type) (cty.Value, error) {
		length := args[0].Length()
		if !length.IsKnown() {
			return cty.UnknownVal(ret), nil
		}
		switch n := args[0].LengthInt(); n {
		case 0:
			return cty.NullVal(ret), nil
		case 1:
			it := args[0].ElementIterator()
			it.Next()
			_, v := it.Element()
			return v, nil
		}
		return cty.NilVal, function.NewArgErrorf(0, "must be a list, set, or tuple value with either zero or one elements")
	},
})

// sumFunc adds the numbers of a list, which must not be empty.
var sumFunc = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "list", Type: cty.DynamicPseudoType}},
	Type:   function.StaticReturnType(cty.Number), RefineResult: notNull,
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		v := args[0]
		ty := v.Type()
		switch {
		case !ty.IsListType() && !ty.IsSetType() && !ty.IsTupleType():
			return cty.NilVal, function.NewArgErrorf(0, "argument must be list, set, or tuple. Received %s", ty.FriendlyName())
		case !v.IsWhollyKnown():
			return cty.UnknownVal(cty.Number), nil
		case v.LengthInt() == 0:
			return cty.NilVal, function.NewArgErrorf(0, "cannot sum an empty list")
		}
		total := cty.Zero
		for it := v.ElementIterator(); it.Next(); {
			_, e := it.Element()
			n, err := convert.Convert(e, cty.Number)
			if err != nil || n.IsNull() {
				return cty.NilVal, function.NewArgErrorf(0, "argument must be list, set, or tuple of number values")
			}
			if manyDigits(n) {
				return cty.NilVal, function.NewArgError(0, errDigits)
			}
			sum, err := stdlib.Add(total, n)
			if err != nil {
				return cty.NilVal, err
			}
			total = sum
		}
		return total, nil
	},
})

// allTrueFunc and anyTrueFunc combine a list of bools; null counts as false.
var (
	allTrueFunc = boolsFunc(true)
	anyTrueFunc = boolsFunc(false)
)

// boolsFunc gives neutral unless one element is the opposite.
func boolsFunc(neutral bool) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "list", Type: cty.List(cty.Bool)}},
		Type:   function.StaticReturnType(cty.Bool), RefineResult: notNull,
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			unknown := false
			for it := args[0].ElementIterator(); it.Next(); {
				_, v := it.Element()
				if !v.IsKnown() {
					unknown = true
				} else if (!v.IsNull() && v.True()) != neutral {
					return cty.BoolVal(!neutral), nil
				}
			}
			if unknown {
				return cty.UnknownVal(cty.Bool), nil
			}
			return cty.BoolVal(neutral), nil
		},
	})
}

// transposeFunc swaps the keys and the elements of a map of lists of strings.
var transposeFunc = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "values", Type: cty.Map(cty.List(cty.String))}},
	Type:   function.StaticReturnType(cty.Map(cty.List(cty.String))), RefineResult: notNull,
	Impl: func(args []cty.Value, ret cty.Type) (cty.Value, error) {
		if !args[0].IsWhollyKnown() {
			return cty.UnknownVal(ret), nil
		}
		out := make(map[string][]cty.Value)
		for it := args[0].ElementIterator(); it.Next(); {
			key, list := it.Element()
			if list.IsNull() {
				return cty.NilVal, function.NewArgErrorf(0, "must not have null lists")
			}
			for inner := list.ElementIterator(); inner.Next(); {
				_, v := inner.Element()
				if v.IsNull() {
					return cty.NilVal, function.NewArgErrorf(0, "must not have null elements")
				}
				out[v.AsString()] = append(out[v.AsString()], key)
			}
		}
		if len(out) == 0 {
			return cty.MapValEmpty(cty.List(cty.String)), nil
		}
		lists := make(map[string]cty.Value, len(out))
		for k, keys := range out {
			slices.SortFunc(keys, func(a, b cty.Value) int { return cmp.Compare(a.AsString(), b.AsString()) })
			lists[k] = cty.ListVal(keys)
		}
		return cty.MapVal(lists), nil
	},
})

// setUnionFunc is that of go-cty's stdlib, which copies all that it has for each
// further set: for the phones of a thousand sites that takes a minute.
var setUnionFunc = sized(function.New(&function.Spec{
	Params:       stdlib.SetUnionFunc.Params(),
	VarParam:     stdlib.SetUnionFunc.VarParam(),
	Type:         stdlib.SetUnionFunc.ReturnTypeForValues,
	RefineResult: func(b *cty.RefinementBuilder) *cty.RefinementBuilder { return b.NotNull() },
	Impl: func(args []cty.Value, ty cty.Type) (cty.Value, error) {
		all := cty.NewValueSet(ty.ElementType())
		for i, arg := range args {
			set, err := convert.Convert(arg, ty)
			if err != nil {
				return cty.NilVal, function.NewArgError(i, err)
			}
			if element := set.Type().ElementType(); set.LengthInt() > 0 && !element.Equals(ty.ElementType()) { // null has no type of its own
				return cty.NilVal, function.NewArgErrorf(i, "its elements are of another type than those of other sets")
			}
			for it := set.ElementIterator(); it.Next(); {
				_, v := it.Element()
				all.Add(v)
			}
		}
		return cty.SetValFromValueSet(all), nil
	},
}), elementsTogether)
