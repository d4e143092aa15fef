package main

import (
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/notifyrun/notifyrun/engine"
)

// metrics count what a daemon does, for Prometheus. docs/operations.md has the
// same list. Labels hold nothing but what the configuration or this program
// names: text of a PBX or a phone never becomes one. The label of a job is not
// called job, as Prometheus gives that to each series itself.
type metrics struct {
	registry *prometheus.Registry

	deliveries, firings, missed, received, dropped *prometheus.CounterVec
	answers, lateness                              *prometheus.HistogramVec
	writes                                         prometheus.Histogram
	failures                                       prometheus.Counter

	mu   sync.Mutex
	jobs map[string]bool // that have labels of their own
}

var _ engine.Observer = (*metrics)(nil)

// maxJobLabels is how many jobs are told apart. What jobs of for_each and count
// do beyond that is counted together for their block, or a million jobs would
// make millions of series.
const maxJobLabels = 2000

// durations are the bounds of all histograms, in seconds.
var durations = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}

// newMetrics starts to count. The state of the daemon is asked for when somebody
// scrapes.
func newMetrics(daemon reporter) *metrics {
	counters := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "notifyrun", Name: name, Help: help}, labels)
	}
	histogram := func(name, help string) prometheus.HistogramOpts {
		return prometheus.HistogramOpts{Namespace: "notifyrun", Name: name, Help: help, Buckets: durations}
	}
	m := &metrics{
		registry:   prometheus.NewRegistry(),
		deliveries: counters("deliveries_total", "Deliveries that have ended in a run.", "job_address", "pbx", "outcome"),
		firings:    counters("firings_total", "Firings of jobs that are on record.", "job_address", "kind"),
		missed:     counters("firings_missed_total", "Firings that did not take place.", "job_address", "reason"),
		received:   counters("events_received_total", "Events that triggers listen to, and whether one of them took it.", "pbx", "event", "taken"),
		dropped:    counters("events_dropped_total", "Events that came faster than they could be taken.", "pbx"),
		answers:    prometheus.NewHistogramVec(histogram("answer_duration_seconds", "How long Asterisk took to answer an action."), []string{"pbx"}),
		lateness:   prometheus.NewHistogramVec(histogram("firing_lateness_seconds", "How long after its due time, its event or the end that it follows a firing was on record."), []string{"kind"}),
		writes:     prometheus.NewHistogram(histogram("ledger_write_duration_seconds", "How long a transaction of the state took until it was on disk.")),
		failures:   prometheus.NewCounter(prometheus.CounterOpts{Namespace: "notifyrun", Name: "ledger_write_failures_total", Help: "Transactions of the state that failed."}),
		jobs:       map[string]bool{},
	}
	built := newVersionJSON()
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: "notifyrun", Name: "build_info", Help: "What this program was built from; always 1.",
		ConstLabels: prometheus.Labels{"version": built.Version, "revision": built.Revision, "goversion": built.Go},
	})
	build.Set(1)
	m.registry.MustRegister(
		m.deliveries, m.firings, m.missed, m.received, m.dropped, m.answers, m.lateness, m.writes, m.failures,
		build, &states{daemon}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return m
}

// job is the label of a job.
func (m *metrics) job(address string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	block, _, instance := strings.Cut(address, "[")
	switch {
	case m.jobs[address] || !instance:
		return address
	case len(m.jobs) < maxJobLabels:
		m.jobs[address] = true
		return address
	}
	return block + "[*]"
}

// Delivered implements engine.Observer.
func (m *metrics) Delivered(job, pbx string, o engine.Outcome, took time.Duration) {
	m.deliveries.WithLabelValues(m.job(job), pbx, string(o)).Inc()
	if took > 0 && (o.Good() || o == engine.Rejected) { // nothing else is an answer
		m.answers.WithLabelValues(pbx).Observe(took.Seconds())
	}
}

// Fired implements engine.Observer.
func (m *metrics) Fired(job, kind string, late time.Duration) {
	m.firings.WithLabelValues(m.job(job), kind).Inc()
	m.lateness.WithLabelValues(kind).Observe(max(late, 0).Seconds())
}

// NotFired implements engine.Observer. What was missed of a whole PBX has no job,
// and is no firing.
func (m *metrics) NotFired(job string, reason engine.MissedReason, n int64) {
	if job != "" && n > 0 {
		m.missed.WithLabelValues(m.job(job), string(reason)).Add(float64(n))
	}
}

// Received implements engine.Observer. The names of events are those that triggers
// ask for.
func (m *metrics) Received(pbx, event string, taken bool) {
	took := "false"
	if taken {
		took = "true"
	}
	m.received.WithLabelValues(pbx, event, took).Inc()
}

// Dropped implements engine.Observer.
func (m *metrics) Dropped(pbx string, n int) {
	m.dropped.WithLabelValues(pbx).Add(float64(n))
}

// Wrote implements engine.Observer.
func (m *metrics) Wrote(took time.Duration, err error) {
	if err != nil {
		m.failures.Inc()
		return
	}
	m.writes.Observe(took.Seconds())
}

// states gives how a daemon is at the moment.
type states struct{ daemon reporter }

var (
	serialState    = stateDesc("configuration_serial", "Serial of the configuration that the daemon goes by; 0: none.")
	readyState     = stateDesc("ready", "Whether the daemon goes by a configuration and can write the state.")
	problemState   = stateDesc("problem", "Whether the newest configuration cannot be taken, or the state cannot be written.")
	jobsState      = stateDesc("jobs", "Jobs of the configuration that the daemon goes by.")
	schedulesState = stateDesc("schedules", "Schedule triggers that will be due.")
	turnState      = stateDesc("last_turn_timestamp_seconds", "When the daemon has last looked at the clock, in Unix time.")
	waitingState   = stateDesc("deliveries_waiting", "Deliveries that wait to be sent.", "pbx")
	heldState      = stateDesc("deliveries_held", "Deliveries that wait to be sent and whose window is closed.", "pbx")
	flyingState    = stateDesc("deliveries_in_flight", "Deliveries that were sent and are not answered.", "pbx")
	connectedState = stateDesc("ami_connected", "Whether the AMI connection is up: send is for actions, events for events, where triggers want some.", "pbx", "connection")
)

func stateDesc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("notifyrun_"+name, help, labels, nil)
}

// Describe implements prometheus.Collector.
func (s *states) Describe(all chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		serialState, readyState, problemState, jobsState, schedulesState, turnState, waitingState, heldState, flyingState, connectedState,
	} {
		all <- d
	}
}

// Collect implements prometheus.Collector.
func (s *states) Collect(all chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		all <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	truth := func(b bool) float64 {
		if b {
			return 1
		}
		return 0
	}
	now := s.daemon.Now()
	gauge(serialState, float64(now.Serial))
	gauge(readyState, truth(now.Ready))
	gauge(problemState, truth(now.Problem != ""))
	gauge(jobsState, float64(now.Jobs))
	gauge(schedulesState, float64(now.Due))
	gauge(turnState, float64(s.daemon.Alive().UnixMilli())/1000)
	for _, l := range now.Lanes {
		gauge(waitingState, float64(l.Waiting), l.PBX)
		gauge(heldState, float64(l.Held), l.PBX)
		gauge(flyingState, float64(l.InFlight), l.PBX)
		gauge(connectedState, truth(l.Sending), l.PBX, "send")
		if l.Listens {
			gauge(connectedState, truth(l.Events), l.PBX, "events")
		}
	}
}
