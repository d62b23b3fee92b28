package vault_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"math/rand/v2"
	"testing"

	"zapis/internal/vault"
	"zapis/internal/vault/localdisk"
)

func TestSmoke(t *testing.T) {
	ctx := context.Background()
	d, err := localdisk.Create(t.TempDir() + "/v")
	if err != nil {
		t.Fatal(err)
	}
	v, err := vault.Create(ctx, d, vault.CreateOptions{Passphrase: []byte("p"), WorkFactor: 4, SegmentSize: 256 << 10})
	if err != nil {
		t.Fatal(err)
	}
	b := v.Begin(ctx)
	var want [][]byte
	var obs []vault.Object
	for _, n := range []int{0, 1, 65536, 256 << 10, 256<<10 + 1, 3<<20 + 7} {
		p := make([]byte, n)
		rand.NewChaCha8([32]byte{byte(n)}).Read(p)
		o, err := b.Add(ctx, bytes.NewReader(p), vault.AddOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if o.SHA256 != sha256.Sum256(p) {
			t.Fatal("digest", n)
		}
		want, obs = append(want, p), append(obs, o)
	}
	if _, err := b.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	v, err = vault.Open(ctx, d, vault.Passphrase([]byte("p")))
	if err != nil {
		t.Fatal(err)
	}
	for i, o := range obs {
		ref := vault.Ref{Object: o.ID, Envelope: o.Envelope}
		r, err := v.Reader(ctx, ref)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(got, want[i]) {
			t.Fatal(i, err, len(got), len(want[i]))
		}
		r.Close()
		if err := v.CheckObject(ctx, ref, nil); err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	if err := vault.CheckSums(ctx, d, func(name string, err error) {
		n++
		if err != nil {
			t.Error(name, err)
		}
	}, nil); err != nil {
		t.Fatal(err)
	}
	t.Log(n)
}
