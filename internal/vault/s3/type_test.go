package s3

import "testing"

func TestContentType(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"index.html": "text/html; charset=utf-8", "checkpoint": "text/plain; charset=utf-8", "keys": "text/plain; charset=utf-8",
		"vault.json": "application/octet-stream", "blob/00/bl_x": "application/octet-stream", "tile/0/000": "application/octet-stream",
	} {
		if got := contentType(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}
