package web

import "zapis/internal/policy"

// releaseRoutes are what goes out, and the question whether a file is from it.
func (s *Server) releaseRoutes() []route {
	page := kindPage
	return []route{
		{"GET", "/releases", policy.ViewRelease, page, "releases by what they wait for", s.releasesPage},
		{"POST", "/releases", policy.EditRelease, page, "begin a release of a plan", s.releaseNew},
		{"GET", "/releases/{release}", policy.ViewRelease, page, "the desk of one release: checklist, texts, signature, publication, history", s.releasePage},
		{"POST", "/releases/{release}/about", policy.EditRelease, page, "change what is the same in every language", s.releaseAbout},
		{"POST", "/releases/{release}/follow", policy.EditRelease, page, "add or take out what followed", s.releaseFollow},
		{"GET", "/releases/{release}/text", policy.ViewRelease, page, "the text in one language", s.releaseTextPage},
		{"POST", "/releases/{release}/text", policy.EditRelease, page, "save the text in one language", s.releaseText},
		{"POST", "/releases/{release}/captions", policy.EditRelease, page, "save captions in one language", s.releaseCaptions},
		{"GET", "/releases/{release}/claims", policy.EditRelease, page, "which claims a sentence rests on", s.releaseClaimsPage},
		{"POST", "/releases/{release}/claims", policy.EditRelease, page, "search claims, name them under a sentence or take them out", s.releaseClaim},
		{"GET", "/releases/{release}/preview", policy.ViewRelease, page, "the texts exactly as they will stand in the folder", s.releasePreview},
		{"POST", "/releases/{release}/sign", policy.ApproveRelease, page, "sign a version that others wrote; needs a fresh sign-in", s.releaseSign},
		{"POST", "/releases/{release}/publish", policy.Publish, page, "let out what was signed; needs a fresh sign-in", s.releasePublish},
		{"POST", "/releases/{release}/keep", policy.Publish, page, "decide, with a reason, that what is out stays although an item was erased; needs a fresh sign-in", s.releaseKeep},
		{"POST", "/releases/{release}/correct", policy.Publish, page, "begin a correction of what is out", s.releaseCorrect},
		{"GET", "/releases/{release}/withdraw", policy.Publish, page, "what a withdrawal does, before it is done", s.releaseWithdrawPage},
		{"POST", "/releases/{release}/withdraw", policy.Publish, page, "put a tombstone in the place of what is out; needs a fresh sign-in", s.releaseWithdraw},
		{"GET", "/match", policy.MatchClip, page, "ask which release a file is from", s.matchPage},
		{"POST", "/match", policy.MatchClip, page, "hold a file against every clip that was let out; nothing of it is kept", s.matchFile},
	}
}
