package plan

// What a plan calls itself.
const (
	Format  = "zapis redaction plan"
	Version = 1
)

// Bounds of a plan.
const (
	MaxBytes   = 8 << 20 // of its JSON
	MaxSources = 64
	MaxCuts    = 32
	MaxTracks  = 2_000
	MaxKeys    = 1_000   // of one track
	MaxAllKeys = 100_000 // of all tracks
	MaxSpans   = 2_000   // of sound
	MaxUS      = 31 * 24 * 3600 * 1_000_000
	Whole      = 1_000_000 // boxes are in millionths of the upright picture
	MinSide    = 1_000     // of a box: 0.1 % of the picture
)

// Plan says what of which items is shown, and how.
type Plan struct {
	Sources []string // identifiers of items, 1 to 64, each once; everything else names them by index
	Cuts    []Cut    // 1 to 32, in order of play
	Picture Picture
	Tracks  []Track // at most 2,000
	Sound   Sound
	Heights []int  // of the renditions, in lines, from large to small
	Salt    string // 32 hex digits, random, made once for a plan: nobody can guess a track from its digest
}

// Cut is a stretch of a source: from FromUS up to, not including, ToUS, in microseconds from the item's beginning.
type Cut struct {
	Source       int
	FromUS, ToUS int64
}

// Picture says what holds for every frame.
type Picture struct {
	Hide bool // the whole frame is hidden; tracks with Reveal show what they cover, unless another track covers it
}

// Kind is how a track makes unrecognisable what it covers.
type Kind string

// The kinds. Blur is refused: what a light blur hides can be computed back from many frames.
const (
	Solid    Kind = "solid"    // one colour
	Pixelate Kind = "pixelate" // few cells with noise, held for half a second
)

// Track covers, or with Reveal shows, one thing over time.
type Track struct {
	ID     string // tr_…
	Source int
	Kind   Kind   // of a track that reveals: solid
	Reveal bool   // only where the whole frame is hidden
	Reason string // one of Reasons
	// Protects is the identifier of the entity of the catalogue whom it protects, kn_…; empty if nobody in particular.
	Protects string
	Keys     []Key  // 1 to 1,000, ascending
	UntilEnd bool   // the last box stays until the end of the item
	Origin   string // empty: a person; otherwise name and version of what proposed it
}

// Key is where the box of a track is at a moment. Between two keys the box moves in a straight line, also towards a key that is Off; from
// an Off key on nothing is covered until the next key. The moment of the last key is covered.
type Key struct {
	AtUS int64  // microseconds from the item's beginning
	Box  [4]int // x, y, width, height in millionths of the upright picture; also of a key that is off
	Off  bool   // nothing from this moment up to the next key
}

// Sound says what is heard.
type Sound struct {
	Mode  string // "mute": nothing at all, whatever the spans say; "keep": the sound, but for the spans
	Spans []SoundSpan
}

// Modes of sound and what is done to a span of it.
const (
	Mute  = "mute"
	Keep  = "keep"
	Tone  = "tone"
	Voice = "voice" // made unrecognisable to the ear; no protection against an expert
)

// SoundSpan is a stretch of the sound of a source, from FromUS up to, not including, ToUS.
type SoundSpan struct {
	Source       int
	FromUS, ToUS int64
	Do           string // "mute", "tone" or "voice"
	Reason       string // one of SoundReasons
	Protects     string // as of a track
}

// Reasons lists why something is covered.
func Reasons() []string {
	return []string{"face", "person", "plate", "badge", "document", "screen", "clock", "name", "tattoo", "other", "text"}
}

// SoundReasons lists why something is not heard.
func SoundReasons() []string { return []string{"name", "voice", "place", "number", "other"} }

// Kinds lists how something can be covered.
func Kinds() []Kind { return []Kind{Solid, Pixelate} }

// Box is where a track is at a moment, in millionths of the upright picture.
type Box struct {
	Track      int // index of the track in the plan
	Kind       Kind
	Reveal     bool
	X, Y, W, H int
}

// SourceFacts is what is known of a source.
type SourceFacts struct {
	DurationUS    int64 // 0: not known
	Width, Height int   // upright; 0: no picture
	HasSound      bool
}
