package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"zapis/internal/account"
	"zapis/internal/archive"
	"zapis/internal/catalogue"
	"zapis/internal/knowledge/exchange"
	"zapis/internal/policy"
	"zapis/internal/web/template"
)

// Files that are to be taken in are held in memory and nowhere else, for an hour, for who sent them.
const (
	maxUpload   = 64 << 20
	maxHeld     = 256 << 20
	uploadLife  = time.Hour
	uploadRead  = 10 * time.Minute // for a file on a slow line
	maxReported = 20_000           // rows of a report that is kept
	previewRows = 5
)

// takesFiles says whether an address takes files, which may be larger than forms.
func takesFiles(r *http.Request) bool {
	return r.Method == http.MethodPost && (r.URL.Path == "/import" || r.URL.Path == "/api/v1/imports" || r.URL.Path == "/match" || strings.HasPrefix(r.URL.Path, "/items/") && strings.HasSuffix(r.URL.Path, "/words"))
}

// upload is one file that is held.
type upload struct {
	id    string
	owner string
	at    time.Time
	raw   []byte
	sum   [32]byte
	ftm   bool

	mu      sync.Mutex
	mapping exchange.Mapping
	running bool
	counts  exchange.Counts
	out     *exchange.Imported
	fault   string // why the last run stopped, in words
	report  []exchange.RowReport
	cut     bool // there were more rows than the report keeps
}

// uploads are the files that are held, and the imports that are being undone.
type uploads struct {
	sync.Mutex
	all     map[string]*upload
	undoing map[string]*undoing
}

// undoing is an import that is being undone. It may take minutes and goes on when nobody waits for it.
type undoing struct {
	owner string
	begun time.Time
	done  chan struct{} // closed at the end; then err holds

	mu  sync.Mutex
	far exchange.Undone
	err error
}

// undoWait is how long a page or program waits for an import to be undone before it is told that it goes on.
const undoWait = 8 * time.Second

// undo begins to undo an import, unless its owner does so already.
func (s *Server) undo(r *request, id string) *undoing {
	who := r.reader.Subject
	s.uploads.Lock()
	defer s.uploads.Unlock()
	if x := s.uploads.undoing[id]; x != nil && x.owner == who.Agent {
		return x
	}
	x := &undoing{owner: who.Agent, begun: s.o.Now(), done: make(chan struct{})}
	if s.uploads.undoing == nil {
		s.uploads.undoing = map[string]*undoing{}
	}
	// Of an import of somebody else nothing is shown, and undoing it is refused below.
	key := id
	if s.uploads.undoing[id] != nil {
		key = who.Agent + " " + id
	}
	s.uploads.undoing[key] = x
	ctx, cancel := s.behind(r)
	go func() {
		defer cancel()
		_, err := s.o.Exchange.Undo(ctx, who, id, func(u exchange.Undone) {
			x.mu.Lock()
			x.far = u
			x.mu.Unlock()
		})
		if err != nil && rowText(err) == "" && !errors.Is(err, archive.ErrNotFound) && !errors.Is(err, archive.ErrForbidden) {
			s.o.Logger.ErrorContext(ctx, "undoing an import stopped", "import", id, "error", err)
		}
		x.mu.Lock()
		x.err = err
		x.mu.Unlock()
		s.uploads.Lock()
		delete(s.uploads.undoing, key)
		s.uploads.Unlock()
		close(x.done)
	}()
	return x
}

// wait waits for a while and says whether it came to the end.
func (x *undoing) wait(ctx context.Context) (bool, exchange.Undone, error) {
	t := time.NewTimer(undoWait)
	defer t.Stop()
	ended := false
	select {
	case <-x.done:
		ended = true
	case <-t.C:
	case <-ctx.Done():
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	return ended, x.far, x.err
}

// behind gives a context for what goes on when the request has ended, until the server stops.
func (s *Server) behind(r *request) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(r.Context()))
	go func() {
		select {
		case <-s.done:
		case <-ctx.Done():
		}
		cancel()
	}()
	return ctx, cancel
}

func (u *uploads) put(x *upload, now time.Time) error {
	u.Lock()
	defer u.Unlock()
	if u.all == nil {
		u.all = map[string]*upload{}
	}
	held := 0
	mine := 0
	for id, y := range u.all {
		y.mu.Lock()
		old := !y.running && now.Sub(y.at) > uploadLife
		y.mu.Unlock()
		if old {
			delete(u.all, id)
			continue
		}
		held += len(y.raw)
		if y.owner == x.owner {
			mine++
		}
	}
	if mine >= 3 { // the oldest of one's own gives way
		var oldest *upload
		for _, y := range u.all {
			y.mu.Lock()
			busy := y.running
			y.mu.Unlock()
			if y.owner == x.owner && !busy && (oldest == nil || y.at.Before(oldest.at)) {
				oldest = y
			}
		}
		if oldest != nil {
			delete(u.all, oldest.id)
			held -= len(oldest.raw)
		}
	}
	if held+len(x.raw) > maxHeld {
		return archive.Explain(fmt.Errorf("hold file: %w", archive.ErrBusy), "Too many files are being looked at just now.", "Try again in an hour, or at the command line.")
	}
	u.all[x.id] = x
	return nil
}

func (u *uploads) get(id, owner string) (*upload, error) {
	u.Lock()
	defer u.Unlock()
	x := u.all[id]
	if x == nil || x.owner != owner {
		return nil, archive.ErrNotFound
	}
	return x, nil
}

// importPage serves GET /import.
func (s *Server) importPage(w http.ResponseWriter, r *request) error {
	return s.drawImport(w, r, http.StatusOK, template.Import{})
}

func (s *Server) drawImport(w http.ResponseWriter, r *request, status int, v template.Import) error {
	if s.o.Exchange == nil {
		return archive.ErrNotFound
	}
	list, err := s.o.Exchange.Imports(r.Context(), r.reader.Subject, 50)
	if err != nil {
		return err
	}
	for _, i := range list {
		row := template.ImportRow{ID: i.ID, At: i.CreatedAt, Format: i.Format, State: i.State, Created: i.Created, Updated: i.Updated, Unchanged: i.Unchanged, Refused: i.Refused}
		if i.State != "undone" && !i.UndoAt.IsZero() {
			row.State = "half"
		}
		s.uploads.Lock()
		x := s.uploads.undoing[i.ID]
		s.uploads.Unlock()
		if x != nil && x.owner == r.reader.Subject.Agent {
			row.State = "undoing"
			x.mu.Lock()
			row.Taken, row.Claims = x.far.Retracted+x.far.Beyond, x.far.Claims
			x.mu.Unlock()
			if since := s.o.Now().Sub(x.begun); since > time.Second && row.Taken > 0 {
				row.Pace = int64(float64(row.Taken) / since.Seconds())
				row.Left = int64(float64(row.Claims-row.Taken)/float64(row.Taken)*since.Minutes()) + 1
			}
		}
		v.List = append(v.List, row)
	}
	s.draw(w, r, status, "import", "import", v)
	return nil
}

// importUpload serves POST /import. The form is read part by part: the library would put a large file on disk.
func (s *Server) importUpload(w http.ResponseWriter, r *request) error {
	if s.o.Exchange == nil {
		return archive.ErrNotFound
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(uploadRead)) // not known in tests
	parts, err := r.MultipartReader()
	if err != nil {
		return fmt.Errorf("%w: a form with a file was expected", archive.ErrInvalid)
	}
	for {
		p, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return s.drawImport(w, r, http.StatusBadRequest, template.Import{Error: "file"})
		}
		if err != nil {
			return badForm(err)
		}
		if p.FormName() != "file" {
			continue
		}
		raw, err := io.ReadAll(p)
		if err != nil {
			return badForm(err)
		}
		if len(raw) == 0 {
			return s.drawImport(w, r, http.StatusBadRequest, template.Import{Error: "file"})
		}
		x := &upload{id: archive.NewIDFrom("up", s.o.Now(), randomSource), owner: r.reader.Subject.Agent, at: s.o.Now(), raw: raw, ftm: exchange.IsFtM(raw[:min(len(raw), 512)])}
		if x.sum, _, err = exchange.Digest(bytes.NewReader(raw)); err != nil {
			return err
		}
		if !x.ftm {
			t, err := exchange.OpenTable(bytes.NewReader(raw), int64(len(raw)), exchange.TableOptions{})
			if err != nil {
				return s.importRefused(w, r, err)
			}
			x.mapping = exchange.Propose(t.Header(), "")
			if err := t.Close(); err != nil {
				return err
			}
		}
		if err := s.uploads.put(x, s.o.Now()); err != nil {
			return s.importRefused(w, r, err)
		}
		return redirect(w, r, "/import/"+x.id, "")
	}
}

// importRefused shows why a file is not taken.
func (s *Server) importRefused(w http.ResponseWriter, r *request, err error) error {
	if public, ok := errors.AsType[*archive.Public](err); ok {
		return s.drawImport(w, r, problemOf(err).status, template.Import{Error: "refused", Text: public.Text, Hint: public.Hint})
	}
	if errors.Is(err, archive.ErrInvalid) {
		return s.drawImport(w, r, http.StatusBadRequest, template.Import{Error: "refused", Text: rowText(err)})
	}
	return err
}

// rowText gives the words of an error about a row, which hold its number and nothing of the file but the name of a column.
func rowText(err error) string {
	if p, ok := errors.AsType[*archive.Public](err); ok {
		return strings.TrimSpace(p.Text + " " + p.Hint)
	}
	if errors.Is(err, archive.ErrInvalid) || errors.Is(err, archive.ErrConflict) {
		return err.Error()
	}
	return ""
}

// importShow serves GET /import/{upload}.
func (s *Server) importShow(w http.ResponseWriter, r *request) error {
	if s.o.Exchange == nil {
		return archive.ErrNotFound
	}
	x, err := s.uploads.get(r.PathValue("upload"), r.reader.Subject.Agent)
	if err != nil {
		return err
	}
	return s.drawUpload(w, r, http.StatusOK, x, "")
}

func (s *Server) drawUpload(w http.ResponseWriter, r *request, status int, x *upload, problem string) error {
	x.mu.Lock()
	v := template.ImportFile{
		ID: x.id, FtM: x.ftm, Size: int64(len(x.raw)), Running: x.running, Fault: x.fault, Problem: problem, Kind: string(x.mapping.Kind), Certainty: string(x.mapping.Certain),
		Source: x.mapping.Source, Lang: x.mapping.Lang, Update: x.mapping.Update, Cut: x.cut, Counts: template.ImportCounts(x.counts),
	}
	m := x.mapping
	if x.out != nil {
		v.Done, v.Dry, v.Import, v.Others = true, x.out.DryRun, x.out.ID, x.out.Others
	}
	for _, row := range x.report {
		if row.Outcome == exchange.Refused && len(v.Refusals) < 100 {
			v.Refusals = append(v.Refusals, template.ImportRefusal{Row: row.Row, Column: row.Column, Reason: row.Reason, Text: row.Text})
		}
	}
	x.mu.Unlock()
	if m.Key != nil {
		v.Key, v.KeyBy, v.KeySource = m.Key.Column, m.Key.By, m.Key.Source
	}
	for _, k := range catalogue.Kinds() {
		v.Kinds = append(v.Kinds, string(k.Kind))
	}
	if !x.ftm {
		t, err := exchange.OpenTable(bytes.NewReader(x.raw), int64(len(x.raw)), exchange.TableOptions{})
		if err != nil {
			return s.importRefused(w, r, err)
		}
		about := t.About()
		v.Format, v.Encoding, v.Guessed, v.Separator, v.Sheet = about.Format, about.Encoding, about.Guessed, about.Separator, about.Sheet
		for _, h := range t.Header() {
			c := template.ImportColumn{Name: h}
			for _, mc := range m.Columns {
				if mc.Column == h {
					c.Means = mc.Property
					if mc.As != "" {
						c.Means = "=" + mc.As
					}
				}
			}
			v.Columns = append(v.Columns, c)
		}
		for range previewRows {
			cells, _, err := t.Next()
			if err != nil {
				break
			}
			for i := range v.Columns {
				v.Columns[i].Examples = append(v.Columns[i].Examples, clip(cells[i], 80))
			}
		}
		if err := t.Close(); err != nil {
			return err
		}
		if k, ok := catalogue.KindOf(m.Kind); ok {
			for _, p := range k.Properties {
				v.Properties = append(v.Properties, p.Name)
			}
			_, v.Coordinates = k.Property("geo")
		}
	}
	if s.o.Catalogue != nil {
		list, err := s.o.Catalogue.Compartments(r.Context(), r.reader.Subject)
		if err != nil {
			return err
		}
		for _, c := range list {
			v.Compartments = append(v.Compartments, template.Choice{Value: c.ID, Label: c.Name})
		}
	}
	s.draw(w, r, status, "import_file", "import", v)
	return nil
}

// clip shortens a text to so many characters.
func clip(text string, n int) string {
	r := []rune(text)
	if len(r) <= n {
		return text
	}
	return string(r[:n]) + "…"
}

// importRun serves POST /import/{upload}: act is kind (another kind of entity: the columns are proposed anew), dry or run.
func (s *Server) importRun(w http.ResponseWriter, r *request) error {
	if s.o.Exchange == nil {
		return archive.ErrNotFound
	}
	x, err := s.uploads.get(r.PathValue("upload"), r.reader.Subject.Agent)
	if err != nil {
		return err
	}
	if err := form(r); err != nil {
		return badForm(err)
	}
	get := r.PostForm.Get
	here := "/import/" + x.id
	act := get("act")
	if !slices.Contains([]string{"kind", "dry", "run"}, act) {
		return archive.ErrInvalid
	}
	if !x.ftm {
		t, err := exchange.OpenTable(bytes.NewReader(x.raw), int64(len(x.raw)), exchange.TableOptions{})
		if err != nil {
			return s.importRefused(w, r, err)
		}
		header := t.Header()
		if err := t.Close(); err != nil {
			return err
		}
		kind := archive.EntityKind(get("kind"))
		if _, ok := catalogue.KindOf(kind); !ok {
			return archive.ErrInvalid
		}
		x.mu.Lock()
		if x.running {
			x.mu.Unlock()
			return redirect(w, r, here, "")
		}
		if act == "kind" || kind != x.mapping.Kind {
			x.mapping, x.out, x.fault = exchange.Propose(header, kind), nil, ""
			x.mu.Unlock()
			return redirect(w, r, here, "")
		}
		x.mapping = mappingForm(r, header, kind, x.mapping)
		check := x.mapping
		x.mu.Unlock()
		raw, err := json.Marshal(check)
		if err != nil {
			return fmt.Errorf("read mapping: %w", err)
		}
		if _, err := exchange.ParseMapping(bytes.NewReader(raw)); err != nil {
			return s.drawUpload(w, r, http.StatusBadRequest, x, rowText(err))
		}
	}
	if act == "run" {
		if err := s.fresh(r); err != nil {
			return err
		}
	}
	o := importAsk{dry: act == "dry", compartment: get("compartment"), into: get("into") == "yes", source: get("ftm_source"), certainty: archive.Certainty(get("ftm_certainty"))}
	x.mu.Lock()
	if x.running {
		x.mu.Unlock()
		return redirect(w, r, here, "")
	}
	x.running, x.out, x.fault, x.report, x.cut, x.counts = true, nil, "", nil, false, exchange.Counts{}
	x.mu.Unlock()
	// It may take minutes; the page shows how far it is. When the server stops it breaks off, and goes on when it is asked for again.
	ctx, cancel := s.behind(r)
	who := r.reader.Subject
	go func() {
		defer cancel()
		out, err := s.importNow(ctx, who, x, o)
		x.mu.Lock()
		defer x.mu.Unlock()
		x.running, x.out, x.counts = false, &out, out.Counts
		if err != nil {
			if x.fault = rowText(err); x.fault == "" {
				x.fault = "-"
				s.o.Logger.ErrorContext(ctx, "import stopped", "import", out.ID, "error", err)
			}
		}
	}()
	return redirect(w, r, here, "")
}

// importAsk is what the form says beside the mapping.
type importAsk struct {
	dry, into           bool
	compartment, source string
	certainty           archive.Certainty
}

// importNow takes a file in that is held.
func (s *Server) importNow(ctx context.Context, who policy.Subject, x *upload, a importAsk) (out exchange.Imported, err error) {
	// Nobody stands behind this who would catch it, and a file that breaks its reader must not break the server. What it panicked with may
	// quote the file.
	defer func() {
		if recover() != nil {
			err = errors.New("the import broke down")
		}
	}()
	select { // one after the other: they hold memory, and the database
	case s.importing <- struct{}{}:
		defer func() { <-s.importing }()
	case <-ctx.Done():
		return exchange.Imported{}, ctx.Err()
	}
	report := exchange.ReporterFunc(func(row exchange.RowReport) error {
		x.mu.Lock()
		defer x.mu.Unlock()
		if len(x.report) >= maxReported {
			x.cut = true
			return nil
		}
		x.report = append(x.report, row)
		return nil
	})
	progress := func(c exchange.Counts) {
		x.mu.Lock()
		x.counts = c
		x.mu.Unlock()
	}
	if x.ftm {
		return s.o.Exchange.ImportFtM(ctx, who, bytes.NewReader(x.raw), exchange.FtMOptions{
			Compartment: a.compartment, Into: a.into, Source: a.source, Certainty: a.certainty, SHA256: x.sum, DryRun: a.dry, Report: report, Progress: progress,
			Compartments: policy.Could(who, policy.ManageCompartment),
		})
	}
	t, err := exchange.OpenTable(bytes.NewReader(x.raw), int64(len(x.raw)), exchange.TableOptions{})
	if err != nil {
		return exchange.Imported{}, err
	}
	defer t.Close()
	x.mu.Lock()
	m := x.mapping
	x.mu.Unlock()
	return s.o.Exchange.ImportTable(ctx, who, t, exchange.ImportOptions{Mapping: m, Compartment: a.compartment, SHA256: x.sum, DryRun: a.dry, Report: report, Progress: progress})
}

// mappingForm reads what the columns mean: means.N is a property, "=" and another meaning, or nothing. What the form cannot say of a column
// stays as it was proposed.
func mappingForm(r *request, header []string, kind archive.EntityKind, was exchange.Mapping) exchange.Mapping {
	get := r.PostForm.Get
	m := exchange.Mapping{Version: 1, Kind: kind, Update: get("update"), Certain: archive.Certainty(get("certainty")), Lang: strings.TrimSpace(get("lang")), Source: strings.TrimSpace(get("source"))}
	k, _ := catalogue.KindOf(kind)
	for i, h := range header {
		means := get("means." + strconv.Itoa(i))
		if means == "" {
			continue
		}
		c := exchange.Column{Column: h}
		for _, old := range was.Columns {
			if old.Column == h && (old.Property == means || "="+old.As == means) {
				c = old
			}
		}
		if as, ok := strings.CutPrefix(means, "="); ok {
			c.As = as
		} else if c.Property == "" {
			c.Property = means
			if p, ok := k.Property(means); ok && p.Type == catalogue.TypeRef {
				c.Refer = &exchange.Refer{By: "name", Create: true}
				if len(p.Refers) > 0 {
					c.Refer.Kind = p.Refers[0]
				}
			}
		}
		if order := get("dates"); order == "dmy" || order == "mdy" {
			c.Dates = order
		}
		m.Columns = append(m.Columns, c)
	}
	if column := get("key"); column != "" {
		m.Key = &exchange.Key{Column: column, By: get("key_by"), Source: strings.TrimSpace(get("key_source"))}
		if m.Key.By != "code" && m.Key.Source == "" {
			m.Key.Source = "table"
		}
	}
	return m
}

// importReport serves GET /import/{upload}/report.
func (s *Server) importReport(w http.ResponseWriter, r *request) error {
	if s.o.Exchange == nil {
		return archive.ErrNotFound
	}
	x, err := s.uploads.get(r.PathValue("upload"), r.reader.Subject.Agent)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	report, flush := exchange.CSVReport(&b)
	x.mu.Lock()
	rows := slices.Clone(x.report)
	x.mu.Unlock()
	for _, row := range rows {
		if err := report.Report(row); err != nil {
			return err
		}
	}
	if err := flush(); err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "text/csv; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="zapis-import-report.csv"`)
	_, _ = w.Write(b.Bytes()) // the browser has gone: nothing to do about it
	return nil
}

// importUndo serves POST /imports/{import}/undo.
func (s *Server) importUndo(w http.ResponseWriter, r *request) error {
	if s.o.Exchange == nil {
		return archive.ErrNotFound
	}
	if err := s.fresh(r); err != nil {
		return err
	}
	switch ended, _, err := s.undo(r, r.PathValue("import")).wait(r.Context()); {
	case err != nil:
		return err
	case ended:
		return redirect(w, r, "/import", "import-undone")
	}
	return redirect(w, r, "/import", "import-undoing")
}

// exportPage serves GET /export.
func (s *Server) exportPage(w http.ResponseWriter, r *request) error {
	return s.drawExport(w, r, http.StatusOK, template.Export{Format: exchange.FormatFtM})
}

func (s *Server) drawExport(w http.ResponseWriter, r *request, status int, v template.Export) error {
	if s.o.Exchange == nil || s.o.Catalogue == nil {
		return archive.ErrNotFound
	}
	list, err := s.o.Exchange.Exports(r.Context(), r.reader.Subject, 50)
	if err != nil {
		return err
	}
	for _, e := range list {
		v.List = append(v.List, template.ExportRow{ID: e.ID, At: e.At, Format: e.Kind, Purpose: e.Purpose, Audience: e.Audience, LeftOut: e.LeftOut})
	}
	for _, x := range []struct {
		name string
		to   *[]template.Choice
	}{{"purpose", &v.Purposes}, {"audience", &v.Audiences}} {
		terms, err := s.o.Catalogue.Vocabulary(r.Context(), x.name)
		if err != nil {
			return err
		}
		for _, t := range terms {
			if t.Retired {
				continue
			}
			*x.to = append(*x.to, template.Choice{Value: t.Code, Label: t.Label(r.lang)})
		}
	}
	v.Formats = exchange.Formats()
	s.draw(w, r, status, "export", "export", v)
	return nil
}

// exportSend serves POST /export.
func (s *Server) exportSend(w http.ResponseWriter, r *request) error {
	if s.o.Exchange == nil || s.o.Catalogue == nil {
		return archive.ErrNotFound
	}
	if err := form(r); err != nil {
		return badForm(err)
	}
	if err := s.fresh(r); err != nil {
		return err
	}
	get := r.PostForm.Get
	ask := exchange.Ask{Format: get("format"), Purpose: get("purpose"), Audience: get("audience")}
	ready, err := s.o.Exchange.Prepare(r.Context(), r.reader.Subject, ask)
	if errors.Is(err, archive.ErrInvalid) {
		return s.drawExport(w, r, http.StatusBadRequest, template.Export{Format: ask.Format, Purpose: ask.Purpose, Audience: ask.Audience, Error: true})
	}
	if err != nil {
		return err
	}
	return s.sendExport(w, r, ready)
}

// sendExport records an export and sends it.
func (s *Server) sendExport(w http.ResponseWriter, r *request, ready *exchange.Ready) error {
	media, extension := exchange.MediaType(ready.Format)
	out := &announced{w: w, before: func() {
		h := w.Header()
		h.Set("Content-Security-Policy", dataPolicy)
		h.Set("Content-Type", media)
		h.Set("Content-Length", strconv.FormatInt(ready.Size, 10))
		h.Set("Content-Disposition", `attachment; filename="zapis-`+ready.ID+extension+`"`)
		h.Set("Zapis-Export", ready.ID)
		h.Set("Zapis-Left-Out", strconv.FormatInt(ready.Left(), 10))
		w.WriteHeader(http.StatusOK)
	}}
	if err := ready.Send(r.Context(), out); err != nil {
		return err
	}
	out.once.Do(out.before) // nothing was written: an empty file is a file too, and says what was left out
	return nil
}

// announced sends the headers of a file before its first byte and not earlier: until then it may be refused.
type announced struct {
	w      http.ResponseWriter
	before func()
	once   sync.Once
}

func (a *announced) Write(p []byte) (int, error) {
	a.once.Do(a.before)
	return a.w.Write(p)
}

type (
	importedJSON struct {
		Import    string       `json:"import,omitempty"`
		DryRun    bool         `json:"dryRun"`
		Created   int64        `json:"created"`
		Updated   int64        `json:"updated"`
		Unchanged int64        `json:"unchanged"`
		Refused   int64        `json:"refused"`
		Others    int64        `json:"others"`
		From      int64        `json:"from,omitempty"`
		Encoding  string       `json:"encoding,omitempty"`
		Guessed   bool         `json:"guessed,omitempty"`
		Mapping   any          `json:"mapping,omitempty" doc:"as it was proposed"`
		Rows      []reportJSON `json:"rows" doc:"rows that were refused, the first thousand"`
		Stopped   string       `json:"stopped,omitempty" doc:"why it did not come to the end, with the row"`
	}
	reportJSON struct {
		Row    int64  `json:"row"`
		Column string `json:"column,omitempty"`
		Reason string `json:"reason"`
		Text   string `json:"text"`
	}
	importJSON struct {
		ID        string `json:"id"`
		Format    string `json:"format"`
		State     string `json:"state"`
		Created   int64  `json:"created"`
		Updated   int64  `json:"updated"`
		Unchanged int64  `json:"unchanged"`
		Refused   int64  `json:"refused"`
		At        string `json:"at"`
	}
	importsJSON struct {
		Imports []importJSON `json:"imports"`
	}
	undoneJSON struct {
		Retracted int64 `json:"retracted"`
		Restored  int64 `json:"restored"`
		Emptied   int64 `json:"emptied" doc:"entities that the import made and of which nothing is said any more"`
		Beyond    int64 `json:"beyond"`
		GoesOn    bool  `json:"goesOn,omitempty" doc:"it takes longer and goes on; ask again"`
	}
	askJSON struct {
		Format      string   `json:"format" doc:"ftm, huridocs, geojson"`
		Purpose     string   `json:"purpose"`
		Audience    string   `json:"audience"`
		Kinds       []string `json:"kinds,omitempty"`
		Compartment *string  `json:"compartment,omitempty"`
		History     *bool    `json:"history,omitempty"`
	}
	exportJSON struct {
		ID       string `json:"id"`
		Format   string `json:"format"`
		Purpose  string `json:"purpose"`
		Audience string `json:"audience"`
		At       string `json:"at"`
		LeftOut  int64  `json:"leftOut"`
	}
	exportsJSON struct {
		Exports []exportJSON `json:"exports"`
	}
)

// apiImports serves GET /api/v1/imports.
func (s *Server) apiImports(w http.ResponseWriter, r *request) error {
	if s.o.Exchange == nil {
		return archive.ErrNotFound
	}
	list, err := s.o.Exchange.Imports(r.Context(), r.reader.Subject, 1000)
	if err != nil {
		return err
	}
	out := importsJSON{Imports: []importJSON{}}
	for _, i := range list {
		out.Imports = append(out.Imports, importJSON{i.ID, i.Format, i.State, i.Created, i.Updated, i.Unchanged, i.Refused, moment(i.CreatedAt)})
	}
	return s.reply(w, r, out)
}

// apiImport serves POST /api/v1/imports: the body is the file.
func (s *Server) apiImport(w http.ResponseWriter, r *request) error {
	if s.o.Exchange == nil {
		return archive.ErrNotFound
	}
	if r.bearer == nil && r.Header.Get("Content-Type") != "application/octet-stream" {
		return archive.Explain(fmt.Errorf("%w: content type", archive.ErrInvalid), "A body of type application/octet-stream was expected.", "")
	}
	get := r.URL.Query().Get
	dry := get("run") != "yes"
	var m exchange.Mapping
	if text := get("mapping"); text != "" {
		var err error
		if m, err = exchange.ParseMapping(strings.NewReader(text)); err != nil {
			return err
		}
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(uploadRead)) // not known in tests
	select {
	case s.importing <- struct{}{}:
		defer func() { <-s.importing }()
	default:
		return archive.ErrBusy
	}
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return badForm(err)
	}
	sum, _, err := exchange.Digest(bytes.NewReader(raw))
	if err != nil {
		return err
	}
	out := importedJSON{Rows: []reportJSON{}, DryRun: dry}
	report := exchange.ReporterFunc(func(x exchange.RowReport) error {
		if x.Outcome == exchange.Refused && len(out.Rows) < 1000 {
			out.Rows = append(out.Rows, reportJSON{x.Row, x.Column, x.Reason, x.Text})
		}
		return nil
	})
	var done exchange.Imported
	if exchange.IsFtM(raw[:min(len(raw), 512)]) {
		done, err = s.o.Exchange.ImportFtM(r.Context(), r.reader.Subject, bytes.NewReader(raw), exchange.FtMOptions{
			Compartment: get("compartment"), Into: get("into") == "yes", Source: get("source"), SHA256: sum, DryRun: dry, Report: report})
	} else {
		t, terr := exchange.OpenTable(bytes.NewReader(raw), int64(len(raw)), exchange.TableOptions{Encoding: get("encoding"), Separator: get("separator"), Sheet: get("sheet")})
		if terr != nil {
			return terr
		}
		defer t.Close()
		if m.Version == 0 {
			if !dry {
				return archive.Explain(fmt.Errorf("%w: mapping", archive.ErrInvalid), "What the columns mean must be said.", "A dry run without a mapping answers with one that is proposed.")
			}
			m = exchange.Propose(t.Header(), archive.EntityKind(get("kind")))
			out.Mapping = m
		}
		done, err = s.o.Exchange.ImportTable(r.Context(), r.reader.Subject, t, exchange.ImportOptions{Mapping: m, Compartment: get("compartment"), SHA256: sum, DryRun: dry, Report: report})
	}
	if err != nil {
		if out.Stopped = rowText(err); out.Stopped == "" || done.Rows() == 0 {
			return err
		}
	}
	out.Import, out.Created, out.Updated, out.Unchanged, out.Refused, out.Others, out.From = done.ID, done.Created, done.Updated, done.Unchanged, done.Refused, done.Others, done.From
	out.Encoding, out.Guessed = done.About.Encoding, done.About.Guessed
	return s.reply(w, r, out)
}

// apiImportUndo serves POST /api/v1/imports/{import}/undo.
func (s *Server) apiImportUndo(w http.ResponseWriter, r *request) error {
	if s.o.Exchange == nil {
		return archive.ErrNotFound
	}
	ended, u, err := s.undo(r, r.PathValue("import")).wait(r.Context())
	if err != nil {
		return err
	}
	return s.reply(w, r, undoneJSON{u.Retracted, u.Restored, u.Emptied, u.Beyond, !ended})
}

// apiExports serves GET /api/v1/exports.
func (s *Server) apiExports(w http.ResponseWriter, r *request) error {
	if s.o.Exchange == nil {
		return archive.ErrNotFound
	}
	list, err := s.o.Exchange.Exports(r.Context(), r.reader.Subject, 1000)
	if err != nil {
		return err
	}
	out := exportsJSON{Exports: []exportJSON{}}
	for _, e := range list {
		out.Exports = append(out.Exports, exportJSON{e.ID, e.Kind, e.Purpose, e.Audience, moment(e.At), e.LeftOut})
	}
	return s.reply(w, r, out)
}

// apiExport serves POST /api/v1/exports.
func (s *Server) apiExport(w http.ResponseWriter, r *request) error {
	if s.o.Exchange == nil {
		return archive.ErrNotFound
	}
	var in askJSON
	if err := readJSON(r, &in); err != nil {
		return err
	}
	ask := exchange.Ask{Format: in.Format, Purpose: in.Purpose, Audience: in.Audience, Compartment: in.Compartment, History: in.History}
	for _, k := range in.Kinds {
		ask.Kinds = append(ask.Kinds, archive.EntityKind(k))
	}
	ready, err := s.o.Exchange.Prepare(r.Context(), r.reader.Subject, ask)
	if err != nil {
		return err
	}
	return s.sendExport(w, r, ready)
}

// tokens serves POST /me/tokens: act is make or revoke.
func (s *Server) tokens(w http.ResponseWriter, r *request) error {
	if err := form(r); err != nil {
		return badForm(err)
	}
	if err := s.fresh(r); err != nil {
		return err
	}
	get := r.PostForm.Get
	switch get("act") {
	case "make":
		days, err := strconv.Atoi(get("days"))
		if err != nil || days < 1 || days > 366 {
			return archive.ErrInvalid
		}
		d := account.TokenDraft{Label: get("label"), Actions: r.PostForm["allow"], Life: time.Duration(days) * 24 * time.Hour}
		if get("which") == "some" {
			d.Compartments = append([]string{}, r.PostForm["compartment"]...)
		}
		t, err := s.o.Account.NewToken(r.Context(), r.reader.Subject, d)
		switch {
		case errors.Is(err, account.ErrName):
			return s.drawMe(w, r, http.StatusBadRequest, "name")
		case errors.Is(err, archive.ErrInvalid):
			return s.drawMeWith(w, r, http.StatusBadRequest, "", template.Tokens{Error: "allow"})
		case errors.Is(err, archive.ErrConflict):
			return s.drawMeWith(w, r, http.StatusConflict, "", template.Tokens{Error: "many"})
		case err != nil:
			return err
		}
		// The token is shown in this answer and nowhere else: a redirect would have to carry it.
		return s.drawMeWith(w, r, http.StatusOK, "", template.Tokens{Secret: t.Secret, Until: t.ExpiresAt})
	case "revoke":
		if err := s.o.Account.RevokeToken(r.Context(), r.reader.Subject, get("token")); err != nil {
			return err
		}
		return redirect(w, r, "/me", "token-revoked")
	}
	return archive.ErrInvalid
}

// tokenView fills in what the page of one's own account shows of tokens.
func (s *Server) tokenView(r *request, v template.Tokens) (template.Tokens, error) {
	list, err := s.o.Account.Tokens(r.Context(), r.reader.Subject)
	if err != nil {
		return v, err
	}
	now := s.o.Now()
	for _, t := range list {
		state := "stands"
		switch {
		case !t.RevokedAt.IsZero():
			state = "revoked"
		case !t.Stands(now):
			state = "expired"
		}
		if state != "stands" && now.Sub(t.ExpiresAt) > 30*24*time.Hour {
			continue
		}
		v.List = append(v.List, template.Token{ID: t.ID, Label: t.Label, Actions: t.Actions, Some: t.Compartments != nil, Until: t.ExpiresAt, UsedOn: t.UsedOn, State: state})
	}
	v.Actions = account.TokenActions()
	if s.o.Catalogue != nil && policy.Could(r.reader.Subject, policy.ViewCatalogue) {
		held, err := s.o.Catalogue.Compartments(r.Context(), r.reader.Subject)
		if err != nil {
			return v, err
		}
		for _, c := range held {
			v.Compartments = append(v.Compartments, template.Choice{Value: c.ID, Label: c.Name})
		}
		v.Common = policy.ScopeOf(r.reader.Subject).Sees(archive.Common)
	}
	return v, nil
}
