package media

import (
	"errors"
	"fmt"
	"io"
	"log/slog"

	"zapis/internal/archive"
	"zapis/internal/sandbox"
)

// Source is an original, opened for reading. It is never a path: what the vault holds must not touch a disk in
// clear.
type Source interface {
	io.ReaderAt
	// Size is the length in bytes.
	Size() int64
}

// Options say where the programs are and how much they may use. The zero value finds them and uses the defaults.
type Options struct {
	// FFmpeg, FFprobe, PDFToPPM, PDFInfo and Tesseract are absolute paths; empty means: looked for in the system's folders.
	FFmpeg, FFprobe, PDFToPPM, PDFInfo, Tesseract string
	// Sandbox runs the programs. Nil: one is made with AllowUnisolated.
	Sandbox *sandbox.Sandbox
	// AllowUnisolated lets the programs run without isolation of the file system, if the machine has none. The
	// operator must have said so; it is shown by Isolation.
	AllowUnisolated bool
	// MemoryBudget is how many bytes of one original may be held in memory for a program that has to seek;
	// 0 means DefaultMemoryBudget. Larger originals go through a pipe if their container allows it.
	MemoryBudget int64
	// Threads is how many threads a decoder or encoder may use; 0: one per processor, at most 8.
	Threads int
	// Logger gets operational records: codes and counts, nothing of the material. Nil: none.
	Logger *slog.Logger
}

// DefaultMemoryBudget is the most of one original that is held in memory, in bytes, unless Options say otherwise.
const DefaultMemoryBudget = 512 << 20

// Recipe names how a working copy is made. The version rises when the same input would give another output.
type Recipe struct {
	Name    string `json:"name"`
	Version int    `json:"version"`
}

// The recipes.
var (
	RecipeProbe      = Recipe{"probe", 1}
	RecipeMicro      = Recipe{"micro", 1}
	RecipeStill      = Recipe{"still", 1}
	RecipeStoryboard = Recipe{"storyboard", 1}
	RecipeProxy      = Recipe{"proxy", 1}
	RecipeLanes      = Recipe{"lanes", 1}
	RecipeAudioProxy = Recipe{"audio-proxy", 1}
	RecipePage       = Recipe{"page", 1}
)

// Tool names a program and its version, as the program says it.
type Tool struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// Report says how a program ended and what it complained of. No result is given back without one.
type Report struct {
	Tool     Tool     `json:"tool"`
	Args     []string `json:"args"`      // as given; they hold no names, inputs are descriptors
	ExitCode int      `json:"exit_code"` // 0 in every report of an accepted result
	Errors   string   `json:"errors"`    // what it wrote on standard error, at most 64 KiB, paths taken out
	// ErrorLines counts the lines of Errors, also of those that did not fit.
	ErrorLines int     `json:"error_lines"`
	Frames     int64   `json:"frames"`  // pictures decoded or made
	Seconds    float64 `json:"seconds"` // of media time that came out
	Input      string  `json:"input"`   // how it got its input: "memory", "pipe", "reordered pipe", "key frames", "windows"
	BytesIn    int64   `json:"bytes_in"`
	BytesOut   int64   `json:"bytes_out"`
	WallMS     int64   `json:"wall_ms"`
	CPUMS      int64   `json:"cpu_ms"`
}

// Anomaly is something odd about a file. Code is fixed and for programs; Detail is a few words with figures and
// never text from the file.
type Anomaly struct {
	Code   string `json:"code"`
	Detail string `json:"detail,omitempty"`
}

// Codes of anomalies.
const (
	AnomalyJunkBefore      = "junk-before"       // bytes before the beginning of the container
	AnomalyExtension       = "extension"         // the name says something else than the bytes
	AnomalyDecodeErrors    = "decode-errors"     // the decoder complained
	AnomalyTruncated       = "truncated"         // the container promises more than is there
	AnomalyLength          = "length-mismatch"   // header and material disagree on the length
	AnomalyNoIndex         = "no-index"          // the index is missing or broken
	AnomalyNoDuration      = "no-duration"       // the container states no length
	AnomalyStartOffset     = "start-offset"      // the streams do not begin at zero, or not together
	AnomalyBackwardTime    = "backward-time"     // decoding times run backwards
	AnomalyTimeGap         = "time-gap"          // a jump in the presentation times
	AnomalyEditList        = "edit-list"         // parts of the material are hidden by an edit list
	AnomalyTrailing        = "trailing-bytes"    // bytes after the end of the container
	AnomalySoftware        = "software-writer"   // written by editing or conversion software
	AnomalyUnreadable      = "unreadable"        // recognised, but the program could not open it
	AnomalyRefused         = "refused-container" // a list that names other files: never opened
	AnomalyManyStreams     = "many-streams"      // more streams than a recorder makes
	AnomalyLargePicture    = "large-picture"     // dimensions beyond the cap
	AnomalyNoKeyFrames     = "no-key-frames"     // no picture could be decoded on its own
	AnomalyVariableRate    = "variable-rate"     // frames at uneven distances
	AnomalyEncrypted       = "encrypted"         // the material is encrypted
	AnomalyNotWholeScanned = "not-whole-scanned" // too large to be read whole: the findings are of its parts
)

// Stream is one track of a container.
type Stream struct {
	Index       int     `json:"index"`
	Type        string  `json:"type"` // "video", "audio", "subtitle", "data", "attachment"
	Codec       string  `json:"codec"`
	Profile     string  `json:"profile,omitempty"`
	PixelFormat string  `json:"pixel_format,omitempty"`
	Width       int     `json:"width,omitempty"`
	Height      int     `json:"height,omitempty"`
	Aspect      string  `json:"aspect,omitempty"`   // of a pixel, as "12:11"
	Rotation    int     `json:"rotation,omitempty"` // degrees, clockwise, that a player turns it
	RateNum     int64   `json:"rate_num,omitempty"` // average frame rate
	RateDen     int64   `json:"rate_den,omitempty"`
	TimeBaseNum int64   `json:"time_base_num,omitempty"`
	TimeBaseDen int64   `json:"time_base_den,omitempty"`
	Frames      int64   `json:"frames,omitempty"` // as the header says; 0 unknown
	Start       float64 `json:"start"`
	Duration    float64 `json:"duration,omitempty"`
	BitRate     int64   `json:"bit_rate,omitempty"`
	Channels    int     `json:"channels,omitempty"`
	SampleRate  int     `json:"sample_rate,omitempty"`
	Picture     bool    `json:"picture,omitempty"` // a cover picture, not footage
	// Tags are from the file: untrusted, and they may name people. They belong into a sealed derivative only.
	Tags map[string]string `json:"tags,omitempty"`
}

// Rate is the average frame rate, 0 if not known.
func (s Stream) Rate() float64 {
	if s.RateNum <= 0 || s.RateDen <= 0 {
		return 0
	}
	return float64(s.RateNum) / float64(s.RateDen)
}

// Probe is what can be said of a file without decoding it.
type Probe struct {
	Kind   archive.Kind `json:"kind"`
	Format string       `json:"format"` // short name of the true type: "avi", "mov", "pdf", "text", "zip", ""
	Size   int64        `json:"size"`
	Offset int64        `json:"offset,omitempty"` // where the recognised container begins
	// Duration in seconds; 0 if not known.
	Duration  float64 `json:"duration"`
	StartTime float64 `json:"start_time"`
	BitRate   int64   `json:"bit_rate,omitempty"`
	// RecorderClock is the recorder's own clock at the first frame, in seconds since 1970 of the camera's local
	// time: there is no zone. 0 if the container carries none (only .dav does).
	RecorderClock float64 `json:"recorder_clock,omitempty"`
	// CreatedAt is the creation time that the container or the picture states, RFC 3339 where it names a zone,
	// without one where not; empty if none.
	CreatedAt string            `json:"created_at,omitempty"`
	Streams   []Stream          `json:"streams,omitempty"`
	Tags      map[string]string `json:"tags,omitempty"` // untrusted, may name people
	Pages     int               `json:"pages,omitempty"`
	Anomalies []Anomaly         `json:"anomalies,omitempty"`
	// Reason is why nothing can be derived: "", or a code as of Reason.
	Reason string `json:"reason,omitempty"`
	Report Report `json:"report"`

	sniffed sniffed // how it is to be opened
}

// Video gives the main video stream.
func (p Probe) Video() (Stream, bool) { return p.first("video") }

// Audio gives the main audio stream.
func (p Probe) Audio() (Stream, bool) { return p.first("audio") }

func (p Probe) first(kind string) (Stream, bool) {
	for _, s := range p.Streams {
		if s.Type == kind && !s.Picture {
			return s, true
		}
	}
	return Stream{}, false
}

// Still is a picture taken from an item.
type Still struct {
	At     float64 `json:"at"` // seconds from the beginning; 0 for a picture; the page number from 1 for a paper
	Width  int     `json:"width"`
	Height int     `json:"height"`
	JPEG   []byte  `json:"-"`
}

// Storyboard is one picture made of many small ones, for scrubbing. Tile i is in column i%Columns, row i/Columns.
type Storyboard struct {
	JPEG       []byte    `json:"-"`
	Columns    int       `json:"columns"`
	Rows       int       `json:"rows"`
	TileWidth  int       `json:"tile_width"`
	TileHeight int       `json:"tile_height"`
	Times      []float64 `json:"times"` // seconds, one for each tile, rising
	// Approximate is true when the times are estimated from places in the file.
	Approximate bool `json:"approximate,omitempty"`
}

// QuickOptions shape the quick pass; zero values are the defaults.
type QuickOptions struct {
	Tiles  int                // most tiles of the storyboard; default 60, at most 100
	Stills int                // how many stills; default 3, at most 12
	Width  int                // of the stills, at most; default 480
	Beat   func(part float64) // called as it goes on, with the part done from 0 to 1
}

// MicroWidth and MicroHeight are the size of the grey micro-thumbnail; it has one byte a pixel, row by row.
const (
	MicroWidth  = 16
	MicroHeight = 9
)

// Quick is what the quick pass gives.
type Quick struct {
	Micro      []byte // MicroWidth*MicroHeight grey bytes
	Stills     []Still
	Storyboard Storyboard
	Anomalies  []Anomaly
	Report     Report
}

// FullOptions shape the full pass.
type FullOptions struct {
	// Proxy gets the MP4 as it is made, in order. What it got is void when Full gives an error: throw it away.
	// Nil: no proxy is made, only the lanes.
	Proxy io.Writer
	// Beat is called with the media time reached, in seconds, a few times for every second of media.
	Beat func(mediaSeconds float64)
	// MaxHeight of the proxy; default 720.
	MaxHeight int
}

// Proxy describes the working copy.
type Proxy struct {
	Width, Height int
	RateNum       int64 // frames per second: RateNum/RateDen, constant
	RateDen       int64
	Frames        int64
	KeyFrames     int64
	Duration      float64
	Audio         bool
	Size          int64
	MediaType     string // with codecs, for a <video> or <audio> element
}

// Span is a stretch of time in seconds.
type Span struct {
	From, To float64
}

// MarshalJSON writes a span as a pair, [from, to].
func (s Span) MarshalJSON() ([]byte, error) {
	return fmt.Appendf(nil, "[%.2f,%.2f]", s.From, s.To), nil
}

// Lanes are the curves below the player.
type Lanes struct {
	Seconds int       `json:"seconds"`
	Scenes  []float64 `json:"scenes"` // where the picture changes at once
	// Motion is one figure a second: 0 nothing moves, 255 everything changes.
	Motion []int  `json:"motion"`
	Black  []Span `json:"black"`
	Freeze []Span `json:"freeze"` // nothing at all changes, which no live camera does
	Strobe []Span `json:"strobe"` // fast strong flicker: a danger for some people
	// Peaks are pairs of the lowest and the highest sample of 1/PeaksPerSecond s, from -128 to 127.
	Peaks          []int8    `json:"-"`
	PeaksPerSecond int       `json:"peaksPerSecond"`
	Silence        []Span    `json:"silence"`
	Loudness       []float64 `json:"loudness"`   // one a second, dB below full scale, at least -90
	Integrated     float64   `json:"integrated"` // LUFS after ITU-R BS.1770-4; -70 when there is no sound
}

// Timing leads from frames of the proxy to those of the original, which stay the truth.
type Timing struct {
	TimeBaseNum int64 `json:"time_base_num"`
	TimeBaseDen int64 `json:"time_base_den"`
	// PTS are the presentation times of the frames of the original in time-base units, rising, the first one
	// being frame 0. Nil if they were not to be had.
	PTS []int64 `json:"-"`
	// FromDecoding is true when PTS are decoding times, because the container has no others.
	FromDecoding bool `json:"from_decoding,omitempty"`
	// Frames is how many frames the original has, also when PTS is nil.
	Frames  int64 `json:"frames"`
	RateNum int64 `json:"rate_num"` // of the proxy
	RateDen int64 `json:"rate_den"`
	// Start is the presentation time that lies at zero in the proxy, in time-base units.
	Start int64 `json:"start"`
}

// Full is what the full pass gives.
type Full struct {
	Proxy     Proxy
	Lanes     Lanes
	Timing    Timing
	Anomalies []Anomaly
	Report    Report
}

// Image is what a picture gives.
type Image struct {
	Micro     []byte
	Still     Still
	Anomalies []Anomaly
	Report    Report
}

// AudioOptions shape the pass over a sound recording.
type AudioOptions struct {
	Proxy io.Writer // as FullOptions.Proxy, gets an M4A
	Beat  func(mediaSeconds float64)
}

// Audio is what a sound recording gives.
type Audio struct {
	Proxy     Proxy
	Lanes     Lanes
	Anomalies []Anomaly
	Report    Report
}

// PDF is what a paper gives.
type PDF struct {
	Pages     int
	Micro     []byte
	Stills    []Still // of the first pages, At is the page number
	Anomalies []Anomaly
	Report    Report
}

// What can go wrong. Reason gives the code of each for the catalogue.
var (
	// ErrNoTool: a program is not installed.
	ErrNoTool = errors.New("program not installed")
	// ErrNotMedia: nothing in it that could be shown or played.
	ErrNotMedia = errors.New("not media")
	// ErrNoDecoder: the program does not know the format or the codec.
	ErrNoDecoder = errors.New("no decoder")
	// ErrDamaged: recognised, and nothing could be decoded.
	ErrDamaged = errors.New("damaged beyond decoding")
	// ErrEncrypted: the material is encrypted.
	ErrEncrypted = errors.New("material is encrypted")
	// ErrNeedsSeek: too large for memory, and its container cannot be read in order.
	ErrNeedsSeek = errors.New("too large to be read out of order in memory")
	// ErrTooLarge: dimensions, length or output beyond the caps: a bomb, or treated as one.
	ErrTooLarge = errors.New("beyond the caps")
	// ErrTimedOut: too slow or stalled.
	ErrTimedOut = errors.New("time limit")
	// ErrRefused: a container that names other files.
	ErrRefused = errors.New("refused container")
	// ErrNoReport: the program did not end by itself and say so, or its output did not survive being parsed again.
	ErrNoReport = errors.New("no complete decode report")
)

// Reason gives the catalogue's code for why nothing could be derived, and "" for an error that says nothing about
// the material (no tool, no isolation, cancelled): such an act may be tried again.
func Reason(err error) string {
	for _, k := range []struct {
		err  error
		code string
	}{
		{ErrNotMedia, "not-media"}, {ErrNoDecoder, "no-decoder"}, {ErrEncrypted, "encrypted"},
		{ErrNeedsSeek, "too-large"}, {ErrTooLarge, "too-large"}, {ErrTimedOut, "timed-out"},
		{ErrRefused, "refused-container"}, {ErrDamaged, "damaged"},
	} {
		if errors.Is(err, k.err) {
			return k.code
		}
	}
	return ""
}
