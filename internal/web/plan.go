package web

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"zapis/internal/archive"
	"zapis/internal/policy"
	"zapis/internal/redact"
	"zapis/internal/redact/plan"
	"zapis/internal/transcript"
	"zapis/internal/web/locale"
	"zapis/internal/web/template"
)

// PlanRoom is what the pages ask of those who keep redaction plans; *redact.Service. It asks policy itself, about every item of a plan.
type PlanRoom interface {
	Create(ctx context.Context, who policy.Subject, title string, items []string, cuts []plan.Cut) (redact.Summary, error)
	Save(ctx context.Context, who policy.Subject, id string, base int, p plan.Plan, note string) (redact.Version, error)
	Plan(ctx context.Context, who policy.Subject, id string) (redact.View, error)
	List(ctx context.Context, who policy.Subject, q redact.Query) ([]redact.Summary, error)
	Diff(ctx context.Context, who policy.Subject, id string, a, b int) ([]plan.Change, error)
	Propose(ctx context.Context, who policy.Subject, id string) (redact.Run, error)
	Proposals(ctx context.Context, who policy.Subject, id string) (redact.Proposals, error)
	DismissProposal(ctx context.Context, who policy.Subject, id string, proposals ...string) (int64, error)
	Check(ctx context.Context, who policy.Subject, id string) (redact.Run, error)
	Checks(ctx context.Context, who policy.Subject, id string, version int) (redact.Check, error)
	DismissBlocker(ctx context.Context, who policy.Subject, check string, n int, why string) error
	Stops(ctx context.Context, who policy.Subject, id string, version int) (redact.Stepping, error)
	ShowStop(ctx context.Context, who policy.Subject, id string, version, source int, us int64) ([]byte, error)
	LookedAt(ctx context.Context, who policy.Subject, id string, version int) error
	Approve(ctx context.Context, who policy.Subject, id string, version int, why string) error
	Reject(ctx context.Context, who policy.Subject, id string, version int, why string) error
	Render(ctx context.Context, who policy.Subject, id string, version int) (redact.Rendering, error)
	Rendered(ctx context.Context, who policy.Subject, id string, version int) (redact.Rendering, error)
}

// maxPlanBody bounds a plan as the editor sends it, with what is said about it.
const maxPlanBody = plan.MaxBytes + 1<<20

// takesPlan says whether an address takes a whole plan.
func takesPlan(r *http.Request) bool {
	id, ok := strings.CutPrefix(r.URL.Path, "/api/plans/")
	return ok && r.Method == http.MethodPost && archive.CheckID(archive.PrefixPlan, id) == nil
}

// planCode is the code of a refusal of the room; empty for every other error.
func planCode(err error) string {
	if p, ok := errors.AsType[*archive.Public](err); ok && slices.Contains(redact.Codes(), p.Text) {
		return p.Text
	}
	return ""
}

// planRefusal says how a refusal of the room is shown; an empty code for every other error.
func planRefusal(err error) (status int, code string) {
	if code = planCode(err); code == "" {
		return 0, ""
	}
	if code == redact.CodeOwn {
		return http.StatusForbidden, code // who asks may see the plan, so nothing is hidden
	}
	return problemOf(err).status, code
}

// planAt finds the plan of an address.
func (s *Server) planAt(r *request) (redact.View, error) {
	id := r.PathValue("plan")
	if s.o.Plan == nil || archive.CheckID(archive.PrefixPlan, id) != nil {
		return redact.View{}, archive.ErrNotFound
	}
	return s.o.Plan.Plan(r.Context(), r.reader.Subject, id)
}

// ---- the list

// planRows is how many plans a page of the list has.
const planRows = 100

// waits says what a plan waits for, as template.PlanRow.Wait.
func waits(p redact.Summary) string {
	switch p.State {
	case redact.StateChecking:
		return "checking"
	case redact.StateBlocked:
		if p.Open > 0 {
			return "blockers"
		}
	case redact.StateWaiting:
		return "approval"
	case redact.StateApproved:
		return "render"
	case redact.StateRejected:
		return "rework"
	case redact.StateRendering:
		return "rendering"
	case redact.StateDone, redact.StateGone:
		return "nothing"
	}
	return "check"
}

// nameOf finds the name of an account once for a page.
func (s *Server) nameOf(ctx context.Context, known map[string]string, agent string) string {
	if n := known[agent]; n != "" {
		return n
	}
	n := agent
	if a, err := s.o.Account.Account(ctx, agent); err == nil && a.Name != "" {
		n = a.Name
	}
	known[agent] = n
	return n
}

func (s *Server) planRow(ctx context.Context, p redact.Summary, names map[string]string) template.PlanRow {
	return template.PlanRow{ID: p.ID, Title: p.Title, Version: p.Head, State: string(p.State), Open: int64(p.Open), Wait: waits(p), Who: s.nameOf(ctx, names, p.Author), At: p.ChangedAt}
}

// plansPage serves GET /plans?item=ID&from=S&to=S&before=ID. With an item it offers to redact it.
func (s *Server) plansPage(w http.ResponseWriter, r *request) error {
	q := r.URL.Query()
	return s.drawPlans(w, r, http.StatusOK, template.Plans{Item: q.Get("item"), New: template.PlanNew{Item: q.Get("item"), From: clipText(q.Get("from")), To: clipText(q.Get("to"))}})
}

// clipText keeps what came with an address short.
func clipText(s string) string {
	if len(s) > 40 {
		return ""
	}
	return s
}

func (s *Server) drawPlans(w http.ResponseWriter, r *request, status int, v template.Plans) error {
	if s.o.Plan == nil {
		return archive.ErrNotFound
	}
	before := r.URL.Query().Get("before")
	if before != "" && archive.CheckID(archive.PrefixPlan, before) != nil {
		return archive.ErrNotFound
	}
	if v.Item != "" {
		it, err := s.o.Reading.Peek(r.Context(), r.reader, v.Item)
		if err != nil {
			return err
		}
		v.Ref = it.Reference()
		v.New.Ref = v.Ref
	}
	list, err := s.o.Plan.List(r.Context(), r.reader.Subject, redact.Query{Item: v.Item, Before: before, Limit: planRows + 1})
	if err != nil {
		return err
	}
	if len(list) > planRows {
		list = list[:planRows]
		to := url.Values{"before": {list[len(list)-1].ID}}
		if v.Item != "" {
			to.Set("item", v.Item)
		}
		v.Older = "/plans?" + to.Encode()
	}
	names := map[string]string{}
	for _, p := range list {
		v.List = append(v.List, s.planRow(r.Context(), p, names))
	}
	v.MayMake = policy.Could(r.reader.Subject, policy.EditPlan)
	s.draw(w, r, status, "plans", "plans", v)
	return nil
}

// typedItem finds the identifier of an item in what somebody typed or pasted: the identifier, or the address of its page.
func typedItem(text string) string {
	text = strings.TrimSpace(text)
	if i := strings.LastIndex(text, "/items/"); i >= 0 {
		text = text[i+len("/items/"):]
	}
	text, _, _ = strings.Cut(text, "?")
	text, _, _ = strings.Cut(text, "#")
	text, _, _ = strings.Cut(text, "/")
	if archive.CheckID(archive.PrefixItem, text) != nil {
		return ""
	}
	return text
}

// microsIn reads seconds, or a clock: 12.5, 1:02.5, 1:02:03. At most a microsecond is told apart.
func microsIn(text string) (int64, bool) {
	text = strings.ReplaceAll(strings.TrimSpace(text), ",", ".")
	whole, part, dot := strings.Cut(text, ".")
	if dot && part == "" || len(part) > 6 || len(text) > 24 {
		return 0, false
	}
	var total int64
	fields := strings.Split(whole, ":")
	if len(fields) > 3 {
		return 0, false
	}
	for _, f := range fields {
		n, err := strconv.ParseUint(f, 10, 32)
		if err != nil {
			return 0, false
		}
		total = total*60 + int64(n)
	}
	rest := int64(0)
	if part != "" {
		n, err := strconv.ParseUint(part+strings.Repeat("0", 6-len(part)), 10, 32)
		if err != nil {
			return 0, false
		}
		rest = int64(n)
	}
	if total > plan.MaxUS/1_000_000 {
		return 0, false
	}
	return total*1_000_000 + rest, true
}

// millionthsIn reads per cent from 0 to 100 as millionths.
func millionthsIn(text string) (int, bool) {
	text = strings.ReplaceAll(strings.TrimSpace(text), ",", ".")
	whole, part, dot := strings.Cut(text, ".")
	if dot && part == "" || len(part) > 4 || whole == "" || len(whole) > 3 {
		return 0, false
	}
	n, err := strconv.ParseUint(whole, 10, 16)
	f := uint64(0)
	if err == nil && part != "" {
		f, err = strconv.ParseUint(part+strings.Repeat("0", 4-len(part)), 10, 16)
	}
	if v := n*10_000 + f; err == nil && v <= plan.Whole {
		return int(v), true
	}
	return 0, false
}

// spanIn reads the fields from and to of a form about an item; an empty to is its end.
func spanIn(form url.Values, it archive.Item) (from, to int64, ok bool) {
	if from, ok = microsIn(form.Get("from")); !ok && strings.TrimSpace(form.Get("from")) != "" {
		return 0, 0, false
	}
	if strings.TrimSpace(form.Get("to")) == "" {
		to = it.Duration.Microseconds()
		return from, to, to > from
	}
	to, ok = microsIn(form.Get("to"))
	return from, to, ok && to > from
}

// planNew serves POST /plans: title, item, from, to.
func (s *Server) planNew(w http.ResponseWriter, r *request) error {
	if s.o.Plan == nil {
		return archive.ErrNotFound
	}
	if err := form(r); err != nil {
		return badForm(err)
	}
	f := r.PostForm
	v := template.Plans{New: template.PlanNew{Title: f.Get("title"), Item: f.Get("item"), From: clipText(f.Get("from")), To: clipText(f.Get("to"))}}
	again := func(status int, code string) error {
		v.Error = code
		return s.drawPlans(w, r, status, v)
	}
	id := typedItem(f.Get("item"))
	if id == "" {
		return again(http.StatusBadRequest, "item")
	}
	it, err := s.o.Reading.Peek(r.Context(), r.reader, id)
	if errors.Is(err, archive.ErrNotFound) || errors.Is(err, archive.ErrForbidden) {
		return again(http.StatusNotFound, "item")
	}
	if err != nil {
		return err
	}
	v.Item, v.New.Item = id, id
	from, to, ok := spanIn(f, it.Item)
	if !ok {
		return again(http.StatusBadRequest, "time")
	}
	p, err := s.o.Plan.Create(r.Context(), r.reader.Subject, f.Get("title"), []string{id}, []plan.Cut{{FromUS: from, ToUS: to}})
	if status, code := planRefusal(err); code != "" {
		return again(status, code)
	}
	if err != nil {
		return err
	}
	return redirect(w, r, "/plans/"+p.ID, "plan-made")
}

// ---- one plan

// stamp writes a time as a player does, to the thousandth of a second.
func stamp(us int64) string {
	ms := us / 1000
	out := fmt.Sprintf("%02d:%02d", ms/60_000%60, ms/1000%60)
	if h := ms / 3_600_000; h > 0 {
		out = fmt.Sprintf("%d:%s", h, out)
	}
	if ms%1000 != 0 {
		out += fmt.Sprintf(".%03d", ms%1000)
	}
	return out
}

// protected finds the codes of those whom a plan protects, as far as the reader may see them.
func (s *Server) protected(r *request, p plan.Plan) map[string]string {
	out := map[string]string{}
	if s.o.Catalogue == nil || !policy.Could(r.reader.Subject, policy.ViewCatalogue) {
		return out
	}
	add := func(id string) {
		if _, done := out[id]; id == "" || done || len(out) >= 200 {
			return
		}
		// Whom the reader may not see has no code here, and looks like somebody who was never there.
		if e, err := s.o.Catalogue.Entity(r.Context(), r.reader.Subject, id, r.lang); err == nil {
			out[id] = e.Code
		}
	}
	for _, t := range p.Tracks {
		add(t.Protects)
	}
	for _, x := range p.Sound.Spans {
		add(x.Protects)
	}
	return out
}

// planBoot is what the island is given.
type planBoot struct {
	ID       string            `json:"id"`
	Title    string            `json:"title"`
	Head     int               `json:"head"`
	Plan     plan.Plan         `json:"plan"`
	Sources  []planSource      `json:"sources"`
	Versions []planVersion     `json:"versions"`
	Names    map[string]string `json:"names"`
	Edit     bool              `json:"edit"`
	Stops    []planStopJSON    `json:"stops,omitempty"`
}

type planSource struct {
	Item       string     `json:"item"`
	Ref        string     `json:"ref"`
	MS         int64      `json:"ms"`
	FPS        float64    `json:"fps"`
	W          int        `json:"w"`
	H          int        `json:"h"`
	Difficulty int        `json:"difficulty"`
	Micro      []byte     `json:"micro"`
	Visit      string     `json:"visit"`
	Sound      bool       `json:"sound"`
	Words      bool       `json:"words"`
	Proxy      *planProxy `json:"proxy"`
}

type planProxy struct {
	ID   string          `json:"id"`
	Meta json.RawMessage `json:"meta"`
}

type planVersion struct {
	N     int    `json:"n"`
	By    string `json:"by"`
	At    string `json:"at"`
	Note  string `json:"note"`
	State string `json:"state"`
}

type planStopJSON struct {
	N      string `json:"n"`
	Cut    int    `json:"cut"`
	Source int    `json:"source"`
	US     int64  `json:"us"`
	Why    string `json:"why"`
	Seen   bool   `json:"seen"`
}

// unsalted is a plan as scripts have it. The salt, without which nobody can guess a track from its digest, is no business of a browser; saving
// puts the plan's own in its place.
func unsalted(p plan.Plan) plan.Plan {
	p.Salt = strings.Repeat("0", 32)
	return p
}

// versionState is "approved", "rejected" or nothing.
func versionState(v redact.Version) string {
	switch {
	case v.Rejected != nil:
		return "rejected"
	case v.Approved != nil:
		return "approved"
	}
	return ""
}

func planVersions(v redact.View) []planVersion {
	out := []planVersion{}
	for i := len(v.Versions) - 1; i >= 0; i-- {
		x := v.Versions[i]
		out = append(out, planVersion{N: x.Number, By: v.Names[x.Author], At: moment(x.CreatedAt), Note: x.Note, State: versionState(x)})
	}
	return out
}

// boot opens the page of each item for the island: from here on it can show working copies, and the record says so.
func (s *Server) planBoot(r *request, v redact.View, codes map[string]string) (planBoot, error) {
	b := planBoot{ID: v.ID, Title: v.Title, Head: v.Head, Plan: unsalted(v.Version.Body), Sources: []planSource{}, Versions: planVersions(v), Names: codes, Edit: v.MayEdit}
	for _, it := range v.Items {
		x := planSource{Item: it.ID, Ref: it.Reference(), MS: it.Duration.Milliseconds(), FPS: it.FrameRate, W: it.Width, H: it.Height, Difficulty: it.Difficulty, Micro: it.Micro}
		p, err := s.o.Reading.Item(r.Context(), r.reader, it.ID)
		if err != nil {
			return b, err
		}
		x.Visit = p.Visit
		for _, d := range p.Derivatives {
			if d.Kind != archive.DerivativeProxy || x.Proxy != nil {
				continue
			}
			x.Proxy = &planProxy{ID: d.ID, Meta: metaJSON(d.Meta)}
			var meta struct {
				Audio *bool `json:"audio"`
			}
			x.Sound = json.Unmarshal(x.Proxy.Meta, &meta) != nil || meta.Audio == nil || *meta.Audio
		}
		if v.MayEdit {
			list, err := s.sentences(r, it.ID, 1)
			if err != nil {
				return b, err
			}
			x.Words = len(list) > 0
		}
		b.Sources = append(b.Sources, x)
	}
	return b, nil
}

// planPage serves GET /plans/{plan}?a=VERSION&b=VERSION.
func (s *Server) planPage(w http.ResponseWriter, r *request) error {
	v, err := s.planAt(r)
	if err != nil {
		return err
	}
	return s.drawPlan(w, r, http.StatusOK, v, "", nil)
}

// drawPlan draws the page of a plan, with what went wrong if something did.
func (s *Server) drawPlan(w http.ResponseWriter, r *request, status int, v redact.View, code string, cause error) error {
	who := r.reader.Subject
	names := v.Names
	p := v.Version.Body
	out := template.Plan{
		PlanRow: s.planRow(r.Context(), v.Summary, names), By: s.nameOf(r.Context(), names, v.CreatedBy), Made: v.CreatedAt, Hide: p.Picture.Hide, Sound: p.Sound.Mode,
		Reasons: plan.Reasons(), SoundReasons: plan.SoundReasons(), MayEdit: v.MayEdit, MayApprove: v.MayApprove && v.Version.Approved == nil && v.Version.Rejected == nil,
		MayRender: v.MayRender, MayRelease: policy.Could(who, policy.EditRelease) && s.o.Release != nil, Error: code, Why: v.Why,
		Own: policy.Could(who, policy.ApprovePlan) && slices.Contains(v.Authors, who.Agent) && v.State != redact.StateDone,
	}
	if code != "" {
		act := r.PostForm.Get("act")
		if strings.HasSuffix(r.URL.Path, "/blockers") {
			act = "dismiss-" + r.PostForm.Get("n")
		}
		out.Typed = typed(r, act)
	}
	var invalid *plan.Invalid
	if errors.As(cause, &invalid) {
		for _, x := range invalid.Problems {
			out.Problems = append(out.Problems, template.PlanProblem(x))
		}
	}
	for _, x := range v.Problems {
		out.Notes = append(out.Notes, template.PlanProblem(x))
	}
	codes := s.protected(r, p)
	refs := make([]string, len(v.Items))
	for i, it := range v.Items {
		refs[i] = it.Reference()
		out.Sources = append(out.Sources, template.PlanSource{N: i + 1, Item: it.ID, Ref: refs[i], Duration: it.Duration})
	}
	ref := func(source int) string {
		if source < 0 || source >= len(refs) {
			return ""
		}
		return refs[source]
	}
	whom := func(id string) string {
		if id == "" {
			return ""
		}
		if c := codes[id]; c != "" {
			return c
		}
		return "?"
	}
	for i, c := range p.Cuts {
		out.Cuts = append(out.Cuts, template.PlanCut{N: i + 1, Ref: ref(c.Source), From: stamp(c.FromUS), To: stamp(c.ToUS)})
	}
	for i, t := range p.Tracks {
		out.Tracks = append(out.Tracks, template.PlanTrack{N: i + 1, ID: t.ID, Ref: ref(t.Source), Kind: string(t.Kind), Reveal: t.Reveal, Reason: t.Reason, Protects: whom(t.Protects),
			From: stamp(t.Keys[0].AtUS), To: stamp(t.Keys[len(t.Keys)-1].AtUS), UntilEnd: t.UntilEnd, Keys: len(t.Keys), Origin: t.Origin})
	}
	for i, x := range p.Sound.Spans {
		out.Spans = append(out.Spans, template.PlanSpan{N: i + 1, Ref: ref(x.Source), From: stamp(x.FromUS), To: stamp(x.ToUS), Do: x.Do, Reason: x.Reason, Protects: whom(x.Protects)})
	}
	for i := len(v.Versions) - 1; i >= 0; i-- {
		x := v.Versions[i]
		one := template.PlanVersion{N: x.Number, By: s.nameOf(r.Context(), names, x.Author), At: x.CreatedAt, Note: x.Note, State: versionState(x)}
		if d := cmpDecision(x); d != nil {
			one.DoneBy, one.Why = s.nameOf(r.Context(), names, d.Agent), d.Why
		}
		out.Versions = append(out.Versions, one)
	}
	for _, l := range v.Looks {
		out.Looks = append(out.Looks, template.PlanLook{By: s.nameOf(r.Context(), names, l.Agent), At: l.At})
	}
	check, err := s.o.Plan.Checks(r.Context(), who, v.ID, v.Head)
	switch {
	case err == nil:
		out.Check = planRun(check.Run)
		for _, b := range check.Blockers {
			one := template.PlanBlocker{N: b.Number, Kind: blockerKind(b.Kind), Thing: b.Thing, Warning: b.Warning, Ref: ref(b.Source), From: stamp(b.FromUS), To: stamp(b.ToUS), Reason: b.Reason, Done: !b.DismissedAt.IsZero()}
			if one.Done {
				one.By = s.nameOf(r.Context(), names, b.DismissedBy)
			}
			out.Blockers = append(out.Blockers, one)
		}
	case !errors.Is(err, archive.ErrNotFound):
		return err
	}
	found, err := s.o.Plan.Proposals(r.Context(), who, v.ID)
	if err != nil {
		return err
	}
	if found.Run != nil {
		out.Proposed = planRun(*found.Run)
	}
	for _, x := range found.List {
		out.Proposals = append(out.Proposals, template.PlanProposal{ID: x.ID, Ref: ref(x.Track.Source), Reason: x.Track.Reason, From: stamp(x.Track.Keys[0].AtUS),
			To: stamp(x.Track.Keys[len(x.Track.Keys)-1].AtUS), Detector: x.Detector, Percent: x.Score / 10})
	}
	rendered, err := s.o.Plan.Rendered(r.Context(), who, v.ID, v.Head)
	switch {
	case err == nil:
		out.Render = &template.PlanRender{State: rendered.State, Reason: rendered.Reason}
		for _, f := range rendered.Files {
			out.Render.Files = append(out.Render.Files, template.PlanFile{Name: f.Name, Height: f.Height, Bytes: f.Bytes, SHA256: hex.EncodeToString(f.SHA256[:])})
		}
	case !errors.Is(err, archive.ErrNotFound):
		return err
	}
	if a, b, ok := twoVersions(r.URL.Query().Get("a"), r.URL.Query().Get("b"), v.Head); ok {
		if out.Changes, err = s.changes(r, v, a, b); err != nil {
			return err
		}
		out.A, out.B = a, b
	}
	if out.Boot, err = s.planBoot(r, v, codes); err != nil {
		return err
	}
	s.draw(w, r, status, "plan", "plans", out)
	return nil
}

func cmpDecision(v redact.Version) *redact.Decision {
	if v.Rejected != nil {
		return v.Rejected
	}
	return v.Approved
}

func planRun(x redact.Run) *template.PlanRun {
	return &template.PlanRun{ID: x.ID, State: x.State, Percent: int(x.Progress * 100), Recipe: x.Recipe, Frames: x.Frames, Reason: x.Reason}
}

// blockerKind is the kind of a blocker as the key of its words.
func blockerKind(kind string) string { return strings.ReplaceAll(kind, " ", "_") }

func twoVersions(a, b string, head int) (x, y int, ok bool) {
	x, err := strconv.Atoi(a)
	y, err2 := strconv.Atoi(b)
	return x, y, err == nil && err2 == nil && x > 0 && y > 0 && x <= head && y <= head
}

// ---- changes in words

// changes says in the reader's language how one version differs from another.
func (s *Server) changes(r *request, v redact.View, a, b int) ([]string, error) {
	list, err := s.o.Plan.Diff(r.Context(), r.reader.Subject, v.ID, a, b)
	if err != nil {
		return nil, err
	}
	lang := r.lang
	if lang == "" {
		lang = s.language(r)
	}
	words := s.words.For(lang)
	out := []string{}
	for _, c := range list {
		text, err := changeText(words, c)
		if err != nil {
			return nil, err
		}
		out = append(out, text)
	}
	return out, nil
}

func changeText(words *locale.Catalogue, c plan.Change) (string, error) {
	word := func(prefix, code string) (string, error) {
		if key := prefix + "." + code; words.Has(key) {
			return words.T(key)
		}
		return code, nil
	}
	from, to := stamp(c.FromUS), stamp(c.ToUS)
	switch c.What {
	case plan.CutAdded, plan.CutRemoved, plan.CutChanged:
		return words.T("plans.change."+underscored(c.What), "n", c.Index+1, "from", from, "to", to)
	case plan.HideChanged:
		if c.Now == "true" {
			return words.T("plans.change.hide_on")
		}
		return words.T("plans.change.hide_off")
	case plan.SoundMode:
		if c.Now == plan.Keep {
			return words.T("plans.change.sound_keep")
		}
		return words.T("plans.change.sound_mute")
	case plan.SourcesChanged, plan.HeightsChanged:
		return words.T("plans.change."+underscored(c.What), "was", c.Was, "now", c.Now)
	case plan.TrackAdded, plan.TrackRemoved, plan.TrackMoved, plan.TrackChanged:
		what, err := word("plan.reason", c.Reason)
		if err != nil {
			return "", err
		}
		field, err := word("plans.field", c.Field)
		if err != nil {
			return "", err
		}
		return words.T("plans.change."+underscored(c.What), "what", what, "from", from, "field", field, "was", c.Was, "now", c.Now)
	case plan.SpanAdded, plan.SpanRemoved:
		what, err := word("plan.sreason", c.Reason)
		if err != nil {
			return "", err
		}
		do, err := word("plan.do", c.Now)
		if err != nil {
			return "", err
		}
		return words.T("plans.change."+underscored(c.What), "what", what, "do", do, "from", from, "to", to)
	}
	if key := "plans.change." + underscored(c.What); words.Has(key) {
		return words.T(key)
	}
	return c.What, nil
}

func underscored(s string) string { return strings.ReplaceAll(s, " ", "_") }

// ---- acts by form

// planForm reads the form of an act on a plan.
func (s *Server) planForm(r *request) (redact.View, url.Values, error) {
	if err := form(r); err != nil {
		return redact.View{}, nil, badForm(err)
	}
	v, err := s.planAt(r)
	return v, r.PostForm, err
}

// planActed leads on after an act, or says on the page of the plan why it was refused.
func (s *Server) planActed(w http.ResponseWriter, r *request, v redact.View, err error, notice string) error {
	if err == nil {
		return redirect(w, r, "/plans/"+v.ID, notice)
	}
	status, code := planRefusal(err)
	if code == "" {
		return err
	}
	now, found := s.planAt(r)
	if found != nil {
		return found
	}
	return s.drawPlan(w, r, status, now, code, err)
}

// errPlanField: a field of a form is not what it should be; the text is the code of the words.
type errPlanField string

func (e errPlanField) Error() string { return "field of a plan: " + string(e) }
func (errPlanField) Unwrap() error   { return archive.ErrInvalid }

// planEdit serves POST /plans/{plan}: base, act and its fields. Each act saves a version.
func (s *Server) planEdit(w http.ResponseWriter, r *request) error {
	v, f, err := s.planForm(r)
	if err != nil {
		return err
	}
	base, err := strconv.Atoi(f.Get("base"))
	if err != nil {
		return archive.ErrInvalid
	}
	if base != v.Head {
		return s.planActed(w, r, v, archive.Explain(archive.ErrConflict, redact.CodeConflict, ""), "") // what a line was called by may be another line now
	}
	next, err := s.edited(r, v, f)
	if field, ok := errors.AsType[errPlanField](err); ok {
		return s.drawPlan(w, r, http.StatusBadRequest, v, string(field), err)
	}
	if err == nil {
		_, err = s.o.Plan.Save(r.Context(), r.reader.Subject, v.ID, base, next, "")
	}
	return s.planActed(w, r, v, err, "plan-saved")
}

// edited is the newest version of a plan with one change.
func (s *Server) edited(r *request, v redact.View, f url.Values) (plan.Plan, error) {
	p := v.Version.Body
	p.Cuts, p.Tracks, p.Sound.Spans, p.Sources = slices.Clone(p.Cuts), slices.Clone(p.Tracks), slices.Clone(p.Sound.Spans), slices.Clone(p.Sources)
	number := func(name string, most int) (int, error) {
		n, err := strconv.Atoi(f.Get(name))
		if err != nil || n < 1 || n > most {
			return 0, fmt.Errorf("%w: there is no such line", archive.ErrInvalid)
		}
		return n - 1, nil
	}
	span := func() (source int, from, to int64, err error) {
		if source, err = number("source", len(v.Items)); err != nil {
			return 0, 0, 0, err
		}
		from, to, ok := spanIn(f, v.Items[source])
		if !ok {
			return 0, 0, 0, errPlanField("time")
		}
		return source, from, to, nil
	}
	switch f.Get("act") {
	case "cut-add":
		source, from, to, err := span()
		if err != nil {
			return p, err
		}
		p.Cuts = append(p.Cuts, plan.Cut{Source: source, FromUS: from, ToUS: to})
	case "cut-remove":
		n, err := number("n", len(p.Cuts))
		if err != nil {
			return p, err
		}
		p.Cuts = slices.Delete(p.Cuts, n, n+1)
	case "source-add":
		id := typedItem(f.Get("item"))
		if id == "" {
			return p, errPlanField("item")
		}
		it, err := s.o.Reading.Peek(r.Context(), r.reader, id)
		if errors.Is(err, archive.ErrNotFound) || errors.Is(err, archive.ErrForbidden) {
			return p, errPlanField("item")
		}
		if err != nil {
			return p, err
		}
		from, to, ok := spanIn(f, it.Item)
		if !ok {
			return p, errPlanField("time")
		}
		source := slices.Index(p.Sources, id)
		if source < 0 {
			source = len(p.Sources)
			p.Sources = append(p.Sources, id)
		}
		p.Cuts = append(p.Cuts, plan.Cut{Source: source, FromUS: from, ToUS: to})
	case "mask-add":
		source, from, to, err := span()
		if err != nil {
			return p, err
		}
		t := plan.Track{ID: archive.NewIDFrom(archive.PrefixTrack, s.o.Now(), randomSource), Source: source, Kind: plan.Kind(f.Get("kind")), Reason: f.Get("reason")}
		if t.Kind == "reveal" {
			t.Kind, t.Reveal = plan.Solid, true
		}
		var box [4]int
		for i, name := range []string{"x", "y", "w", "h"} {
			var ok bool
			if box[i], ok = millionthsIn(f.Get(name)); !ok {
				return p, errPlanField("figure")
			}
		}
		t.Keys = []plan.Key{{AtUS: from, Box: box}}
		if strings.TrimSpace(f.Get("to")) == "" {
			t.UntilEnd = true
		} else {
			t.Keys = append(t.Keys, plan.Key{AtUS: to, Box: box})
		}
		if code := strings.TrimSpace(f.Get("code")); code != "" {
			id, _, err := s.coded(r, code)
			if err != nil {
				return p, errPlanField("code")
			}
			t.Protects = id
		}
		p.Tracks = append(p.Tracks, t)
	case "mask-remove":
		n := slices.IndexFunc(p.Tracks, func(t plan.Track) bool { return t.ID == f.Get("track") })
		if n < 0 {
			return p, fmt.Errorf("%w: there is no such mask", archive.ErrInvalid)
		}
		p.Tracks = slices.Delete(p.Tracks, n, n+1)
	case "span-add":
		source, from, to, err := span()
		if err != nil {
			return p, err
		}
		p.Sound.Spans = append(p.Sound.Spans, plan.SoundSpan{Source: source, FromUS: from, ToUS: to, Do: f.Get("do"), Reason: f.Get("reason")})
	case "span-remove":
		n, err := number("n", len(p.Sound.Spans))
		if err != nil {
			return p, err
		}
		p.Sound.Spans = slices.Delete(p.Sound.Spans, n, n+1)
	case "whole":
		p.Sound.Mode = f.Get("sound")
		if p.Picture.Hide = f.Get("hide") == "yes"; !p.Picture.Hide {
			// Nothing is left to reveal.
			p.Tracks = slices.DeleteFunc(p.Tracks, func(t plan.Track) bool { return t.Reveal })
		}
	default:
		return p, fmt.Errorf("%w: there is no such act", archive.ErrInvalid)
	}
	return p, nil
}

// coded finds whom a code names, among those whom the reader may see.
func (s *Server) coded(r *request, code string) (id, found string, err error) {
	if s.o.Catalogue == nil || !policy.Could(r.reader.Subject, policy.ViewCatalogue) || len(code) > 60 {
		return "", "", archive.ErrNotFound
	}
	e, err := s.o.Catalogue.Entity(r.Context(), r.reader.Subject, code, r.lang)
	if err != nil {
		return "", "", archive.ErrNotFound
	}
	return e.ID, e.Code, nil
}

// planCheck serves POST /plans/{plan}/check.
func (s *Server) planCheck(w http.ResponseWriter, r *request) error {
	v, _, err := s.planForm(r)
	if err != nil {
		return err
	}
	_, err = s.o.Plan.Check(r.Context(), r.reader.Subject, v.ID)
	return s.planActed(w, r, v, err, "plan-checking")
}

// planPropose serves POST /plans/{plan}/propose.
func (s *Server) planPropose(w http.ResponseWriter, r *request) error {
	v, _, err := s.planForm(r)
	if err != nil {
		return err
	}
	_, err = s.o.Plan.Propose(r.Context(), r.reader.Subject, v.ID)
	return s.planActed(w, r, v, err, "plan-proposing")
}

// planProposals serves POST /plans/{plan}/proposals: act is take, take-all or dismiss, id a proposal, base the version that was shown.
func (s *Server) planProposals(w http.ResponseWriter, r *request) error {
	v, f, err := s.planForm(r)
	if err != nil {
		return err
	}
	id, act := f.Get("id"), f.Get("act")
	if act == "dismiss" {
		if archive.CheckID(archive.PrefixSuggestion, id) != nil {
			return archive.ErrInvalid // nothing named must not mean everything
		}
		_, err = s.o.Plan.DismissProposal(r.Context(), r.reader.Subject, v.ID, id)
		return s.planActed(w, r, v, err, "plan-saved")
	}
	base, err := strconv.Atoi(f.Get("base"))
	if err != nil || act != "take" && act != "take-all" {
		return archive.ErrInvalid
	}
	found, err := s.o.Plan.Proposals(r.Context(), r.reader.Subject, v.ID)
	if err != nil {
		return err
	}
	p := v.Version.Body
	p.Tracks = slices.Clone(p.Tracks)
	n := len(p.Tracks)
	for _, x := range found.List {
		if act == "take-all" || x.ID == id {
			p.Tracks = append(p.Tracks, x.Track)
		}
	}
	if len(p.Tracks) == n {
		return s.planActed(w, r, v, archive.Explain(archive.ErrConflict, redact.CodeConflict, ""), "")
	}
	_, err = s.o.Plan.Save(r.Context(), r.reader.Subject, v.ID, base, p, "")
	return s.planActed(w, r, v, err, "plan-saved")
}

// blockerOf makes sure that a check belongs to the plan of the address.
func (s *Server) blockerOf(r *request, v redact.View, check string) error {
	c, err := s.o.Plan.Checks(r.Context(), r.reader.Subject, v.ID, v.Head)
	if err != nil {
		return err
	}
	if c.ID != check {
		return archive.Explain(archive.ErrConflict, redact.CodeConflict, "")
	}
	return nil
}

// planBlocker serves POST /plans/{plan}/blockers: check, n and reason of what is dismissed.
func (s *Server) planBlocker(w http.ResponseWriter, r *request) error {
	v, f, err := s.planForm(r)
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(f.Get("n"))
	if err != nil {
		return archive.ErrInvalid
	}
	if err = s.blockerOf(r, v, f.Get("check")); err == nil {
		err = s.o.Plan.DismissBlocker(r.Context(), r.reader.Subject, f.Get("check"), n, f.Get("reason"))
	}
	return s.planActed(w, r, v, err, "plan-dismissed")
}

// planRender serves POST /plans/{plan}/render: version.
func (s *Server) planRender(w http.ResponseWriter, r *request) error {
	v, f, err := s.planForm(r)
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(f.Get("version"))
	if err != nil || n < 1 {
		return archive.ErrInvalid
	}
	_, err = s.o.Plan.Render(r.Context(), r.reader.Subject, v.ID, n)
	return s.planActed(w, r, v, err, "plan-rendering")
}

// ---- what the editor asks for

// problemJSON is a rule that a plan breaks, for a script.
type problemJSON struct {
	Path string `json:"path"`
	Code string `json:"code"`
	Text string `json:"text"`
}

// planSave serves POST /api/plans/{plan}: base, note, plan. What was saved meanwhile by somebody else is 409, with who; a plan that cannot be is
// 400, with what is wrong with it.
func (s *Server) planSave(w http.ResponseWriter, r *request) error {
	if s.o.Plan == nil {
		return archive.ErrNotFound
	}
	var in struct {
		Base int             `json:"base"`
		Note string          `json:"note"`
		Plan json.RawMessage `json:"plan"`
	}
	if err := noteBody(r, &in); err != nil {
		return err
	}
	id := r.PathValue("plan")
	if archive.CheckID(archive.PrefixPlan, id) != nil {
		return archive.ErrNotFound
	}
	p, err := plan.Parse(in.Plan)
	if err == nil {
		_, err = s.o.Plan.Save(r.Context(), r.reader.Subject, id, in.Base, p, in.Note)
	} else if _, look := s.o.Plan.Plan(r.Context(), r.reader.Subject, id); look != nil {
		return look // who may not see it is told nothing about what they sent
	}
	var invalid *plan.Invalid
	switch {
	case errors.As(err, &invalid):
		list := []problemJSON{}
		for _, x := range invalid.Problems {
			list = append(list, problemJSON(x))
		}
		return s.sendStatus(w, http.StatusBadRequest, map[string]any{"code": "invalid", "problems": list})
	case planCode(err) == redact.CodeConflict:
		v, err := s.o.Plan.Plan(r.Context(), r.reader.Subject, id)
		if err != nil {
			return err
		}
		return s.sendStatus(w, http.StatusConflict, map[string]any{"code": "conflict", "head": v.Head, "by": s.nameOf(r.Context(), v.Names, v.Author), "at": moment(v.ChangedAt)})
	case err != nil:
		return err
	}
	v, err := s.o.Plan.Plan(r.Context(), r.reader.Subject, id)
	if err != nil {
		return err
	}
	return s.sendValue(w, map[string]any{"version": v.Head, "versions": planVersions(v)})
}

func (s *Server) sendStatus(w http.ResponseWriter, status int, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write answer: %w", err)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(b) // the browser has gone: nothing to do about it
	return nil
}

// planState serves GET /api/plans/{plan}/state: how far the check and the proposals are.
func (s *Server) planState(w http.ResponseWriter, r *request) error {
	v, err := s.planAt(r)
	if err != nil {
		return err
	}
	type blockerJSON struct {
		N         int     `json:"n"`
		Source    int     `json:"source"`
		From      int64   `json:"from_us"`
		To        int64   `json:"to_us"`
		At        int64   `json:"at_us"`
		Kind      string  `json:"kind"`
		Thing     string  `json:"thing"`
		Grave     bool    `json:"grave"`
		Box       *[4]int `json:"box"`
		Dismissed string  `json:"dismissed"`
		By        string  `json:"by"`
	}
	type checkJSON struct {
		ID       string        `json:"id"`
		Version  int           `json:"version"`
		State    string        `json:"state"`
		Progress float64       `json:"progress"`
		Blockers []blockerJSON `json:"blockers"`
	}
	type proposalJSON struct {
		ID       string     `json:"id"`
		Track    plan.Track `json:"track"`
		Score    float64    `json:"score"`
		Detector string     `json:"detector"`
	}
	type proposalsJSON struct {
		Version  int            `json:"version"`
		State    string         `json:"state"`
		Progress float64        `json:"progress"`
		List     []proposalJSON `json:"list"`
	}
	var out struct {
		Check     *checkJSON     `json:"check"`
		Proposals *proposalsJSON `json:"proposals"`
	}
	c, err := s.o.Plan.Checks(r.Context(), r.reader.Subject, v.ID, v.Head)
	switch {
	case err == nil:
		out.Check = &checkJSON{ID: c.ID, Version: c.Version, State: c.State, Progress: c.Progress, Blockers: []blockerJSON{}}
		for _, b := range c.Blockers {
			one := blockerJSON{N: b.Number, Source: b.Source, From: b.FromUS, To: b.ToUS, At: b.AtUS, Kind: blockerKind(b.Kind), Thing: b.Thing, Grave: !b.Warning, Dismissed: b.Reason}
			if b.Box != [4]int{} {
				one.Box = &b.Box
			}
			if !b.DismissedAt.IsZero() {
				one.By = s.nameOf(r.Context(), v.Names, b.DismissedBy)
			}
			out.Check.Blockers = append(out.Check.Blockers, one)
		}
	case !errors.Is(err, archive.ErrNotFound):
		return err
	}
	found, err := s.o.Plan.Proposals(r.Context(), r.reader.Subject, v.ID)
	if err != nil {
		return err
	}
	if found.Run != nil || len(found.List) > 0 {
		out.Proposals = &proposalsJSON{List: []proposalJSON{}, State: "done"}
		if x := found.Run; x != nil {
			out.Proposals.Version, out.Proposals.State, out.Proposals.Progress = x.Version, x.State, x.Progress
		}
		for _, x := range found.List {
			out.Proposals.List = append(out.Proposals.List, proposalJSON{ID: x.ID, Track: x.Track, Score: float64(x.Score) / 1000, Detector: x.Detector})
		}
	}
	return s.sendValue(w, out)
}

// planAsked serves the acts that a script asks for by their address alone.
func (s *Server) planAsked(w http.ResponseWriter, r *request, act func(v redact.View) error) error {
	v, err := s.planAt(r)
	if err != nil {
		return err
	}
	if err := act(v); err != nil {
		return err
	}
	return sendJSON(w, []byte(`{"ok":true}`))
}

// planCheckAPI serves POST /api/plans/{plan}/check.
func (s *Server) planCheckAPI(w http.ResponseWriter, r *request) error {
	return s.planAsked(w, r, func(v redact.View) error {
		_, err := s.o.Plan.Check(r.Context(), r.reader.Subject, v.ID)
		return err
	})
}

// planProposeAPI serves POST /api/plans/{plan}/propose.
func (s *Server) planProposeAPI(w http.ResponseWriter, r *request) error {
	return s.planAsked(w, r, func(v redact.View) error {
		_, err := s.o.Plan.Propose(r.Context(), r.reader.Subject, v.ID)
		return err
	})
}

// planProposalsAPI serves POST /api/plans/{plan}/proposals: id of one that is not wanted.
func (s *Server) planProposalsAPI(w http.ResponseWriter, r *request) error {
	var in struct {
		ID string `json:"id"`
	}
	if err := noteBody(r, &in); err != nil {
		return err
	}
	return s.planAsked(w, r, func(v redact.View) error {
		if archive.CheckID(archive.PrefixSuggestion, in.ID) != nil {
			return archive.ErrInvalid // nothing named must not mean everything
		}
		_, err := s.o.Plan.DismissProposal(r.Context(), r.reader.Subject, v.ID, in.ID)
		return err
	})
}

// planBlockerAPI serves POST /api/plans/{plan}/blockers: check, n, reason.
func (s *Server) planBlockerAPI(w http.ResponseWriter, r *request) error {
	var in struct {
		Check  string `json:"check"`
		N      int    `json:"n"`
		Reason string `json:"reason"`
	}
	if err := noteBody(r, &in); err != nil {
		return err
	}
	return s.planAsked(w, r, func(v redact.View) error {
		if err := s.blockerOf(r, v, in.Check); err != nil {
			return err
		}
		return s.o.Plan.DismissBlocker(r.Context(), r.reader.Subject, in.Check, in.N, in.Reason)
	})
}

// planDiffAPI serves GET /api/plans/{plan}/diff/{from}/{to}.
func (s *Server) planDiffAPI(w http.ResponseWriter, r *request) error {
	v, err := s.planAt(r)
	if err != nil {
		return err
	}
	a, b, ok := twoVersions(r.PathValue("from"), r.PathValue("to"), v.Head)
	if !ok {
		return archive.ErrNotFound
	}
	list, err := s.changes(r, v, a, b)
	if err != nil {
		return err
	}
	return s.sendValue(w, map[string]any{"changes": list})
}

// sentence is one of a transcript. Times are microseconds.
type sentence struct {
	From int64  `json:"from"`
	To   int64  `json:"to"`
	Text string `json:"text"`
}

// sentences gives what is said in an item, as far as it is known and the reader may see it.
func (s *Server) sentences(r *request, item string, limit int) ([]sentence, error) {
	out := []sentence{}
	if s.o.Transcript == nil {
		return out, nil
	}
	p, err := s.o.Transcript.Words(r.Context(), r.reader.Subject, item, transcript.Query{Limit: limit})
	if errors.Is(err, archive.ErrNotFound) || errors.Is(err, archive.ErrForbidden) || err == nil && p.Track.Kind != archive.TextTranscript {
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	for _, l := range p.Lines {
		out = append(out, sentence{From: l.From.Microseconds(), To: l.To.Microseconds(), Text: l.Text})
	}
	return out, nil
}

// planWordsAPI serves GET /api/plans/{plan}/words/{source}.
func (s *Server) planWordsAPI(w http.ResponseWriter, r *request) error {
	v, err := s.planAt(r)
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(r.PathValue("source"))
	if err != nil || n < 0 || n >= len(v.Items) {
		return archive.ErrNotFound
	}
	list, err := s.sentences(r, v.Items[n].ID, 5000)
	if err != nil {
		return err
	}
	return s.sendValue(w, map[string]any{"sentences": list})
}

// planWhomAPI serves POST /api/plans/protects: code. It is posted, so that no code stands in an address.
func (s *Server) planWhomAPI(w http.ResponseWriter, r *request) error {
	var in struct {
		Code string `json:"code"`
	}
	if err := noteBody(r, &in); err != nil {
		return err
	}
	id, code, err := s.coded(r, strings.TrimSpace(in.Code))
	if err != nil {
		return err
	}
	return s.sendValue(w, map[string]string{"id": id, "code": code})
}

// mayRedact says whether the page of an item offers a plan.
func (s *Server) mayRedact(r *request, it archive.Item) bool {
	return s.o.Plan != nil && it.Kind == archive.KindVideo && policy.Decide(r.reader.Subject, policy.EditPlan, policy.ItemObject(it)).Allow
}
