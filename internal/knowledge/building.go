package knowledge

import "errors"

var errBuilding = errors.New("knowledge: not built yet")
