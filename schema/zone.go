package schema

import (
	"archive/zip"
	"bytes"
	_ "embed"
	"errors"
	"io"
	"time"
)

// zoneinfo is the tz database, as Go ships it (public domain; version 2025c). Package
// time would take the machine's own first: a plan made on one machine would then
// not be what a daemon does on another.
//
//go:generate sh -c "cp $(go env GOROOT)/lib/time/zoneinfo.zip zoneinfo.zip"
//go:embed zoneinfo.zip
var zoneinfo []byte

var errNoZone = errors.New("no zone has this name")

// loadZone finds a time zone by its IANA name, the same on every machine.
func loadZone(name string) (*time.Location, error) {
	if name == "" || name == "Local" {
		return nil, errors.New("it would depend on the machine")
	}
	if name == "UTC" {
		return time.UTC, nil
	}
	files, err := zip.NewReader(bytes.NewReader(zoneinfo), int64(len(zoneinfo)))
	if err != nil {
		return nil, err
	}
	f, err := files.Open(name)
	if err != nil {
		return nil, errNoZone
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	if err != nil {
		return nil, errNoZone // a directory, such as "America"
	}
	return time.LoadLocationFromTZData(name, data)
}
