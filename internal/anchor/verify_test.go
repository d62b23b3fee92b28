package anchor

import "zapis/verify"

func logOptions() verify.LogOptions { return verify.LogOptions{} }
