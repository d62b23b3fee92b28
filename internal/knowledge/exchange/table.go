package exchange

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	xunicode "golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
	"golang.org/x/text/unicode/norm"

	"zapis/internal/archive"
)

// Limits of tables. A file that goes beyond them is refused with the row that does.
const (
	MaxColumns  = 500
	MaxCell     = 100_000 // bytes of one cell
	maxRecord   = 4 << 20 // bytes of one row; a quote that is never closed ends here
	sampleBytes = 64 << 10
	maxMarks    = 16 // combining marks in a row; more are no writing of any language
)

// Table reads the rows of a file, one after the other.
type Table interface {
	// About says how the file is read.
	About() About
	// Header gives the first row.
	Header() []string
	// Next gives the next row, which has as many cells as the header, and its number as a spreadsheet counts: the header is row 1.
	// *RowError: this row cannot be read, the next one may be. io.EOF at the end. Any other error ends the reading.
	Next() (cells []string, row int64, err error)
	// Close lets go of what is held.
	Close() error
}

// About says how a table is read, as far as it was found out.
type About struct {
	Format    string   `json:"format"`             // "csv" or "xlsx"
	Encoding  string   `json:"encoding,omitempty"` // as in the WHATWG standard: "utf-8", "utf-16le", "windows-1251"…
	Guessed   bool     `json:"guessed,omitempty"`  // the encoding was concluded from the letters and not said by the file
	Separator string   `json:"separator,omitempty"`
	Sheet     string   `json:"sheet,omitempty"`
	Sheets    []string `json:"sheets,omitempty"`
	dates1904 bool
}

// RowError is a row that cannot be taken.
type RowError struct {
	Row    int64
	Column string // as in the header; empty: the whole row
	Code   string // stable, for reports: see the reasons
	Text   string // what was expected
}

func (e *RowError) Error() string {
	if e.Column != "" {
		return fmt.Sprintf("row %d, column %s: %s", e.Row, e.Column, e.Text)
	}
	return fmt.Sprintf("row %d: %s", e.Row, e.Text)
}

// Is makes a RowError an archive.ErrInvalid.
func (e *RowError) Is(target error) bool { return target == archive.ErrInvalid }

// Public gives the words for the person in front of the screen, which hold nothing of the file but the row and a column's name.
func (e *RowError) Public() string { return e.Error() }

// TableOptions of OpenTable.
type TableOptions struct {
	Encoding  string // empty: found out
	Separator string // one character; empty: found out
	Sheet     string // of a workbook; empty: the first that is not hidden
}

// OpenTable opens CSV or a workbook, whichever the first bytes say. size is the number of bytes, -1 if it is not known: then only CSV can be
// read. The caller closes r.
func OpenTable(r io.Reader, size int64, o TableOptions) (Table, error) {
	br := bufio.NewReaderSize(r, sampleBytes)
	head, err := br.Peek(8)
	if err != nil && len(head) == 0 {
		if errors.Is(err, io.EOF) {
			return nil, archive.Explain(fmt.Errorf("open table: %w: no bytes", archive.ErrInvalid), "The file is empty.", "")
		}
		return nil, fmt.Errorf("open table: %w", err)
	}
	switch {
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		return openWorkbook(r, br, size, o)
	case bytes.HasPrefix(head, []byte("\xd0\xcf\x11\xe0")):
		return nil, archive.Explain(fmt.Errorf("open table: %w: an old or locked workbook", archive.ErrInvalid),
			"This is an old .xls file, or a workbook with a password.", "Save it as .xlsx without a password, or as CSV.")
	}
	return openCSV(br, o)
}

// encodings by the names of the WHATWG standard. nil: UTF-8, which needs no decoding.
var encodings = map[string]encoding.Encoding{
	"utf-8": nil, "windows-1251": charmap.Windows1251, "koi8-r": charmap.KOI8R, "koi8-u": charmap.KOI8U, "ibm866": charmap.CodePage866, "windows-1252": charmap.Windows1252,
	"utf-16le": xunicode.UTF16(xunicode.LittleEndian, xunicode.IgnoreBOM), "utf-16be": xunicode.UTF16(xunicode.BigEndian, xunicode.IgnoreBOM),
}

// Encodings lists the encodings that can be named.
func Encodings() []string {
	var out []string
	for name := range encodings {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// detect finds out how a text is encoded from its beginning. skip is the length of a byte order mark; guessed says that only the letters
// speak for it.
func detect(sample []byte, whole bool) (name string, skip int, guessed bool, err error) {
	switch {
	case bytes.HasPrefix(sample, []byte("\xef\xbb\xbf")):
		return "utf-8", 3, false, nil
	case bytes.HasPrefix(sample, []byte("\xff\xfe")):
		return "utf-16le", 2, false, nil
	case bytes.HasPrefix(sample, []byte("\xfe\xff")):
		return "utf-16be", 2, false, nil
	}
	// Without a mark, UTF-16 of any European language has a high byte of 0 or 4 in every other place.
	if len(sample) >= 4 {
		var high [2]int
		for i, b := range sample {
			if b == 0 || b == 4 {
				high[i%2]++
			}
		}
		half := len(sample) / 2
		switch {
		case high[1] > half*7/10 && high[0] < half*3/10 && bytes.IndexByte(sample, 0) >= 0:
			return "utf-16le", 0, true, nil
		case high[0] > half*7/10 && high[1] < half*3/10 && bytes.IndexByte(sample, 0) >= 0:
			return "utf-16be", 0, true, nil
		}
	}
	cut := sample
	if !whole { // the last character may be cut off
		for n := 1; n < utf8.UTFMax && n < len(cut); n++ {
			if utf8.RuneStart(sample[len(sample)-n]) {
				if !utf8.FullRune(sample[len(sample)-n:]) {
					cut = sample[:len(sample)-n]
				}
				break
			}
		}
	}
	if utf8.Valid(cut) {
		return "utf-8", 0, false, nil
	}
	best, second := "", 0.0
	top := 0.0
	for _, name := range []string{"windows-1251", "koi8-r", "ibm866"} {
		text, derr := encodings[name].NewDecoder().Bytes(sample)
		if derr != nil {
			continue
		}
		switch s := likeness(text); {
		case s > top:
			best, top, second = name, s, top
		case s > second:
			second = s
		}
	}
	if top < 0.6 || top-second < 0.05 {
		return "", 0, false, archive.Explain(fmt.Errorf("open table: %w: the encoding is not known", archive.ErrInvalid),
			"It cannot be told in which encoding this file is written.", "Save it as UTF-8, or name the encoding.")
	}
	return best, 0, true, nil
}

// likeness says from 0 to 1 how much the letters beyond ASCII of a text look like Russian or Ukrainian: common small letters, capitals only
// at the beginning of words.
func likeness(text []byte) float64 {
	good, all := 0.0, 0.0
	prev := ' '
	for _, r := range string(text) {
		if r == utf8.RuneError || r < 0x20 && r != '\t' && r != '\n' && r != '\r' {
			return 0 // no text has these
		}
		if r >= 0x80 {
			all++
			switch {
			case strings.ContainsRune("оеаинтсрвлкмдпуязіь", r):
				good++
			case unicode.Is(unicode.Cyrillic, r) && unicode.IsLower(r), strings.ContainsRune("«»№–—…\u00a0", r):
				good += 0.7
			case unicode.Is(unicode.Cyrillic, r) && unicode.IsUpper(r) && !unicode.IsLower(prev):
				good += 0.6
			}
		}
		prev = r
	}
	if all == 0 {
		return 0
	}
	return good / all
}

type csvTable struct {
	about  About
	r      *csv.Reader
	guard  *guard
	header []string
	row    int64
	ended  error
}

// guard breaks off when one row takes more bytes than any row may.
type guard struct {
	r     io.Reader
	given int64
	// before is what was given when the row began.
	before int64
}

var errRecord = errors.New("row too long")

func (g *guard) Read(p []byte) (int, error) {
	if g.given-g.before > maxRecord {
		return 0, errRecord
	}
	n, err := g.r.Read(p)
	g.given += int64(n)
	return n, err
}

func openCSV(br *bufio.Reader, o TableOptions) (Table, error) {
	sample, perr := br.Peek(sampleBytes)
	if perr != nil && !errors.Is(perr, io.EOF) && !errors.Is(perr, bufio.ErrBufferFull) {
		return nil, fmt.Errorf("open table: %w", perr)
	}
	whole := errors.Is(perr, io.EOF)
	t := &csvTable{about: About{Format: "csv"}}
	name, skip, guessed, err := detect(sample, whole)
	if o.Encoding != "" {
		forced := strings.ToLower(o.Encoding)
		if _, ok := encodings[forced]; !ok {
			return nil, fmt.Errorf("%w: the encoding is one of %s", archive.ErrInvalid, strings.Join(Encodings(), ", "))
		}
		if name != forced {
			skip = 0
		}
		name, guessed, err = forced, false, nil
	}
	if err != nil {
		return nil, err
	}
	t.about.Encoding, t.about.Guessed = name, guessed
	if _, err := br.Discard(skip); err != nil {
		return nil, fmt.Errorf("open table: %w", err)
	}
	var text io.Reader = br
	beginning := sample[skip:]
	if e := encodings[name]; e != nil {
		text = transform.NewReader(br, e.NewDecoder())
		if beginning, err = e.NewDecoder().Bytes(beginning); err != nil {
			return nil, fmt.Errorf("open table: %w", err)
		}
	}
	separator := ','
	switch r, n := utf8.DecodeRuneInString(o.Separator); {
	case o.Separator == "":
		separator = separatorOf(beginning, whole)
	case n != len(o.Separator) || r == utf8.RuneError || strings.ContainsRune("\"\r\n", r):
		return nil, fmt.Errorf("%w: a separator is one character", archive.ErrInvalid)
	default:
		separator = r
	}
	t.about.Separator = string(separator)
	t.guard = &guard{r: text}
	t.r = csv.NewReader(t.guard)
	t.r.Comma, t.r.FieldsPerRecord, t.r.ReuseRecord = separator, -1, true
	first, _, err := t.read()
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = fmt.Errorf("%w: no row", archive.ErrInvalid)
		}
		return nil, fmt.Errorf("read header: %w", err)
	}
	if t.header, err = checkHeader(first); err != nil {
		return nil, err
	}
	return t, nil
}

// separatorOf chooses the separator by which the first rows have the same number of cells, and most of them.
func separatorOf(text []byte, whole bool) rune {
	best, most := ',', 1
	for _, c := range []rune{',', ';', '\t', '|'} {
		r := csv.NewReader(bytes.NewReader(text))
		r.Comma, r.FieldsPerRecord, r.LazyQuotes = c, -1, true
		columns, rows := 0, 0
		for rows < 20 {
			cells, err := r.Read()
			if err != nil {
				break
			}
			if !whole && r.InputOffset() >= int64(len(text)) {
				break // the last one may be cut off
			}
			if rows++; rows == 1 {
				columns = len(cells)
			} else if len(cells) != columns {
				columns = 0
				break
			}
		}
		if columns > most {
			best, most = c, columns
		}
	}
	if most > 1 {
		return best
	}
	// No separator fits all rows: the one that is in the header most often, so that the rows that do not fit are told one by one.
	line, _, _ := bytes.Cut(text, []byte("\n"))
	for _, c := range []rune{',', ';', '\t', '|'} {
		if n := bytes.Count(line, []byte(string(c))) + 1; n > most {
			best, most = c, n
		}
	}
	return best
}

func (t *csvTable) About() About     { return t.about }
func (t *csvTable) Header() []string { return t.header }
func (t *csvTable) Close() error     { return nil }

// read gives the next row as it is.
func (t *csvTable) read() ([]string, int64, error) {
	if t.ended != nil {
		return nil, t.row, t.ended
	}
	t.guard.before = t.guard.given
	cells, err := t.r.Read()
	var pe *csv.ParseError
	switch {
	case err == nil:
		t.row++
		return cells, t.row, nil
	case errors.Is(err, io.EOF):
		t.ended = io.EOF
		return nil, t.row, io.EOF
	case errors.Is(err, errRecord):
		t.ended = &fatal{&RowError{Row: t.row + 1, Code: ReasonLong, Text: "the row has no end: a quotation mark is probably not closed, or this is no table"}}
		return nil, t.row + 1, t.ended
	case errors.As(err, &pe):
		t.row++
		return nil, t.row, &RowError{Row: t.row, Code: ReasonQuotes, Text: "quotation marks do not fit: one inside a cell is written twice, and the cell stands in quotation marks"}
	}
	t.ended = fmt.Errorf("read row %d: %w", t.row+1, err)
	return nil, t.row + 1, t.ended
}

// fatal ends a reading although it is about a row; errors.As does not find the row in it.
type fatal struct{ *RowError }

func (f *fatal) Error() string { return f.RowError.Error() }

// Is makes it an archive.ErrInvalid.
func (f *fatal) Is(target error) bool { return target == archive.ErrInvalid }

func (t *csvTable) Next() ([]string, int64, error) {
	cells, row, err := t.read()
	if err != nil {
		return nil, row, err
	}
	if len(cells) != len(t.header) {
		return nil, row, &RowError{Row: row, Code: ReasonCells, Text: fmt.Sprintf("%d cells, and the header has %d", len(cells), len(t.header))}
	}
	return cells, row, checkCells(t.header, cells, row)
}

// checkHeader refuses a header that a mapping could not speak about.
func checkHeader(cells []string) ([]string, error) {
	bad := func(text string) error {
		return archive.Explain(fmt.Errorf("read header: %w: %s", archive.ErrInvalid, text), "The first row must hold the names of the columns: "+text+".", "")
	}
	if len(cells) > MaxColumns {
		return nil, bad(fmt.Sprintf("more than %d columns", MaxColumns))
	}
	out := make([]string, len(cells))
	seen := map[string]bool{}
	for i, c := range cells {
		c, code := cleanCell(c)
		c = strings.Join(strings.Fields(c), " ")
		if code != "" || len(c) > 300 {
			return nil, bad(fmt.Sprintf("column %d has a name that cannot be read", i+1))
		}
		if c == "" {
			c = fmt.Sprintf("column %d", i+1)
		}
		for name, n := c, 2; seen[strings.ToLower(c)]; n++ {
			c = fmt.Sprintf("%s (%d)", name, n)
		}
		seen[strings.ToLower(c)] = true
		out[i] = c
	}
	return out, nil
}

func checkCells(header, cells []string, row int64) error {
	for i, c := range cells {
		clean, code := cleanCell(c)
		if code != "" {
			return &RowError{Row: row, Column: header[i], Code: code, Text: reasonText[code]}
		}
		cells[i] = clean
	}
	return nil
}

// cleanCell gives a cell in NFC without space around it, or why it cannot be taken.
func cleanCell(c string) (string, string) {
	if len(c) > MaxCell {
		return "", ReasonLong
	}
	plain := true
	for i := range len(c) {
		if b := c[i]; b >= 0x80 || b < 0x20 || b == 0x7f {
			plain = false
			break
		}
	}
	if plain {
		return strings.TrimSpace(c), ""
	}
	if !utf8.ValidString(c) {
		return "", ReasonEncoding
	}
	marks := 0
	for _, r := range c {
		switch {
		case r == utf8.RuneError:
			return "", ReasonEncoding
		case r == '\n', r == '\r', r == '\t':
		case r < 0x20, r >= 0x7f && r < 0xa0, r >= 0xfdd0 && r <= 0xfdef, r&0xfffe == 0xfffe:
			return "", ReasonControl
		case r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r >= 0xe0000 && r <= 0xe007f:
			// Marks that turn the direction of writing show something other than what is there; tags show nothing at all.
			return "", ReasonDirection
		}
		if unicode.Is(unicode.Mn, r) || unicode.Is(unicode.Me, r) {
			if marks++; marks > maxMarks {
				return "", ReasonMarks
			}
		} else {
			marks = 0
		}
	}
	c = strings.ReplaceAll(strings.ReplaceAll(c, "\r\n", "\n"), "\r", "\n")
	return strings.TrimFunc(norm.NFC.String(c), func(r rune) bool { return unicode.IsSpace(r) || r == 0xfeff || r == 0x200b }), ""
}

// Reasons why a row is refused, stable for programs.
const (
	ReasonQuotes    = "quotes"
	ReasonCells     = "cells"
	ReasonLong      = "long"
	ReasonEncoding  = "encoding"
	ReasonControl   = "control"
	ReasonDirection = "direction"
	ReasonMarks     = "marks"
	ReasonValue     = "value"     // not well formed for its property
	ReasonTerm      = "term"      // no such term
	ReasonDate      = "date"      // not a date
	ReasonReference = "reference" // what it refers to is not there, or is several
	ReasonKey       = "key"       // the key is missing, double in the file, or belongs to several
	ReasonEmpty     = "empty"     // nothing to say
	ReasonMerged    = "merged"    // the entity was merged into another
	ReasonRefused   = "refused"   // the catalogue does not take it
)

var reasonText = map[string]string{
	ReasonLong:      fmt.Sprintf("more than %d bytes", MaxCell),
	ReasonEncoding:  "bytes that are no text in this encoding",
	ReasonControl:   "control characters",
	ReasonDirection: "marks that turn the direction of writing or do not show",
	ReasonMarks:     "more marks on one letter than any language has",
}
