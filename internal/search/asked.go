package search

import (
	"strings"
	"time"

	"zapis/internal/archive"
	"zapis/internal/policy"
)

// asked is a question that waits under an identifier.
type asked struct {
	agent, query string
	at           time.Time
}

const (
	askedFor  = 12 * time.Hour
	mostAsked = 50 // of one person
	prefixAsk = "ask"
)

// Ask keeps a question for its asker and gives the identifier that an address may hold in its place.
func (s *Service) Ask(who policy.Subject, query string) (string, error) {
	if err := allowed(who); err != nil {
		return "", err
	}
	if len(query) > MostBytes {
		return "", refuse("too-long")
	}
	query = strings.TrimSpace(query)
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	oldest, count := "", 0
	for id, a := range s.asked {
		switch {
		case now.Sub(a.at) > askedFor:
			delete(s.asked, id)
		case a.agent == who.Agent && a.query == query:
			s.asked[id] = asked{who.Agent, query, now}
			return id, nil
		case a.agent == who.Agent:
			if count++; oldest == "" || id < oldest {
				oldest = id
			}
		}
	}
	if count >= mostAsked {
		delete(s.asked, oldest)
	}
	id := s.o.NewID(prefixAsk)
	s.asked[id] = asked{who.Agent, query, now}
	return id, nil
}

// Asked gives a question by its identifier; archive.ErrNotFound if it is somebody else's, too long ago, or was never asked.
func (s *Service) Asked(who policy.Subject, id string) (string, error) {
	if err := allowed(who); err != nil {
		return "", err
	}
	if archive.CheckID(prefixAsk, id) != nil {
		return "", archive.ErrNotFound
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a, ok := s.asked[id]
	if !ok || a.agent != who.Agent || s.now().Sub(a.at) > askedFor {
		return "", archive.ErrNotFound
	}
	return a.query, nil
}
