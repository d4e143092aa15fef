package main

import (
	"strings"
	"testing"

	"github.com/notifyrun/notifyrun/engine"
)

// TestRunView_lines shows an answer of several lines as such, below each other.
func TestRunView_lines(t *testing.T) {
	var b strings.Builder
	a := &app{stdout: &b, lookupEnv: func(string) (string, bool) { return "", false }}
	r := &shownRun{RunSummary: engine.RunSummary{Outcomes: map[engine.Outcome]int{engine.Rejected: 2}}, deliveries: []*shownDelivery{
		{target: "PJSIP/1001", outcome: engine.Rejected, attempts: 1, answer: "the header \"X\" is refused:\nit is too long;\nit has \x1b[31m"},
		{target: "PJSIP/1002", outcome: engine.Rejected, attempts: 1, answer: "short"},
	}}
	if err := a.runView(r); err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(b.String(), "TARGET")
	const want = `      OUTCOME   TRIES  TIME  ANSWER
PJSIP/1001  rejected      1        the header "X" is refused:
                                   it is too long;
                                   it has \x1b[31m
PJSIP/1002  rejected      1        short
`
	if table != want {
		t.Errorf("it shows\n%s\nwant\n%s", table, want)
	}
}
