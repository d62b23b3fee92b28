package app

import (
	"context"
	"errors"
	"fmt"
	"io"

	"zapis/internal/archive"
	"zapis/internal/erase"
	"zapis/internal/store"
)

// openErase makes the room that erases items. It takes two locks while it does: one against others who erase, and the one that
// writers share, so that the vault's key is not changed meanwhile.
func (a *App) openErase() (*erase.Service, error) {
	return erase.New(erase.Options{
		DB: a.DB, Vault: a.Vault, Custody: a.Custody, Signer: a.Signer, Verifier: a.Verifier, Tool: a.Tool, Jobs: a.Jobs, Logger: a.Logger,
		Purge: a.DB.Purge,
		Lock: func() (io.Closer, error) {
			one, err := a.lock("erase", false)
			if err != nil || a.alone {
				return one, err
			}
			all, err := a.lock("vault", true)
			if err != nil {
				return nil, errors.Join(err, one.Close())
			}
			return both{all, one}, nil
		},
		Replicate: func(ctx context.Context) (bool, error) {
			place := a.Config.Replica
			if place == "" {
				if err := a.DB.Read(ctx, func(tx *store.Tx) (err error) { place, _, err = tx.Setting(ctx, settingReplica); return err }); err != nil {
					return false, err
				}
			}
			if place == "" {
				return false, nil
			}
			rep, err := a.Replicate(ctx, place, false, nil)
			if err == nil && len(rep.Damaged) > 0 {
				err = fmt.Errorf("replicate: %w: %d files could not be copied", archive.ErrIntegrity, len(rep.Damaged))
			}
			return true, err
		},
	})
}

// both closes two locks.
type both [2]io.Closer

func (b both) Close() error { return errors.Join(b[0].Close(), b[1].Close()) }
