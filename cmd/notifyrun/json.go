package main

import (
	"encoding/json"
	"io"

	"github.com/hashicorp/hcl/v2"

	"github.com/notifyrun/notifyrun/schema"
)

// formatVersion stands in every JSON document. The minor number grows when
// something is added, the major one when something changes or goes.
const formatVersion = "1.0"

// writeJSON writes v as one line.
func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// diagnosticsJSON is what every command prints with -json when the
// configuration or the arguments are wrong. Its shape is that of `terraform
// validate -json`, so that what reads the one, as plugins of editors do, reads
// the other.
type diagnosticsJSON struct {
	FormatVersion string           `json:"format_version"`
	Valid         bool             `json:"valid"`
	ErrorCount    int              `json:"error_count"`
	WarningCount  int              `json:"warning_count"`
	Diagnostics   []diagnosticJSON `json:"diagnostics"`
}

type diagnosticJSON struct {
	Severity string       `json:"severity"`
	Summary  string       `json:"summary"`
	Detail   string       `json:"detail"`
	Address  string       `json:"address,omitempty"`
	Range    *rangeJSON   `json:"range,omitempty"`
	Snippet  *snippetJSON `json:"snippet,omitempty"`
}

type rangeJSON struct {
	Filename string  `json:"filename"`
	Start    posJSON `json:"start"`
	End      posJSON `json:"end"`
}

type posJSON struct {
	Line   int `json:"line"`
	Column int `json:"column"`
	Byte   int `json:"byte"`
}

type snippetJSON struct {
	Context              *string      `json:"context"` // null where there is none, as Terraform has it
	Code                 string       `json:"code"`
	StartLine            int          `json:"start_line"`
	HighlightStartOffset int          `json:"highlight_start_offset"`
	HighlightEndOffset   int          `json:"highlight_end_offset"`
	Values               []statedJSON `json:"values"`
}

// statedJSON is a value that was involved, and what is said of it.
type statedJSON struct {
	Traversal string `json:"traversal"`
	Statement string `json:"statement"`
}

func newDiagnosticsJSON(files map[string]*hcl.File, diags hcl.Diagnostics) diagnosticsJSON {
	out := diagnosticsJSON{FormatVersion: formatVersion, Diagnostics: toDiagnosticJSON(files, diags)}
	for _, d := range diags {
		if d.Severity == hcl.DiagError {
			out.ErrorCount++
		} else {
			out.WarningCount++
		}
	}
	out.Valid = out.ErrorCount == 0
	return out
}

// toDiagnosticJSON takes snippets from files, which may be nil: then there are none.
func toDiagnosticJSON(files map[string]*hcl.File, diags hcl.Diagnostics) []diagnosticJSON {
	all := []diagnosticJSON{}
	for _, d := range diags {
		j := diagnosticJSON{Severity: "error", Summary: d.Summary, Detail: d.Detail, Address: schema.DiagnosticAddress(d)}
		if d.Severity == hcl.DiagWarning {
			j.Severity = "warning"
		}
		if r := d.Subject; r != nil {
			j.Range = &rangeJSON{r.Filename, posJSON(r.Start), posJSON(r.End)}
		}
		if s := schema.NewSnippet(files, d); s != nil {
			j.Range = &rangeJSON{s.Range.Filename, posJSON(s.Range.Start), posJSON(s.Range.End)}
			j.Snippet = newSnippetJSON(s)
		}
		all = append(all, j)
	}
	return all
}

func newSnippetJSON(s *schema.Snippet) *snippetJSON {
	out := &snippetJSON{
		Code: s.Code, StartLine: s.StartLine, HighlightStartOffset: s.Start, HighlightEndOffset: s.End,
		Values: []statedJSON{},
	}
	if s.Context != "" {
		out.Context = &s.Context
	}
	for _, v := range s.Values {
		out.Values = append(out.Values, statedJSON(v))
	}
	return out
}
