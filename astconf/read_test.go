package astconf_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/notifyrun/notifyrun/astconf"
)

// readCases are files and what Asterisk finds in them. The first file is main.conf;
// others are in inc/.
var readCases = []struct {
	name     string
	files    map[string]string
	want     string
	refused  string // a part of the error; then nothing else is compared
	warnings []string
}{
	{name: "entries", files: main("[a]\nk=v\n k2 =>  v 2 \nk3==> x\nk4=\nk5 =>\n"), want: "[a]\nk=v\nk2=v 2\nk3==> x\nk4=\nk5=\n"},
	{name: "repeated", files: main("[a]\nk=1\nk=2\nk=1\n"), want: "[a]\nk=1\nk=2\nk=1\n"},
	{name: "comments", files: main("; x\n[a] ; y\nk=v;w\nk2=v ;w\n;k3=v\n"), want: "[a]\nk=v\nk2=v\n"},
	{name: "escaped", files: main(`[a]` + "\n" + `k=check-sync\;reboot=true\;x ; c` + "\n" + `k2=\;;c` + "\n" + `k3=\\;c` + "\n" + `k4=a\b\,c\` + "\n"),
		want: `[a]` + "\n" + `k=check-sync;reboot=true;x` + "\n" + `k2=;` + "\n" + `k3=\;c` + "\n" + `k4=a\b\,c\` + "\n"},
	{name: "quotes", files: main("[a]\nk=\"x y\"\nk2='z'\n"), want: "[a]\nk=\"x y\"\nk2='z'\n"},
	{name: "block comment", files: main("[a]\nk=v;-- x\ny=z --; w\nk2=v2 ;-- c --; more\n;--\n;--\nn=1\n--;\nm=2\n--;\nk3=v3\n"), want: "[a]\nk=v\nk2=v2  more\nk3=v3\n", warnings: []string{"main.conf:3: the line has no ="}},
	{name: "no block comment", files: main("[a]\n;--- x\nk=v\n;---- y --;\nl=w\n"), want: "[a]\nk=v\nl=w\n"},
	{name: "block comment not ended", files: main("[a]\nk=v\n;-- x\nl=w\n"), want: "[a]\nk=v\n", warnings: []string{"main.conf:3: the comment that begins here is not ended"}},
	{name: "end of no comment", files: main("[a]\nk=v --; w\nl=1\n;--\nm=2\n"), want: "[a]\nk=v --; w\nm=2\n", warnings: []string{"main.conf:2: the --; ends a comment where none is open"}},
	{name: "template", files: main("[t](!)\nk=1\n[a](t)\nl=2\n[b](t,a)\n[c](!,t)\n"), want: "[t]\ntemplate\nk=1\n[a]\nk=1\nl=2\n[b]\nk=1\nk=1\nl=2\n[c]\ntemplate\nk=1\n"},
	{name: "case of names", files: main("[T](!)\nk=1\n[a](t)\n[A](+)\nl=2\n[a]\nm=3\n"), want: "[T]\ntemplate\nk=1\n[a]\nk=1\nl=2\n[a]\nm=3\n"},
	{name: "added to", files: main("[a]\nk=1\n[b]\n[a](+)\nl=2\n[t](!)\nx=1\n[t](+TEMPLATES=include)\ny=2\n[b](t,+)\n[b](+,t)\nz=3\n"),
		want: "[a]\nk=1\nl=2\n[b]\nx=1\ny=2\nx=1\ny=2\nz=3\n[t]\ntemplate\nx=1\ny=2\n"},
	{name: "added to by filter", files: main("[a]\nk=1\n[a]\nk=2\n[a](+k=2)\nl=3\n"), want: "[a]\nk=1\n[a]\nk=2\nl=3\n"},
	{name: "inherits from nameless", files: main("[f]\nk=1\n[a]()\n"), want: "[f]\nk=1\n[a]\nk=1\n", warnings: []string{`an empty name stands for the first section of all, "f"`}},
	{name: "blank before options", files: main("[f]\nk=1\n[a] (f)\n"), want: "[f]\nk=1\n[a]\n"},
	{name: "blanks in names", files: main("[ a b ]\nk l=1\n"), want: "[ a b ]\nk l=1\n"},
	{name: "appended", files: main("[a]\nk=1\nk=2\nk += 3 \nl+=4\nk+=> 5\n"), want: "[a]\nk=1\nk=2 3> 5\nl=4\n"},
	{name: "appended to the first alike", files: main("[a]\nk=1\nk=1\nk+=2\n"), want: "[a]\nk=12\nk=1\n"},
	{name: "appended to nothing", files: main("[a]\nk=7\nk=\nk+=2\n"), want: "[a]\nk=2\nk=\n"},
	{name: "escaped name", files: main(`[a]` + "\n" + `\#k=1` + "\n" + `\[l]=2` + "\n" + `\=m=3` + "\n"), want: "[a]\n#k=1\n[l]=2\n=m=3\n"},
	{name: "carriage return", files: main("[a]\r\nk=v\r\n\r\n"), want: "[a]\nk=v\n"},
	{name: "no end of line", files: main("[a]\nk=v"), want: "[a]\nk=v\n"},
	{name: "long line", files: main("[a]\nk=" + strings.Repeat("x", 8188) + "\nl=" + strings.Repeat("x", 8189) + "\nm=1\nn=2\no=" + strings.Repeat("y", 20000) + "\np=3\n"),
		want: "[a]\nk=" + strings.Repeat("x", 8188) + "\nm=1\nn=2\np=3\n", warnings: []string{"main.conf:3: the line has more than 8190 bytes", "main.conf:6: the line has more than 8190 bytes"}},
	{name: "NUL", files: main("[a]\nk=v\x00w\nl=1\n"), want: "[a]\nk=v\nl=1\n"},
	{name: "without equals", files: main("[a]\nnothing\n=v\nk=1\n"), want: "[a]\nk=1\n", warnings: []string{"main.conf:2: the line has no =", "main.conf:3: the line has no name"}},
	{name: "unknown directive", files: main("[a]\n#nothing x\n#include\nk=1\n"), want: "[a]\nk=1\n", warnings: []string{"main.conf:2: Asterisk knows no directive #nothing", "main.conf:3: #include names no file"}},
	{name: "exec", files: main("[a]\n#exec /bin/false\nk=1\n"), want: "[a]\nk=1\n", warnings: []string{"main.conf:2: #exec is never executed here"}},
	{name: "include", files: map[string]string{"main.conf": "[a]\n#include inc/one.conf\nk=1\n[b]\n#include \"inc/two.conf\"\nl=2\n", "inc/one.conf": "i=1\n", "inc/two.conf": "j=2\n[c]\nm=3\n"},
		want: "[a]\ni=1\nk=1\n[b]\nj=2\nl=2\n[c]\nm=3\n"},
	{name: "include by pattern", files: map[string]string{"main.conf": "#include inc/*.conf\n#tryinclude inc/{y,x}.con\n#include inc/[!ab]?.conf\n", "inc/b.conf": "[b]\n", "inc/a.conf": "[a]\n", "inc/.h.conf": "[h]\n", "inc/x.con": "[x]\n", "inc/y.con": "[y]\n", "inc/cd.conf": "[cd]\n"},
		want: "[a]\n[b]\n[cd]\n[y]\n[x]\n[cd]\n"},
	{name: "include that is missing", files: main("[a]\nk=1\n#tryinclude inc/none.conf\n"), want: "[a]\nk=1\n"},
	{name: "include that is missing and needed", files: main("[a]\nk=1\n#include inc/none.conf\n"), refused: `main.conf:3: there is no file "inc/none.conf"`},
	{name: "include of itself", files: map[string]string{"main.conf": "[a]\n#include inc/me.conf\n", "inc/me.conf": "k=1\n#tryinclude inc/me.conf\n"},
		want: "[a]\n" + strings.Repeat("k=1\n", 10), warnings: []string{"files are included more than 11 deep"}},
	{name: "no section", files: main("k=1\n"), refused: "main.conf:1: the line belongs to no section"},
	{name: "no bracket", files: main("[a\nk=1\n"), refused: "main.conf:1: a section has no closing ]"},
	{name: "no parenthesis", files: main("[a](\nk=1\n"), refused: "main.conf:1: the options of the section have no closing )"},
	{name: "no such template", files: main("[a](b)\nk=1\n"), refused: `main.conf:1: there is no section "b" to inherit from`},
	{name: "blank before a template", files: main("[b]\n[c]\n[a](b, c)\nk=1\n"), refused: `main.conf:3: there is no section " c" to inherit from`},
	{name: "nothing to add to", files: main("[t](!)\n[t](+)\n"), refused: `main.conf:2: there is no section "t" to add to`},
	{name: "nothing escaped", files: main("[a]\n\\ k=1\n"), refused: `main.conf:2: a \ at the beginning of a line`},
	{name: "long name", files: main("[" + strings.Repeat("n", 90) + "]\nk=1\n"), want: "[" + strings.Repeat("n", 79) + "]\nk=1\n", warnings: []string{"has more than 79 bytes"}},
	{name: "byte order mark", files: map[string]string{"main.conf": "\xef\xbb\xbf[a]\nk=1\n\xef\xbb\xbfl=1\n#include inc/b.conf\n", "inc/b.conf": "\xef\xbb\xbf;c\nm=1\n"}, want: "[a]\nk=1\n\ufeffl=1\nm=1\n"},
	{name: "inherits from itself", files: main("[a]\nk=1\n[a](+,a)\n"), refused: "main.conf:3: the section inherits from itself; Asterisk would hang"},
	{name: "comments in comments", files: main("[a]\n" + strings.Repeat(";--\n", 129) + strings.Repeat("--;\n", 129)), refused: "more than 128 comments are open here; Asterisk would hang"},
	{name: "empty", files: main(""), want: ""},
}

func main(text string) map[string]string { return map[string]string{"main.conf": text} }

func TestRead(t *testing.T) {
	for _, c := range readCases {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, c.files)
			config, err := astconf.Read(astconf.Directory(dir), filepath.Join(dir, "main.conf"))
			if c.refused != "" {
				if err == nil || !strings.Contains(err.Error(), c.refused) {
					t.Errorf("the error is %v, not %s", err, c.refused)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, dump(config)); diff != "" {
				t.Error(diff)
			}
			for i, w := range config.Warnings {
				if i >= len(c.warnings) || !strings.Contains(w.Error(), c.warnings[i]) {
					t.Errorf("warning %d: %v", i, w)
				}
			}
			if len(config.Warnings) < len(c.warnings) {
				t.Errorf("%d warnings, not %d", len(config.Warnings), len(c.warnings))
			}
		})
	}
}

// dump writes what was found in the form of the table.
func dump(c *astconf.Config) string {
	var b strings.Builder
	for _, s := range c.Sections {
		fmt.Fprintf(&b, "[%s]\n", s.Name)
		if s.Template {
			b.WriteString("template\n")
		}
		for _, v := range s.Variables {
			fmt.Fprintf(&b, "%s=%s\n", v.Name, v.Value)
		}
	}
	return b.String()
}

func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
