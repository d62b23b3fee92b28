package web

import "zapis/internal/policy"

// noteRoutes are notes on the timeline of an item.
func (s *Server) noteRoutes() []route {
	return []route{
		{"GET", "/api/items/{item}/frames", policy.Look, kindAPI, "when each frame of the original is shown, in the form of docs/design/notes.md", s.itemFrames},
		{"GET", "/api/items/{item}/notes", policy.ViewItem, kindAPI, "notes on one item, tags, and how one marks", s.itemNotes},
		{"POST", "/api/items/{item}/notes", policy.Annotate, kindAPI, "make a note; the same key makes the same note", s.noteAdd},
		{"GET", "/api/notes/{note}/versions", policy.ViewItem, kindAPI, "every version of a note", s.noteVersions},
		{"POST", "/api/notes/{note}", policy.Annotate, kindAPI, "put another version of a note in place of one; its author only", s.noteChange},
		{"POST", "/api/notes/{note}/delete", policy.Annotate, kindAPI, "delete a note, which can be undone; its author only", s.noteDelete},
		{"POST", "/api/notes/{note}/restore", policy.Annotate, kindAPI, "bring a deleted note back; its author only", s.noteRestore},
		{"POST", "/api/me/marking", policy.ManageSelf, kindAPI, "set how long after seeing something one presses the key", s.noteReaction},
		{"GET", "/items/{item}/notes/{format}", policy.Export, kindData, "notes on one item as vtt, jsonld or json; recorded as an export", s.noteExport},
	}
}
