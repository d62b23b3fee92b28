-- +goose Up
-- Which release a file is from: fingerprints of clips, and what was let out.

-- A clip that was rendered, by the SHA-256 of its file. number rises with every fingerprint, so that an index in memory knows what it
-- lacks. runs and print are sealed with the key of the record: a clip may never be let out, and they show, coarsely, what it shows. Both
-- are empty if there is nothing to be told again, so that it is not tried anew. clip_id is empty for a file that is out and was never
-- stated by this archive.
CREATE TABLE clip_fingerprint (
    sha256         BLOB    NOT NULL PRIMARY KEY CHECK (length(sha256) = 32),
    number         INTEGER NOT NULL UNIQUE CHECK (number > 0),
    clip_id        TEXT    REFERENCES clip (id),
    recipe_version INTEGER NOT NULL CHECK (recipe_version > 0),
    milliseconds   INTEGER NOT NULL CHECK (milliseconds >= 0),
    runs           BLOB    NOT NULL,
    print          BLOB    NOT NULL,
    created_at     INTEGER NOT NULL
) STRICT;
CREATE INDEX clip_fingerprint_clip ON clip_fingerprint (clip_id);

-- A version of a release as it was let out. It stays when the release is withdrawn: copies of it go round. footage is the SHA-256 of the
-- largest file of its clip.
CREATE TABLE match_release (
    release_id   TEXT    NOT NULL,
    version      INTEGER NOT NULL CHECK (version > 0),
    slug         TEXT    NOT NULL CHECK (slug <> ''),
    footage      BLOB    NOT NULL CHECK (length(footage) = 32),
    published_at INTEGER NOT NULL,
    withdrawn    INTEGER NOT NULL DEFAULT 0 CHECK (withdrawn IN (0, 1)),
    PRIMARY KEY (release_id, version)
) STRICT;
CREATE INDEX match_release_footage ON match_release (footage);

CREATE TABLE match_file (
    release_id TEXT    NOT NULL,
    version    INTEGER NOT NULL,
    name       TEXT    NOT NULL CHECK (name <> ''),
    sha256     BLOB    NOT NULL CHECK (length(sha256) = 32),
    bytes      INTEGER NOT NULL CHECK (bytes >= 0),
    PRIMARY KEY (release_id, version, name),
    FOREIGN KEY (release_id, version) REFERENCES match_release (release_id, version)
) STRICT;
CREATE INDEX match_file_sha256 ON match_file (sha256);
