package web

// catalogueRoutes are incidents, persons, places, maps and what is said of them.
func (s *Server) catalogueRoutes() []route { return nil }
