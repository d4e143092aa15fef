package engine

import (
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/notifyrun/notifyrun/schema"
)

// followedBy makes a configuration with one job that follows others.
func followedBy(triggers ...schema.Trigger) *Serving {
	s := &Serving{Jobs: map[string]*schema.Job{"user_event.b": {Address: "user_event.b", Enabled: true, Triggers: triggers}}}
	s.followers = followers(maps.Values(s.Jobs))
	return s
}

// owes makes a debt of a run of a job that has ended well.
func owes(run, job string, index int, ended time.Time) Owed {
	return Owed{Debt: Debt{run, TriggerKey{"user_event.b", index}}, Job: job, Ended: ended, Outcomes: map[Outcome]int{Accepted: 1}}
}

// A run that began before triggers were added to the job that follows it, or taken
// away there, is followed all the same, and once.
func TestServing_follow_moved(t *testing.T) {
	now := time.Unix(1000, 0)
	onSuccess := &schema.AfterTrigger{Jobs: []string{"sip_notify.a"}, On: schema.AfterSuccess}
	onFailure := &schema.AfterTrigger{Jobs: []string{"sip_notify.a"}, On: schema.AfterFailure}
	other := &schema.AfterTrigger{Jobs: []string{"sip_notify.c"}, On: schema.AfterSuccess}
	for _, c := range []struct {
		name string
		*Serving
		owed      []Owed
		fires     []int // indexes of triggers
		paid, off int
	}{
		{"behind one that was added", followedBy(&schema.ScheduleTrigger{}, onSuccess), []Owed{owes("1", "sip_notify.a", 0, now)}, []int{1}, 1, 0},
		{"behind one that follows another job", followedBy(other, onSuccess), []Owed{owes("1", "sip_notify.a", 0, now)}, []int{1}, 1, 0},
		{"before one that was taken away", followedBy(onSuccess), []Owed{owes("1", "sip_notify.a", 1, now)}, []int{0}, 1, 0},
		{"one of two was taken away", followedBy(onSuccess), []Owed{owes("1", "sip_notify.a", 0, now), owes("1", "sip_notify.a", 1, now)}, []int{0}, 1, 1},
		{"two have moved", followedBy(other, onFailure, onSuccess), []Owed{owes("1", "sip_notify.a", 0, now), owes("1", "sip_notify.a", 1, now)}, []int{2}, 1, 1},
		{"none follows any more", followedBy(other), []Owed{owes("1", "sip_notify.a", 0, now)}, nil, 0, 1},
	} {
		fire, off, _ := c.follow(c.owed, now)
		var fires []int
		paid := 0
		for _, f := range fire {
			fires = append(fires, f.key.Index)
			paid += len(f.paid)
		}
		if !cmp.Equal(fires, c.fires) || paid != c.paid || len(off) != c.off {
			t.Errorf("%s: fires %v, paid %d, off %d, want %v, %d and %d", c.name, fires, paid, len(off), c.fires, c.paid, c.off)
		}
	}
}

// Runs that wait for one of another job do not become ever more: of each job, one
// is enough.
func TestServing_follow_waiting(t *testing.T) {
	s := followedBy(&schema.AfterTrigger{Jobs: []string{"sip_notify.a", "sip_notify.c"}, On: schema.AfterSuccess})
	at := func(second int64) time.Time { return time.Unix(second, 0) }
	owed := []Owed{owes("1", "sip_notify.a", 0, at(1)), owes("2", "sip_notify.a", 0, at(2)), owes("3", "sip_notify.a", 0, at(3))}
	owed[1].Depth = 2
	fire, off, _ := s.follow(owed, at(4))
	if want := []Debt{owed[0].Debt, owed[2].Debt}; len(fire) != 0 || !cmp.Equal(off, want) {
		t.Errorf("fires %v, off %v, want none and %v", fire, off, want)
	}
	owed = []Owed{owed[1], owes("4", "sip_notify.c", 0, at(4)), owes("5", "sip_notify.a", 0, at(5))}
	fire, off, _ = s.follow(owed, at(6))
	if len(fire) != 1 || len(off) != 0 || fire[0].depth != 2 || fire[0].last.Run != "4" || !cmp.Equal(fire[0].paid, []Debt{owed[0].Debt, owed[1].Debt}) {
		t.Errorf("fires %+v, off %v", fire, off)
	}
}
