package main

import (
	"runtime"
	"runtime/debug"
)

type versionCmd struct{}

func (c *versionCmd) Run(k *call) error {
	revision := ""
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				revision = s.Value
			}
		}
	}
	if k.JSON {
		k.json(map[string]any{"version": version, "revision": revision, "go": runtime.Version(), "os": runtime.GOOS, "arch": runtime.GOARCH})
		return nil
	}
	k.say("zapis %s %s %s/%s", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return nil
}
