package web

import "zapis/internal/policy"

// transcriptRoutes are the words of items: transcripts and what is read in pictures and papers.
func (s *Server) transcriptRoutes() []route {
	return []route{
		{"GET", "/items/{item}/words", policy.ViewItem, kindPage, "what is said and written in an item, by track", s.wordsPage},
		{"POST", "/items/{item}/words", policy.Annotate, kindPage, "bring a transcript in as SubRip or WebVTT", s.wordsImport},
		{"POST", "/items/{item}/words/ask", policy.ManageJobs, kindPage, "have the speech engine listen, or writing read", s.wordsAsk},
		{"POST", "/words/{track}/choose", policy.Annotate, kindPage, "make a text the current one of its kind", s.wordsChoose},
		{"POST", "/sentences/{sentence}", policy.Annotate, kindPage, "put other words in place of a sentence; what it was is kept", s.wordsCorrect},
		{"GET", "/words/{track}/export/{format}", policy.Export, kindData, "a transcript as vtt or srt; recorded as an export", s.wordsExport},
	}
}
