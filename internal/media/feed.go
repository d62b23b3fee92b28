package media

import (
	"context"
	"fmt"
	"io"

	"zapis/internal/sandbox"
)

// feed is how a program gets at an original: as descriptor 3, sealed memory that can be read in any order, or a
// pipe. Which one is chosen, and why:
//
//   - memory, for everything that fits into the budget: robust for every container, a copy of the original in
//     unnamed memory, sealed against writing;
//   - a pipe, for larger originals in containers that are read from front to back;
//   - a reordered pipe, for larger MP4 files whose index comes last: the index is sent first, with its places
//     corrected;
//   - key frames, for the quick pass over MP4 and AVI files of any size: a small file made of the index and the few
//     frames that are wanted, so that the rest is not even read;
//   - windows, for the quick pass over other large files: the beginning and pieces from here and there.
//
// What remains, a larger original in a container that has to be read in any order, is refused with ErrNeedsSeek.
type feed struct {
	channel sandbox.Channel
	url     string // as ffmpeg is told
	proto   string // the only protocol that it may use
	how     string
	bytes   int64 // how many were made available, where the sandbox does not count
	release func()
}

func (f *feed) close() {
	if f.release != nil {
		f.release()
	}
}

// section is a part of a source as a source.
type section struct {
	src     io.ReaderAt
	at, len int64
}

func (s section) Size() int64 { return s.len }

func (s section) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off >= s.len {
		return 0, io.EOF
	}
	short := false
	if int64(len(p)) > s.len-off {
		p, short = p[:s.len-off], true
	}
	n, err := s.src.ReadAt(p, s.at+off)
	if err == nil && short || n == len(p) && err != nil && off+int64(n) == s.len {
		err = io.EOF
	}
	return n, err
}

// from gives the source from where its container begins.
func from(src Source, s sniffed) Source {
	if s.offset == 0 {
		return src
	}
	return section{src, s.offset, src.Size() - s.offset}
}

// streamed are the containers that can be read from front to back.
var streamed = map[string]bool{
	"avi": true, "matroska": true, "mpegts": true, "mpeg": true, "asf": true, "h264": true, "hevc": true, "m4v": true,
	"mpegvideo": true, "mjpeg": true, "dhav": true, "flv": true, "wav": true, "w64": true, "mp3": true, "aac": true,
	"flac": true, "amr": true, "aiff": true, "au": true, "ogg": true,
}

// whole gives a program all of a source.
func (t *Tools) whole(ctx context.Context, src Source, s sniffed) (*feed, error) {
	src = from(src, s)
	if src.Size() <= t.budget {
		return t.inMemory(ctx, src, "memory")
	}
	if streamed[s.demuxer] {
		return piped(io.NewSectionReader(src, 0, src.Size()), "pipe"), nil
	}
	if s.demuxer == "mov" {
		r, how, err := reorder(src)
		if err != nil {
			return nil, err
		}
		return piped(r, how), nil
	}
	return nil, fmt.Errorf("%w: %d bytes, the budget is %d", ErrNeedsSeek, src.Size(), t.budget)
}

// inMemory copies a source to sealed memory. It waits until the budget shared by all runs has room.
func (t *Tools) inMemory(ctx context.Context, src Source, how string) (*feed, error) {
	n := src.Size()
	if n > t.budget {
		return nil, fmt.Errorf("%w: %d bytes, the budget is %d", ErrNeedsSeek, n, t.budget)
	}
	if err := t.memory.Acquire(ctx, n); err != nil {
		return nil, err
	}
	file, err := sealedMemory(ctx, src)
	if err != nil {
		t.memory.Release(n)
		return nil, fmt.Errorf("copy to memory: %w", err)
	}
	return &feed{
		channel: sandbox.Channel{File: file}, url: "file:/proc/self/fd/3", proto: "file", how: how, bytes: n,
		release: func() {
			_ = file.Close() // memory only: nothing to be lost
			t.memory.Release(n)
		},
	}, nil
}

func piped(r io.Reader, how string) *feed {
	return &feed{
		channel: sandbox.Channel{In: func(w io.Writer) error {
			_, err := io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{r}, make([]byte, 256<<10))
			return err
		}},
		url: "pipe:3", proto: "pipe", how: how,
	}
}
