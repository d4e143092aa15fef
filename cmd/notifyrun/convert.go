package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/notifyrun/notifyrun/astconf"
	"github.com/notifyrun/notifyrun/schema"
)

var convertCommand = &command{
	name: "convert", args: "FILE",
	short: "make message blocks of Asterisk's own notify configuration",
	long: `Reads FILE, a sip_notify.conf or pjsip_notify.conf, as Asterisk reads it, with
its templates and includes, and prints a message block for each section. A
NOTIFY from such a block has byte for byte what "sip notify SECTION" or "pjsip
send notify SECTION" sends. What cannot be carried over is said in a comment
above the block, and as a warning with file and line. A section of which no
message can be made is an error; the others are printed all the same. FILE may
be - for standard input. Nothing is executed.`,
	run: (*app).convert,
}

func (a *app) convert(ctx context.Context, args []string) error {
	var tech, dir string
	var only list
	a.flagSet()
	a.flags.StringVar(&tech, "tech", "", "who reads the file: `SIP` (chan_sip) or PJSIP, as in targets; default: what the file's name says")
	a.flags.StringVar(&dir, "config-dir", "", "Asterisk's configuration `directory`, to which includes are relative; default: that of the file")
	a.flags.Var(&only, "section", "convert this `section` only; may be repeated")
	rest, err := a.parse(args)
	if err != nil {
		return err
	}
	if len(rest) != 1 {
		return errors.New("convert needs one FILE, a sip_notify.conf or pjsip_notify.conf, or - for standard input")
	}
	file := rest[0]
	c := conversion{labels: make(map[string]bool)}
	if c.tech, err = techOf(tech, file); err != nil {
		return err
	}
	if dir == "" {
		dir = filepath.Dir(file) // of - it is .
	}
	if ended := unlessInterrupted(ctx, func() { c.config, err = a.readNotifyConf(file, astconf.Directory(dir)) }); ended != nil {
		return ended
	}
	if err != nil {
		return c.refused(err)
	}
	if err := c.sections(only); err != nil {
		return err
	}
	return a.converted(&c)
}

// techOf tells which of Asterisk's channel drivers a file is for.
func techOf(flag, file string) (schema.TargetTech, error) {
	base := strings.ToLower(filepath.Base(file))
	switch {
	case strings.EqualFold(flag, string(schema.TechSIP)):
		return schema.TechSIP, nil
	case strings.EqualFold(flag, string(schema.TechPJSIP)):
		return schema.TechPJSIP, nil
	case flag != "":
		return "", fmt.Errorf("convert: -tech %q is neither SIP nor PJSIP", flag)
	case strings.HasPrefix(base, "pjsip"):
		return schema.TechPJSIP, nil
	case strings.HasPrefix(base, "sip"):
		return schema.TechSIP, nil
	}
	if _, err := os.Stat(file); file != "-" && errors.Is(err, fs.ErrNotExist) { // which is likelier meant otherwise
		return "", fmt.Errorf("convert %s: there is no such file", file)
	}
	return "", fmt.Errorf("convert: the name %q does not say whether chan_sip or PJSIP reads the file. Add -tech SIP or -tech PJSIP: the two send some things differently", file)
}

func (a *app) readNotifyConf(file string, files astconf.Files) (*astconf.Config, error) {
	if file != "-" {
		return astconf.Read(files, file)
	}
	text, err := io.ReadAll(io.LimitReader(a.stdin, 16<<20)) // more than astconf takes
	if err != nil {
		return nil, fmt.Errorf("convert standard input: %w", err)
	}
	return astconf.Parse(files, "<stdin>", text)
}

// converted writes the blocks, and ends with an error if one is missing.
func (a *app) converted(c *conversion) error {
	for _, w := range c.config.Warnings {
		c.diags = append(c.diags, c.diagnostic(hcl.DiagWarning, notAsItSeems, w.Place, sentence(w.Reason, w.Advice)))
	}
	slices.SortStableFunc(c.diags, func(a, b *hcl.Diagnostic) int {
		if a.Subject == nil || b.Subject == nil || a.Subject.Filename != b.Subject.Filename {
			return 0
		}
		return a.Subject.Start.Byte - b.Subject.Start.Byte
	})
	text := c.configuration()
	if a.json {
		if err := writeJSON(a.stdout, c.json(text)); err != nil {
			return err
		}
	} else {
		if _, err := io.WriteString(a.stdout, text); err != nil {
			return err
		}
		a.showDiagnostics(c.files(), c.diags)
	}
	if c.diags.HasErrors() {
		return exitCode(exitError)
	}
	return nil
}

// convertJSON is convert -json.
type convertJSON struct {
	FormatVersion string                 `json:"format_version"`
	Type          string                 `json:"type"` // "convert"
	Configuration string                 `json:"configuration"`
	Sections      []convertedSectionJSON `json:"sections"`
	Diagnostics   []diagnosticJSON       `json:"diagnostics"`
}

type convertedSectionJSON struct {
	Section string   `json:"section"`
	Message string   `json:"message,omitempty"` // absent: none could be made
	File    string   `json:"file"`
	Line    int      `json:"line"`
	Notes   []string `json:"notes,omitempty"`
}

func (c *conversion) json(text string) convertJSON {
	out := convertJSON{formatVersion, "convert", text, []convertedSectionJSON{}, toDiagnosticJSON(c.files(), c.diags)}
	for _, s := range c.blocks {
		j := convertedSectionJSON{Section: s.section.Name, File: s.section.Place.File, Line: s.section.Place.Line, Notes: s.notes}
		if s.message != nil {
			j.Message = "message." + s.label
		}
		out.Sections = append(out.Sections, j)
	}
	return out
}
