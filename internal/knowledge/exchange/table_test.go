package exchange

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"
	"golang.org/x/text/encoding/charmap"
	xunicode "golang.org/x/text/encoding/unicode"
	"pgregory.net/rapid"

	"zapis/internal/archive"
	"zapis/internal/catalogue"
	"zapis/internal/store"
	"zapis/internal/store/storetest"
)

const russian = "Имя;Дата;Заметка\nИванов Иван Иванович;27.07.2020;\"сказал: \"\"нет\"\"; ушёл\"\nПетрова Анна;2020;\n"

func read(t testing.TB, raw []byte, o TableOptions) (Table, [][]string, []error) {
	t.Helper()
	table, err := OpenTable(bytes.NewReader(raw), int64(len(raw)), o)
	must(t, err)
	rows, faults := rowsOf(table)
	return table, rows, faults
}

func rowsOf(table Table) (rows [][]string, faults []error) {
	for {
		cells, _, err := table.Next()
		var fault *RowError
		switch {
		case errors.Is(err, io.EOF):
			return rows, faults
		case errors.As(err, &fault):
			faults = append(faults, err)
		case err != nil:
			return rows, append(faults, err)
		default:
			rows = append(rows, slices.Clone(cells))
		}
	}
}

func TestEncodingsAreFound(t *testing.T) {
	t.Parallel()
	encode := func(e interface{ Bytes([]byte) ([]byte, error) }) []byte {
		b, err := e.Bytes([]byte(russian))
		must(t, err)
		return b
	}
	le, be := xunicode.UTF16(xunicode.LittleEndian, xunicode.UseBOM), xunicode.UTF16(xunicode.BigEndian, xunicode.UseBOM)
	for _, x := range []struct {
		what    string
		raw     []byte
		want    string
		guessed bool
	}{
		{"utf-8", []byte(russian), "utf-8", false}, {"utf-8 with mark", []byte("\ufeff" + russian), "utf-8", false},
		{"utf-16le with mark", encode(le.NewEncoder()), "utf-16le", false}, {"utf-16be with mark", encode(be.NewEncoder()), "utf-16be", false},
		{"utf-16le", encode(le.NewEncoder())[2:], "utf-16le", true}, {"utf-16be", encode(be.NewEncoder())[2:], "utf-16be", true},
		{"windows-1251", encode(charmap.Windows1251.NewEncoder()), "windows-1251", true}, {"koi8-r", encode(charmap.KOI8R.NewEncoder()), "koi8-r", true},
		{"ibm866", encode(charmap.CodePage866.NewEncoder()), "ibm866", true},
	} {
		table, rows, faults := read(t, x.raw, TableOptions{})
		if a := table.About(); a.Encoding != x.want || a.Guessed != x.guessed || a.Separator != ";" {
			t.Errorf("%s: %+v", x.what, a)
		}
		if len(faults) > 0 || len(rows) != 2 || rows[0][0] != "Иванов Иван Иванович" || rows[0][2] != `сказал: "нет"; ушёл` || table.Header()[0] != "Имя" {
			t.Errorf("%s: %q %q %v", x.what, table.Header(), rows, faults)
		}
	}
	if _, err := OpenTable(bytes.NewReader([]byte("a,b\n\xff\x00\x9c,\xfe\xfd\x81\n\x81\x8d\x8f")), -1, TableOptions{}); !errors.Is(err, archive.ErrInvalid) {
		t.Errorf("noise: %v", err)
	}
	if _, _, faults := read(t, []byte("a,b\n1,2\n"), TableOptions{Encoding: "utf-8"}); faults != nil {
		t.Error(faults)
	}
	if _, err := OpenTable(strings.NewReader("a,b\n"), -1, TableOptions{Encoding: "ebcdic"}); !errors.Is(err, archive.ErrInvalid) {
		t.Errorf("%v", err)
	}
}

func TestRowsThatCannotBeTaken(t *testing.T) {
	t.Parallel()
	text := "a,b\n1,2\n1\n1,2,3\n\"x\"y,2\n\xff\xfe,2\na\x00b,2\na\u202eb,2\nz" + strings.Repeat("\u0301", 50) + ",2\n\"line\nbreak\",2\n" + strings.Repeat("x", MaxCell+1) + ",2\nlast,2\n"
	// The bytes that are no UTF-8 come late, so that the file is still taken for what it is.
	table, err := OpenTable(strings.NewReader(text), -1, TableOptions{Encoding: "utf-8", Separator: ","})
	must(t, err)
	rows, faults := rowsOf(table)
	if len(rows) != 3 || rows[1][0] != "line\nbreak" || rows[2][0] != "last" {
		t.Errorf("%.80q", rows)
	}
	var got []string
	for _, f := range faults {
		var r *RowError
		if !errors.As(f, &r) {
			t.Fatalf("%v ends the reading", f)
		}
		got = append(got, fmt.Sprintf("%d %s", r.Row, r.Code))
	}
	if want := []string{"3 cells", "4 cells", "5 quotes", "6 encoding", "7 control", "8 direction", "9 marks", "11 long"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	for _, f := range faults {
		if strings.Contains(f.Error(), "xxx") || strings.Contains(f.Error(), "\u202e") {
			t.Errorf("a refusal repeats what the cell holds: %.80q", f)
		}
	}
	if _, err := OpenTable(strings.NewReader(""), 0, TableOptions{}); !errors.Is(err, archive.ErrInvalid) {
		t.Errorf("empty: %v", err)
	}
	if _, err := OpenTable(strings.NewReader(strings.Repeat("x,", MaxColumns+1)+"\n"), -1, TableOptions{}); !errors.Is(err, archive.ErrInvalid) {
		t.Errorf("too many columns: %v", err)
	}
	table, err = OpenTable(strings.NewReader("Имя,имя,,\n1,2,3,4\n"), -1, TableOptions{})
	must(t, err)
	if h := table.Header(); h[0] == h[1] || h[2] == "" || h[2] == h[3] {
		t.Errorf("header %q", h)
	}
}

// endless is a file of two gigabytes that nobody has to write: a header, some rows, and then one letter for ever.
type endless struct {
	head io.Reader
	left int64
	fill []byte
}

func (e *endless) Read(p []byte) (int, error) {
	if n, err := e.head.Read(p); n > 0 || err != io.EOF {
		return n, nil
	}
	if e.left <= 0 {
		return 0, io.EOF
	}
	n := 0
	for n < len(p) && e.left > 0 {
		m := copy(p[n:], e.fill)
		n += m
		e.left -= int64(m)
	}
	return n, nil
}

func TestMemoryStaysFlat(t *testing.T) {
	t.Parallel()
	// A quotation mark that is never closed, in a file of two gigabytes: told with its row, long before the end is reached.
	e := &endless{head: strings.NewReader("a,b\n1,2\n3,\""), left: 2 << 30, fill: bytes.Repeat([]byte("x"), 64<<10)}
	table, err := OpenTable(e, -1, TableOptions{})
	must(t, err)
	rows, faults := rowsOf(table)
	if len(rows) != 1 || len(faults) != 1 || !strings.Contains(faults[0].Error(), "row 3") || !errors.Is(faults[0], archive.ErrInvalid) {
		t.Errorf("%v %v", rows, faults)
	}
	if e.left < 2<<30-64<<20 {
		t.Errorf("%d MB were read of one row", (2<<30-e.left)>>20)
	}
	if _, _, err := table.Next(); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("reading goes on after the end: %v", err)
	}
	// The same without a quotation mark, in the header.
	e = &endless{head: strings.NewReader("a"), left: 2 << 30, fill: bytes.Repeat([]byte("x"), 64<<10)}
	if _, err := OpenTable(e, -1, TableOptions{}); !errors.Is(err, archive.ErrInvalid) || e.left < 2<<30-64<<20 {
		t.Errorf("%v after %d MB", err, (2<<30-e.left)>>20)
	}
	// A line of FollowTheMoney without an end.
	e = &endless{head: strings.NewReader(`{"id":"`), left: 2 << 30, fill: bytes.Repeat([]byte("x"), 64<<10)}
	if _, _, err := newFtMReader(e).next(); !errors.Is(err, archive.ErrInvalid) || e.left < 2<<30-64<<20 {
		t.Errorf("%v after %d MB", err, (2<<30-e.left)>>20)
	}
}

func workbookOf(t testing.TB, f func(x *excelize.File)) []byte {
	t.Helper()
	x := excelize.NewFile()
	f(x)
	var b bytes.Buffer
	must(t, x.Write(&b))
	return b.Bytes()
}

// with adds a part to a zip.
func with(t testing.TB, raw []byte, name string, content []byte) []byte {
	t.Helper()
	in, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	must(t, err)
	var b bytes.Buffer
	out := zip.NewWriter(&b)
	for _, f := range in.File {
		must(t, out.Copy(f))
	}
	w, err := out.Create(name)
	must(t, err)
	_, err = w.Write(content)
	must(t, err)
	must(t, out.Close())
	return b.Bytes()
}

func TestWorkbooks(t *testing.T) {
	t.Parallel()
	raw := workbookOf(t, func(x *excelize.File) {
		must(t, x.SetSheetRow("Sheet1", "A1", &[]any{"Имя", "Дата", "Год"}))
		must(t, x.SetSheetRow("Sheet1", "A2", &[]any{"Иванов", 44039, 2020}))
		must(t, x.SetSheetRow("Sheet1", "A4", &[]any{"Петрова"}))
		must(t, x.SetSheetRow("Sheet1", "A5", &[]any{"a", "b", "c", "d"}))
		must(t, x.SetCellFormula("Sheet1", "A6", `HYPERLINK("http://evil.example","x")`))
		_, err := x.NewSheet("Second")
		must(t, err)
		_, err = x.NewSheet("Hidden")
		must(t, err)
		must(t, x.SetSheetVisible("Hidden", false))
	})
	table, rows, faults := read(t, raw, TableOptions{})
	if len(rows) != 2 || rows[0][1] != "44039" || rows[1][2] != "" || len(faults) != 1 || table.About().Format != "xlsx" || !slices.Equal(table.About().Sheets, []string{"Sheet1", "Second"}) {
		t.Errorf("%q %v %+v", rows, faults, table.About())
	}
	must(t, table.Close())
	for value, want := range map[string]string{"44039": "2020-07-27", "2020": "2020", "44039.5": "2020-07-27T12:00:00"} {
		if got, err := dateOf(value, "", table.About()); err != nil || got != want {
			t.Errorf("date %s: %q %v", value, got, err)
		}
	}
	if got, _ := dateOf("42577", "", About{Format: "xlsx", dates1904: true}); got != "2020-07-27" {
		t.Errorf("of 1904: %s", got)
	}
	bomb := func() []byte {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		w, _ := z.Create("xl/worksheets/sheet1.xml")
		for range 600 {
			_, _ = w.Write(make([]byte, 1<<20))
		}
		must(t, z.Close())
		return b.Bytes()
	}
	for what, bad := range map[string][]byte{
		"macros": with(t, raw, "xl/vbaProject.bin", []byte("x")), "macros in capitals": with(t, raw, "XL/VBAPROJECT.BIN", []byte("x")), "macro sheets": with(t, raw, "xl/macrosheets/sheet1.xml", nil),
		"links": with(t, raw, "xl/externalLinks/externalLink1.xml", nil), "connections": with(t, raw, "xl/connections.xml", nil), "embedded": with(t, raw, "xl/embeddings/oleObject1.bin", nil),
		"controls": with(t, raw, "xl/activeX/activeX1.xml", nil), "bomb": bomb(), "cut": raw[:len(raw)/2], "old": []byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 and so on"),
	} {
		if _, err := OpenTable(bytes.NewReader(bad), int64(len(bad)), TableOptions{}); !errors.Is(err, archive.ErrInvalid) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, sheet := range []string{"Hidden", "None"} {
		if _, err := OpenTable(bytes.NewReader(raw), int64(len(raw)), TableOptions{Sheet: sheet}); !errors.Is(err, archive.ErrInvalid) {
			t.Errorf("sheet %s: %v", sheet, err)
		}
	}
	if _, err := OpenTable(bytes.NewReader(raw), MaxWorkbook+1, TableOptions{}); !errors.Is(err, archive.ErrInvalid) {
		t.Errorf("too large: %v", err)
	}
}

func TestDates(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"27.07.2020": "2020-07-27", "7.8.2020": "2020-08-07", "27/07/2020": "2020-07-27", "07/27/2020": "2020-07-27", "07.2020": "2020-07", "2020-07-27": "2020-07-27", "27.07.2020 14:02": "2020-07-27T14:02:00",
		"2020-07-27 14:02:31": "2020-07-27T14:02:31", "27 июля 2020": "2020-07-27", "27 липня 2020 р.": "2020-07-27", "июль 2020 г.": "2020-07", "July 27, 2020": "2020-07-27", "27 Jul 2020": "2020-07-27",
		"около 1975": "1975~", "ca. 1975": "1975~", "близько 07.1975": "1975-07~", "2019/2020": "2019/2020", "202X": "202X", "5/5/2020": "2020-05-05",
	} {
		if got, err := dateOf(text, "", About{}); err != nil || got != want {
			t.Errorf("%q: %q %v", text, got, err)
		}
	}
	for _, bad := range []string{"03/04/2020", "31.02.2020", "32.01.2020", "13.2020", "27.07.2020 25:00", "30 February 2020"} {
		if got, err := dateOf(bad, "", About{}); !errors.Is(err, archive.ErrInvalid) {
			t.Errorf("%q: %q %v", bad, got, err)
		}
	}
	if got, _ := dateOf("03/04/2020", "dmy", About{}); got != "2020-04-03" {
		t.Error(got)
	}
	if got, _ := dateOf("03/04/2020", "mdy", About{}); got != "2020-03-04" {
		t.Error(got)
	}
}

func TestDefuse(t *testing.T) {
	t.Parallel()
	for cell, want := range map[string]string{"": "", "x": "x", "=1+1": "'=1+1", "+7 900": "'+7 900", "-1": "'-1", "@x": "'@x", "\t=x": "'\t=x", "\r=x": "'\r=x", " =x": "' =x", "＝x": "'＝x", "a=b": "a=b", "Иван-Пётр": "Иван-Пётр"} {
		if got := Defuse(cell); got != want {
			t.Errorf("%q: %q", cell, got)
		}
	}
	rapid.Check(t, func(r *rapid.T) {
		got := strings.TrimLeft(Defuse(rapid.String().Draw(r, "cell")), " \u00a0\u200b\ufeff\u3000")
		if got != "" && strings.ContainsRune("=+-@\t\r＝＋－＠", []rune(got)[0]) {
			r.Fatalf("%q begins a formula", got)
		}
	})
	// And in everything that is written for spreadsheets.
	var b bytes.Buffer
	report, flush := CSVReport(&b)
	must(t, report.Report(RowReport{Row: 2, Outcome: Refused, Column: "=cmd|' /C calc'!A0", Text: "@x"}))
	must(t, flush())
	rows, err := csv.NewReader(&b).ReadAll()
	must(t, err)
	if rows[1][4][0] != '\'' || rows[1][6][0] != '\'' {
		t.Errorf("%q", rows)
	}
}

func TestMappings(t *testing.T) {
	t.Parallel()
	m := Propose([]string{"ID", "ФИО", "Дата рождения", "Кличка", "Пол", "Источник", "Погода"}, "")
	if m.Kind != catalogue.Person || m.Key == nil || m.Key.Column != "ID" || len(m.Columns) != 5 {
		t.Errorf("%+v", m)
	}
	if m := Propose([]string{"Назва", "Дата події", "Місце", "Установа"}, catalogue.Incident); len(m.Columns) != 4 || m.Columns[2].Refer == nil || !m.Columns[2].Refer.Create {
		t.Errorf("%+v", m)
	}
	must(t, Propose([]string{"lat", "lon", "name", "precision"}, catalogue.Location).check())
	for _, bad := range []string{
		``, `[]`, `{}`, `{"version":2,"kind":"person","columns":[{"column":"a","property":"name"}]}`, `{"version":1,"kind":"ghost","columns":[{"column":"a","property":"name"}]}`,
		`{"version":1,"kind":"person","columns":[]}`, `{"version":1,"kind":"person","columns":[{"column":"a","property":"height"}]}`, `{"version":1,"kind":"person","columns":[{"column":"a","property":"name"}],"more":1}`,
		`{"version":1,"kind":"person","protected":true,"columns":[{"column":"a","property":"name"}]}`, `{"version":1,"kind":"person","key":{"column":"a"},"columns":[{"column":"a","property":"name"}]}`,
		`{"version":1,"kind":"person","columns":[{"column":"a","property":"name","refer":{"by":"name"}}]}`, `{"version":1,"kind":"person","columns":[{"column":"a","as":"latitude"}]}`,
		`{"version":1,"kind":"person","columns":[{"column":"a","as":"note"}]}`, `{"version":1,"kind":"person","columns":[{"column":"a","property":"name"}]} x`, `{"version":1,"kind":"person","certainty":"sure","columns":[{"column":"a","property":"name"}]}`,
	} {
		if _, err := ParseMapping(strings.NewReader(bad)); !errors.Is(err, archive.ErrInvalid) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

// breaking is a table that breaks off after some rows.
type breaking struct {
	Table
	after int64
}

var errBroken = errors.New("the disk is gone")

func (b *breaking) Next() ([]string, int64, error) {
	cells, row, err := b.Table.Next()
	if row > b.after {
		return nil, row, errBroken
	}
	return cells, row, err
}

// A run that breaks off goes on where it stopped, with and without a key, and nothing comes twice.
func TestBrokenImportGoesOn(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		var text strings.Builder
		text.WriteString("Name,Place\n")
		for i := range 180 {
			fmt.Fprintf(&text, "Incident %d,Town %d\n", i, i%7)
		}
		m := Mapping{Version: 1, Kind: catalogue.Incident, Columns: []Column{{Column: "Name", Property: "title"}, {Column: "Place", Property: "place", Refer: &Refer{By: "name", Create: true}}}}
		sum, _, err := Digest(strings.NewReader(text.String()))
		must(t, err)
		seen := map[int64]int{}
		run := func(after int64) (Imported, error) {
			table, err := OpenTable(strings.NewReader(text.String()), -1, TableOptions{})
			must(t, err)
			return w.ImportTable(t.Context(), w.lead, &breaking{table, after}, ImportOptions{Mapping: m, SHA256: sum, Report: ReporterFunc(func(r RowReport) error { seen[r.Row]++; return nil })})
		}
		first, err := run(120)
		if !errors.Is(err, errBroken) || first.Created == 0 || first.Created == 180 {
			t.Fatalf("%+v %v", first, err)
		}
		other := m
		other.Lang = "ru"
		table, err := OpenTable(strings.NewReader(text.String()), -1, TableOptions{})
		must(t, err)
		if _, err := w.ImportTable(t.Context(), w.lead, table, ImportOptions{Mapping: other, SHA256: sum}); !errors.Is(err, archive.ErrConflict) {
			t.Errorf("another mapping goes on: %v", err)
		}
		second, err := run(1 << 40)
		must(t, err)
		if second.ID != first.ID || second.From == 0 || second.Created != 180 || second.Refused != 0 {
			t.Errorf("%+v", second)
		}
		for row := int64(2); row <= 181; row++ {
			if seen[row] != 1 {
				t.Errorf("row %d was taken %d times", row, seen[row])
			}
		}
		must(t, db.Read(t.Context(), func(tx *store.Tx) error {
			for kind, want := range map[archive.EntityKind]int{catalogue.Incident: 180, catalogue.Location: 7} {
				_, n, err := tx.ListEntities(t.Context(), archive.Scope{All: true, AllCompartments: true}, store.EntityQuery{Kinds: []archive.EntityKind{kind}, Limit: 1})
				must(t, err)
				if n != want {
					t.Errorf("%d of kind %s, want %d", n, kind, want)
				}
			}
			return nil
		}))
	})
}

// Rows that refer to more new entities than one transaction takes are taken in several.
func TestManyReferences(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.Open(t, store.SQLite))
	w.o.Batch = 0
	s, err := New(w.o)
	must(t, err)
	var text strings.Builder
	text.WriteString("T,P\n")
	for i := range 60 {
		fmt.Fprintf(&text, "Incident %d,", i)
		for n := range 100 {
			fmt.Fprintf(&text, "Town %d-%d;", i, n)
		}
		text.WriteString("\n")
	}
	table, err := OpenTable(strings.NewReader(text.String()), -1, TableOptions{Separator: ","})
	must(t, err)
	out, err := s.ImportTable(t.Context(), w.lead, table, ImportOptions{Mapping: Mapping{Version: 1, Kind: catalogue.Incident, Columns: []Column{{Column: "T", Property: "title"},
		{Column: "P", Property: "place", Split: ";", Refer: &Refer{By: "name", Create: true}}}}})
	must(t, err)
	if out.Created != 60 || out.Others != 6000 {
		t.Errorf("%+v", out)
	}
}

// A key tells nothing about a compartment that the importer does not see, and finds nothing there.
func TestKeysTellNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.Open(t, store.SQLite))
	closed, err := w.kn.AddCompartment(t.Context(), w.root, "Closed")
	must(t, err)
	in, _, err := w.take(t, w.root, people, peopleCSV, func(o *ImportOptions) { o.Compartment = closed.ID })
	must(t, err)
	outsider := w.person(t, archive.RoleInvestigator, archive.Scope{All: true, MaxDifficulty: -1})
	out, _, err := w.take(t, outsider, people, peopleCSV)
	must(t, err)
	if in.Created != 2 || out.Created != 2 || out.Updated+out.Unchanged != 0 {
		t.Errorf("inside %+v, outside %+v", in.Counts, out.Counts)
	}
	for _, bad := range []string{closed.ID, archive.NewID(archive.PrefixCompartment)} {
		if _, _, err := w.take(t, outsider, people, peopleCSV, func(o *ImportOptions) { o.Compartment = bad }); !errors.Is(err, archive.ErrNotFound) {
			t.Errorf("into a compartment that is not theirs: %v", err)
		}
	}
	byCode := Mapping{Version: 1, Kind: catalogue.Incident, Columns: []Column{{Column: "T", Property: "title"}, {Column: "F", Property: "facility", Refer: &Refer{By: "name"}}}}
	if _, rows, err := w.take(t, outsider, byCode, "T,F\nx,Nowhere\n"); err != nil || rows[0].Reason != ReasonReference {
		t.Errorf("%+v %v", rows, err)
	}
	reviewer := w.person(t, archive.RoleReviewer, archive.Scope{All: true})
	if _, _, err := w.take(t, reviewer, people, peopleCSV); !errors.Is(err, archive.ErrNotFound) {
		t.Errorf("a reviewer: %v", err)
	}
}

func FuzzTable(f *testing.F) {
	f.Add([]byte(russian), "", "")
	f.Add([]byte("\xff\xfea\x00,\x00b\x00\n\x00"), "", ",")
	f.Add([]byte("a,b\n\"1,2\n"), "windows-1251", ";")
	f.Add([]byte("PK\x03\x04"), "", "")
	f.Fuzz(func(t *testing.T, raw []byte, encoding, separator string) {
		table, err := OpenTable(bytes.NewReader(raw), int64(len(raw)), TableOptions{Encoding: encoding, Separator: separator})
		if err != nil {
			return
		}
		defer table.Close()
		for n := 0; n < 10_000; n++ {
			cells, row, err := table.Next()
			if errors.Is(err, io.EOF) {
				return
			}
			var fault *RowError
			if err != nil && !errors.As(err, &fault) {
				return
			}
			if err != nil {
				continue
			}
			if len(cells) != len(table.Header()) || row < 2 {
				t.Fatalf("row %d has %d cells, the header %d", row, len(cells), len(table.Header()))
			}
			for _, c := range cells {
				if !utf8.ValidString(c) || strings.ContainsAny(c, "\x00\u202e") || len(c) > 4*MaxCell {
					t.Fatalf("a cell came through: %q", c)
				}
			}
		}
	})
}

func FuzzFtM(f *testing.F) {
	f.Add([]byte(`{"id":"p1","schema":"Person","properties":{"name":["x"]}}`))
	f.Add([]byte(`{"id":"kn_","schema":"Person","zapis":{"version":1,"kind":"person","claims":[{"id":"","sources":[{"kind":"item","region":[1,2,3,4]}]}]}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		r := newFtMReader(bytes.NewReader(raw))
		for range 1000 {
			e, _, err := r.next()
			var fault *RowError
			if err != nil && !errors.As(err, &fault) {
				return
			}
			if err == nil && e.Zapis != nil {
				for _, c := range e.Zapis.Claims {
					_, _ = stampTime(c.At)
					for _, s := range c.Sources {
						if got := ftmSourceOf(foreign(s)); s.Kind != "" && got.Kind != s.Kind {
							t.Fatalf("a foreign source became another one: %+v %+v", s, got)
						}
						_, _ = secondsOf(s.From)
					}
				}
			}
		}
	})
}

func FuzzMapping(f *testing.F) {
	f.Add([]byte(`{"version":1,"kind":"person","columns":[{"column":"a","property":"name"}]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := ParseMapping(bytes.NewReader(raw))
		if err == nil {
			_, _, _ = m.fit([]string{"a", "b"})
		}
	})
}
