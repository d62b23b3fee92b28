//go:build !linux

package media

import (
	"context"
	"os"

	"zapis/internal/sandbox"
)

func sealedMemory(context.Context, Source) (*os.File, error) { return nil, sandbox.ErrNoIsolation }

func sealedParts(context.Context, Source, []Range) (*os.File, error) {
	return nil, sandbox.ErrNoIsolation
}
