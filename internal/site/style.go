package site

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"html/template"
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

// plainStyle is all the style of a text-only page. It stands in the page itself, so that the page is one file, and policies name it by its digest.
const plainStyle = "body{max-width:44em;margin:auto;padding:8px 14px;font:18px/1.6 Georgia,serif;overflow-wrap:anywhere}nav a,header a,footer a,.skip,summary{display:inline-block;padding:3px 6px;min-height:26px}svg{display:none}table{width:100%;text-align:start}td{padding:6px 8px 6px 0;vertical-align:top}small{display:block}.kick>*,.under li{margin-inline-end:1em}"

var plainDigest = func() string {
	d := sha256.Sum256([]byte(plainStyle))
	return "'sha256-" + base64.StdEncoding.EncodeToString(d[:]) + "'"
}()

// PlainStyle is the style of a text-only page.
func (v *view) PlainStyle() template.HTML { return "<style>" + plainStyle + "</style>" }
