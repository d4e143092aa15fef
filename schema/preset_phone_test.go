package schema

import (
	"bufio"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// userAgents reads testdata/user_agents.txt: under each vendor, or "strangers",
// lines of a User-Agent and, after a tab, the version of its firmware.
func userAgents(t testing.TB) map[string][][2]string {
	t.Helper()
	f, err := os.Open("testdata/user_agents.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all := make(map[string][][2]string)
	vendor := ""
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line := lines.Text()
		if name, ok := strings.CutPrefix(line, "["); ok {
			vendor = strings.TrimSuffix(name, "]")
			continue
		}
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		agent, firmware, _ := strings.Cut(line, "\t")
		all[vendor] = append(all[vendor], [2]string{agent, firmware})
	}
	return all
}

// Every User-Agent of the list is of its vendor and of no other, and its firmware
// is known where it says all of it.
func TestVendorOf(t *testing.T) {
	all := userAgents(t)
	for vendor, agents := range all {
		for _, a := range agents {
			v, firmware := VendorOf(a[0])
			got := "strangers"
			if v != nil {
				got = v.ID
			}
			if got != vendor || firmware != a[1] {
				t.Errorf("%q is %s with firmware %q, want %s with %q", a[0], got, firmware, vendor, a[1])
			}
			n := 0
			for _, v := range Vendors() {
				if v.pattern.MatchString(a[0]) {
					n++
				}
			}
			if n > 1 {
				t.Errorf("%q is of %d vendors", a[0], n)
			}
		}
	}
	for _, v := range Vendors() {
		if len(all[v.ID]) < 3 {
			t.Errorf("there are %d User-Agents of %s", len(all[v.ID]), v.ID)
		}
		if got, _ := VendorOf(v.Example); got == nil || got.ID != v.ID {
			t.Errorf("the example of %s is not its own", v.ID)
		}
	}
	if len(all["strangers"]) < 20 {
		t.Errorf("there are %d strangers", len(all["strangers"]))
	}
}

// What Asterisk has cut, and what nobody but an attacker sends.
func TestVendorOf_cut(t *testing.T) {
	const whole = "Yealink SIP-T46S 66.86.0.15 805ec0aabbcc"
	for n := range len(whole) {
		v, firmware := VendorOf(whole[:n])
		if n <= len("Yealink SIP-T46S 66.86.0.") && firmware != "" {
			t.Errorf("%q has firmware %q", whole[:n], firmware)
		}
		if n < len("Yealink SIP-T4") && v != nil {
			t.Errorf("%q is of %s", whole[:n], v.ID)
		}
	}
	for _, hostile := range []string{
		"", " ", "\x00", "Yealink SIP-T46S 66.86.0.15\x00", "Yealink SIP-T46S\r\nVia: x", "x\nYealink SIP-T46S 66.86.0.15",
		"snom370/8.7.5.48\x1b[2J", strings.Repeat("Yealink ", 100_000), "${file(\"/etc/passwd\")}", "' OR 1=1 --", "\xff\xfe",
	} {
		if v, firmware := VendorOf(hostile); v != nil || firmware != "" {
			t.Errorf("%.40q is of %s, with firmware %q", hostile, v.ID, firmware)
		}
	}
	if _, firmware := VendorOf("Yealink SIP-T46S " + strings.Repeat("1.", 100_000)); firmware != "" {
		t.Errorf("a firmware of %d bytes", len(firmware))
	}
}

// Versions in ascending order; those in one line are equal.
func TestVersionCmp(t *testing.T) {
	order := [][]string{
		{"0", "0.0", "v0"},
		{"0.9.99"},
		{"1.2-rc1", "1.2rc1", "1.2.rc1", "1.2_RC1"},
		{"1.2-rc2"},
		{"1.2", "1.2.0", "01.02", "V1.2", "1_2", "1-2-0-0"},
		{"1.2.0a"},
		{"1.2a"},
		{"1.2b", "1.2(b)"},
		{"1.2.1"},
		{"1.2.1.5"},
		{"1.2.10"},
		{"6.1.5"},
		{"6.1.5(a)"},
		{"7.6.2b"},
		{"7.6.2c"},
		{"8.5.1"},
		{"8.7.5.35"},
		{"10.1.141.13"},
		{"11-1-0"},
		{"11-1-0MSR3-9"},
		{"12-0-1"},
		{"12-0-1SR1"},
		{"42.245.00.000.000"},
		{"42.250.00.000.000", "42.250"},
		{"66.86.0.5"},
		{"66.86.0.15"},
		{"99999999999999999999999999999999.1"},
		{"99999999999999999999999999999999.2"},
	}
	for i, as := range order {
		for k, bs := range order {
			for _, a := range as {
				for _, b := range bs {
					x, errA := parseVersion(a)
					y, errB := parseVersion(b)
					if errA != nil || errB != nil {
						t.Fatal(errA, errB)
					}
					want := 0
					if i != k {
						want = 1
						if i < k {
							want = -1
						}
					}
					if got := compareVersions(x, y); got != want {
						t.Errorf("versioncmp(%q, %q) = %d, want %d", a, b, got, want)
					}
				}
			}
		}
	}
}

// FuzzVersionCmp holds that the comparison is an order.
func FuzzVersionCmp(f *testing.F) {
	f.Add("1.2rc1", "1.2", "1.2b")
	f.Add("1.0.11.64", "v1", "12-0-1SR1")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		x, err1 := parseVersion(a)
		y, err2 := parseVersion(b)
		z, err3 := parseVersion(c)
		if err1 != nil || err2 != nil || err3 != nil {
			return
		}
		if compareVersions(x, x) != 0 {
			t.Errorf("%q differs from itself", a)
		}
		if compareVersions(x, y) != -compareVersions(y, x) {
			t.Errorf("%q and %q are not the other way around", a, b)
		}
		if compareVersions(x, y) <= 0 && compareVersions(y, z) <= 0 && compareVersions(x, z) > 0 {
			t.Errorf("%q ≤ %q ≤ %q, but not the first and the last", a, b, c)
		}
	})
}

func TestPhoneFunctions(t *testing.T) {
	scope := one(t, "").Scope()
	for _, c := range []struct{ expr, want string }{
		{`preset_for("Yealink SIP-T46S 66.86.0.15", "reboot").event`, `"check-sync;reboot=true"`},
		{`preset_for("Cisco/SPA504G-7.6.2c", "check_sync").event`, `"resync"`},
		{`preset_for("PolycomVVX-VVX_450-UA/6.4.3.5018", "reboot", "check_sync").event`, `"check-sync"`},
		{`preset_for("Yealink SIP-T46S 66.86.0.15", "reboot") == preset.yealink.reboot`, `true`},
		{`preset_for("PolycomVVX-VVX_450-UA/6.4.3.5018", "reboot")`, `! Polycom and Poly phones, such as "PolycomVVX-VVX_450-UA/6.4.3.5018", have no preset "reboot". There is "check_sync".`},
		{`preset_for("Zoiper rv2.10.8.2", "reboot")`, `! no vendor is known by the User-Agent "Zoiper rv2.10.8.2".`},
		{`preset.snom.reboot.preset`, `"snom.reboot"`},
		{`preset_for("Yealink SIP-T46S 66.86.0.15", "reboot").preset`, `"yealink.reboot"`},
		{`preset_for("", "reboot")`, `! the phone has not told a User-Agent, so that its vendor is not known.`},
		{`preset_for(null, "reboot")`, `! the phone has not told a User-Agent`},
		{`preset_for("Yealink SIP-T46S 66.86.0.15", "rebot")`, `! no vendor has the preset "rebot" (did you mean "reboot"?).`},
		{`preset_for("Yealink SIP-T46S 66.86.0.15", "format_disk")`, `! no vendor has the preset "format_disk"`},
		{`preset_for(sensitive("Zoiper 5"), "reboot")`, `! The reason is not shown because an argument is sensitive.`},
		{`try(preset_for("Zoiper 5", "reboot"), preset.snom.reboot).event`, `"check-sync;reboot=true"`},
		{`can(preset_for("Zoiper 5", "reboot"))`, `false`},
		{`firmware_of("Yealink SIP-T46S 66.86.0.15")`, `"66.86.0.15"`},
		{`firmware_of("Yealink SIP-T46S 66.86.0")`, `tostring(null)`},
		{`firmware_of("Zoiper 5.6.1")`, `tostring(null)`},
		{`firmware_of(null)`, `tostring(null)`},
		{`vendor_of("snomD785/10.1.159.12")`, `"snom"`},
		{`vendor_of("")`, `tostring(null)`},
		{`versioncmp("66.86.0.5", "66.86.0.15")`, `-1`},
		{`versioncmp("1.2", "1.2.0")`, `0`},
		{`versioncmp("1.2.10", "1.2.9")`, `1`},
		{`versioncmp(firmware_of("Zoiper 5"), "1")`, `! the version is null, so that what firmware the phone has is not known.`},
		{`versioncmp("1", null)`, `! the version is null`},
		{`versioncmp("latest", "1")`, `! "latest" is not a version: it has no number.`},
		{`try(versioncmp(firmware_of("Zoiper 5"), "1") < 0, false)`, `false`},
		{`[for a in ["Yealink SIP-T46S 66.86.0.5", "Yealink SIP-T46S 66.86.0.15", "Zoiper 5"] : a if try(versioncmp(firmware_of(a), "66.86.0.15") < 0, false)]`,
			"[\n  \"Yealink SIP-T46S 66.86.0.5\",\n]"},
	} {
		v, diags := scope.Eval(c.expr)
		if want, isError := strings.CutPrefix(c.want, "! "); isError {
			if !diags.HasErrors() || !strings.Contains(diags[0].Detail, want) {
				t.Errorf("%s: %v, want %s", c.expr, diags, want)
			}
			continue
		}
		if diags.HasErrors() {
			t.Errorf("%s: %v", c.expr, diags)
			continue
		}
		if diff := cmp.Diff(c.want, FormatValue(v)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.expr, diff)
		}
	}
}

// BenchmarkVendorOf finds the vendors of the User-Agents of the list, one after
// the other.
func BenchmarkVendorOf(b *testing.B) {
	var agents []string
	for _, of := range userAgents(b) {
		for _, a := range of {
			agents = append(agents, a[0])
		}
	}
	for i := 0; b.Loop(); i++ {
		VendorOf(agents[i%len(agents)])
	}
}
