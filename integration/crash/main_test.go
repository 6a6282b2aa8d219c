package crash

import (
	"fmt"
	"github.com/ringlog/ringlog/integration/proof"
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	filterIfAsked()
	code := m.Run()
	if err := proof.Publish(); err != nil {
		fmt.Fprintln(os.Stderr, "SUMMARY:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}
