package astconf_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/amiclient/amitest"
	"github.com/notifyrun/notifyrun/astconf"
)

// TestAsterisk holds what Read finds against what real servers find in the same
// files, which their action GetConfig tells: in those of the table of TestRead,
// and in some that are put together at random.
func TestAsterisk(t *testing.T) {
	files := map[string]string{}
	var roots []string
	for i, c := range readCases {
		// Each case has files of its own: what it includes is renamed.
		rename := func(text string) string { return strings.ReplaceAll(text, "inc/", fmt.Sprintf("inc%d/", i)) }
		root := fmt.Sprintf("table%d.conf", i)
		for name, text := range c.files {
			if name == "main.conf" {
				name = root
			}
			files[rename(name)] = rename(text)
		}
		roots = append(roots, root)
	}
	const random = 400
	source := rand.New(rand.NewPCG(1, 2))
	for i := range random {
		root := fmt.Sprintf("random%d.conf", i)
		files[root] = randomText(source)
		roots = append(roots, root)
	}
	files["part.conf"] = "p=1\n[part]\nq=2\n"

	dir := t.TempDir()
	write(t, dir, files)
	for _, major := range []int{16, 22} {
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			server := amitest.StartAsterisk(t, major, amitest.AsteriskConfig{Files: files})
			c, err := amiclient.Dial(t.Context(), amiclient.Config{Address: server.Addr, Username: amitest.UserFull, Secret: amitest.Secret})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			refusals := 0
			for _, root := range roots {
				text := files[root]
				if strings.Contains(text, "#exec") {
					continue // tests execute nothing
				}
				config, err := astconf.Read(astconf.Directory(dir), filepath.Join(dir, root))
				if err != nil && strings.Contains(err.Error(), "Asterisk would hang") {
					continue // and it does
				}
				want, refused := getConfig(t, c, root)
				if refused {
					refusals++
				}
				if (err != nil) != refused {
					t.Errorf("%s: Asterisk refuses it: %v; we say %v\n%q", root, refused, err, text)
					continue
				}
				if err != nil {
					continue
				}
				if diff := cmp.Diff(want, dump(config)); diff != "" {
					t.Errorf("%s: Asterisk (-) finds other things than we (+):\n%s\n%q", root, diff, text)
				}
			}
			if refusals == 0 || refusals > len(roots)/2 {
				t.Errorf("the server refuses %d of %d files: the test does not say much", refusals, len(roots))
			}
		})
	}
}

// getConfig asks a server what is in a file. It says whether the server refuses it.
func getConfig(t *testing.T, c *amiclient.Conn, name string) (found string, refused bool) {
	t.Helper()
	m, err := c.Do(t.Context(), amiclient.Action{Name: "GetConfig", Headers: []amiclient.Header{{Name: "Filename", Value: name}, {Name: "Filter", Value: "TEMPLATES=include"}}})
	var response *amiclient.ResponseError
	if errors.As(err, &response) {
		if !strings.Contains(response.Text, "invalid format") {
			t.Fatalf("%s: %v", name, err)
		}
		return "", true
	}
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	var b strings.Builder
	for name, value := range m.All() {
		switch {
		case strings.HasPrefix(name, "Category-"):
			fmt.Fprintf(&b, "[%s]\n", value)
		case strings.HasPrefix(name, "IsTemplate-"):
			b.WriteString("template\n")
		case strings.HasPrefix(name, "Line-"):
			fmt.Fprintf(&b, "%s\n", value)
		}
	}
	return b.String(), false
}

// randomText puts together what could be in a file: mostly right, often odd.
func randomText(r *rand.Rand) string {
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	name := func() string { return pick("a", "b", "A", "c d", "general", "x-y", " a", "a ") }
	piece := func() string {
		return pick("v", " ", ";", `\;`, `\`, `\\;`, "--;", ";--", ";---", "--", "-", "=", ">", "[", "]", `"`, "$"+"{x}", "é", "\t", "check-sync", "/")
	}
	text := func() string {
		var b strings.Builder
		for range r.IntN(5) {
			b.WriteString(piece())
		}
		return b.String()
	}
	options := func() string {
		return pick("", "", "", "", "(!)", "(a)", "(b,a)", "(+)", "(!,a)", "(a,+)", "(+,a)", "(a", "()", " (a)", "(+TEMPLATES=include)", "(+k=v)", "(+TEMPLATES=restrict&k=.)")
	}
	var b strings.Builder
	fmt.Fprintf(&b, "[a]%s\nk=v\n[b](!)\nk=w\n", pick("", "", "(!)"))
	for range r.IntN(14) {
		switch r.IntN(9) {
		case 0, 1:
			fmt.Fprintf(&b, "%s[%s]%s%s\n", pick("", "", " "), name(), options(), pick("", "", " ;x", "x"))
		case 2:
			b.WriteString(pick("#include part.conf\n", "#tryinclude <none.conf>\n", "#include \"part.conf\"\n", "# include part.conf\n", "#nothing x\n", "#include\n", "#include pa*.conf\n", "#INCLUDE {part,none}.conf\n"))
		case 3:
			b.WriteString(text() + pick("\n", "\r\n"))
		case 4:
			fmt.Fprintf(&b, "%s += %s\n", pick("k", "Event", "K"), text())
		default:
			fmt.Fprintf(&b, "%s%s%s%s%s", pick("", "", "", `\`, " "), pick("k", "Event", "Content", "#h", "", "é"), pick("=", "=>", " = ", " => ", "=> "), text(), pick("\n", "\n", "\r\n", "\n\n"))
		}
	}
	return b.String()
}
