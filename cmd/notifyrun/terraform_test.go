package main

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// Who types what Terraform has is told what is here in its place; what there is here
// is not spoken of so.
func TestTerraform_instead(t *testing.T) {
	for name, instead := range insteadOfCommand {
		code, _, errs := execute(t, "", nil, strings.Fields(name)...)
		if !strings.HasSuffix(errs, ": "+instead+"\n") || code != exitError {
			t.Errorf("%s: exit code %d: %s", name, code, errs)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(insteadOfFlag)) {
		code, _, errs := execute(t, "", nil, "plan", "-"+name+"=false")
		if errs != "Error: plan: there is no flag -"+name+": "+insteadOfFlag[name]+"\n" || code != exitError {
			t.Errorf("-%s: exit code %d: %s", name, code, errs)
		}
	}
}
