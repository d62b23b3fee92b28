package main

import (
	"fmt"
	"io"

	"zapis/internal/config"
)

type configCmd struct {
	Check configCheckCmd `cmd:"" help:"Say what every key is, where it comes from and what it means."`
}

type configCheckCmd struct{}

func (c *configCheckCmd) Run(k *call) error {
	h, err := k.home()
	if err != nil {
		return err
	}
	if k.JSON {
		out := map[string]any{}
		for _, f := range config.Fields() {
			out[f.Key] = map[string]string{"value": h.Config.Value(f.Key), "from": h.Source[f.Key], "default": f.Default, "environment": f.Environment()}
		}
		k.json(out)
		return nil
	}
	for _, f := range config.Fields() {
		k.say("%s = %q  (%s)", f.Key, h.Config.Value(f.Key), h.Source[f.Key])
		k.say("    %s", f.Doc)
		if err := k.table(func(w io.Writer) { fmt.Fprintf(w, "    default %q\tenvironment %s\n", f.Default, f.Environment()) }); err != nil {
			return err
		}
	}
	return nil
}
