package web

import "zapis/internal/policy"

// gradeRoutes are how hard items are to watch.
func (s *Server) gradeRoutes() []route {
	return []route{
		{"GET", "/difficulty", policy.Grade, kindPage, "items with how hard each is to watch, to judge several at once", s.gradesPage},
		{"POST", "/difficulty", policy.Grade, kindPage, "judge several items, all of them or none", s.grades},
		{"POST", "/items/{item}/difficulty", policy.Grade, kindPage, "say how hard one item is to watch", s.gradeItem},
		{"POST", "/api/items/{item}/difficulty", policy.Grade, kindAPI, "say how hard one item is to watch", s.gradeAPI},
	}
}
