package ledger

import (
	"encoding/json"
	"fmt"

	"github.com/notifyrun/notifyrun/engine"
)

// causeRest writes what of a cause has no column of its own. Most runs have
// nothing such.
func causeRest(c engine.Cause) (string, error) {
	c.Detail = ""
	if c.Kind = ""; c == (engine.Cause{}) {
		return "", nil
	}
	b, err := json.Marshal(c)
	return string(b), err
}

// readCause reads what causeRest wrote, and leaves kind and detail alone.
func readCause(c *engine.Cause, rest string) error {
	if rest == "" {
		return nil
	}
	kind, detail := c.Kind, c.Detail
	if err := json.Unmarshal([]byte(rest), c); err != nil {
		return fmt.Errorf("%w (%w)", ErrDamaged, err)
	}
	c.Kind, c.Detail = kind, detail
	return nil
}
