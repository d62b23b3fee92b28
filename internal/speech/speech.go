package speech

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"mime/multipart"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

var (
	// ErrAddress: the address of the engine is not well formed.
	ErrAddress = errors.New("address of the speech engine")
	// ErrOutside: the engine is neither on this machine nor on a private network.
	ErrOutside = errors.New("speech engine is outside the own network")
	// ErrAway: the engine is not there, or too busy. It may be later.
	ErrAway = errors.New("speech engine is away")
	// ErrAnswer: the engine answered something that is no transcript.
	ErrAnswer = errors.New("answer of the speech engine cannot be used")
	// ErrRefused: the engine does not take what it was sent, such as an unknown model.
	ErrRefused = errors.New("speech engine refuses the request")
)

// Leaves is what Options.Elsewhere, and the configuration key speech_elsewhere, must say, word for word.
const Leaves = "recordings may leave this network"

// Rate is the sample rate of the sound that engines get: mono, 16 bits.
const Rate = 16_000

// Bounds of a piece and an answer.
const (
	MaxPiece   = 30 * time.Minute
	maxAnswer  = 32 << 20
	maxHeard   = 50_000 // segments
	maxText    = 8 << 10
	maxTimeout = 2 * time.Hour
)

// Form is how an engine is spoken to.
type Form string

// The forms.
const (
	OpenAI  Form = "openai"
	Whisper Form = "whisper.cpp"
)

// Options of New.
type Options struct {
	// Address of the engine. http://127.0.0.1:8000 is spoken to in the form of OpenAI; http://127.0.0.1:8080/inference, or
	// whisper+http:// with another path, in that of whisper.cpp.
	Address  string
	Model    string // as the engine names it; empty: whatever it has
	Language string // ISO 639-1; empty: the engine finds out
	// Elsewhere must be Leaves for an engine outside of this machine and private networks.
	Elsewhere string
	Timeout   time.Duration // of one piece; 0: 30 minutes

	resolve func(ctx context.Context, host string) ([]netip.Addr, error)
	dial    func(ctx context.Context, network, address string) (net.Conn, error)
}

// Client asks one engine. It is safe for concurrent use.
type Client struct {
	o      Options
	form   Form
	url    string
	place  string // host:port
	secure bool
	http   *http.Client
}

var (
	modelForm = regexp.MustCompile(`^[\p{L}\p{N}][\p{L}\p{N}._:/ -]{0,119}$`)
	langForm  = regexp.MustCompile(`^[a-z]{2,3}$`)
)

// CheckOptions says what is wrong with an address, a model, a language or the leave to go elsewhere, without connecting; ErrAddress or ErrOutside.
func CheckOptions(o Options) error { _, err := New(o); return err }

// New makes a client. It does not connect.
func New(o Options) (*Client, error) {
	text, form := o.Address, OpenAI
	if rest, ok := strings.CutPrefix(text, "whisper+"); ok {
		text, form = rest, Whisper
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Opaque != "" {
		return nil, fmt.Errorf("%w: http://address:port was expected", ErrAddress)
	}
	if p := u.Port(); p != "" {
		if n, err := strconv.Atoi(p); err != nil || n < 1 || n > 65535 {
			return nil, fmt.Errorf("%w: port", ErrAddress)
		}
	}
	path := strings.TrimRight(u.Path, "/")
	if form == OpenAI && strings.HasSuffix(path, "/inference") {
		form = Whisper
	}
	switch {
	case form == Whisper && path == "":
		path = "/inference"
	case form == OpenAI && strings.HasSuffix(path, "/v1"):
		path += "/audio/transcriptions"
	case form == OpenAI && !strings.HasSuffix(path, "/audio/transcriptions"):
		path += "/v1/audio/transcriptions"
	}
	u.Path = path
	if o.Model != "" && !modelForm.MatchString(o.Model) {
		return nil, fmt.Errorf("%w: name of a model", ErrAddress)
	}
	if o.Language != "" && !langForm.MatchString(o.Language) {
		return nil, fmt.Errorf("%w: language as in ISO 639-1, such as uk, was expected", ErrAddress)
	}
	if o.Elsewhere != "" && o.Elsewhere != Leaves {
		return nil, fmt.Errorf("%w: speech_elsewhere must say %q, or nothing", ErrOutside, Leaves)
	}
	// An address that is written out is checked at once; a name only when it is resolved.
	if a, err := netip.ParseAddr(u.Hostname()); err == nil && o.Elsewhere != Leaves && !own(a) {
		return nil, ErrOutside
	}
	if o.Timeout <= 0 {
		o.Timeout = 30 * time.Minute
	}
	o.Timeout = min(o.Timeout, maxTimeout)
	if o.resolve == nil {
		o.resolve = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	if o.dial == nil {
		o.dial = (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext
	}
	port := u.Port()
	if port == "" {
		port = map[bool]string{true: "443", false: "80"}[u.Scheme == "https"]
	}
	c := &Client{o: o, form: form, url: u.String(), place: net.JoinHostPort(u.Hostname(), port), secure: u.Scheme == "https"}
	c.http = &http.Client{
		Transport: &http.Transport{
			Proxy:       nil, // the environment must not lead sound past the check
			DialContext: c.connect, TLSHandshakeTimeout: 10 * time.Second, DisableCompression: true, MaxResponseHeaderBytes: 64 << 10,
			IdleConnTimeout: time.Minute, MaxIdleConnsPerHost: 1,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c, nil
}

// own says whether an address is on this machine or on a private network. Link-local addresses are neither: machines in other people's
// computing centres answer there.
func own(a netip.Addr) bool {
	a = a.Unmap()
	return a.IsLoopback() || a.IsPrivate()
}

// connect resolves the name of the engine, checks everything that comes out, and connects to what was checked. The name is never
// resolved again in between.
func (c *Client) connect(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, ErrAddress
	}
	var found []netip.Addr
	if a, err := netip.ParseAddr(host); err == nil {
		found = []netip.Addr{a}
	} else if found, err = c.o.resolve(ctx, host); err != nil || len(found) == 0 {
		return nil, fmt.Errorf("%w: its name is not known", ErrAway)
	}
	for _, a := range found {
		if own(a) {
			continue
		}
		if c.o.Elsewhere != Leaves {
			return nil, ErrOutside // also if others of them are on the own network: which one answers would be chance
		}
		if !c.secure {
			return nil, fmt.Errorf("%w: and sound goes there by https only", ErrOutside)
		}
	}
	var last error
	for _, a := range found {
		conn, err := c.o.dial(ctx, "tcp", net.JoinHostPort(a.Unmap().String(), port))
		if err == nil {
			return conn, nil
		}
		last = err
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if ne, ok := errors.AsType[net.Error](last); ok && ne.Timeout() {
		return nil, fmt.Errorf("%w: no connection in time", ErrAway)
	}
	return nil, fmt.Errorf("%w: no connection", ErrAway)
}

// Reach says whether somebody answers at the engine's address, by connecting and nothing else; ErrAway or ErrOutside.
func (c *Client) Reach(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	conn, err := c.connect(ctx, "tcp", c.place)
	if err != nil {
		return plain(ctx, err)
	}
	_ = conn.Close() // nothing was sent
	return nil
}

// Form says how the engine is spoken to.
func (c *Client) Form() Form { return c.form }

// Settings describes what was set, for the text that comes of it: form, model and language. The address is not in it.
func (c *Client) Settings() string {
	or := func(s, otherwise string) string {
		if s == "" {
			return otherwise
		}
		return s
	}
	return fmt.Sprintf("%s; model %s; language %s", c.form, or(c.o.Model, "the engine's own"), or(c.o.Language, "found by the engine"))
}

// Language that was set; empty: the engine finds out.
func (c *Client) Language() string { return c.o.Language }

// Heard is what was said in one stretch.
type Heard struct {
	From, To time.Duration // from the beginning of the piece
	Text     string
	Score    int // 0 to 1,000: mean likelihood of its words; -1 if the engine gives none
}

// Answer is what an engine made of a piece.
type Answer struct {
	Language string // ISO 639-1 where the engine says so; empty: not known
	Heard    []Heard
}

// Transcribe sends a piece of sound, samples of Rate, and gives what is said in it, by time. Times lie within the piece. An empty answer is a
// result: nothing is said.
func (c *Client) Transcribe(ctx context.Context, samples []int16) (Answer, error) {
	length := time.Duration(len(samples)) * time.Second / Rate
	if len(samples) == 0 || length > MaxPiece {
		return Answer{}, fmt.Errorf("%w: a piece of %v", ErrRefused, length.Round(time.Second))
	}
	body, kind, err := c.body(samples)
	if err != nil {
		return Answer{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.o.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return Answer{}, ErrAddress
	}
	req.Header.Set("Content-Type", kind)
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "zapis")
	resp, err := c.http.Do(req)
	if err != nil {
		return Answer{}, plain(ctx, err)
	}
	defer resp.Body.Close()
	switch s := resp.StatusCode; {
	case s >= 300 && s < 400:
		return Answer{}, fmt.Errorf("%w: it sends elsewhere, which is not followed", ErrAnswer)
	case s == http.StatusTooManyRequests || s == http.StatusServiceUnavailable || s == http.StatusBadGateway || s == http.StatusGatewayTimeout:
		return Answer{}, fmt.Errorf("%w: status %d", ErrAway, s)
	case s >= 500:
		return Answer{}, fmt.Errorf("%w: status %d", ErrAnswer, s)
	case s != http.StatusOK:
		return Answer{}, fmt.Errorf("%w: status %d", ErrRefused, s)
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return Answer{}, plain(ctx, err)
	}
	if len(b) > maxAnswer {
		return Answer{}, fmt.Errorf("%w: it is too long", ErrAnswer)
	}
	return parse(b, length)
}

// plain gives an error without the address that those of net/http quote.
func plain(ctx context.Context, err error) error {
	for _, known := range []error{ErrOutside, ErrAddress, ErrAway} {
		if errors.Is(err, known) {
			return known
		}
	}
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return context.Cause(ctx)
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Errorf("%w: no answer in time", ErrAway)
	}
	return fmt.Errorf("%w: the connection broke", ErrAway)
}

// body writes the form. Its name for the file is the same for everything.
func (c *Client) body(samples []int16) ([]byte, string, error) {
	var b bytes.Buffer
	b.Grow(2*len(samples) + 4096)
	w := multipart.NewWriter(&b)
	var boundary [16]byte
	if _, err := rand.Read(boundary[:]); err != nil {
		return nil, "", fmt.Errorf("draw boundary: %w", err)
	}
	if err := w.SetBoundary(hex.EncodeToString(boundary[:])); err != nil {
		return nil, "", fmt.Errorf("write form: %w", err)
	}
	fields := [][2]string{{"response_format", "verbose_json"}, {"temperature", "0"}}
	if c.o.Language != "" {
		fields = append(fields, [2]string{"language", c.o.Language})
	}
	switch c.form {
	case OpenAI:
		model := c.o.Model
		if model == "" {
			model = "whisper-1" // the field is required; servers with one model pass over it
		}
		fields = append(fields, [2]string{"model", model}, [2]string{"timestamp_granularities[]", "segment"})
	case Whisper:
		fields = append(fields, [2]string{"temperature_inc", "0.2"})
		if c.o.Language == "" {
			fields = append(fields, [2]string{"language", "auto"}) // otherwise it takes everything for English
		}
	}
	for _, f := range fields {
		if err := w.WriteField(f[0], f[1]); err != nil {
			return nil, "", fmt.Errorf("write form: %w", err)
		}
	}
	part, err := w.CreatePart(map[string][]string{
		"Content-Disposition": {`form-data; name="file"; filename="piece.wav"`}, "Content-Type": {"audio/wav"},
	})
	if err == nil {
		_, err = part.Write(wav(samples))
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return nil, "", fmt.Errorf("write form: %w", err)
	}
	return b.Bytes(), w.FormDataContentType(), nil
}

// wav writes samples as a WAV file, mono, 16 bits.
func wav(samples []int16) []byte {
	n := uint32(2 * len(samples))
	b := make([]byte, 0, 44+n)
	le := binary.LittleEndian
	b = le.AppendUint32(append(b, "RIFF"...), 36+n)
	b = le.AppendUint32(append(b, "WAVEfmt "...), 16)
	b = le.AppendUint16(le.AppendUint16(b, 1), 1)
	b = le.AppendUint32(le.AppendUint32(b, Rate), 2*Rate)
	b = le.AppendUint16(le.AppendUint16(b, 2), 16)
	b = le.AppendUint32(append(b, "data"...), n)
	for _, s := range samples {
		b = le.AppendUint16(b, uint16(s))
	}
	return b
}

// parse reads verbose_json of either form, or {"text": …} of servers that know no segments.
func parse(b []byte, length time.Duration) (Answer, error) {
	var in struct {
		Text     *string         `json:"text"`
		Language string          `json:"language"`
		Detected string          `json:"detected_language"`
		Error    json.RawMessage `json:"error"`
		Segments []struct {
			Start    float64  `json:"start"`
			End      float64  `json:"end"`
			Text     string   `json:"text"`
			LogProb  *float64 `json:"avg_logprob"`
			NoSpeech *float64 `json:"no_speech_prob"`
		} `json:"segments"`
	}
	if !utf8.Valid(b) || json.Unmarshal(b, &in) != nil {
		return Answer{}, fmt.Errorf("%w: it is no JSON of a transcript", ErrAnswer)
	}
	if len(in.Error) > 0 && string(in.Error) != "null" {
		return Answer{}, fmt.Errorf("%w: it says that it failed", ErrAnswer)
	}
	if in.Text == nil && in.Segments == nil {
		return Answer{}, fmt.Errorf("%w: it holds no text", ErrAnswer)
	}
	if len(in.Segments) > maxHeard {
		return Answer{}, fmt.Errorf("%w: too many segments", ErrAnswer)
	}
	out := Answer{Language: langCode(in.Detected)}
	if out.Language == "" {
		out.Language = langCode(in.Language)
	}
	if in.Segments == nil {
		if t := clean(*in.Text); t != "" {
			out.Heard = []Heard{{To: length, Text: t, Score: -1}}
		}
		return out, nil
	}
	last := time.Duration(0)
	for _, s := range in.Segments {
		t := clean(s.Text)
		if t == "" {
			continue
		}
		h := Heard{From: inside(s.Start, length), To: inside(s.End, length), Text: t, Score: -1}
		h.From = max(h.From, last) // engines repeat themselves; the order of what they say is kept
		h.To = max(h.To, h.From)
		last = h.From
		if p := s.LogProb; p != nil && !math.IsNaN(*p) {
			h.Score = int(math.Round(1000 * math.Exp(min(0, *p))))
			if q := s.NoSpeech; q != nil && *q > 0 && *q <= 1 {
				h.Score = int(float64(h.Score) * (1 - *q))
			}
		}
		out.Heard = append(out.Heard, h)
	}
	return out, nil
}

// inside puts seconds into a piece.
func inside(s float64, length time.Duration) time.Duration {
	if math.IsNaN(s) || s <= 0 {
		return 0
	}
	if s >= length.Seconds() {
		return length
	}
	return time.Duration(s * float64(time.Second)).Truncate(time.Microsecond)
}

// clean takes out of a text what is no text.
func clean(s string) string {
	s = strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == 0xfeff {
			return ' '
		}
		return r
	}, s)), " ")
	if len(s) > maxText {
		s = strings.ToValidUTF8(s[:maxText], "")
	}
	return s
}

// names of languages as whisper writes them out.
var langNames = map[string]string{
	"russian": "ru", "ukrainian": "uk", "belarusian": "be", "english": "en", "german": "de", "french": "fr", "polish": "pl", "kazakh": "kk", "tatar": "tt",
	"uzbek": "uz", "tajik": "tg", "azerbaijani": "az", "armenian": "hy", "georgian": "ka", "turkish": "tr", "arabic": "ar", "spanish": "es", "italian": "it",
	"hebrew": "he", "romanian": "ro", "moldavian": "ro", "lithuanian": "lt", "latvian": "lv", "estonian": "et", "czech": "cs", "bashkir": "ba", "turkmen": "tk",
}

func langCode(s string) string {
	s = strings.ToLower(strings.TrimSpace(s))
	if c, ok := langNames[s]; ok {
		return c
	}
	if len(s) == 2 && langForm.MatchString(s) {
		return s
	}
	return ""
}
