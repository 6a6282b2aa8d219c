package access

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func sum(token string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(token))) }

// parsed is the one grant of a line.
func parsed(t *testing.T, scopes, logs string) *Grant {
	t.Helper()
	grants, err := Parse([]byte("who " + sum("x") + " " + scopes + " " + logs))
	if err != nil {
		t.Fatal(err)
	}
	return grants[0]
}

func TestGrants(t *testing.T) {
	for _, c := range []struct {
		scopes, logs string
		asked        Scope
		log          string
		may, mayAll  bool
	}{
		{"read", "*", Read, "main", true, true},
		{"read", "*", Append, "main", false, false},
		{"read", "*", Admin, "main", false, false},
		{"append", "*", Read | Append, "main", true, true},
		{"admin", "*", Read, "main", false, false},
		{"admin", "*", Append, "main", false, false},
		{"read,append,admin", "*", Admin, "x", true, true},
		{"read", "main", Read, "main", true, false},
		{"read", "main", Read, "main2", false, false},
		{"read", "main", Read, "mai", false, false},
		{"read", "app.*", Read, "app.a", true, false},
		{"read", "app.*", Read, "app.", true, false},
		{"read", "app.*", Read, "app", false, false},
		{"read", "app.*", Read, "x.app.a", false, false},
		{"read", "app.*,main", Read, "main", true, false},
		{"read", "app.*,main", Read, "other", false, false},
		{"read", "app.*,*", Read, "other", true, true},
	} {
		g := parsed(t, c.scopes, c.logs)
		if g.May(c.asked, c.log) != c.may || g.MayAll(c.asked) != c.mayAll {
			t.Errorf("%s %s: %v %s: %v, %v", c.scopes, c.logs, c.asked, c.log, g.May(c.asked, c.log), g.MayAll(c.asked))
		}
	}
}

func TestParse(t *testing.T) {
	good := "  # tokens\r\n\n a.b@c-d\t" + sum("one") + "  read,append *\r\nb " + strings.ToUpper(sum("two")) + " admin a,b.*\n"
	grants, err := Parse([]byte(good))
	if err != nil || len(grants) != 2 || grants[0].Name != "a.b@c-d" || grants[1].digest != sha256.Sum256([]byte("two")) {
		t.Fatalf("%v, %v", grants, err)
	}
	d := sum("x")
	for name, text := range map[string]string{
		"a word too few":        "a " + d + " read",
		"a word too many":       "a " + d + " read * x",
		"a token in the clear":  "a rl_secret read *",
		"half a digest":         "a " + d[:62] + " read *",
		"more than a digest":    "a " + d + "00 read *",
		"an unknown scope":      "a " + d + " write *",
		"a scope in capitals":   "a " + d + " READ *",
		"an empty scope":        "a " + d + " read, *",
		"an empty log":          "a " + d + " read main,",
		"a log that can't be":   "a " + d + " read ../../etc",
		"a star in the middle":  "a " + d + " read a*b",
		"two stars":             "a " + d + " read a**",
		"a name that is none":   "a/b " + d + " read *",
		"a name with an escape": "a\x1b[31m " + d + " read *",
		"a long name":           strings.Repeat("a", 65) + " " + d + " read *",
		"the same twice":        "a " + d + " read *\nb " + d + " append *",
	} {
		_, err := Parse([]byte(text))
		var line *LineError
		if !errors.As(err, &line) || line.Line != strings.Count(text, "\n")+1 {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && (strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), d)) {
			t.Errorf("%s: the error quotes the file: %v", name, err)
		}
	}
	for name, text := range map[string]string{
		"nothing": "", "comments": "# a\n\n", "too large": strings.Repeat("#\n", MaxFile),
		"too many": manyTokens(maxTokens + 1),
	} {
		if grants, err := Parse([]byte(text)); err == nil {
			t.Errorf("%s: %d tokens", name, len(grants))
		}
	}
	if grants, err := Parse([]byte(manyTokens(maxTokens))); err != nil || len(grants) != maxTokens {
		t.Error(len(grants), err)
	}
}

func manyTokens(n int) string {
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, "t %s read *\n", sum(fmt.Sprint(i)))
	}
	return text.String()
}

func TestNewToken(t *testing.T) {
	token, line, err := NewToken("shop", "read,append", "shop.*")
	if err != nil || len(token) < 40 || strings.Contains(line, token) {
		t.Fatal(token, line, err)
	}
	grants, err := Parse([]byte(line))
	if err != nil || grants[0].Name != "shop" || grants[0].scopes != Read|Append || grants[0].digest != sha256.Sum256([]byte(token)) {
		t.Fatal(grants, err)
	}
	if other, _, _ := NewToken("shop", "read", "*"); other == token {
		t.Error("twice the same")
	}
	for _, bad := range [][3]string{{"", "read", "*"}, {"a b", "read", "*"}, {"a", "all", "*"}, {"a", "read", "?"}, {"a", "", "*"}, {"#a", "read", "*"}} {
		if _, line, err := NewToken(bad[0], bad[1], bad[2]); err == nil {
			t.Errorf("%q: %q", bad, line)
		}
	}
}

// What is read again is in force as a whole or not at all.
func TestReload(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tokens")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("a " + sum("a") + " read *\nb " + sum("b") + " read *\n")
	guard, err := OpenGuard(file)
	if err != nil {
		t.Fatal(err)
	}
	check := func(token string) *Grant {
		grant, err := guard.Check([]byte(token), home)
		if (err == nil) != (grant != nil) {
			t.Fatal(grant, err)
		}
		return grant
	}
	a, b := check("a"), check("b")
	for _, bad := range []string{"", "nonsense\n", "a " + sum("a") + " read *\nb"} {
		write(bad)
		if err := guard.Reload(); err == nil || !guard.Stale() || check("a") != a || check("b") != b {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := guard.Reload(); err == nil || strings.Contains(err.Error(), file) || check("a") != a {
		t.Error(err)
	}
	write("a " + sum("a") + " read *\nb " + sum("b") + " append *\nc " + sum("c") + " read *\n")
	if err := guard.Reload(); err != nil || guard.Stale() || guard.Len() != 3 {
		t.Fatal(err)
	}
	if check("a") != a || a.Revoked().Err() != nil {
		t.Error("what is as before was changed")
	}
	if now := check("b"); now == b || b.Revoked().Err() == nil || !now.May(Append, "x") || now.Revoked().Err() != nil {
		t.Error("what was changed is as before")
	}
	write("c " + sum("c") + " read *\n")
	if err := guard.Reload(); err != nil || check("a") != nil || a.Revoked().Err() == nil || check("c") == nil {
		t.Error("what was taken away is still valid", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("a " + sum("x") + " read,append,admin app.*,main\n")
	f.Add("# c\n\na " + sum("x") + " read *\r\nb " + sum("y") + " admin a.*")
	f.Add("a " + sum("x") + " read * x\x00\n\xff")
	f.Fuzz(func(t *testing.T, text string) {
		grants, err := Parse([]byte(text))
		if (err == nil) != (len(grants) > 0) {
			t.Fatal(len(grants), err)
		}
		seen := map[[32]byte]bool{}
		for _, g := range grants {
			if seen[g.digest] || g.scopes == 0 || len(g.logs) == 0 || !validName(g.Name) {
				t.Fatalf("%+v", g)
			}
			seen[g.digest] = true
			line := fmt.Sprintf("%s %x %s %s", g.Name, g.digest, g.scopes, strings.Join(g.logs, ","))
			again, err := Parse([]byte(line))
			if err != nil || len(again) != 1 || !again[0].same(g) {
				t.Fatalf("%q: %v", line, err)
			}
		}
	})
}
