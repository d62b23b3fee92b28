package store

import "context"

// Setting gives the value of a key.
func (tx *Tx) Setting(ctx context.Context, key string) (string, bool, error) {
	return "", false, errLater
}

// SetSetting sets the value of a key; an empty value removes it.
func (tx *Tx) SetSetting(ctx context.Context, key, value string) error { return errLater }
