// Package config reads the one configuration file, zapis.toml in the home folder, and the environment over it.
//
// It guarantees that an unknown key, a key given twice, a value of the wrong form and a file that others than its owner
// may write are errors and never passed over; that every key can also be given as an environment variable of the
// same name; and that secrets are given by the path of a file, never as a value. The file is a small, strict part of
// TOML: lines `key = "text"` or `key = 12`, comments, nothing else.
//
// It opens nothing that it names and gives no component the whole of itself: app hands each room its own options.
package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"zapis/internal/archive"
)

// Name is the name of the file in the home folder.
const Name = "zapis.toml"

// Config is everything that can be configured. The tag key is the name in the file; in the environment it is written
// in capitals with ZAPIS_ in front. The tag doc is the reference page.
type Config struct {
	Database        string        `key:"database" doc:"postgres://… for PostgreSQL; empty for the encrypted SQLite file zapis.db in the home folder. A password belongs into ~/.pgpass or PGPASSFILE, not here."`
	Vault           string        `key:"vault" doc:"Folder of the vault, or s3://bucket/prefix?endpoint=…; empty for the folder vault in the home folder."`
	Replica         string        `key:"replica" doc:"Folder or s3://… with a copy of the vault, from which damaged blobs are healed; empty for none. zapis vault replicate fills it."`
	PassphraseFile  string        `key:"passphrase_file" doc:"File whose first line is the passphrase of the vault. Only its owner should be able to read it."`
	KeyFile         string        `key:"key_file" doc:"File with a key that opens the vault (an age identity), instead of the passphrase."`
	Listen          string        `key:"listen" doc:"Address and port of zapis serve."`
	URL             string        `key:"url" doc:"Address under which people reach the workspace, such as https://archive.example; empty: http:// and the listening address."`
	Workers         int           `key:"workers" doc:"Jobs worked at once by one process; 0: one for each processor."`
	Reserve         Size          `key:"reserve" doc:"Room that is kept free where the vault lies, such as 1GiB: ingest stops before it is touched."`
	FixityEvery     time.Duration `key:"fixity_every" doc:"How often zapis serve and zapis worker check fixity by themselves, such as 24h; 0s: never."`
	FixityScope     string        `key:"fixity_scope" doc:"What such a check looks at: all, sample 5%, or since 720h (what was not checked for so long)."`
	LogEvery        time.Duration `key:"log_every" doc:"How often the transparency log ticks. Fixed when it is made (zapis log init); shorter than a day only for demonstrations."`
	LogAt           string        `key:"log_at" doc:"Hour of the ticks, UTC. Fixed when the log is made."`
	Witnesses       string        `key:"witnesses" doc:"Who cosigns the transparency log: verifier key, @ and address of each witness, separated by spaces. None is asked unless it stands here."`
	Quorum          int           `key:"quorum" doc:"How many of the witnesses are wanted on a checkpoint; 0: all."`
	TimeAuthorities string        `key:"time_authorities" doc:"RFC 3161 authorities that stamp every checkpoint: name=https://…, separated by spaces. The names are published."`
	TimeRoots       string        `key:"time_roots" doc:"File with the root certificates (PEM) of the time authorities. Without it no stamp is ever called confirmed."`
	Calendars       string        `key:"calendars" doc:"OpenTimestamps calendars: the addresses that they write into proofs, separated by spaces. They see a digest with a random part, never a checkpoint."`
	BlockHeaders    string        `key:"block_headers" doc:"File with all Bitcoin block headers from the first on, 80 bytes each, as a node can write it. Without it no OpenTimestamps proof is ever called confirmed."`
	Publish         string        `key:"publish" doc:"Folder (absolute) or s3://… where every checkpoint is published by itself; empty: only by zapis log publish."`
	Releases        string        `key:"releases" doc:"Folder in which finished releases are written, for the public site; empty: public/releases in the home folder. Everybody may read what lies there."`
	Site            string        `key:"site" doc:"Folder in which zapis site build makes the public site; empty: public/site in the home folder. A web server shows the folder current in it."`
	SiteName        string        `key:"site_name" doc:"Name of the archive on the public site, as readers know it."`
	SiteURL         string        `key:"site_url" doc:"Address under which the public site will stand, such as https://archive.example/; empty: nothing absolute is written, and there is no map for search engines."`
	SiteOnion       string        `key:"site_onion" doc:"Address of the same site as an onion service, shown at the foot of every page."`
	SiteLanguages   string        `key:"site_languages" doc:"Languages of the pages, separated by spaces, the first one at the root: en, ru, uk, ar."`
	SitePages       string        `key:"site_pages" doc:"Folder with LANGUAGE/how.txt and LANGUAGE/support.txt, plain text that replaces what the program says about how you work and about support, and accountability.json, the cases and promises you follow."`
	SiteTarget      string        `key:"site_target" doc:"Where zapis site publish sends the site: s3://bucket/prefix?endpoint=…, or a place as rsync knows it."`
	Speech          string        `key:"speech" doc:"Address of a speech engine that writes down what is said in recordings: http://127.0.0.1:8000 (in the form of OpenAI, which many local servers speak) or http://127.0.0.1:8080/inference (whisper.cpp; whisper+http://… with another path). Empty: none. It must be this machine or a private network."`
	SpeechModel     string        `key:"speech_model" doc:"Model that the speech engine is asked for, by its own name; empty: the one it has."`
	SpeechLanguage  string        `key:"speech_language" doc:"Language of the recordings, such as ru or uk; empty: the engine finds out."`
	SpeechElsewhere string        `key:"speech_elsewhere" doc:"Must say: recordings may leave this network. Only then, and only by https, may the speech engine be outside of this machine and private networks: whoever runs it hears everything."`
	Log             string        `key:"log_level" doc:"Least important line the logger writes: debug, info, warn or error."`
	Unisolated      bool          `key:"allow_unisolated_media" doc:"true lets outside media programs run on a machine that cannot isolate them. Dangerous with hostile files."`
}

// Default is the configuration without a file.
func Default() Config {
	return Config{Listen: "127.0.0.1:8080", Reserve: 1 << 30, FixityEvery: 24 * time.Hour, FixityScope: "sample 5%",
		LogEvery: 24 * time.Hour, LogAt: "00:10", SiteName: "Zapis", SiteLanguages: "en ru uk", Log: "warn"}
}

// Size is a number of bytes, written as 500MiB, 1GiB, 2TB or plain digits.
type Size int64

var units = []struct {
	name string
	n    int64
}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40}, {"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1}, {"", 1}}

// ParseSize reads a size.
func ParseSize(text string) (Size, error) {
	for _, u := range units {
		digits, ok := strings.CutSuffix(text, u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
		if err != nil || n < 0 || n > (1<<62)/u.n {
			break
		}
		return Size(n * u.n), nil
	}
	return 0, fmt.Errorf("%w: a size such as 1GiB was expected", archive.ErrInvalid)
}

// String writes a size as ParseSize reads it.
func (s Size) String() string {
	for i := 3; i >= 0; i-- {
		if u := units[i]; s != 0 && int64(s)%u.n == 0 {
			return strconv.FormatInt(int64(s)/u.n, 10) + u.name
		}
	}
	return strconv.FormatInt(int64(s), 10)
}

// Source says where a value came from: "default", "file", "environment".
type Source map[string]string

// Load reads the file in home, if there is one, and the environment over it, given by getenv.
func Load(home string, getenv func(string) string) (Config, Source, error) {
	c, src := Default(), Source{}
	for _, f := range Fields() {
		src[f.Key] = "default"
	}
	text, err := readFile(filepath.Join(home, Name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return c, src, err
	}
	values, err := parse(text)
	if err != nil {
		return c, src, fmt.Errorf("%s: %w", Name, err)
	}
	for key, v := range values {
		if err := c.set(key, v.text, v.quoted); err != nil {
			return c, src, fmt.Errorf("%s line %d: %w", Name, v.line, err)
		}
		src[key] = "file"
	}
	for _, f := range Fields() {
		if v := getenv(f.Environment()); v != "" {
			if err := c.setText(f.Key, v); err != nil {
				return c, src, fmt.Errorf("environment %s: %w", f.Environment(), err)
			}
			src[f.Key] = "environment"
		}
	}
	return c, src, c.Check()
}

func readFile(name string) (text []byte, err error) {
	defer func() {
		if pe, ok := errors.AsType[*fs.PathError](err); ok {
			err = fmt.Errorf("%s: %s: %w", Name, pe.Op, pe.Err) // a path can name a person
		}
	}()
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o022 != 0 {
		return nil, fmt.Errorf("%s: %w: others than its owner may write it (chmod 600)", Name, archive.ErrInvalid)
	}
	return io.ReadAll(io.LimitReader(f, 1<<20))
}

type value struct {
	text   string
	quoted bool
	line   int
}

// parse reads lines `key = "text"`, `key = word-or-number`, `# comment` and empty ones.
func parse(text []byte) (map[string]value, error) {
	out := map[string]value{}
	for i, raw := range bytes.Split(text, []byte("\n")) {
		bad := func(what string) error { return fmt.Errorf("line %d: %w: %s", i+1, archive.ErrInvalid, what) }
		if !utf8.Valid(raw) {
			return nil, bad("not UTF-8")
		}
		line := strings.TrimSpace(string(raw))
		if line == "" || line[0] == '#' {
			continue
		}
		key, rest, ok := strings.Cut(line, "=")
		if !ok {
			return nil, bad("key = value was expected")
		}
		key, rest = strings.TrimSpace(key), strings.TrimSpace(rest)
		if _, twice := out[key]; twice {
			return nil, bad("the key is given twice")
		}
		v := value{line: i + 1}
		if strings.HasPrefix(rest, `"`) {
			quoted, err := strconv.QuotedPrefix(rest)
			if err != nil {
				return nil, bad("the text has no end")
			}
			v.quoted = true
			v.text, err = strconv.Unquote(quoted)
			if err != nil || !utf8.ValidString(v.text) {
				return nil, bad("the text is not well formed")
			}
			rest = strings.TrimSpace(rest[len(quoted):])
		} else {
			v.text, rest, _ = strings.Cut(rest, "#")
			v.text = strings.TrimSpace(v.text)
			if rest != "" {
				rest = "#" + rest
			}
		}
		if rest != "" && rest[0] != '#' {
			return nil, bad("something follows the value")
		}
		out[key] = v
	}
	return out, nil
}

func (c *Config) field(key string) (reflect.Value, error) {
	v := reflect.ValueOf(c).Elem()
	for i := range v.NumField() {
		if v.Type().Field(i).Tag.Get("key") == key {
			return v.Field(i), nil
		}
	}
	return reflect.Value{}, fmt.Errorf("%w: the key is not known", archive.ErrInvalid)
}

// set is setText, strict about quotes: numbers and truth values have none, everything else has.
func (c *Config) set(key, text string, quoted bool) error {
	f, err := c.field(key)
	if err != nil {
		return err
	}
	bare := f.Kind() == reflect.Int || f.Kind() == reflect.Bool
	if bare == quoted {
		return fmt.Errorf("%w: %s is written %s quotes", archive.ErrInvalid, key, map[bool]string{true: "without", false: "in"}[bare])
	}
	return c.setText(key, text)
}

func (c *Config) setText(key, text string) error {
	f, err := c.field(key)
	if err != nil {
		return err
	}
	invalid := func(what string) error { return fmt.Errorf("%w: %s: %s was expected", archive.ErrInvalid, key, what) }
	switch f.Interface().(type) {
	case string:
		f.SetString(text)
	case int:
		n, err := strconv.Atoi(text)
		if err != nil {
			return invalid("a whole number")
		}
		f.SetInt(int64(n))
	case bool:
		if text != "true" && text != "false" {
			return invalid("true or false")
		}
		f.SetBool(text == "true")
	case time.Duration:
		d, err := time.ParseDuration(text)
		if err != nil {
			return invalid("a length of time such as 24h")
		}
		f.SetInt(int64(d))
	case Size:
		n, err := ParseSize(text)
		if err != nil {
			return invalid("a size such as 1GiB")
		}
		f.SetInt(int64(n))
	}
	return nil
}

// Check says what is wrong with the values.
func (c Config) Check() error {
	bad := func(key, what string) error { return fmt.Errorf("%w: %s: %s", archive.ErrInvalid, key, what) }
	if c.Database != "" && !strings.HasPrefix(c.Database, "postgres://") && !strings.HasPrefix(c.Database, "postgresql://") && !strings.HasPrefix(c.Database, "sqlite:///") {
		return bad("database", "postgres://… or sqlite:///… was expected")
	}
	for key, place := range map[string]string{"vault": c.Vault, "replica": c.Replica, "publish": c.Publish} {
		if strings.Contains(place, "://") {
			u, err := url.Parse(place)
			if err != nil || u.Scheme != "s3" || u.Host == "" {
				return bad(key, "a folder or s3://bucket/prefix was expected")
			}
			if u.User != nil {
				return bad(key, "credentials belong into the environment")
			}
		}
	}
	if _, port, err := net.SplitHostPort(c.Listen); err != nil || port == "" {
		return bad("listen", "address:port was expected")
	}
	if c.URL != "" {
		u, err := url.Parse(c.URL)
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
			return bad("url", "http://host or https://host was expected")
		}
	}
	if c.Workers < 0 || c.Workers > 1024 {
		return bad("workers", "0 to 1024 was expected")
	}
	if c.FixityEvery < 0 || c.FixityEvery > 0 && c.FixityEvery < time.Minute {
		return bad("fixity_every", "at least 1m, or 0s, was expected")
	}
	if err := c.checkLog(); err != nil {
		return err
	}
	if c.Speech == "" && (c.SpeechModel != "" || c.SpeechLanguage != "" || c.SpeechElsewhere != "") {
		return bad("speech", "an address was expected beside the other keys of the speech engine")
	}
	switch c.Log {
	case "debug", "info", "warn", "error":
	default:
		return bad("log_level", "debug, info, warn or error was expected")
	}
	return nil
}

// Field describes one key.
type Field struct {
	Key, Doc, Default string
	Quoted            bool
}

// Environment is the name of the environment variable of the key.
func (f Field) Environment() string { return "ZAPIS_" + strings.ToUpper(f.Key) }

// Fields lists all keys.
func Fields() []Field {
	var out []Field
	d := Default()
	v := reflect.ValueOf(d)
	for i := range v.NumField() {
		f := v.Type().Field(i)
		kind := f.Type.Kind()
		out = append(out, Field{Key: f.Tag.Get("key"), Doc: f.Tag.Get("doc"), Default: fmt.Sprint(v.Field(i).Interface()),
			Quoted: kind != reflect.Int && kind != reflect.Bool})
	}
	return out
}

// Value gives the value of a key as text.
func (c Config) Value(key string) string {
	f, err := c.field(key)
	if err != nil {
		return ""
	}
	return fmt.Sprint(f.Interface())
}

// Encode writes a file with those keys whose value is not the default.
func (c Config) Encode() []byte {
	var b bytes.Buffer
	b.WriteString("# Configuration of this archive. `zapis config check` explains every key.\n")
	for _, f := range Fields() {
		v := c.Value(f.Key)
		if v == f.Default {
			continue
		}
		if f.Quoted {
			v = strconv.Quote(v)
		}
		fmt.Fprintf(&b, "%s = %s\n", f.Key, v)
	}
	return b.Bytes()
}
