package query

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestRecentSQL(t *testing.T) {
	for name, window := range map[string]int{"recent_window.sql": recentWindow(50), "recent_all.sql": 0} {
		t.Run(name, func(t *testing.T) {
			golden(t, name, recentSQL(window))
		})
	}
}

// golden compares with a file; a missing one is a failure.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got+"\n"); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}
