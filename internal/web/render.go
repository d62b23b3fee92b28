package web

import (
	"bytes"
	"net/http"
	"strconv"

	"zapis/internal/policy"
	"zapis/internal/web/template"
)

// sections are the entries of the rail, in their order, with the action that shows them.
var sections = []struct {
	name   string
	action policy.Action
}{
	{"archive", policy.Browse}, {"incidents", policy.ViewCatalogue}, {"places", policy.ViewCatalogue}, {"persons", policy.ViewCatalogue}, {"testimonies", policy.ViewCatalogue}, {"plans", policy.ViewPlan}, {"releases", policy.ViewRelease}, {"search", policy.Search}, {"accessions", policy.ListAccessions}, {"coverage", policy.Browse}, {"import", policy.Import}, {"export", policy.Export}, {"proof", policy.ViewHealth}, {"jobs", policy.ViewJobs}, {"health", policy.ViewHealth}, {"people", policy.ManagePeople},
}

// notices are the codes that may be asked for in an address after a redirect; the words are in the catalogue.
var notices = map[string]bool{
	"claim-made": true, "claim-restored": true, "claim-retracted": true, "dissent-made": true, "entity-filed": true, "entity-made": true, "finding-made": true, "graded": true, "graded-away": true, "merge-made": true, "merge-undone": true,
	"cancelled": true, "clock-confirmed": true, "clock-day": true, "clock-dismissed": true, "clock-late": true, "clock-undone": true, "closed": true, "import-undone": true, "token-revoked": true, "copy-confirmed": true, "copy-dismissed": true, "copy-late": true, "copy-undone": true, "erasure-asked": true, "erasure-done": true, "erasure-withdrawn": true, "identity-erased": true, "opened": true, "passkey": true, "passkey-removed": true, "password": true, "plan-approved": true, "plan-checking": true, "plan-dismissed": true, "plan-made": true, "plan-proposing": true, "plan-rejected": true, "plan-rendering": true, "plan-saved": true, "release-correcting": true, "release-embargoed": true, "release-made": true, "release-published": true, "release-signed": true, "release-withdrawn": true, "retried": true, "role": true,
	"saved": true, "search-restored": true, "search-saved": true, "sessions": true, "withdrawn": true, "words-asked": true, "words-chosen": true, "words-corrected": true, "words-late": true,
}

// view fills in what every page has.
func (s *Server) view(r *request, section string, page any) template.View {
	v := template.View{Lang: r.lang, Scheme: "dark", Path: r.URL.Path, Section: section, Page: page}
	if v.Lang == "" {
		v.Lang = s.language(r)
	}
	if q := r.URL.RawQuery; q != "" && r.Method == http.MethodGet && section != "" {
		v.Path = localPath(r.URL.RequestURI(), r.URL.Path)
	}
	if r.signedIn() {
		v.Me = &template.Me{Name: r.account.Name, Role: string(r.account.Role)}
		if c := r.account.Preferences.Scheme; c != "" {
			v.Scheme = c
		}
		for _, sec := range sections {
			if policy.Could(r.reader.Subject, sec.action) {
				v.Nav = append(v.Nav, sec.name)
			}
		}
	}
	if n := r.URL.Query().Get("done"); r.Method == http.MethodGet && notices[n] {
		v.Notice = n
	}
	return v
}

// draw renders a page whole and then sends it. A page that does not draw is an error of ours and says so in plain text.
func (s *Server) draw(w http.ResponseWriter, r *request, status int, page, section string, data any) {
	var b bytes.Buffer
	if err := s.pages.Render(&b, page, s.view(r, section, data)); err != nil {
		s.o.Logger.ErrorContext(r.Context(), "page does not draw", "incident", r.id, "route", r.route.pattern(), "error", err)
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = w.Write([]byte("This page cannot be drawn. For the administrator: " + r.id + "\n"))
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(b.Len()))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(b.Bytes()) // the browser has gone: nothing to do about it
	}
}

// page draws a page of the workspace.
func (s *Server) page(w http.ResponseWriter, r *request, name, section string, data any) error {
	s.draw(w, r, http.StatusOK, name, section, data)
	return nil
}

// redirect sends the browser on after a form, with a notice to show once.
func redirect(w http.ResponseWriter, r *request, to, notice string) error {
	if notice != "" {
		to += sep(to) + "done=" + urlQuery(notice)
	}
	http.Redirect(w, r.Request, to, http.StatusSeeOther)
	return nil
}

// typed keeps what a form said that was not taken, for the page that says why.
func typed(r *request, act string) template.Typed {
	t := template.Typed{Act: act, Fields: map[string]string{}}
	for name := range r.PostForm {
		t.Fields[name] = r.PostForm.Get(name)
	}
	return t
}

// form reads a form body.
func form(r *request) error {
	return r.ParseForm()
}
