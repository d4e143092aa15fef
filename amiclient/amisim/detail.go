package amisim

import (
	"embed"
	"strings"
)

// A detail is the pattern of a long block of headers, most of which are settings that no simulated server has changed.
type detail []detailLine

type detailLine struct {
	Header
	field string // the name of what stands there instead of Value, "" if nothing does
}

// The files are as real servers write these blocks; a line that only version 16 or 22 has begins with the number, and
// what is in braces is filled in.
//
//go:embed details
var detailFiles embed.FS

// details reads the patterns for a version, by the names of their files.
func details(v Version) (map[string]detail, error) {
	files, err := detailFiles.ReadDir("details")
	if err != nil {
		return nil, err
	}
	own, other := "16 ", "22 "
	if v.Major22 {
		own, other = other, own
	}
	m := make(map[string]detail)
	for _, file := range files {
		text, err := detailFiles.ReadFile("details/" + file.Name())
		if err != nil {
			return nil, err
		}
		var d detail
		for line := range strings.Lines(string(text)) {
			line, _ = strings.CutPrefix(strings.TrimSuffix(line, "\n"), own)
			if strings.HasPrefix(line, other) {
				continue
			}
			name, value, _ := strings.Cut(line, ":")
			value = strings.TrimPrefix(value, " ")
			field := ""
			if strings.HasPrefix(value, "{") {
				value, field = "", strings.Trim(value, "{}")
			}
			d = append(d, detailLine{Header{name, value}, field})
		}
		m[strings.TrimSuffix(file.Name(), ".txt")] = d
	}
	return m, nil
}

// headers fills a pattern in.
func (d detail) headers(fields map[string]string) []Header {
	list := make([]Header, len(d))
	for i, line := range d {
		list[i] = line.Header
		if line.field != "" {
			list[i].Value = fields[line.field]
		}
	}
	return list
}
