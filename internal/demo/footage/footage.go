// Package footage makes synthetic footage for the demonstration and for tests: corridors with moving shapes and
// burned-in clocks, in containers as recorders write them.
package footage

import "context"

// Options say how much to make; zero values are the defaults.
type Options struct {
	Seconds  int // of one recording; default 12
	Cameras  int // default 3
	FFmpeg   string
	Progress func(done, total int) // called after each file
}

// Sample is a file that a package of the distribution installed.
type Sample struct {
	Path    string
	Licence string
	Package string
}

// Generate makes the demonstration set below dir.
func Generate(ctx context.Context, dir string, o Options) error { return nil }

// Packaged lists footage installed by the distribution's packages.
func Packaged() []Sample { return nil }
