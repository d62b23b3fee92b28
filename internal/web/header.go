package web

import (
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// pagePolicy is the content-security policy of every page. No inline script or style, nothing from elsewhere, nobody may frame
// it, and strings become markup only through the one policy that the script library registers.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src 'self' blob:; " +
	"connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; " +
	"require-trusted-types-for 'script'; trusted-types svelte-trusted-html"

// dataPolicy is the one of everything that is not a page: bytes of working copies, JSON, receipts. Opened on their own
// they can do nothing.
const dataPolicy = "default-src 'none'; frame-ancestors 'none'; sandbox"

// permissions switches off what the workspace never uses.
const permissions = "accelerometer=(), autoplay=(), bluetooth=(), camera=(), display-capture=(), encrypted-media=(), fullscreen=(self), " +
	"geolocation=(), gyroscope=(), hid=(), idle-detection=(), local-fonts=(), magnetometer=(), microphone=(), midi=(), payment=(), " +
	"picture-in-picture=(), publickey-credentials-create=(self), publickey-credentials-get=(self), screen-wake-lock=(), serial=(), " +
	"storage-access=(), usb=(), web-share=(), window-management=(), xr-spatial-tracking=()"

// secure sets the headers that every answer has; handlers may replace the policy and the caching.
func (s *Server) secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", pagePolicy)
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cross-Origin-Embedder-Policy", "require-corp")
		h.Set("Origin-Agent-Cluster", "?1")
		h.Set("Permissions-Policy", permissions)
		h.Set("X-Robots-Tag", "noindex, nofollow, noarchive")
		h.Set("X-DNS-Prefetch-Control", "off")
		h.Set("Cache-Control", "no-store")
		if s.https {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		next.ServeHTTP(w, r)
	})
}

// ownHost refuses requests under a host name that is not ours. Without it a page elsewhere could point its own name at a
// server on the reader's machine and read from it.
func (s *Server) ownHost(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !slices.Contains(s.hosts, strings.ToLower(r.Host)) {
			http.Error(w, "this server does not go by that name", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// hostsOf lists the host names of an origin; of a loopback origin all the names of the loopback with its port.
func hostsOf(origin *url.URL) []string {
	hosts := []string{strings.ToLower(origin.Host)}
	ip, err := netip.ParseAddr(origin.Hostname())
	if origin.Hostname() != "localhost" && (err != nil || !ip.IsLoopback()) {
		return hosts
	}
	port := ""
	if p := origin.Port(); p != "" {
		port = ":" + p
	}
	for _, name := range []string{"127.0.0.1", "localhost", "[::1]"} {
		if h := name + port; !slices.Contains(hosts, h) {
			hosts = append(hosts, h)
		}
	}
	return hosts
}
