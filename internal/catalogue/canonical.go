package catalogue

// Canonical gives the one spelling of a value; archive.ErrInvalid with a sentence that says what was expected. The language is that of a
// text and is only checked.
func Canonical(p Property, value, lang string) (string, error) { return value, nil }
