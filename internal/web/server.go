package web

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/alexedwards/scs/v2"

	"zapis/internal/account"
	"zapis/internal/anchor"
	"zapis/internal/archive"
	"zapis/internal/knowledge/exchange"
	"zapis/internal/policy"
	"zapis/internal/proof"
	"zapis/internal/reading"
	"zapis/internal/web/locale"
	"zapis/internal/web/template"
)

// TransparencyLog is what the pages ask about the log; *anchor.Service.
type TransparencyLog interface {
	Status(ctx context.Context, o anchor.StatusOptions) (anchor.Status, error)
}

// Statements is what the pages ask about what was stated; *proof.Service. It asks policy itself.
type Statements interface {
	Scopes(ctx context.Context, who policy.Subject) ([]proof.Scope, error)
	Clips(ctx context.Context, who policy.Subject, scope string) ([]proof.Clip, error)
}

// Options of New. Account, Reading and Origin are needed.
type Options struct {
	Account    *account.Service
	Reading    *reading.Service
	Log        TransparencyLog   // nil: the pages say that there is none
	Proof      Statements        // nil: nothing was stated
	Erase      Eraser            // nil: nothing can be erased here
	Catalogue  Catalogue         // nil: there is no catalogue here
	Machine    MachineRoom       // nil: nothing that machines found
	Copies     CopyRoom          // nil: nothing is known of copies
	Transcript TranscriptRoom    // nil: no words of items
	Note       NoteRoom          // nil: no notes
	Testimony  Testimonies       // nil: no testimony
	Identity   Identities        // nil: nobody is asked who stands behind a code
	Search     SearchRoom        // nil: nothing can be searched here
	Exchange   *exchange.Service // nil: nothing comes in or goes out
	Plan       PlanRoom          // nil: nothing is redacted here
	Release    ReleaseRoom       // nil: nothing is let out here
	Match      MatchRoom         // nil: nobody says which release a file is from
	Grade      GradeRoom         // nil: nobody says how hard an item is to watch
	// Compartments of the catalogue, which the page of accounts grants; nil: there is no catalogue.
	Compartments Compartments
	Origin       string // under which people reach the workspace: https://archive.example, or http:// and a loopback address
	// InsecureHTTP allows plain http under a name that is not a loopback: whoever listens on the way reads everything.
	InsecureHTTP bool
	Version      string

	Logger *slog.Logger     // nil: silent
	Now    func() time.Time // nil: time.Now
	Assets fs.FS            // nil: the embedded web part
	// Poll is how often a page that is kept up to date is looked at; 0: one second.
	Poll time.Duration
}

// ErrInsecure: the origin is plain http and no loopback.
var ErrInsecure = errors.New("plain http would be read by whoever listens on the way; give an https origin, or --insecure-http")

// Server is the workspace. Its Handler is safe for concurrent use.
type Server struct {
	o        Options
	origin   *url.URL
	https    bool
	hosts    []string
	sessions *scs.SessionManager
	assets   *assets
	pages    *template.Set
	words    locale.Set
	routes   []route
	api      http.Handler
	openapi  []byte
	handler  http.Handler

	done    chan struct{} // closed when streams must end
	closing sync.Once
	streams streams
	paces   paces
	uploads uploads
	// importing lets one import run at a time.
	importing chan struct{}
	// matching lets one file be held against the releases at a time.
	matching chan struct{}
	outside  struct { // what does not change while the server runs
		sync.Mutex
		witnesses witnesses
	}
}

// CheckOrigin refuses an origin that is malformed, or plain http on anything but a loopback address.
func CheckOrigin(origin string, insecure bool) (*url.URL, error) {
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return nil, fmt.Errorf("%w: an origin looks like https://archive.example", archive.ErrInvalid)
	}
	u.Path = ""
	if u.Scheme == "http" && !insecure && !loopback(u.Hostname()) && !onion(u.Hostname()) {
		return nil, ErrInsecure
	}
	return u, nil
}

// onion says whether a host is an onion service, to which the way is encrypted and the name is the key.
func onion(host string) bool { return strings.HasSuffix(strings.ToLower(host), ".onion") }

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// CheckListen refuses to listen beyond the loopback without an origin that people reach over https.
func CheckListen(address, origin string, insecure bool) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("%w: an address to listen on looks like 127.0.0.1:8420", archive.ErrInvalid)
	}
	if loopback(host) {
		return nil
	}
	if origin == "" {
		if insecure {
			return fmt.Errorf("%w: the address under which people reach the workspace is needed (--origin)", archive.ErrInvalid)
		}
		return ErrInsecure
	}
	u, err := CheckOrigin(origin, insecure)
	if err != nil {
		return err
	}
	if u.Scheme != "https" && !insecure {
		return ErrInsecure
	}
	return nil
}

// New parses every page and catalogue, and mounts every route. Anything amiss in them is an error here and not later.
func New(o Options) (*Server, error) {
	if o.Account == nil || o.Reading == nil {
		return nil, fmt.Errorf("web: %w: account and reading are needed", archive.ErrInvalid)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	o.Poll = cmp.Or(o.Poll, time.Second)
	origin, err := CheckOrigin(o.Origin, o.InsecureHTTP)
	if err != nil {
		return nil, err
	}
	if o.Assets == nil {
		if o.Assets, err = fs.Sub(embedded, "asset"); err != nil {
			return nil, fmt.Errorf("open assets: %w", err)
		}
	}
	s := &Server{o: o, origin: origin, https: origin.Scheme == "https", hosts: hostsOf(origin), done: make(chan struct{}), importing: make(chan struct{}, 1), matching: make(chan struct{}, 1)}
	if s.assets, err = loadAssets(o.Assets); err != nil {
		return nil, err
	}
	if s.words, err = locale.Load(); err != nil {
		return nil, fmt.Errorf("load languages: %w", err)
	}
	if s.pages, err = template.Load(s.words, s.assets.addresses); err != nil {
		return nil, fmt.Errorf("load pages: %w", err)
	}
	s.sessions = s.newSessions()
	if s.api, s.openapi, err = s.newAPI(); err != nil {
		return nil, err
	}
	s.routes = s.surface()
	if err := checkRoutes(s.routes); err != nil {
		return nil, err
	}
	s.handler = s.chain(s.mux())
	return s, nil
}

// Handler serves the workspace.
func (s *Server) Handler() http.Handler { return s.handler }

// Close ends streams that are open, so that the server can stop.
func (s *Server) Close() { s.closing.Do(func() { close(s.done) }) }

// LinkURL writes the address of a one-time link.
func (s *Server) LinkURL(token string) string { return s.origin.String() + "/sign-in/link/" + token }

// Origin is the address of the workspace.
func (s *Server) Origin() string { return s.origin.String() }

// Built says whether the web part is built in.
func (s *Server) Built() bool { return s.assets.built() }

// Limits of requests.
const (
	maxBody     = 64 << 10         // bytes of a form or of JSON
	maxHeader   = 32 << 10         // bytes of all headers
	readTimeout = 30 * time.Second // for a whole request
	// stallTimeout is how long one write to a browser may stand still. There is no limit for a whole answer, since a film takes
	// as long as it takes.
	stallTimeout = 60 * time.Second
)

// HTTPServer gives a server with the limits of the workspace. Its base context and listener are the caller's.
func (s *Server) HTTPServer() *http.Server {
	srv := &http.Server{
		Handler: s.handler, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: readTimeout, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: maxHeader,
		// What net/http has to say names addresses; it is kept from the operator's logger on purpose.
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
	}
	srv.RegisterOnShutdown(s.Close)
	return srv
}

// chain puts around the mux what every request passes through, outermost first.
func (s *Server) chain(mux http.Handler) http.Handler {
	cross := http.NewCrossOriginProtection()
	_ = cross.AddTrustedOrigin(s.origin.String()) // its form was checked by CheckOrigin
	cross.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "refused: the request comes from another site", http.StatusForbidden)
	}))
	var h http.Handler = mux
	h = cross.Handler(h)
	h = s.ownHost(h)
	h = s.secure(h)
	h = s.limits(h)
	return h
}

// limits bounds bodies, and lets no write stand still for ever.
func (s *Server) limits(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		limit := int64(maxBody)
		if takesFiles(r) {
			limit = maxUpload
		} else if takesPlan(r) {
			limit = maxPlanBody
		} else if takesText(r) {
			limit = maxReleaseForm
		}
		r.Body = http.MaxBytesReader(w, r.Body, limit)
		next.ServeHTTP(&pacedWriter{ResponseWriter: w, control: http.NewResponseController(w)}, r)
	})
}

// pacedWriter gives each write its own time.
type pacedWriter struct {
	http.ResponseWriter
	control *http.ResponseController
	last    time.Time
}

// Unwrap is for http.ResponseController.
func (w *pacedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *pacedWriter) Write(p []byte) (int, error) {
	if now := time.Now(); now.Sub(w.last) > stallTimeout/10 {
		_ = w.control.SetWriteDeadline(now.Add(stallTimeout)) // not known in tests
		w.last = now
	}
	return w.ResponseWriter.Write(p)
}

// request is one request with what is known about who asks.
type request struct {
	*http.Request
	id         string // for the operator and the error page
	route      *route
	account    account.Account // zero when nobody is signed in
	reader     reading.Reader
	lang       string
	bearer     *account.Bearer // who came with a token
	since      time.Time       // when the person proved who they are
	hadSession bool            // a session cookie came that opens nothing any more
}

// signedIn says whether somebody is.
func (r *request) signedIn() bool { return r.reader.SignedIn() }

type requestKey struct{}

// requestOf gives the request that a handler of the API runs in.
func requestOf(ctx context.Context) *request {
	r, _ := ctx.Value(requestKey{}).(*request)
	return r
}

// statusWriter remembers what was answered.
type statusWriter struct {
	http.ResponseWriter
	status  int
	written int64
}

// Unwrap is for http.ResponseController.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(p)
	w.written += int64(n)
	return n, err
}

// localPath gives a path on this server that came from outside, or another. Only a plain path is taken: two slashes or a
// backslash at the beginning lead elsewhere.
func localPath(next, otherwise string) string {
	if len(next) > 2048 || !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.ContainsAny(next, "\\\x00\r\n\t") {
		return otherwise
	}
	u, err := url.Parse(next)
	if err != nil || u.Host != "" || u.Scheme != "" || strings.HasPrefix(u.Path, "//") || strings.Contains(u.Path, "\\") {
		return otherwise
	}
	for _, p := range []string{"/sign-in", "/sign-out", "/away", "/setup", "/api/", "/d/"} {
		if u.Path == strings.TrimSuffix(p, "/") || strings.HasPrefix(u.Path, p) {
			return otherwise
		}
	}
	return u.RequestURI()
}

func urlQuery(s string) string { return url.QueryEscape(s) }

// knownLanguage says whether the workspace speaks a language.
func knownLanguage(code string) bool {
	return slices.ContainsFunc(locale.Languages, func(l locale.Language) bool { return l.Code == code })
}
