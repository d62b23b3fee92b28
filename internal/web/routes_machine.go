package web

// machineRoutes are what machines found: clocks, coverage, transcripts.
func (s *Server) machineRoutes() []route { return nil }
