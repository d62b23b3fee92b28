package sandbox

import (
	"errors"
	"io"
	"log/slog"
	"os"
	"time"
)

// Layer is one of the walls, for the health page.
type Layer struct {
	Name   string `json:"name"`
	Active bool   `json:"active"`
	Detail string `json:"detail"`
}

// Options say how the sandbox is built. The zero value is right.
type Options struct {
	// AllowUnisolated runs programs also where the file system cannot be shut off. The operator must have said so.
	AllowUnisolated bool
	// Bubblewrap is the absolute path of bwrap; empty: looked for in the system's folders.
	Bubblewrap string
	// ReadOnly are further folders that programs may read, such as that of a tool outside /usr.
	ReadOnly []string
	// Logger gets operational records. Nil: none.
	Logger *slog.Logger
}

// Limits of one run. Zero values are the defaults.
type Limits struct {
	Memory   int64         // bytes the program may write to; default 4 GiB
	CPU      time.Duration // processor time; default 6 h
	Wall     time.Duration // default 12 h
	Stall    time.Duration // longest time without a byte on any channel; default 60 s; negative: none
	Stderr   int           // bytes of standard error kept; default 64 KiB
	Channels int64         // bytes out of one channel; default 64 GiB
}

// Channel is a descriptor of the program: the i-th of a Command is descriptor 3+i. One of the fields is set.
type Channel struct {
	// Out is called with what the program writes, and must read to the end. An error ends the program.
	Out func(io.Reader) error
	// In is called to write what the program reads. The program may close it early: that is no error.
	In func(io.Writer) error
	// File is handed on as it is; it stays the caller's.
	File *os.File
}

// Command is one run of one program.
type Command struct {
	Path     string // absolute
	Args     []string
	Channels []Channel
	Stdout   func(io.Reader) error // nil: thrown away
	Limits   Limits
}

// Result says how a program ended.
type Result struct {
	ExitCode   int // 0: by itself and content
	Signal     string
	Stderr     []byte // as far as kept
	StderrLost int64
	BytesIn    int64
	BytesOut   int64
	Wall       time.Duration
	CPU        time.Duration // 0 under bubblewrap, which does not collect it
	MaxMemory  int64         // resident, bytes; as CPU
}

// What can go wrong apart from what the program itself reports.
var (
	// ErrNoIsolation: neither Landlock nor bubblewrap shuts off the file system here.
	ErrNoIsolation = errors.New("no isolation of the file system on this machine")
	// ErrSetup: a layer could not be put up. The program was not started.
	ErrSetup = errors.New("sandbox could not be put up")
	// ErrKilled: ended by a signal.
	ErrKilled = errors.New("ended by a signal")
	// ErrExit: ended by itself with a code other than zero.
	ErrExit = errors.New("ended with an error code")
	// ErrStalled: no byte came or went for too long.
	ErrStalled = errors.New("stalled")
	// ErrTime: the wall clock limit.
	ErrTime = errors.New("out of time")
	// ErrOutput: more came out than allowed.
	ErrOutput = errors.New("more output than allowed")
)
