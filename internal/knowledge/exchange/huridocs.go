package exchange

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"zapis/internal/archive"
	"zapis/internal/catalogue"
	"zapis/internal/catalogue/edtf"
	"zapis/internal/store"
)

// huridocs writes a set of CSV tables in a zip, arranged as the HURIDOCS events formats are: events, acts, involvements, persons,
// interventions and information, with the codes of the micro-thesauri beside their words. claims.csv has everything that is said with its
// certainty, since the other tables have room for one answer only.
type huridocs struct {
	w      io.Writer
	tables map[string]*table
	order  []string
	codes  map[string]string // of entities, for references; filled as they come and put in at the end
	labels map[string]string // of terms
	room   int64             // bytes that the tables may still take
}

// maxTables is how much the tables of one export may hold before they are packed: they lie in memory, since nothing of it may lie on disk.
const maxTables = 512 << 20

// table is one of them. Cells that refer to entities hold their identifiers until the end, when every code is known.
type table struct {
	name    string
	columns []string
	refs    map[int]bool
	packed  bytes.Buffer
	csv     *csv.Writer
	room    *int64
}

// column is one column of a table and the property it comes from. "=…" is a fact of the entity, "#…" the code of a term, "<…" and ">…" the
// first and last day of a date.
type column struct{ name, from string }

type layout struct {
	name    string
	kinds   []archive.EntityKind
	columns []column
}

var layouts = []layout{
	{"events", []archive.EntityKind{catalogue.Incident}, []column{
		{"event_record_number", "=code"}, {"event_title", "title"}, {"initial_date", "<date"}, {"final_date", ">date"}, {"date_edtf", "date"}, {"geographical_term", "place"},
		{"facility", "facility"}, {"event_description", "summary"}, {"status", "status"}, {"status_code", "#status"}, {"remarks", "note"},
	}},
	{"acts", []archive.EntityKind{catalogue.Act}, []column{
		{"act_record_number", "=code"}, {"event", "incident"}, {"type_of_act", "type"}, {"type_of_act_code", "#type"}, {"initial_date", "<date"}, {"final_date", ">date"},
		{"date_edtf", "date"}, {"exact_location", "place"}, {"method_of_violence", "method"}, {"method_of_violence_code", "#method"}, {"description", "description"}, {"remarks", "note"},
	}},
	{"involvements", []archive.EntityKind{catalogue.Involvement}, []column{
		{"involvement_record_number", "=code"}, {"act", "act"}, {"person", "person"}, {"role", "role"}, {"role_code", "#role"}, {"degree_of_involvement", "degree"},
		{"degree_of_involvement_code", "#degree"}, {"remarks", "note"},
	}},
	{"orders", []archive.EntityKind{catalogue.Order}, []column{
		{"order_record_number", "=code"}, {"act", "act"}, {"given_by", "giver"}, {"given_to", "receiver"}, {"type", "type"}, {"type_code", "#type"}, {"words", "words"},
		{"date_edtf", "date"}, {"remarks", "note"},
	}},
	{"outcomes", []archive.EntityKind{catalogue.Outcome}, []column{
		{"outcome_record_number", "=code"}, {"act", "act"}, {"person", "person"}, {"type", "type"}, {"type_code", "#type"}, {"date_edtf", "date"}, {"description", "description"}, {"remarks", "note"},
	}},
	{"persons", []archive.EntityKind{catalogue.Person, catalogue.Agency}, []column{
		{"person_record_number", "=code"}, {"counting_unit", "=kind"}, {"protected", "=protected"}, {"person_name", "name"}, {"other_names", "alias"}, {"code_name", "code-name"},
		{"date_of_birth", "birth-date"}, {"sex", "sex"}, {"sex_code", "#sex"}, {"citizenship", "nationality"}, {"status", "status"}, {"status_code", "#status"}, {"type", "type"},
		{"type_code", "#type"}, {"parent_organisation", "parent"}, {"remarks", "note"},
	}},
	{"postings", []archive.EntityKind{catalogue.Posting}, []column{
		{"posting_record_number", "=code"}, {"person", "person"}, {"agency", "agency"}, {"facility", "facility"}, {"position", "position"}, {"rank", "rank"}, {"from_edtf", "from"}, {"to_edtf", "to"},
	}},
	{"facilities", []archive.EntityKind{catalogue.Facility}, []column{
		{"facility_record_number", "=code"}, {"name", "name"}, {"other_names", "alias"}, {"agency", "agency"}, {"type", "type"}, {"type_code", "#type"}, {"location", "location"},
		{"region", "region"}, {"country", "country"}, {"opened_edtf", "opened"}, {"closed_edtf", "closed"}, {"remarks", "note"},
	}},
	{"locations", []archive.EntityKind{catalogue.Location, catalogue.Room}, []column{
		{"location_record_number", "=code"}, {"name", "name"}, {"latitude_longitude", "geo"}, {"precision", "precision"}, {"precision_code", "#precision"}, {"kind", "kind"},
		{"region", "region"}, {"country", "country"}, {"facility", "facility"}, {"remarks", "note"},
	}},
	{"relations", []archive.EntityKind{catalogue.Relation}, []column{
		{"relation_record_number", "=code"}, {"from", "from"}, {"to", "to"}, {"type", "type"}, {"type_code", "#type"}, {"from_edtf", "from-date"}, {"to_edtf", "to-date"}, {"remarks", "note"},
	}},
	{"information", []archive.EntityKind{catalogue.Testimony, catalogue.Document, catalogue.Article}, []column{
		{"information_record_number", "=code"}, {"type_of_source_material", "=kind"}, {"title", "title"}, {"date_of_source_material", "date"}, {"publisher", "publisher"}, {"outlet", "outlet"},
		{"url", "url"}, {"archived_url", "archived-url"}, {"language_of_source_material", "language"}, {"remarks", "note"},
	}},
}

var (
	claimColumns = []string{"claim", "record_number", "property", "value", "value_label", "certainty", "current", "stands", "made_at", "language", "note", "sources"}
	mergeColumns = []string{"record_number", "same_as", "reason", "at"}
)

// newHURIDOCS reads the words of all terms first.
func (s *Service) newHURIDOCS(ctx context.Context, w io.Writer) (*huridocs, error) {
	h := &huridocs{w: w, tables: map[string]*table{}, codes: map[string]string{}, labels: map[string]string{}, room: maxTables}
	names := map[string]bool{}
	for _, k := range catalogue.Kinds() {
		for _, p := range k.Properties {
			if p.Vocabulary != "" {
				names[p.Vocabulary] = true
			}
		}
	}
	for name := range names {
		terms, err := s.o.Knowledge.Vocabulary(ctx, name)
		if err != nil {
			return nil, fmt.Errorf("read vocabulary %s: %w", name, err)
		}
		for _, t := range terms {
			h.labels[name+":"+t.Code] = t.Labels["en"]
		}
	}
	for _, l := range layouts {
		var columns []string
		for _, c := range l.columns {
			columns = append(columns, c.name)
		}
		h.add(l.name, append(columns, "merged_into", "sources"))
	}
	h.add("claims", claimColumns)
	h.add("merges", mergeColumns)
	return h, nil
}

func (h *huridocs) add(name string, columns []string) {
	t := &table{name: name, columns: columns, room: &h.room}
	t.csv = csv.NewWriter(&t.packed)
	_ = t.csv.Write(columns) // into memory
	h.tables[name] = t
	h.order = append(h.order, name)
}

// refMark stands around the identifier of an entity until its code is known. No value holds it: control characters are refused.
const refMark = "\x1a"

func (h *huridocs) entity(g gathered) error {
	h.codes[g.ID] = g.Code
	ref := func(id string) string {
		if id == "" {
			return ""
		}
		return refMark + id + refMark
	}
	text := func(p catalogue.Property, c store.Claim) string {
		switch {
		case c.Ref != "":
			return ref(c.Ref)
		case p.Type == catalogue.TypeTerm:
			if l := h.labels[c.Value]; l != "" {
				return l
			}
		}
		return c.Value
	}
	for _, l := range layouts {
		if !slices.Contains(l.kinds, g.Kind) {
			continue
		}
		var row []string
		var used []store.Claim
		for _, col := range l.columns {
			if fact, ok := strings.CutPrefix(col.from, "="); ok {
				row = append(row, map[string]string{"code": g.Code, "kind": string(g.Kind), "protected": map[bool]string{true: "yes"}[g.Protected]}[fact])
				continue
			}
			how, name := byte(0), col.from
			if strings.ContainsRune("#<>", rune(name[0])) {
				how, name = name[0], name[1:]
			}
			p, _ := g.kind.Property(name)
			var cell []string
			claims := g.current(name)
			for _, c := range claims {
				v := text(p, c)
				switch how {
				case '#':
					_, v, _ = strings.Cut(c.Value, ":")
				case '<', '>':
					v = dayOfEDTF(c.Value, how == '>')
				}
				if v != "" && !slices.Contains(cell, v) {
					cell = append(cell, v)
				}
			}
			if how == 0 {
				used = append(used, claims...)
			}
			row = append(row, strings.Join(cell, " ; "))
		}
		if err := h.tables[l.name].write(append(row, ref(g.Canonical), sourceWords(used))); err != nil {
			return err
		}
	}
	for _, c := range g.claims {
		p, _ := g.kind.Property(c.Property)
		current := slices.ContainsFunc(g.current(c.Property), func(x store.Claim) bool { return x.ID == c.ID })
		label := ""
		if l := text(p, c); l != c.Value && c.Ref == "" {
			label = l
		}
		value := c.Value
		if c.Ref != "" {
			value = ref(c.Ref)
		}
		yes := map[bool]string{true: "yes", false: "no"}
		if err := h.tables["claims"].write([]string{c.ID, g.Code, c.Property, value, label, string(c.Certainty), yes[current], yes[c.Stands()], timeOf(c.CreatedAt), c.Lang, c.Note,
			sourceWords([]store.Claim{c})}); err != nil {
			return err
		}
	}
	for _, m := range g.merges {
		if !m.UndoneAt.IsZero() {
			continue
		}
		if err := h.tables["merges"].write([]string{g.Code, ref(m.Into), m.Reason, timeOf(m.At)}); err != nil {
			return err
		}
	}
	return nil
}

// dayOfEDTF gives the first or last day that a date may mean.
func dayOfEDTF(value string, last bool) string {
	d, err := edtf.Parse(value)
	if err != nil {
		return ""
	}
	t, ok := d.Earliest()
	if last {
		t, ok = d.Latest()
	}
	if !ok {
		return ""
	}
	return t.Format(time.DateOnly)
}

func (t *table) write(row []string) error {
	for i, c := range row {
		row[i] = Defuse(c)
		*t.room -= int64(len(c)) + 1
	}
	if *t.room < 0 {
		return archive.Explain(fmt.Errorf("export: %w: too large", archive.ErrInvalid), "The export is too large to be made in one piece.", "Narrow it to a compartment or to kinds.")
	}
	if err := t.csv.Write(row); err != nil {
		return fmt.Errorf("write table %s: %w", t.name, err)
	}
	return nil
}

func (h *huridocs) end(e Export) error {
	z := zip.NewWriter(h.w)
	file := func(name string, content []byte) error {
		f, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate}) // without a time: the same catalogue gives the same file
		if err == nil {
			_, err = f.Write(content)
		}
		if err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
		return nil
	}
	for _, name := range h.order {
		t := h.tables[name]
		t.csv.Flush()
		if err := t.csv.Error(); err != nil {
			return fmt.Errorf("write table %s: %w", name, err)
		}
		if err := file(name+".csv", h.coded(t.packed.Bytes())); err != nil {
			return err
		}
	}
	var b strings.Builder
	b.WriteString("Tables in UTF-8, separated by commas, after the HURIDOCS events formats. Codes of terms are those of the micro-thesauri where there is one.\n" +
		"Each table but claims.csv holds what is established or probable and, where there is a finding, what it chose; claims.csv holds everything that is said, with its certainty.\n" +
		"Cells that a spreadsheet would take for a formula begin with an apostrophe. Several values in one cell are separated by \" ; \". Dates are EDTF (ISO 8601-2).\n\n")
	fmt.Fprintf(&b, "Export %s: %d entities, %d claims.\n", e.ID, e.Entities, e.Claims)
	fmt.Fprintf(&b, "Left out because no consent of a testimony covers this purpose and audience: %d.\n", e.LeftOut[OutConsent])
	fmt.Fprintf(&b, "Left out because they speak about something that is not in this export: %d.\n", e.LeftOut[OutReference])
	if err := file("README.txt", []byte(b.String())); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("write tables: %w", err)
	}
	return nil
}

// coded puts codes in the place of identifiers.
func (h *huridocs) coded(text []byte) []byte {
	mark := []byte(refMark)
	var out bytes.Buffer
	out.Grow(len(text))
	for {
		before, rest, ok := bytes.Cut(text, mark)
		out.Write(before)
		if !ok {
			return out.Bytes()
		}
		id, after, _ := bytes.Cut(rest, mark)
		out.WriteString(Defuse(h.codes[string(id)]))
		text = after
	}
}
