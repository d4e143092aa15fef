package schema

import (
	"archive/zip"
	"bytes"
	"strings"
	"testing"
	"time"
)

// Each zone of the database can be loaded, and the machine has no say in it.
func TestLoadZone(t *testing.T) {
	t.Setenv("ZONEINFO", t.TempDir())
	files, err := zip.NewReader(bytes.NewReader(zoneinfo), int64(len(zoneinfo)))
	if err != nil {
		t.Fatal(err)
	}
	zones := 0
	for _, f := range files.File {
		if strings.HasSuffix(f.Name, "/") {
			continue
		}
		zones++
		if z, err := loadZone(f.Name); err != nil || z.String() != f.Name {
			t.Errorf("%s: %v, %v", f.Name, z, err)
		}
	}
	if zones < 500 {
		t.Errorf("%d zones", zones)
	}
	berlin, err := loadZone("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	if got := time.Date(2026, 7, 1, 12, 0, 0, 0, berlin).UTC().Hour(); got != 10 {
		t.Errorf("noon in Berlin's summer is %d UTC", got)
	}
	for _, name := range []string{"", "Local", "Europe", "Europe/", "Europe/Nowhere", "../etc/passwd", "/etc/localtime", "europe/berlin"} {
		if z, err := loadZone(name); err == nil {
			t.Errorf("%q is %v", name, z)
		}
	}
}
