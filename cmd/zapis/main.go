// Command zapis keeps a human-rights group's evidence and proves what it holds: it takes material in, makes it
// browsable, records every act, and checks at any time that nothing changed.
//
// It guarantees the exit codes of package app, and that with --json standard output carries JSON alone, one object to a
// line. Names of files are shown only to the person at the terminal and in what was asked for by name; never by the logger.
//
// It holds no logic of its own: a file for each command reads flags, opens the archive through package app, and shows
// what came of it.
package main

import (
	"os"

	"golang.org/x/sys/unix"

	"zapis/internal/sandbox"
)

// version is set by the build.
var version = "dev"

func main() {
	// A process that was started as the launcher of the sandbox becomes the outside program, and nothing else.
	sandbox.Main()
	// Whatever is made from here on is its owner's alone.
	unix.Umask(0o077)
	os.Exit(run(os.Args[1:], streams{in: os.Stdin, out: os.Stdout, err: os.Stderr}))
}
