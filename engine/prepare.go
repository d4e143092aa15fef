package engine

import (
	"maps"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/hcl/v2"
	"github.com/oklog/ulid/v2"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/schema"
)

// prepared is all that is known of what a job would send.
type prepared struct {
	first     Sent     // what the first target would get
	messages  []string // digest of each target's message, in the order of the targets
	revisions []string // of the change trigger, likewise; nil without one

	// By the place of the target:
	skip    map[int]string             // why it is left out; its message and revision are ""
	presets map[int][]schema.PresetUse // that its message was made of
}

// atOnce is how many targets are prepared by one goroutine in a row.
const atOnce = 256

// prepareJob evaluates and checks the message of each target, on all processors
// if they are many. A user event is prepared as one delivery whose target is the
// PBX.
func prepareJob(j *schema.Job) (prepared, hcl.Diagnostics) {
	if j.Type == schema.UserEvent {
		return prepareEvent(j)
	}
	p := prepared{messages: make([]string, len(j.Targets))}
	if changeTrigger(j) != nil && len(j.Targets) > 0 {
		p.revisions = make([]string, len(j.Targets))
	}
	parts := make([]preparedPart, (len(j.Targets)+atOnce-1)/atOnce)
	var stopped atomic.Int64 // the first part that could not go on; those behind it are for nothing
	stopped.Store(int64(len(parts)))
	inParallel(len(parts), func(i int) {
		if int64(i) > stopped.Load() {
			return
		}
		from, to := i*atOnce, min((i+1)*atOnce, len(j.Targets))
		parts[i].prepare(j, p, from, to)
		for before := stopped.Load(); parts[i].n < to-from && int64(i) < before; before = stopped.Load() {
			stopped.CompareAndSwap(before, int64(i))
		}
	})
	var diags hcl.Diagnostics
	problems := problems{job: j}
	var strange strangers
	n := 0
	for i := range parts {
		if p.first.Action == "" {
			p.first = parts[i].first
		}
		strange.join(parts[i].strange)
		p.skip, p.presets = merged(p.skip, parts[i].skip), merged(p.presets, parts[i].presets)
		n += parts[i].n
		diags = append(diags, parts[i].diags...)
		problems.join(parts[i].problems)
		if int64(i) == stopped.Load() {
			break
		}
	}
	p.messages = p.messages[:n]
	if p.revisions != nil {
		p.revisions = p.revisions[:n]
	}
	if n == 0 {
		p.revisions = nil
	}
	return p, slices.Concat(diags, strange.diagnostics(j), problems.diagnostics())
}

// merged adds what is known of some targets to what is known of others.
func merged[V any](all, some map[int]V) map[int]V {
	if len(all) == 0 {
		return some
	}
	maps.Copy(all, some)
	return all
}

// forNobodyYet reports what Asterisk would refuse of the message of a job whose
// targets are not known, or that has none at present: what it refuses whoever
// they will be.
func forNobodyYet(j *schema.Job) hcl.Diagnostics {
	if len(j.Targets) > 0 {
		return nil
	}
	m := toAnybody(j)
	if m == nil {
		return nil // the loader has reported it, or it is not known either
	}
	found := map[schema.TargetTech]problems{}
	for _, tech := range []schema.TargetTech{schema.TechPJSIP, schema.TechSIP} {
		of := problems{job: j}
		of.add(nil, notifyAction(schema.Target{Tech: tech, Name: "x"}, m).Check())
		found[tech] = of
	}
	all := found[schema.TechPJSIP]
	switch pjsipAlone := !m.Option.IsEmpty() || !m.Channel.IsEmpty(); {
	case pjsipAlone:
	case !m.CallID.IsEmpty():
		all = found[schema.TechSIP]
	default:
		all.order = slices.DeleteFunc(all.order, func(k problem) bool { return found[schema.TechSIP].count[k] == 0 })
	}
	return all.diagnostics()
}

// toAnybody is the message of a job that is the same whoever gets it; nil where it
// is not, or is not known.
func toAnybody(j *schema.Job) *schema.Message {
	if j.Type != schema.SIPNotify || j.MessageVaries() {
		return nil
	}
	m, diags := j.Message(schema.Target{Tech: schema.TechPJSIP, Name: "x"})
	if m == nil || diags.HasErrors() || m.Unknown() {
		return nil
	}
	return m
}

// preparedPart is what comes of some targets in a row.
type preparedPart struct {
	n        int // how many could be prepared
	first    Sent
	diags    hcl.Diagnostics
	problems problems
	strange  strangers
	skip     map[int]string
	presets  map[int][]schema.PresetUse
}

// leave has a target left out.
func (part *preparedPart) leave(i int, reason string) {
	if part.skip == nil {
		part.skip = map[int]string{}
	}
	part.skip[i] = reason
	part.n++
}

// prepare fills in the messages and the revisions of the targets of one part. It
// ends before a target whose message cannot be evaluated, or is not known yet.
func (part *preparedPart) prepare(j *schema.Job, p prepared, from, to int) {
	trigger := changeTrigger(j)
	part.problems.job = j
	live := len(j.TargetsData()) > 0
	var last *schema.Message
	var lastDigest, before, own string
	var fine map[schema.TargetTech]bool // with this message
	for i := from; i < to; i++ {
		t := j.Targets[i]
		m, more := j.Message(t)
		if reason, ok := schema.Stranger(more); ok && j.UnknownPhone == schema.UnknownSkipped {
			part.leave(i, UnknownPhone+": "+reason)
			continue
		} else if ok {
			part.strange.add(t, reason, more)
			part.n++
			continue
		}
		part.diags = append(part.diags, more...)
		if m == nil || more.HasErrors() || m.Unknown() {
			return
		}
		if m != last {
			last, lastDigest = m, m.Digest()
			fine = nil
		}
		if alike := plain(t); !alike || !fine[t.Tech] {
			err := notifyAction(t, m).Check()
			if reason := oddContact(t, err); reason != "" && live {
				part.leave(i, reason)
				continue
			}
			if err != nil {
				part.problems.add(&j.Targets[i], err)
			} else if alike && !j.MessageVaries() {
				if fine == nil {
					fine = map[schema.TargetTech]bool{}
				}
				fine[t.Tech] = true
			}
		}
		if part.first.Action == "" {
			part.first = sentNotify(t, m)
		}
		if len(m.Presets) > 0 {
			if part.presets == nil {
				part.presets = map[int][]schema.PresetUse{}
			}
			part.presets[i] = m.Presets
		}
		p.messages[i] = lastDigest
		if trigger != nil {
			revision := lastDigest
			if !trigger.OfMessage {
				var more hcl.Diagnostics
				revision, more = j.Revision(t)
				part.diags = append(part.diags, more...)
				if more.HasErrors() {
					return
				}
			}
			if revision != before || own == "" { // most have the same
				before, own = revision, onPBX(j, revision)
			}
			p.revisions[i] = own
		}
		part.n++
	}
}

// oddContact says why a contact cannot be sent to, if that is because of its URI,
// which the phone has chosen; "" where it can, or something else is wrong.
func oddContact(t schema.Target, err error) string {
	if t.Contact == "" || err == nil {
		return ""
	}
	faults := fieldErrors(err)
	if len(faults) != 1 || faults[0].Field != amiclient.FieldTarget {
		return ""
	}
	return OddContact + ": " + faults[0].Reason
}

// plain tells whether nothing can be wrong with an action because of its target,
// if nothing is wrong with it for another plain one of the same channel driver.
func plain(t schema.Target) bool {
	if t.Tech == schema.TechURI || t.Contact != "" || len(t.Name) > 100 {
		return false
	}
	for i := range len(t.Name) {
		b := t.Name[i]
		if !('a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9' || b == '-' || b == '_' || b == '.') {
			return false
		}
	}
	return t.Name != ""
}

func prepareEvent(j *schema.Job) (prepared, hcl.Diagnostics) {
	var p prepared
	problems := problems{job: j}
	e, diags := j.Event()
	if e == nil || diags.HasErrors() {
		return p, diags
	}
	if e.Unknown() {
		problems.add(nil, channelOf(e))
		return p, append(diags, problems.diagnostics()...)
	}
	problems.add(nil, eventAction(e, ActionID(ulid.Zero.String(), 0, 1)).Check())
	p.first = sentEvent(j, e)
	p.messages = []string{e.Digest()}
	if changeTrigger(j) != nil {
		rev, more := j.Revision(schema.Target{})
		diags = append(diags, more...)
		p.revisions = []string{onPBX(j, rev)}
	}
	return p, append(diags, problems.diagnostics()...)
}

// inParallel calls f with the numbers from 0 to n-1, each processor taking the next.
func inParallel(n int, f func(i int)) { sideBySide(runtime.GOMAXPROCS(0), n, f) }

// sideBySide does so with that many goroutines.
func sideBySide(workers, n int, f func(i int)) {
	workers = min(workers, n)
	if workers < 2 {
		for i := range n {
			f(i)
		}
		return
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				f(i)
			}
		})
	}
	wg.Wait()
}
