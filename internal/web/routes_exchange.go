package web

// exchangeRoutes are import, export and tokens for programs.
func (s *Server) exchangeRoutes() []route { return nil }
