package derive

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"zapis/internal/archive"
	"zapis/internal/media"
	"zapis/internal/store"
	"zapis/internal/vault"
)

// pass is one kind of work on an item.
type pass struct {
	name    string
	recipes []media.Recipe // of everything it may make, the current versions
	proof   media.Recipe   // of the technical derivative that each completed pass leaves
	kind    string         // of that derivative where it is not a technical one
	beside  bool           // says nothing about the item: neither its facts nor its state change, and failing leaves them as they are
	make    func(s *Service, ctx context.Context, a *attempt, t *task) (*made, error)
}

var (
	quickPass = pass{
		name:    "quick",
		recipes: []media.Recipe{media.RecipeProbe, media.RecipeStill, media.RecipeStoryboard, media.RecipePage},
		proof:   media.RecipeProbe,
		make:    (*Service).makeQuick,
	}
	fullPass = pass{
		name:    "full",
		recipes: []media.Recipe{media.RecipeProxy, media.RecipeLanes, media.RecipeAudioProxy},
		proof:   media.RecipeLanes,
		make:    (*Service).makeFull,
	}
)

// owns says whether a derivative is of this pass, in whatever version.
func (p pass) owns(d archive.Derivative) bool {
	return slices.ContainsFunc(p.recipes, func(r media.Recipe) bool { return r.Name == d.Recipe })
}

// complete says whether a pass with the current recipes has been over the item. A pass leaves its technical derivative
// together with everything else, so that one stands for all; a derivative of an older version asks for the pass again.
func (p pass) complete(standing []archive.Derivative) bool {
	done := false
	for _, d := range standing {
		if !p.owns(d) {
			continue
		}
		if !slices.Contains(p.recipes, media.Recipe{Name: d.Recipe, Version: d.RecipeVersion}) {
			return false
		}
		done = done || d.Kind == cmp.Or(p.kind, archive.DerivativeTechnical) && d.Recipe == p.proof.Name
	}
	return done
}

// made is what a pass came to, sealed in the task's batch but not committed.
type made struct {
	derivatives []archive.Derivative
	report      []byte // digest of the decode report, for the events
	facts       func(store.Facts) store.Facts
	state       archive.ItemState // where the item is to be
	reason      string
	full        bool // the full pass has something to do
	frames      bool // there are frames to be listed
	written     bool // there may be writing to be read
	heard       bool // there is sound in which something may be said
	// after is done at the end of the transaction, when the custody record holds the events.
	after func(ctx context.Context, tx *store.Tx) error
}

// seal seals one derivative into the task's batch.
func (s *Service) seal(ctx context.Context, t *task, m *made, d archive.Derivative, r media.Recipe, tool media.Tool, body io.Reader) error {
	o, err := t.batch.Add(ctx, body, vault.AddOptions{})
	if err != nil {
		return fmt.Errorf("seal %s: %w", d.Kind, err)
	}
	s.note(t, m, d, r, tool, o)
	return nil
}

// note adds a sealed object to what was made.
func (s *Service) note(t *task, m *made, d archive.Derivative, r media.Recipe, tool media.Tool, o vault.Object) {
	d.ID, d.Item = s.o.NewID(archive.PrefixDerivative), t.item.ID
	d.Recipe, d.RecipeVersion, d.Tool, d.ToolVersion = r.Name, r.Version, tool.Name, tool.Version
	d.Object = archive.ObjectRef{Object: o.ID, Envelope: t.batch.Envelope()}
	d.Size, d.SHA256 = o.Size, bytes.Clone(o.SHA256[:])
	d.CreatedAt = s.o.Now().UTC()
	m.derivatives = append(m.derivatives, d)
}

// seen is what was found out about an item before the pass proper.
type seen struct {
	probe     media.Probe
	anomalies []media.Anomaly
}

// look probes the item. An unknown kind is not an error here.
func (s *Service) look(ctx context.Context, t *task) (seen, error) {
	p, err := s.o.Media.Probe(ctx, t.source)
	if err != nil {
		return seen{}, fmt.Errorf("probe: %w", err)
	}
	v := seen{probe: p, anomalies: slices.Clone(p.Anomalies)}
	if ext, ok := t.extension(); ok {
		if a, odd := p.ExtensionAnomaly(ext); odd {
			v.anomalies = append(v.anomalies, a)
		}
	}
	return v, nil
}

// extension gives that of the first name under which the bytes were found.
func (t *task) extension() (string, bool) {
	if len(t.origin) == 0 {
		return "", false
	}
	return t.origin[0].Extension, true
}

// makeQuick makes everything of a picture or a paper, and of footage what key frames give.
func (s *Service) makeQuick(ctx context.Context, a *attempt, t *task) (*made, error) {
	v, err := s.look(ctx, t)
	if err != nil {
		return nil, err
	}
	s.progress(ctx, a, 0.1)
	m := &made{state: archive.ItemBrowsable}
	doc := technical{Probe: v.probe}
	var micro []byte
	var failure error
	switch reason := v.probe.Reason; {
	case reason != "":
		m.state, m.reason = archive.ItemExplained, reason
	case v.probe.Kind == archive.KindVideo:
		m.full = true
		micro, failure = s.quickVideo(ctx, a, t, m, &doc, &v)
	case v.probe.Kind == archive.KindAudio:
		m.full = true // its working copy and its peaks come with the full pass
	case v.probe.Kind == archive.KindImage:
		m.state = archive.ItemReady
		m.written = true
		micro, failure = s.quickImage(ctx, t, m, &doc, &v)
	case v.probe.Kind == archive.KindDocument && v.probe.Format == "pdf":
		m.state = archive.ItemReady
		m.written = true
		micro, failure = s.quickPDF(ctx, a, t, m, &doc, &v)
	default:
		m.state, m.reason = archive.ItemExplained, ReasonNotMedia
	}
	if failure != nil {
		reason := media.Reason(failure)
		if reason == "" || t.source.problem() != nil {
			return nil, failure
		}
		// What the file is could be said, and is kept; what it shows could not. Where only key frames failed, the whole
		// decode may still get through.
		m.state, m.reason, m.written = archive.ItemExplained, reason, false
		m.full = m.full && (reason == ReasonDamaged || reason == ReasonTimedOut)
	}
	doc.Anomalies, doc.Reason = v.anomalies, m.reason
	if err := s.sealTechnical(ctx, t, m, doc, 0, media.RecipeProbe, v.probe.Report.Tool); err != nil {
		return nil, err
	}
	m.facts = func(store.Facts) store.Facts { return facts(t, v, micro) }
	s.progress(ctx, a, 1)
	return m, nil
}

// sealTechnical seals the document that says what was found and how, and keeps its digest for the events.
func (s *Service) sealTechnical(ctx context.Context, t *task, m *made, doc technical, ordinal int, r media.Recipe, tool media.Tool) error {
	doc.Item, doc.ItemSHA256 = t.item.ID, hexText(t.item.SHA256)
	body, err := doc.encode()
	if err != nil {
		return err
	}
	if tool.Name == "" {
		tool = media.Tool{Name: "zapis", Version: "sniff"}
	}
	d := archive.Derivative{Kind: archive.DerivativeTechnical, Ordinal: ordinal, MediaType: "application/json", Meta: []byte("{}")}
	if err := s.seal(ctx, t, m, d, r, tool, bytes.NewReader(body)); err != nil {
		return err
	}
	m.report = m.derivatives[len(m.derivatives)-1].SHA256
	return nil
}

func (s *Service) sealStill(ctx context.Context, t *task, m *made, kind string, ordinal int, r media.Recipe, tool media.Tool, st media.Still) error {
	d := archive.Derivative{Kind: kind, Ordinal: ordinal, MediaType: "image/jpeg", Meta: meta(st)}
	return s.seal(ctx, t, m, d, r, tool, bytes.NewReader(st.JPEG))
}

func (s *Service) quickVideo(ctx context.Context, a *attempt, t *task, m *made, doc *technical, v *seen) ([]byte, error) {
	q, err := s.o.Media.Quick(ctx, t.source, v.probe, media.QuickOptions{Beat: func(part float64) { s.progress(ctx, a, 0.1+0.8*part) }})
	if err != nil {
		return nil, err
	}
	if t.source.problem() != nil {
		return nil, errUnread
	}
	v.anomalies = append(v.anomalies, q.Anomalies...)
	doc.Report = &q.Report
	for i, st := range q.Stills {
		if err := s.sealStill(ctx, t, m, archive.DerivativeStill, i, media.RecipeStill, q.Report.Tool, st); err != nil {
			return nil, err
		}
	}
	if len(q.Storyboard.JPEG) > 0 {
		d := archive.Derivative{Kind: archive.DerivativeStoryboard, MediaType: "image/jpeg", Meta: meta(q.Storyboard)}
		if err := s.seal(ctx, t, m, d, media.RecipeStoryboard, q.Report.Tool, bytes.NewReader(q.Storyboard.JPEG)); err != nil {
			return nil, err
		}
	}
	return q.Micro, nil
}

func (s *Service) quickImage(ctx context.Context, t *task, m *made, doc *technical, v *seen) ([]byte, error) {
	q, err := s.o.Media.Image(ctx, t.source, v.probe)
	if err != nil {
		return nil, err
	}
	if t.source.problem() != nil {
		return nil, errUnread
	}
	v.anomalies = append(v.anomalies, q.Anomalies...)
	doc.Report = &q.Report
	return q.Micro, s.sealStill(ctx, t, m, archive.DerivativeStill, 0, media.RecipeStill, q.Report.Tool, q.Still)
}

func (s *Service) quickPDF(ctx context.Context, a *attempt, t *task, m *made, doc *technical, v *seen) ([]byte, error) {
	q, err := s.o.Media.PDF(ctx, t.source, v.probe)
	if err != nil {
		return nil, err
	}
	if t.source.problem() != nil {
		return nil, errUnread
	}
	v.anomalies = append(v.anomalies, q.Anomalies...)
	doc.Report, doc.Pages = &q.Report, q.Pages
	for i, st := range q.Stills {
		if err := s.sealStill(ctx, t, m, archive.DerivativePage, i, media.RecipePage, q.Report.Tool, st); err != nil {
			return nil, err
		}
		s.progress(ctx, a, 0.1+0.8*float64(i+1)/float64(len(q.Stills)))
	}
	return q.Micro, nil
}

// makeFull decodes the whole file once.
func (s *Service) makeFull(ctx context.Context, a *attempt, t *task) (*made, error) {
	v, err := s.look(ctx, t)
	if err != nil {
		return nil, err
	}
	m := &made{state: archive.ItemReady}
	if v.probe.Reason != "" {
		return nil, reasonError(v.probe.Reason)
	}
	beat := func(at float64) {
		if v.probe.Duration > 0 {
			s.progress(ctx, a, at/v.probe.Duration)
		}
	}
	doc := technical{}
	var lanes media.Lanes
	var proxy media.Proxy
	var tool media.Tool
	recipe := media.RecipeProxy
	kind := archive.Derivative{Kind: archive.DerivativeProxy}
	var sealed vault.Object
	switch v.probe.Kind {
	case archive.KindVideo:
		var full media.Full
		sealed, err = s.sealStream(ctx, t, func(w io.Writer) (err error) {
			full, err = s.o.Media.Full(ctx, t.source, v.probe, media.FullOptions{Proxy: w, Beat: beat})
			return err
		})
		m.frames = true
		proxy, lanes, tool = full.Proxy, full.Lanes, full.Report.Tool
		v.anomalies = append(v.anomalies, full.Anomalies...)
		doc.Report, doc.Timing = &full.Report, newTiming(full.Timing)
		kind.Meta = meta(proxyMeta{Width: proxy.Width, Height: proxy.Height, RateNum: proxy.RateNum, RateDen: proxy.RateDen, Frames: proxy.Frames,
			Duration: proxy.Duration, Audio: proxy.Audio, SourceFrames: full.Timing.Frames})
	case archive.KindAudio:
		recipe = media.RecipeAudioProxy
		var audio media.Audio
		sealed, err = s.sealStream(ctx, t, func(w io.Writer) (err error) {
			audio, err = s.o.Media.Audio(ctx, t.source, v.probe, media.AudioOptions{Proxy: w, Beat: beat})
			return err
		})
		proxy, lanes, tool = audio.Proxy, audio.Lanes, audio.Report.Tool
		v.anomalies = append(v.anomalies, audio.Anomalies...)
		doc.Report = &audio.Report
		kind.Meta = meta(proxyMeta{Duration: proxy.Duration, Audio: true})
	default:
		return nil, media.ErrNotMedia // a full pass is never asked for of these
	}
	if err != nil {
		return nil, err
	}
	if t.source.problem() != nil {
		return nil, errUnread
	}
	if sealed.Size == 0 || proxy.Size > 0 && proxy.Size != sealed.Size {
		return nil, fmt.Errorf("proxy of %d bytes where the report says %d: %w", sealed.Size, proxy.Size, media.ErrNoReport)
	}
	kind.MediaType = proxy.MediaType
	s.note(t, m, kind, recipe, tool, sealed)

	body, err := encodeLanes(lanes)
	if err != nil {
		return nil, err
	}
	d := archive.Derivative{Kind: archive.DerivativeLanes, MediaType: "application/json", Meta: meta(lanesMeta{Seconds: lanes.Seconds, PeaksPerSecond: lanes.PeaksPerSecond})}
	if err := s.seal(ctx, t, m, d, media.RecipeLanes, tool, bytes.NewReader(body)); err != nil {
		return nil, err
	}
	m.heard = proxy.Audio || v.probe.Kind == archive.KindAudio
	doc.Anomalies = v.anomalies
	if err := s.sealTechnical(ctx, t, m, doc, 1, media.RecipeLanes, tool); err != nil {
		return nil, err
	}
	m.facts = func(f store.Facts) store.Facts {
		f.Anomalies = max(f.Anomalies, countAnomalies(v.anomalies))
		if f.Duration == 0 && proxy.Duration > 0 {
			f.Duration = inSeconds(proxy.Duration)
		}
		if f.Kind == "" || f.Kind == archive.KindUnknown {
			f.Kind = v.probe.Kind
		}
		return f
	}
	return m, nil
}

// sealStream seals what produce writes, while it is written. If produce gives an error the object is dropped: a proxy
// that was not finished does not exist.
func (s *Service) sealStream(ctx context.Context, t *task, produce func(io.Writer) error) (vault.Object, error) {
	r, w := io.Pipe()
	type result struct {
		o   vault.Object
		err error
	}
	done := make(chan result, 1)
	go func() {
		o, err := t.batch.Add(ctx, r, vault.AddOptions{})
		// If sealing failed the program must hear of it, or it would wait for ever.
		_ = r.CloseWithError(sealFailure(err))
		done <- result{o, err}
	}()
	err := produce(w)
	_ = w.CloseWithError(err) // nil is the end of the stream
	res := <-done
	switch {
	case err == nil && res.err == nil:
		return res.o, nil
	case res.err != nil && !sourceFailed(res.err):
		return vault.Object{}, fmt.Errorf("seal proxy: %w", res.err)
	case res.err == nil:
		t.batch.Drop(res.o.ID) // produce failed after its last byte
	}
	return vault.Object{}, err
}

// meta writes a small document for the catalogue.
func meta(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("derive: %v", err)) // numbers and texts of our own only
	}
	return b
}
