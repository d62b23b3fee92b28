package app

import (
	"context"
	"fmt"
	"time"

	"zapis/internal/search"
)

// indexEvery is how often a worker looks for items that cannot be found yet.
const indexEvery = time.Minute

// openSearch makes the search. A process with workers keeps the index up with what is taken in.
func (a *App) openSearch(workers bool) error {
	s, err := search.New(search.Options{DB: a.DB, Logger: a.Logger})
	if err != nil {
		return fmt.Errorf("open search: %w", err)
	}
	a.Search = s
	if !workers {
		return nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Keep(ctx, indexEvery)
	}()
	a.closers = append(a.closers, closer(func() error {
		cancel()
		<-done
		return nil
	}))
	return nil
}

// closer is a function that closes something.
type closer func() error

// Close calls it.
func (c closer) Close() error { return c() }
