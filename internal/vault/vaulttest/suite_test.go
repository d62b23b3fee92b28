package vaulttest_test

import (
	"os"
	"path/filepath"
	"testing"

	"zapis/internal/faultfs"
	"zapis/internal/vault"
	"zapis/internal/vault/localdisk"
	"zapis/internal/vault/vaulttest"
)

func TestMemory(t *testing.T) {
	t.Parallel()
	vaulttest.Run(t, true, func(testing.TB) vault.Backend { return vaulttest.NewMemory() })
}

func TestLocalDisk(t *testing.T) {
	t.Parallel()
	vaulttest.Run(t, false, func(t testing.TB) vault.Backend {
		dir, err := os.MkdirTemp(t.TempDir(), "")
		if err != nil {
			t.Fatal(err)
		}
		d, err := localdisk.Create(filepath.Join(dir, "vault"))
		if err != nil {
			t.Fatal(err)
		}
		return d
	})
}

// TestLocalDiskSimulated runs the storage's own code on the simulated disk; package faultfs has the power cuts.
func TestLocalDiskSimulated(t *testing.T) {
	t.Parallel()
	vaulttest.Run(t, false, func(testing.TB) vault.Backend { return localdisk.New(faultfs.New(1)) })
}

func TestS3(t *testing.T) {
	t.Parallel()
	vaulttest.Run(t, false, func(t testing.TB) vault.Backend { return vaulttest.OpenS3(t) })
}
