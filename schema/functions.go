package schema

import (
	"github.com/hashicorp/hcl/v2/ext/tryfunc"
	ctyyaml "github.com/zclconf/go-cty-yaml"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// pureFunctions are the functions that depend on nothing but their arguments,
// under Terraform's names and with its results. There is none that reads the
// clock, the environment or the network: a plan must be repeatable.
var pureFunctions = map[string]function.Function{
	// Numbers.
	"abs":      stdlib.AbsoluteFunc,
	"ceil":     stdlib.CeilFunc,
	"floor":    stdlib.FloorFunc,
	"log":      stdlib.LogFunc,
	"max":      stdlib.MaxFunc,
	"min":      stdlib.MinFunc,
	"parseint": stdlib.ParseIntFunc,
	"pow":      stdlib.PowFunc,
	"signum":   stdlib.SignumFunc,
	"sum":      sumFunc,

	// Strings.
	"chomp":       stdlib.ChompFunc,
	"endswith":    stringTest("suffix", hasSuffix),
	"format":      narrow(stdlib.FormatFunc),
	"formatlist":  narrow(stdlib.FormatListFunc),
	"indent":      indentFunc,
	"join":        stdlib.JoinFunc,
	"lower":       stdlib.LowerFunc,
	"regex":       stdlib.RegexFunc,
	"regexall":    stdlib.RegexAllFunc,
	"replace":     replaceFunc,
	"split":       stdlib.SplitFunc,
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
	"concat":          stdlib.ConcatFunc,
	"contains":        stdlib.ContainsFunc,
	"distinct":        stdlib.DistinctFunc,
	"element":         stdlib.ElementFunc,
	"flatten":         stdlib.FlattenFunc,
	"index":           indexFunc,
	"keys":            stdlib.KeysFunc,
	"length":          lengthFunc,
	"lookup":          lookupFunc,
	"matchkeys":       matchKeysFunc,
	"merge":           stdlib.MergeFunc,
	"one":             oneFunc,
	"range":           stdlib.RangeFunc,
	"reverse":         stdlib.ReverseListFunc,
	"setintersection": stdlib.SetIntersectionFunc,
	"setproduct":      stdlib.SetProductFunc,
	"setsubtract":     stdlib.SetSubtractFunc,
	"setunion":        stdlib.SetUnionFunc,
	"slice":           stdlib.SliceFunc,
	"sort":            stdlib.SortFunc,
	"transpose":       transposeFunc,
	"values":          stdlib.ValuesFunc,
	"zipmap":          stdlib.ZipmapFunc,

	// Encodings.
	"base64decode": base64DecodeFunc,
	"base64encode": base64EncodeFunc,
	"csvdecode":    stdlib.CSVDecodeFunc,
	"jsondecode":   jsonDecodeFunc,
	"jsonencode":   stdlib.JSONEncodeFunc,
	"urlencode":    urlEncodeFunc,
	"yamldecode":   yamlDecodeFunc,
	"yamlencode":   ctyyaml.YAMLEncodeFunc,
	"md5":          md5Func,
	"sha1":         sha1Func,
	"sha256":       sha256Func,
	"sha512":       sha512Func,

	// Dates.
	"formatdate": stdlib.FormatDateFunc,
	"timeadd":    stdlib.TimeAddFunc,
	"timecmp":    timeCmpFunc,

	// Phones.
	"firmware_of": firmwareOfFunc,
	"preset_for":  presetForFunc,
	"vendor_of":   vendorOfFunc,
	"versioncmp":  versionCmpFunc,

	// Types.
	"tobool":   stdlib.MakeToFunc(cty.Bool),
	"tolist":   stdlib.MakeToFunc(cty.List(cty.DynamicPseudoType)),
	"tomap":    stdlib.MakeToFunc(cty.Map(cty.DynamicPseudoType)),
	"tonumber": countable(stdlib.MakeToFunc(cty.Number)),
	"toset":    stdlib.MakeToFunc(cty.Set(cty.DynamicPseudoType)),
	"tostring": stdlib.MakeToFunc(cty.String),

	"can": tryfunc.CanFunc,
	"try": tryfunc.TryFunc,

	"issensitive":  isSensitiveFunc,
	"nonsensitive": nonsensitiveFunc,
}

// fileFunctions are the names of those that read files.
var fileFunctions = map[string]bool{"file": true, "fileexists": true, "filebase64": true, "filemd5": true, "filesha256": true, "templatefile": true}

// functions returns all functions, those that read files reading through src.
func functions(src *Source) map[string]function.Function {
	all := make(map[string]function.Function, len(pureFunctions)+len(fileFunctions)+1)
	for name, f := range pureFunctions {
		if takesNumbers(f) {
			f = countable(f)
		}
		all[name] = f
	}
	all["sensitive"] = sensitiveFunc(src)
	all["file"] = fileFunc(src, textOfFile)
	all["filebase64"] = fileFunc(src, base64OfFile)
	all["filemd5"] = fileFunc(src, md5OfFile)
	all["filesha256"] = fileFunc(src, sha256OfFile)
	all["fileexists"] = fileExistsFunc(src)
	// A template does not call templates, so that it cannot call itself.
	inner := make(map[string]function.Function, len(all))
	for name, f := range all {
		inner[name] = f
	}
	all["templatefile"] = templateFileFunc(src, inner)
	return all
}
