package anchor

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"zapis/internal/archive"
	"zapis/internal/store"
	"zapis/internal/tlog"
)

// Gathered is what others had to say to the latest checkpoint.
type Gathered struct {
	Size      int64
	Cosigned  int // configured witnesses that have cosigned it
	Witnesses int
	QuorumMet bool
	Confirmed int // stamps
	Pending   int
	Failed    int
	Forks     []string // witnesses that have seen another tree
}

// settingWitness is the prefix of the settings that hold how the latest question to a witness ended.
const settingWitness = "log.witness."

// word is how the latest question to a witness ended.
type word struct {
	State  string    `json:"state"`
	Size   int64     `json:"size"`   // of the checkpoint asked about
	Signed int64     `json:"signed"` // the largest size that it has cosigned
	Reason string    `json:"reason,omitempty"`
	At     time.Time `json:"at"`
}

// Gather asks every configured witness for its cosignature of the latest checkpoint and every authority for a stamp, all at
// once, each with a time limit, and goes on with stamps that are pending. What was given already is not asked for again. One
// that does not answer is noted with a reason and asked again by the next call; the error tells only that the catalogue or the
// log itself did not work.
func (s *Service) Gather(ctx context.Context) (Gathered, error) {
	var (
		latest  store.LogCheckpoint
		there   map[string]bool // verifier keys
		words   map[string]word
		stamps  []store.LogStamp
		pending []store.LogStamp
	)
	err := s.o.DB.Read(ctx, func(tx *store.Tx) error {
		if _, made, err := tx.PublicLog(ctx); err != nil || !made {
			return errors.Join(err, noLogUnless(made))
		}
		all, err := tx.LogCheckpoints(ctx, 1)
		if err != nil || len(all) == 0 {
			return err
		}
		latest = all[0]
		cos, err := tx.LogCosignatures(ctx, latest.Size)
		if err != nil {
			return err
		}
		there = map[string]bool{}
		for _, c := range cos {
			there[c.VerifierKey] = true
		}
		if words, err = s.words(ctx, tx); err != nil {
			return err
		}
		if stamps, err = tx.LogStamps(ctx, latest.Size); err != nil {
			return err
		}
		pending, err = tx.PendingStamps(ctx)
		return err
	})
	if err != nil {
		return Gathered{}, fmt.Errorf("gather cosignatures: %w", err)
	}
	if latest.Size == 0 {
		return Gathered{Witnesses: len(s.o.Witnesses)}, nil
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	var failed error
	ask := func(f func(context.Context) error) {
		wg.Go(func() {
			qctx, cancel := context.WithTimeout(ctx, s.o.Timeout)
			defer cancel()
			if err := f(qctx); err != nil {
				mu.Lock()
				failed = errors.Join(failed, err)
				mu.Unlock()
			}
		})
	}
	for _, w := range s.o.Witnesses {
		if !there[strings.TrimSpace(w.VerifierKey)] && s.o.Cosigner != nil {
			ask(func(qctx context.Context) error { return s.cosign(ctx, qctx, w, latest, words[w.Name]) })
		}
	}
	for _, a := range s.o.Authorities {
		for _, st := range stampsToAsk(a, latest.Size, stamps, pending) {
			ask(func(qctx context.Context) error { return s.stamp(ctx, qctx, a, st) })
		}
	}
	wg.Wait()
	if failed != nil {
		return Gathered{}, fmt.Errorf("gather cosignatures: %w", failed)
	}
	return s.gathered(ctx, latest.Size)
}

func noLogUnless(made bool) error {
	if made {
		return nil
	}
	return noLog()
}

func (s *Service) words(ctx context.Context, tx *store.Tx) (map[string]word, error) {
	out := map[string]word{}
	for _, w := range s.o.Witnesses {
		text, ok, err := tx.Setting(ctx, settingWitness+w.Name)
		if err != nil {
			return nil, err
		}
		var v word
		if ok && json.Unmarshal([]byte(text), &v) == nil {
			out[w.Name] = v
		}
	}
	return out, nil
}

// cosign asks one witness. ctx is the caller's, qctx that of the question.
func (s *Service) cosign(ctx, qctx context.Context, w Witness, c store.LogCheckpoint, former word) error {
	now := word{Size: c.Size, Signed: former.Signed, At: s.now()}
	proof := func(from int64) (out []tlog.Hash, err error) {
		if from == 0 {
			return nil, nil // everything is consistent with nothing
		}
		err = s.o.DB.Read(ctx, func(tx *store.Tx) error {
			out, err = tlog.Consistency(from, c.Size, logHashes(ctx, tx))
			return err
		})
		return out, err
	}
	var at time.Time
	line := ""
	v, err := tlog.NewCosignVerifier(w.VerifierKey)
	if err != nil { // a slip in the configuration is one more reason, not an end of asking the others
		err = fmt.Errorf("%w: its verifier key cannot be read", ErrRefused)
	} else {
		line, _, err = s.o.Cosigner.Cosign(qctx, w, c.Text, former.Signed, proof)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err == nil {
		// Whoever asked may have believed anything: what goes into the catalogue was checked here.
		if at, err = v.Check(string(noteText(c.Text)), line); err != nil {
			err = fmt.Errorf("%w: the answer is not its cosignature", ErrRefused)
		}
	}
	switch {
	case err == nil:
		now.State, now.Signed = WitnessSigned, c.Size
	case errors.Is(err, ErrFork):
		now.State, now.Reason = WitnessFork, "it says that it has seen another tree under this name"
	case errors.Is(err, ErrUnreachable), errors.Is(err, context.DeadlineExceeded):
		now.State, now.Reason = WitnessUnreachable, "no answer"
	default:
		now.State, now.Reason = WitnessRefused, reason(err, ErrRefused)
	}
	if now.State != WitnessSigned {
		s.o.Logger.WarnContext(ctx, "checkpoint was not cosigned", "size", c.Size, "state", now.State)
	}
	text, err := json.Marshal(now)
	if err != nil {
		return err
	}
	return s.o.DB.Write(ctx, func(tx *store.Tx) error {
		if now.State == WitnessSigned {
			err := tx.AddLogCosignature(ctx, store.LogCosignature{Size: c.Size, Witness: w.Name, VerifierKey: v.String(), Line: strings.TrimSuffix(line, "\n"), At: at})
			if err != nil && !errors.Is(err, archive.ErrExists) { // another process asked as well
				return err
			}
		}
		return tx.SetSetting(ctx, settingWitness+w.Name, string(text))
	})
}

// reason makes a short, plain sentence of an error from outside: printable ASCII, no addresses.
func reason(err error, kind error) string {
	text := err.Error()
	if kind != nil && errors.Is(err, kind) {
		if _, after, ok := strings.Cut(text, kind.Error()+": "); ok {
			text = after
		}
	}
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, text)
	words := strings.Fields(text)
	for i, w := range words {
		if strings.Contains(w, "://") || strings.Contains(w, "/") || strings.Count(w, ".") > 1 || strings.Contains(w, ":") && strings.ContainsAny(w, "0123456789") {
			words[i] = "…"
		}
	}
	text = strings.Join(words, " ")
	if len(text) > 200 {
		text = text[:200]
	}
	return text
}

// stampsToAsk gives what an authority is to be asked for: the stamp of the latest checkpoint unless it is confirmed, and its
// older stamps that are pending. One that failed for an older checkpoint is left: the latest covers the same leaves.
func stampsToAsk(a Authority, size int64, latest, pending []store.LogStamp) (out []store.LogStamp) {
	own := func(st store.LogStamp) bool { return st.Authority == a.Name() && st.Kind == a.Kind() }
	there := false
	for _, st := range latest {
		if own(st) {
			there = true
			if st.State != StampConfirmed {
				out = append(out, st)
			}
		}
	}
	if !there {
		out = append(out, store.LogStamp{Size: size, Kind: a.Kind(), Authority: a.Name()})
	}
	for _, st := range pending {
		if own(st) && st.Size != size {
			out = append(out, st)
		}
	}
	return out
}

// stamp asks one authority for one stamp, or asks on.
func (s *Service) stamp(ctx, qctx context.Context, a Authority, st store.LogStamp) error {
	var imprint [32]byte
	err := s.o.DB.Read(ctx, func(tx *store.Tx) error {
		c, ok, err := tx.LogCheckpointAt(ctx, st.Size)
		if err != nil {
			return err
		}
		if !ok || c.Size != st.Size {
			return fmt.Errorf("%w: checkpoint %d is missing", archive.ErrIntegrity, st.Size)
		}
		imprint = sha256.Sum256(noteText(c.Text))
		return nil
	})
	if err != nil {
		return err
	}
	got, err := a.Stamp(qctx, imprint, st.Token)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	now := s.now()
	if st.ID == "" {
		st.ID, st.AskedAt = archive.NewIDFrom(archive.PrefixStamp, now, s.o.Rand), now
	}
	st.UpdatedAt = now
	switch {
	case err != nil && len(st.Token) > 0:
		// What is there stays; only the next step did not come about.
		st.Reason = outsideReason(err)
	case err != nil:
		st.State, st.Reason = StampFailed, outsideReason(err)
	case got.State == StampConfirmed && len(got.Token) > 0 && !got.At.IsZero():
		st.State, st.Token, st.StampedAt, st.Reason = StampConfirmed, got.Token, got.At, ""
	case got.State == StampPending && len(got.Token) > 0:
		st.State, st.Token, st.Reason = StampPending, got.Token, reason(errors.New(got.Reason), nil)
	case got.State == StampFailed:
		st.State, st.Token, st.Reason = StampFailed, nil, reason(errors.New(got.Reason), nil)
	default:
		st.State, st.Token, st.Reason = StampFailed, nil, "the answer makes no sense"
	}
	if st.State == StampFailed {
		s.o.Logger.WarnContext(ctx, "checkpoint was not stamped", "size", st.Size, "stamp", st.ID)
	}
	return s.o.DB.Write(ctx, func(tx *store.Tx) error { return tx.SetLogStamp(ctx, st) })
}

func outsideReason(err error) string {
	if errors.Is(err, ErrUnreachable) || errors.Is(err, context.DeadlineExceeded) {
		return "no answer"
	}
	return reason(err, ErrRefused)
}

// gathered counts what is in the catalogue for one checkpoint.
func (s *Service) gathered(ctx context.Context, size int64) (g Gathered, err error) {
	g = Gathered{Size: size, Witnesses: len(s.o.Witnesses)}
	err = s.o.DB.Read(ctx, func(tx *store.Tx) error {
		cos, err := tx.LogCosignatures(ctx, size)
		if err != nil {
			return err
		}
		words, err := s.words(ctx, tx)
		if err != nil {
			return err
		}
		for _, w := range s.o.Witnesses {
			if signedBy(cos, w) {
				g.Cosigned++
			} else if words[w.Name].State == WitnessFork {
				g.Forks = append(g.Forks, w.Name)
			}
		}
		g.QuorumMet = g.Cosigned >= s.o.Quorum
		stamps, err := tx.LogStamps(ctx, size)
		for _, st := range stamps {
			switch st.State {
			case StampConfirmed:
				g.Confirmed++
			case StampPending:
				g.Pending++
			default:
				g.Failed++
			}
		}
		return err
	})
	return g, err
}

func signedBy(cos []store.LogCosignature, w Witness) bool {
	for _, c := range cos {
		if c.VerifierKey == strings.TrimSpace(w.VerifierKey) {
			return true
		}
	}
	return false
}
