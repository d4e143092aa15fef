package main

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/notifyrun/notifyrun/engine"
)

// TestWritePlanJSON wants in one line all that a plan has: each delivery, and
// each message once.
func TestWritePlanJSON(t *testing.T) {
	left := func(job, target string) engine.Outcome {
		if strings.HasSuffix(target, "7") {
			return engine.Pending
		}
		return engine.Accepted
	}
	nothing := &engine.State{}
	for name, p := range map[string]*engine.Plan{
		"nothing":            planOf(t, hq, nothing),
		"instances":          planOf(t, sites(3, "1.2.3", reboot), nothing),
		"all messages":       planOf(t, lamps(300, "<&>\u2028.example.net"), nothing),
		"open runs go on":    planOf(t, sites(20, "1.2.3", reboot), applied(planOf(t, sites(20, "1.2.3", reboot), nothing), left)),
		"removed, and event": planOf(t, hq+extraJobs, applied(planOf(t, sites(3, "1.2.3", reboot), nothing), nil)),
	} {
		t.Run(name, func(t *testing.T) {
			var b strings.Builder
			if err := writePlanJSON(&b, p, nil, []diagnosticJSON{}); err != nil {
				t.Fatal(err)
			}
			if n := strings.Count(b.String(), "\n"); n != 1 || !strings.HasSuffix(b.String(), "}\n") {
				t.Errorf("%d line ends", n)
			}
			var got planJSON
			dec := json.NewDecoder(strings.NewReader(b.String()))
			dec.DisallowUnknownFields()
			if err := dec.Decode(&got); err != nil {
				t.Fatal(err)
			}
			if len(got.Jobs) != len(p.Jobs) || got.Summary != p.Counts() {
				t.Fatalf("%d jobs and %+v, want %d and %+v", len(got.Jobs), got.Summary, len(p.Jobs), p.Counts())
			}
			sum := 0
			for i, jp := range p.Jobs {
				want := newJobJSON(jp)
				if jp.Fire != nil {
					for _, d := range jp.Fire.Deliveries {
						want.Fire.Deliveries = append(want.Fire.Deliveries, deliveryJSON{d.Target, d.Message, d.Revision})
					}
					for _, m := range jp.Messages() {
						want.Fire.Messages[m.Digest] = m.Text
					}
					sum += len(jp.Fire.Deliveries)
					for _, d := range got.Jobs[i].Fire.Deliveries {
						if got.Jobs[i].Fire.Messages[d.Message] == nil {
							t.Errorf("there is no message %s", d.Message)
						}
					}
				}
				for _, r := range jp.Resume {
					sum += len(r.Deliveries)
				}
				text := func(j jobJSON) any {
					b, err := json.Marshal(j)
					if err != nil {
						t.Fatal(err)
					}
					var v any
					if err := json.Unmarshal(b, &v); err != nil {
						t.Fatal(err)
					}
					return v
				}
				if diff := cmp.Diff(text(want), text(got.Jobs[i])); diff != "" {
					t.Errorf("%s (-want +got):\n%s", jp.Address, diff)
				}
			}
			through := 0
			for _, l := range got.Through {
				through += l.Deliveries
				if l.Seconds*l.RateLimit != float64(l.Deliveries) {
					t.Errorf("%+v", l)
				}
			}
			if through != sum {
				t.Errorf("%d deliveries through all PBXs, want %d", through, sum)
			}
		})
	}
}

// A text in a job is never taken for a place where a list begins.
func TestJSONPieces_before(t *testing.T) {
	var b strings.Builder
	j := newJSONPieces(&b)
	rest := j.before(jobJSON{Address: `x["\"deliveries\":["]`, Fire: &fireJSON{Cause: engine.Cause{Detail: `"deliveries":[`}, Deliveries: []deliveryJSON{}, Messages: map[string]json.RawMessage{}}}, `"deliveries":[`)
	j.value("HERE")
	j.text(rest)
	if err := j.w.Flush(); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Fire map[string]any
	}
	if err := json.Unmarshal([]byte(b.String()), &got); err != nil {
		t.Fatalf("%v: %s", err, b.String())
	}
	if diff := cmp.Diff(map[string]any{"cause": map[string]any{"kind": "", "detail": `"deliveries":[`}, "deliveries": []any{"HERE"}, "messages": map[string]any{}}, maps.Clone(got.Fire)); diff != "" {
		t.Error(diff)
	}
}
