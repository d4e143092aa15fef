package amievent_test

import (
	"testing"

	"github.com/notifyrun/notifyrun/amiclient/amitest"
)

func TestMain(m *testing.M) { amitest.Main(m) }
