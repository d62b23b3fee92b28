package web

// searchRoutes are search and saved searches.
func (s *Server) searchRoutes() []route { return nil }
