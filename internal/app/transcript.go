package app

import (
	"fmt"

	"zapis/internal/archive"
	"zapis/internal/speech"
	"zapis/internal/transcript"
)

// openTranscript makes the room in which people work with the words of items.
func (a *App) openTranscript() error {
	s, err := transcript.New(transcript.Options{DB: a.DB, Custody: a.Custody, Jobs: a.Jobs, Speech: a.Config.Speech != "", Logger: a.Logger})
	if err != nil {
		return fmt.Errorf("open transcripts: %w", err)
	}
	a.Transcript = s
	return nil
}

// speech makes the client of the configured engine; nil if there is none. It does not connect.
func (a *App) speech() (*speech.Client, error) {
	c := a.Config
	if c.Speech == "" {
		return nil, nil
	}
	s, err := speech.New(speech.Options{Address: c.Speech, Model: c.SpeechModel, Language: c.SpeechLanguage, Elsewhere: c.SpeechElsewhere})
	if err != nil {
		return nil, archive.Explain(fmt.Errorf("speech engine: %w: %w", archive.ErrInvalid, err), "The speech engine is not configured as it must be.",
			"zapis config check explains the keys that begin with speech.")
	}
	return s, nil
}
