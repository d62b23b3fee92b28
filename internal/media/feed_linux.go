package media

import (
	"context"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// sealedMemory copies a source into an unnamed file in memory and seals it: it can neither be written nor grow or
// shrink any more, by anybody.
func sealedMemory(ctx context.Context, src Source) (*os.File, error) {
	return sealedParts(ctx, src, []Range{{0, src.Size()}})
}

// sealedParts is sealedMemory of some stretches of a source, at their places; everything else reads as zero.
func sealedParts(ctx context.Context, src Source, parts []Range) (_ *os.File, err error) {
	fd, err := unix.MemfdCreate("input", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, fmt.Errorf("unnamed memory: %w", err)
	}
	file := os.NewFile(uintptr(fd), "input")
	defer func() {
		if err != nil {
			_ = file.Close()
		}
	}()
	if err := file.Truncate(src.Size()); err != nil {
		return nil, err
	}
	buf := make([]byte, min(1<<20, max(src.Size(), 1)))
	for _, part := range parts {
		for at := part.From; at < part.To; {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			p := buf[:min(int64(len(buf)), part.To-at)]
			n, err := readFull(src, p, at)
			if err != nil {
				return nil, err
			}
			if _, err := file.WriteAt(p[:n], at); err != nil {
				return nil, err
			}
			at += int64(n)
		}
	}
	clear(buf)
	// Readable for the user that the run gets, and by way of the descriptor only: it has no name.
	if err := unix.Fchmod(fd, 0o444); err != nil {
		return nil, err
	}
	const seals = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals); err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	return file, nil
}
