package web

// noteRoutes are notes on the timeline of an item.
func (s *Server) noteRoutes() []route { return nil }
