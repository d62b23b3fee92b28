package media

import (
	"context"

	"zapis/internal/sandbox"
)

// Tools are the programs, found once. Safe for use by several goroutines.
type Tools struct{ box *sandbox.Sandbox }

type sniffed struct{}

// Find looks for the programs and tries the sandbox.
func Find(Options) (*Tools, error) { return nil, ErrNoTool }

// Isolation tells which layers of the sandbox are active.
func (t *Tools) Isolation() []sandbox.Layer { return nil }

// Versions of the programs found.
func (t *Tools) Versions() []Tool { return nil }

// Probe says what a file is.
func (t *Tools) Probe(ctx context.Context, src Source) (Probe, error) { return Probe{}, ErrNoTool }

// Quick makes the storyboard.
func (t *Tools) Quick(ctx context.Context, src Source, p Probe, o QuickOptions) (Quick, error) {
	return Quick{}, ErrNoTool
}

// Full makes the proxy.
func (t *Tools) Full(ctx context.Context, src Source, p Probe, o FullOptions) (Full, error) {
	return Full{}, ErrNoTool
}

// Image makes the still of a picture.
func (t *Tools) Image(ctx context.Context, src Source, p Probe) (Image, error) {
	return Image{}, ErrNoTool
}

// Audio makes the working copy of a sound recording.
func (t *Tools) Audio(ctx context.Context, src Source, p Probe, o AudioOptions) (Audio, error) {
	return Audio{}, ErrNoTool
}

// PDF makes stills of the first pages.
func (t *Tools) PDF(ctx context.Context, src Source, p Probe) (PDF, error) { return PDF{}, ErrNoTool }

// ExtensionAnomaly compares the extension with the true type.
func (p Probe) ExtensionAnomaly(ext string) (Anomaly, bool) { return Anomaly{}, false }

// SourceFrame gives the frame of the original shown by frame n of the proxy.
func (t Timing) SourceFrame(n int64) (frame int64, seconds float64, ok bool) { return 0, 0, false }
