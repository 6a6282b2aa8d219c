package page

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/ringlog/ringlog/integration/server"
)

// TestPictures leaves pictures of the page in SCREENSHOTS.
func TestPictures(t *testing.T) {
	dir := os.Getenv("SCREENSHOTS")
	if dir == "" {
		t.Skip("SCREENSHOTS names no directory: run `make screenshots`")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	s := start(t)
	live(t, s)
	picture := func(name string, window size, scheme, fragment string, actions func(b *tab)) {
		b := open(t, s, window, scheme, fragment)
		b.until(`document.querySelectorAll('.row:not([hidden]):not(.waiting)').length > 5`)
		b.untilSeen("#logs", "/s") // rates take two looks
		if actions != nil {
			actions(b)
		}
		png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	opened := func(b *tab) { b.untilSeen("#tree", "readings") }
	picture("light", desk, "light", "#house", nil)
	picture("dark", desk, "dark", "#house/1066", opened)
	picture("filter", desk, "light", "#house", func(b *tab) {
		b.kind("jq")
		b.enter("#filter", `select(.alarm) | .by`)
		b.untilSeen("#notice", "all searched")
	})
	picture("keys", size{1000, 720, false}, "dark", "#house", func(b *tab) { b.keys("?") })
	picture("phone", phone, "light", "#house", nil)
	picture("phone-server", phone, "dark", "#house", func(b *tab) { b.click(`.tabs [data-view=server]`) })
	picture("phone-entry", phone, "light", "#house/1066", opened)
}

// live fills logs with what a house might say, and goes on until the test ends; it returns when there is something to see.
func live(t *testing.T, s *server.Server) {
	t.Helper()
	post(t, s, "audit", strings.Repeat(`{"who":"ada","did":"login"}`+"\n", 212))
	post(t, s, "orders", strings.Repeat(`{"order":77,"total":12.50}`+"\n", 340))
	post(t, s, "main", `{"hello":"world"}`)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	t.Cleanup(func() { cancel(); <-ended })
	seen := make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for i, turn := 0, 0; ; turn++ {
			if turn == 75*20 {
				close(seen)
			}
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			var lines strings.Builder
			for range int(3 + 2*math.Sin(float64(turn)/90) + float64(turn*turn%7)/3) {
				lines.WriteString(said(i) + "\n")
				i++
			}
			post(t, s, "house", lines.String())
			if turn%9 == 0 {
				post(t, s, "orders", fmt.Sprintf(`{"order":%d,"total":12.50}`, turn))
			}
		}
	}()
	<-seen
}

// said is the i-th thing that the house says.
func said(i int) string {
	room := []string{"kitchen", "cellar", "bedroom", "attic"}[i*7%4]
	switch i % 6 {
	case 1:
		return fmt.Sprintf(`{"room":%q,"door":"open","by":["Ada","Grace"],"alarm":%t}`, room, i%12 == 1)
	case 3:
		return fmt.Sprintf(`{"room":%q,"device":{"id":"th-%03d","firmware":"2.11.0","battery":0.%d0},"readings":[{"at":"10:0%d","temperature":%d.50},{"at":"10:1%d","temperature":%d.75}],"note":null}`,
			room, i%400, i%9+1, i%10, 18+i%6, i%10, 18+i%6)
	}
	return fmt.Sprintf(`{"room":%q,"temperature":%d.%d0,"humidity":%d,"serial":12345678901234567%03d}`, room, 17+i%8, i%10, 40+i%20, i%1000)
}
