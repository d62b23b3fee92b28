package asset

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"os"
	"regexp"
	"testing"
)

func page(t *testing.T) []byte {
	t.Helper()
	p := CheckPage()
	if p == nil {
		if os.Getenv("ZAPIS_TEST_REQUIRE") == "1" {
			t.Fatal("the check page is not built: run make web")
		}
		t.Skip("the check page is not built: run make web")
	}
	return p
}

// The policy in the page names the digests of the one script and the one style; any other byte of either would not run.
func TestCheckPagePolicy(t *testing.T) {
	t.Parallel()
	p := page(t)
	policy := regexp.MustCompile(`<meta http-equiv="Content-Security-Policy" content="([^"]*)">`).FindSubmatch(p)
	if policy == nil {
		t.Fatal("no policy")
	}
	for _, part := range []string{"default-src 'none'", "form-action 'none'", "base-uri 'none'", "trusted-types 'none'"} {
		if !bytes.Contains(policy[1], []byte(part)) {
			t.Errorf("policy lacks %s", part)
		}
	}
	for _, loose := range []string{"unsafe", "http:", "https:", "*", "connect-src"} {
		if bytes.Contains(policy[1], []byte(loose)) {
			t.Errorf("policy has %s", loose)
		}
	}
	for _, element := range []string{"script", "style"} {
		all := regexp.MustCompile(`(?s)<`+element+`>(.*?)</`+element+`>`).FindAllSubmatch(p, -1)
		if len(all) != 1 {
			t.Fatalf("%d elements %s, want one", len(all), element)
		}
		sum := sha256.Sum256(all[0][1])
		if want := element + "-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"; !bytes.Contains(policy[1], []byte(want)) {
			t.Errorf("policy lacks %s", want)
		}
	}
}

// Nothing in the page points anywhere: no address, no file beside it.
func TestCheckPageStandsAlone(t *testing.T) {
	t.Parallel()
	p := page(t)
	for _, m := range regexp.MustCompile(`(?i)\b(?:src|href)=["']?([^"'\s>]+)`).FindAllSubmatch(p, -1) {
		if !bytes.HasPrefix(m[1], []byte("data:")) {
			t.Errorf("the page points at %s", m[1])
		}
	}
	for _, m := range regexp.MustCompile(`url\(([^)]{0,40})`).FindAllSubmatch(p, -1) {
		if !bytes.HasPrefix(m[1], []byte("data:")) {
			t.Errorf("the style points at %s", m[1])
		}
	}
	for _, call := range []string{"fetch(", "XMLHttpRequest", "WebSocket", "sendBeacon", "importScripts", "localStorage", "indexedDB", "eval("} {
		if bytes.Contains(p, []byte(call)) {
			t.Errorf("the page has %s", call)
		}
	}
}

func TestCheckPageIsSmall(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
	_, _ = w.Write(page(t))
	_ = w.Close()
	if b.Len() > 300<<10 {
		t.Errorf("the page has %d bytes after gzip, more than 300 KB", b.Len())
	}
}
