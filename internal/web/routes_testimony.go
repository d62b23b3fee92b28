package web

// testimonyRoutes are testimony, consent and identity.
func (s *Server) testimonyRoutes() []route { return nil }
