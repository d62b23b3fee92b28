package exchange

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
)

// Outcomes of rows.
const (
	Created   = "created"
	Updated   = "updated"
	Unchanged = "unchanged"
	Refused   = "refused"
)

// RowReport is what became of one row.
type RowReport struct {
	Row     int64  `json:"row"`
	Outcome string `json:"outcome"`
	Entity  string `json:"entity,omitempty"`
	Code    string `json:"code,omitempty"`   // of the entity
	Column  string `json:"column,omitempty"` // where the reason lies
	Reason  string `json:"reason,omitempty"` // stable code
	Text    string `json:"text,omitempty"`   // in words
}

// Counts say how many rows came to what.
type Counts struct {
	Created   int64 `json:"created"`
	Updated   int64 `json:"updated"`
	Unchanged int64 `json:"unchanged"`
	Refused   int64 `json:"refused"`
}

func (c *Counts) add(outcome string) {
	switch outcome {
	case Created:
		c.Created++
	case Updated:
		c.Updated++
	case Unchanged:
		c.Unchanged++
	case Refused:
		c.Refused++
	}
}

// Rows is how many there were.
func (c Counts) Rows() int64 { return c.Created + c.Updated + c.Unchanged + c.Refused }

// Reporter gets one report for each row, in the order of the rows.
type Reporter interface{ Report(RowReport) error }

// ReporterFunc is a function as a Reporter.
type ReporterFunc func(RowReport) error

// Report calls f.
func (f ReporterFunc) Report(r RowReport) error { return f(r) }

type csvReporter struct{ w *csv.Writer }

// CSVReport writes reports as CSV with a header. Cells that a spreadsheet would take for formulas are defused. Flush it at the end.
func CSVReport(w io.Writer) (Reporter, func() error) {
	r := csvReporter{csv.NewWriter(w)}
	err := r.w.Write([]string{"row", "outcome", "entity", "code", "column", "reason", "text"})
	return r, func() error {
		if err != nil {
			return fmt.Errorf("write report: %w", err)
		}
		r.w.Flush()
		return r.w.Error()
	}
}

func (r csvReporter) Report(x RowReport) error {
	err := r.w.Write([]string{strconv.FormatInt(x.Row, 10), x.Outcome, x.Entity, x.Code, Defuse(x.Column), x.Reason, Defuse(x.Text)})
	if err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

// JSONReport writes reports as JSON, one to a line.
func JSONReport(w io.Writer) Reporter {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return ReporterFunc(func(x RowReport) error {
		if err := e.Encode(x); err != nil {
			return fmt.Errorf("write report: %w", err)
		}
		return nil
	})
}

// Defuse gives a cell that no spreadsheet takes for a formula: one that begins with a sign that would start one gets an apostrophe in front,
// also where the sign stands behind white space or is a full-width one, which some programs read alike.
func Defuse(cell string) string {
	for _, r := range cell {
		switch r {
		case '=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠':
			return "'" + cell
		case ' ', '\u00a0', '\u200b', '\ufeff', '\u3000':
			continue
		}
		break
	}
	return cell
}
