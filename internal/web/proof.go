package web

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"net/http"
	"slices"
	"strings"
	"time"

	"zapis/internal/anchor"
	"zapis/internal/archive"
	"zapis/internal/proof"
	"zapis/internal/reading"
	"zapis/internal/web/template"
)

// How much the proof page shows.
const (
	marksShown = 30
	clipsShown = 100
)

// proofPage serves GET /proof.
func (s *Server) proofPage(w http.ResponseWriter, r *request) error {
	st := anchor.Status{Problems: []anchor.Problem{{Code: anchor.ProblemNoLog}}}
	if s.o.Log != nil {
		var err error
		if st, err = s.o.Log.Status(r.Context(), anchor.StatusOptions{Checkpoints: marksShown}); err != nil {
			return err
		}
	}
	v := proofView(st)
	if s.o.Proof != nil {
		if err := s.stated(r, st, &v); errors.Is(err, archive.ErrIntegrity) {
			s.o.Logger.ErrorContext(r.Context(), "statements contradict what was sealed", "incident", r.id, "error", err)
			v.StatementsBroken, v.Scopes, v.Clips, v.ClipsMore = true, nil, nil, 0
		} else if err != nil {
			return err
		}
	}
	return s.page(w, r, "proof", "proof", v)
}

// stated fills in what was stated, newest first.
func (s *Server) stated(r *request, st anchor.Status, v *template.Proof) error {
	scopes, err := s.o.Proof.Scopes(r.Context(), r.reader.Subject)
	if err != nil {
		return err
	}
	clips, err := s.o.Proof.Clips(r.Context(), r.reader.Subject, "")
	if err != nil {
		return err
	}
	accessions, err := s.o.Reading.Accessions(r.Context(), r.reader)
	if err != nil {
		return err
	}
	known := map[string]template.AccessionLink{}
	for _, a := range accessions {
		known[a.ID] = accessionLink(a.Accession)
	}
	for _, sc := range slices.Backward(scopes) {
		one, err := scopeView(st, sc, clips, known)
		if err != nil {
			return err
		}
		v.Scopes = append(v.Scopes, one)
	}
	for _, c := range slices.Backward(clips) {
		if len(v.Clips) == clipsShown {
			v.ClipsMore = len(clips) - clipsShown
			break
		}
		on, err := day(c.Statement.StatedOn)
		if err != nil {
			return fmt.Errorf("clip %s: %w", c.ID, err)
		}
		v.Clips = append(v.Clips, template.Clip{
			ID: c.ID, Scope: c.Scope, Number: c.Number, StatedOn: on, Length: milliseconds(c.Milliseconds), Bytes: c.Bytes,
			SHA256: hex.EncodeToString(c.Statement.SHA256[:]), Tick: tickAt(st, c.Tick),
		})
	}
	return nil
}

func scopeView(st anchor.Status, sc proof.Scope, clips []proof.Clip, known map[string]template.AccessionLink) (template.Scope, error) {
	on, err := day(sc.Statement.SealedOn)
	if err != nil {
		return template.Scope{}, fmt.Errorf("scope %s: %w", sc.ID, err)
	}
	v := template.Scope{
		ID: sc.ID, SealedOn: on, Files: sc.Statement.Files, Bytes: sc.Statement.Bytes, Unmeasured: sc.Statement.Unmeasured,
		Length: milliseconds(sc.Statement.Milliseconds), Tick: tickAt(st, sc.Tick),
	}
	for _, id := range sc.Accessions {
		if a, ok := known[id]; ok {
			v.Accessions = append(v.Accessions, a)
		} else {
			v.More++
		}
	}
	var released int64
	for _, c := range clips {
		if c.Scope == sc.ID {
			released = max(released, c.Statement.ReleasedMS) // each clip states the sum so far
		}
	}
	v.Released, v.Share = milliseconds(released), share(released, sc.Statement.Milliseconds)
	return v, nil
}

// share gives part of whole in per cent with three decimals, rounded up, so that it is never said to be less than it is.
func share(part, whole int64) float64 {
	if part <= 0 {
		return 0
	}
	if whole <= 0 || part >= whole {
		return 100
	}
	hi, lo := bits.Mul64(uint64(part), 100_000)
	thousandths, rest := bits.Div64(hi, lo, uint64(whole))
	if rest > 0 {
		thousandths++
	}
	return float64(thousandths) / 1000
}

func milliseconds(n int64) time.Duration {
	return time.Duration(min(n, math.MaxInt64/int64(time.Millisecond))) * time.Millisecond
}

// day reads a date of a statement.
func day(text string) (time.Time, error) {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return t, fmt.Errorf("%w: a date that is none", archive.ErrIntegrity)
	}
	return t, nil
}

// tickAt gives when a tick of the log was due; zero for one that is not made yet.
func tickAt(st anchor.Status, position int64) time.Time {
	if !st.Made || position < 0 || position >= st.Size {
		return time.Time{}
	}
	return st.Latest.Add(-time.Duration(st.Size-1-position) * st.Every)
}

func proofView(st anchor.Status) template.Proof {
	v := template.Proof{Made: st.Made, Origin: st.Origin, Next: st.Next, Open: st.Open, Problems: problems(st), Sound: true, Daily: st.Every%(24*time.Hour) == 0}
	for _, p := range v.Problems {
		v.Sound = v.Sound && !p.Grave
	}
	for _, k := range st.Keys {
		v.Keys = append(v.Keys, template.LogKey{Number: k.Number, Since: k.Since, Fingerprint: k.Fingerprint, VerifierKey: k.VerifierKey, At: k.At, Current: k.Current})
	}
	slices.Reverse(v.Keys)
	p := st.Published
	v.Published = template.Publication{At: p.At, Kind: p.Kind, Size: p.Size, OK: p.OK, Current: p.Current, Reason: p.Reason}
	for i, c := range st.Checkpoints {
		one := template.LogCheckpoint{Size: c.Size, Due: c.Due, State: checkpointState(c), Signed: signed(c), Published: c.Published}
		for _, w := range c.Cosignatures {
			one.Witnesses = append(one.Witnesses, template.Witness{Name: w.Witness, State: w.State, Reason: w.Reason})
		}
		for _, x := range c.Stamps {
			one.Stamps = append(one.Stamps, template.Stamp{Name: x.Authority, State: stampState(x), Reason: x.Reason, At: x.At})
		}
		v.Checkpoints = append(v.Checkpoints, one)
		if i > 0 {
			if one.State == "full" && v.WholeTo.IsZero() && v.Checkpoints[0].State != "full" {
				v.WholeTo = c.Due
			}
			continue
		}
		v.UpTo, v.Signed, v.Witnesses, v.Quorum = c.Due, one.Signed, len(one.Witnesses), enough(c)
		for _, x := range c.Stamps {
			if confirmed(x) {
				v.Confirmed++
				if x.At.After(v.ConfirmedAt) { // what is said of all of them must hold for each
					v.ConfirmedAt = x.At
				}
			}
		}
	}
	v.Marks = marks(st)
	return v
}

// confirmed says whether a stamp counts: its token was verified and says when.
func confirmed(x anchor.StampState) bool { return x.State == anchor.StampConfirmed && !x.At.IsZero() }

func stampState(x anchor.StampState) string {
	switch {
	case confirmed(x):
		return anchor.StampConfirmed
	case x.State == anchor.StampNone, x.State == anchor.StampPending:
		return x.State
	}
	return anchor.StampFailed
}

// signed counts the witnesses under a checkpoint, those of former days as well.
func signed(c anchor.CheckpointState) (n int) {
	for _, w := range c.Cosignatures {
		if w.State == anchor.WitnessSigned {
			n++
		}
	}
	return n
}

// enough says whether somebody has signed a checkpoint, and as many of the configured ones as are wanted.
func enough(c anchor.CheckpointState) bool { return signed(c) > 0 && c.QuorumMet }

// checkpointState gives the state of a checkpoint as a mark.
func checkpointState(c anchor.CheckpointState) string {
	switch timed := slices.ContainsFunc(c.Stamps, confirmed); {
	case enough(c) && timed:
		return "full"
	case timed:
		return "time"
	case enough(c):
		return "signed"
	}
	return "log"
}

// marks draws the last ticks, oldest first: those with a checkpoint, those that were missed and filled in, those that are due.
func marks(st anchor.Status) (out []template.Mark) {
	if !st.Made || st.Every <= 0 {
		return nil
	}
	state := map[int64]string{} // by position of the tick
	for _, c := range st.Checkpoints {
		state[c.Size-1] = checkpointState(c)
	}
	last := st.Size - 1
	if slices.ContainsFunc(st.Problems, func(p anchor.Problem) bool { return p.Code == anchor.ProblemBehind }) {
		last = max(last, min(st.Due-1, last+marksShown/2))
	}
	for at := max(0, last-marksShown+1); at <= last; at++ {
		m := template.Mark{State: state[at], At: st.Latest.Add(time.Duration(at-(st.Size-1)) * st.Every)}
		switch {
		case st.Size == 0:
			m = template.Mark{State: "due", At: st.Next.Add(-time.Duration(st.Due-at) * st.Every)}
		case at >= st.Size:
			m.State = "due"
		case m.State == "":
			m.State = "missed"
		}
		out = append(out, m)
	}
	return out
}

// problems puts what is missing into codes and figures, for which every language has words.
func problems(st anchor.Status) (out []template.Problem) {
	var latest anchor.CheckpointState
	if len(st.Checkpoints) > 0 {
		latest = st.Checkpoints[0]
	}
	for _, p := range st.Problems {
		v := template.Problem{Code: p.Code, Grave: p.Grave, Name: p.Name}
		switch p.Code {
		case anchor.ProblemNoLog:
			v.Command = "zapis log init --origin NAME"
		case anchor.ProblemIntegrity:
			v.Command = "zapis fsck\nzapis log verify --dir FOLDER"
		case anchor.ProblemFork, anchor.ProblemNotKept:
		case anchor.ProblemClock:
			v.N, v.Of = st.Size, st.Due
		case anchor.ProblemBehind:
			v.N, v.Command = st.Due-st.Size, "zapis log tick"
		case anchor.ProblemNoWitness:
			v.Setting = "witnesses"
		case anchor.ProblemQuorum:
			v.N, v.Of, v.Command = int64(latest.Signed), int64(st.Quorum), "zapis log stamp"
		case anchor.ProblemWitness:
			v.Code = "witness-refused"
			for _, w := range latest.Cosignatures {
				if w.Witness == p.Name {
					v.Reason = w.Reason
					if w.State == anchor.WitnessUnreachable {
						v.Code, v.Reason = "witness-unreachable", ""
					}
				}
			}
		case anchor.ProblemStamp:
			v.Code, v.Command = "stamp-failed", "zapis log stamp"
			for _, x := range latest.Stamps {
				if x.Authority == p.Name {
					v.Reason = x.Reason
					if x.State == anchor.StampPending {
						v.Code, v.Setting = "stamp-unchecked", "time_roots"
					}
				}
			}
		case anchor.ProblemNoAuthority:
			v.Setting = "time_authorities"
		case anchor.ProblemNeverPublished:
			v.Command = "zapis log publish /FOLDER"
		case anchor.ProblemNotPublished:
			v.Command = "zapis log publish"
			if v.Code = "publish-old"; !st.Published.OK {
				v.Code, v.Reason = "publish-failed", st.Published.Reason
			}
			v.N, v.Of = st.Published.Size, st.Size
		default:
			v.Code, v.Text, v.Solution = "other", p.Text, p.Advice
		}
		out = append(out, v)
	}
	return out
}

// logHealth puts the log into one line: bad when it must not be relied on, old when something that was set up does not work, info
// when something was never set up.
func logHealth(st anchor.Status) *template.LogHealth {
	v := &template.LogHealth{Level: "good", Problems: problems(st)}
	if len(st.Checkpoints) > 0 {
		v.UpTo = st.Checkpoints[0].Due
	}
	level := "good"
	for _, p := range st.Problems {
		switch {
		case p.Grave:
			level = "bad"
			v.UpTo = time.Time{} // nothing is claimed of such a log
		case p.Code == anchor.ProblemNoLog, p.Code == anchor.ProblemNoWitness, p.Code == anchor.ProblemNoAuthority:
			if level == "good" {
				level = "info"
			}
			continue
		default:
			if level != "bad" {
				level = "old"
			}
		}
	}
	v.Level = level
	return v
}

// witnesses is who should sign, as it is configured; it does not change while the server runs.
type witnesses struct {
	keys   map[string]bool // verifier keys
	quorum int
	timed  bool // a time authority is configured
	made   bool // there is a log
}

// witnesses asks once, and again while there is no log.
func (s *Server) witnesses(ctx context.Context) (witnesses, error) {
	if s.o.Log == nil {
		return witnesses{}, nil
	}
	s.outside.Lock()
	known := s.outside.witnesses
	s.outside.Unlock()
	if known.made {
		return known, nil
	}
	st, err := s.o.Log.Status(ctx, anchor.StatusOptions{Checkpoints: 1})
	if err != nil {
		return witnesses{}, err
	}
	known = witnesses{keys: map[string]bool{}, quorum: st.Quorum, timed: len(st.Authorities) > 0, made: st.Made}
	for _, w := range st.Witnesses {
		known.keys[strings.TrimSpace(w.VerifierKey)] = true
	}
	s.outside.Lock()
	defer s.outside.Unlock()
	s.outside.witnesses = known
	return known, nil
}

// reachView says how far one act has got. Each step is claimed only for what was checked: here the leaf and its checkpoint just now,
// outside the signatures and tokens when they came.
func reachView(e reading.Entry, wit witnesses) template.Reach {
	if !e.Proved {
		return template.Reach{}
	}
	o := e.Outside
	inside := template.ReachStep{Code: "checkpoint", State: "wait"}
	if e.Checkpoint > 0 {
		inside.State, inside.K = "yes", e.Checkpoint
	}
	log := template.ReachStep{Code: "log", State: "wait"}
	sign := template.ReachStep{Code: "signed", State: "wait", N: int64(len(wit.keys))}
	stamp := template.ReachStep{Code: "stamped", State: "wait"}
	if !wit.made {
		log.State = "none"
	}
	if len(wit.keys) == 0 {
		sign.State = "none"
	}
	if !wit.timed {
		stamp.State = "none"
	}
	if o.In && !o.Broken && len(o.Checkpoints) > 0 {
		log.State, log.At = "yes", o.Due
		signStep(o, wit, &sign)
		stampStep(o, &stamp)
	}
	return template.Reach{
		Steps:  []template.ReachStep{{Code: "recorded", State: "yes", At: e.Time}, inside, log, sign, stamp},
		Broken: o.Broken,
	}
}

// signStep takes the earliest head that enough witnesses have signed, or else the one that most have.
func signStep(o reading.Outside, wit witnesses, step *template.ReachStep) {
	best := -1
	for _, c := range o.Checkpoints {
		have, of := len(c.Cosignatures), len(wit.keys)
		var at time.Time
		for _, co := range c.Cosignatures {
			if !wit.keys[strings.TrimSpace(co.VerifierKey)] {
				of++ // a witness of former days
			}
			if co.At.After(at) {
				at = co.At
			}
		}
		enough := have > 0 && have >= wit.quorum
		if enough || have > best {
			best = have
			step.K, step.N, step.At = int64(have), int64(of), at
		}
		if enough {
			step.State = "yes"
			return
		}
	}
}

// stampStep takes the earliest moment that an authority has confirmed, of all heads that contain the act, and who it was.
func stampStep(o reading.Outside, step *template.ReachStep) {
	failed := false
	for _, c := range o.Checkpoints {
		for _, x := range c.Stamps {
			step.Asked = true
			failed = x.State == anchor.StampFailed
			if x.State == anchor.StampConfirmed && !x.At.IsZero() && (step.At.IsZero() || x.At.Before(step.At)) {
				step.State, step.At, step.By = "yes", x.At, x.Authority
			}
		}
	}
	switch {
	case step.State == "yes":
	case failed:
		step.State = "failed"
	case step.Asked:
		step.State = "wait"
	}
}

func sealView(a *reading.Seal) *template.Seal {
	if a == nil {
		return nil
	}
	return &template.Seal{
		Root: hex.EncodeToString(a.Root[:]), Files: a.Files, Bytes: a.Bytes, Unmeasured: a.Unmeasured, Length: milliseconds(a.Milliseconds), At: a.At,
		Statement: a.Statement, Tick: a.Due,
	}
}
