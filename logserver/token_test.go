package logserver_test

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ringlog/ringlog/logserver"
	"github.com/ringlog/ringlog/logserver/access"
	"github.com/ringlog/ringlog/protocol"
)

// tokens are a file: of each token, what it grants.
type tokens struct {
	t    *testing.T
	file string
	*access.Guard
}

func line(token, grants string) string {
	return fmt.Sprintf("%s %x %s\n", "of-"+token, sha256.Sum256([]byte(token)), grants)
}

func (f *tokens) write(lines ...string) {
	f.t.Helper()
	if err := os.WriteFile(f.file, []byte(strings.Join(lines, "")), 0o600); err != nil {
		f.t.Fatal(err)
	}
}

func guarded(t *testing.T, lines ...string) *tokens {
	t.Helper()
	f := &tokens{t: t, file: filepath.Join(t.TempDir(), "tokens")}
	f.write(lines...)
	var err error
	if f.Guard, err = access.OpenGuard(f.file); err != nil {
		t.Fatal(err)
	}
	return f
}

// known dials and says a token.
func known(t *testing.T, addr, token string) *talk {
	t.Helper()
	k := dial(t, addr)
	k.send(`{"auth":"` + token + `"}` + "\n")
	k.expect(`{"auth":true}`)
	return k
}

func TestTokens(t *testing.T) {
	f := guarded(t, line("all", "read,append,admin *"), line("r", "read *"), line("a", "append *"), line("adm", "admin *"),
		line("app", "read,append app.*,one"), line("mixed", "append app.*"))
	addr := greeted(t, logserver.ServerOptions{Guard: f.Guard}, func(addr string) *talk { return known(t, addr, "all") })
	hold(t, addr, `
		> {"auth":"all"}
		> {"id":"1","entry":{}}
		> {"id":"2","entry":{},"log":"app.x"}
		> {"id":"3","entry":{},"log":"one"}
		< {"auth":true}
		< {"id":"1","index":1}
		< {"id":"2","index":1}
		< {"id":"3","index":1}`)
	const refused = `{"error":"` + protocol.ErrorForbidden + `"}`
	const refusedA = `{"id":"a","error":"` + protocol.ErrorForbidden + `"}`
	for _, c := range []struct{ token, sent, want string }{
		{"r", `{"id":"a","entry":{}}`, refusedA},
		{"r", `{"id":"a","entries":[{},{}]}`, refusedA},
		{"r", `{"from":1,"follow":false}`, `{"index":1,"entry":{}}`},
		{"r", `{"head":true}`, `{"head":1}`},
		{"r", `{"head":true,"id":"a"}`, `{"id":"a","head":1}`},
		{"a", `{"from":1}`, refused},
		{"a", `{"from":1,"log":"app.x","follow":false}`, refused},
		{"a", `{"head":true}`, `{"head":1}`},
		{"a", `{"id":"a","entry":{},"after":99}`, `{"id":"a","error":"head is 1","head":1}`},
		{"adm", `{"id":"a","entry":{}}`, refusedA},
		{"adm", `{"from":1}`, refused},
		{"adm", `{"head":true}`, refused},
		{"adm", `{"head":true,"id":"a"}`, refusedA},
		{"adm", `{"logs":true}`, `{"logs":0}`},
		{"app", `{"id":"a","entry":{}}`, refusedA},
		{"app", `{"id":"a","entry":{},"log":"ones"}`, refusedA},
		{"app", `{"id":"a","entry":{},"log":"app"}`, refusedA},
		{"app", `{"from":1}`, refused},
		{"app", `{"from":1,"log":"main"}`, refused},
		{"app", `{"from":1,"log":"app.x","follow":false}`, `{"index":1,"entry":{}}`},
		{"app", `{"head":true,"log":"one"}`, `{"head":1}`},
		{"app", `{"head":true}`, refused},
		{"app", `{"logs":true}`, `{"log":"app.x","first":1,"head":1}`},
		{"mixed", `{"id":"a","entry":{},"log":"app.y","after":9}`, `{"id":"a","error":"head is 0","head":0}`},
		{"mixed", `{"from":1,"log":"app.x"}`, refused},
	} {
		k := known(t, addr, c.token)
		k.send(c.sent + "\n")
		if got := k.line(); got != c.want {
			t.Errorf("%s: %s\n got %s\nwant %s", c.token, c.sent, got, c.want)
		}
		k.conn.Close()
	}
}

// Where the members are is told to every token, as it may be for a log of theirs that a client goes on.
func TestMembersAreToldToEveryToken(t *testing.T) {
	f := guarded(t, line("all", "read,append *"), line("app", "append app.*"))
	members := func() []string { return []string{"a:1", "b:2"} }
	addr := greeted(t, logserver.ServerOptions{Guard: f.Guard, Members: members}, func(addr string) *talk { return known(t, addr, "all") })
	hold(t, addr, `
		> {"auth":"app"}
		> {"head":true,"members":true}
		> {"id":"1","entry":{},"log":"app.x"}
		> {"id":"2","head":true,"members":true}
		> {"id":"3","head":true}
		> {"id":"4","head":true,"log":"app.x","members":true}
		< {"auth":true}
		< {"error":"`+protocol.ErrorForbidden+`","members":["a:1","b:2"]}
		< {"id":"1","index":1}
		< {"id":"2","error":"`+protocol.ErrorForbidden+`","members":["a:1","b:2"]}
		< {"id":"3","error":"`+protocol.ErrorForbidden+`"}
		< {"id":"4","head":1,"members":["a:1","b:2"]}
		half
		end`)
	k := dial(t, addr)
	k.send(`{"head":true,"members":true}` + "\n")
	k.expect(`{"error":"` + protocol.ErrorUnauthorized + `"}`)
}

// Without the right token there is nothing but one error, and nothing is appended.
func TestHostileTokens(t *testing.T) {
	f := guarded(t, line("right", "read,append *"))
	addr := greeted(t, logserver.ServerOptions{Guard: f.Guard, AdmitTimeout: time.Second}, func(addr string) *talk { return known(t, addr, "right") })
	unauthorized := `{"error":"` + protocol.ErrorUnauthorized + `"}`
	digest := fmt.Sprintf("%x", sha256.Sum256([]byte("right")))
	for _, c := range []struct{ sent, want string }{
		{`{"auth":"wrong"}`, unauthorized},
		{`{"auth":""}`, unauthorized},
		{`{"auth":"righ"}`, unauthorized},
		{`{"auth":"right "}`, unauthorized},
		{`{"auth":"Right"}`, unauthorized},
		{`{"auth":"right\u0000"}`, unauthorized},
		{`{"auth":"` + digest + `"}`, unauthorized},
		{`{"auth":"` + strings.Repeat("x", 6000) + `"}`, unauthorized},
		{`{"auth":"` + strings.Repeat("x", 1000000) + `"}`, `{"error":"` + protocol.ErrorLineTooLong + `"}`},
		{`{"id":"a","entry":{}}`, unauthorized},
		{`{"id":"a","entry":{}}` + "\n" + `{"auth":"right"}`, unauthorized},
		{`{"from":1}`, unauthorized},
		{`{"head":true}`, unauthorized},
		{`{"head":true,"id":"a"}`, unauthorized},
		{`{"logs":true}`, unauthorized},
		{`nonsense`, `{"error":"` + protocol.ErrorInvalidJSON + `"}`},
	} {
		k := dial(t, addr)
		_, _ = k.conn.Write([]byte(c.sent + "\n" + `{"id":"b","entry":{}}` + "\n")) // it may have been closed already
		if got := k.line(); got != c.want {
			t.Errorf("%.80s: got %s, want %s", c.sent, got, c.want)
		}
		k.expectEnd()
	}
	for _, sent := range []string{`{"auth":1}`, `{"auth":null}`, `{"auth":["right"]}`, `{"auth":"right","auth":"right"}`} {
		k := dial(t, addr)
		k.send(sent + "\n" + `{"head":true}` + "\n")
		k.expect(`{"error":"`+protocol.ErrorInvalidMessage+`"}`, unauthorized)
		k.expectEnd()
	}
	for _, sent := range []string{"", "{", "GE", `{"auth":"righ`, `{"auth":1}` + "\n"} { // and no more
		k := dial(t, addr)
		k.send(sent)
		for line, err := k.lines.ReadString('\n'); err == nil; line, err = k.lines.ReadString('\n') {
			if !strings.Contains(line, protocol.ErrorInvalidMessage) {
				t.Errorf("%q: %s", sent, line)
			}
		}
	}
	// The right one, and then another.
	k := known(t, addr, "right")
	k.send(`{"auth":"wrong"}` + "\n" + `{"head":true}` + "\n")
	k.expect(unauthorized)
	k.expectEnd()
	k = dial(t, addr)
	k.send(`{"auth":"right"}` + "\n" + `{"head":true}` + "\n" + `{"id":"large","entry":["` + strings.Repeat("x", 1<<20-10) + `"]}` + "\n")
	k.expect(`{"auth":true}`, `{"head":0}`, `{"id":"large","index":1}`)
}

// An address that says many wrong ones waits, also for the right one, and nobody else does.
func TestManyWrongTokens(t *testing.T) {
	f := guarded(t, line("right", "read *"))
	o := logserver.ServerOptions{Guard: f.Guard}
	bad := serveFrom(t, o, true)
	good := serveFrom(t, o, false)
	for said := ""; said != protocol.ErrorTooManyTokens; {
		k := dial(t, bad)
		k.send(`{"auth":"wrong"}` + "\n")
		said = k.receive().Error
		if said != protocol.ErrorTooManyTokens && said != protocol.ErrorUnauthorized {
			t.Fatal(said)
		}
		k.expectEnd()
	}
	known(t, good, "right")
	// In a while the other is let in again.
	for deadline := time.Now().Add(guard); ; {
		k := dial(t, bad)
		k.send(`{"auth":"right"}` + "\n")
		if r := k.receive(); r.Error == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("it is never let in again")
		}
	}
}

// A token that is taken away ends its connections; one that stays as it was doesn't notice.
func TestRevokedTokens(t *testing.T) {
	stays, goes := line("stays", "read,append *"), line("goes", "read,append *")
	f := guarded(t, stays, goes, line("less", "read,append *"))
	addr := greeted(t, logserver.ServerOptions{Guard: f.Guard}, func(addr string) *talk { return known(t, addr, "stays") })
	tail, idle, less := known(t, addr, "goes"), known(t, addr, "goes"), known(t, addr, "less")
	tail.send(`{"from":1}` + "\n")
	tail.expect(`{"current":true}`)
	kept := known(t, addr, "stays")
	kept.send(`{"from":1}` + "\n")
	kept.expect(`{"current":true}`)
	f.write(stays, line("new", "append *"), line("less", "read *"))
	if err := f.Reload(); err != nil {
		t.Fatal(err)
	}
	tail.dropped()
	idle.dropped()
	less.dropped()
	k := known(t, addr, "new")
	k.send(`{"id":"a","entry":{}}` + "\n")
	k.expect(`{"id":"a","index":1}`)
	kept.expect(`{"index":1,"entry":{}}`)
	k = dial(t, addr)
	k.send(`{"auth":"goes"}` + "\n")
	k.expect(`{"error":"` + protocol.ErrorUnauthorized + `"}`)
	f.write("")
	if err := f.Reload(); err == nil {
		t.Fatal("an empty file was taken")
	}
	known(t, addr, "stays")
}

// Where both are wanted, a certificate or a token opens the door.
func TestTokenOrCertificate(t *testing.T) {
	f := guarded(t, line("r", "read *"))
	ca, certs := certified(t, true, true)
	addr := serve(t, logserver.Options{}, logserver.ServerOptions{Guard: f.Guard, Certificates: certs})
	k := dialTLS(t, addr, trusting(ca, ca.ClientPair(nil)))
	k.send(`{"id":"a","entry":{}}` + "\n")
	k.expect(`{"id":"a","index":1}`)
	k.send(`{"auth":"r"}` + "\n" + `{"id":"b","entry":{}}` + "\n") // it may do less now
	k.expect(`{"auth":true}`, `{"id":"b","error":"forbidden"}`)
	k = dialTLS(t, addr, trusting(ca))
	k.send(`{"head":true}` + "\n")
	k.expect(`{"error":"unauthorized"}`)
	k = dialTLS(t, addr, trusting(ca))
	k.send(`{"auth":"r"}` + "\n" + `{"head":true}` + "\n")
	k.expect(`{"auth":true}`, `{"head":1}`)
}
