//go:build !linux

package sandbox

import "context"

// Sandbox runs programs. There is none on this system.
type Sandbox struct{}

// Main does nothing on this system.
func Main() {}

// New gives ErrNoIsolation: the walls are those of Linux.
func New(Options) (*Sandbox, error) { return nil, ErrNoIsolation }

// Report gives nothing.
func (s *Sandbox) Report() []Layer { return nil }

// Run gives ErrNoIsolation.
func (s *Sandbox) Run(context.Context, Command) (Result, error) { return Result{}, ErrNoIsolation }
