package vault_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"filippo.io/age"

	"zapis/internal/vault"
	"zapis/internal/vault/localdisk"
	"zapis/internal/vault/vaulttest"
)

// ageFolder is where the command was built, if a test asked for it.
var ageFolder string

var buildAge = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "zapis-age-")
	if err != nil {
		return "", err
	}
	ageFolder = dir
	bin := filepath.Join(dir, "age")
	// The command needs modules that the product does not, so that it is a tool of the test server's module.
	source, err := filepath.Abs(filepath.Join("..", "..", "test", "s3server"))
	if err != nil {
		return "", err
	}
	out, err := exec.Command("go", "build", "-C", source, "-o", bin, "filippo.io/age/cmd/age").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return bin, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if ageFolder != "" {
		_ = os.RemoveAll(ageFolder)
	}
	os.Exit(code)
}

func ageCommand(t *testing.T) string {
	t.Helper()
	bin, err := buildAge()
	if err != nil {
		if os.Getenv("ZAPIS_TEST_REQUIRE") == "1" {
			t.Fatalf("the age command: %v", err)
		}
		t.Skipf("no age command for the test: %v", err)
	}
	return bin
}

// TestStockAgeOpensASegment follows docs/design/vault-format.md with nothing but age, tail, head and sha256sum: key
// file, vault identity, envelope, object identity, segments; and checks the sums with sha256sum -c.
func TestStockAgeOpensASegment(t *testing.T) {
	t.Parallel()
	bin := ageCommand(t)
	dir := t.TempDir()
	root := filepath.Join(dir, "vault")
	d, err := localdisk.Create(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"hybrid", "x25519"} {
		if kind == "x25519" {
			root = filepath.Join(dir, "vault2")
			if d, err = localdisk.Create(root); err != nil {
				t.Fatal(err)
			}
		}
		var recipient, identity string
		if kind == "hybrid" {
			id, err := age.GenerateHybridIdentity()
			if err != nil {
				t.Fatal(err)
			}
			recipient, identity = id.Recipient().String(), id.String()
		} else {
			id, err := age.GenerateX25519Identity()
			if err != nil {
				t.Fatal(err)
			}
			recipient, identity = id.Recipient().String(), id.String()
		}
		keyFile := filepath.Join(dir, kind+".txt")
		if err := os.WriteFile(keyFile, []byte(identity+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		v, err := vault.Create(t.Context(), d, vault.CreateOptions{KeyFileRecipients: []string{recipient}, SegmentSize: 128 << 10})
		if err != nil {
			t.Fatal(err)
		}
		want := vaulttest.Noise(1, 300_000)
		c := vaulttest.Seal(t, v, vaulttest.Noise(2, 100), want)
		object := c.Objects[1]

		run := func(script string, args ...string) []byte {
			t.Helper()
			cmd := exec.Command("sh", append([]string{"-euc", script, "sh"}, args...)...)
			cmd.Dir = root
			var errs bytes.Buffer
			cmd.Stderr = &errs
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("%s: %v: %s", script, err, errs.String())
			}
			return out
		}
		vaultKey, objectKey := filepath.Join(dir, kind+"-vault.key"), filepath.Join(dir, kind+"-object.key")
		run(`"$1" -d -i "$2" -o "$3" key/file-*.age`, bin, keyFile, vaultKey)
		list := run(`"$1" -d -i "$2" envelope/*/"$3".age`, bin, vaultKey, c.Envelope)
		var e struct {
			Objects []struct {
				Object   string
				Identity string
				SHA256   string
				Segments []struct {
					Blob           string
					Offset, Length int64
					PlainSHA256    string `json:"plain_sha256"`
				}
			}
		}
		if err := json.Unmarshal(list, &e); err != nil {
			t.Fatal(err)
		}
		var all []byte
		for _, o := range e.Objects {
			if o.Object != object.ID {
				continue
			}
			if err := os.WriteFile(objectKey, []byte(o.Identity+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			for i, s := range o.Segments {
				part := run(`tail -c +"$3" blob/*/"$5" | head -c "$4" | "$1" -d -i "$2"`, bin, objectKey, fmt.Sprint(s.Offset+1), fmt.Sprint(s.Length), s.Blob)
				all = append(all, part...)
				if sum := sha256.Sum256(all); hex.EncodeToString(sum[:]) != s.PlainSHA256 {
					t.Errorf("segment %d: the plaintext up to its end has the digest %x", i, sum)
				}
			}
			if o.SHA256 != hex.EncodeToString(object.SHA256[:]) {
				t.Error("the envelope states another digest")
			}
		}
		if !bytes.Equal(all, want) || sha256.Sum256(all) != object.SHA256 {
			t.Fatalf("age opened %d bytes that are not the object's", len(all))
		}
		run(`cat sums/vault sums/*/* | sha256sum --quiet -c -`)
		if err := v.Erase(t.Context(), vaulttest.Ref(c, 1)); err != nil {
			t.Fatal(err)
		}
		run(`cat sums/vault sums/*/* | sha256sum --quiet -c -`)
		if left := run(`"$1" -d -i "$2" envelope/*/"$3".age`, bin, vaultKey, c.Envelope); bytes.Contains(left, []byte(e.Objects[1].Identity)) {
			t.Error("the key of an erased object is still in the envelope")
		}
	}
}
