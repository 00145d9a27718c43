//go:build noengine || (!linux && !darwin)

package engine

import (
	"fmt"
	"os"
)

// built says whether this program can be the engine's child. Loading the engine
// makes a program depend on the system's C library; built with the tag noengine
// it stands alone, for images that only ever meet a ClickHouse server.
const built = false

// RunChild would be the engine's child process, which this program has not.
func RunChild([]string) int {
	fmt.Fprintln(os.Stderr, ErrUnsupported)
	return 2
}
