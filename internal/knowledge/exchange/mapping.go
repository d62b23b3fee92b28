package exchange

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"zapis/internal/archive"
	"zapis/internal/catalogue"
)

// MaxMapping is how large a mapping may be as JSON.
const MaxMapping = 256 << 10

// Mapping says what the columns of a table mean. Its JSON is a file that people may keep and share; unknown fields are refused.
type Mapping struct {
	Version int                `json:"version"` // 1
	Kind    archive.EntityKind `json:"kind"`    // of every row
	Key     *Key               `json:"key,omitempty"`
	Update  string             `json:"update,omitempty"`    // what happens to entities that the key finds: "add" (default), "replace" or "refuse"
	Certain archive.Certainty  `json:"certainty,omitempty"` // of claims whose row and column say none; "probable" by default
	Lang    string             `json:"lang,omitempty"`      // of texts whose column says none
	Source  string             `json:"source,omitempty"`    // where the table comes from, in words
	Hide    bool               `json:"protected,omitempty"` // persons that it makes are known by the code alone
	Columns []Column           `json:"columns"`
}

// Key finds the entity of a row, so that the same table can be taken in again.
type Key struct {
	Column string `json:"column"`
	By     string `json:"by,omitempty"`     // "external" (default): what Source calls it; "code": the code in this archive
	Source string `json:"source,omitempty"` // a name for whose keys these are
}

// Column says what one column means. Columns that are not mentioned are not read.
type Column struct {
	Column   string            `json:"column"` // as in the header
	Property string            `json:"property,omitempty"`
	As       string            `json:"as,omitempty"`    // instead of a property: certainty, note, source, latitude, longitude
	Lang     string            `json:"lang,omitempty"`  // of a text
	Split    string            `json:"split,omitempty"` // what stands between several values in one cell
	Dates    string            `json:"dates,omitempty"` // order of dates written with slashes: "dmy" or "mdy"
	Certain  archive.Certainty `json:"certainty,omitempty"`
	Terms    map[string]string `json:"terms,omitempty"` // words of the file to terms
	Refer    *Refer            `json:"refer,omitempty"` // how a reference is found; by code if it is not said
}

// Refer says how the entity is found that a cell refers to.
type Refer struct {
	By     string             `json:"by,omitempty"`     // "code" (default), "external" or "name"
	Source string             `json:"source,omitempty"` // of external
	Kind   archive.EntityKind `json:"kind,omitempty"`   // of name; by default the first that the property allows
	Create bool               `json:"create,omitempty"` // of name: make it if there is none
}

// What updates do.
const (
	UpdateAdd     = "add"     // what the row says is said, too; what was said stays
	UpdateReplace = "replace" // of properties with one value, what the same person said from a file before is replaced
	UpdateRefuse  = "refuse"  // rows whose entity is there are refused
)

// What columns are that are not properties.
const (
	AsCertainty = "certainty"
	AsNote      = "note"
	AsSource    = "source"
	AsLatitude  = "latitude"
	AsLongitude = "longitude"
)

const (
	byExternal = "external"
	byCode     = "code"
	byName     = "name"
)

func badMapping(format string, args ...any) error {
	text := fmt.Sprintf(format, args...)
	return archive.Explain(fmt.Errorf("read mapping: %w: %s", archive.ErrInvalid, text), "The mapping cannot be used: "+text+".", "docs/guide/investigator.md shows one.")
}

// ParseMapping reads a mapping and checks it against the schema.
func ParseMapping(r io.Reader) (Mapping, error) {
	raw, err := io.ReadAll(io.LimitReader(r, MaxMapping+1))
	if err != nil {
		return Mapping{}, fmt.Errorf("read mapping: %w", err)
	}
	if len(raw) > MaxMapping || !utf8.Valid(raw) {
		return Mapping{}, badMapping("it is too long, or not UTF-8")
	}
	d := json.NewDecoder(strings.NewReader(strings.TrimPrefix(string(raw), "\ufeff")))
	d.DisallowUnknownFields()
	var m Mapping
	if err := d.Decode(&m); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			return Mapping{}, badMapping("it is no JSON from byte %d on", syntax.Offset)
		}
		return Mapping{}, badMapping("a field is unknown or of another type")
	}
	if d.More() {
		return Mapping{}, badMapping("something follows after it")
	}
	return m, m.check()
}

// certainties in the order of the scale.
var certainties = []archive.Certainty{archive.Established, archive.Probable, archive.Disputed, archive.NotKnown}

// check holds a mapping against the schema.
func (m Mapping) check() error {
	if m.Version != 1 {
		return badMapping("its version is not 1")
	}
	kind, ok := catalogue.KindOf(m.Kind)
	if !ok {
		return badMapping("there is no such kind of entity")
	}
	if m.Hide && m.Kind != catalogue.Person {
		return badMapping("only persons are protected")
	}
	if m.Certain != "" && !slices.Contains(certainties, m.Certain) {
		return badMapping("certainty is established, probable, disputed or not known")
	}
	if !slices.Contains([]string{"", UpdateAdd, UpdateReplace, UpdateRefuse}, m.Update) {
		return badMapping("update is add, replace or refuse")
	}
	if len(m.Source) > 2000 || len(m.Lang) > 35 {
		return badMapping("source or language are too long")
	}
	if k := m.Key; k != nil {
		switch {
		case k.Column == "":
			return badMapping("the key names no column")
		case k.By != "" && k.By != byExternal && k.By != byCode:
			return badMapping("a key is found by external or code")
		case k.By != byCode && (k.Source == "" || len(k.Source) > 200):
			return badMapping("an external key needs a source: whose keys these are")
		}
	}
	if len(m.Columns) == 0 || len(m.Columns) > MaxColumns {
		return badMapping("it names no columns, or too many")
	}
	said := false
	for _, c := range m.Columns {
		if c.Column == "" {
			return badMapping("a column has no name")
		}
		if c.Certain != "" && !slices.Contains(certainties, c.Certain) {
			return badMapping("certainty is established, probable, disputed or not known")
		}
		if c.As != "" {
			if c.Property != "" || !slices.Contains([]string{AsCertainty, AsNote, AsSource, AsLatitude, AsLongitude}, c.As) {
				return badMapping("column %q: as is certainty, note, source, latitude or longitude, and then there is no property", c.Column)
			}
			if c.As == AsLatitude || c.As == AsLongitude {
				if _, ok := kind.Property("geo"); !ok {
					return badMapping("column %q: this kind has no coordinates", c.Column)
				}
				said = true
			}
			continue
		}
		p, ok := kind.Property(c.Property)
		if !ok {
			return badMapping("column %q: %s has no such property", c.Column, m.Kind)
		}
		said = true
		if m.Hide && p.Identifies {
			return badMapping("column %q: it would name persons who are to be known by the code alone", c.Column)
		}
		if !slices.Contains([]string{"", "dmy", "mdy"}, c.Dates) {
			return badMapping("column %q: dates are dmy or mdy", c.Column)
		}
		if len(c.Terms) > 0 && p.Type != catalogue.TypeTerm {
			return badMapping("column %q: only terms have words", c.Column)
		}
		words := map[string]string{}
		for word, term := range c.Terms {
			if was, twice := words[fold(word)]; twice && was != fold(term) {
				return badMapping("column %q: one word stands for two terms", c.Column)
			}
			words[fold(word)] = fold(term)
		}
		if r := c.Refer; r != nil {
			if p.Type != catalogue.TypeRef {
				return badMapping("column %q: it does not refer to anything", c.Column)
			}
			if !slices.Contains([]string{"", byCode, byExternal, byName}, r.By) || r.By == byExternal && r.Source == "" || r.Create && r.By != byName {
				return badMapping("column %q: a reference is found by code, external (with a source) or name (which may create)", c.Column)
			}
			if r.Kind != "" && len(p.Refers) > 0 && !slices.Contains(p.Refers, r.Kind) {
				return badMapping("column %q: it cannot refer to that kind", c.Column)
			}
		}
	}
	if !said {
		return badMapping("no column says anything")
	}
	return nil
}

// fit finds the columns of a mapping in a header.
func (m Mapping) fit(header []string) (key int, columns []int, err error) {
	// A column is known by its name as it stands, or else by one that reads the same, if there is only one.
	at := make(map[string][]int, len(header))
	for i, h := range header {
		at[fold(h)] = append(at[fold(h)], i)
	}
	find := func(name string) (int, error) {
		if i := slices.Index(header, name); i >= 0 {
			return i, nil
		}
		switch like := at[fold(name)]; len(like) {
		case 0:
			return 0, badMapping("the table has no column %q", name)
		case 1:
			return like[0], nil
		}
		return 0, badMapping("the table has several columns that could be %q", name)
	}
	key = -1
	if m.Key != nil {
		if key, err = find(m.Key.Column); err != nil {
			return 0, nil, err
		}
	}
	columns = make([]int, len(m.Columns))
	for n, c := range m.Columns {
		if columns[n], err = find(c.Column); err != nil {
			return 0, nil, err
		}
	}
	return key, columns, nil
}

// fold brings a word to the form in which words are compared: NFKC, small letters, ё as е, one space where there are more.
func fold(s string) string {
	s = strings.ToLower(norm.NFKC.String(s))
	s = strings.ReplaceAll(s, "ё", "е")
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool {
		return unicode.IsSpace(r) || r == '_' || r == '*' || r == ':' || r == '’' || r == '\''
	}), " ")
}

// headings are the words under which columns of tables usually stand, by what they mean, in English, Russian and Ukrainian.
var headings = map[string][]string{
	"=key":       {"id", "external id", "uid", "uuid", "ref", "key", "ид", "идентификатор", "ключ", "номер записи", "ідентифікатор", "номер запису"},
	"=code":      {"code", "zapis code", "код", "шифр"},
	"=certainty": {"certainty", "confidence", "reliability", "достоверность", "уверенность", "надежность", "достовірність", "певність"},
	"=note":      {"claim note", "примечание к сведениям", "примітка до відомостей"},
	"=source":    {"source", "sources", "источник", "источники", "джерело", "джерела"},
	"=latitude":  {"lat", "latitude", "широта"},
	"=longitude": {"lon", "lng", "long", "longitude", "долгота", "довгота"},

	"title":       {"title", "event", "event title", "heading", "название", "заголовок", "событие", "назва", "подія"},
	"name":        {"name", "full name", "surname", "person", "имя", "фио", "ф.и.о.", "фамилия имя отчество", "фамилия", "наименование", "название", "ім я", "імя", "піб", "п.і.б.", "прізвище", "назва", "найменування"},
	"alias":       {"alias", "aliases", "aka", "nickname", "other names", "псевдоним", "кличка", "прозвище", "другие имена", "псевдонім", "прізвисько", "інші імена"},
	"code-name":   {"code name", "codename", "кодовое имя", "условное имя", "кодове ім я", "умовне ім я"},
	"birth-date":  {"birth date", "date of birth", "dob", "born", "birthday", "дата рождения", "год рождения", "дата народження", "рік народження"},
	"sex":         {"sex", "gender", "пол", "стать"},
	"nationality": {"nationality", "citizenship", "гражданство", "громадянство"},
	"status":      {"status", "статус", "состояние", "стан"},
	"date":        {"date", "date of event", "when", "event date", "дата", "дата события", "когда", "дата події", "коли"},
	"summary":     {"summary", "abstract", "краткое описание", "кратко", "стислий опис", "коротко"},
	"description": {"description", "details", "what happened", "описание", "что произошло", "подробности", "опис", "що сталося", "подробиці"},
	"place":       {"place", "location", "where", "место", "место события", "где", "місце", "місце події", "де"},
	"facility":    {"facility", "prison", "institution", "colony", "учреждение", "колония", "тюрьма", "сизо", "установа", "колонія", "в язниця", "слідчий ізолятор"},
	"agency":      {"agency", "employer", "organisation", "organization", "service", "ведомство", "служба", "организация", "место работы", "відомство", "організація", "місце роботи"},
	"type":        {"type", "kind", "act", "тип", "вид", "деяние", "тип деяния", "діяння", "вид діяння"},
	"method":      {"method", "метод", "способ", "спосіб"},
	"incident":    {"incident", "инцидент", "случай", "інцидент", "випадок"},
	"role":        {"role", "роль"},
	"degree":      {"degree", "degree of involvement", "степень участия", "ступінь участі"},
	"person":      {"person", "лицо", "человек", "особа", "людина"},
	"position":    {"position", "job", "post", "должность", "посада"},
	"rank":        {"rank", "звание", "звання"},
	"from":        {"from", "since", "start", "start date", "с", "начало", "дата начала", "з", "від", "початок", "дата початку"},
	"to":          {"to", "until", "end", "end date", "по", "до", "конец", "дата окончания", "кінець", "дата закінчення"},
	"geo":         {"coordinates", "geo", "gps", "lat lon", "координаты", "координати"},
	"precision":   {"precision", "accuracy", "точность", "точність"},
	"country":     {"country", "страна", "країна"},
	"region":      {"region", "oblast", "province", "регион", "область", "край", "регіон"},
	"opened":      {"opened", "founded", "дата открытия", "год основания", "дата відкриття", "рік заснування"},
	"closed":      {"closed", "дата закрытия", "дата закриття"},
	"label":       {"label", "camera", "камера", "метка", "мітка"},
	"outlet":      {"outlet", "newspaper", "media", "издание", "сми", "видання", "змі"},
	"publisher":   {"publisher", "издатель", "видавець"},
	"url":         {"url", "link", "address", "ссылка", "адрес ссылки", "посилання"},
	"lang":        {"language", "lang", "язык", "мова"},
	"language":    {"language", "lang", "язык", "мова"},
	"words":       {"words", "order", "wording", "приказ", "слова приказа", "наказ", "слова наказу"},
	"giver":       {"giver", "ordered by", "кто приказал", "приказал", "хто наказав", "наказав"},
	"receiver":    {"receiver", "ordered to", "кому приказано", "кому наказано"},
	"note":        {"note", "notes", "remark", "remarks", "comment", "comments", "примечание", "примечания", "комментарий", "заметки", "примітка", "примітки", "коментар", "нотатки"},
}

// Propose makes a mapping from the names of columns. kind may be empty: then it is the one to which most columns belong. What is not known is
// left out; a person looks over it before it is used.
func Propose(header []string, kind archive.EntityKind) Mapping {
	m := Mapping{Version: 1, Kind: kind, Update: UpdateAdd, Certain: archive.Probable}
	if kind == "" {
		most := 0
		for _, k := range catalogue.Kinds() {
			if n := len(propose(header, k).Columns); n > most {
				most, m.Kind = n, k.Kind
			}
		}
	}
	k, ok := catalogue.KindOf(m.Kind)
	if !ok {
		return m
	}
	p := propose(header, k)
	m.Key, m.Columns = p.Key, p.Columns
	return m
}

func propose(header []string, k catalogue.Kind) (m Mapping) {
	taken := map[string]bool{}
	for _, h := range header {
		word := fold(h)
		is := func(what string) bool { return slices.Contains(headings[what], word) }
		own := fold(strings.ReplaceAll(word, "-", " "))
		switch {
		case is("=code") && m.Key == nil:
			m.Key = &Key{Column: h, By: byCode}
			continue
		case is("=key") && m.Key == nil:
			m.Key = &Key{Column: h, By: byExternal, Source: "table"}
			continue
		}
		c := Column{Column: h}
		for _, p := range k.Properties {
			if (is(p.Name) || fold(strings.ReplaceAll(p.Name, "-", " ")) == own) && (!taken[p.Name] || p.Many) {
				c.Property = p.Name
				taken[p.Name] = true
				if p.Type == catalogue.TypeRef {
					c.Refer = &Refer{By: byName, Create: true}
					if len(p.Refers) > 0 {
						c.Refer.Kind = p.Refers[0]
					}
				}
				break
			}
		}
		if c.Property == "" {
			for _, as := range []string{AsCertainty, AsNote, AsSource, AsLatitude, AsLongitude} {
				if _, geo := k.Property("geo"); (as == AsLatitude || as == AsLongitude) && !geo {
					continue
				}
				if is("="+as) && !taken["="+as] {
					c.As = as
					taken["="+as] = true
					break
				}
			}
		}
		if c.Property != "" || c.As != "" {
			m.Columns = append(m.Columns, c)
		}
	}
	return m
}
