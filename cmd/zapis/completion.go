package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// sorted gives the keys of a map in order.
func sorted[K cmp.Ordered, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func compare[T cmp.Ordered](a, b T) int { return cmp.Compare(a, b) }

// Run prints a script made from the commands themselves, so that it cannot fall behind them.
func (c *completionCmd) Run(k *call) error {
	words := map[string][]string{} // "accession close" → what may follow
	help := map[string]string{}
	var walk func(n *kong.Node, path string)
	walk = func(n *kong.Node, path string) {
		for _, group := range n.AllFlags(true) {
			for _, f := range group {
				words[path] = append(words[path], "--"+f.Name)
				help[path+" --"+f.Name] = f.Help
			}
		}
		for _, child := range n.Children {
			if child.Hidden {
				continue
			}
			at := strings.TrimSpace(path + " " + child.Name)
			words[path] = append(words[path], child.Name)
			help[path+" "+child.Name] = child.Help
			walk(child, at)
		}
	}
	walk(k.model.Node, "")
	switch c.Shell {
	case "fish":
		k.say("complete -c zapis -f")
		for _, path := range sorted(words) {
			for _, w := range words[path] {
				cond := fmt.Sprintf("__fish_seen_subcommand_from %s", lastOr(path, ""))
				if path == "" {
					cond = "__fish_use_subcommand"
				}
				if flag, ok := strings.CutPrefix(w, "--"); ok {
					k.say("complete -c zapis -n %s -l %s -d %s", quote(cond), flag, quote(help[path+" "+w]))
				} else {
					k.say("complete -c zapis -n %s -a %s -d %s", quote(cond), w, quote(help[path+" "+w]))
				}
			}
		}
		return nil
	case "zsh":
		k.say("#compdef zapis\nautoload -U +X bashcompinit && bashcompinit")
	}
	k.say("_zapis() {\n\tlocal cur=\"${COMP_WORDS[COMP_CWORD]}\" at=\"\" w i\n\tfor ((i = 1; i < COMP_CWORD; i++)); do\n\t\tw=\"${COMP_WORDS[i]}\"\n\t\tcase \"$at $w\" in")
	for _, path := range sorted(words) {
		if path != "" {
			k.say("\t\t%s) at=%s ;;", quote(spaced(path)), quote(spaced(path)))
		}
	}
	k.say("\t\tesac\n\tdone\n\tcase \"$at\" in")
	for _, path := range sorted(words) {
		k.say("\t%s) COMPREPLY=($(compgen -W %s -- \"$cur\")) ;;", quote(spaced(path)), quote(strings.Join(words[path], " ")))
	}
	k.say("\tesac\n\t[ ${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- \"$cur\"))\n}\ncomplete -F _zapis zapis")
	return nil
}

// spaced is how the script spells the way to a command: a space in front of every word.
func spaced(path string) string {
	if path == "" {
		return ""
	}
	return " " + path
}

func lastOr(path, none string) string {
	if i := strings.LastIndexByte(path, ' '); i >= 0 {
		return path[i+1:]
	}
	return cmp.Or(path, none)
}

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
