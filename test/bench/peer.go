package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// contender is a way of taking material into keeping and of checking it afterwards. Each step works in a fresh folder.
type contender struct {
	name    string
	about   string // how it is run, for the report
	many    bool   // several processes, so that the memory of one says nothing
	needs   []string
	version []string
	prepare func(ctx context.Context, at string) error
	take    func(ctx context.Context, at, from string) (sample, error)
	check   func(ctx context.Context, at, from string) (sample, error)
}

func (c contender) missing() bool {
	for _, n := range c.needs {
		if !have(n) {
			return true
		}
	}
	return false
}

// all runs commands one after another and adds up.
func all(ctx context.Context, cs ...command) (sample, error) {
	var sum sample
	for _, c := range cs {
		s, err := do(ctx, c)
		sum = sum.add(s)
		if err != nil {
			return sum, err
		}
	}
	return sum, nil
}

// flush makes what a program has written durable, as Zapis does before it acknowledges.
func flush(at string) command { return command{args: []string{"sync", "-f", at}} }

func digests(from string) command {
	return command{args: []string{"sh", "-c", `find "$1" -type f -print0 | xargs -0 openssl dgst -sha256 >"$2"`, "sh", from, os.DevNull}}
}

const secret = "a passphrase for measurements only"

func peers() []contender {
	resticEnv := []string{"RESTIC_PASSWORD=" + secret}
	borgEnv := func(at string) []string {
		return []string{"BORG_PASSPHRASE=" + secret, "BORG_BASE_DIR=" + filepath.Join(at, "base"), "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes", "BORG_RELOCATED_REPO_ACCESS_IS_OK=yes"}
	}
	rcloneEnv := func(at string) []string {
		var out bytes.Buffer
		if _, err := do(context.Background(), command{args: []string{"rclone", "obscure", secret}, stdout: &out}); err != nil {
			return nil
		}
		return []string{"RCLONE_CONFIG=" + filepath.Join(at, "rclone.conf"), "RCLONE_CONFIG_KEPT_TYPE=crypt", "RCLONE_CONFIG_KEPT_REMOTE=" + filepath.Join(at, "kept"),
			"RCLONE_CONFIG_KEPT_PASSWORD=" + strings.TrimSpace(out.String())}
	}
	annexEnv := func(at string) []string {
		return []string{"HOME=" + at, "GIT_AUTHOR_NAME=bench", "GIT_AUTHOR_EMAIL=bench@example.org", "GIT_COMMITTER_NAME=bench", "GIT_COMMITTER_EMAIL=bench@example.org"}
	}
	return []contender{
		{
			name: "restic", about: "`restic backup`, then sync; check: `restic check --read-data`", needs: []string{"restic"}, version: []string{"restic", "version"},
			prepare: func(ctx context.Context, at string) error {
				_, err := do(ctx, command{env: resticEnv, args: []string{"restic", "init", "-q", "--repo", filepath.Join(at, "kept")}})
				return err
			},
			take: func(ctx context.Context, at, from string) (sample, error) {
				return all(ctx, command{env: resticEnv, args: []string{"restic", "backup", "-q", "--no-cache", "--repo", filepath.Join(at, "kept"), from}}, flush(at))
			},
			check: func(ctx context.Context, at, _ string) (sample, error) {
				return do(ctx, command{env: resticEnv, args: []string{"restic", "check", "-q", "--no-cache", "--read-data", "--repo", filepath.Join(at, "kept")}})
			},
		},
		{
			name: "borg", about: "`borg create` (repokey-blake2, no compression), then sync; check: `borg check --verify-data`", needs: []string{"borg"}, version: []string{"borg", "--version"},
			prepare: func(ctx context.Context, at string) error {
				_, err := do(ctx, command{env: borgEnv(at), args: []string{"borg", "init", "-e", "repokey-blake2", filepath.Join(at, "kept")}})
				return err
			},
			take: func(ctx context.Context, at, from string) (sample, error) {
				return all(ctx, command{env: borgEnv(at), args: []string{"borg", "create", "-C", "none", filepath.Join(at, "kept") + "::first", from}}, flush(at))
			},
			check: func(ctx context.Context, at, _ string) (sample, error) {
				return do(ctx, command{env: borgEnv(at), args: []string{"borg", "check", "--verify-data", filepath.Join(at, "kept")}})
			},
		},
		{
			name: "git-annex", about: "`cp` and `git annex add`, `git commit`, then sync; check: `git annex fsck`. It seals nothing: with an encrypted remote it starts gpg for every file and takes many times as long",
			many: true, needs: []string{"git-annex"}, version: []string{"git-annex", "version", "--raw"},
			prepare: func(ctx context.Context, at string) error {
				repo := filepath.Join(at, "repo")
				_, err := all(ctx, command{env: annexEnv(at), args: []string{"git", "init", "-q", repo}},
					command{dir: repo, env: annexEnv(at), args: []string{"git", "annex", "init", "--quiet"}})
				return err
			},
			take: func(ctx context.Context, at, from string) (sample, error) {
				repo := filepath.Join(at, "repo")
				return all(ctx, command{args: []string{"cp", "-r", from, filepath.Join(repo, "material")}},
					command{dir: repo, env: annexEnv(at), args: []string{"git", "annex", "add", "--quiet", "."}},
					command{dir: repo, env: annexEnv(at), args: []string{"git", "commit", "-q", "-m", "take in"}}, flush(at))
			},
			check: func(ctx context.Context, at, _ string) (sample, error) {
				return do(ctx, command{dir: filepath.Join(at, "repo"), env: annexEnv(at), args: []string{"git", "annex", "fsck", "--quiet"}})
			},
		},
		{
			name: "rclone crypt", about: "`rclone copy` to a crypt remote over a local folder, then sync; check: `rclone cryptcheck` against the source (it needs the source)",
			needs: []string{"rclone"}, version: []string{"rclone", "version"},
			prepare: func(_ context.Context, at string) error {
				return os.WriteFile(filepath.Join(at, "rclone.conf"), nil, 0o600)
			},
			take: func(ctx context.Context, at, from string) (sample, error) {
				return all(ctx, command{env: rcloneEnv(at), args: []string{"rclone", "copy", "-q", from, "kept:"}}, flush(at))
			},
			check: func(ctx context.Context, at, from string) (sample, error) {
				return do(ctx, command{env: rcloneEnv(at), args: []string{"rclone", "cryptcheck", "-q", from, "kept:"}})
			},
		},
	}
}

// baseline is what a careful person does by hand: copy, digest, make durable.
func baseline() contender {
	return contender{
		name: "cp + openssl", about: "`cp -r`, `openssl dgst -sha256` of the source (still in the page cache after the copy), `sync`; check: `openssl dgst -sha256` of the copy",
		many: true, needs: []string{"openssl"}, version: []string{"openssl", "version"},
		prepare: func(context.Context, string) error { return nil },
		take: func(ctx context.Context, at, from string) (sample, error) {
			return all(ctx, command{args: []string{"cp", "-r", from, filepath.Join(at, "kept")}}, digests(from), flush(at))
		},
		check: func(ctx context.Context, at, _ string) (sample, error) {
			return do(ctx, digests(filepath.Join(at, "kept")))
		},
	}
}

// reading is the lower bound of any check: the bytes pass through memory once.
func readAll(ctx context.Context, at string) (sample, error) {
	return do(ctx, command{args: []string{"sh", "-c", `find "$1" -type f -print0 | xargs -0 cat >/dev/null`, "sh", at}})
}

// peek runs a peer once on a few bytes, so that a broken installation is known before the long part begins.
func (c contender) peek(ctx context.Context, scratch string) error {
	if c.missing() {
		return fmt.Errorf("%s: %w", c.name, errMissing)
	}
	at, err := os.MkdirTemp(scratch, "peek-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(at)
	from := filepath.Join(at, "from")
	if _, err := mixedSet(from, 1, 1<<20, 3); err != nil {
		return err
	}
	to := filepath.Join(at, "to")
	if err := os.Mkdir(to, 0o700); err != nil {
		return err
	}
	if err := c.prepare(ctx, to); err != nil {
		return err
	}
	if _, err := c.take(ctx, to, from); err != nil {
		return err
	}
	_, err = c.check(ctx, to, from)
	return err
}
