package account

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"zapis/internal/store"
)

// Limits of a session. Idle is since the last request, absolute since sign-in.
const (
	SessionIdle     = 2 * time.Hour
	SessionAbsolute = 12 * time.Hour
	// touchEvery is how often the last use of a session is written down.
	touchEvery = time.Minute
)

// Keys of what a session holds.
const (
	SessionAccount = "account" // identifier of the account
	SessionID      = "session" // archive.NewID("se"): names the session in visits, and is no secret
	SessionSince   = "since"   // when its person proved who they are, RFC 3339
)

// SessionCodec writes what a session holds as JSON of strings. It is a codec of github.com/alexedwards/scs/v2.
type SessionCodec struct{}

type sessionJSON struct {
	Deadline time.Time         `json:"deadline"`
	Values   map[string]string `json:"values"`
}

// Encode writes a session; only text can be kept.
func (SessionCodec) Encode(deadline time.Time, values map[string]any) ([]byte, error) {
	v := sessionJSON{Deadline: deadline.UTC(), Values: make(map[string]string, len(values))}
	for key, value := range values {
		text, ok := value.(string)
		if !ok {
			return nil, fmt.Errorf("session value %s is not text", key)
		}
		v.Values[key] = text
	}
	return json.Marshal(v)
}

// Decode reads what Encode wrote.
func (SessionCodec) Decode(b []byte) (time.Time, map[string]any, error) {
	var v sessionJSON
	if err := json.Unmarshal(b, &v); err != nil {
		return time.Time{}, nil, fmt.Errorf("read session: %w", err)
	}
	values := make(map[string]any, len(v.Values))
	for key, text := range v.Values {
		values[key] = text
	}
	return v.Deadline, values, nil
}

// SessionStore keeps sessions in the database: the hash of the token, and what it holds sealed under the record key for
// that hash. It is a store of github.com/alexedwards/scs/v2 and expects the plain token.
type SessionStore struct{ s *Service }

// Sessions gives the store of sessions.
func (s *Service) Sessions() *SessionStore { return &SessionStore{s: s} }

func hashSession(token string) []byte {
	sum := sha256.Sum256([]byte("zapis session v1\x00" + token))
	return sum[:]
}

func sessionRow(hash []byte) string { return "session/" + hex.EncodeToString(hash) }

// Find implements scs.Store.
func (st *SessionStore) Find(token string) ([]byte, bool, error) {
	return st.FindCtx(context.Background(), token)
}

// FindCtx gives what a session holds, unless it was not used for SessionIdle. It notes the use, once a minute and without
// making the request wait for it.
func (st *SessionStore) FindCtx(ctx context.Context, token string) ([]byte, bool, error) {
	if token == "" || len(token) > 128 {
		return nil, false, nil
	}
	hash, now := hashSession(token), st.s.now()
	var row store.Session
	err := st.s.o.DB.Read(ctx, func(tx *store.Tx) (err error) { row, err = tx.Session(ctx, hash, now); return err })
	switch {
	case notFound(err):
		return nil, false, nil
	case err != nil:
		return nil, false, fmt.Errorf("read session: %w", err)
	case now.Sub(row.SeenAt) > SessionIdle || now.Sub(row.CreatedAt) > SessionAbsolute:
		return nil, false, nil
	}
	body, err := st.s.o.Sealer.Open(sessionRow(hash), row.Data)
	if err != nil {
		return nil, false, nil // altered or of another key: no session
	}
	if now.Sub(row.SeenAt) > touchEvery {
		st.s.touch(row, now)
	}
	return body, true, nil
}

// touch notes the last use of a session.
func (s *Service) touch(row store.Session, now time.Time) {
	key := string(row.TokenHash)
	if _, busy := s.touching.LoadOrStore(key, true); busy {
		return
	}
	s.background.Go(func() {
		defer s.touching.Delete(key)
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		err := s.o.DB.Write(ctx, func(tx *store.Tx) error {
			// Only if it is still there: a session that was ended meanwhile must not come back.
			fresh, err := tx.Session(ctx, row.TokenHash, now)
			if err != nil {
				return err
			}
			fresh.SeenAt = now
			return tx.SetSession(ctx, fresh)
		})
		if err != nil && !notFound(err) {
			s.o.Logger.Warn("session use not noted", "error", err)
		}
	})
}

// Commit implements scs.Store.
func (st *SessionStore) Commit(token string, b []byte, expiry time.Time) error {
	return st.CommitCtx(context.Background(), token, b, expiry)
}

// CommitCtx adds or replaces a session.
func (st *SessionStore) CommitCtx(ctx context.Context, token string, b []byte, expiry time.Time) error {
	hash, now := hashSession(token), st.s.now()
	_, values, err := SessionCodec{}.Decode(b)
	if err != nil {
		return err
	}
	account, _ := values[SessionAccount].(string)
	row := store.Session{
		TokenHash: hash, Account: account, Data: st.s.o.Sealer.Seal(sessionRow(hash), b), CreatedAt: now, SeenAt: now, ExpiresAt: expiry.UTC(),
	}
	err = st.s.o.DB.Write(ctx, func(tx *store.Tx) error {
		old, err := tx.Session(ctx, hash, now)
		if err == nil {
			row.CreatedAt = old.CreatedAt
		} else if !notFound(err) {
			return err
		}
		return tx.SetSession(ctx, row)
	})
	if err != nil {
		return fmt.Errorf("keep session: %w", err)
	}
	return nil
}

// Delete implements scs.Store.
func (st *SessionStore) Delete(token string) error { return st.DeleteCtx(context.Background(), token) }

// DeleteCtx removes a session.
func (st *SessionStore) DeleteCtx(ctx context.Context, token string) error {
	err := st.s.o.DB.Write(ctx, func(tx *store.Tx) error { return tx.RemoveSession(ctx, hashSession(token)) })
	if err != nil {
		return fmt.Errorf("remove session: %w", err)
	}
	return nil
}

// Expire removes what has run out: sessions, links, old attempts.
func (s *Service) Expire(ctx context.Context) error {
	err := s.o.DB.Write(ctx, func(tx *store.Tx) error { return tx.ExpireSessions(ctx, s.now()) })
	if err != nil {
		return fmt.Errorf("remove expired sessions: %w", err)
	}
	return nil
}

// endOthers ends every session of an account but the one whose token is keep.
func (s *Service) endOthers(ctx context.Context, tx *store.Tx, account, keep string) error {
	rows, err := tx.Sessions(ctx, account, s.now())
	if err != nil {
		return fmt.Errorf("list sessions of %s: %w", account, err)
	}
	kept := hashSession(keep)
	for _, r := range rows {
		if keep != "" && bytes.Equal(r.TokenHash, kept) {
			continue
		}
		if err := tx.RemoveSession(ctx, r.TokenHash); err != nil {
			return fmt.Errorf("end a session of %s: %w", account, err)
		}
	}
	return nil
}
