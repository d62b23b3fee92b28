package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"

	"zapis/internal/app"
	"zapis/internal/demo"
)

// demoCmd takes the global --home as the demonstration's own folder, which holds the archive, its footage and the passphrase.
type demoCmd struct {
	Once   bool   `help:"Build and check the archive, serve nothing."`
	Listen string `help:"Address to serve on." default:"127.0.0.1:8712" placeholder:"ADDR"`
	Quick  bool   `help:"Make less footage."`
	Fresh  bool   `help:"Throw an earlier demonstration away first."`
}

func (c *demoCmd) Run(k *call) error {
	if k.Database != "" || k.cli.Vault != "" || k.PassphraseFile != "" || k.KeyFile != "" {
		return fmt.Errorf("%w: a demonstration has a database, a vault and a passphrase of its own", app.ErrUsage)
	}
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	err = demo.Run(k.ctx, demo.Options{
		Program: program, Dir: k.cli.Home, Once: c.Once, Quick: c.Quick, Fresh: c.Fresh, JSON: k.JSON, Listen: c.Listen, Out: k.out, Err: k.err, Terminal: isTerminal(k.err), Version: version,
		// The server takes this process over, so that Ctrl-C and the exit code are its own.
		Serve: func(_ context.Context, args []string) error {
			if k.JSON {
				args = append([]string{"--json"}, args...)
			}
			return fmt.Errorf("serve the demonstration: %w", syscall.Exec(program, append([]string{program}, args...), demo.Environment(os.Environ())))
		},
	})
	if errors.Is(err, demo.ErrNotDemo) {
		return fmt.Errorf("%w: %w", app.ErrUsage, err)
	}
	return err
}
