package site

import (
	"bytes"
	"regexp"
)

var between = regexp.MustCompile(`\s*([{};,])\s*|:\s+`)

// styleSheet gives the style sheet without the blanks that only people need.
func styleSheet() []byte {
	b, err := looks.ReadFile("style.css")
	if err != nil {
		panic(err) // embedded
	}
	b = between.ReplaceAllFunc(b, bytes.TrimSpace)
	return append(bytes.ReplaceAll(bytes.TrimSpace(b), []byte("\n"), nil), '\n')
}
