package main

import (
	"errors"
	"strings"
	"testing"

	"zapis/internal/archive"
	"zapis/internal/redact"
)

// Every refusal of a plan is told in words: what it is called between programs is nothing to read.
func TestEveryRefusalOfAPlanHasWords(t *testing.T) {
	t.Parallel()
	k := &call{}
	for _, code := range redact.Codes() {
		err := k.explainPlan(archive.Explain(archive.ErrConflict, code, ""))
		p, ok := errors.AsType[*archive.Public](err)
		if !ok || p.Text == code || !strings.Contains(p.Text, " ") || !errors.Is(err, archive.ErrConflict) {
			t.Errorf("%s: %v", code, err)
		}
	}
	if k.explainPlan(nil) != nil {
		t.Error("words for nothing")
	}
	for want, r := range map[string]redact.Rendering{
		"asked":             {State: "asked"},
		"failed: no-report": {State: "failed", Reason: "no-report"},
		"asked; it broke off 2 times, of which nothing is left, and begins again": {State: "asked", Reason: redact.ReasonInterrupted, BrokenOff: 2},
	} {
		if got := rendering(r); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
