package release

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"zapis/internal/archive"
	"zapis/internal/policy"
	"zapis/internal/redact/plan"
	"zapis/internal/release/bundle"
	"zapis/internal/store"
)

// Codes of the gates, in the order of the checklist.
const (
	GatePlan       = "plan"       // the plan was approved by somebody who did not write it
	GateGaps       = "gaps"       // the check for gaps has no open blocker
	GateLook       = "look"       // somebody else stepped through it
	GateFiles      = "files"      // the rendered files are there, as recorded
	GateMetadata   = "metadata"   // nothing is in them but picture and sound
	GateConsent    = "consent"    // what people said may be published
	GatePeople     = "people"     // nobody protected is named
	GateCertainty  = "certainty"  // every sentence says how sure it is
	GateClaims     = "claims"     // and rests on what still stands
	GateTraces     = "traces"     // no file or folder name, label, user, agent, machine or identifier is in any file
	GateClock      = "clock"      // the recorder's clock is covered
	GateTime       = "time"       // no exact time where copies would tell which one it was
	GateEdges      = "edges"      // cuts do not begin or end where a source does
	GateOriginal   = "original"   // no digest and no bytes of an original are in any file
	GateForm       = "form"       // the release can be written in the format of bundles
	GateLanguages  = "languages"  // every text is there in every language
	GateWarnings   = "warnings"   // what is hard to watch is said before
	GateCorrection = "correction" // what changed is said
	GateProof      = "proof"      // the clip is in the log
	GateShare      = "share"      // the share of the archive is counted
	GateEmbargo    = "embargo"    // it may be out by now
	GateFourEyes   = "four-eyes"  // who wrote does not sign, and nobody publishes alone
)

// ReasonNotLookedAt is the reason of GatePeople that whoever signs can take away by looking: see SignHavingRead.
const ReasonNotLookedAt = "not-looked-at"

// purpose is what gates are asked for.
type purpose int

const (
	toShow purpose = iota // the checklist
	toList                // where it stands; no gate is asked
	toSign
	toPublish
)

// facts are what the gates judge by. They are gathered before; no gate asks anything itself.
type facts struct {
	purpose  purpose
	now      time.Time
	who      policy.Subject
	row      store.Release
	version  store.ReleaseVersion
	draft    Draft
	versions []store.ReleaseVersion
	acts     []store.ReleaseAct
	out      []store.ReleasePublication
	outDraft *Draft // of the newest publication
	authors  []string
	signed   *signature // of this version, of what it is now
	agreed   [32]byte

	plan    PlanFacts
	noPlan  bool
	items   []archive.Item
	found   Found
	named   []Named
	at      []string // where each text that named speaks of stands
	claims  map[string]archive.Claim
	refused refused
	workers []string // where the text names somebody who works here, in any inflection
	taken   bool     // another release that is out has this name
	read    int      // doubtful places that whoever signs has looked at

	weighed  bool
	weight   weight
	previous []bundle.Correction
}

type refused struct{ claims, items, people []string }

// weight is what takes reading of files; see Service.weigh.
type weight struct {
	missing   []string            // files of the bundle that cannot be read, or are not as recorded
	structure map[string][]string // what is wrong in a file
	found     map[string][]string // kinds of needles found in a file
	shared    []string            // items of which bytes are in the bundle
	unread    []string            // items that could not be read to be compared
	later     bool                // originals are compared when somebody signs
	unstated  []string            // files that the proof does not speak of
	form      error
	release   bundle.Release
	files     []file
	proof     []byte
	scope     []byte
	pending   bool // the statement is in no checkpoint yet
	unasked   bool // who looks is not told
	unproved  bool
	next      time.Time
	share     *bundle.Share
	out       []string  // clips of other releases that count in it
	at        time.Time // the moment that release.json gives
}

// gate is one line of the checklist.
type gate struct {
	code string
	ask  func(*facts) Gate
}

// gates are all of them. Each stands alone: none relies on another one having refused before.
var gates = []gate{
	{GatePlan, gatePlan}, {GateGaps, gateGaps}, {GateLook, gateLook}, {GateFiles, gateFiles}, {GateMetadata, gateMetadata}, {GateConsent, gateConsent},
	{GatePeople, gatePeople}, {GateCertainty, gateCertainty}, {GateClaims, gateClaims}, {GateTraces, gateTraces}, {GateClock, gateClock}, {GateTime, gateTime},
	{GateEdges, gateEdges}, {GateOriginal, gateOriginal}, {GateForm, gateForm}, {GateLanguages, gateLanguages}, {GateWarnings, gateWarnings},
	{GateCorrection, gateCorrection}, {GateProof, gateProof}, {GateShare, gateShare}, {GateEmbargo, gateEmbargo}, {GateFourEyes, gateFourEyes},
}

// Gates lists the codes of all gates in the order of the checklist.
func Gates() []string {
	out := make([]string, len(gates))
	for i, g := range gates {
		out[i] = g.code
	}
	return out
}

func pass() Gate { return Gate{State: OK} }

func blocked(reason string, args ...any) Gate {
	return Gate{State: Blocked, Reason: reason, Args: args}
}

func warn(reason string, args ...any) Gate { return Gate{State: Warn, Reason: reason, Args: args} }

func (g Gate) where(at ...string) Gate { g.At = at; return g }

func gatePlan(f *facts) Gate {
	switch {
	case f.noPlan:
		return blocked("no-plan")
	case f.plan.ApprovedBy == "":
		return blocked("not-approved", "version", f.plan.Version)
	case len(f.plan.Authors) == 0 || slices.Contains(f.plan.Authors, f.plan.ApprovedBy):
		return blocked("own-approval", "version", f.plan.Version)
	case f.plan.Head > f.plan.Version:
		return warn("newer-version", "version", f.plan.Version, "newest", f.plan.Head)
	}
	return pass()
}

func gateGaps(f *facts) Gate {
	switch {
	case !f.plan.Checked:
		return blocked("not-checked")
	case f.plan.Open > 0:
		return blocked("open", "n", f.plan.Open)
	}
	return pass()
}

func gateLook(f *facts) Gate {
	if !slices.ContainsFunc(f.plan.LookedBy, func(a string) bool { return !slices.Contains(f.plan.Authors, a) }) {
		return blocked("nobody-looked")
	}
	return pass()
}

func gateFiles(f *facts) Gate {
	switch {
	case f.plan.Rendered == nil || len(f.plan.Rendered.Files) == 0:
		return blocked("not-rendered")
	case len(f.weight.missing) > 0:
		return blocked("missing", "n", len(f.weight.missing)).where(f.weight.missing...)
	case !f.weighed:
		return blocked("not-read")
	}
	return pass()
}

func gateMetadata(f *facts) Gate {
	var at []string
	for name := range f.weight.structure {
		at = append(at, name)
	}
	slices.Sort(at)
	switch {
	case len(at) > 0:
		return blocked("more-than-picture", "n", len(at), "what", f.weight.structure[at[0]][0]).where(at...)
	case !f.weighed:
		return blocked("not-read")
	}
	return pass()
}

func gateConsent(f *facts) Gate {
	r := f.refused
	switch {
	case len(r.items) > 0:
		return blocked("testimony-shown", "n", len(r.items))
	case len(r.people) > 0:
		return blocked("person-named", "n", len(r.people))
	case len(r.claims) > 0:
		var at []string
		for i, s := range f.draft.Sentences {
			if slices.ContainsFunc(s.Claims, func(c string) bool { return slices.Contains(r.claims, c) }) {
				at = append(at, sentenceAt(i))
			}
		}
		return blocked("claim", "n", len(r.claims)).where(at...)
	}
	return pass()
}

// gatePeople does not say who: whoever writes a text is not told whom it would give away.
func gatePeople(f *facts) Gate {
	var at, maybe []string
	n := 0
	for _, x := range f.named {
		if !x.Protected {
			continue
		}
		to := &maybe
		if !x.Maybe {
			to = &at
			n++
		}
		if x.Text >= 0 && x.Text < len(f.at) && !slices.Contains(*to, f.at[x.Text]) {
			*to = append(*to, f.at[x.Text])
		}
	}
	read := f.read
	if f.purpose == toPublish {
		read = f.signed.read()
	}
	switch {
	case n > 0:
		return blocked("protected", "n", max(len(at), 1)).where(at...)
	case len(maybe) == 0:
		return pass()
	case f.purpose == toShow:
		return warn("maybe", "n", len(maybe)).where(maybe...)
	case len(maybe) > read: // ReasonNotLookedAt
		return blocked("not-looked-at", "n", len(maybe)).where(maybe...)
	}
	return warn("looked-at", "n", len(maybe)).where(maybe...)
}

// readForm is how a signature keeps how many doubtful places whoever signed has looked at. Which they were would tell whose names are sealed.
const readForm = "looked at %d"

// signature is the act of who signed; nil: nobody did.
type signature store.ReleaseAct

func (s *signature) read() (n int) {
	if s != nil {
		_, _ = fmt.Sscanf(s.Note, readForm, &n) // none was noted
	}
	return n
}

func gateCertainty(f *facts) Gate {
	if len(f.draft.Sentences) == 0 {
		return blocked("no-sentence")
	}
	var at []string
	for i, s := range f.draft.Sentences {
		if !slices.Contains(bundle.Certainties, string(s.Certainty)) {
			at = append(at, sentenceAt(i))
		}
	}
	if len(at) > 0 {
		return blocked("missing", "n", len(at)).where(at...)
	}
	return pass()
}

// surer orders certainties.
var surer = map[archive.Certainty]int{archive.NotKnown: 0, archive.Disputed: 1, archive.Probable: 2, archive.Established: 3}

func gateClaims(f *facts) Gate {
	var gone, bare, bold []string
	for i, s := range f.draft.Sentences {
		at := sentenceAt(i)
		best := -1
		for _, id := range s.Claims {
			c, there := f.claims[id]
			if !there || !c.RetractedAt.IsZero() {
				gone = append(gone, at)
				continue
			}
			best = max(best, surer[c.Certainty])
		}
		switch {
		case len(s.Claims) == 0 && s.Certainty != archive.NotKnown:
			bare = append(bare, at)
		case best >= 0 && surer[s.Certainty] > best:
			bold = append(bold, at)
		}
	}
	switch {
	case len(gone) > 0:
		return blocked("taken-back", "n", len(gone)).where(slices.Compact(gone)...)
	case len(bold) > 0:
		return warn("surer-than-claims", "n", len(bold)).where(bold...)
	case len(bare) > 0:
		return warn("without-claim", "n", len(bare)).where(bare...)
	}
	return pass()
}

func gateTraces(f *facts) Gate {
	var at, soft []string
	kinds := map[string]bool{}
	for name, list := range f.weight.found {
		for _, kind := range list {
			switch kind {
			case needleDigest: // that is for gateOriginal
			case needlePlain:
				soft = append(soft, name)
			default:
				at = append(at, name)
				kinds[kind] = true
			}
		}
	}
	if len(f.workers) > 0 {
		at, kinds[needleAgent] = append(at, f.workers...), true
	}
	slices.Sort(at)
	slices.Sort(soft)
	at, soft = slices.Compact(at), slices.Compact(soft)
	for _, kind := range []string{needleTrace, needleAgent, needleMachine, needleIdentifier} {
		if kinds[kind] {
			return blocked(kind, "n", len(at)).where(at...)
		}
	}
	switch {
	case !f.weighed:
		return blocked("not-read")
	case len(soft) > 0:
		return warn(needlePlain, "n", len(soft)).where(soft...)
	}
	return pass()
}

func gateClock(f *facts) Gate {
	if open := uncoveredClocks(f.plan.Plan, f.found.Clocks); len(open) > 0 {
		return blocked("not-covered", "n", len(open)).where(open...)
	}
	return pass()
}

// cueLine is the line of a caption that says when it is shown.
var cueLine = regexp.MustCompile(`(?m)^.*-->.*$`)

// exactTime is a time of day with seconds, which copies of a recording differ in.
var exactTime = regexp.MustCompile(`\b([01]?[0-9]|2[0-3])[:.][0-5][0-9][:.][0-5][0-9]\b`)

func gateTime(f *facts) Gate {
	var at []string
	if strings.Contains(f.draft.Recorded.EDTF, "T") {
		at = append(at, "recorded")
	}
	texts, where := f.draft.texts()
	for i, t := range texts {
		if strings.HasPrefix(where[i], "captions") { // every caption has its own times
			t = cueLine.ReplaceAllString(t, "")
		}
		if exactTime.MatchString(t) {
			at = append(at, where[i])
		}
	}
	switch {
	case len(at) > 0 && len(f.found.Copies) > 0:
		return blocked("copies-differ", "n", len(f.found.Copies)).where(at...)
	case len(at) > 0:
		return warn("exact").where(at...)
	}
	return pass()
}

// edge is how near to the first or last frame of a source a cut counts as lying at it.
const edge = 100 * time.Millisecond

func gateEdges(f *facts) Gate {
	var at []string
	for i, c := range f.plan.Plan.Cuts {
		var length time.Duration
		if c.Source >= 0 && c.Source < len(f.plan.Plan.Sources) {
			if k := slices.IndexFunc(f.items, func(it archive.Item) bool { return it.ID == f.plan.Plan.Sources[c.Source] }); k >= 0 {
				length = f.items[k].Duration
			}
		}
		from, to := time.Duration(c.FromUS)*time.Microsecond, time.Duration(c.ToUS)*time.Microsecond
		if from < edge || length > 0 && to > length-edge {
			at = append(at, cutAt(i))
		}
	}
	if len(at) > 0 {
		return warn("whole-source", "n", len(at)).where(at...)
	}
	return pass()
}

func gateOriginal(f *facts) Gate {
	var at []string
	for name, kinds := range f.weight.found {
		if slices.Contains(kinds, needleDigest) {
			at = append(at, name)
		}
	}
	slices.Sort(at)
	switch {
	case len(at) > 0:
		return blocked("digest", "n", len(at)).where(at...)
	case len(f.weight.shared) > 0:
		return blocked("bytes", "n", len(f.weight.shared))
	case len(f.weight.unread) > 0:
		return blocked("not-compared", "n", len(f.weight.unread))
	case !f.weighed:
		return blocked("not-compared", "n", len(f.items))
	case f.weight.later:
		return Gate{State: Waiting, Reason: "when-signed"}
	}
	return pass()
}

func gateForm(f *facts) Gate {
	if f.taken {
		return blocked("taken").where("slug")
	}
	if f.weight.form != nil {
		where := strings.TrimPrefix(f.weight.form.Error(), bundle.ErrFormat.Error()+": ")
		return blocked("not-well-formed", "where", where)
	}
	return pass()
}

func gateLanguages(f *facts) Gate {
	if len(f.draft.Languages) == 0 {
		return blocked("none")
	}
	if at := f.draft.incomplete(); len(at) > 0 {
		return blocked("incomplete", "n", len(at)).where(at...)
	}
	return pass()
}

func gateWarnings(f *facts) Gate {
	if len(f.draft.Warnings) > 0 {
		return pass()
	}
	if slices.ContainsFunc(f.items, func(it archive.Item) bool { return it.Difficulty < 0 }) {
		return blocked("not-judged")
	}
	if d := difficulty(f.items); d >= 2 {
		return blocked("none", "difficulty", d)
	}
	return pass()
}

// difficulty is that of the hardest item. What nobody has judged counts as the hardest, as in archive.Scope.Watches: nobody may be told that it is not.
func difficulty(items []archive.Item) int {
	d := 0
	for _, it := range items {
		if it.Difficulty < 0 {
			return archive.Hardest
		}
		d = max(d, it.Difficulty)
	}
	return d
}

func gateCorrection(f *facts) Gate {
	if f.outDraft == nil || !f.draft.Replace && !f.draft.changes(*f.outDraft) {
		return pass()
	}
	if !f.draft.said(f.draft.Correction) || maps.Equal(f.draft.Correction, f.outDraft.Correction) {
		return blocked("not-said")
	}
	return pass()
}

func gateProof(f *facts) Gate {
	switch {
	case f.plan.Rendered == nil || f.plan.Rendered.Clip == "":
		return blocked("not-stated")
	case f.weight.unproved:
		return blocked("not-proved")
	case f.weight.unasked && f.purpose == toShow:
		return Gate{State: Waiting, Reason: "for-publishers"}
	case f.weight.pending:
		g := Gate{State: Waiting, Reason: "next-tick"}
		if !f.weight.next.IsZero() {
			g.Args = []any{"at", f.weight.next}
		}
		return g
	case len(f.weight.proof) == 0 || len(f.weight.scope) == 0:
		return blocked("not-proved")
	case len(f.weight.unstated) > 0:
		return blocked("file-not-stated", "n", len(f.weight.unstated)).where(f.weight.unstated...)
	}
	return pass()
}

func gateShare(f *facts) Gate {
	s := f.weight.share
	if s == nil || s.OfFiles <= 0 || s.Files <= 0 || s.Files > s.OfFiles {
		return blocked("not-counted")
	}
	return pass()
}

func gateEmbargo(f *facts) Gate {
	if f.draft.Embargo.After(f.now) {
		return Gate{State: Waiting, Reason: "not-yet", Args: []any{"at", f.draft.Embargo}}
	}
	return pass()
}

func gateFourEyes(f *facts) Gate {
	wrote := func(agent string) bool {
		return slices.Contains(f.authors, agent) || slices.Contains(f.plan.Authors, agent)
	}
	switch {
	case len(f.authors) == 0:
		return blocked("no-author")
	case f.purpose == toSign && wrote(f.who.Agent):
		return blocked("own-text")
	case f.purpose == toSign:
		return pass()
	case f.signed == nil && f.purpose == toShow:
		return Gate{State: Waiting, Reason: "nobody-signed"}
	case f.signed == nil:
		return blocked("nobody-signed")
	case wrote(f.signed.Agent):
		return blocked("own-text")
	}
	return pass()
}

// clockStep is how far the moments lie apart at which clocks are looked for, in microseconds: less than a frame lasts at 50 in a second.
const clockStep = 20_000

// uncoveredClocks gives the cuts in which a clock that was read in the picture can still be read.
func uncoveredClocks(p plan.Plan, clocks []Clock) []string {
	var out []string
	x := p.Index()
	var boxes []plan.Box
	for i, c := range p.Cuts {
		if c.Source < 0 || c.Source >= len(p.Sources) {
			continue
		}
		open := false
		for _, k := range clocks {
			if k.Item != p.Sources[c.Source] || open {
				continue
			}
			for us := c.FromUS; !open; us += clockStep {
				us = min(us, c.ToUS-1)
				boxes = x.At(c.Source, us, boxes[:0])
				open = openShare(k.Box, p.Picture.Hide, boxes) > 0.02
				if us >= c.ToUS-1 {
					break
				}
			}
		}
		if open {
			out = append(out, cutAt(i))
		}
	}
	return out
}

// openShare is how much of a box, from 0 to 1, no mask covers.
func openShare(box [4]int, hide bool, boxes []plan.Box) float64 {
	type rect struct{ x0, y0, x1, y1 int }
	whole := rect{box[0], box[1], box[0] + box[2], box[1] + box[3]}
	area := func(r rect) float64 { return float64(r.x1-r.x0) * float64(r.y1-r.y0) }
	if area(whole) <= 0 {
		return 1 // where it is is not known
	}
	clip := func(r, by rect) rect {
		return rect{max(r.x0, by.x0), max(r.y0, by.y0), min(r.x1, by.x1), min(r.y1, by.y1)}
	}
	empty := func(r rect) bool { return r.x0 >= r.x1 || r.y0 >= r.y1 }
	without := func(from []rect, by rect) (out []rect) {
		for _, r := range from {
			in := clip(r, by)
			if empty(in) {
				out = append(out, r)
				continue
			}
			for _, part := range []rect{{r.x0, r.y0, r.x1, in.y0}, {r.x0, in.y1, r.x1, r.y1}, {r.x0, in.y0, in.x0, in.y1}, {in.x1, in.y0, r.x1, in.y1}} {
				if !empty(part) {
					out = append(out, part)
				}
			}
		}
		return out
	}
	open := []rect{whole}
	if hide {
		open = nil
		for _, b := range boxes {
			if b.Reveal {
				in := clip(whole, rect{b.X, b.Y, b.X + b.W, b.Y + b.H})
				if empty(in) {
					continue
				}
				open = append(without(open, in), in)
			}
		}
	}
	for _, b := range boxes {
		if !b.Reveal {
			open = without(open, rect{b.X, b.Y, b.X + b.W, b.Y + b.H})
		}
	}
	sum := 0.0
	for _, r := range open {
		sum += area(r)
	}
	return sum / area(whole)
}
