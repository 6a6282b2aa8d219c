package chaos

import (
	"fmt"
	"os"
	"testing"

	"github.com/ringlog/ringlog/integration/proof"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if err := proof.Publish(); err != nil {
		fmt.Fprintln(os.Stderr, "SUMMARY:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}
