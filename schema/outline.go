package schema

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// outline tells in which block of a file a place is. It stands for what the
// parser would keep for that: the file as it was parsed, which is larger than all
// that comes of it.
type outline []outlined

type outlined struct {
	start, end int
	typ        string
	labels     []string
}

// outlinedFile returns what of a file is kept once its blocks have been read.
func outlinedFile(src []byte, body *hclsyntax.Body) *hcl.File {
	all := make(outline, len(body.Blocks))
	for i, b := range body.Blocks {
		r := b.Range()
		all[i] = outlined{r.Start.Byte, r.End.Byte, b.Type, b.Labels}
	}
	slices.SortFunc(all, func(a, b outlined) int { return a.start - b.start })
	return &hcl.File{Bytes: src, Nav: all}
}

// ContextString implements what hcled.ContextString looks for: the header of the
// block at a place.
func (o outline) ContextString(offset int) string {
	i, ok := slices.BinarySearchFunc(o, offset, func(b outlined, offset int) int { return b.start - offset })
	if !ok {
		i--
	}
	if i < 0 || offset >= o[i].end {
		return ""
	}
	var b strings.Builder
	b.WriteString(o[i].typ)
	for _, label := range o[i].labels {
		fmt.Fprintf(&b, " %q", label)
	}
	return b.String()
}
