package store_test

import (
	"testing"

	"zapis/internal/store"
	"zapis/internal/store/storetest"
)

func TestSmoke(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		if db.VaultID() != storetest.VaultID {
			t.Error(db.VaultID())
		}
	})
}
