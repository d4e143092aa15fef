package engine

import (
	"fmt"
	"slices"
	"testing"
)

// Of a list of targets that changes, the plan names who never had a revision,
// and who had one and is on it no longer; without a change trigger nobody knows.
func TestPlan_comeAndGo(t *testing.T) {
	list := func(from, to int, trigger string) string {
		return fmt.Sprintf(`
		pbx "hq" {
		  simulator {}
		}
		sip_notify "x" {
		  pbx     = pbx.hq
		  targets = [for n in range(%d, %d) : "PJSIP/${n}"]
		  message {
		    event = "a"
		  }
		  %s
		}`, from, to, trigger)
	}
	const change = "trigger \"change\" {}"
	had := after(t, plan(t, configure(t, list(0, 5, change)), &State{}), 5)
	jp := plan(t, configure(t, list(2, 7, change)), had).Jobs[0]
	if want := []string{"PJSIP/5", "PJSIP/6"}; !slices.Equal(jp.New, want) {
		t.Errorf("new are %v, want %v", jp.New, want)
	}
	if want := []string{"PJSIP/0", "PJSIP/1"}; !slices.Equal(jp.Gone, want) {
		t.Errorf("gone are %v, want %v", jp.Gone, want)
	}
	if jp := plan(t, configure(t, list(0, 5, change)), had).Jobs[0]; jp.New != nil || jp.Gone != nil {
		t.Errorf("of the same targets, new are %v, gone are %v", jp.New, jp.Gone)
	}
	had = after(t, plan(t, configure(t, list(0, 5, "")), &State{}), 5)
	if jp := plan(t, configure(t, list(2, 7, "")), had).Jobs[0]; jp.Op != Change || jp.New != nil || jp.Gone != nil {
		t.Errorf("without a trigger, new are %v, gone are %v", jp.New, jp.Gone)
	}
}

// Who has no contact by what the configuration says is named, if he is sent to now.
func TestPlan_noContact(t *testing.T) {
	config := func(revision int) string {
		return fmt.Sprintf(`
		pbx "hq" {
		  simulator {}
		}
		sip_notify "x" {
		  pbx     = pbx.hq
		  targets = [for n in range(4) : { endpoint = format("%%d", n), contacts = n %% 2 }]
		  message {
		    event = "a"
		  }
		  trigger "change" {
		    on = %d
		  }
		}`, revision)
	}
	first := plan(t, configure(t, config(1)), &State{})
	if got, want := first.Jobs[0].NoContact, []string{"PJSIP/0", "PJSIP/2"}; !slices.Equal(got, want) {
		t.Errorf("without contact are %v, want %v", got, want)
	}
	s := after(t, first, 1) // PJSIP/1 is unknown, the others are left
	if got, want := plan(t, configure(t, config(1)), s).Jobs[0].NoContact, []string{"PJSIP/2"}; !slices.Equal(got, want) {
		t.Errorf("of what is left, without contact are %v, want %v", got, want)
	}
	s.Pauses = map[string]Pause{"sip_notify.x": {Job: "sip_notify.x"}}
	if got := plan(t, configure(t, config(2)), s).Jobs[0].NoContact; got != nil {
		t.Errorf("of a paused job, without contact are %v", got)
	}
}
