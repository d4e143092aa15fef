package engine

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
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

var bFollows = TriggerKey{"user_event.b", 0}

// ran is a run of a job that ended so many seconds after start, negative: is open.
func ran(job string, n, ended int, o Outcome) Owed {
	w := Owed{Debt: Debt{fmt.Sprintf("%s%d", job, n), bFollows}, Job: job, Depth: n, Outcomes: map[Outcome]int{o: 1}}
	if ended >= 0 {
		w.Ended = start.Add(time.Duration(ended) * time.Second)
	}
	return w
}

func debts(owed []Debt) (runs []string) {
	for _, d := range owed {
		runs = append(runs, d.Run)
	}
	return runs
}

func TestServing_follow(t *testing.T) {
	at := func(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }
	for name, c := range map[string]struct {
		after schema.AfterTrigger
		owed  []Owed
		now   int
		fire  [][]string // runs that each firing pays
		last  []string
		off   []string
		wake  int // seconds; 0: never
	}{
		"none has ended": {schema.AfterTrigger{Jobs: []string{"a"}, On: schema.AfterDone}, []Owed{ran("a", 1, -1, Pending)}, 9, nil, nil, nil, 0},
		"each end fires once": {schema.AfterTrigger{Jobs: []string{"a"}, On: schema.AfterDone},
			[]Owed{ran("a", 1, 1, Accepted), ran("a", 2, 2, Rejected), ran("a", 3, -1, Pending)}, 9, [][]string{{"a1"}, {"a2"}}, []string{"a1", "a2"}, nil, 0},
		"success": {schema.AfterTrigger{Jobs: []string{"a"}, On: schema.AfterSuccess},
			[]Owed{ran("a", 1, 1, Accepted), ran("a", 2, 2, Rejected), ran("a", 3, 3, Answered)}, 9, [][]string{{"a1"}, {"a3"}}, []string{"a1", "a3"}, []string{"a2"}, 0},
		"failure": {schema.AfterTrigger{Jobs: []string{"a"}, On: schema.AfterFailure},
			[]Owed{ran("a", 1, 1, Accepted), ran("a", 2, 2, Unknown)}, 9, [][]string{{"a2"}}, []string{"a2"}, []string{"a1"}, 0},
		"delay": {schema.AfterTrigger{Jobs: []string{"a"}, On: schema.AfterDone, Delay: 5 * time.Second},
			[]Owed{ran("a", 1, 1, Accepted), ran("a", 2, 3, Accepted), ran("a", 3, 5, Accepted)}, 6, [][]string{{"a1"}}, []string{"a1"}, nil, 8},
		"fan-in waits for each": {schema.AfterTrigger{Jobs: []string{"a", "b"}, On: schema.AfterDone},
			[]Owed{ran("a", 1, 1, Accepted), ran("a", 2, 2, Accepted)}, 9, nil, nil, []string{"a1"}, 0},
		"fan-in takes one of each": {schema.AfterTrigger{Jobs: []string{"a", "b"}, On: schema.AfterDone},
			[]Owed{ran("a", 1, 1, Accepted), ran("a", 2, 2, Accepted), ran("b", 1, 3, Accepted), ran("b", 2, 4, Accepted), ran("a", 3, 5, Accepted), ran("a", 4, 6, Accepted)}, 9,
			[][]string{{"a2", "b1"}, {"a3", "b2"}}, []string{"b1", "a3"}, []string{"a1"}, 0},
		"fan-in with delay counts from the last": {schema.AfterTrigger{Jobs: []string{"a", "b"}, On: schema.AfterDone, Delay: 5 * time.Second},
			[]Owed{ran("a", 1, 1, Accepted), ran("b", 1, 4, Accepted)}, 8, nil, nil, nil, 9},
		"fan-in of successes": {schema.AfterTrigger{Jobs: []string{"a", "b"}, On: schema.AfterSuccess},
			[]Owed{ran("a", 1, 1, Rejected), ran("b", 1, 4, Accepted)}, 8, nil, nil, []string{"a1"}, 0},
		"follows another job now": {schema.AfterTrigger{Jobs: []string{"b"}, On: schema.AfterDone},
			[]Owed{ran("a", 1, 1, Accepted), ran("b", 1, -1, Pending), ran("a", 2, -1, Pending)}, 8, nil, nil, []string{"a1", "a2"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			fire, off, wake := followedBy(&c.after).follow(c.owed, at(c.now))
			var paid [][]string
			var last []string
			for _, f := range fire {
				paid = append(paid, debts(f.paid))
				last = append(last, f.last.Run)
				deepest := 0
				for _, o := range c.owed {
					if slices.Contains(debts(f.paid), o.Run) {
						deepest = max(deepest, o.Depth)
					}
				}
				if f.depth != deepest {
					t.Errorf("depth %d, want %d", f.depth, deepest)
				}
			}
			if fmt.Sprint(paid) != fmt.Sprint(c.fire) || !slices.Equal(last, c.last) || !slices.Equal(debts(off), c.off) {
				t.Errorf("fires %v after %v, off %v; want %v after %v, off %v", paid, last, debts(off), c.fire, c.last, c.off)
			}
			if want := at(c.wake); c.wake == 0 && !wake.IsZero() || c.wake > 0 && !wake.Equal(want) {
				t.Errorf("wakes at %s, want %s", wake, want)
			}
		})
	}
}

// A trigger or a job that is no more is owed nothing, whether runs have ended
// or not.
func TestServing_follow_removed(t *testing.T) {
	owed := []Owed{ran("a", 1, 1, Accepted), ran("a", 2, -1, Pending)}
	for name, s := range map[string]*Serving{
		"job":      {Jobs: map[string]*schema.Job{}},
		"trigger":  {Jobs: map[string]*schema.Job{bFollows.Job: {Enabled: true}}},
		"kind":     {Jobs: map[string]*schema.Job{bFollows.Job: {Enabled: true, Triggers: []schema.Trigger{&schema.ChangeTrigger{}}}}},
		"disabled": {Jobs: map[string]*schema.Job{bFollows.Job: {Triggers: []schema.Trigger{&schema.AfterTrigger{Jobs: []string{"a"}, On: schema.AfterDone}}}}},
	} {
		if fire, off, _ := s.follow(owed, start.Add(time.Hour)); len(fire) > 0 || !slices.Equal(debts(off), []string{"a1", "a2"}) {
			t.Errorf("%s: fires %d, off %v", name, len(fire), debts(off))
		}
	}
}

// What fires does not depend on when it is looked: often or once at the end,
// the same runs are paid by the same firings.
func TestServing_follow_whenever(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 8))
	for range 500 {
		trigger := schema.AfterTrigger{Jobs: []string{"a", "b", "c"}[:1+r.IntN(3)], On: []schema.AfterOn{schema.AfterDone, schema.AfterSuccess, schema.AfterFailure}[r.IntN(3)]}
		trigger.Delay = time.Duration(r.IntN(3)) * 4 * time.Second
		s := followedBy(&trigger)
		var runs []Owed
		for i := range 30 {
			runs = append(runs, ran([]string{"a", "b", "c"}[r.IntN(len(trigger.Jobs))], i, i, []Outcome{Accepted, Rejected}[r.IntN(2)]))
		}
		play := func(look func() bool) (all []string) {
			var owed []Owed
			for second := range 60 {
				now := start.Add(time.Duration(second) * time.Second)
				if second < len(runs) {
					owed = append(owed, runs[second])
				}
				if second < 59 && !look() {
					continue
				}
				fire, off, _ := s.follow(owed, now)
				for _, f := range fire {
					all = append(all, fmt.Sprint(debts(f.paid), f.due))
					off = append(off, f.paid...)
				}
				owed = slices.DeleteFunc(owed, func(o Owed) bool { return slices.Contains(off, o.Debt) })
			}
			return all
		}
		always, once := play(func() bool { return true }), play(func() bool { return false })
		if !slices.Equal(always, once) {
			t.Fatalf("%+v:\n%v\n%v", trigger, always, once)
		}
		if sometimes := play(func() bool { return r.IntN(7) == 0 }); !slices.Equal(always, sometimes) {
			t.Fatalf("%+v:\n%v\n%v", trigger, always, sometimes)
		}
	}
}
