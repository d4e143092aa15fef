package main

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

const maxNames = 5 // targets named in full before "and N more"

// names lists the first few of many.
func names[T any](all []T, name func(T) string) string { return few(all, name, 0) }

// few lists the first of many: as many as fit into a number of columns with how
// many more there are, but one at least; 0: as many as there is no limit for.
func few[T any](all []T, name func(T) string, room int) string {
	return fewOf(len(all), all, name, room)
}

// fewOf does so of total, where only the first are at hand.
func fewOf[T any](total int, first []T, name func(T) string, room int) string {
	text := ""
	for n := 1; n <= min(maxNames, len(first)); n++ {
		var b strings.Builder
		for i, x := range first[:n] {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(name(x))
		}
		if n < total {
			fmt.Fprintf(&b, " and %s more", thousands(total-n))
		}
		if room > 0 && n > 1 && utf8.RuneCountInString(b.String()) > room {
			break
		}
		text = b.String()
	}
	return text
}

func itself(s string) string { return s }
