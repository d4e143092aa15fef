package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/notifyrun/notifyrun/engine"
	"github.com/notifyrun/notifyrun/engine/ledger"
)

// TestRuns_missed lists what a daemon has recorded as not fired between the runs,
// sums up what is alike, and never lets text from outside drive the terminal.
func TestRuns_missed(t *testing.T) {
	t.Setenv("TZ", "UTC")
	local := time.Local
	time.Local = time.UTC
	defer func() { time.Local = local }()
	dir := t.TempDir()
	write(t, dir, "main.hcl", "")
	led, err := ledger.Open(t.Context(), filepath.Join(dir, "notifyrun.db"), ledger.ReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	defer led.Close()
	at := func(minute int) time.Time { return time.Date(2026, 3, 1, 2, minute, 0, 0, time.UTC) }
	run := func(id string, minute int) engine.NewRun {
		return engine.NewRun{RunHeader: engine.RunHeader{ID: id, Job: "user_event.a", PBX: "pbx.hq", Cause: engine.Cause{Kind: "schedule"}, Created: at(minute)}}
	}
	miss := func(job string, reason engine.MissedReason, minute int, count int64, detail string) engine.Missed {
		return engine.Missed{TriggerKey: engine.TriggerKey{Job: job}, Reason: reason, Count: count, First: at(minute), Last: at(minute + int(count) - 1), Detail: detail, At: at(minute + int(count) - 1)}
	}
	lost := engine.Missed{PBX: "pbx.hq", Reason: engine.MissedDisconnected, First: at(7), Last: at(8), Detail: "receive events: events may have been missed: \x1b[2J", At: at(8)}
	if err := led.Publish(t.Context(), engine.Publication{Time: at(0), Snapshot: []byte("{}"), Jobs: []engine.AppliedJob{{Address: "user_event.a"}, {Address: "user_event.b"}}}); err != nil {
		t.Fatal(err)
	}
	for _, f := range []engine.Firings{
		{Time: at(2), Missed: []engine.Missed{miss("user_event.a", engine.MissedLate, 0, 3, "noticed 1s after the last of them")}},
		{Time: at(3), Runs: []engine.NewRun{run("01ARZ3NDEKTSV4RRFFQ69G5F01", 3)}},
		{Time: at(4), Missed: []engine.Missed{miss("user_event.a", engine.MissedPaused, 4, 1, "fair")}},
		{Time: at(5), Missed: []engine.Missed{miss("user_event.b", engine.MissedOverlap, 5, 1, "the previous run is still open")}},
		{Time: at(6), Missed: []engine.Missed{miss("user_event.a", engine.MissedPaused, 6, 1, "fair")}},
		{Time: at(8), Missed: []engine.Missed{lost}},
		{Time: at(9), Runs: []engine.NewRun{run("01ARZ3NDEKTSV4RRFFQ69G5F02", 9)}},
		{Time: at(10), Missed: []engine.Missed{miss("user_event.a", engine.MissedThrottled, 10, 1, "more than throttle allows")}},
	} {
		f.Base = 1
		if err := led.Fire(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ args, want string }{
		{"runs", `
RUN                         STARTED              TOOK  JOB           DELIVERIES
not fired                   2026-03-01 02:10:00        user_event.a  throttled: at 02:10:00; more than throttle allows
01ARZ3NDEKTSV4RRFFQ69G5F02  2026-03-01 02:09:00    0s  user_event.a  none sent
not fired                   2026-03-01 02:08:00        pbx.hq        disconnected: 02:07:00–02:08:00; events may have been missed: \x1b[2J
not fired                   2026-03-01 02:06:00        user_event.a  paused: fair; 2 times, 02:04:00–02:06:00
not fired                   2026-03-01 02:05:00        user_event.b  overlap: due 02:05:00; the previous run is still open
01ARZ3NDEKTSV4RRFFQ69G5F01  2026-03-01 02:03:00    0s  user_event.a  none sent
not fired                   2026-03-01 02:02:00        user_event.a  late: 3 due times, 02:00:00–02:02:00; notifyrun serve was not there in time
`},
		{"runs -limit 1", `
RUN                         STARTED              TOOK  JOB           DELIVERIES
not fired                   2026-03-01 02:10:00        user_event.a  throttled: at 02:10:00; more than throttle allows
01ARZ3NDEKTSV4RRFFQ69G5F02  2026-03-01 02:09:00    0s  user_event.a  none sent
`},
		{"runs -job user_event.b", `
RUN        STARTED              TOOK  JOB           DELIVERIES
not fired  2026-03-01 02:05:00        user_event.b  overlap: due 02:05:00; the previous run is still open
`},
		{"runs -missed -limit 3", `
RECORDED             JOB           NOT FIRED
2026-03-01 02:10:00  user_event.a  throttled: at 02:10:00; more than throttle allows
2026-03-01 02:08:00  pbx.hq        disconnected: 02:07:00–02:08:00; events may have been missed: \x1b[2J
2026-03-01 02:06:00  user_event.a  paused: fair; at 02:06:00
`},
		{"runs -missed -json -job user_event.b", `
{"job":"user_event.b","trigger":0,"reason":"overlap","count":1,"first":"2026-03-01T02:05:00.000000Z","last":"2026-03-01T02:05:00.000000Z","detail":"the previous run is still open","recorded":"2026-03-01T02:05:00.000000Z"}
`},
		{"runs -missed -job user_event.c", "\nNothing is recorded as missed of user_event.c: there is no such job. Did you mean user_event.a?\n"},
	} {
		code, out, errs := execute(t, "", nil, append(strings.Fields(c.args), dir)...)
		if diff := cmp.Diff(strings.TrimPrefix(c.want, "\n"), out); code != exitOK || diff != "" {
			t.Errorf("%s: exit code %d %s (-want +got):\n%s", c.args, code, errs, diff)
		}
	}
}

// TestDaemon_lines words each way that the daemon of a state can be.
func TestDaemon_lines(t *testing.T) {
	local := time.Local
	time.Local = time.UTC
	defer func() { time.Local = local }()
	began := time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC)
	status := func(change func(*engine.DaemonStatus)) *engine.DaemonStatus {
		s := &engine.DaemonStatus{PID: 7, Host: "pbx", Started: began}
		if change != nil {
			change(s)
		}
		return s
	}
	stopped := func(s *engine.DaemonStatus) { s.Stopped = began.Add(time.Hour) }
	problem := func(s *engine.DaemonStatus) { s.Problem = "no value for variable \"secret\"" }
	for _, c := range []struct {
		d    daemon
		want string
	}{
		{daemon{}, ""},
		{daemon{runs: true}, "notifyrun serve is starting."},
		{daemon{true, status(stopped)}, "notifyrun serve is starting."},
		{daemon{true, status(nil)}, "notifyrun serve runs since 2026-03-01 02:00:00 (process 7 on pbx)."},
		{daemon{true, status(problem)}, "notifyrun serve runs since 2026-03-01 02:00:00 (process 7 on pbx), but cannot take the newest configuration:\n  no value for variable \"secret\""},
		{daemon{false, status(stopped)}, "notifyrun serve has ended, at 2026-03-01 03:00:00. Schedules and triggers do not fire."},
		{daemon{false, status(nil)}, "notifyrun serve (process 7 on pbx, since 2026-03-01 02:00:00) has been killed or has crashed. Schedules and triggers do not fire."},
	} {
		if got := strings.Join(c.d.lines(), "\n"); got != c.want {
			t.Errorf("%+v: %q, want %q", c.d, got, c.want)
		}
	}
}
