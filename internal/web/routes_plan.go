package web

import "zapis/internal/policy"

// planRoutes are redaction plans: the list, the editor, the second person's look.
func (s *Server) planRoutes() []route {
	page, api := kindPage, kindAPI
	return []route{
		{"GET", "/plans", policy.ViewPlan, page, "redaction plans: state, blockers, who waits for whom", s.plansPage},
		{"POST", "/plans", policy.EditPlan, page, "make a plan of a span of an item", s.planNew},
		{"GET", "/plans/{plan}", policy.ViewPlan, page, "one plan with its editor; records that its items' pages were opened", s.planPage},
		{"POST", "/plans/{plan}", policy.EditPlan, page, "change a plan by figures; each change is a version", s.planEdit},
		{"POST", "/plans/{plan}/check", policy.EditPlan, page, "have every frame of the newest version walked", s.planCheck},
		{"POST", "/plans/{plan}/propose", policy.EditPlan, page, "have detectors propose masks", s.planPropose},
		{"POST", "/plans/{plan}/proposals", policy.EditPlan, page, "take or dismiss proposals", s.planProposals},
		{"POST", "/plans/{plan}/blockers", policy.EditPlan, page, "dismiss something that the check found, with a reason", s.planBlocker},
		{"POST", "/plans/{plan}/render", policy.ApprovePlan, page, "have an approved version rendered", s.planRender},
		{"GET", "/plans/{plan}/look", policy.ApprovePlan, page, "the second person's look; records that its items' pages were opened", s.planLookPage},
		{"POST", "/plans/{plan}/look", policy.ApprovePlan, page, "approve a version, or send it back; never by who wrote a part of it", s.planDecide},
		{"GET", "/plans/{plan}/look/{version}/{stop}", policy.ApprovePlan, kindData, "one frame with its masks, for the second person; records that it was seen", s.planFrame},

		{"POST", "/api/plans/protects", policy.EditPlan, api, "whom a code names", s.planWhomAPI},
		{"POST", "/api/plans/{plan}", policy.EditPlan, api, "save a version on top of the one that it was made from", s.planSave},
		{"GET", "/api/plans/{plan}/state", policy.ViewPlan, api, "how far the check and the proposals are, and what they found", s.planState},
		{"POST", "/api/plans/{plan}/check", policy.EditPlan, api, "have every frame of the newest version walked", s.planCheckAPI},
		{"POST", "/api/plans/{plan}/propose", policy.EditPlan, api, "have detectors propose masks", s.planProposeAPI},
		{"POST", "/api/plans/{plan}/proposals", policy.EditPlan, api, "dismiss a proposal", s.planProposalsAPI},
		{"POST", "/api/plans/{plan}/blockers", policy.EditPlan, api, "dismiss something that the check found, with a reason", s.planBlockerAPI},
		{"GET", "/api/plans/{plan}/diff/{from}/{to}", policy.ViewPlan, api, "how one version differs from another, in words", s.planDiffAPI},
		{"GET", "/api/plans/{plan}/words/{source}", policy.EditPlan, api, "sentences of the transcript of a plan's recording", s.planWordsAPI},
	}
}
