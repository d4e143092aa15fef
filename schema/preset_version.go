package schema

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// versionCmpFunc compares two versions of firmware: -1, 0 or 1.
var versionCmpFunc = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "version_a", Type: cty.String, AllowNull: true}, {Name: "version_b", Type: cty.String, AllowNull: true}},
	Type:   function.StaticReturnType(cty.Number),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		var versions [2][]versionPart
		for i, a := range args {
			if a.IsNull() {
				return cty.UnknownVal(cty.Number), function.NewArgErrorf(i, "the version is null, so that what firmware the phone has is not known. Say what becomes of such phones, as in try(versioncmp(…) < 0, false)")
			}
			parts, err := parseVersion(a.AsString())
			if err != nil {
				return cty.UnknownVal(cty.Number), function.NewArgError(i, err)
			}
			versions[i] = parts
		}
		return cty.NumberIntVal(int64(compareVersions(versions[0], versions[1]))), nil
	},
})

// versionPart is one number or one word of a version.
type versionPart struct {
	rank versionRank
	text string // of a number without leading zeros; of a word in lower case
}

// versionRank orders what may stand at the same place of two versions: "rc"
// before nothing, which is as good as 0, then any other word, then numbers.
// So 1.2 = 1.2.0, 1.2-rc1 < 1.2 < 1.2b < 1.2.1.
type versionRank uint8

const (
	beforeRelease versionRank = iota
	nothing
	word
	number
)

// beforeReleases are the words of versions that come before the one without.
var beforeReleases = []string{"alpha", "beta", "dev", "pre", "preview", "rc"}

// parseVersion takes a version apart at everything that is no letter and no digit,
// and where letters and digits meet. A "v" before the first number is dropped.
func parseVersion(s string) ([]versionPart, error) {
	var parts []versionPart
	digits := false
	for rest := s; rest != ""; {
		kind := rankOf(rest[0])
		n := 1
		for n < len(rest) && rankOf(rest[n]) == kind {
			n++
		}
		text := rest[:n]
		rest = rest[n:]
		switch kind {
		case number:
			digits = true
			text = strings.TrimLeft(text, "0")
			rank := number
			if text == "" {
				rank = nothing
			}
			parts = append(parts, versionPart{rank, text})
		case word:
			text = strings.ToLower(text)
			rank := word
			if slices.Contains(beforeReleases, text) {
				rank = beforeRelease
			}
			if text != "v" || digits {
				parts = append(parts, versionPart{rank, text})
			}
		}
	}
	if !digits {
		return nil, fmt.Errorf("%s is not a version: it has no number", excerpt(s))
	}
	return parts, nil
}

func rankOf(c byte) versionRank {
	switch {
	case c >= '0' && c <= '9':
		return number
	case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= 0x80:
		return word
	}
	return nothing
}

// compareVersions compares part by part; what one has not is nothing.
func compareVersions(a, b []versionPart) int {
	for i := range max(len(a), len(b)) {
		x, y := versionPart{rank: nothing}, versionPart{rank: nothing}
		if i < len(a) {
			x = a[i]
		}
		if i < len(b) {
			y = b[i]
		}
		byLength := 0
		if x.rank == number && y.rank == number {
			byLength = cmp.Compare(len(x.text), len(y.text))
		}
		if c := cmp.Or(cmp.Compare(x.rank, y.rank), byLength, strings.Compare(x.text, y.text)); c != 0 {
			return c
		}
	}
	return 0
}
