package web

import "zapis/internal/policy"

// testimonyRoutes are testimony, consent and identity.
func (s *Server) testimonyRoutes() []route {
	page := kindPage
	return []route{
		{"GET", "/testimonies", policy.ViewCatalogue, page, "testimonies and how their consents stand", s.testimoniesPage},
		{"POST", "/testimonies", policy.EditCatalogue, page, "begin a testimony", s.testimonyNew},
		{"GET", "/testimonies/{testimony}", policy.ViewCatalogue, page, "one testimony: passages by heading, consents, what depends on it", s.testimonyPage},
		{"POST", "/testimonies/{testimony}/passages", policy.EditCatalogue, page, "write down, replace or set aside a passage", s.passages},
		{"POST", "/testimonies/{testimony}/consents", policy.ManageConsent, page, "write down a consent", s.consentAdd},
		{"GET", "/testimonies/{testimony}/withdraw", policy.ManageConsent, page, "what depends on a consent, before it is taken back", s.withdrawPage},
		{"POST", "/testimonies/{testimony}/withdraw", policy.ManageConsent, page, "take a consent back; needs a fresh sign-in", s.withdraw},
		{"GET", "/passages/{passage}", policy.ViewCatalogue, page, "leads to a passage in its testimony", s.passage},
		{"GET", "/identities/{entity}", policy.ViewIdentity, page, "whether it is written down who stands behind a code, and who asked", s.identityPage},
		{"POST", "/identities/{entity}", policy.ViewIdentity, page, "open, write or erase who stands behind a code, for a reason; recorded; needs a fresh sign-in", s.identity},
	}
}
