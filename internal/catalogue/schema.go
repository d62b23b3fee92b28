package catalogue

import (
	"slices"

	"zapis/internal/archive"
)

// Type is what the values of a property are.
type Type string

// Types, each with the canonical form of its values.
const (
	TypeText     Type = "text"     // NFC, at most 20,000 characters, may have line breaks
	TypeName     Type = "name"     // NFC, one line, at most 500 characters
	TypeDate     Type = "date"     // EDTF, levels 0 and 1: package edtf
	TypeNumber   Type = "number"   // decimal without an exponent
	TypeTerm     Type = "term"     // "vocabulary:code"
	TypeRef      Type = "ref"      // identifier of an entity
	TypeGeo      Type = "geo"      // "latitude,longitude" in degrees, WGS 84, at most seven decimals
	TypeURL      Type = "url"      // absolute, http or https
	TypeBoolean  Type = "boolean"  // "true" or "false"
	TypeDuration Type = "duration" // seconds with at most six decimals
	TypeCode     Type = "code"     // letters, digits, "-", ".", "/" and "_"
	TypeItem     Type = "item"     // identifier of an item
	TypeLang     Type = "lang"     // language tag, BCP 47
)

// Undetermined is the value of a reference to a location which says that the place cannot be determined.
const Undetermined = "location.cannot-be-determined"

// Kinds of entities.
const (
	Incident    archive.EntityKind = "incident"
	Act         archive.EntityKind = "act"
	Involvement archive.EntityKind = "involvement"
	Outcome     archive.EntityKind = "outcome"
	Order       archive.EntityKind = "order"
	Person      archive.EntityKind = "person"
	Agency      archive.EntityKind = "agency"
	Facility    archive.EntityKind = "facility"
	Room        archive.EntityKind = "room"
	Camera      archive.EntityKind = "camera"
	Posting     archive.EntityKind = "posting"
	Location    archive.EntityKind = "location"
	Testimony   archive.EntityKind = "testimony"
	Document    archive.EntityKind = "document"
	Article     archive.EntityKind = "article"
	Relation    archive.EntityKind = "relation"
)

// Property is one thing that can be said about a kind of entity. Its name for people is under "prop.<name>" in the locale.
type Property struct {
	Name string
	Type Type
	// Many: several values are normal and not rivals.
	Many       bool
	Vocabulary string               // of a term
	Refers     []archive.EntityKind // kinds that a reference may name; empty: any
	FtM        string               // property of FollowTheMoney; empty: none fits
	// Identifies: a value names or describes a person, so that it is refused of a protected one.
	Identifies bool
}

// Kind is one kind of entity.
type Kind struct {
	Kind       archive.EntityKind
	Prefix     string // of codes: I-0093
	Properties []Property
	Title      []string // properties that give the label, the first one that has a value
	FtM        string   // schema of FollowTheMoney
	Relation   bool     // it ties other entities together and has no page of its own
	Required   []string // without these it is an open question
	Brief      []string // what tells it apart in a list, beside its title
}

// Property gives a property by name.
func (k Kind) Property(name string) (Property, bool) {
	for _, p := range k.Properties {
		if p.Name == name {
			return p, true
		}
	}
	return Property{}, false
}

// References gives the properties whose values are entities.
func (k Kind) References() (out []Property) {
	for _, p := range k.Properties {
		if p.Type == TypeRef {
			out = append(out, p)
		}
	}
	return out
}

type option func(*Property)

func many(p *Property)       { p.Many = true }
func identifies(p *Property) { p.Identifies = true }
func ftm(name string) option { return func(p *Property) { p.FtM = name } }

func prop(name string, t Type, o ...option) Property {
	p := Property{Name: name, Type: t}
	for _, f := range o {
		f(&p)
	}
	return p
}

func term(name, vocabulary string, o ...option) Property {
	p := prop(name, TypeTerm, o...)
	p.Vocabulary = vocabulary
	return p
}

func ref(name string, to []archive.EntityKind, o ...option) Property {
	p := prop(name, TypeRef, o...)
	p.Refers = to
	return p
}

func to(kinds ...archive.EntityKind) []archive.EntityKind { return kinds }

var kinds = []Kind{
	{Kind: Incident, Prefix: "I", FtM: "Event", Title: []string{"title"}, Required: []string{"date", "place"}, Brief: []string{"date", "place", "facility", "status"}, Properties: []Property{
		prop("title", TypeName, ftm("name")), prop("summary", TypeText, ftm("summary")), prop("date", TypeDate, ftm("date")),
		ref("place", to(Location), many, ftm("addressEntity")), ref("facility", to(Facility), many, ftm("involved")), term("status", "incident-status"),
		prop("note", TypeText, many, ftm("notes")),
	}},
	{Kind: Act, Prefix: "A", FtM: "Event", Title: []string{"type", "description"}, Required: []string{"incident", "type", "date", "place"}, Brief: []string{"date", "place", "description"}, Properties: []Property{
		ref("incident", to(Incident)), term("type", "act", ftm("keywords")), prop("date", TypeDate, ftm("date")), ref("place", to(Location, Room, Facility), many, ftm("addressEntity")),
		prop("description", TypeText, ftm("description")), term("method", "method", many), prop("note", TypeText, many, ftm("notes")),
	}},
	{Kind: Involvement, Prefix: "V", FtM: "UnknownLink", Relation: true, Title: []string{"role"}, Required: []string{"act", "person", "role"}, Brief: []string{"act", "person", "degree"}, Properties: []Property{
		ref("act", to(Act), ftm("object")), ref("person", to(Person, Agency), ftm("subject")), term("role", "role", ftm("role")), term("degree", "degree", ftm("status")),
		prop("note", TypeText, many, ftm("summary")),
	}},
	{Kind: Outcome, Prefix: "U", FtM: "Event", Title: []string{"type", "description"}, Required: []string{"act", "type"}, Brief: []string{"person", "date"}, Properties: []Property{
		ref("act", to(Act)), ref("person", to(Person, Agency), ftm("involved")), term("type", "outcome", ftm("keywords")), prop("date", TypeDate, ftm("date")),
		prop("description", TypeText, ftm("description")), prop("note", TypeText, many, ftm("notes")),
	}},
	{Kind: Order, Prefix: "R", FtM: "UnknownLink", Relation: true, Title: []string{"type", "words"}, Required: []string{"act", "giver"}, Brief: []string{"giver", "receiver", "date"}, Properties: []Property{
		ref("act", to(Act)), ref("giver", to(Person, Agency), ftm("subject")), ref("receiver", to(Person, Agency), many, ftm("object")), term("type", "order", ftm("role")),
		prop("words", TypeText, ftm("summary")), prop("date", TypeDate, ftm("date")), prop("note", TypeText, many),
	}},
	{Kind: Person, Prefix: "P", FtM: "Person", Title: []string{"name", "alias", "code-name"}, Brief: []string{"status", "code-name"}, Properties: []Property{
		prop("name", TypeName, many, identifies, ftm("name")), prop("alias", TypeName, many, identifies, ftm("alias")), prop("code-name", TypeName, many, ftm("weakAlias")),
		prop("birth-date", TypeDate, identifies, ftm("birthDate")), term("sex", "sex", ftm("gender")), term("status", "person-status", many),
		prop("nationality", TypeName, many, identifies, ftm("nationality")), prop("note", TypeText, many, ftm("notes")),
	}},
	{Kind: Agency, Prefix: "O", FtM: "PublicBody", Title: []string{"name", "alias"}, Brief: []string{"type", "parent"}, Properties: []Property{
		prop("name", TypeName, many, ftm("name")), prop("alias", TypeName, many, ftm("alias")), ref("parent", to(Agency), ftm("parent")), term("type", "agency", ftm("classification")),
		prop("country", TypeName, ftm("country")), prop("note", TypeText, many, ftm("notes")),
	}},
	{Kind: Facility, Prefix: "F", FtM: "Organization", Title: []string{"name", "alias"}, Brief: []string{"type", "region", "agency", "location"}, Properties: []Property{
		prop("name", TypeName, many, ftm("name")), prop("alias", TypeName, many, ftm("alias")), ref("agency", to(Agency), ftm("parent")), term("type", "place-kind", ftm("classification")),
		ref("location", to(Location), ftm("addressEntity")), prop("region", TypeName), prop("country", TypeName, ftm("country")),
		prop("opened", TypeDate, ftm("incorporationDate")), prop("closed", TypeDate, ftm("dissolutionDate")), prop("note", TypeText, many, ftm("notes")),
	}},
	{Kind: Room, Prefix: "M", FtM: "Address", Title: []string{"name", "description"}, Required: []string{"facility"}, Brief: []string{"facility"}, Properties: []Property{
		ref("facility", to(Facility)), prop("name", TypeName, ftm("name")), prop("description", TypeText, ftm("summary")), prop("note", TypeText, many, ftm("notes")),
	}},
	{Kind: Camera, Prefix: "C", FtM: "Asset", Title: []string{"label", "description"}, Required: []string{"facility"}, Brief: []string{"facility", "room"}, Properties: []Property{
		ref("facility", to(Facility)), ref("room", to(Room)), prop("label", TypeName, many, ftm("name")), prop("description", TypeText, ftm("summary")),
		prop("clock-offset", TypeDuration), prop("note", TypeText, many, ftm("notes")),
	}},
	{Kind: Posting, Prefix: "T", FtM: "Employment", Relation: true, Title: []string{"position", "rank"}, Required: []string{"person"}, Brief: []string{"person", "facility", "agency", "from", "to"}, Properties: []Property{
		ref("person", to(Person), ftm("employee")), ref("agency", to(Agency), ftm("employer")), ref("facility", to(Facility), ftm("employer")),
		prop("position", TypeName, ftm("role")), prop("rank", TypeName, ftm("summary")), prop("from", TypeDate, ftm("startDate")), prop("to", TypeDate, ftm("endDate")),
		prop("note", TypeText, many),
	}},
	{Kind: Location, Prefix: "L", FtM: "Address", Title: []string{"name", "region", "geo"}, Brief: []string{"region", "country", "precision"}, Properties: []Property{
		prop("geo", TypeGeo), term("precision", "precision"), prop("name", TypeName, many, ftm("full")), prop("country", TypeName, ftm("country")),
		prop("region", TypeName, ftm("region")), term("kind", "place-kind"), prop("note", TypeText, many, ftm("notes")),
	}},
	{Kind: Testimony, Prefix: "S", FtM: "Document", Title: []string{"title"}, Brief: []string{"date", "language"}, Properties: []Property{
		prop("title", TypeName, ftm("title")), prop("date", TypeDate, ftm("date")), ref("place", to(Location)), prop("interviewer", TypeCode),
		prop("language", TypeLang, many, ftm("language")), prop("note", TypeText, many, ftm("notes")),
	}},
	{Kind: Document, Prefix: "D", FtM: "Document", Title: []string{"title"}, Brief: []string{"date", "publisher"}, Properties: []Property{
		prop("title", TypeName, ftm("title")), prop("item", TypeItem), prop("date", TypeDate, ftm("date")), prop("publisher", TypeName, ftm("publisher")),
		prop("url", TypeURL, many, ftm("sourceUrl")), prop("note", TypeText, many, ftm("notes")),
	}},
	{Kind: Article, Prefix: "N", FtM: "Article", Title: []string{"title", "outlet"}, Brief: []string{"outlet", "date"}, Properties: []Property{
		prop("title", TypeName, ftm("title")), prop("outlet", TypeName, ftm("publisher")), prop("date", TypeDate, ftm("publishedAt")), prop("url", TypeURL, many, ftm("sourceUrl")),
		prop("lang", TypeLang, ftm("language")), prop("archived-url", TypeURL, many), prop("note", TypeText, many, ftm("notes")),
	}},
	{Kind: Relation, Prefix: "E", FtM: "UnknownLink", Relation: true, Title: []string{"type"}, Required: []string{"from", "to", "type"}, Brief: []string{"from", "to"}, Properties: []Property{
		ref("from", nil, ftm("subject")), ref("to", nil, ftm("object")), term("type", "relation", ftm("role")), prop("from-date", TypeDate, ftm("startDate")),
		prop("to-date", TypeDate, ftm("endDate")), prop("note", TypeText, many, ftm("summary")),
	}},
}

// Kinds gives every kind, in the order in which people meet them.
func Kinds() []Kind { return slices.Clone(kinds) }

// KindOf gives a kind by name.
func KindOf(kind archive.EntityKind) (Kind, bool) {
	for _, k := range kinds {
		if k.Kind == kind {
			return k, true
		}
	}
	return Kind{}, false
}
