package exchange

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/xuri/excelize/v2"

	"zapis/internal/archive"
)

// Limits of workbooks. They are read in memory, never through a file on disk.
const (
	MaxWorkbook  = 64 << 20  // bytes as it comes
	maxUnpacked  = 512 << 20 // bytes of all that is packed into it
	maxParts     = 5000
	maxRatio     = 200 // unpacked to packed of one part, beyond the first megabyte
	maxSheetRows = 1_100_000
)

func workbookRefused(cause, text, hint string) error {
	return archive.Explain(fmt.Errorf("open workbook: %w: %s", archive.ErrInvalid, cause), text, hint)
}

// bound refuses a packed file whose directory promises more than may be unpacked, or parts that a table does not need and that can act.
func bound(raw []byte) error {
	z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		return workbookRefused("not a zip", "The workbook is damaged.", "Save it again, or as CSV.")
	}
	if len(z.File) > maxParts {
		return workbookRefused("too many parts", "The workbook is packed from too many parts.", "Save the one sheet that is needed as CSV.")
	}
	var sum uint64
	for _, f := range z.File {
		sum += f.UncompressedSize64
		if f.UncompressedSize64 > maxUnpacked || sum > maxUnpacked || f.UncompressedSize64 > 1<<20 && f.UncompressedSize64/maxRatio > f.CompressedSize64 {
			return workbookRefused("unpacks too large", "The workbook would unpack to more than can be read safely.", "Save the one sheet that is needed as CSV.")
		}
		name := strings.ToLower(strings.ReplaceAll(f.Name, `\`, "/"))
		base := path.Base(name)
		switch {
		case strings.HasPrefix(base, "vbaproject") || strings.Contains(name, "macrosheets/") || strings.Contains(name, "/activex/") || strings.Contains(name, "dialogsheets/"):
			return workbookRefused("macros", "The workbook holds macros.", "Save it as .xlsx without macros, or as CSV.")
		case strings.Contains(name, "externallinks/") || base == "connections.xml" || strings.Contains(name, "/querytables/"):
			return workbookRefused("links", "The workbook links to other files or services.", "Break the links (paste values), or save it as CSV.")
		case strings.Contains(name, "/embeddings/"):
			return workbookRefused("embedded", "Other files are embedded in the workbook.", "Save the one sheet that is needed as CSV.")
		}
	}
	return nil
}

type workbook struct {
	about  About
	f      *excelize.File
	rows   *excelize.Rows
	header []string
	row    int64
}

// openWorkbook reads an .xlsx file. buffered holds what was read of r already.
func openWorkbook(_ io.Reader, buffered io.Reader, size int64, o TableOptions) (Table, error) {
	if size > MaxWorkbook {
		return nil, workbookRefused("too large", fmt.Sprintf("A workbook may have %d MB at most.", MaxWorkbook>>20), "Save it as CSV: that may be as large as you like.")
	}
	raw, err := io.ReadAll(io.LimitReader(buffered, MaxWorkbook+1))
	if err != nil {
		return nil, fmt.Errorf("open workbook: %w", err)
	}
	if len(raw) > MaxWorkbook {
		return nil, workbookRefused("too large", fmt.Sprintf("A workbook may have %d MB at most.", MaxWorkbook>>20), "Save it as CSV: that may be as large as you like.")
	}
	if err := bound(raw); err != nil {
		return nil, err
	}
	// Equal limits keep the library from putting large sheets into a temporary file.
	f, err := excelize.OpenReader(bytes.NewReader(raw), excelize.Options{UnzipSizeLimit: maxUnpacked, UnzipXMLSizeLimit: maxUnpacked, RawCellValue: true})
	if err != nil {
		// What the library says may hold what is in the cells.
		return nil, workbookRefused("does not open", "The workbook does not open.", "Save it again as .xlsx, or as CSV.")
	}
	w := &workbook{f: f, about: About{Format: "xlsx"}}
	ok := false
	defer func() {
		if !ok {
			_ = w.Close()
		}
	}()
	for _, name := range f.GetSheetList() {
		if visible, err := f.GetSheetVisible(name); err == nil && visible {
			w.about.Sheets = append(w.about.Sheets, name)
		}
	}
	sheet := o.Sheet
	if sheet == "" && len(w.about.Sheets) > 0 {
		sheet = w.about.Sheets[0]
	}
	if !slices.Contains(w.about.Sheets, sheet) {
		return nil, workbookRefused("no such sheet", "The workbook has no sheet of that name that shows.", "")
	}
	w.about.Sheet = sheet
	if p, err := f.GetWorkbookProps(); err == nil && p.Date1904 != nil {
		w.about.dates1904 = *p.Date1904
	}
	if w.rows, err = f.Rows(sheet); err != nil {
		return nil, workbookRefused("sheet does not open", "The sheet does not open.", "Save it again as .xlsx, or as CSV.")
	}
	first, _, err := w.read()
	if errors.Is(err, io.EOF) {
		return nil, workbookRefused("no row", "The sheet is empty.", "")
	}
	if err != nil {
		return nil, err
	}
	if w.header, err = checkHeader(slices.Clone(first)); err != nil {
		return nil, err
	}
	ok = true
	return w, nil
}

func (w *workbook) About() About     { return w.about }
func (w *workbook) Header() []string { return w.header }

func (w *workbook) Close() error {
	var err error
	if w.rows != nil {
		err = w.rows.Close()
	}
	return errors.Join(err, w.f.Close())
}

func (w *workbook) read() ([]string, int64, error) {
	if w.row >= maxSheetRows {
		return nil, w.row, workbookRefused("too many rows", "The sheet has more rows than a spreadsheet can have.", "")
	}
	if !w.rows.Next() {
		if err := w.rows.Error(); err != nil {
			return nil, w.row, fmt.Errorf("read row %d: %w: the sheet is damaged", w.row+1, archive.ErrInvalid)
		}
		return nil, w.row, io.EOF
	}
	w.row++
	cells, err := w.rows.Columns()
	if err != nil {
		return nil, w.row, fmt.Errorf("read row %d: %w: the sheet is damaged", w.row, archive.ErrInvalid)
	}
	return cells, w.row, nil
}

func (w *workbook) Next() ([]string, int64, error) {
	for {
		cells, row, err := w.read()
		if err != nil {
			return nil, row, err
		}
		for len(cells) > 0 && strings.TrimSpace(cells[len(cells)-1]) == "" {
			cells = cells[:len(cells)-1]
		}
		if len(cells) == 0 {
			continue // a sheet has empty rows where nobody typed
		}
		if len(cells) > len(w.header) {
			return nil, row, &RowError{Row: row, Code: ReasonCells, Text: fmt.Sprintf("%d cells, and the header has %d", len(cells), len(w.header))}
		}
		for len(cells) < len(w.header) {
			cells = append(cells, "")
		}
		return cells, row, checkCells(w.header, cells, row)
	}
}
