package web

import (
	"bytes"
	"embed"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"

	"github.com/klauspost/compress/gzip"

	"github.com/ringlog/ringlog/blobstore"
)

// assets are the page's files, as they are: nothing builds them.
//
//go:embed page
var assets embed.FS

// asset is a file of the page, ready to be sent.
type asset struct {
	kind, tag  string
	plain, zip []byte
}

// assetKinds are the media types of the page's files, whatever the machine thinks of them.
var assetKinds = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
}

const indexPage = "page/index.html"

// policy is what a browser allows the page: its own scripts, styles and requests, nothing
// else, and no text that becomes markup.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// loadAssets returns the page's files by their names, as they stand in a path behind "/".
func loadAssets() map[string]*asset {
	loaded := make(map[string]*asset)
	err := fs.WalkDir(assets, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		plain, err := assets.ReadFile(name)
		if err != nil {
			return err
		}
		loaded[name] = &asset{kind: kindOf(name), tag: `"` + blobstore.Sum(plain).String()[:16] + `"`, plain: plain, zip: zipped(plain)}
		return nil
	})
	if err != nil {
		panic(err) // they are part of the binary
	}
	return loaded
}

func kindOf(name string) string {
	if kind := assetKinds[path.Ext(name)]; kind != "" {
		return kind
	}
	return mime.TypeByExtension(path.Ext(name))
}

func zipped(plain []byte) []byte {
	var to bytes.Buffer
	w := must(gzip.NewWriterLevel(&to, gzip.BestCompression))
	_, err := w.Write(plain)
	must(0, err)
	must(0, w.Close())
	return to.Bytes()
}

// front is the page for browsers, and a few lines of help for others.
func (s *Site) front(a *answer, r *http.Request) *failure {
	a.Header().Add("Vary", "Accept")
	if !strings.Contains(r.Header.Get("Accept"), "text/html") {
		a.text(help)
		return nil
	}
	return s.asset(a, r, s.assets[indexPage])
}

// asset sends a file of the page, unless the browser has it.
func (s *Site) asset(a *answer, r *http.Request, file *asset) *failure {
	h := a.Header()
	h.Set("Cache-Control", "no-cache") // to be asked for again, as the next version of the server has another
	h.Add("Vary", "Accept-Encoding")
	h.Set("ETag", file.tag)
	h.Set("Content-Security-Policy", policy)
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	if strings.Contains(r.Header.Get("If-None-Match"), file.tag) {
		a.WriteHeader(http.StatusNotModified)
		return nil
	}
	h.Set("Content-Type", file.kind)
	body := file.plain
	if acceptsGzip(r.Header.Get("Accept-Encoding")) {
		h.Set("Content-Encoding", "gzip")
		body = file.zip
	}
	_, _ = a.Write(body) // who is gone is gone
	return nil
}

const help = `Ringlog, an append-only log.

  curl --data-binary '{"hello":"world"}' http://HOST:8089/logs/main    append
  curl 'http://HOST:8089/logs/main?from=1&follow=false'                read
  curl -N http://HOST:8089/logs/main                                   read on
  curl http://HOST:8089/logs                                           logs and heads

/metrics /status /livez /readyz; the rest is in docs/HTTP.md. A browser gets a page here.
`
