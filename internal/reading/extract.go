package reading

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"zapis/internal/archive"
	"zapis/internal/custody"
	"zapis/internal/policy"
	"zapis/internal/store"
	"zapis/internal/vault"
)

// MaxReason is how long a reason may be, in bytes; the custody record keeps it for ever.
const MaxReason = 500

// Extract writes the original of an item in the clear to w, after the custody record says who took it out and why. id is an
// identifier or a reference such as Z3-000412. If the bytes turn out not to be those that were received, w has got
// some of them and the error is archive.ErrIntegrity: the caller must throw them away.
func (s *Service) Extract(ctx context.Context, r Reader, id, reason string, w io.Writer) (archive.Item, error) {
	reason = strings.Join(strings.Fields(reason), " ")
	if reason == "" || len(reason) > MaxReason || !utf8.ValidString(reason) {
		return archive.Item{}, archive.Explain(fmt.Errorf("%w: a reason of at most %d bytes is needed", archive.ErrInvalid, MaxReason), "reason-missing", "")
	}
	var it archive.Item
	err := s.o.DB.Read(ctx, func(tx *store.Tx) error {
		if strings.HasPrefix(id, "Z") {
			found, err := tx.ItemByReference(ctx, policy.ScopeOf(r.Subject), id)
			if err != nil {
				return fmt.Errorf("find item: %w", err)
			}
			id = found.ID
		}
		var err error
		it, err = s.item(ctx, tx, r, id, policy.Extract)
		return err
	})
	if err != nil {
		return archive.Item{}, err
	}
	rd, err := s.o.Vault.Reader(ctx, vault.Ref(it.Object))
	if err != nil {
		return archive.Item{}, fmt.Errorf("open original of %s: %w", it.ID, err)
	}
	defer rd.Close()
	event := custody.Extraction(r.Agent, it, reason)
	event.ID = archive.NewID(archive.PrefixEvent)
	err = s.o.DB.Write(ctx, func(tx *store.Tx) error {
		// What was allowed above may no longer be: asked again where nothing can come in between.
		if _, err := tx.Head(ctx, true); err != nil {
			return fmt.Errorf("lock the custody record: %w", err)
		}
		if _, err := s.item(ctx, tx, r, it.ID, policy.Extract); err != nil {
			return err
		}
		_, err := s.o.Custody.Record(ctx, tx, event)
		return err
	})
	if err != nil {
		// An unknown outcome too: without certainty that the act is recorded no byte leaves.
		return archive.Item{}, fmt.Errorf("record extraction of %s: %w", it.ID, err)
	}
	h := sha256.New()
	if _, err := io.Copy(io.MultiWriter(w, h), rd); err != nil {
		return it, errors.Join(fmt.Errorf("extract %s: %w", it.ID, err), s.extractionFailed(ctx, r, it))
	}
	if !bytes.Equal(h.Sum(nil), it.SHA256) {
		return it, errors.Join(fmt.Errorf("extract %s: %w: not the bytes that were received", it.ID, archive.ErrIntegrity), s.extractionFailed(ctx, r, it))
	}
	return it, nil
}

// extractionFailed records that an extraction broke off: some bytes may have left.
func (s *Service) extractionFailed(ctx context.Context, r Reader, it archive.Item) error {
	e := custody.Extraction(r.Agent, it, "broken off")
	e.Outcome = archive.Failure
	err := s.o.DB.Write(context.WithoutCancel(ctx), func(tx *store.Tx) error {
		_, err := s.o.Custody.Record(context.WithoutCancel(ctx), tx, e)
		return err
	})
	if err != nil {
		return fmt.Errorf("record broken extraction of %s: %w", it.ID, err)
	}
	return nil
}
