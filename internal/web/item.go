package web

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"zapis/internal/archive"
	"zapis/internal/reading"
	"zapis/internal/web/template"
)

func accessionLink(a archive.Accession) template.AccessionLink {
	return template.AccessionLink{ID: a.ID, Ref: accessionRef(a.Number), Title: a.Title}
}

func accessionRef(n int64) string { return "Z" + strconv.FormatInt(n, 10) }

// itemPage serves GET /items/{item}.
func (s *Server) itemPage(w http.ResponseWriter, r *request) error {
	return s.drawItem(w, r, http.StatusOK, nil)
}

// drawItem draws the page of an item. typed, if given, is a judgement of how hard it is to watch that was not taken.
func (s *Server) drawItem(w http.ResponseWriter, r *request, status int, typed *template.GradeForm) error {
	p, err := s.o.Reading.Item(r.Context(), r.reader, r.PathValue("item"))
	if err != nil {
		return err
	}
	v := template.Item{
		ID: p.ID, Ref: p.Reference(), Kind: string(p.Kind), State: string(p.State), Reason: p.Reason, Accession: accessionLink(p.Held),
		RecordedAt: p.RecordedAt, RecordedSource: p.RecordedSource, ReceivedAt: p.ReceivedAt, Day: p.SortTime().UTC().Format(time.DateOnly),
		Duration: p.Duration, Size: p.Size, Width: p.Width, Height: p.Height, FrameRate: p.FrameRate, Format: p.Format, Codec: p.Codec, Camera: p.Camera,
		Difficulty: p.Difficulty, SHA256: hex.EncodeToString(p.SHA256), Micro: p.Micro, ChainMore: p.ChainMore, Visit: p.Visit,
		Derivatives: derivatives(p.Derivatives),
	}
	wit, err := s.witnesses(r.Context())
	if err != nil {
		return err
	}
	v.Chain = foldSteps(p.Chain, wit)
	v.Seal = sealView(p.Seal)
	if v.Erase, err = s.eraseForm(r, p.Item.Item); err != nil {
		return err
	}
	v.Redact = s.mayRedact(r, p.Item.Item)
	if v.Grade = s.gradeForm(r, p.Item.Item); v.Grade != nil && typed != nil {
		v.Grade.Chosen, v.Grade.Reason, v.Grade.Error = typed.Chosen, typed.Reason, typed.Error
	}
	if v.Clock, err = s.clockPanel(r, p.Item.Item); err != nil {
		return err
	}
	if v.Claims, err = s.claimsOn(r, p.Item.Item); err != nil {
		return err
	}
	if v.Words, err = s.wordsPanel(r, p.Item.Item); err != nil {
		return err
	}
	if v.Same, err = s.copyPanel(r, p.Item.Item); err != nil {
		return err
	}
	for _, a := range p.Anomalies {
		v.Anomalies = append(v.Anomalies, template.Anomaly(a))
	}
	for _, c := range p.Copies {
		one := template.Copy{Accession: accessionLink(c.Accession), Seq: c.Seq, Outcome: string(c.Outcome), FoundAt: c.FoundAt}
		if o := c.Origin; o != nil {
			one.Name, one.Owner = o.Name, o.Owner
			if o.ModifiedAt != 0 {
				one.ModifiedAt = time.UnixMicro(o.ModifiedAt).UTC()
			}
		}
		v.Copies = append(v.Copies, one)
	}
	s.draw(w, r, status, "item", "archive", v)
	return nil
}

func derivatives(all []archive.Derivative) []template.Derivative {
	out := make([]template.Derivative, 0, len(all))
	for _, d := range all {
		out = append(out, template.Derivative{
			ID: d.ID, Kind: d.Kind, Ordinal: d.Ordinal, Recipe: d.Recipe, Version: d.RecipeVersion, Tool: d.Tool, ToolVersion: d.ToolVersion, Size: d.Size,
			SHA256: hex.EncodeToString(d.SHA256), MediaType: d.MediaType, Meta: metaJSON(d.Meta), CreatedAt: d.CreatedAt,
		})
	}
	return out
}

// metaJSON gives the small facts of a derivative, or an empty object when they are not JSON.
func metaJSON(b []byte) json.RawMessage {
	if len(b) == 0 || !json.Valid(b) {
		return json.RawMessage(`{}`)
	}
	return json.RawMessage(b)
}

func step(e reading.Entry, wit witnesses) template.Step {
	name := e.Name
	if name == "" {
		name = e.Agent
	}
	return template.Step{
		Type: e.Type, Outcome: string(e.Outcome), At: e.Time, Count: 1, Agent: name, Tool: e.Tool, Index: e.Index, Checked: e.Proved, Checkpoint: e.Checkpoint, Event: e.ID,
		Reach: reachView(e, wit),
	}
}

// foldSteps folds runs of the same act by the same agent with the same outcome. What is not proved is never folded away.
func foldSteps(entries []reading.Entry, wit witnesses) []template.Step {
	var out []template.Step
	for _, e := range entries {
		one := step(e, wit)
		if n := len(out); n > 0 && out[n-1].Type == one.Type && out[n-1].Outcome == one.Outcome && out[n-1].Agent == one.Agent && out[n-1].Tool == one.Tool && out[n-1].Checked && one.Checked && !out[n-1].Reach.Broken && !one.Reach.Broken {
			last := &out[n-1]
			last.Count++
			last.Until = one.At
			last.Reach = one.Reach // the record only grows: the last act has got the least far
			if one.Checkpoint == 0 || last.Checkpoint == 0 {
				last.Checkpoint = 0 // a run is covered when all of it is
			} else {
				last.Checkpoint = max(last.Checkpoint, one.Checkpoint)
			}
			continue
		}
		out = append(out, one)
	}
	return out
}

// custodyLength is how many acts a page of them has.
const custodyLength = 100

// custodyPage serves GET /items/{item}/custody?before=INDEX.
func (s *Server) custodyPage(w http.ResponseWriter, r *request) error {
	before := int64(-1)
	if q := r.URL.Query().Get("before"); q != "" {
		n, err := strconv.ParseInt(q, 10, 64)
		if err != nil || n < 0 {
			return archive.ErrNotFound
		}
		before = n
	}
	it, entries, older, err := s.o.Reading.Custody(r.Context(), r.reader, r.PathValue("item"), before, custodyLength)
	if err != nil {
		return err
	}
	wit, err := s.witnesses(r.Context())
	if err != nil {
		return err
	}
	v := template.Custody{Item: it.ID, Ref: it.Reference()}
	for i := len(entries) - 1; i >= 0; i-- {
		v.Steps = append(v.Steps, step(entries[i], wit))
	}
	if older > 0 && len(entries) > 0 {
		v.Older = fmt.Sprintf("/items/%s/custody?before=%d", it.ID, entries[0].Index)
	}
	return s.page(w, r, "custody", "archive", v)
}
