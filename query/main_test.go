package query

import (
	"testing"

	"github.com/tributary-events/tributary/engine/enginetest"
)

func TestMain(m *testing.M) { enginetest.Main(m) }
