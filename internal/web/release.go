package web

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"zapis/internal/archive"
	"zapis/internal/catalogue"
	"zapis/internal/knowledge"
	"zapis/internal/policy"
	"zapis/internal/release"
	"zapis/internal/release/bundle"
	"zapis/internal/web/locale"
	"zapis/internal/web/template"
)

// ReleaseRoom is what the release desk asks; *release.Service. It asks policy itself, and every gate again at each step.
type ReleaseRoom interface {
	Create(ctx context.Context, who policy.Subject, d release.Draft) (release.View, error)
	Save(ctx context.Context, who policy.Subject, id string, base int, d release.Draft, note string) (release.Version, error)
	Release(ctx context.Context, who policy.Subject, id string) (release.View, error)
	List(ctx context.Context, who policy.Subject) ([]release.Release, error)
	Checklist(ctx context.Context, who policy.Subject, id string) ([]release.Gate, error)
	Preview(ctx context.Context, who policy.Subject, id string) (bundle.Release, error)
	SignHavingRead(ctx context.Context, who policy.Subject, id string, version, places int) error
	Keep(ctx context.Context, who policy.Subject, id, why string) error
	Publish(ctx context.Context, who policy.Subject, id string) (release.Publication, error)
	Correct(ctx context.Context, who policy.Subject, id string, why release.Words) (release.Version, error)
	Withdraw(ctx context.Context, who policy.Subject, id string, why release.Words) error
}

// maxReleaseForm bounds a form with the text of a release in one language, captions included. Cyrillic takes six bytes a letter on the way.
const maxReleaseForm = 2 << 20

// takesText says whether an address takes the text of a release, which may be longer than other forms.
func takesText(r *http.Request) bool {
	return r.Method == http.MethodPost && strings.HasPrefix(r.URL.Path, "/releases/") && (strings.HasSuffix(r.URL.Path, "/text") || strings.HasSuffix(r.URL.Path, "/captions"))
}

// releaseGates is for how many releases the list asks the gates: they read every byte of the files.
const (
	releaseGates = 12
	gatesShown   = 3
)

// releasesPage serves GET /releases.
func (s *Server) releasesPage(w http.ResponseWriter, r *request) error {
	return s.drawReleases(w, r, http.StatusOK, "", "")
}

func (s *Server) drawReleases(w http.ResponseWriter, r *request, status int, problem, text string) error {
	who := r.reader.Subject
	v := template.Releases{Error: problem, Text: text, MayMake: s.o.Release != nil && policy.Could(who, policy.EditRelease), MayAsk: s.o.Match != nil && policy.Could(who, policy.MatchClip)}
	if problem != "" {
		v.Typed = typed(r, "new")
	}
	groups := []string{"draft", "waiting", "ready", "embargoed", "out", "withdrawn"}
	rows := map[string][]template.ReleaseRow{}
	if s.o.Release != nil {
		list, err := s.o.Release.List(r.Context(), who)
		if err != nil {
			return err
		}
		names, asked := s.namer(r), 0
		for _, x := range list {
			row := template.ReleaseRow{ID: x.ID, Slug: x.Slug, Title: r.said(s, x.Title), Version: x.Head, Changed: x.ChangedAt, Concern: x.Concern, Mine: slices.Contains(x.Authors, who.Agent)}
			if len(x.Authors) > 0 {
				row.By = names(x.Authors[len(x.Authors)-1])
			} else {
				row.By = names(x.CreatedBy)
			}
			group := "draft"
			switch x.State {
			case release.StatePublished:
				group, row.Published = "out", x.PublishedAt
			case release.StateWithdrawn:
				group = "withdrawn"
				if row.Withdrawn, row.Reason, err = s.tombstone(r, x.ID); err != nil {
					return err
				}
			case release.StateScheduled:
				group = "embargoed"
			default:
				if !x.Embargo.IsZero() && x.Embargo.After(s.o.Now()) {
					row.Embargo = x.Embargo
				}
				if x.SignedBy != "" {
					group = "ready"
				}
				if asked++; asked > releaseGates {
					break
				}
				gates, err := s.o.Release.Checklist(r.Context(), who, x.ID)
				if err != nil {
					return err
				}
				if group == "draft" && len(ownGates(gates)) == 0 {
					group = "waiting"
				}
				for _, g := range gates {
					if g.State != release.Blocked && g.State != release.Waiting {
						continue
					}
					if len(row.Blocked) == gatesShown {
						row.More++
						continue
					}
					row.Blocked = append(row.Blocked, template.ReleaseGate{Code: g.Code, State: string(g.State)})
				}
			}
			if group == "embargoed" {
				row.Embargo = x.Embargo
			}
			rows[group] = append(rows[group], row)
			v.Total++
		}
	}
	for _, g := range groups {
		v.Groups = append(v.Groups, template.ReleaseGroup{Code: g, List: rows[g]})
	}
	s.draw(w, r, status, "releases", "releases", v)
	return nil
}

// tombstone says when and why a release was withdrawn.
func (s *Server) tombstone(r *request, id string) (time.Time, string, error) {
	x, err := s.o.Release.Release(r.Context(), r.reader.Subject, id)
	if err != nil {
		return time.Time{}, "", err
	}
	for _, a := range slices.Backward(x.Acts) {
		if a.Act == release.ActWithdrawn {
			return a.At, a.Note, nil
		}
	}
	return time.Time{}, "", nil
}

// namer gives what colleagues call an agent.
func (s *Server) namer(r *request) func(agent string) string {
	known := map[string]string{r.account.ID: r.account.Name}
	return func(agent string) string {
		if agent == "" {
			return ""
		}
		return s.nameOf(r.Context(), known, agent)
	}
}

// said chooses the words in the language of the reader, or in the first one that has any.
func (r *request) said(s *Server, words release.Words) string {
	if t := words[r.language(s)]; t != "" {
		return t
	}
	for _, l := range locale.Languages {
		if t := words[l.Code]; t != "" {
			return t
		}
	}
	for _, lang := range slices.Sorted(maps.Keys(words)) {
		if words[lang] != "" {
			return words[lang]
		}
	}
	return ""
}

// ownGates are the gates that block a signature: what only comes after it, or by itself, does not.
func ownGates(gates []release.Gate) (out []release.Gate) {
	for _, g := range gates {
		if g.State == release.Blocked && !slices.Contains([]string{release.GateFourEyes, release.GateEmbargo, release.GateProof}, g.Code) {
			out = append(out, g)
		}
	}
	return out
}

// langName is what a language is called in itself; dir its direction.
func langName(code string) (name, dir string) {
	for _, l := range locale.Languages {
		if l.Code == code {
			return l.Name, l.Dir
		}
	}
	dir = "ltr"
	if base, _, _ := strings.Cut(code, "-"); slices.Contains([]string{"ar", "fa", "he", "ur", "ckb", "ps", "yi"}, base) {
		dir = "rtl"
	}
	if code == "ar" {
		return "العربية", dir
	}
	return code, dir
}

// releaseNew serves POST /releases: plan, and slug if one was chosen.
func (s *Server) releaseNew(w http.ResponseWriter, r *request) error {
	if err := s.releasing(r); err != nil {
		return err
	}
	get := func(name string) string { return strings.TrimSpace(r.PostForm.Get(name)) }
	d := release.Draft{Plan: get("plan"), Slug: strings.ToLower(get("slug"))}
	if archive.CheckID(archive.PrefixPlan, d.Plan) != nil {
		return s.drawReleases(w, r, http.StatusBadRequest, "plan", "")
	}
	if v := get("version"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 {
			return s.drawReleases(w, r, http.StatusBadRequest, "plan", "")
		}
		d.PlanVersion = n
	}
	if d.Slug == "" {
		// Something that says nothing until somebody chooses a name.
		id := archive.NewIDFrom("re", s.o.Now(), randomSource)
		d.Slug = "release-" + id[len(id)-6:]
	}
	for _, l := range locale.Languages {
		d.Languages = append(d.Languages, l.Code)
	}
	x, err := s.o.Release.Create(r.Context(), r.reader.Subject, d)
	switch {
	case errors.Is(err, archive.ErrNotFound):
		return s.drawReleases(w, r, http.StatusNotFound, "plan", "")
	case errors.Is(err, archive.ErrExists):
		return s.drawReleases(w, r, http.StatusConflict, "taken", "")
	case errors.Is(err, archive.ErrInvalid), errors.Is(err, archive.ErrConflict):
		return s.drawReleases(w, r, problemOf(err).status, "plan", publicText(err))
	case err != nil:
		return err
	}
	return redirect(w, r, "/releases/"+x.ID, "release-made")
}

// releasing reads the form of an act on a release.
func (s *Server) releasing(r *request) error {
	if s.o.Release == nil {
		return archive.ErrNotFound
	}
	if err := form(r); err != nil {
		return badForm(err)
	}
	return nil
}

// theRelease gives the release that an address names.
func (s *Server) theRelease(r *request) (release.View, error) {
	id := r.PathValue("release")
	if s.o.Release == nil || archive.CheckID(archive.PrefixRelease, id) != nil {
		return release.View{}, archive.ErrNotFound
	}
	return s.o.Release.Release(r.Context(), r.reader.Subject, id)
}

// releasePage serves GET /releases/{release}.
func (s *Server) releasePage(w http.ResponseWriter, r *request) error {
	x, err := s.theRelease(r)
	if err != nil {
		return err
	}
	return s.drawRelease(w, r, http.StatusOK, x, nil, "", "")
}

// releaseState folds a state into what the desk tells apart.
func releaseState(x release.Release) string {
	switch x.State {
	case release.StateScheduled:
		return "embargoed"
	case release.StateRevising:
		if x.SignedBy != "" {
			return "signed"
		}
		return "draft"
	}
	return string(x.State)
}

// drawRelease draws the desk. form, if given, is what somebody typed about it and was not saved.
func (s *Server) drawRelease(w http.ResponseWriter, r *request, status int, x release.View, form *release.Draft, problem, text string) error {
	return s.drawDesk(w, r, status, x, form, problem, text, nil)
}

// drawDesk is drawRelease with the places that whoever is about to sign has to look at.
func (s *Server) drawDesk(w http.ResponseWriter, r *request, status int, x release.View, form *release.Draft, problem, text string, doubts []template.ReleaseAt) error {
	who, names := r.reader.Subject, s.namer(r)
	gates, err := s.o.Release.Checklist(r.Context(), who, x.ID)
	if err != nil {
		return err
	}
	d := x.Version.Draft
	v := template.Release{
		ID: x.ID, Slug: x.Slug, Title: r.said(s, d.Title), State: releaseState(x.Release), Version: x.Head, Out: x.Out, Plan: d.Plan, PlanVersion: d.PlanVersion,
		SignedBy: names(x.SignedBy), SignedAt: x.SignedAt, Embargo: d.Embargo, Today: s.o.Now().UTC().Format(time.DateOnly), Error: problem, Text: text,
		Why: r.said(s, d.Correction), Concern: x.Concern, Erased: slices.Contains(x.Concerns, release.ConcernErased),
		MayEdit: policy.Could(who, policy.EditRelease), MaySign: policy.Could(who, policy.ApproveRelease), MayPublish: policy.Could(who, policy.Publish),
	}
	if problem != "" {
		v.Typed = typed(r, path.Base(r.URL.Path))
	}
	for _, a := range x.Authors {
		v.Authors = append(v.Authors, names(a))
	}
	if len(v.Authors) == 0 {
		v.Authors = []string{names(x.CreatedBy)}
	}
	if v.State != "draft" && v.State != "signed" && v.State != "embargoed" {
		v.Why = ""
	}
	v.Wrote = slices.Contains(x.Authors, who.Agent)
	newer := x.State != release.StatePublished && x.State != release.StateWithdrawn
	v.Editable = x.State != release.StateWithdrawn
	v.Signable = newer && x.SignedBy == ""
	v.Letable = newer && x.SignedBy != "" && x.State != release.StateScheduled
	for _, g := range gates {
		line := s.gateLine(r, x, g)
		switch {
		case g.State == release.Blocked && (g.Code != release.GateFourEyes || x.SignedBy != ""):
			v.Blocked++
		case g.State == release.Waiting || g.State == release.Blocked:
			v.Waiting++
		}
		v.Gates = append(v.Gates, line)
	}
	v.SignBlocked = len(ownGates(gates)) > 0
	for _, p := range x.Publications {
		if p.WithdrawnAt.IsZero() || x.State == release.StateWithdrawn {
			v.Number = p.Number
		}
	}
	if !newer && len(x.Publications) > 0 {
		p := x.Publications[len(x.Publications)-1]
		v.PublishedBy, v.PublishedAt, v.WithdrawnAt = names(p.By), p.At, p.WithdrawnAt
		if v.SignedBy == "" {
			v.SignedBy, v.SignedAt = names(p.SignedBy), p.At
		}
	}
	for _, lang := range d.Languages {
		v.Languages = append(v.Languages, languageLine(d, lang))
	}
	about := d
	if form != nil {
		about = *form
	}
	v.About = aboutForm(about, x)
	v.About.Precisions = append(v.About.Precisions, template.Choice{Value: "none", Chosen: about.Place.Precision == ""})
	for _, p := range bundle.Precisions {
		v.About.Precisions = append(v.About.Precisions, template.Choice{Value: p, Chosen: about.Place.Precision == p})
	}
	for i, f := range d.Followed {
		v.Followed = append(v.Followed, template.ReleaseFollowed{N: i, Date: f.Date, Kind: f.Kind, URL: f.URL, Text: r.said(s, f.Text)})
	}
	for _, a := range x.Acts {
		step := template.ReleaseStep{Act: a.Act, Version: a.Version, By: names(a.By), At: a.At, Note: a.Note}
		if a.Act == release.ActWithdrawn && x.State == release.StateWithdrawn {
			v.Reason, v.WithdrawnAt, v.WithdrawnBy = cmp.Or(a.Note, "–"), a.At, names(a.By)
		}
		v.History = append(v.History, step)
	}
	for i, n := range x.Versions {
		act := "saved"
		if i == 0 {
			act = "created"
		}
		v.History = append(v.History, template.ReleaseStep{Act: act, Version: n.Number, By: names(n.Author), At: n.At, Note: n.Note})
	}
	slices.SortStableFunc(v.History, func(a, b template.ReleaseStep) int { return b.At.Compare(a.At) })
	v.Doubts = doubts
	s.draw(w, r, status, "release", "releases", v)
	return nil
}

// gateLine says in words what a gate says, and where it is mended.
func (s *Server) gateLine(r *request, x release.View, g release.Gate) template.ReleaseGate {
	out := template.ReleaseGate{Code: g.Code, State: string(g.State), Reason: g.Reason, Args: map[string]any{}}
	for i := 0; i+1 < len(g.Args); i += 2 {
		name, _ := g.Args[i].(string)
		switch v := g.Args[i+1].(type) {
		case time.Time:
			out.Args[name] = s.words.For(r.language(s)).Datetime(v)
		case int:
			out.Args[name] = int64(v)
		default:
			out.Args[name] = v
		}
	}
	if _, ok := out.Args["at"]; g.Code == release.GateProof && g.Reason == "next-tick" && !ok {
		out.Reason = "next-tick-unknown"
	}
	here, plan := "/releases/"+x.ID, "/plans/"+x.Version.Draft.Plan
	anywhere := here + "#texts"
	if l := x.Version.Draft.Languages; len(l) > 0 {
		anywhere = here + "/text?in=" + url.QueryEscape(l[0])
	}
	first := ""
	for _, at := range g.At {
		p := releasePlace(x, at)
		first = cmp.Or(first, p.Href)
		out.At = append(out.At, p)
	}
	if g.State == release.OK {
		return out
	}
	switch g.Code {
	case release.GatePlan, release.GateGaps, release.GateFiles, release.GateMetadata, release.GateClock, release.GateEdges, release.GateOriginal:
		out.Mend = plan
	case release.GateLook:
		out.Mend = plan + "/look"
	case release.GateTraces:
		out.Mend = cmp.Or(first, plan)
	case release.GateConsent:
		out.Mend = cmp.Or(first, plan)
		if g.Reason == "person-named" {
			out.Mend = cmp.Or(first, anywhere)
		}
	case release.GatePeople, release.GateLanguages, release.GateTime, release.GateForm:
		out.Mend = cmp.Or(first, anywhere)
	case release.GateCertainty, release.GateClaims:
		out.Mend = cmp.Or(first, anywhere+"#sentences")
	case release.GateWarnings:
		out.Mend = anywhere + "#warnings"
	case release.GateCorrection, release.GateEmbargo:
		out.Mend = here + "#about"
	case release.GateFourEyes:
		out.Mend = here + "#decide"
	case release.GateProof, release.GateShare:
		if policy.Could(r.reader.Subject, policy.ViewHealth) {
			out.Mend = "/proof"
		}
	}
	return out
}

// releasePlace says what a place in a release is that a gate speaks of, such as "sentence.3.ru", "cut.1" or the name of a file, and where it is mended.
func releasePlace(x release.View, at string) template.ReleaseAt {
	here, langs := "/releases/"+x.ID, x.Version.Draft.Languages
	text := func(lang, where string) string {
		if !slices.Contains(langs, lang) {
			if len(langs) == 0 {
				return here + "#texts"
			}
			lang = langs[0]
		}
		return here + "/text?in=" + url.QueryEscape(lang) + where
	}
	parts := strings.Split(at, ".")
	kind, lang := parts[0], parts[len(parts)-1]
	if bundle.IsName(at) {
		p := template.ReleaseAt{File: at}
		if len(parts) == 3 && (kind == "text" || kind == "captions") {
			p.Href = text(parts[1], "")
			if kind == "captions" {
				p.Href = text(parts[1], "#captions")
			}
		}
		return p
	}
	p := template.ReleaseAt{Code: kind}
	if slices.Contains(langs, lang) && len(parts) > 1 {
		p.Name, _ = langName(lang)
	}
	if len(parts) > 1 {
		if n, err := strconv.Atoi(parts[1]); err == nil {
			p.N = int64(n)
		}
	}
	switch kind {
	case "title", "summary", "shows", "credit":
		p.Href = text(lang, "")
	case "captions":
		p.Href = text(lang, "#captions")
	case "sentence":
		p.Href = text(lang, "#s"+strconv.FormatInt(p.N-1, 10))
	case "warning":
		p.Href = text(lang, "#warnings")
	case "facility", "place", "region", "recorded", "correction", "slug", "related":
		p.Href = here + "#about"
	case "followed":
		p.Href = here + "#followed"
	case "cut":
		p.Href = "/plans/" + x.Version.Draft.Plan
	default:
		return template.ReleaseAt{File: at}
	}
	return p
}

func languageLine(d release.Draft, lang string) template.ReleaseLanguage {
	l := template.ReleaseLanguage{Code: lang, Title: d.Title[lang], Of: len(d.Sentences), Captions: d.Captions[lang] != ""}
	l.Name, _ = langName(lang)
	for _, x := range d.Sentences {
		if x.Text[lang] != "" {
			l.Sentences++
		}
	}
	for _, x := range d.Warnings {
		if x.Text[lang] != "" {
			l.Warnings++
		}
	}
	// What is optional is there in every language or in none.
	l.Complete = l.Title != "" && d.Shows[lang] != "" && l.Sentences == l.Of && l.Warnings == len(d.Warnings)
	for _, w := range []release.Words{d.Summary, d.Credit, d.Captions} {
		l.Complete = l.Complete && (len(w) == 0 || w[lang] != "")
	}
	return l
}

// embargoForm is how a browser writes a moment that somebody chooses.
const embargoForm = "2006-01-02T15:04"

func aboutForm(d release.Draft, x release.View) template.ReleaseAbout {
	a := template.ReleaseAbout{
		Slug: d.Slug, Fixed: x.Out > 0, Languages: strings.Join(d.Languages, ", "), Related: strings.Join(d.Related, ", "), Facility: d.Facility.Code, Country: d.Place.Country, Precision: d.Place.Precision,
		Recorded: d.Recorded.EDTF, Base: x.Version.Number, Correcting: x.Out > 0 && x.State != release.StatePublished, Replace: d.Replace,
	}
	if !d.Embargo.IsZero() {
		a.Embargo = d.Embargo.UTC().Format(embargoForm)
	}
	angle := func(deg *bundle.Degrees) string {
		if deg == nil {
			return ""
		}
		raw, err := deg.MarshalJSON()
		if err != nil {
			return ""
		}
		return string(raw)
	}
	a.Lat, a.Lon = angle(d.Place.Lat), angle(d.Place.Lon)
	for _, lang := range d.Languages {
		name, _ := langName(lang)
		a.Names = append(a.Names, template.ReleaseNames{Code: lang, Name: name, Place: d.Place.Name[lang], Region: d.Place.Region[lang], Facility: d.Facility.Name[lang], Recorded: d.Recorded.Text[lang], Correction: d.Correction[lang]})
	}
	return a
}

// put writes one text, or takes it out if it is empty.
func put(w *release.Words, lang, text string) {
	text = strings.TrimSpace(strings.ReplaceAll(text, "\r\n", "\n"))
	// A copy: what was read of the newest version stays as it is, also on the page that says why this was not taken.
	if *w = maps.Clone(*w); *w == nil {
		*w = release.Words{}
	}
	if text == "" {
		delete(*w, lang)
		return
	}
	(*w)[lang] = text
}

// draftFaults are the faults of a draft that the room names, as in the keys release.error.in-*.
var draftFaults = []string{"in-text", "in-languages", "in-slug", "in-captions", "in-length", "in-list"}

// keep saves a draft and says what became of it: an empty problem when it is saved. Somebody else's version is never overwritten.
func (s *Server) keep(r *request, x release.View, d release.Draft, note, problem string) (status int, code, text string, err error) {
	base, err := strconv.Atoi(r.PostForm.Get("base"))
	if err != nil || base < 1 {
		return 0, "", "", archive.ErrInvalid
	}
	if base != x.Version.Number {
		return http.StatusConflict, "meanwhile", "", nil
	}
	_, err = s.o.Release.Save(r.Context(), r.reader.Subject, x.ID, base, d, strings.TrimSpace(note))
	switch {
	case err == nil:
		return 0, "", "", nil
	case errors.Is(err, archive.ErrExists):
		return http.StatusConflict, "taken", "", nil
	case errors.Is(err, archive.ErrInvalid):
		if p, ok := errors.AsType[*archive.Public](err); ok {
			if code := "in-" + strings.TrimPrefix(p.Text, "release-"); slices.Contains(draftFaults, code) {
				return http.StatusBadRequest, code, "", nil
			}
		}
		return http.StatusBadRequest, problem, publicText(err), nil
	case errors.Is(err, archive.ErrConflict):
		return http.StatusConflict, "meanwhile", publicText(err), nil
	}
	return 0, "", "", err
}

// releaseAbout serves POST /releases/{release}/about.
func (s *Server) releaseAbout(w http.ResponseWriter, r *request) error {
	if err := s.releasing(r); err != nil {
		return err
	}
	x, err := s.theRelease(r)
	if err != nil {
		return err
	}
	d, bad := aboutDraft(x.Version.Draft, r.PostForm)
	if bad {
		return s.drawRelease(w, r, http.StatusBadRequest, x, &d, "about", "")
	}
	status, code, text, err := s.keep(r, x, d, "", "about")
	if err != nil {
		return err
	}
	if code != "" {
		return s.drawRelease(w, r, status, x, &d, code, text)
	}
	return redirect(w, r, "/releases/"+x.ID+"?done=saved#about", "")
}

// aboutDraft reads the form of what is the same in every language; bad says that something in it cannot be read.
func aboutDraft(d release.Draft, in url.Values) (out release.Draft, bad bool) {
	get := func(name string) string { return strings.TrimSpace(in.Get(name)) }
	list := func(name string) (out []string) {
		for _, p := range strings.FieldsFunc(in.Get(name), func(r rune) bool { return r == ',' || r == ' ' || r == ';' || r == '\n' || r == '\t' }) {
			if !slices.Contains(out, p) {
				out = append(out, p)
			}
		}
		return out
	}
	d.Slug, d.Related = get("slug"), list("related")
	if l := list("languages"); len(l) > 0 {
		d.Languages = l
	} else {
		bad = true
	}
	d.Recorded.EDTF, d.Facility.Code, d.Place.Country = get("recorded"), get("facility"), strings.ToUpper(get("country"))
	d.Place.Precision = get("precision")
	if d.Place.Precision == "none" {
		d.Place.Precision = ""
	}
	angle := func(name string) *bundle.Degrees {
		text := strings.ReplaceAll(get(name), ",", ".")
		if text == "" {
			return nil
		}
		var deg bundle.Degrees
		if err := deg.UnmarshalJSON([]byte(text)); err != nil {
			bad = true
			return nil
		}
		return &deg
	}
	d.Place.Lat, d.Place.Lon = angle("lat"), angle("lon")
	for name, to := range map[string]*release.Words{"place": &d.Place.Name, "region": &d.Place.Region, "facility": &d.Facility.Name, "recorded": &d.Recorded.Text, "correction": &d.Correction} {
		for _, lang := range d.Languages {
			if in.Has(name + "." + lang) {
				put(to, lang, in.Get(name+"."+lang))
			}
		}
	}
	d.Embargo = time.Time{}
	if e := get("embargo"); e != "" {
		at, err := time.Parse(embargoForm, e)
		if err != nil {
			at, err = time.Parse(embargoForm+":05", e)
		}
		bad = bad || err != nil
		d.Embargo = at
	}
	if in.Has("correcting") {
		d.Replace = in.Get("replace") == "yes"
	}
	return d, bad
}

// releaseFollow serves POST /releases/{release}/follow: act is add or remove.
func (s *Server) releaseFollow(w http.ResponseWriter, r *request) error {
	if err := s.releasing(r); err != nil {
		return err
	}
	x, err := s.theRelease(r)
	if err != nil {
		return err
	}
	d, get := x.Version.Draft, r.PostForm.Get
	switch get("act") {
	case "add":
		f := release.Followed{Date: strings.TrimSpace(get("date")), Kind: get("kind"), URL: strings.TrimSpace(get("url"))}
		for _, lang := range d.Languages {
			put(&f.Text, lang, get("text."+lang))
		}
		_, err := time.Parse(time.DateOnly, f.Date)
		if err != nil || !slices.Contains(bundle.FollowedKinds, f.Kind) || len(f.Text) != len(d.Languages) || f.URL != "" && !bundle.IsURL(f.URL) {
			return s.drawRelease(w, r, http.StatusBadRequest, x, nil, "follow", "")
		}
		d.Followed = append(slices.Clone(d.Followed), f)
		slices.SortStableFunc(d.Followed, func(a, b release.Followed) int { return cmp.Compare(a.Date, b.Date) })
	case "remove":
		n, err := strconv.Atoi(get("n"))
		if err != nil || n < 0 || n >= len(d.Followed) {
			return archive.ErrInvalid
		}
		d.Followed = slices.Delete(slices.Clone(d.Followed), n, n+1)
	default:
		return archive.ErrInvalid
	}
	status, code, text, err := s.keep(r, x, d, "", "follow")
	if err != nil {
		return err
	}
	if code != "" {
		return s.drawRelease(w, r, status, x, nil, code, text)
	}
	return redirect(w, r, "/releases/"+x.ID+"?done=saved#followed", "")
}

// releaseTextPage serves GET /releases/{release}/text?in=LANGUAGE.
func (s *Server) releaseTextPage(w http.ResponseWriter, r *request) error {
	x, err := s.theRelease(r)
	if err != nil {
		return err
	}
	lang := r.URL.Query().Get("in")
	if lang == "" && len(x.Version.Draft.Languages) > 0 {
		lang = x.Version.Draft.Languages[0]
	}
	return s.drawReleaseText(w, r, http.StatusOK, x, x.Version.Draft, lang, "", "")
}

// Empty places for more sentences and warnings on the page, and the most that one release has on it.
const (
	moreSentences = 2
	moreWarnings  = 1
	mostOnPage    = 500
)

func (s *Server) drawReleaseText(w http.ResponseWriter, r *request, status int, x release.View, d release.Draft, lang, problem, text string) error {
	if !slices.Contains(d.Languages, lang) {
		return archive.ErrNotFound
	}
	v := template.ReleaseText{
		ID: x.ID, Slug: x.Slug, Lang: lang, Base: x.Version.Number, MayEdit: policy.Could(r.reader.Subject, policy.EditRelease) && x.State != release.StateWithdrawn,
		Head: d.Title[lang], Summary: d.Summary[lang], Shows: d.Shows[lang], Credit: d.Credit[lang], Captions: d.Captions[lang], Certainties: bundle.Certainties, Error: problem, Text: text,
	}
	v.LangName, v.Dir = langName(lang)
	for _, l := range d.Languages {
		name, _ := langName(l)
		v.Languages = append(v.Languages, template.Choice{Value: l, Label: name, Chosen: l == lang})
	}
	var ids []string
	for _, sen := range d.Sentences {
		ids = append(ids, sen.Claims...)
	}
	known, err := s.releaseClaims(r, ids)
	if err != nil {
		return err
	}
	for i, sen := range d.Sentences {
		line := template.ReleaseSentence{N: i, Ordinal: i + 1, Text: sen.Text[lang], Certainty: string(sen.Certainty)}
		if line.Text == "" || lang != d.Languages[0] {
			for _, l := range d.Languages {
				if l != lang && sen.Text[l] != "" {
					line.Other, line.OtherLang = sen.Text[l], l
					break
				}
			}
		}
		for _, id := range sen.Claims {
			line.Claims = append(line.Claims, known[id])
		}
		v.Sentences = append(v.Sentences, line)
	}
	for i, wa := range d.Warnings {
		v.Warnings = append(v.Warnings, template.ReleaseWarning{N: i, Ordinal: i + 1, From: clockText(wa.FromMS), To: clockText(wa.ToMS), Text: wa.Text[lang]})
	}
	if v.MayEdit {
		for i := range moreSentences {
			v.Sentences = append(v.Sentences, template.ReleaseSentence{N: len(d.Sentences) + i, Ordinal: len(d.Sentences) + i + 1, New: true})
		}
		for i := range moreWarnings {
			v.Warnings = append(v.Warnings, template.ReleaseWarning{N: len(d.Warnings) + i, Ordinal: len(d.Warnings) + i + 1, New: true})
		}
	}
	s.draw(w, r, status, "release-text", "releases", v)
	return nil
}

// clockText writes a place in the clip as it can be typed in again: 1:02.5.
func clockText(ms int64) string {
	out := fmt.Sprintf("%d:%02d", ms/60_000, ms/1000%60)
	if f := ms % 1000; f != 0 {
		out += strings.TrimRight(fmt.Sprintf(".%03d", f), "0")
	}
	return out
}

// claimKnower is a catalogue that gives claims by identifier.
type claimKnower interface {
	Claims(ctx context.Context, who policy.Subject, ids []string, lang ...string) ([]knowledge.Said, error)
}

// releaseClaims gives claims as this reader sees them. One that they do not see is a line without words.
func (s *Server) releaseClaims(r *request, ids []string) (map[string]template.ReleaseClaim, error) {
	out := map[string]template.ReleaseClaim{}
	for _, id := range ids {
		out[id] = template.ReleaseClaim{ID: id, Hidden: true}
	}
	knower, ok := s.o.Catalogue.(claimKnower)
	if !ok || len(ids) == 0 {
		return out, nil
	}
	list, err := knower.Claims(r.Context(), r.reader.Subject, ids, r.language(s))
	if err != nil {
		return nil, err
	}
	for _, c := range list {
		out[c.ID] = claimLine(c)
	}
	return out, nil
}

func claimLine(c knowledge.Said) template.ReleaseClaim {
	k, _ := catalogue.KindOf(c.Kind)
	p, _ := k.Property(c.Property)
	text := cmp.Or(c.RefLabel, c.Text, c.Value)
	if c.Value == catalogue.Undetermined {
		text = ""
	}
	return template.ReleaseClaim{ID: c.ID, Href: entityHref(c.Kind, c.Entity) + "#" + c.ID, Code: c.EntityCode, Property: c.Property, Type: string(p.Type), Text: text, Certainty: string(c.Certainty), Withdrawn: c.Withdrawn}
}

// releaseText serves POST /releases/{release}/text.
func (s *Server) releaseText(w http.ResponseWriter, r *request) error {
	if err := s.releasing(r); err != nil {
		return err
	}
	x, err := s.theRelease(r)
	if err != nil {
		return err
	}
	lang := r.PostForm.Get("in")
	if !slices.Contains(x.Version.Draft.Languages, lang) {
		return archive.ErrNotFound
	}
	d, bad := textDraft(x.Version.Draft, lang, r.PostForm)
	if bad {
		return s.drawReleaseText(w, r, http.StatusBadRequest, x, d, lang, "times", "")
	}
	status, code, text, err := s.keep(r, x, d, r.PostForm.Get("note"), "text")
	if err != nil {
		return err
	}
	if code != "" {
		return s.drawReleaseText(w, r, status, x, d, lang, code, text)
	}
	return redirect(w, r, "/releases/"+x.ID+"/text?in="+url.QueryEscape(lang), "saved")
}

// textDraft reads the form of one language. Certainty, claims and times are shared by all languages. bad says that a time cannot be read.
func textDraft(d release.Draft, lang string, in url.Values) (out release.Draft, bad bool) {
	put(&d.Title, lang, in.Get("title"))
	put(&d.Summary, lang, in.Get("summary"))
	put(&d.Shows, lang, in.Get("shows"))
	put(&d.Credit, lang, in.Get("credit"))
	sentences := d.Sentences
	d.Sentences = nil
	for i := range min(len(sentences)+moreSentences, mostOnPage) {
		at := "s" + strconv.Itoa(i) + "."
		var sen release.Sentence
		if i < len(sentences) {
			sen = sentences[i]
			if in.Get(at+"out") == "yes" {
				continue
			}
		}
		if in.Has(at + "text") {
			put(&sen.Text, lang, in.Get(at+"text"))
			sen.Certainty = archive.Certainty(in.Get(at + "certainty"))
		}
		if len(sen.Text) == 0 && (i >= len(sentences) || len(sen.Claims) == 0) {
			continue
		}
		d.Sentences = append(d.Sentences, sen)
	}
	warnings := d.Warnings
	d.Warnings = nil
	for i := range min(len(warnings)+moreWarnings, mostOnPage) {
		at := "w" + strconv.Itoa(i) + "."
		var wa release.Warning
		if i < len(warnings) {
			wa = warnings[i]
			if in.Get(at+"out") == "yes" {
				continue
			}
		}
		if in.Has(at + "text") {
			put(&wa.Text, lang, in.Get(at+"text"))
			from, err := recordingTime(in.Get(at + "from"))
			bad = bad || err != nil
			to, err := recordingTime(in.Get(at + "to"))
			bad = bad || err != nil
			wa.FromMS, wa.ToMS = from.Milliseconds(), to.Milliseconds()
		}
		if len(wa.Text) == 0 && (i >= len(warnings) || wa.ToMS == 0) {
			continue
		}
		bad = bad || wa.ToMS <= wa.FromMS
		d.Warnings = append(d.Warnings, wa)
	}
	return d, bad
}

// releaseCaptions serves POST /releases/{release}/captions: a file, or what was pasted. Parts are read one by one and kept in memory.
func (s *Server) releaseCaptions(w http.ResponseWriter, r *request) error {
	if s.o.Release == nil {
		return archive.ErrNotFound
	}
	file := ""
	if parts, err := r.MultipartReader(); err == nil {
		r.PostForm = url.Values{}
		for {
			p, err := parts.NextPart()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return badForm(err)
			}
			raw, err := io.ReadAll(p)
			if err != nil {
				return badForm(err)
			}
			if p.FormName() == "file" {
				file = string(raw)
			} else {
				r.PostForm.Set(p.FormName(), string(raw))
			}
		}
	} else if err := form(r); err != nil {
		return badForm(err)
	}
	x, err := s.theRelease(r)
	if err != nil {
		return err
	}
	lang, d := r.PostForm.Get("in"), x.Version.Draft
	if !slices.Contains(d.Languages, lang) {
		return archive.ErrNotFound
	}
	text := cmp.Or(file, r.PostForm.Get("captions"))
	text = strings.TrimSpace(strings.TrimPrefix(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text), "\ufeff"))
	put(&d.Captions, lang, text)
	if text != "" {
		d.Captions[lang] = text + "\n"
	}
	if text != "" && !strings.HasPrefix(text, "WEBVTT") {
		return s.drawReleaseText(w, r, http.StatusBadRequest, x, d, lang, "captions", "")
	}
	status, code, why, err := s.keep(r, x, d, "", "captions")
	if err != nil {
		return err
	}
	if code != "" {
		return s.drawReleaseText(w, r, status, x, d, lang, code, why)
	}
	return redirect(w, r, "/releases/"+x.ID+"/text?in="+url.QueryEscape(lang)+"&done=saved#captions", "")
}

// releaseClaimsPage serves GET /releases/{release}/claims?sentence=N.
func (s *Server) releaseClaimsPage(w http.ResponseWriter, r *request) error {
	x, err := s.theRelease(r)
	if err != nil {
		return err
	}
	return s.drawReleaseClaims(w, r, http.StatusOK, x, r.URL.Query().Get("sentence"), template.ReleaseClaims{})
}

func (s *Server) drawReleaseClaims(w http.ResponseWriter, r *request, status int, x release.View, sentence string, v template.ReleaseClaims) error {
	n, err := strconv.Atoi(sentence)
	if err != nil || n < 0 || n >= len(x.Version.Draft.Sentences) {
		return archive.ErrNotFound
	}
	sen := x.Version.Draft.Sentences[n]
	v.ID, v.Slug, v.Sentence, v.Base, v.Words = x.ID, x.Slug, n, x.Version.Number, r.said(s, sen.Text)
	v.MayEdit = policy.Could(r.reader.Subject, policy.EditRelease) && x.State != release.StateWithdrawn && s.o.Catalogue != nil
	known, err := s.releaseClaims(r, sen.Claims)
	if err != nil {
		return err
	}
	for _, id := range sen.Claims {
		v.Chosen = append(v.Chosen, known[id])
	}
	s.draw(w, r, status, "release-claims", "releases", v)
	return nil
}

// releaseClaim serves POST /releases/{release}/claims: act is find, show, add or remove. Words that are searched for stay out of the address.
func (s *Server) releaseClaim(w http.ResponseWriter, r *request) error {
	if err := s.releasing(r); err != nil {
		return err
	}
	x, err := s.theRelease(r)
	if err != nil {
		return err
	}
	c, who, lang, err := s.known(r)
	if err != nil {
		return err
	}
	get, sentence := r.PostForm.Get, r.PostForm.Get("sentence")
	n, err := strconv.Atoi(sentence)
	d := x.Version.Draft
	if err != nil || n < 0 || n >= len(d.Sentences) {
		return archive.ErrNotFound
	}
	switch get("act") {
	case "find":
		v := template.ReleaseClaims{Q: strings.TrimSpace(get("q")), Searched: true}
		list, _, _, err := c.List(r.Context(), who, knowledge.Query{Text: v.Q, Limit: 20, Lang: lang})
		if err != nil {
			return err
		}
		for _, e := range list {
			v.Found = append(v.Found, summaryLink(e))
		}
		return s.drawReleaseClaims(w, r, http.StatusOK, x, sentence, v)
	case "show":
		e, err := c.Entity(r.Context(), who, get("entity"), lang)
		if err != nil {
			return err
		}
		link := entityLink(e.Entity, e.Label)
		v := template.ReleaseClaims{Entity: &link}
		for _, p := range e.Properties {
			for _, cl := range p.Claims {
				if !cl.Stands() {
					continue
				}
				line := claimLine(cl)
				line.Chosen = slices.Contains(d.Sentences[n].Claims, cl.ID)
				v.Offered = append(v.Offered, line)
			}
		}
		return s.drawReleaseClaims(w, r, http.StatusOK, x, sentence, v)
	case "add", "remove":
		d.Sentences = slices.Clone(d.Sentences)
		sen := &d.Sentences[n]
		sen.Claims = slices.Clone(sen.Claims)
		for _, id := range r.PostForm["claim"] {
			if archive.CheckID(archive.PrefixClaim, id) != nil {
				return archive.ErrInvalid
			}
			switch i := slices.Index(sen.Claims, id); {
			case get("act") == "remove" && i >= 0:
				sen.Claims = slices.Delete(sen.Claims, i, i+1)
			case get("act") == "add" && i < 0:
				// Only what the one who names it sees can be named.
				known, err := s.releaseClaims(r, []string{id})
				if err != nil {
					return err
				}
				if known[id].Hidden {
					return archive.ErrNotFound
				}
				sen.Claims = append(sen.Claims, id)
			}
		}
	default:
		return archive.ErrInvalid
	}
	status, code, text, err := s.keep(r, x, d, "", "claims")
	if err != nil {
		return err
	}
	if code != "" {
		return s.drawReleaseClaims(w, r, status, x, sentence, template.ReleaseClaims{Error: code, Text: text})
	}
	return redirect(w, r, "/releases/"+x.ID+"/claims?sentence="+strconv.Itoa(n), "saved")
}

// releasePreview serves GET /releases/{release}/preview.
func (s *Server) releasePreview(w http.ResponseWriter, r *request) error {
	x, err := s.theRelease(r)
	if err != nil {
		return err
	}
	v := template.ReleasePreview{ID: x.ID, Slug: x.Slug, Version: x.Head}
	out, err := s.o.Release.Preview(r.Context(), r.reader.Subject, x.ID)
	if refused, ok := errors.AsType[*release.Refused](err); ok {
		v.Error = "preview"
		for _, g := range refused.Gates {
			v.Gates = append(v.Gates, s.gateLine(r, x, g))
		}
		return s.page(w, r, "release-preview", "releases", v)
	}
	if errors.Is(err, archive.ErrInvalid) || errors.Is(err, archive.ErrConflict) {
		v.Error, v.Text = "preview", publicText(err)
		return s.page(w, r, "release-preview", "releases", v)
	}
	if err != nil {
		return err
	}
	for _, lang := range out.Languages {
		text := out.PlainText(lang)
		v.Files = append(v.Files, template.PreviewFile{Name: bundle.TextName(lang), Lang: lang, Text: string(text), Bytes: int64(len(text))})
	}
	if out.Clip != nil {
		for _, lang := range out.Languages {
			if name := out.Clip.Captions[lang]; name != "" {
				text := x.Version.Draft.Captions[lang]
				v.Files = append(v.Files, template.PreviewFile{Name: name, Lang: lang, Text: text, Bytes: int64(len(text))})
			}
		}
	}
	raw, err := out.Canonical()
	if err != nil {
		v.Error = "preview"
		return s.page(w, r, "release-preview", "releases", v)
	}
	v.Files = append(v.Files, template.PreviewFile{Name: bundle.FileRelease, Text: string(raw), Bytes: int64(len(raw))})
	return s.page(w, r, "release-preview", "releases", v)
}

// refusedRelease draws the desk with the reason why a step was not taken; nil, false for errors that are something else.
func (s *Server) refusedRelease(w http.ResponseWriter, r *request, id string, err error) (error, bool) {
	code := ""
	if refused, ok := errors.AsType[*release.Refused](err); ok {
		code = "waiting"
		for _, g := range refused.Gates {
			switch {
			case g.Code == release.GateFourEyes:
				code = "four_eyes"
				if r.route.Action == policy.Publish {
					code = "alone"
				}
			case g.State == release.Blocked && code == "waiting":
				code = "blocked"
			}
		}
	} else if errors.Is(err, archive.ErrConflict) {
		code = "meanwhile"
	} else if errors.Is(err, archive.ErrInvalid) {
		code = "state"
	}
	if code == "" {
		return nil, false
	}
	x, again := s.o.Release.Release(r.Context(), r.reader.Subject, id)
	if again != nil {
		return again, true
	}
	return s.drawRelease(w, r, http.StatusConflict, x, nil, code, publicText(err)), true
}

// releaseStep reads the form of a step that needs somebody who has proved lately who they are, and who has ticked the box.
func (s *Server) releaseStep(w http.ResponseWriter, r *request) (x release.View, done bool, err error) {
	if err = s.releasing(r); err == nil {
		err = s.fresh(r)
	}
	if err != nil {
		return x, true, err
	}
	if x, err = s.theRelease(r); err != nil {
		return x, true, err
	}
	if r.PostForm.Get("sure") != "yes" {
		return x, true, s.drawRelease(w, r, http.StatusBadRequest, x, nil, "sure", "")
	}
	if n, err := strconv.Atoi(r.PostForm.Get("version")); err != nil {
		return x, true, archive.ErrInvalid
	} else if n != x.Head {
		return x, true, s.drawRelease(w, r, http.StatusConflict, x, nil, "meanwhile", "")
	}
	return x, false, nil
}

// releaseSign serves POST /releases/{release}/sign.
func (s *Server) releaseSign(w http.ResponseWriter, r *request) error {
	x, done, err := s.releaseStep(w, r)
	if done {
		return err
	}
	if err := s.signHavingRead(r, x); err != nil {
		if drawn, ok := s.doubtful(w, r, x, err); ok {
			return drawn
		}
		if drawn, ok := s.refusedRelease(w, r, x.ID, err); ok {
			return drawn
		}
		return err
	}
	return redirect(w, r, "/releases/"+x.ID, "release-signed")
}

// releasePublish serves POST /releases/{release}/publish.
func (s *Server) releasePublish(w http.ResponseWriter, r *request) error {
	x, done, err := s.releaseStep(w, r)
	if done {
		return err
	}
	// A browser that goes away must not leave it half done.
	p, err := s.o.Release.Publish(context.WithoutCancel(r.Context()), r.reader.Subject, x.ID)
	if err != nil {
		if drawn, ok := s.refusedRelease(w, r, x.ID, err); ok {
			return drawn
		}
		return err
	}
	if p.Number == 0 {
		return redirect(w, r, "/releases/"+x.ID, "release-embargoed")
	}
	return redirect(w, r, "/releases/"+x.ID, "release-published")
}

// everyLanguage reads one text for each language of a release; ok says that none is missing.
func everyLanguage(d release.Draft, in url.Values, name string) (out release.Words, ok bool) {
	for _, lang := range d.Languages {
		put(&out, lang, in.Get(name+"."+lang))
	}
	return out, len(d.Languages) > 0 && len(out) == len(d.Languages)
}

// releaseCorrect serves POST /releases/{release}/correct.
func (s *Server) releaseCorrect(w http.ResponseWriter, r *request) error {
	if err := s.releasing(r); err != nil {
		return err
	}
	x, err := s.theRelease(r)
	if err != nil {
		return err
	}
	why, ok := everyLanguage(x.Version.Draft, r.PostForm, "why")
	if !ok {
		return s.drawRelease(w, r, http.StatusBadRequest, x, nil, "why", "")
	}
	// Nobody writes over a correction that somebody else has begun.
	if x.State != release.StatePublished {
		return s.drawRelease(w, r, http.StatusConflict, x, nil, "state", "")
	}
	if _, err := s.o.Release.Correct(r.Context(), r.reader.Subject, x.ID, why); err != nil {
		if drawn, ok := s.refusedRelease(w, r, x.ID, err); ok {
			return drawn
		}
		return err
	}
	return redirect(w, r, "/releases/"+x.ID, "release-correcting")
}

// releaseWithdrawPage serves GET /releases/{release}/withdraw.
func (s *Server) releaseWithdrawPage(w http.ResponseWriter, r *request) error {
	x, err := s.theRelease(r)
	if err != nil {
		return err
	}
	return s.drawReleaseWithdraw(w, r, http.StatusOK, x, nil, "")
}

func (s *Server) drawReleaseWithdraw(w http.ResponseWriter, r *request, status int, x release.View, why release.Words, problem string) error {
	if x.Out == 0 || x.State == release.StateWithdrawn {
		return s.drawRelease(w, r, http.StatusConflict, x, nil, "state", "")
	}
	v := template.ReleaseWithdraw{ID: x.ID, Slug: x.Slug, Title: r.said(s, x.Version.Draft.Title), Number: x.Out, Published: x.PublishedAt, Error: problem}
	for _, lang := range x.Version.Draft.Languages {
		name, _ := langName(lang)
		v.Languages = append(v.Languages, template.WithdrawReason{Code: lang, Name: name, Text: why[lang]})
	}
	s.draw(w, r, status, "release-withdraw", "releases", v)
	return nil
}

// releaseWithdraw serves POST /releases/{release}/withdraw.
func (s *Server) releaseWithdraw(w http.ResponseWriter, r *request) error {
	if err := s.releasing(r); err != nil {
		return err
	}
	if err := s.fresh(r); err != nil {
		return err
	}
	x, err := s.theRelease(r)
	if err != nil {
		return err
	}
	why, ok := everyLanguage(x.Version.Draft, r.PostForm, "reason")
	if !ok {
		return s.drawReleaseWithdraw(w, r, http.StatusBadRequest, x, why, "reason")
	}
	if r.PostForm.Get("sure") != "yes" {
		return s.drawReleaseWithdraw(w, r, http.StatusBadRequest, x, why, "sure")
	}
	if err := s.o.Release.Withdraw(context.WithoutCancel(r.Context()), r.reader.Subject, x.ID, why); err != nil {
		if drawn, ok := s.refusedRelease(w, r, x.ID, err); ok {
			return drawn
		}
		return err
	}
	return redirect(w, r, "/releases/"+x.ID, "release-withdrawn")
}
