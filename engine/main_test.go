//go:build linux || darwin

package engine_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/tributary-events/tributary/engine"
	"github.com/tributary-events/tributary/engine/enginetest"
)

// parentCommand makes the test binary a collector that can be killed: it starts
// an engine, tells its address and its child's pid, and waits.
const parentCommand = "test-parent"

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == parentCommand {
		os.Exit(parent(os.Args[2]))
	}
	enginetest.Main(m)
}

func parent(data string) int {
	e, err := engine.Start(context.Background(), engine.Config{Data: data, Memory: 1 << 30})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println(e.State().PID, e.DSN())
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
	return 0
}
