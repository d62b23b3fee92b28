package web

import (
	"testing"

	"zapis/internal/archive"
	"zapis/internal/copies"
	"zapis/internal/grade"
	"zapis/internal/knowledge"
	"zapis/internal/knowledge/exchange"
	"zapis/internal/machine"
	"zapis/internal/note"
	"zapis/internal/redact"
	"zapis/internal/search"
	"zapis/internal/transcript"
)

// furnished is a site in which every room of the workspace is open, and a compartment of its catalogue.
func furnished(t *testing.T) (*site, *knowledge.Service, archive.Compartment) {
	t.Helper()
	s, room, c := testifying(t)
	s.furnish(t, room)
	return s, room, c
}

// furnish opens the rooms beside the catalogue, over the same archive.
func (s *site) furnish(t *testing.T, room *knowledge.Service) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	find, err := search.New(search.Options{DB: s.w.DB})
	must(err)
	found, err := machine.New(machine.Options{DB: s.w.DB, Custody: s.w.Custody, Now: s.w.Now})
	must(err)
	notes, err := note.New(note.Options{DB: s.w.DB, Vault: s.w.Vault, Custody: s.w.Custody, Jobs: s.w.Jobs, Now: s.w.Now})
	must(err)
	same, err := copies.New(copies.Options{DB: s.w.DB, Vault: s.w.Vault, Sealer: s.w.Sealer, Custody: s.w.Custody, Jobs: s.w.Jobs, Agent: s.w.Program.ID, Now: s.w.Now})
	must(err)
	out, err := exchange.New(exchange.Options{DB: s.w.DB, Custody: s.w.Custody, Knowledge: room, Now: s.w.Now})
	must(err)
	spoken, err := transcript.New(transcript.Options{DB: s.w.DB, Custody: s.w.Custody, Jobs: s.w.Jobs, Now: s.w.Now})
	must(err)
	s.o.Transcript = spoken
	hidden, err := redact.New(redact.Options{DB: s.w.DB, Vault: s.w.Vault, Custody: s.w.Custody, Jobs: s.w.Jobs, Agent: s.w.Program.ID, Now: s.w.Now, Media: func() (redact.Media, error) { return whiteMedia{}, nil }})
	must(err)
	s.o.Plan = hidden
	s.o.Release = s.releases(t)
	s.o.Grade, err = grade.New(grade.Options{DB: s.w.DB, Custody: s.w.Custody})
	must(err)
	s.o.Search, s.o.Machine, s.o.Note, s.o.Copies, s.o.Exchange = find, found, notes, same, out
}
