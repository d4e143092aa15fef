package schema

import (
	"errors"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/ext/tryfunc"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// pureFunctions are the functions that depend on nothing but their arguments,
// under Terraform's names and with its results. There is none that reads the
// clock, the environment or the network: a plan must be repeatable. Three are
// OpenTofu's: base64gunzip, cidrcontains and urldecode.
var pureFunctions = map[string]function.Function{
	// Numbers.
	"abs":      stdlib.AbsoluteFunc,
	"ceil":     stdlib.CeilFunc,
	"floor":    stdlib.FloorFunc,
	"log":      defined(stdlib.LogFunc),
	"max":      stdlib.MaxFunc,
	"min":      stdlib.MinFunc,
	"parseint": stdlib.ParseIntFunc,
	"pow":      defined(stdlib.PowFunc),
	"signum":   stdlib.SignumFunc,
	"sum":      sumFunc,

	// Strings.
	"chomp":       stdlib.ChompFunc,
	"endswith":    stringTest("suffix", hasSuffix),
	"format":      narrow(sized(stdlib.FormatFunc, formatted)),
	"formatlist":  narrow(sized(stdlib.FormatListFunc, formatted)),
	"indent":      indentFunc,
	"join":        sized(stdlib.JoinFunc, joined),
	"lower":       stdlib.LowerFunc,
	"regex":       sized(stdlib.RegexFunc, found),
	"regexall":    sized(stdlib.RegexAllFunc, matches),
	"replace":     replaceFunc,
	"split":       sized(stdlib.SplitFunc, parts),
	"startswith":  stringTest("prefix", hasPrefix),
	"strcontains": stringTest("substr", contains),
	"strrev":      stdlib.ReverseFunc,
	"substr":      stdlib.SubstrFunc,
	"title":       stdlib.TitleFunc,
	"trim":        stdlib.TrimFunc,
	"trimprefix":  stdlib.TrimPrefixFunc,
	"trimspace":   stdlib.TrimSpaceFunc,
	"trimsuffix":  stdlib.TrimSuffixFunc,
	"upper":       stdlib.UpperFunc,

	// Collections.
	"alltrue":         allTrueFunc,
	"anytrue":         anyTrueFunc,
	"chunklist":       stdlib.ChunklistFunc,
	"coalesce":        coalesceFunc,
	"coalescelist":    stdlib.CoalesceListFunc,
	"compact":         stdlib.CompactFunc,
	"concat":          sized(stdlib.ConcatFunc, elementsTogether),
	"contains":        stdlib.ContainsFunc,
	"distinct":        distinctFunc,
	"element":         stdlib.ElementFunc,
	"flatten":         sized(stdlib.FlattenFunc, asMuchAsGiven),
	"index":           indexFunc,
	"keys":            stdlib.KeysFunc,
	"length":          lengthFunc,
	"lookup":          lookupFunc,
	"matchkeys":       matchKeysFunc,
	"merge":           sized(mergeFunc, elementsTogether),
	"one":             oneFunc,
	"range":           stdlib.RangeFunc,
	"reverse":         stdlib.ReverseListFunc,
	"setintersection": stdlib.SetIntersectionFunc,
	"setproduct":      sized(stdlib.SetProductFunc, productOfSets),
	"setsubtract":     stdlib.SetSubtractFunc,
	"setunion":        setUnionFunc,
	"slice":           stdlib.SliceFunc,
	"sort":            stdlib.SortFunc,
	"transpose":       transposeFunc,
	"values":          stdlib.ValuesFunc,
	"zipmap":          stdlib.ZipmapFunc,

	// Encodings.
	"base64decode":     base64DecodeFunc,
	"base64encode":     base64EncodeFunc,
	"base64gunzip":     base64GunzipFunc,
	"base64gzip":       base64GzipFunc,
	"csvdecode":        csvDecodeFunc,
	"jsondecode":       jsonDecodeFunc,
	"jsonencode":       jsonEncodeFunc,
	"textdecodebase64": textDecodeBase64Func,
	"textencodebase64": textEncodeBase64Func,
	"urldecode":        urlDecodeFunc,
	"urlencode":        urlEncodeFunc,
	"yamldecode":       yamlDecodeFunc,
	"yamlencode":       yamlEncodeFunc,

	// Digests; init adds the others.
	"uuidv5": uuidV5Func,

	// Dates.
	"formatdate": stdlib.FormatDateFunc,
	"timeadd":    stdlib.TimeAddFunc,
	"timecmp":    timeCmpFunc,

	// Phones.
	"firmware_of": firmwareOfFunc,
	"preset_for":  presetForFunc,
	"vendor_of":   vendorOfFunc,
	"versioncmp":  versionCmpFunc,

	// Networks.
	"cidrcontains": cidrContainsFunc,
	"cidrhost":     cidrHostFunc,
	"cidrnetmask":  cidrNetmaskFunc,
	"cidrsubnet":   cidrSubnetFunc,
	"cidrsubnets":  cidrSubnetsFunc,

	// Names of files.
	"basename": stringMap(func(s string) (string, error) { return path.Base(s), nil }),
	"dirname":  stringMap(func(s string) (string, error) { return path.Dir(s), nil }),

	// Types.
	"tobool":   toFunc(cty.Bool),
	"tolist":   toFunc(cty.List(cty.DynamicPseudoType)),
	"tomap":    toFunc(cty.Map(cty.DynamicPseudoType)),
	"tonumber": countable(toFunc(cty.Number)),
	"toset":    toFunc(cty.Set(cty.DynamicPseudoType)),
	"tostring": toFunc(cty.String),

	"can": tryfunc.CanFunc,
	"try": tryfunc.TryFunc,

	"issensitive":  isSensitiveFunc,
	"nonsensitive": nonsensitiveFunc,
}

func init() {
	for name, sum := range digests {
		pureFunctions[name] = stringMap(func(s string) (string, error) { return sum([]byte(s)), nil })
	}
}

// ofFiles are the functions of the content of one file.
var ofFiles = map[string]func([]byte) (string, error){
	"file":       textOfFile,
	"filebase64": func(b []byte) (string, error) { return base64Of(b), nil },
}

// fileFunctions are the names of all that read files, or look for them. The
// first argument of each is the name of a file, or of a directory.
var fileFunctions = map[string]bool{"fileexists": true, "fileset": true, "templatefile": true}

func init() {
	for name, sum := range digests {
		ofFiles["file"+name] = func(b []byte) (string, error) { return sum(b), nil }
	}
	for name := range ofFiles {
		fileFunctions[name] = true
	}
}

// refusedFunctions are those of Terraform that are not here, with the reason and
// what to do instead.
var refusedFunctions = map[string]string{
	"abspath":         "where the configuration lies is not the same for everyone who evaluates it, and must not change a plan. Files are named relative to the configuration; to name one elsewhere, write its whole path.",
	"bcrypt":          "it gives another result each time, and a plan must be repeatable. Make the digest once, outside, and give it to a variable with sensitive = true, or use sha256 where it need not withstand guessing.",
	"defaults":        "Terraform has taken it back. Give the attributes of the variable defaults in its type, as in optional(string, \"x\").",
	"ephemeralasnull": "there are no ephemeral values here: what is sensitive is never kept in the state or in a plan.",
	"list":            "Terraform has replaced it by brackets. Write [\"a\", \"b\"], or tolist([\"a\", \"b\"]).",
	"map":             "Terraform has replaced it by braces. Write { a = 1 }, or tomap({ a = 1 }).",
	"pathexpand":      "the home directory is not the same for everyone who evaluates the configuration, and must not change a plan. Write the whole path.",
	"rsadecrypt":      "it needs a private key, and whoever reads the configuration or its state must not get at one. Decrypt outside, and give the result to a variable with sensitive = true.",
	"timestamp":       "it gives another result each time, and a plan must be repeatable. plantimestamp() gives the time of the plan, which stays the same when that is applied; trigger.due is when a schedule was due.",
	"type":            "it is for looking at a value in notifyrun console, where it is a line by itself, as in type(local.phones).",
	"uuid":            "it gives another result each time, and a plan must be repeatable. uuidv5(\"dns\", \"phone.example.net\") makes one of a name, the same each time.",
}

// functions returns all functions, those that read files reading through src.
func functions(src *Source) map[string]function.Function {
	all := make(map[string]function.Function, len(pureFunctions)+len(fileFunctions)+3)
	for name, f := range pureFunctions {
		if takesNumbers(f) {
			f = countable(f)
		}
		all[name] = f
	}
	all["sensitive"] = sensitiveFunc(src)
	all["plantimestamp"] = planTimestampFunc(src)
	// A template does not call templates, so that it cannot call itself. One that
	// is a text may not read files either: who writes such a text need not be who
	// may choose what is read and sent.
	text := without(maps.Clone(all), "a text that is a template cannot read files: give it what it needs by its variables.", slices.Collect(maps.Keys(fileFunctions))...)
	text = without(text, "a template cannot call another one: render that outside, and give it the result by its variables.", "templatestring")
	for name, of := range ofFiles {
		all[name] = fileFunc(src, of)
	}
	all["fileexists"] = fileExistsFunc(src)
	all["fileset"] = fileSetFunc(src)
	inner := without(maps.Clone(all), "a template cannot call another one: render that outside, and give it the result by its variables.", "templatefile", "templatestring")
	all["templatefile"] = templateFileFunc(src, inner)
	all["templatestring"] = templateStringFunc(src, text)
	return all
}

// defined has f say where its result is no number, as the logarithm of -1 is
// none, which that of go-cty does not survive.
func defined(f function.Function) function.Function {
	return function.New(&function.Spec{
		Params:       f.Params(),
		Type:         f.ReturnTypeForValues,
		RefineResult: notNull,
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			v, err := f.Call(args)
			var defect function.PanicError
			if errors.As(err, &defect) {
				err = errors.New("the result is not a number")
			}
			return v, err
		},
	})
}

// without has some functions fail, for a reason, where they would be wrong.
func without(all map[string]function.Function, reason string, names ...string) map[string]function.Function {
	for _, name := range names {
		all[name] = function.New(&function.Spec{
			VarParam: &anyValue,
			Type: func([]cty.Value) (cty.Type, error) {
				return cty.DynamicPseudoType, errors.New(strings.TrimSuffix(reason, "."))
			},
		})
	}
	return all
}
