package schema

import (
	"strings"
	"testing"
)

// TestFunctions evaluates expressions as the console does and compares what it
// prints: the results that Terraform's documentation gives.
func TestFunctions(t *testing.T) {
	dir := writeFiles(t,
		"main.hcl", "variable \"secret\" {\n  default   = \"hunter2\"\n  sensitive = true\n}\nlocals {\n  a = 1\n}\n",
		"hello.txt", "Hello\n", "t.tpl", "Hello ${name}!", "list.tpl", "%{ for n in names ~}\n${n};\n%{ endfor ~}\n",
		"latin1.txt", "\xe9", "phones.csv", "target,new\nPJSIP/1,3\n")
	_, cfg := load(t, dir, Values{})
	scope := cfg.Scope()
	for _, test := range []struct{ expr, want string }{
		// Numbers.
		{`abs(-12.4)`, `12.4`},
		{`ceil(5.1)`, `6`},
		{`floor(4.9)`, `4`},
		{`log(16, 2)`, `4`},
		{`max(5, 12, 9)`, `12`},
		{`min([5, 12, 9]...)`, `5`},
		{`parseint("FF", 16)`, `255`},
		{`pow(3, 2)`, `9`},
		{`signum(-13)`, `-1`},
		{`sum([10, 13, 6, 4.5])`, `33.5`},
		{`sum([])`, `! cannot sum an empty list`},
		{`1 / 3 > 0.33`, `true`},
		{`100000000000000000000`, `100000000000000000000`},

		// Strings.
		{`chomp("hello\r\n")`, `"hello"`},
		{`endswith("hello world", "world")`, `true`},
		{`startswith("hello world", "world")`, `false`},
		{`strcontains("hello world", "wor")`, `true`},
		{`format("Hello, %s! %03d %.2f", "Ander", 7, 1.5)`, `"Hello, Ander! 007 1.50"`},
		{`formatlist("%s-%d", ["a", "b"], 1)`, "tolist([\n  \"a-1\",\n  \"b-1\",\n])"},
		{`indent(2, "[\n  foo\n]")`, "<<EOT\n[\n    foo\n  ]\nEOT"},
		{`join("-", ["foo", "bar", "baz"])`, `"foo-bar-baz"`},
		{`lower("HELLO")`, `"hello"`},
		{`upper("äö")`, `"ÄÖ"`},
		{`title("hello world")`, `"Hello World"`},
		{`regex("[a-z]+", "53453453.345345aaabbbccc23454")`, `"aaabbbccc"`},
		{`regexall("[a-z]+", "1234abcd5678efgh9")`, "tolist([\n  \"abcd\",\n  \"efgh\",\n])"},
		{`replace("1 + 2 + 3", "+", "-")`, `"1 - 2 - 3"`},
		{`replace("hello world", "/w.*d/", "everybody")`, `"hello everybody"`},
		{`replace("a/b", "/", "-")`, `"a-b"`},
		{`replace("2-1", "/(\\d)-(\\d)/", "$2-$1")`, `"1-2"`},
		{`split(",", "foo,bar")`, "tolist([\n  \"foo\",\n  \"bar\",\n])"},
		{`strrev("hello")`, `"olleh"`},
		{`substr("hello world", 1, 4)`, `"ello"`},
		{`substr("hello", -2, -1)`, `"lo"`},
		{`trim("?!hello?!", "!?")`, `"hello"`},
		{`trimprefix("helloworld", "hello")`, `"world"`},
		{`trimsuffix("helloworld", "world")`, `"hello"`},
		{`trimspace("  hello\n\n")`, `"hello"`},

		// Collections.
		{`alltrue([true, "true"])`, `true`},
		{`alltrue([])`, `true`},
		{`alltrue([true, null])`, `false`},
		{`anytrue([])`, `false`},
		{`anytrue([false, true])`, `true`},
		{`chunklist(["a", "b", "c"], 2)[1]`, "tolist([\n  \"c\",\n])"},
		{`coalesce("", "b")`, `"b"`},
		{`coalesce(null, 2)`, `2`},
		{`coalesce("", null)`, `! no non-null, non-empty-string arguments`},
		{`coalescelist([], ["c"])`, "[\n  \"c\",\n]"},
		{`compact(["a", "", null, "b"])`, "tolist([\n  \"a\",\n  \"b\",\n])"},
		{`concat(["a", ""], ["b"])`, "[\n  \"a\",\n  \"\",\n  \"b\",\n]"},
		{`contains(["a", "b"], "b")`, `true`},
		{`distinct(["a", "b", "a"])`, "tolist([\n  \"a\",\n  \"b\",\n])"},
		{`element(["a", "b", "c"], 3)`, `"a"`},
		{`flatten([["a", "b"], [], ["c"]])`, "[\n  \"a\",\n  \"b\",\n  \"c\",\n]"},
		{`index(["a", "b", "c"], "b")`, `1`},
		{`index(["a"], "z")`, `! item not found`},
		{`keys({ b = 1, a = 2 })`, "[\n  \"a\",\n  \"b\",\n]"},
		{`length([])`, `0`},
		{`length({ a = 1 })`, `1`},
		{`length("héllo")`, `5`},
		{`length("👩‍👩‍👧")`, `1`},
		{`length(5)`, `! argument must be a string, a collection type, or a structural type`},
		{`lookup({ a = "ay" }, "a", "what?")`, `"ay"`},
		{`lookup({ a = "ay" }, "c", "what?")`, `"what?"`},
		{`lookup(tomap({ a = "ay" }), "c")`, `! lookup failed to find the key`},
		{`matchkeys(["i-1", "i-2"], ["x", "y"], ["y"])`, "tolist([\n  \"i-2\",\n])"},
		{`merge({ a = 1 }, { a = 2, b = 3 })`, "{\n  \"a\" = 2\n  \"b\" = 3\n}"},
		{`one([])`, `null`},
		{`one(["x"])`, `"x"`},
		{`one(["x", "y"])`, `! must be a list, set, or tuple value with either zero or one elements`},
		{`range(3)`, "tolist([\n  0,\n  1,\n  2,\n])"},
		{`reverse([1, 2])`, "[\n  2,\n  1,\n]"},
		{`setintersection(["a", "b"], ["b"])`, "toset([\n  \"b\",\n])"},
		{`length(setproduct(["a", "b"], ["c", "d"]))`, `4`},
		{`setsubtract(["a", "b"], ["b"])`, "toset([\n  \"a\",\n])"},
		{`setunion(["a"], ["b"])`, "toset([\n  \"a\",\n  \"b\",\n])"},
		{`slice(["a", "b", "c"], 1, 3)`, "[\n  \"b\",\n  \"c\",\n]"},
		{`sort(["e", "d"])`, "tolist([\n  \"d\",\n  \"e\",\n])"},
		{`transpose({ a = ["1", "2"], b = ["2"] })`, "tomap({\n  \"1\" = tolist([\n    \"a\",\n  ])\n  \"2\" = tolist([\n    \"a\",\n    \"b\",\n  ])\n})"},
		{`values({ b = 1, a = 2 })`, "[\n  2,\n  1,\n]"},
		{`zipmap(["a", "b"], [1, 2])`, "{\n  \"a\" = 1\n  \"b\" = 2\n}"},

		// Encodings, hashes.
		{`base64encode("Hello World")`, `"SGVsbG8gV29ybGQ="`},
		{`base64decode("SGVsbG8gV29ybGQ=")`, `"Hello World"`},
		{`base64decode("/w==")`, `! not valid UTF-8`},
		{`csvdecode("a,b\n1,2\n")`, "tolist([\n  {\n    \"a\" = \"1\"\n    \"b\" = \"2\"\n  },\n])"},
		{`jsondecode("{\"a\": [1, true, null]}")`, "{\n  \"a\" = [\n    1,\n    true,\n    null,\n  ]\n}"},
		{`jsonencode({ a = [1, "x"] })`, `"{\"a\":[1,\"x\"]}"`},
		{`yamldecode("a: 1\nb: [x, z]")`, "{\n  \"a\" = 1\n  \"b\" = [\n    \"x\",\n    \"z\",\n  ]\n}"},
		{`yamlencode({ a = 1 })`, "<<EOT\n\"a\": 1\n\nEOT"},
		{`urlencode("a b&c")`, `"a+b%26c"`},
		{`md5("hello world")`, `"5eb63bbbe01eeed093cb22bb8f5acdc3"`},
		{`sha1("hello world")`, `"2aae6c35c94fcfb415dbe95f408b9ce91ee846ed"`},
		{`sha256("hello world")`, `"b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9"`},

		// Dates.
		{`formatdate("DD MMM YYYY hh:mm ZZZ", "2018-01-02T23:12:01Z")`, `"02 Jan 2018 23:12 UTC"`},
		{`timeadd("2017-11-22T00:00:00Z", "10m")`, `"2017-11-22T00:10:00Z"`},
		{`timecmp("2017-11-22T00:00:00Z", "2017-11-22T01:00:00+01:00")`, `0`},

		// Types.
		{`tostring(1.5)`, `"1.5"`},
		{`tonumber("no")`, `! cannot convert "no" to number`},
		{`tobool("true")`, `true`},
		{`toset(["b", "a", "b"])`, "toset([\n  \"a\",\n  \"b\",\n])"},
		{`tolist(["a", 1])`, "tolist([\n  \"a\",\n  \"1\",\n])"},
		{`tomap({ a = 1, b = "x" })`, "tomap({\n  \"a\" = \"1\"\n  \"b\" = \"x\"\n})"},
		{`tostring(null)`, `tostring(null)`},
		{`try(local.a.b, "fallback")`, `"fallback"`},
		{`can(tonumber("x"))`, `false`},

		// Sensitive values.
		{`var.secret`, `(sensitive value)`},
		{`upper(var.secret)`, `(sensitive value)`},
		{`"x${var.secret}"`, `(sensitive value)`},
		{`length(var.secret)`, `(sensitive value)`},
		{`lookup({ a = 1 }, var.secret, 2)`, `(sensitive value)`},
		{`coalesce("", var.secret)`, `(sensitive value)`},
		{`[1, var.secret]`, "[\n  1,\n  (sensitive value),\n]"},
		{`jsonencode({ a = var.secret })`, `(sensitive value)`},
		{`issensitive(var.secret)`, `true`},
		{`issensitive("x")`, `false`},
		{`nonsensitive(length(var.secret))`, `7`},
		{`sensitive("x")`, `(sensitive value)`},
		{`templatefile("t.tpl", { name = var.secret })`, `(sensitive value)`},
		{`parseint(var.secret, 10)`, `! not shown because an argument is sensitive`},

		// Files.
		{`file("hello.txt")`, "<<EOT\nHello\n\nEOT"},
		{`file("${path.config}/hello.txt") == file("hello.txt")`, `true`},
		{`file("latin1.txt")`, `! not valid UTF-8`},
		{`filebase64("latin1.txt")`, `"6Q=="`},
		{`file("none.txt")`, `! there is no such file`},
		{`fileexists("none.txt")`, `false`},
		{`fileexists("hello.txt")`, `true`},
		{`filesha256("hello.txt") == sha256(file("hello.txt"))`, `true`},
		{`filemd5("hello.txt") == md5(file("hello.txt"))`, `true`},
		{`templatefile("t.tpl", { name = "you" })`, `"Hello you!"`},
		{`templatefile("list.tpl", { names = ["a", "b"] })`, "<<EOT\na;\nb;\n\nEOT"},
		{`templatefile("t.tpl", {})`, `! the template uses "name"`},
		{`csvdecode(file("phones.csv"))[0].target`, `"PJSIP/1"`},

		// Expressions.
		{`[for n in range(2) : "PJSIP/${1000 + n}"]`, "[\n  \"PJSIP/1000\",\n  \"PJSIP/1001\",\n]"},
		{`{ for k, v in { a = 1 } : v => k }`, "{\n  \"1\" = \"a\"\n}"},
		{`local.a == 1 ? "yes" : "no"`, `"yes"`},
		{`timestamp()`, `! a plan must be repeatable`},
		{`local.b`, `! There is no local value named "b".`},
		{`1 +`, `! A value is expected here`},
	} {
		v, diags := scope.Eval(test.expr)
		if want, fails := strings.CutPrefix(test.want, "! "); fails {
			if !diags.HasErrors() || !strings.Contains(diags.Error(), want) {
				t.Errorf("%s: got %v, want an error with %q", test.expr, diags, want)
			}
			continue
		}
		if diags.HasErrors() {
			t.Errorf("%s: %v", test.expr, diags)
			continue
		}
		if got := FormatValue(v); got != test.want {
			t.Errorf("%s: got %s, want %s", test.expr, got, test.want)
		}
	}
}
