package anchor

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"zapis/internal/archive"
	"zapis/internal/store"
	"zapis/verify"
)

// StatusOptions bounds what Status gives.
type StatusOptions struct {
	Checkpoints int // how many of the newest; 0: 30
}

// lateAfter is how long after its hour a tick may come before that is a problem: workers look once a minute.
func lateAfter(every time.Duration) time.Duration { return min(every, time.Hour) }

// Status tells how the transparency log stands, what is missing and what to do.
func (s *Service) Status(ctx context.Context, o StatusOptions) (Status, error) {
	if o.Checkpoints <= 0 {
		o.Checkpoints = 30
	}
	out := Status{Witnesses: s.o.Witnesses, Quorum: s.o.Quorum}
	for _, a := range s.o.Authorities {
		out.Authorities = append(out.Authorities, a.Name())
	}
	kept, keptErr := s.kept()
	var disagree error
	words := map[string]word{}
	err := s.o.DB.Read(ctx, func(tx *store.Tx) error {
		l, made, err := tx.PublicLog(ctx)
		if err != nil || !made {
			return err
		}
		out.Made, out.Origin, out.Every = true, l.Origin, l.Cadence
		cal := calendarOf(l)
		if out.Size, err = tx.LogSize(ctx, false); err != nil {
			return err
		}
		now := s.now()
		out.Due, out.Next = cal.Due(now), cal.At(max(out.Size, cal.Due(now)))
		if out.Size > 0 {
			out.Latest = cal.At(out.Size - 1)
		}
		keys, err := tx.LogKeys(ctx)
		if err != nil {
			return err
		}
		for i, k := range keys {
			current := i == len(keys)-1
			if current {
				out.VerifierKey = k.VerifierKey
			}
			out.Keys = append(out.Keys, KeyStatus{Number: k.Number, VerifierKey: k.VerifierKey, Fingerprint: verify.Fingerprint(k.VerifierKey), Since: k.Since, At: k.At, Current: current})
		}
		if _, err := s.agree(ctx, tx, l, keys, out.Size, kept); errors.Is(err, archive.ErrIntegrity) {
			disagree = err
		} else if err != nil {
			return err
		}
		if words, err = s.words(ctx, tx); err != nil {
			return err
		}
		open, err := tx.OpenStatements(ctx)
		if err != nil {
			return err
		}
		out.Open = len(open)
		p, ok, err := tx.LatestPublication(ctx)
		if err != nil {
			return err
		}
		if ok {
			out.Published = Publication{At: p.At, Kind: p.Kind, Size: p.Size, OK: p.Outcome == string(archive.Success), Reason: p.Reason, Current: p.Size == out.Size}
		}
		checkpoints, err := tx.LogCheckpoints(ctx, o.Checkpoints)
		if err != nil {
			return err
		}
		for i, c := range checkpoints {
			st, err := s.checkpointState(ctx, tx, cal, c, words, i == 0)
			if err != nil {
				return err
			}
			st.Published = out.Published.OK && out.Published.Size >= c.Size
			out.Checkpoints = append(out.Checkpoints, st)
		}
		return nil
	})
	if err != nil {
		return Status{}, fmt.Errorf("status of the transparency log: %w", err)
	}
	out.Problems = s.problems(out, words, disagree, keptErr)
	return out, nil
}

func (s *Service) checkpointState(ctx context.Context, tx *store.Tx, cal Calendar, c store.LogCheckpoint, words map[string]word, latest bool) (CheckpointState, error) {
	st := CheckpointState{
		Size: c.Size, Root: base64.StdEncoding.EncodeToString(c.Root[:]), Due: cal.At(c.Size - 1), At: c.At, Note: string(c.Text),
	}
	cos, err := tx.LogCosignatures(ctx, c.Size)
	if err != nil {
		return st, err
	}
	configured := map[string]bool{}
	for _, w := range s.o.Witnesses {
		configured[w.VerifierKey] = true
		state := CosignatureState{Witness: w.Name, State: WitnessAbsent}
		for _, co := range cos {
			if co.VerifierKey == w.VerifierKey {
				state.State, state.At = WitnessSigned, co.At
				st.Signed++
			}
		}
		if v := words[w.Name]; state.State == WitnessAbsent && v.Size == c.Size && v.State != WitnessSigned {
			state.State, state.Reason, state.At = v.State, v.Reason, v.At
		}
		st.Cosignatures = append(st.Cosignatures, state)
	}
	for _, co := range cos {
		if !configured[co.VerifierKey] { // a witness of former days
			st.Cosignatures = append(st.Cosignatures, CosignatureState{Witness: co.Witness, State: WitnessSigned, At: co.At})
		}
		st.Note += co.Line + "\n"
	}
	st.QuorumMet = st.Signed >= s.o.Quorum
	stamps, err := tx.LogStamps(ctx, c.Size)
	if err != nil {
		return st, err
	}
	asked := map[string]bool{}
	for _, x := range stamps {
		asked[x.Kind+" "+x.Authority] = true
		st.Stamps = append(st.Stamps, StampState{ID: x.ID, Kind: x.Kind, Authority: x.Authority, State: x.State, Reason: x.Reason, At: x.StampedAt, AskedAt: x.AskedAt})
	}
	if latest {
		for _, a := range s.o.Authorities {
			if !asked[a.Kind()+" "+a.Name()] {
				st.Stamps = append(st.Stamps, StampState{Kind: a.Kind(), Authority: a.Name(), State: StampNone})
			}
		}
	}
	return st, nil
}

func plural(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return decimal(n) + " " + many
}

// problems says what is missing and what to do, the gravest first.
func (s *Service) problems(st Status, words map[string]word, disagree, keptErr error) (out []Problem) {
	grave := func(code, name, text, advice string) {
		out = append(out, Problem{Code: code, Grave: true, Name: name, Text: text, Advice: advice})
	}
	note := func(code, name, text, advice string) {
		out = append(out, Problem{Code: code, Name: name, Text: text, Advice: advice})
	}
	if !st.Made {
		note(ProblemNoLog, "", "There is no transparency log.", "Make it with: zapis log init --origin NAME")
		return out
	}
	if disagree != nil {
		grave(ProblemIntegrity, "", "The log contradicts what it has signed: "+disagree.Error()+".", "Stop and keep everything as it is. Compare the database with a copy of it; run zapis fsck and zapis log verify --dir on a published copy.")
	}
	for _, w := range st.Witnesses {
		if words[w.Name].State == WitnessFork {
			grave(ProblemFork, w.Name, "Witness "+w.Name+" has seen another tree under this name.",
				"Either the database was put back from an older copy, or somebody else signs with the key of this log. Ask the witness for both checkpoints and compare.")
		}
	}
	if st.Size > st.Due {
		grave(ProblemClock, "", fmt.Sprintf("The log has %d ticks and the clock says that %d are due.", st.Size, st.Due), "Check the date of this machine.")
	}
	if keptErr != nil {
		note(ProblemNotKept, "", "The checkpoint kept outside the database cannot be read.", "Check the folder log in the home folder.")
	}
	if missing := st.Due - st.Size; missing > 0 {
		due := st.Latest.Add(st.Every)
		if st.Size == 0 || s.now().Sub(due) > lateAfter(st.Every) {
			note(ProblemBehind, "", plural(missing, "tick is due and was not made.", "ticks are due and were not made."), "Leave zapis serve or zapis worker running on a machine that is always on, or run: zapis log tick")
		}
	}
	if len(st.Witnesses) == 0 {
		note(ProblemNoWitness, "", "No witness is configured: nobody outside would notice a rewritten log.", "Ask a partner group to run zapis witness, and enter it under witnesses in zapis.toml.")
	}
	if len(st.Checkpoints) > 0 {
		c := st.Checkpoints[0]
		if !c.QuorumMet {
			note(ProblemQuorum, "", fmt.Sprintf("Checkpoint %d has %s; %d are wanted.", c.Size, plural(int64(c.Signed), "cosignature", "cosignatures"), st.Quorum), "They are asked again by themselves; to ask now: zapis log stamp")
		}
		for _, w := range c.Cosignatures {
			switch w.State {
			case WitnessUnreachable:
				note(ProblemWitness, w.Witness, "Witness "+w.Witness+" did not answer.", "Ask the partner whether their witness runs.")
			case WitnessRefused:
				note(ProblemWitness, w.Witness, "Witness "+w.Witness+" refused: "+w.Reason+".", "Ask the partner whether they have entered the current key of this log.")
			}
		}
		for _, x := range c.Stamps {
			switch x.State {
			case StampFailed:
				note(ProblemStamp, x.Authority, "Time authority "+x.Authority+" gave no stamp: "+x.Reason+".", "It is asked again by itself; to ask now: zapis log stamp")
			case StampPending:
				if x.Kind == StampRFC3161 {
					note(ProblemStamp, x.Authority, "The stamp of "+x.Authority+" is not checked: "+x.Reason+".", "Enter the root certificates under time_roots in zapis.toml, then: zapis log stamp")
				}
			}
		}
	}
	if len(st.Authorities) == 0 {
		note(ProblemNoAuthority, "", "No time authority is configured: dates are the archive's and its witnesses' word.", "Enter one or more under time_authorities in zapis.toml.")
	}
	switch p := st.Published; {
	case len(st.Checkpoints) == 0:
	case p.At.IsZero():
		note(ProblemNeverPublished, "", "The log was never published.", "zapis log publish FOLDER, or set publish in zapis.toml.")
	case !p.OK:
		note(ProblemNotPublished, "", "The latest publication did not succeed: "+p.Reason+".", "See to the place and run: zapis log publish")
	case !p.Current:
		note(ProblemNotPublished, "", fmt.Sprintf("Checkpoint %d is published, the latest is %d.", p.Size, st.Size), "zapis log publish")
	}
	return out
}
