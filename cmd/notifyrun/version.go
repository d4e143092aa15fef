package main

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
)

// version is that of the program; required_version is held against it.
const version = "0.1.0"

var versionCommand = &command{
	name:  "version",
	short: "print the version of notifyrun",
	long:  `Prints the version of notifyrun, and what it was built from and for.`,
	run:   (*app).version,
}

// versionJSON is version -json.
type versionJSON struct {
	FormatVersion string `json:"format_version"`
	Type          string `json:"type"` // "version"
	Version       string `json:"version"`
	Go            string `json:"go"`
	Platform      string `json:"platform"`
	Revision      string `json:"revision,omitempty"`      // of the source, where the build knows it
	RevisionTime  string `json:"revision_time,omitempty"` // RFC 3339
	Modified      bool   `json:"modified,omitempty"`      // the source differed from the revision
}

func (a *app) version(_ context.Context, args []string) error {
	a.flagSet()
	if err := a.noArguments(a.parse(args)); err != nil {
		return err
	}
	v := newVersionJSON()
	if a.json {
		return writeJSON(a.stdout, v)
	}
	fmt.Fprintf(a.stdout, "notifyrun %s\n%s, %s\n", v.Version, v.Go, v.Platform)
	if v.Revision != "" {
		modified := ""
		if v.Modified {
			modified = ", modified"
		}
		fmt.Fprintf(a.stdout, "revision %s of %s%s\n", v.Revision, v.RevisionTime, modified)
	}
	return nil
}

func newVersionJSON() versionJSON {
	v := versionJSON{
		FormatVersion: formatVersion, Type: "version",
		Version: version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Revision = s.Value
		case "vcs.time":
			v.RevisionTime = s.Value
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
	return v
}
