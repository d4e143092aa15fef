package main

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestDocs_convert converts the file of the page and compares what is printed.
func TestDocs_convert(t *testing.T) {
	section := readPage(t, "operations.md").section(t, "From sip_notify.conf and pjsip_notify.conf")
	t.Chdir(t.TempDir())
	if err := os.WriteFile("pjsip_notify.conf", []byte(codeBlocks(section, "conf")[0]), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, errs := execute(t, "", nil, "convert", "pjsip_notify.conf")
	if want := codeBlocks(section, "hcl")[0]; code != exitOK || strings.TrimSpace(out) != strings.TrimSpace(want) {
		t.Errorf("exit code %d\n%s\n%s", code, cmp.Diff(want, out), errs)
	}
	loadMessages(t, out)
	code, out, _ = execute(t, "[3com reboot]\nEvent=a\n", nil, "convert", "-tech", "pjsip", "-")
	if code != exitOK || !strings.Contains(out, "message \"section_3com_reboot\"") || !strings.Contains(section, "`section_3com_reboot`") {
		t.Errorf("exit code %d\n%s", code, out)
	}
}
