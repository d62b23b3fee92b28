package search_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"zapis/internal/archive"
	"zapis/internal/search"
)

// show writes a tree so that its shape can be read.
func show(n search.Node) string {
	var kids []string
	for _, k := range n.Kids {
		kids = append(kids, show(k))
	}
	in := strings.Join(kids, " ")
	switch n.Op {
	case search.And:
		return "(and " + in + ")"
	case search.Or:
		return "(or " + in + ")"
	case search.Not:
		return "(not " + in + ")"
	case search.Exact:
		return `"` + n.Text + `"`
	case search.Prefix:
		return n.Text + "*"
	case search.Filter:
		return n.Field + "=" + strings.Join(n.Values, "+")
	}
	return n.Text
}

func TestParse(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{
		"":                                "(and )",
		"   ,;":                           "(and )",
		"пытки":                           "пытки",
		"пытки камера":                    "(and пытки камера)",
		"a OR b c":                        "(and (or a b) c)",
		"a | b ИЛИ c АБО d":               "(or a b c d)",
		"a AND b":                         "(and a b)",
		"a -b":                            "(and a (not b))",
		"a NOT b":                         "(and a (not b))",
		"--a":                             "a",
		"ИК-6":                            "ИК-6",
		"a - b":                           "(and a b)",
		"(a b) OR (c d)":                  "(or (and a b) (and c d))",
		"-(a OR b)":                       "(not (or a b))",
		`"a b" «c d» „e f“ “g h”`:         `(and "a b" "c d" "e f" "g h")`,
		"осеч*":                           "осеч*",
		"осеч**":                          "осеч*",
		"in:note,claim a":                 "(and in=note+claim a)",
		"in:note, a":                      "(and in=note a)",
		`facility:"ИК 6",F-0001 a`:        "(and facility=ИК 6+F-0001 a)",
		"камера:B-12":                     "camera=B-12",
		"Camera:x -camera:y":              "(and camera=x (not camera=y))",
		"recorded:2020-06..2020-11":       "recorded=2020-06..2020-11",
		"http://x 14:02 foo:bar":          "(and http://x 14:02 foo:bar)",
		"()":                              "(and )",
		"a ()":                            "a",
		"!!! ... ???":                     "(and )",
		"a\x00b\nc":                       "(and a b c)",
		"\xff\xfe":                        "(and )",
		"(((((((((((((((a)))))))))))))))": "a",
	} {
		n, err := search.Parse(query)
		if err != nil {
			t.Errorf("%q: %v", query, err)
		} else if got := show(n); got != want {
			t.Errorf("%q: %s, want %s", query, got, want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for query, code := range map[string]string{
		strings.Repeat("слово ", 10_000):                          "too-long",
		strings.Repeat("a ", 65):                                  "too-many-terms",
		strings.Repeat("a-b ", 33):                                "too-many-terms",
		"in:" + strings.Repeat("note,", 70) + "note":              "too-many-terms",
		strings.Repeat("(", 40) + "a" + strings.Repeat(")", 40):   "too-deep",
		strings.Repeat("-", 0) + strings.Repeat("NOT ", 40) + "a": "too-deep",
		`"a`:        "open-quote",
		"«a":        "open-quote",
		"(a":        "open-bracket",
		"a)":        "stray-bracket",
		"OR a":      "stray-operator",
		"a OR":      "stray-operator",
		"a OR OR b": "stray-operator",
		"a OR ()":   "stray-operator",
		"NOT":       "stray-operator",
		"in:":       "empty-value",
		`in:""`:     "empty-value",
		"a*":        "short-prefix",
		`camera:"x`: "open-quote",
	} {
		_, err := search.Parse(query)
		var no *search.Refusal
		if !errors.As(err, &no) || no.Code != code || !errors.Is(err, archive.ErrInvalid) {
			t.Errorf("%.40q: %v, want %s", query, err, code)
		} else if no.Error() == "" || strings.Contains(no.Error(), "слово") {
			t.Errorf("%.40q: says %q", query, no.Error())
		}
	}
}

// checkParse says what holds of every query: it is refused in words or gives a tree within the limits.
func checkParse(t interface{ Fatalf(string, ...any) }, query string) {
	n, err := search.Parse(query)
	if err != nil {
		var no *search.Refusal
		if !errors.As(err, &no) || no.Error() == "" {
			t.Fatalf("%q: %v", query, err)
		}
		return
	}
	terms := 0
	var walk func(n search.Node, depth int)
	walk = func(n search.Node, depth int) {
		if depth > 3*search.MostDepth {
			t.Fatalf("%q: too deep", query)
		}
		switch n.Op {
		case search.And:
		case search.Or:
			if len(n.Kids) < 2 {
				t.Fatalf("%q: %s", query, show(n))
			}
		case search.Not:
			if len(n.Kids) != 1 {
				t.Fatalf("%q: %s", query, show(n))
			}
		case search.Filter:
			if terms += len(n.Values); len(n.Values) == 0 {
				t.Fatalf("%q: %s", query, show(n))
			}
		default:
			if terms++; n.Text == "" || len(n.Kids) > 0 {
				t.Fatalf("%q: %s", query, show(n))
			}
		}
		for _, k := range n.Kids {
			walk(k, depth+1)
		}
	}
	walk(n, 0)
	if terms > search.MostTerms {
		t.Fatalf("%q: %d terms", query, terms)
	}
}

func TestParseAnything(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "осеч*", "\"", "«", "»", "(", ")", "-", "OR", "NOT", "AND", "in:", "in:note", "camera:\"x y\"", "|", " ", ",", ":", "*", "\u202e", "\x00", "ИК-6"}), 0, 30).Draw(t, "words")
		checkParse(t, strings.Join(words, rapid.SampledFrom([]string{" ", ""}).Draw(t, "glue")))
	})
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"a OR (b -c)", `"x y" in:note,claim camera:"a b"`, "((", "осеч*", "\xff", "NOT NOT a", "a|b|c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { checkParse(t, s) })
}

func TestQuoteReadsBack(t *testing.T) {
	t.Parallel()
	for _, v := range []string{"B-12", "ИК 6", "a,b", "(x)", "«x»", ""} {
		n, err := search.Parse("camera:" + search.Quote(v) + " a")
		if v == "" {
			continue
		}
		if err != nil || len(n.Kids) != 2 || len(n.Kids[0].Values) != 1 {
			t.Errorf("%q: %s %v", v, fmt.Sprint(n), err)
		}
	}
}
