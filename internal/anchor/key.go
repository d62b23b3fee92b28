package anchor

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"zapis/internal/archive"
	"zapis/internal/store"
	"zapis/internal/tlog"
)

// SecretName is the name in the vault of the n-th key of the log, from 1.
func SecretName(number int64) string { return "log-key-" + strconv.FormatInt(number, 10) }

// Identity is what the world has to know of a log to check it.
type Identity struct {
	Origin      string
	VerifierKey string // of the key that signs from now on
	Number      int64
}

// CheckOrigin refuses a name that cannot be the origin of a log: it stands in every checkpoint and in the name of its key,
// for everybody to read.
func CheckOrigin(origin string) error {
	if len(origin) == 0 || len(origin) > 128 || strings.ContainsFunc(origin, func(r rune) bool { return r <= ' ' || r > '~' || r == '+' }) {
		return fmt.Errorf("%w: an origin is 1 to 128 ASCII characters without spaces and plus signs, such as archive.example/log", archive.ErrInvalid)
	}
	return nil
}

// Init makes the transparency log of the archive: its first key, its calendar from today on. archive.ErrExists if there is
// one. The origin is public and is never changed.
func (s *Service) Init(ctx context.Context, agent, origin string) (Identity, error) {
	if err := CheckOrigin(origin); err != nil {
		return Identity{}, err
	}
	now := s.now()
	l := store.PublicLog{Origin: origin, StartedOn: midnight(now), Cadence: s.o.Every, Offset: offset(now, s.o.Every, s.o.At)}
	// Looked up before the key is made, and again where it counts.
	err := s.o.DB.Read(ctx, func(tx *store.Tx) error {
		_, there, err := tx.PublicLog(ctx)
		if err == nil && there {
			err = archive.ErrExists
		}
		return err
	})
	if err != nil {
		return Identity{}, fmt.Errorf("make transparency log: %w", err)
	}
	const number = 1
	verifier, err := s.makeKey(ctx, origin, number)
	if err != nil {
		return Identity{}, fmt.Errorf("make transparency log: %w", err)
	}
	err = s.o.DB.Write(ctx, func(tx *store.Tx) error {
		if err := tx.AddPublicLog(ctx, l); err != nil {
			return err
		}
		if err := tx.AddLogKey(ctx, store.LogKey{Number: number, VerifierKey: verifier, At: now}); err != nil {
			return err
		}
		_, err := s.o.Custody.Record(ctx, tx, archive.Event{
			Type: archive.EventSignature, Agent: s.agent(agent), Outcome: archive.Success,
			Detail: map[string]string{"act": "log key", "number": decimal(number), "since": "0"},
		})
		return err
	})
	if err != nil {
		return Identity{}, fmt.Errorf("make transparency log: %w", err)
	}
	return Identity{origin, verifier, number}, nil
}

// mostLeft is how many keys of one number may lie in the vault: one for each attempt that was cut off between the vault and the
// database. Their secrets were never used and never will be.
const mostLeft = 32

// secretName is where the n-th key may lie: the first free name is taken.
func secretName(number int64, attempt int) string {
	if attempt == 0 {
		return SecretName(number)
	}
	return SecretName(number) + "-" + strconv.Itoa(attempt)
}

// makeKey makes a key and keeps it in the vault, durably, before anything names it.
func (s *Service) makeKey(ctx context.Context, origin string, number int64) (verifier string, err error) {
	signer, verifier, err := tlog.GenerateKey(s.o.Rand, origin)
	if err != nil {
		return "", err
	}
	for attempt := range mostLeft {
		err = s.o.Secrets.PutSecret(ctx, secretName(number, attempt), []byte(signer))
		if !errors.Is(err, archive.ErrExists) {
			break
		}
	}
	if err != nil {
		return "", fmt.Errorf("keep log key %d: %w", number, err)
	}
	return verifier, nil
}

// signer opens the secret of a key: the one that belongs to the verifier key in the catalogue, and no other.
func (s *Service) signer(ctx context.Context, origin string, k store.LogKey) (tlog.Signer, error) {
	for attempt := range mostLeft {
		text, err := s.o.Secrets.Secret(ctx, secretName(k.Number, attempt))
		if errors.Is(err, archive.ErrNotFound) && attempt > 0 {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("log key %d: %w", k.Number, err)
		}
		if verifier, err := tlog.VerifierKey(string(text)); err != nil || verifier != k.VerifierKey {
			continue
		}
		signer, err := tlog.NewSigner(string(text))
		if err != nil {
			return nil, fmt.Errorf("log key %d: %w", k.Number, err)
		}
		if signer.Name() != origin {
			return nil, fmt.Errorf("log key %d: %w: it belongs to another origin", k.Number, archive.ErrIntegrity)
		}
		return signer, nil
	}
	return nil, fmt.Errorf("log key %d: %w: the vault holds another one", k.Number, archive.ErrIntegrity)
}

// EndorsementText is what the key before signs when another one takes over at a size; docs/design/proof-bundle.md.
func EndorsementText(origin, verifierKey string, since int64) string {
	return "zapis log key v1\n" + origin + "\n" + verifierKey + "\n" + decimal(since) + "\n"
}

// mostKeys is how many keys a proof bundle holds.
const mostKeys = 32

// RotateKey makes another key, which signs from the next tick on, endorsed by the one before. archive.ErrConflict if the
// key was changed since the latest tick already. The former key stays in the vault.
func (s *Service) RotateKey(ctx context.Context, agent string) (Identity, error) {
	what := func(err error) error { return fmt.Errorf("change the log key: %w", err) }
	var l store.PublicLog
	var last store.LogKey
	// Looked at before a key is made, and again where it counts.
	err := s.o.DB.Read(ctx, func(tx *store.Tx) (err error) {
		if l, last, err = logAndKey(ctx, tx); err != nil {
			return err
		}
		size, err := tx.LogSize(ctx, false)
		if err != nil {
			return err
		}
		return mayFollow(last, size)
	})
	if err != nil {
		return Identity{}, what(err)
	}
	former, err := s.signer(ctx, l.Origin, last)
	if err != nil {
		return Identity{}, what(err)
	}
	number := last.Number + 1
	verifier, err := s.makeKey(ctx, l.Origin, number)
	if err != nil {
		return Identity{}, what(err)
	}
	err = s.o.DB.Write(ctx, func(tx *store.Tx) error {
		size, err := tx.LogSize(ctx, true)
		if err != nil {
			return err
		}
		_, now, err := logAndKey(ctx, tx)
		if err != nil {
			return err
		}
		since := size + 1
		if err := mayFollow(now, size); err != nil {
			return err
		}
		if now.Number != last.Number {
			return fmt.Errorf("%w: somebody else changed it", archive.ErrConflict)
		}
		endorsement, err := tlog.SignText(EndorsementText(l.Origin, verifier, since), former)
		if err != nil {
			return err
		}
		k := store.LogKey{Number: number, VerifierKey: verifier, Endorsement: string(endorsement), Since: since, At: s.now()}
		if err := tx.AddLogKey(ctx, k); err != nil {
			return err
		}
		_, err = s.o.Custody.Record(ctx, tx, archive.Event{
			Type: archive.EventSignature, Agent: s.agent(agent), Outcome: archive.Success,
			Detail: map[string]string{"act": "log key", "number": decimal(number), "since": decimal(since)},
		})
		return err
	})
	if err != nil {
		return Identity{}, what(err)
	}
	return Identity{l.Origin, verifier, number}, nil
}

// mayFollow says whether another key can follow one in a log of a size.
func mayFollow(k store.LogKey, size int64) error {
	switch {
	case k.Number >= mostKeys:
		return fmt.Errorf("%w: a log has at most %d keys", archive.ErrConflict, mostKeys)
	case size+1 <= k.Since:
		return archive.Explain(fmt.Errorf("%w: it was changed since the latest tick", archive.ErrConflict), "The key was changed since the latest tick already.", "Wait for the next tick.")
	}
	return nil
}

// logAndKey reads the log and the newest of its keys: ErrNoLog.
func logAndKey(ctx context.Context, tx *store.Tx) (l store.PublicLog, last store.LogKey, err error) {
	l, there, err := tx.PublicLog(ctx)
	if err != nil {
		return l, last, err
	}
	if !there {
		return l, last, noLog()
	}
	keys, err := tx.LogKeys(ctx)
	if err != nil {
		return l, last, err
	}
	if len(keys) == 0 {
		return l, last, fmt.Errorf("%w: the transparency log has no key", archive.ErrIntegrity)
	}
	return l, keys[len(keys)-1], nil
}

func noLog() error {
	return archive.Explain(ErrNoLog, "This archive has no transparency log yet.", "Make it with: zapis log init --origin NAME")
}

// keyFor gives the key that signs a checkpoint of a size: the last one whose Since is not above it.
func keyFor(keys []store.LogKey, size int64) (store.LogKey, error) {
	for i := len(keys) - 1; i >= 0; i-- {
		if keys[i].Since <= size {
			return keys[i], nil
		}
	}
	return store.LogKey{}, fmt.Errorf("%w: no key of the transparency log signs size %d", archive.ErrIntegrity, size)
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }
