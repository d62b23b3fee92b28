package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"zapis/internal/archive"
)

// Catalogue says what the demonstration put into the catalogue and how to look at it.
type Catalogue struct {
	Entities int      `json:"entities"`
	Claims   int      `json:"claims"`
	Try      []string `json:"try"` // commands

	claim string // that a release may rest on: nothing but the footage stands behind it
}

// catalogueName is the file that the catalogue of the demonstration is taken in from; it stays, so that people can read it.
const catalogueName = "catalogue.ftm.jsonl"

// What every claim of the demonstration is marked with.
const (
	public    = "Demo. A public fact of 2021, as it was published; Zapis did not check it."
	synthetic = "Demo. Made up, like the footage; it stands for nobody and nothing real."
)

// The worked example. Half of it are public facts about a case of 2021 with their sources and nobody's name; the other half is an incident
// that is made up, and rests on seconds of the synthetic footage.
type example struct {
	now      time.Time
	entities []*thing
	codes    map[string]int
	claim    string // of the made-up incident, which rests on footage alone
}

// thing is an entity as a line of FollowTheMoney with what Zapis adds to it.
type thing struct {
	ID         string              `json:"id"`
	Schema     string              `json:"schema"`
	Properties map[string][]string `json:"properties"`
	Zapis      struct {
		Version         int       `json:"version"`
		Kind            string    `json:"kind"`
		Code            string    `json:"code"`
		Compartment     string    `json:"compartment,omitempty"`
		CompartmentName string    `json:"compartmentName,omitempty"`
		Protected       bool      `json:"protected,omitempty"`
		At              string    `json:"at"`
		Claims          []said    `json:"claims,omitempty"`
		Findings        []found   `json:"findings,omitempty"`
		Passages        []passage `json:"passages,omitempty"`
		Consents        []consent `json:"consents,omitempty"`
	} `json:"zapis"`

	e *example
}

type said struct {
	ID        string            `json:"id"`
	Property  string            `json:"property"`
	Value     string            `json:"value"`
	Lang      string            `json:"lang,omitempty"`
	Certainty archive.Certainty `json:"certainty"`
	Note      string            `json:"note,omitempty"`
	At        string            `json:"at"`
	Origin    string            `json:"origin"`
	Sources   []rest            `json:"sources,omitempty"`
}

// rest is what a claim rests on.
type rest struct {
	Kind    string `json:"kind"`
	Item    string `json:"item,omitempty"`
	From    string `json:"from,omitempty"`
	To      string `json:"to,omitempty"`
	Passage string `json:"passage,omitempty"`
	Entity  string `json:"entity,omitempty"`
}

type found struct {
	ID       string `json:"id"`
	Property string `json:"property"`
	Claim    string `json:"claim,omitempty"`
	Reason   string `json:"reason"`
	At       string `json:"at"`
	Dissent  bool   `json:"dissent,omitempty"`
}

type passage struct {
	ID      string `json:"id"`
	Ordinal int    `json:"ordinal"`
	Heading string `json:"heading"`
	Text    string `json:"text"`
	Lang    string `json:"lang"`
	At      string `json:"at"`
}

type consent struct {
	ID       string `json:"id"`
	Purpose  string `json:"purpose"`
	Audience string `json:"audience"`
	How      string `json:"how"`
	Note     string `json:"note"`
	Given    string `json:"given"`
}

func (e *example) at() string { return archive.FormatTime(e.now) }

// add makes an entity; its code is the next one of its kind.
func (e *example) add(kind, prefix, schema string) *thing {
	t := &thing{ID: archive.NewID(archive.PrefixEntity), Schema: schema, Properties: map[string][]string{}, e: e}
	e.codes[prefix]++
	t.Zapis.Version, t.Zapis.Kind, t.Zapis.At = 1, kind, e.at()
	t.Zapis.Code = fmt.Sprintf("%s-%04d", prefix, e.codes[prefix])
	e.entities = append(e.entities, t)
	return t
}

// say adds a claim and gives its identifier.
func (t *thing) say(property, value, note string, c archive.Certainty, on ...rest) string {
	id := archive.NewID(archive.PrefixClaim)
	s := said{ID: id, Property: property, Value: value, Certainty: c, Note: note, At: t.e.at(), Origin: "person", Sources: on}
	t.Zapis.Claims = append(t.Zapis.Claims, s)
	return id
}

// words says the same in several languages.
func (t *thing) words(property, note string, c archive.Certainty, on []rest, byLanguage ...[2]string) {
	for _, w := range byLanguage {
		t.say(property, w[1], note, c, on...)
		t.Zapis.Claims[len(t.Zapis.Claims)-1].Lang = w[0]
	}
}

func (t *thing) find(property, claim, reason string, dissent bool) {
	t.Zapis.Findings = append(t.Zapis.Findings, found{archive.NewID(archive.PrefixFinding), property, claim, reason, t.e.at(), dissent})
}

func of(entity *thing) rest { return rest{Kind: archive.SourceArticle, Entity: entity.ID} }

// span is a stretch of a recording, in seconds.
type span struct {
	item     string
	from, to float64
}

func (s span) rest() rest {
	f := func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
	return rest{Kind: archive.SourceItem, Item: s.item, From: f(s.from), To: f(s.to)}
}

// public adds the case that Zapis was made for: what was announced, where, and what followed.
func (e *example) public() {
	article := func(title, outlet, date string) *thing {
		a := e.add("article", "N", "Article")
		a.say("title", title, public, archive.Established)
		a.say("outlet", outlet, public, archive.Established)
		a.say("date", date, public, archive.Established)
		return a
	}
	announced := article("Announcement of a video archive handed over by a former inmate", "Gulagu.net", "2021-10")
	december := article("More recordings, “less than one percent of what we have”", "Gulagu.net", "2021-12-20")
	digest := article("Weekly digests of what followed", "Press watchers", "2021")

	service := e.add("agency", "O", "PublicBody")
	service.words("name", public, archive.Established, []rest{of(announced)}, [2]string{"en", "Federal Penitentiary Service"}, [2]string{"ru", "Федеральная служба исполнения наказаний"},
		[2]string{"uk", "Федеральна служба виконання покарань"})
	service.say("alias", "ФСИН", public, archive.Established, of(announced))
	service.say("country", "Russia", public, archive.Established)

	region := func(geo string, names ...[2]string) *thing {
		l := e.add("location", "L", "Address")
		l.words("name", public, archive.Established, nil, names...)
		l.say("geo", geo, "Demo. The middle of the region, not a place of anything.", archive.Established)
		l.say("precision", "precision:region", public, archive.Established)
		return l
	}
	saratov := region("51.53,46.03", [2]string{"en", "Saratov region"}, [2]string{"ru", "Саратовская область"}, [2]string{"uk", "Саратовська область"})
	later := []*thing{
		region("58.0,93.0", [2]string{"en", "Krasnoyarsk region"}, [2]string{"ru", "Красноярский край"}, [2]string{"uk", "Красноярський край"}),
		region("52.05,113.5", [2]string{"en", "Zabaykalsky region"}, [2]string{"ru", "Забайкальский край"}, [2]string{"uk", "Забайкальський край"}),
		region("45.0,134.5", [2]string{"en", "Primorye"}, [2]string{"ru", "Приморский край"}, [2]string{"uk", "Приморський край"}),
	}
	hospital := e.add("facility", "F", "Organization")
	hospital.words("name", public, archive.Established, []rest{of(announced)}, [2]string{"en", "Tuberculosis Hospital No. 1"}, [2]string{"ru", "Туберкулёзная больница № 1"},
		[2]string{"uk", "Туберкульозна лікарня № 1"})
	hospital.say("agency", service.ID, public, archive.Established, of(announced))
	hospital.say("location", saratov.ID, public, archive.Established, of(announced))
	hospital.say("country", "Russia", public, archive.Established)

	i := e.add("incident", "I", "Event")
	i.words("title", public, archive.Probable, []rest{of(announced)}, [2]string{"en", "Demo: torture in a prison hospital, as published in October 2021"})
	i.say("summary", "A former inmate, an IT engineer, handed over some 40 GB of video from the archive of the prison service. Three clips were published in October. "+
		"None of that footage is in this demonstration.", public, archive.Probable, of(announced))
	i.say("facility", hospital.ID, public, archive.Probable, of(announced))
	i.say("place", saratov.ID, public, archive.Probable, of(announced))
	i.say("date", "../2021-10", "Demo. The recordings are older than their publication; the days are not given here.", archive.Probable, of(announced))
	torture := e.add("act", "A", "Event")
	torture.say("incident", i.ID, public, archive.Probable, of(announced))
	torture.say("type", "act:02011111", public, archive.Probable, of(announced))
	torture.say("place", hospital.ID, public, archive.Probable, of(announced))
	outcome := func(term, text, date string, from *thing) {
		u := e.add("outcome", "U", "Event")
		u.say("act", torture.ID, public, archive.Probable, of(from))
		u.say("type", "outcome:"+term, public, archive.Probable, of(from))
		u.words("description", public, archive.Probable, []rest{of(from)}, [2]string{"en", text})
		if date != "" {
			u.say("date", date, public, archive.Probable, of(from))
		}
	}
	outcome("dismissed", "The leadership of the hospital and 18 employees dismissed.", "2021", digest)
	outcome("case", "Several criminal cases.", "2021", digest)
	outcome("dismissed", "The head of the service replaced.", "2021", digest)
	outcome("other", "A bill that would punish torture by officials with up to twelve years.", "2021", digest)
	outcome("fled", "The person who handed the archive over fled and asked for asylum.", "2021", announced)

	j := e.add("incident", "I", "Event")
	j.words("title", public, archive.Probable, []rest{of(december)}, [2]string{"en", "Demo: further recordings, from three regions, published in December 2021"})
	j.say("summary", "Another 200 GB; worded by the publishers as less than one percent of what they hold.", public, archive.Probable, of(december))
	j.say("date", "../2021-12-20", public, archive.Probable, of(december))
	for _, l := range later {
		j.say("place", l.ID, public, archive.Probable, of(december))
	}
}

// synthetic adds an incident that is made up, on seconds of the demonstration's own footage.
func (e *example) synthetic(corridor, yard span) {
	s := func(t *thing, property, value string, c archive.Certainty, on ...rest) string {
		return t.say(property, value, synthetic, c, on...)
	}
	facility := e.add("facility", "F", "Organization")
	facility.words("name", synthetic, archive.Established, nil, [2]string{"en", "Demo facility (made up)"}, [2]string{"ru", "Демонстрационное учреждение (вымышленное)"},
		[2]string{"uk", "Демонстраційна установа (вигадана)"})
	room := e.add("room", "M", "Address")
	s(room, "facility", facility.ID, archive.Established)
	s(room, "name", "Corridor B", archive.Established)
	for n, in := range []*thing{room, nil} {
		c := e.add("camera", "C", "Thing")
		s(c, "facility", facility.ID, archive.Established)
		s(c, "label", fmt.Sprintf("Z1 dvr1 ch%02d", n+1), archive.Established)
		if in != nil {
			s(c, "room", in.ID, archive.Established)
		}
	}
	person := func(name, status string, protected bool) *thing {
		p := e.add("person", "P", "Person")
		p.Zapis.Protected = protected
		s(p, "code-name", name, archive.Established)
		s(p, "status", "person-status:"+status, archive.Probable)
		return p
	}
	victim := person("person by the wall", "held", true)
	guard := person("the one with the keys", "official", false)
	chief := person("the one who speaks into the radio", "official", false)

	posting := e.add("posting", "T", "Employment")
	s(posting, "person", chief.ID, archive.Probable)
	s(posting, "facility", facility.ID, archive.Probable)
	s(posting, "position", "shift leader", archive.Probable)
	s(posting, "from", "2019~", archive.Probable)

	testimony := e.add("testimony", "S", "Document")
	s(testimony, "title", "Demo testimony (made up)", archive.Established)
	s(testimony, "date", "2021-11", archive.Established)
	s(testimony, "language", "en", archive.Established)
	said := func(n int, heading, text string) rest {
		p := passage{archive.NewID(archive.PrefixPassage), n, heading, text, "en", e.at()}
		testimony.Zapis.Passages = append(testimony.Zapis.Passages, p)
		return rest{Kind: archive.SourcePassage, Entity: testimony.ID, Passage: p.ID}
	}
	standing := said(1, "methods", "They made me stand by the wall until the shift ended. It was the day after the inspection, the thirteenth.")
	radio := said(2, "orders", "The one with the keys did not decide it. He was told over the radio.")
	hospital := said(3, "lasting", "Two days later I was taken to the hospital because of my legs.")
	for _, c := range [][2]string{{"analysis", "team"}, {"court", "court"}} {
		testimony.Zapis.Consents = append(testimony.Zapis.Consents, consent{archive.NewID(archive.PrefixConsent), c[0], c[1], "written", "Demo. Made up.", "2021-11-20T00:00:00.000000Z"})
	}

	i := e.add("incident", "I", "Event")
	s(i, "title", "Demo: made to stand in the corridor (made up)", archive.Probable, corridor.rest())
	s(i, "summary", "A figure stands by the wall while another walks up and down. Made up, to show how an incident is tied to seconds of footage.", archive.Probable, corridor.rest(), standing)
	s(i, "facility", facility.ID, archive.Established, corridor.rest())
	s(i, "place", "location.cannot-be-determined", archive.NotKnown)
	byClock := s(i, "date", "2020-08-12", archive.Probable, corridor.rest())
	byWord := s(i, "date", "2020-08-13", archive.Disputed, standing)
	i.find("date", byClock, "The clock in the picture agrees with the neighbouring recordings.", false)
	i.find("date", byWord, "The recorder may have been a day slow that week; two recordings are not enough.", true)

	act := e.add("act", "A", "Event")
	s(act, "incident", i.ID, archive.Established)
	s(act, "type", "act:360102", archive.Probable, corridor.rest())
	s(act, "method", "method:031103", archive.Probable, corridor.rest(), standing)
	e.claim = s(act, "description", "Forced to stand by the wall.", archive.Probable, corridor.rest())
	s(act, "date", "2020-08-12", archive.Probable, corridor.rest())
	s(act, "place", room.ID, archive.Probable, corridor.rest())
	for _, v := range []struct {
		who          *thing
		role, degree string
		on           rest
	}{
		{victim, "victim", "", corridor.rest()}, {guard, "perpetrator", "0101", corridor.rest()}, {chief, "commander", "0102", radio},
	} {
		in := e.add("involvement", "V", "UnknownLink")
		s(in, "act", act.ID, archive.Probable, v.on)
		s(in, "person", v.who.ID, archive.Probable, v.on)
		s(in, "role", "role:"+v.role, archive.Probable, v.on)
		if v.degree != "" {
			s(in, "degree", "degree:"+v.degree, archive.Probable, v.on)
		}
	}
	order := e.add("order", "R", "UnknownLink")
	s(order, "act", act.ID, archive.Probable, radio)
	s(order, "giver", chief.ID, archive.Probable, radio)
	s(order, "receiver", guard.ID, archive.Probable, radio)
	s(order, "words", "Not to be heard; only that the radio is used.", archive.Probable, yard.rest())
	after := e.add("outcome", "U", "Event")
	s(after, "act", act.ID, archive.Probable, hospital)
	s(after, "person", victim.ID, archive.Probable, hospital)
	s(after, "type", "outcome:hospital", archive.Probable, hospital)
	s(after, "date", "2020-08-14~", archive.Probable, hospital)

	closed := e.add("incident", "I", "Event")
	closed.Zapis.Compartment, closed.Zapis.CompartmentName = archive.NewID(archive.PrefixCompartment), "Demo: closed compartment"
	closed.Zapis.Code = "I-DEMO-0001"
	s(closed, "title", "Demo: only those who were let in can find this (made up)", archive.Probable, yard.rest())
	s(closed, "date", "2020-08", archive.Probable, yard.rest())
}

// catalogue takes the worked example into the archive, by the command that a person would type.
func (d *demo) catalogue(ctx context.Context, accession string, lines []byte) (*Catalogue, error) {
	corridor, yard, err := chooseSpans(accession, lines)
	if err != nil {
		return nil, err
	}
	e := &example{now: d.Now().UTC().Truncate(time.Microsecond), codes: map[string]int{}}
	e.public()
	e.synthetic(corridor, yard)
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	c := &Catalogue{Entities: len(e.entities), claim: e.claim}
	for _, t := range e.entities {
		c.Claims += len(t.Zapis.Claims)
		if err := enc.Encode(t); err != nil {
			return nil, fmt.Errorf("write the catalogue: %w", err)
		}
	}
	file := filepath.Join(d.Dir, catalogueName)
	if err := os.WriteFile(file, out.Bytes(), 0o600); err != nil {
		return nil, fmt.Errorf("write the catalogue: %w", err)
	}
	d.say("# A catalogue to look at: public facts of 2021 without names, and an incident that is made up.")
	if _, err := d.zapis(ctx, "import", "file", file, "--compartments"); err != nil {
		return nil, err
	}
	for _, find := range [][]string{{"search", "find", "больницы"}, {"search", "find", "corridor certainty:probable"}} {
		if _, err := d.zapis(ctx, find...); err != nil {
			return nil, err
		}
	}
	c.Try = []string{"search find 'больницы'", "catalogue show I-0003"}
	return c, nil
}

// chooseSpans takes stretches of the first two recordings of the accession that are long enough.
func chooseSpans(accession string, lines []byte) (a, b span, err error) {
	var spans []span
	for raw := range bytes.Lines(lines) {
		var it struct {
			ID, Accession, Kind, State string
			MS                         int64
		}
		if err := json.Unmarshal(raw, &it); err != nil {
			return a, b, fmt.Errorf("item list: %w", err)
		}
		if it.Accession == accession && it.Kind == "video" && it.State == "ready" && it.MS >= 2000 && len(spans) < 2 {
			length := float64(it.MS) / 1000
			spans = append(spans, span{it.ID, length / 4, length * 3 / 4})
		}
	}
	if len(spans) < 2 {
		return a, b, errors.New("choose recordings for the catalogue: none are long enough")
	}
	return spans[0], spans[1], nil
}
