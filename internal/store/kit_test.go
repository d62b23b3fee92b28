package store

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"zapis/internal/archive"
)

// counting counts what a scan function asks for.
type counting struct{ n int }

func (c *counting) Scan(dest ...any) error {
	c.n = len(dest)
	return errors.New("counted")
}

func scans[T any](f func(scanner) (T, error)) func(scanner) {
	return func(s scanner) { _, _ = f(s) }
}

// Every column list has as many columns as its scan function has places. (That they are the right ones, in order, is
// shown by the round trips of each noun.)
func TestColumnsFitScans(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		columns string
		scan    func(scanner)
	}{
		"accession":  {accessionColumns, scans(scanAccession)},
		"item":       {itemColumns, scans(scanItem)},
		"provenance": {provenanceColumns, scans(scanProvenance)},
		"derivative": {derivativeColumns, scans(scanDerivative)},
		"envelope":   {envelopeColumns, scans(scanEnvelope)},
		"blob":       {blobColumns, scans(scanBlob)},
		"object":     {objectColumns, scans(scanObject)},
		"segment":    {segmentColumns, scans(scanSegment)},
		"opening":    {openingColumns, scans(scanOpening)},
		"subject":    {subjectColumns, scans(scanSubject)},
		"checkpoint": {checkpointColumns, scans(scanCheckpoint)},
		"run":        {runColumns, scans(scanRun)},
		"finding":    {findingColumns, scans(scanFinding)},
		"agent":      {agentColumns, scans(scanAgent)},
		"account":    {accountColumns, scans(scanAccount)},
		"credential": {credentialColumns, scans(scanCredential)},
		"session":    {sessionColumns, scans(scanSession)},
		"link":       {linkColumns, scans(scanLink)},
		"worker":     {workerColumns, scans(scanWorker)},
		"progress":   {progressColumns, scans(scanProgress)},
	} {
		var s counting
		c.scan(&s)
		if n := len(strings.Split(c.columns, ",")); n != s.n {
			t.Errorf("%s: %d columns, %d places", name, n, s.n)
		}
	}
	if n := len(strings.Split(itemInsertColumns, ",")); n != len(itemRow(archive.Item{})) {
		t.Errorf("item is inserted with %d columns and %d values", n, len(itemRow(archive.Item{})))
	}
}

func TestPart(t *testing.T) {
	t.Parallel()
	var p part
	p.add("SELECT 1 WHERE a = ?", 1).addIf(false, " AND never = ?", 2).addIf(true, " AND b = ?", "x'; --")
	in(&p, "c", []string{"y", "z"})
	in(&p, "d", []int{})
	if got := p.text.String(); got != "SELECT 1 WHERE a = $1 AND b = $2 AND c IN ($3, $4)" {
		t.Error(got)
	}
	if !slices.Equal(p.args, []any{1, "x'; --", "y", "z"}) {
		t.Error(p.args)
	}
	for name, wrong := range map[string]func(){
		"too few values":  func() { (&part{}).add("a = ? AND b = ?", 1) },
		"too many values": func() { (&part{}).add("a = ?", 1, 2) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s went through", name)
				}
			}()
			wrong()
		}()
	}
}

// Long lists and many rows come in few shapes, so that their statements stay prepared; what they mean stays the same.
func TestShapes(t *testing.T) {
	t.Parallel()
	var p part
	p.add("SELECT 1 WHERE z = ?", 0)
	in(&p, "c", []int{1, 2, 3, 4, 5, 6, 7, 8, 9})
	if got := len(p.args); got != 33 || p.args[9] != 9 || p.args[32] != 9 || !strings.HasSuffix(p.text.String(), "$33)") {
		t.Errorf("%d places, %v: %s", got, p.args, p.text.String())
	}
	if got := insertText(insertShape{"t", "a, b, c", " ON CONFLICT DO NOTHING", 2, 3, 1 << 1}); got != "INSERT INTO t (a, b, c) VALUES ($1, $2, $3), ($4, $2, $5) ON CONFLICT DO NOTHING" {
		t.Error(got)
	}
	var rows [][]any
	for i := range 16 {
		rows = append(rows, []any{i, "same", nil, []byte("x"), i / 15, int64(7)})
	}
	if got := constant(rows); got != 1<<1|1<<2|1<<5 {
		t.Errorf("%b", got)
	}
	if got := constant(rows[:15]); got != 0 {
		t.Errorf("%b of few rows", got)
	}
}

func TestTimes(t *testing.T) {
	t.Parallel()
	for _, want := range []time.Time{{}, time.UnixMicro(0).UTC(), time.UnixMicro(-1).UTC(), time.Date(2020, 7, 27, 1, 2, 3, 4000, time.UTC)} {
		var got time.Time
		if err := (at{&got}).Scan(us(want)); err != nil || !got.Equal(want) || got.IsZero() != want.IsZero() {
			t.Errorf("%v became %v: %v", want, got, err)
		}
	}
	var x time.Time
	if err := (at{&x}).Scan("2020-01-01"); err == nil {
		t.Error("a time as text went through")
	}
	for micros, day := range map[int64]int64{0: 0, dayLength - 1: 0, dayLength: 1, -1: -1, -dayLength: -1, -dayLength - 1: -2} {
		if dayOf(micros) != day {
			t.Errorf("day of %d is %d", micros, dayOf(micros))
		}
	}
	if dayName(0) != "1970-01-01" || dayName(-1) != "1969-12-31" || dayName(18470) != "2020-07-27" {
		t.Error(dayName(0), dayName(-1), dayName(18470))
	}
	if blockOf(-1) != -1 || blockOf(31) != 0 || blockOf(32) != 1 || blockOf(-33) != -2 {
		t.Error("blocks do not round down")
	}
}
