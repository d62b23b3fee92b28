package search

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"zapis/internal/archive"
	"zapis/internal/language"
	"zapis/internal/policy"
	"zapis/internal/store"
)

// Options of New. DB is needed.
type Options struct {
	DB     *store.DB
	Logger *slog.Logger     // nil: silent
	Now    func() time.Time // nil: time.Now
	NewID  func(prefix string) string
}

// Service is the activity. It is safe for concurrent use.
type Service struct {
	o Options

	mu    sync.Mutex
	asked map[string]asked
}

// New makes the activity.
func New(o Options) (*Service, error) {
	if o.DB == nil {
		return nil, fmt.Errorf("search: %w: a database is needed", archive.ErrInvalid)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.NewID == nil {
		o.NewID = archive.NewID
	}
	return &Service{o: o, asked: map[string]asked{}}, nil
}

func (s *Service) now() time.Time { return s.o.Now().UTC().Truncate(time.Microsecond) }

// Limits of an answer.
const (
	MostHits = 2000 // documents that are counted, the newest; see MostRanked
	PageSize = 25   // results of a page
	timeout  = 10 * time.Second
)

func countWords(text string) int {
	n := -1
	for _, t := range language.Tokens(text) {
		n = max(n, t.Pos)
	}
	return n + 1
}

// reading runs f on one snapshot within what the reader may see.
func (s *Service) reading(ctx context.Context, who policy.Subject, f func(ctx context.Context, tx *store.Tx, sc archive.Scope) error) error {
	if err := policy.Decide(who, policy.Search, policy.Object{Difficulty: -1}).Err(); err != nil {
		return err
	}
	within, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err := s.o.DB.Read(within, func(tx *store.Tx) error { return f(within, tx, policy.ScopeOf(who)) })
	if err != nil && ctx.Err() == nil && within.Err() != nil {
		return refuse("slow")
	}
	return err
}

// leaf is a word, phrase or beginning of a word that must be there, for ranking and marking.
type leaf struct {
	stems   map[string]float64 // what it was reduced to, and how much each counts
	prefix  string             // folded
	surface string             // as written, folded
	phrase  []map[string]bool  // by position, of a phrase
}

// compiler turns a query into conditions of the catalogue.
type compiler struct {
	ctx    context.Context
	tx     *store.Tx
	scope  archive.Scope
	who    policy.Subject
	leaves []leaf
	texts  bool // words are asked for, or asked not to be there
	fields []string
	notes  []Note
}

// Note is something about the query that the reader should know.
type Note struct {
	Code string // unknown-name: nothing is known under the value of a field
	What string
}

func (c *compiler) compile(n Node, positive bool) (store.Condition, error) {
	switch n.Op {
	case And, Or:
		out := store.Condition{Op: store.AllOf}
		if n.Op == Or {
			out.Op = store.AnyOf
		}
		for _, k := range n.Kids {
			x, err := c.compile(k, positive)
			if err != nil {
				return out, err
			}
			out.Kids = append(out.Kids, x)
		}
		return out, nil
	case Not:
		x, err := c.compile(n.Kids[0], !positive)
		return store.Condition{Op: store.NotOf, Kids: []store.Condition{x}}, err
	case Filter:
		return c.filter(n)
	}
	return c.words(n, positive)
}

const (
	mostSounds = 24
	leastSound = 4
)

func (c *compiler) words(n Node, positive bool) (store.Condition, error) {
	c.texts = true
	out := store.Condition{Op: store.HasText}
	tokens := language.Tokens(n.Text)
	l := leaf{stems: map[string]float64{}}
	var positions []slot
	for _, t := range tokens {
		if t.Whole {
			if n.Op == Word {
				out.Phrases = append(out.Phrases, store.Phrase{Words: [][]string{{t.Stem}}})
				l.stems[t.Stem] = 1
			}
			continue
		}
		for len(positions) <= t.Pos {
			positions = append(positions, slot{})
		}
		at := &positions[t.Pos]
		at.text, at.stems = t.Text, append(at.stems, t.Stem)
		at.upper = startsUpper(n.Text[t.Start:t.End])
		if len(positions) == 1 || n.Op != Word {
			l.stems[t.Stem] = 1
		}
	}
	l.surface = positions[0].text
	var words [][]string
	for _, s := range positions {
		words = append(words, s.stems)
	}
	last := &positions[len(positions)-1]
	switch {
	case n.Op == Prefix:
		begun := append(append([][]string{}, words[:len(words)-1]...), []string{last.text})
		out.Phrases = append(out.Phrases, store.Phrase{Words: begun, Prefix: true}, store.Phrase{Words: words})
		if len(positions) == 1 {
			l.prefix = last.text
			sounds, err := c.begins(last.text)
			if err != nil {
				return out, err
			}
			for _, t := range sounds {
				out.Phrases = append(out.Phrases, store.Phrase{Words: [][]string{{t}}})
				l.stems[t] = 0.5
			}
		}
	case len(positions) == 1:
		sounds, err := c.sounds(positions[0])
		if err != nil {
			return out, err
		}
		for _, t := range sounds {
			words[0] = append(words[0], t)
			l.stems[t] = 0.5
		}
		out.Phrases = append(out.Phrases, store.Phrase{Words: words})
	default:
		out.Phrases = append(out.Phrases, store.Phrase{Words: words})
	}
	if len(positions) > 1 {
		for _, s := range positions {
			set := map[string]bool{}
			for _, w := range s.stems {
				set[w] = true
			}
			l.phrase = append(l.phrase, set)
		}
	}
	if positive {
		c.leaves = append(c.leaves, l)
	}
	return out, nil
}

type slot struct {
	text  string
	stems []string
	upper bool
}

// sounds gives words of the other alphabet that sound like a word; of the same alphabet too if it is written like a name.
func (c *compiler) sounds(s slot) ([]string, error) {
	if len([]rune(s.text)) < leastSound || strings.ContainsAny(s.text, "0123456789") {
		return nil, nil
	}
	var out []string
	seen := map[string]bool{}
	for _, stem := range append([]string{s.text}, s.stems...) {
		found, err := c.tx.SoundAlike(c.ctx, stem, 4*mostSounds)
		if err != nil {
			return nil, err
		}
		for _, t := range found {
			same := cyrillic(t) == cyrillic(s.text)
			if seen[t] || contains(s.stems, t) || same && !s.upper || len(out) >= mostSounds {
				continue
			}
			seen[t] = true
			out = append(out, t)
		}
	}
	return out, nil
}

// begins gives words of the other alphabet that begin as a word sounds.
func (c *compiler) begins(text string) ([]string, error) {
	if len([]rune(text)) < leastSound || strings.ContainsAny(text, "0123456789") {
		return nil, nil
	}
	found, err := c.tx.SoundFrom(c.ctx, text, 4*mostSounds)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, t := range found {
		if cyrillic(t) != cyrillic(text) && len(out) < mostSounds {
			out = append(out, t)
		}
	}
	return out, nil
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}

func cyrillic(s string) bool {
	for _, r := range s {
		if r >= 0x0400 && r <= 0x052F {
			return true
		}
	}
	return false
}
