package localdisk_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"zapis/internal/vault"
	"zapis/internal/vault/localdisk"
)

func disk(t *testing.T) (*localdisk.Disk, string) {
	t.Helper()
	root := filepath.Join(t.TempDir(), "vault")
	d, err := localdisk.Create(root)
	if err != nil {
		t.Fatal(err)
	}
	return d, root
}

func TestOpenMakesNothing(t *testing.T) {
	t.Parallel()
	root := filepath.Join(t.TempDir(), "nobody's name")
	_, err := localdisk.Open(root)
	if !errors.Is(err, vault.ErrNotVault) {
		t.Error(err)
	}
	if _, err := os.Stat(root); !errors.Is(err, os.ErrNotExist) {
		t.Error("open made a folder")
	}
	if _, err := localdisk.Create(filepath.Join(root, "deep")); err == nil || strings.Contains(err.Error(), "nobody") {
		t.Errorf("create below a missing folder: %v", err)
	}
}

// Links are refused wherever they stand, and nothing outside the folder is read or written.
func TestNoLinkIsFollowed(t *testing.T) {
	t.Parallel()
	d, root := disk(t)
	ctx := t.Context()
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, []byte("outside"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := d.Replace(ctx, "key/real.age", []byte("inside")); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"key/out.age": outside, "key/in.age": "real.age"} {
		if err := os.Symlink(target, filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
		if r, err := d.Open(ctx, name); err == nil {
			t.Errorf("%s: a link was opened", name)
			r.Close()
		}
		if _, err := d.Stat(ctx, name); err == nil {
			t.Errorf("%s: a link was accepted", name)
		}
		if _, err := d.Create(ctx, name); !errors.Is(err, vault.ErrExists) {
			t.Errorf("%s: create over a link: %v", name, err)
		}
		var listed error
		for _, err := range d.List(ctx, "key/") {
			if err != nil {
				listed = err
			}
		}
		if listed == nil {
			t.Error("a link in the vault is not reported by a list")
		}
		// A replacement takes the link's place and leaves its target alone.
		if err := d.Replace(ctx, name, []byte("new")); err != nil {
			t.Error(err)
		}
	}
	for file, want := range map[string]string{outside: "outside", filepath.Join(root, "key/real.age"): "inside"} {
		if got, err := os.ReadFile(file); err != nil || string(got) != want {
			t.Errorf("a link's target has become %q, %v", got, err)
		}
	}
	if err := os.Symlink("key", filepath.Join(root, "secret")); err != nil {
		t.Fatal(err)
	}
	if r, err := d.Open(ctx, "secret/real.age"); err == nil {
		t.Error("a file was opened behind a linked folder")
		r.Close()
	}
	if err := os.Symlink(filepath.Dir(outside), filepath.Join(root, "blob")); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Create(ctx, "blob/x"); err == nil {
		t.Error("a file was created behind a linked folder")
	}
	if _, err := d.Open(ctx, "../outside"); err == nil {
		t.Error("a name led outside")
	}
}

// The bytes that had a name before are overwritten, and so is what an interrupted replacement left: each may hold keys.
func TestReplacedBytesAreOverwritten(t *testing.T) {
	t.Parallel()
	d, root := disk(t)
	ctx := t.Context()
	secret := bytes.Repeat([]byte("secret key "), 1000)
	for _, act := range []struct {
		name string
		do   func() error
	}{
		{"replace", func() error { return d.Replace(ctx, "envelope/00/en.age", []byte("new")) }},
		{"remove", func() error { return d.Remove(ctx, "envelope/00/en.age") }},
	} {
		if err := d.Replace(ctx, "envelope/00/en.age", secret); err != nil {
			t.Fatal(err)
		}
		former, err := os.Open(filepath.Join(root, "envelope/00/en.age"))
		if err != nil {
			t.Fatal(err)
		}
		left := filepath.Join(root, "envelope/00/.en.age.0123456789abcdef")
		if err := os.WriteFile(left, secret, 0o600); err != nil {
			t.Fatal(err)
		}
		other := filepath.Join(root, "envelope/00/.en2.age.0123456789abcdef")
		if err := os.WriteFile(other, secret, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := act.do(); err != nil {
			t.Fatal(err)
		}
		now := make([]byte, len(secret))
		if n, err := former.ReadAt(now, 0); n != len(now) || bytes.Contains(now, []byte("secret")) {
			t.Errorf("%s: the former bytes are still there (%v)", act.name, err)
		}
		former.Close()
		if act.name == "replace" {
			if _, err := os.Stat(left); !errors.Is(err, os.ErrNotExist) {
				t.Error("what an interrupted replacement left is still there")
			}
		}
		if _, err := os.Stat(other); err != nil {
			t.Error("a pending file of another name was taken away")
		}
	}
	for info, err := range d.List(ctx, "") {
		if err != nil || strings.Contains(info.Name, "/.") {
			t.Errorf("a pending file is listed: %q, %v", info.Name, err)
		}
	}
}

// What is read is what was written, in every mix of sizes and addresses, on file systems with a disk and without.
func TestWrittenIsReadWhateverTheSizes(t *testing.T) {
	t.Parallel()
	places := []string{t.TempDir()}
	if dir, err := os.MkdirTemp("/dev/shm", "zapis-test-"); err == nil {
		t.Cleanup(func() { os.RemoveAll(dir) })
		places = append(places, dir)
	}
	for _, place := range places {
		d, err := localdisk.Create(filepath.Join(place, "vault"))
		if err != nil {
			t.Fatal(err)
		}
		for i, sizes := range [][]int{{1 << 20, 1 << 20, 5}, {5, 1 << 20, 1 << 20}, {1 << 20, 4096, 1 << 20, 4097, 1 << 20}, {65536, 65535, 65536}, {3 << 20}, {0}} {
			name := "blob/" + strings.Repeat("0", 2) + "/piece" + string(rune('a'+i))
			w, err := d.Create(t.Context(), name)
			if err != nil {
				t.Fatal(err)
			}
			var want []byte
			for n, size := range sizes {
				room := make([]byte, size+1)
				p := room[n%2 : n%2+size] // every second one at an odd address
				for j := range p {
					p[j] = byte(j*31 + n + i)
				}
				want = append(want, p...)
				if got, err := w.Write(p); err != nil || got != size {
					t.Fatalf("sizes %v: wrote %d, %v", sizes, got, err)
				}
				clear(p) // the caller's again
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			r, err := d.OpenCold(t.Context(), name)
			if err != nil {
				t.Fatal(err)
			}
			got := make([]byte, len(want)+1)
			n, _ := r.ReadAt(got, 0)
			if err := r.Close(); err != nil || !bytes.Equal(got[:n], want) {
				t.Errorf("sizes %v: %d bytes come back that are not the %d written: %v", sizes, n, len(want), err)
			}
		}
	}
}
