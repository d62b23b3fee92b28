package accept

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
)

// surfer is somebody with a browser that runs no scripts: it keeps cookies, follows what it is led to, and posts forms as they stand in
// pages. A field that is not in the page cannot be filled in.
type surfer struct {
	t      *testing.T
	origin string
	client *http.Client
}

// paper is a page that was opened.
type paper struct {
	at     *url.URL
	status int
	header http.Header
	text   string
}

// serve runs the workspace of h until the test ends and lets the first administrator in, all the way through the set-up.
func (h *home) serve(args ...string) *surfer {
	h.t.Helper()
	cmd := h.command(context.Background(), append([]string{"serve", "--listen", "127.0.0.1:0"}, args...)...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		h.t.Fatal(err)
	}
	var problems bytes.Buffer
	cmd.Stderr = &problems
	if err := cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	ended := make(chan error, 1)
	said := make(chan []byte, 1)
	go func() {
		line, _ := bufio.NewReader(out).ReadBytes('\n')
		said <- line
		_, _ = io.Copy(io.Discard, out) // to its end
		ended <- cmd.Wait()
	}()
	h.t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGINT)
		select {
		case err := <-ended:
			if err != nil {
				h.t.Errorf("serve: %v: %s", err, problems.String())
			}
		case <-time.After(time.Minute):
			_ = cmd.Process.Kill()
			h.t.Error("serve did not stop when it was told to")
		}
	})
	var serving struct{ Origin, Link string }
	if err := json.Unmarshal(<-said, &serving); err != nil || serving.Link == "" {
		h.t.Fatalf("serve did not come up: %v: %s", err, problems.String())
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		h.t.Fatal(err)
	}
	b := &surfer{t: h.t, origin: serving.Origin, client: &http.Client{Jar: jar, Timeout: 2 * time.Minute}}
	p := b.get(strings.TrimPrefix(serving.Link, serving.Origin))
	p = b.send(p, "/sign-in/link/")
	key := strings.ReplaceAll(p.hidden("secret"), " ", "")
	code, err := totp.GenerateCode(key, time.Now())
	if err != nil {
		h.t.Fatal(err)
	}
	p = b.send(p, "/setup", "name", "walker", "password", "a long walk by the river", "again", "a long walk by the river", "code", code)
	if p.at.Path != "/archive" {
		h.t.Fatalf("the set-up ended at %s, %d", p.at.Path, p.status)
	}
	return b
}

func (b *surfer) do(r *http.Request) *paper {
	b.t.Helper()
	if r.Method == http.MethodPost { // as browsers do it
		r.Header.Set("Origin", b.origin)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	r.Header.Set("Accept-Language", "en")
	resp, err := b.client.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return &paper{at: resp.Request.URL, status: resp.StatusCode, header: resp.Header, text: string(text)}
}

// get opens an address that must be there.
func (b *surfer) get(path string) *paper {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, b.origin+path, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	p := b.do(r)
	if p.status != http.StatusOK {
		b.t.Fatalf("%s: %d %s", path, p.status, p.said())
	}
	return p
}

// send fills in and sends the form of a page whose action begins with the given text; pairs are names and values. Where several forms go to
// the same place, the first one is taken that has everything that is filled in, with hidden values as given.
func (b *surfer) send(p *paper, action string, pairs ...string) *paper {
	b.t.Helper()
	got := b.try(p, action, pairs...)
	if got.status != http.StatusOK {
		b.t.Fatalf("form %s on %s: %d %s", action, p.at.Path, got.status, got.said())
	}
	return got
}

func (b *surfer) try(p *paper, action string, pairs ...string) *paper {
	b.t.Helper()
	why := ""
	for _, f := range p.forms() {
		if !strings.HasPrefix(f.action, action) {
			continue
		}
		values, missing := f.fill(pairs)
		if missing != "" {
			why += fmt.Sprintf("; a form without %q", missing)
			continue
		}
		to, err := p.at.Parse(f.action)
		if err != nil {
			b.t.Fatal(err)
		}
		var r *http.Request
		if f.method == "get" {
			to.RawQuery = values.Encode()
			r, err = http.NewRequestWithContext(b.t.Context(), http.MethodGet, to.String(), nil)
		} else {
			r, err = http.NewRequestWithContext(b.t.Context(), http.MethodPost, to.String(), strings.NewReader(values.Encode()))
			if err == nil {
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			}
		}
		if err != nil {
			b.t.Fatal(err)
		}
		return b.do(r)
	}
	b.t.Fatalf("%s has no form %s with %v%s", p.at.Path, action, pairs, why)
	return nil
}

// upload sends a file by the form of a page that takes one.
func (b *surfer) upload(p *paper, action, name string, file []byte) *paper {
	b.t.Helper()
	if !slices.ContainsFunc(p.forms(), func(f blank) bool { return f.action == action && f.fields["file"] != nil }) {
		b.t.Fatalf("%s has no form %s that takes a file", p.at.Path, action)
	}
	var body bytes.Buffer
	m := multipart.NewWriter(&body)
	w, err := m.CreateFormFile("file", name)
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := w.Write(file); err != nil {
		b.t.Fatal(err)
	}
	if err := m.Close(); err != nil {
		b.t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, b.origin+action, &body)
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Content-Type", m.FormDataContentType())
	got := b.do(r)
	if got.status != http.StatusOK {
		b.t.Fatalf("upload: %d %s", got.status, got.said())
	}
	return got
}

// blank is a form as it stands in a page.
type blank struct {
	action, method string
	fields         map[string]*field
	order          []string
}

type field struct {
	hidden  bool
	values  []string // what is sent when nothing is filled in
	choices []string // of a select, radio buttons and check boxes; nil: anything goes
}

var (
	markup  = regexp.MustCompile(`(?s)<(/?)(form|input|select|option|textarea|button)\b([^>]*)>`)
	written = regexp.MustCompile(`([a-zA-Z-]+)(?:="([^"]*)")?`)
)

func attributes(text string) map[string]string {
	out := map[string]string{}
	for _, m := range written.FindAllStringSubmatch(text, -1) {
		out[strings.ToLower(m[1])] = html.UnescapeString(m[2])
	}
	return out
}

// forms reads the forms of a page, by the rules after which browsers gather what they send.
func (p *paper) forms() (out []blank) {
	var f *blank
	var list *field // select that is open
	at := func(name string) *field {
		if f.fields[name] == nil {
			f.fields[name] = &field{}
			f.order = append(f.order, name)
		}
		return f.fields[name]
	}
	for _, m := range markup.FindAllStringSubmatchIndex(p.text, -1) {
		closing, name, a := m[2] < m[3], p.text[m[4]:m[5]], attributes(p.text[m[6]:m[7]])
		if name == "form" {
			if f != nil && closing {
				out, f = append(out, *f), nil
			} else if !closing {
				f = &blank{action: a["action"], method: strings.ToLower(a["method"]), fields: map[string]*field{}}
				if f.method == "" {
					f.method = "get"
				}
			}
			continue
		}
		if f == nil {
			continue
		}
		_, checked := a["checked"]
		_, chosen := a["selected"]
		switch {
		case name == "select" && closing:
			if list != nil && len(list.values) == 0 && len(list.choices) > 0 {
				list.values = list.choices[:1] // browsers choose the first
			}
			list = nil
		case name == "option" && !closing && list != nil:
			list.choices = append(list.choices, a["value"])
			if chosen {
				list.values = []string{a["value"]}
			}
		case closing || a["name"] == "":
		case name == "select":
			list = at(a["name"])
			list.choices = []string{}
		case name == "textarea":
			end := strings.Index(p.text[m[1]:], "</textarea>")
			at(a["name"]).values = []string{html.UnescapeString(p.text[m[1] : m[1]+max(end, 0)])}
		case name == "button":
			x := at(a["name"]) // sent only if it is the one that is pressed
			x.choices = append(x.choices, a["value"])
		case a["type"] == "radio" || a["type"] == "checkbox":
			x := at(a["name"])
			x.choices = append(x.choices, a["value"])
			if checked {
				x.values = append(x.values, a["value"])
			}
		default:
			x := at(a["name"])
			x.hidden = a["type"] == "hidden"
			x.values = append(x.values, a["value"])
		}
	}
	return out
}

// fill gives what the form sends; missing names what it does not offer.
func (f blank) fill(pairs []string) (out url.Values, missing string) {
	out = url.Values{}
	for _, name := range f.order {
		if x := f.fields[name]; len(x.values) > 0 {
			out[name] = slices.Clone(x.values)
		}
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		x := f.fields[pairs[i]]
		switch {
		case x == nil:
			return nil, pairs[i]
		case x.choices != nil && !slices.Contains(x.choices, pairs[i+1]), x.hidden && !slices.Contains(x.values, pairs[i+1]):
			return nil, pairs[i] + "=" + pairs[i+1]
		}
		out.Set(pairs[i], pairs[i+1])
	}
	return out, ""
}

// hidden gives the value of a field that a page carries.
func (p *paper) hidden(name string) string {
	for _, f := range p.forms() {
		if x := f.fields[name]; x != nil && len(x.values) > 0 {
			return x.values[0]
		}
	}
	return ""
}

var (
	mainPart = regexp.MustCompile(`(?s)<main\b.*</main>`)
	anyTag   = regexp.MustCompile(`<[^>]*>`)
	spaces   = regexp.MustCompile(`[\s\x{a0}\x{202f}]+`)
)

// said is what a page says to somebody who reads it, on one line.
func (p *paper) said() string {
	text := p.text
	if m := mainPart.FindString(text); m != "" {
		text = m
	}
	return strings.TrimSpace(spaces.ReplaceAllString(html.UnescapeString(anyTag.ReplaceAllString(text, " ")), " "))
}

// part gives the piece of a page from an element with an identifier to the next end of an element of a kind.
func (p *paper) part(id, end string) string {
	_, rest, found := strings.Cut(p.text, `id="`+id+`"`)
	if !found {
		return ""
	}
	piece, _, _ := strings.Cut(rest, "</"+end+">")
	return html.UnescapeString(piece)
}
