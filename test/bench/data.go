package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// noise gives n bytes that do not compress and differ for each seed.
func noise(seed uint64, n int64) io.Reader {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	return io.LimitReader(rand.NewChaCha8(key), n)
}

func writeNoise(name string, seed uint64, n int64) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	if _, err := io.Copy(w, noise(seed, n)); err != nil {
		f.Close()
		return err
	}
	if err := w.Flush(); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// set is material to take in.
type set struct {
	Name  string
	Dir   string
	Files int
	Bytes int64
}

// mixedSet writes big files of bigSize and small ones whose sizes run evenly on a logarithmic scale from 1 KiB to 700 KiB
// (about 105 KiB on average), in folders of 200, as on the disk of a recorder's owner.
func mixedSet(dir string, big int, bigSize int64, small int) (set, error) {
	s := set{Name: fmt.Sprintf("%d × %s + %d small", big, bytesText(bigSize), small), Dir: dir}
	for i := range big {
		sub := filepath.Join(dir, "recordings")
		if err := os.MkdirAll(sub, 0o700); err != nil {
			return s, err
		}
		if err := writeNoise(filepath.Join(sub, fmt.Sprintf("rec%03d.bin", i)), uint64(i+1), bigSize); err != nil {
			return s, err
		}
		s.Files, s.Bytes = s.Files+1, s.Bytes+bigSize
	}
	r := rand.New(rand.NewPCG(5, 7))
	for i := range small {
		sub := filepath.Join(dir, "papers", fmt.Sprintf("%03d", i/200))
		if err := os.MkdirAll(sub, 0o700); err != nil {
			return s, err
		}
		size := int64(1024 * pow(700, r.Float64()))
		if err := writeNoise(filepath.Join(sub, fmt.Sprintf("paper%05d.bin", i)), uint64(1_000_000+i), size); err != nil {
			return s, err
		}
		s.Files, s.Bytes = s.Files+1, s.Bytes+size
	}
	return s, nil
}

// oneFile writes a single big file.
func oneFile(dir string, size int64) (set, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return set{}, err
	}
	return set{Name: "one file of " + bytesText(size), Dir: dir, Files: 1, Bytes: size}, writeNoise(filepath.Join(dir, "disk.bin"), 99, size)
}
