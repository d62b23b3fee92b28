package web

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"zapis/internal/archive"
	"zapis/internal/policy"
)

var randomSource io.Reader = rand.Reader

// kind says how a route answers, above all when it must refuse.
type kind string

const (
	kindPage  kind = "page"  // HTML; without sign-in to the sign-in page
	kindAPI   kind = "api"   // JSON; without sign-in 401
	kindData  kind = "data"  // bytes; without sign-in 401
	kindAsset kind = "asset" // built files; the same for everybody
)

// route is one address of the workspace.
type route struct {
	Method string
	Path   string
	Action policy.Action // what package policy decides about, before the handler and again in the activity
	Kind   kind
	About  string // for docs/reference/routes.md
	handle func(w http.ResponseWriter, r *request) error
}

func (r *route) pattern() string {
	if r == nil {
		return ""
	}
	return r.Method + " " + r.Path
}

// surface is the whole of it. What is not here does not exist; a test compares it with what answers.
func (s *Server) surface() []route {
	return slices.Concat(s.coreRoutes(), s.catalogueRoutes(), s.testimonyRoutes(), s.searchRoutes(), s.noteRoutes(), s.transcriptRoutes(), s.machineRoutes(), s.copyRoutes(), s.exchangeRoutes(), s.releaseRoutes(), s.planRoutes(), s.gradeRoutes())
}

// coreRoutes are the archive, the machine room and the accounts.
func (s *Server) coreRoutes() []route {
	page, data := kindPage, kindData
	return []route{
		{"GET", "/{$}", policy.Enter, page, "leads to the archive", s.home},

		// Coming in and leaving.
		{"GET", "/sign-in", policy.Enter, page, "sign-in form", s.signInForm},
		{"POST", "/sign-in", policy.Enter, page, "sign in with name, password and code", s.signIn},
		{"GET", "/sign-in/link/{token}", policy.Enter, page, "landing of a one-time link; uses nothing up", s.linkForm},
		{"POST", "/sign-in/link/{token}", policy.Enter, page, "sign in with a one-time link, which uses it up", s.linkUse},
		{"POST", "/sign-out", policy.Enter, page, "end this session", s.signOut},
		{"GET", "/setup", policy.ManageSelf, page, "choose how to sign in from now on", s.setupForm},
		{"POST", "/setup", policy.ManageSelf, page, "set name, password and second factor", s.setup},
		{"GET", "/away", policy.Enter, page, "the calm page, without script", s.away},

		// The archive.
		{"GET", "/archive", policy.Browse, page, "archive browser", s.archivePage},
		{"GET", "/items/{item}", policy.ViewItem, page, "one item; records that its page was opened", s.itemPage},
		{"GET", "/items/{item}/custody", policy.ViewCustody, page, "every act on one item", s.custodyPage},
		{"GET", "/accessions", policy.ListAccessions, page, "accessions", s.accessionsPage},
		{"GET", "/accessions/{accession}", policy.ViewAccession, page, "one accession with its progress", s.accessionPage},
		{"GET", "/accessions/{accession}/receipt", policy.ViewAccession, data, "signed receipt of a closed accession, JSON", s.receipt},
		{"GET", "/d/{derivative}", policy.Look, data, "bytes of a working copy, in ranges; records that it was seen", s.derivative},
		{"GET", "/i/{item}/look", policy.Look, data, "first still of an item; records that it was seen", s.look},

		// What others can check.
		{"GET", "/proof", policy.ViewHealth, page, "transparency log: checkpoints, witnesses, times, statements; what is missing", s.proofPage},

		// Erasing. Who asked cannot agree; the activity makes sure of that.
		{"GET", "/erasures", policy.RequestErasure, page, "erasures that wait, and earlier ones", s.erasuresPage},
		{"POST", "/items/{item}/erasure", policy.RequestErasure, page, "ask that an item be erased; needs a fresh sign-in", s.eraseRequest},
		{"POST", "/erasures/{erasure}/approve", policy.ApproveErasure, page, "agree to an erasure and carry it out; needs a fresh sign-in", s.eraseApprove},
		{"POST", "/erasures/{erasure}/withdraw", policy.RequestErasure, page, "call off an erasure that nobody agreed to; needs a fresh sign-in", s.eraseWithdraw},
		{"POST", "/erasures/{erasure}/run", policy.ApproveErasure, page, "finish an erasure that broke off; needs a fresh sign-in", s.eraseRun},

		// The machine room.
		{"GET", "/jobs", policy.ViewJobs, page, "jobs", s.jobsPage},
		{"POST", "/jobs/{job}/retry", policy.ManageJobs, page, "let a job run again", s.jobRetry},
		{"POST", "/jobs/{job}/cancel", policy.ManageJobs, page, "call a job off", s.jobCancel},
		{"GET", "/health", policy.ViewHealth, page, "state of vault, record, disks, workers", s.healthPage},

		// Accounts.
		{"GET", "/people", policy.ManagePeople, page, "accounts and roles", s.peoplePage},
		{"POST", "/people", policy.ManagePeople, page, "invite, change role or scope, give a new link, close, open", s.people},
		{"GET", "/me", policy.ManageSelf, page, "one's own account", s.mePage},
		{"POST", "/me", policy.ManageSelf, page, "change language, colours, password, passkeys, sessions", s.me},

		// What scripts ask for.
		{"GET", "/api/items", policy.Browse, kindAPI, "a page of items with their micro-thumbnails", s.viaAPI},
		{"GET", "/api/items/{item}", policy.ViewItem, kindAPI, "facts and working copies of one item", s.viaAPI},
		{"GET", "/api/items/{item}/lanes", policy.Look, kindAPI, "scenes, motion, sound, black and silence over time", s.viaAPI},
		{"GET", "/api/days", policy.Browse, kindAPI, "items per day", s.viaAPI},
		{"GET", "/api/facets", policy.Browse, kindAPI, "items per value of each filter", s.viaAPI},
		{"GET", "/api/accessions/{accession}", policy.ViewAccession, kindAPI, "tally of one accession", s.viaAPI},
		{"GET", "/api/events", policy.Browse, kindAPI, "server-sent events: accessions, jobs", s.events},
		{"GET", "/api/openapi.json", policy.ManageSelf, kindAPI, "description of this API, OpenAPI 3.1", s.openAPI},
		{"POST", "/api/passkey/register/begin", policy.ManageSelf, kindAPI, "options to make a passkey", s.passkeyRegisterBegin},
		{"POST", "/api/passkey/register/finish", policy.ManageSelf, kindAPI, "add the passkey that was made", s.passkeyRegisterFinish},
		{"POST", "/api/passkey/sign-in/begin", policy.Enter, kindAPI, "options to sign in with a passkey", s.passkeySignInBegin},
		{"POST", "/api/passkey/sign-in/finish", policy.Enter, kindAPI, "sign in with a passkey", s.passkeySignInFinish},

		{"GET", "/asset/{name...}", policy.Enter, kindAsset, "built files under hashed names", s.showAsset},
	}
}

// checkRoutes refuses a surface with a route that nobody decides about.
func checkRoutes(routes []route) error {
	seen := map[string]bool{}
	for _, r := range routes {
		switch {
		case r.handle == nil || r.About == "":
			return fmt.Errorf("route %s is not whole", r.pattern())
		case !slices.Contains(policy.Actions(), r.Action):
			return fmt.Errorf("route %s has no action that policy knows", r.pattern())
		case seen[r.pattern()]:
			return fmt.Errorf("route %s is declared twice", r.pattern())
		case r.Method != http.MethodGet && r.Method != http.MethodPost:
			return fmt.Errorf("route %s: only GET and POST are used", r.pattern())
		}
		seen[r.pattern()] = true
	}
	return nil
}

// mux mounts the surface and, for every other address, one answer.
func (s *Server) mux() http.Handler {
	m := http.NewServeMux()
	for i := range s.routes {
		m.Handle(s.routes[i].pattern(), s.serve(&s.routes[i]))
	}
	absent := func(_ http.ResponseWriter, _ *request) error { return archive.ErrNotFound }
	// Without an answer of its own, a path above a declared one would lead on to it.
	for path, k := range map[string]kind{
		"/": kindPage, "/api": kindAPI, "/api/": kindAPI, "/d": kindData, "/d/": kindData, "/i": kindData, "/i/": kindData, "/asset": kindAsset,
	} {
		m.Handle(path, s.serve(&route{Method: "*", Path: path, Action: policy.Enter, Kind: k, About: "everything else", handle: absent}))
	}
	return m
}

// serve runs one route: who asks, may they at all, the handler, the answer to its error, one line for the operator.
func (s *Server) serve(rt *route) http.Handler {
	run := http.HandlerFunc(func(w http.ResponseWriter, hr *http.Request) {
		start := s.o.Now()
		sw := &statusWriter{ResponseWriter: w}
		r := &request{Request: hr, id: incidentID(start), route: rt}
		r.Request = hr.WithContext(context.WithValue(hr.Context(), requestKey{}, r))
		defer func() {
			s.o.Logger.InfoContext(hr.Context(), "request", "incident", r.id, "route", rt.pattern(), "status", sw.status, "bytes", sw.written,
				"ms", s.o.Now().Sub(start).Milliseconds(), "agent", r.account.ID)
		}()
		defer s.recovered(sw, r)
		if err := s.authorise(r); err != nil {
			s.fail(sw, r, err)
			return
		}
		if rt.Kind != kindPage {
			sw.Header().Set("Content-Security-Policy", dataPolicy)
		}
		if err := rt.handle(sw, r); err != nil {
			if sw.status != 0 {
				// Bytes are on their way: the only honest thing left is to break off.
				if !errors.Is(err, context.Canceled) {
					s.o.Logger.ErrorContext(hr.Context(), "answer broken off", "incident", r.id, "route", rt.pattern(), "error", err)
				}
				panic(http.ErrAbortHandler)
			}
			s.fail(sw, r, err)
		}
	})
	if rt.Kind == kindAsset {
		return run // the same for everybody: no session is looked at
	}
	return s.sessions.LoadAndSave(run)
}

// authorise asks policy whether this person could do this to anything at all. About the thing itself the activity asks.
func (s *Server) authorise(r *request) error {
	if r.route.Kind == kindAsset {
		return nil
	}
	if err := s.identify(r); err != nil {
		return err
	}
	if r.may(r.route.Action) {
		return nil
	}
	if !r.signedIn() {
		return errSignIn
	}
	return archive.ErrNotFound
}

// incidentID names one request towards the operator.
func incidentID(now time.Time) string {
	return strings.TrimPrefix(archive.NewIDFrom("rq", now, randomSource), "rq_")[10:]
}
